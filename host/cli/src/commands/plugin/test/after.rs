//! How an environment's answers differ once effects of a plan have been performed.
//!
//! Only what Railway itself shows of an effect is followed: images, settings, variables and deployments. What a server answers
//! after it stays as it was.

use lockstep_engine::model::{
    Answer, Composed, Deployment, DeploymentStatus, Effect, Failure, Job, Kind, Label, Moment,
    Piece, Read, Reading, ServiceRef, Variable, VariableValue,
};

/// The effects that were performed, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct After {
    done: Vec<Effect>,
}

impl After {
    /// Performs one more.
    pub(super) fn perform(&mut self, effect: &Effect) {
        self.done.push(effect.clone());
    }

    /// Returns what is answered to a read now.
    pub(super) fn seen(&self, read: &Read, mut reading: Reading) -> Reading {
        for effect in &self.done {
            show(effect, read, &mut reading);
        }
        if let (Read::Deployments(service, limit), Reading::Deployments(all)) = (read, &mut reading)
        {
            let made = self.done.iter().filter(|effect| deploys(effect, service));
            for effect in made {
                all.insert(0, self.deployment(effect));
            }
            all.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
        }
        reading
    }

    /// Answers which deployment an effect made.
    pub(super) fn deployment_of(&self, label: &Label) -> Reading {
        let made = self.done.iter().find(|effect| effect.label == *label);
        let made = made.filter(|effect| matches!(effect.kind, Kind::Deploy { .. }));
        Reading::Deployment(made.map(|effect| self.deployment(effect)))
    }

    /// Answers how far an effect is: it is over as soon as it was performed.
    pub(super) fn progress(&self, label: &Label) -> Answer {
        let is_done = self.done.iter().any(|effect| effect.label == *label);
        let job = Job { finished: true, done: 1, total: 1, note: String::new(), facts: Vec::new() };
        Answer::Progressed(Ok::<_, Failure>(is_done.then_some(job)))
    }

    /// Returns the deployment that an effect made: it is up, with the image that was set last before it.
    fn deployment(&self, effect: &Effect) -> Deployment {
        let before = self.done.iter().take_while(|one| one.label != effect.label);
        let image = before
            .filter_map(|one| match (&one.kind, &effect.kind) {
                (Kind::SetImage { service, image }, Kind::Deploy { service: deployed, .. })
                    if service == deployed =>
                {
                    Some(image.clone())
                }
                _ => None,
            })
            .last();
        let digest =
            image.as_deref().and_then(|image| image.split_once('@')).map(|(_, it)| it.to_owned());
        Deployment {
            id: format!("made-by-{}", effect.label),
            status: DeploymentStatus::Success,
            created: Moment(1_000),
            changed: Moment(2_000),
            image,
            digest,
            can_roll_back: true,
            extra: Vec::new(),
        }
    }
}

fn deploys(effect: &Effect, wanted: &ServiceRef) -> bool {
    matches!(&effect.kind, Kind::Deploy { service, .. } if service == wanted)
}

/// Lets an answer show what an effect changed.
fn show(effect: &Effect, read: &Read, reading: &mut Reading) {
    match (&effect.kind, read, reading) {
        (Kind::SetImage { service: ServiceRef::Named(name), image }, _, Reading::Services(all)) => {
            for service in all.iter_mut().filter(|service| service.name == *name) {
                service.image = Some(image.clone());
            }
        }
        (
            Kind::SetSettings { service: ServiceRef::Named(name), settings },
            _,
            Reading::Services(all),
        ) => {
            for service in all.iter_mut().filter(|service| service.name == *name) {
                for (setting, value) in settings {
                    service.settings.retain(|(known, _)| known != setting);
                    if !value.is_empty() {
                        service.settings.push((setting.clone(), value.clone()));
                    }
                }
            }
        }
        (
            Kind::SetVariables { service, assignments },
            Read::Variables(asked),
            Reading::Variables(all),
        ) if service == asked => {
            for assignment in assignments {
                all.retain(|variable| variable.name != assignment.name);
                let value = text(&assignment.value).map_or(
                    VariableValue::Masked("set-by-the-plan".to_owned()),
                    VariableValue::Shown,
                );
                all.push(Variable { name: assignment.name.clone(), value });
            }
        }
        (
            Kind::DeleteVariables { service, names },
            Read::Variables(asked),
            Reading::Variables(all),
        ) if service == asked => {
            all.retain(|variable| !names.contains(&variable.name));
        }
        _ => {}
    }
}

/// Returns composed text, if all of it is literal.
fn text(composed: &Composed) -> Option<String> {
    let piece =
        |piece: &Piece| if let Piece::Text(text) = piece { Some(text.clone()) } else { None };
    composed.iter().map(piece).collect()
}
