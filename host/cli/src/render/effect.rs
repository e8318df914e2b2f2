//! Effects in the host's own words, so that an untrusted plugin can't describe one as something else.

use lockstep_engine::model::{
    Allowed, Assignment, Atomicity, Composed, DeploySource, Effect, Kind, Label, Message, Millis,
    Piece, Proof, Recipe, ServiceRef, Statement, Times,
};

use super::conversion::conversion;
use super::text::{exactly, tame};
use super::transfer::transfer;

/// Returns what an effect does.
pub(super) fn words(effect: &Effect) -> String {
    format!("{}{}", kind(&effect.kind), conditions(effect))
}

/// Returns how often an effect is performed, with which arguments, and how its fate is found out.
pub(super) fn conditions(effect: &Effect) -> String {
    let mut words = Vec::new();
    if let Times::AtMost(most) = effect.times {
        words.push(format!(", at most {most} times a round"));
    }
    for rule in &effect.rules {
        words.push(format!(" (argument `{}`: {})", tame(&rule.name), allowed(&rule.allowed)));
    }
    match &effect.proof {
        Proof::ByKind => {}
        Proof::Repeatable => words.push(" (sent again if its answer is lost)".to_owned()),
        Proof::Read(read) => {
            words.push(format!(
                " (if its answer is lost, this tells whether it happened: {})",
                tame(read)
            ));
        }
        Proof::Ask => words.push(" (if its answer is lost, a person is asked)".to_owned()),
    }
    words.concat()
}

/// Returns which values an argument may take.
fn allowed(allowed: &Allowed) -> String {
    match allowed {
        Allowed::Among(values) => format!("one of {}", tame(&format!("{values:?}"))),
        Allowed::Between(least, most) => format!("a number from {least} to {most}"),
        Allowed::Observed(fact, column) => {
            format!("what is found as `{}` (column {column}) when the step begins", tame(fact))
        }
        Allowed::GivenBy(label, fact) => {
            format!("what `{}` gave as `{}`", tame(label.as_str()), tame(fact))
        }
        Allowed::Any => "ANY value".to_owned(),
    }
}

/// Returns what a kind of effect does.
pub(crate) fn kind(kind: &Kind) -> String {
    match kind {
        Kind::SetVariables { service, assignments } => {
            format!("{}: set variables without a deploy: {}", name(service), set(assignments))
        }
        Kind::GenerateVariable { service, name: variable, recipe } => {
            let (Recipe::Hex(length) | Recipe::Alphanumeric(length) | Recipe::Base64(length)) =
                recipe;
            format!(
                "{}: set variable {} to a fresh secret of {length} characters if it is absent",
                name(service),
                tame(variable)
            )
        }
        Kind::DeleteVariables { service, names } => {
            format!(
                "{}: delete variables without a deploy: {}",
                name(service),
                tame(&names.join(", "))
            )
        }
        Kind::RestoreVariables { service, names } => {
            format!("{}: put back the kept values of {}", name(service), tame(&names.join(", ")))
        }
        Kind::ForgetVariables { service, names } => {
            format!(
                "{}: delete the former values that this run kept of {}, without a deploy",
                name(service),
                tame(&names.join(", "))
            )
        }
        Kind::SetImage { service, image } => format!("{}: image → {}", name(service), tame(image)),
        Kind::SetSettings { service, settings } => {
            let lines: Vec<String> = settings
                .iter()
                .map(|(setting, value)| match value.as_str() {
                    "" => format!("unset {}", tame(setting)),
                    value => format!("{} = {}", tame(setting), tame(value)),
                })
                .collect();
            format!("{}: {}", name(service), lines.join(", "))
        }
        Kind::Deploy { service, source } => format!("{}: {}", name(service), deploy(source)),
        Kind::Restart { service } => format!("{}: restart", name(service)),
        Kind::Stop { service } => {
            format!("{}: stop (remove the running deployment)", name(service))
        }
        Kind::CreateService { name: new, image: from, assignments, .. }
        | Kind::CreateBuiltService { name: new, repository: from, assignments, .. } => {
            let variables = match assignments.as_slice() {
                [] => "no variables".to_owned(),
                some => set(some),
            };
            let built = matches!(kind, Kind::CreateBuiltService { .. });
            let what = if built { "repository " } else { "" };
            format!("create service {} from {what}{} with {variables}", tame(new), tame(from))
        }
        Kind::DeleteService { service } => delete(service),
        Kind::CreateVolume { service, mount } => {
            format!("{}: create a volume at {}", name(service), tame(mount))
        }
        Kind::SetMount { service, mount } => {
            format!("{}: mount the volume at {}", name(service), tame(mount))
        }
        Kind::DeleteVolume { service } => format!("{}: DELETE the volume", name(service)),
        Kind::BackupVolume { service } => format!("{}: back up the volume", name(service)),
        Kind::LockBackup { backup_of } => format!("keep the backup of `{backup_of}` from expiring"),
        Kind::DeleteBackup { backup_of } => format!("delete the backup of `{backup_of}`"),
        Kind::RestoreVolume { service, backup_of } => restore(service, backup_of),
        Kind::StageConversion { root, wanted, moved } => conversion(root, wanted, moved).join("; "),
        Kind::StageRevert { converted_by } => revert(converted_by),
        Kind::CommitStaged { staged_by } => {
            format!("commit what `{staged_by}` staged, without a deploy")
        }
        Kind::DiscardStaged { staged_by } => format!("discard what `{staged_by}` staged"),
        Kind::RedisCommand { connection, words } => {
            let words: Vec<String> = words.iter().map(composed).collect();
            format!("redis `{}`: {}", tame(connection), words.join(" "))
        }
        Kind::SqlExecute { connection, statements, atomicity } => {
            let texts: Vec<String> = statements.iter().map(statement).collect();
            let how = match atomicity {
                Atomicity::Transaction => "in one transaction",
                Atomicity::Alone => "outside any transaction",
            };
            format!("sql `{}` {how}: {}", tame(connection), texts.join("; "))
        }
        Kind::HoldWrites { connection, schemas, max_outage, lock_timeout } => {
            hold(connection, schemas, *max_outage, *lock_timeout)
        }
        Kind::ReleaseWrites { connection, hold } => {
            format!("sql `{}`: let writes flow again that `{hold}` blocks", tame(connection))
        }
        Kind::Transfer(it) => transfer(it),
        Kind::HttpSend { endpoint, message } => {
            format!("http `{}`: {}", tame(endpoint), request(message))
        }
    }
}

/// A service that the plan made has no volume but one that is deleted by an effect of its own.
fn delete(service: &ServiceRef) -> String {
    let volume = match service {
        ServiceRef::Named(_) => "; its volume is detached before, and stays",
        ServiceRef::Made(_) => "",
    };
    format!("{}: DELETE the service{volume}", name(service))
}

fn restore(service: &ServiceRef, backup_of: &Label) -> String {
    format!("{}: restore the backup of `{backup_of}` to a fresh volume (staged)", name(service))
}

fn revert(converted_by: &Label) -> String {
    format!(
        "take back what `{converted_by}` made of a service: DELETE the services of its cluster with their volumes (staged)"
    )
}

fn deploy(source: &DeploySource) -> String {
    match source {
        DeploySource::Configured => "deploy as configured".to_owned(),
        DeploySource::SameImage => "deploy the running image again".to_owned(),
        DeploySource::Commit(commit) => format!("deploy commit {}", tame(commit)),
    }
}

fn hold(connection: &str, schemas: &[String], longest: Millis, lock_timeout: Millis) -> String {
    format!(
        "sql `{}`: block writes to every table of {}: writes wait for at most {}; the server lifts the block by itself (each \
         table is waited for at most {})",
        tame(connection),
        tame(&schemas.join(", ")),
        exactly(longest),
        exactly(lock_timeout)
    )
}

fn set(assignments: &[Assignment]) -> String {
    let lines: Vec<String> = assignments
        .iter()
        .map(|assignment| format!("{} = {}", tame(&assignment.name), composed(&assignment.value)))
        .collect();
    lines.join(", ")
}

fn request(message: &Message) -> String {
    let mut words = vec![tame(&message.method), composed(&message.path)];
    for (header, value) in &message.headers {
        words.push(format!("[{}: {}]", tame(header), composed(value)));
    }
    if !message.body.is_empty() {
        words.push(format!("with body {}", composed(&message.body)));
    }
    words.join(" ")
}

fn statement(statement: &Statement) -> String {
    let text = composed(&statement.text);
    statement.affects.map_or_else(
        || text.clone(),
        |rows| format!("{text} (changes {} to {} rows)", rows.at_least, rows.at_most),
    )
}

/// Returns the service's name.
pub(super) fn name(service: &ServiceRef) -> String {
    let (ServiceRef::Named(name) | ServiceRef::Made(name)) = service;
    tame(name)
}

/// Returns composed text with every secret as `***`.
pub(super) fn composed(text: &Composed) -> String {
    text.iter()
        .map(|piece| match piece {
            Piece::Text(text) => tame(text),
            Piece::Secret(secret) => format!("*** (secret `{}`)", tame(secret)),
            Piece::Conninfo(peer) => {
                format!(
                    "*** (connection `{}` as {} sees it)",
                    tame(&peer.connection),
                    name(&peer.seen_by)
                )
            }
            Piece::Reference(service, variable) => {
                format!("${{{{{}.{}}}}}", name(service), tame(variable))
            }
            Piece::Argument(argument) => format!("<{}>", tame(argument)),
        })
        .collect()
}
