//! What really stands at the far side: services as configured and as running, and counters of a server.

use std::collections::BTreeMap;

use lockstep_engine::journal::Standing;
use lockstep_engine::model::{Effect, Failure, Kind, Piece, ServiceRef};

/// Values by name, as a `Standing` writes them.
type Values = BTreeMap<String, String>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FarSide {
    /// What each service is configured with.
    pub(crate) configured: BTreeMap<String, Values>,
    /// What each service runs with; none while it is stopped.
    pub(crate) running: BTreeMap<String, Option<Values>>,
    /// Which service runs what is behind a connection, where it matters that it does.
    pub(crate) serves: BTreeMap<String, String>,
    /// Masked values that the host keeps beside what overwrote them.
    pub(crate) kept: BTreeMap<(String, String), String>,
    /// What commands count.
    pub(crate) counters: BTreeMap<String, i64>,
}

impl FarSide {
    pub(crate) fn with(services: &[(&str, &[(&str, &str)])]) -> Self {
        let mut far = Self::default();
        for (name, values) in services {
            let values: Values =
                values.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            far.configured.insert((*name).into(), values.clone());
            far.running.insert((*name).into(), Some(values));
        }
        far
    }

    /// Returns what people see of it: everything but the values that the host keeps.
    pub(crate) fn seen(&self) -> Self {
        Self { kept: BTreeMap::new(), ..self.clone() }
    }

    /// Says that a service runs what is behind a connection.
    pub(crate) fn serving(mut self, connection: &str, service: &str) -> Self {
        self.serves.insert(connection.to_owned(), service.to_owned());
        self
    }

    /// Returns why nobody answers behind a connection, if nobody does.
    pub(crate) fn unreachable(&self, connection: &str) -> Option<Failure> {
        let service = self.serves.get(connection)?;
        let stopped = self.running.get(service).is_none_or(Option::is_none);
        stopped.then(|| Failure::transient("net:refused", format!("`{service}` does not run")))
    }

    /// Returns what is configured under a name.
    pub(crate) fn setting(&self, service: &str, setting: &str) -> Option<String> {
        self.configured.get(service)?.get(setting).cloned()
    }

    pub(crate) fn standing(&self, effect: &Effect) -> Standing {
        let Some(service) = effect.kind.service() else { return Standing::new() };
        let values = self.configured.get(name(service)).cloned().unwrap_or_default();
        let names: Vec<String> = match &effect.kind {
            Kind::SetImage { .. } => vec!["image".to_owned()],
            Kind::Deploy { .. } => vec!["image".to_owned(), "start-command".to_owned()],
            Kind::SetMount { .. } => vec!["mount".to_owned()],
            Kind::SetSettings { settings, .. } => {
                settings.iter().map(|(name, _)| name.clone()).collect()
            }
            Kind::SetVariables { assignments, .. } => {
                assignments.iter().map(|assignment| assignment.name.clone()).collect()
            }
            Kind::DeleteVariables { names, .. } | Kind::RestoreVariables { names, .. } => {
                names.clone()
            }
            Kind::GenerateVariable { name, .. } => vec![name.clone()],
            Kind::ForgetVariables { .. }
            | Kind::Restart { .. }
            | Kind::Stop { .. }
            | Kind::CreateService { .. }
            | Kind::CreateBuiltService { .. }
            | Kind::DeleteService { .. }
            | Kind::CreateVolume { .. }
            | Kind::DeleteVolume { .. }
            | Kind::BackupVolume { .. }
            | Kind::LockBackup { .. }
            | Kind::DeleteBackup { .. }
            | Kind::RestoreVolume { .. }
            | Kind::StageConversion { .. }
            | Kind::StageRevert { .. }
            | Kind::CommitStaged { .. }
            | Kind::DiscardStaged { .. }
            | Kind::RedisCommand { .. }
            | Kind::SqlExecute { .. }
            | Kind::HoldWrites { .. }
            | Kind::ReleaseWrites { .. }
            | Kind::Transfer(_)
            | Kind::HttpSend { .. } => Vec::new(),
        };
        names.into_iter().map(|name| (name.clone(), values.get(&name).cloned())).collect()
    }

    /// Does what the effect says, once. What an undo overwrites is the run's own, and is not kept.
    pub(crate) fn perform(&mut self, effect: &Effect, undo: bool) {
        let kept = self.kept.clone();
        self.change(effect);
        let adds =
            !matches!(effect.kind, Kind::RestoreVariables { .. } | Kind::ForgetVariables { .. });
        if undo && adds {
            self.kept = kept;
        }
    }

    fn change(&mut self, effect: &Effect) {
        match &effect.kind {
            Kind::SetImage { service, image } => {
                self.of(service).insert("image".to_owned(), image.clone());
            }
            Kind::SetMount { service, mount } => {
                self.of(service).insert("mount".to_owned(), mount.clone());
            }
            Kind::SetSettings { service, settings } => {
                for (name, value) in settings {
                    self.put(service, name, Some(value.clone()).filter(|value| !value.is_empty()));
                }
            }
            Kind::SetVariables { service, assignments } => {
                for assignment in assignments {
                    let value = written(&assignment.value);
                    self.put(service, &assignment.name, Some(value));
                }
            }
            Kind::DeleteVariables { service, names } => {
                for name in names {
                    self.put(service, name, None);
                }
            }
            Kind::RestoreVariables { service, names } => {
                for variable in names {
                    let key = (name(service).to_owned(), variable.clone());
                    let value = self.kept.remove(&key).expect("a kept value");
                    self.of(service).insert(variable.clone(), value);
                }
            }
            Kind::ForgetVariables { service, names } => {
                let service = name(service);
                self.kept.retain(|(of, variable), _| of != service || !names.contains(variable));
            }
            Kind::GenerateVariable { service, name, .. } => {
                let value = format!("print:generated-{}", effect.label);
                self.of(service).entry(name.clone()).or_insert(value);
            }
            Kind::Deploy { service, .. } => {
                let values = self.of(service).clone();
                self.running.insert(name(service).to_owned(), Some(values));
            }
            Kind::Stop { service } => {
                self.running.insert(name(service).to_owned(), None);
            }
            Kind::CreateService { alias, image, .. } => {
                let values = Values::from([("image".to_owned(), image.clone())]);
                self.configured.insert(alias.clone(), values);
            }
            Kind::CreateBuiltService { alias, repository, .. } => {
                let values = Values::from([("repository".to_owned(), repository.clone())]);
                self.configured.insert(alias.clone(), values);
            }
            Kind::DeleteService { service } => {
                self.configured.remove(name(service));
                self.running.remove(name(service));
            }
            Kind::RedisCommand { words, .. } => {
                self.count(&words.iter().map(|word| written(word)).collect::<Vec<_>>());
            }
            // What a statement changes is not looked at, and blocks on writes are kept elsewhere.
            Kind::SqlExecute { .. }
            | Kind::HoldWrites { .. }
            | Kind::ReleaseWrites { .. }
            | Kind::Transfer(_) => {}
            Kind::Restart { .. }
            | Kind::CreateVolume { .. }
            | Kind::DeleteVolume { .. }
            | Kind::BackupVolume { .. }
            | Kind::LockBackup { .. }
            | Kind::DeleteBackup { .. }
            | Kind::RestoreVolume { .. }
            | Kind::StageConversion { .. }
            | Kind::StageRevert { .. }
            | Kind::CommitStaged { .. }
            | Kind::DiscardStaged { .. }
            | Kind::HttpSend { .. } => {
                panic!("the fake far side can't `{}`", effect.kind.function())
            }
        }
    }

    fn count(&mut self, words: &[String]) {
        match words {
            // The place of the canaries, which are kept elsewhere.
            [verb, _] if verb == "text:DEL" => {}
            [verb, _, _] if verb == "text:SET" => {}
            [verb, key] if verb == "text:INCR" => {
                *self.counters.entry(key.clone()).or_insert(0) += 1;
            }
            [verb, key] if verb == "text:RESET" => {
                self.counters.remove(key);
            }
            words => panic!("the fake server does not know {words:?}"),
        }
    }

    fn put(&mut self, service: &ServiceRef, variable: &str, value: Option<String>) {
        let values = self.of(service);
        let before = values.remove(variable);
        if let Some(value) = value {
            values.insert(variable.to_owned(), value);
        }
        if let Some(before) = before.filter(|before| before.starts_with("print:")) {
            // What a run has kept already is what stood there before the run.
            let key = (name(service).to_owned(), variable.to_owned());
            self.kept.entry(key).or_insert(before);
        }
    }

    fn of(&mut self, service: &ServiceRef) -> &mut Values {
        self.configured.get_mut(name(service)).expect("a service of the environment")
    }
}

fn name(service: &ServiceRef) -> &str {
    let (ServiceRef::Named(name) | ServiceRef::Made(name)) = service;
    name
}

fn written(value: &[Piece]) -> String {
    let mut text = String::from("text:");
    for piece in value {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Secret(secret) => return format!("print:{secret}"),
            Piece::Conninfo(_) | Piece::Reference(..) | Piece::Argument(_) => {
                panic!("the fake far side can't write {piece:?}")
            }
        }
    }
    text
}
