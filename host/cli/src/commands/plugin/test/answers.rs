//! What a plugin's reads are answered: as a file has it, or as an environment answers them the first time.

use std::collections::BTreeMap;
use std::path::Path;

use lockstep_drivers::Drivers;
use lockstep_engine::model::{Failure, HttpMethod, Read, Reading, ServiceRef};
use lockstep_engine::run::World as _;
use serde::{Deserialize, Serialize};

use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;

/// The version of the file.
const VERSION: u32 = 1;

/// An answer, as the file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Found(Reading),
    Failed(Failure),
}

/// The file: what was asked, in words, and what was answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    lockstep_answers: u32,
    answers: BTreeMap<String, Kept>,
}

/// Answers that stay the same however often they are asked for.
pub(super) struct Answers<'a> {
    kept: BTreeMap<String, Kept>,
    /// Who answers what was not asked yet.
    live: Option<&'a Drivers>,
}

impl<'a> Answers<'a> {
    /// Returns answers that an environment gives. It is read once for each question, and never changed.
    pub(super) fn live(drivers: &'a Drivers) -> Self {
        Self { kept: BTreeMap::new(), live: Some(drivers) }
    }

    /// Reads answers from a file.
    ///
    /// # Errors
    /// It can't be read, or is none that this version wrote.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let about = || format!("could not read the answers `{}`", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| {
            CliError::new(Exit::Usage, anyhow::Error::new(error).context(about()))
        })?;
        let file: File = serde_json::from_str(&text).map_err(|error| {
            CliError::new(Exit::Usage, anyhow::Error::new(error).context(about()))
                .hint("`lockstep plugin test FILE -e lab --record ANSWERS` writes such a file")
        })?;
        if file.lockstep_answers != VERSION {
            let words =
                format!("`{}` has answers of version {}", path.display(), file.lockstep_answers);
            return Err(CliError::words(Exit::Usage, words)
                .hint(format!("this Lockstep reads version {VERSION}: record them again")));
        }
        Ok(Self { kept: file.answers, live: None })
    }

    /// Writes everything that was answered to a file.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn write(&self, path: &Path) -> Result<(), CliError> {
        let file = File { lockstep_answers: VERSION, answers: self.kept.clone() };
        let text = serde_json::to_string_pretty(&file).or_exit(Exit::Failed)?;
        std::fs::write(path, text + "\n").map_err(|error| {
            let words = format!("could not write the answers `{}`", path.display());
            CliError::new(Exit::Failed, anyhow::Error::new(error).context(words))
        })
    }

    /// Answers a read.
    pub(super) async fn to(&mut self, read: &Read) -> Result<Reading, Failure> {
        let asked = words(read);
        if let Some(kept) = self.kept.get(&asked) {
            return match kept.clone() {
                Kept::Found(reading) => Ok(reading),
                Kept::Failed(failure) => Err(failure),
            };
        }
        let Some(drivers) = self.live else {
            let message = format!("the answers that were recorded have none to `{asked}`");
            return Err(Failure::permanent("test:unanswered", message));
        };
        let answer = drivers.read(read).await;
        let kept = answer.clone().map_or_else(Kept::Failed, Kept::Found);
        self.kept.insert(asked, kept);
        answer
    }
}

/// Returns a read in words that no other read has.
pub(super) fn words(read: &Read) -> String {
    let name = |service: &ServiceRef| match service {
        ServiceRef::Named(name) => name.clone(),
        ServiceRef::Made(alias) => format!("made:{alias}"),
    };
    match read {
        Read::Services => "services".to_owned(),
        Read::Variables(service) => format!("variables {}", name(service)),
        Read::Destination(service, variable) => format!("destination {} {variable}", name(service)),
        Read::Deployments(service, limit) => format!("deployments {} {limit}", name(service)),
        Read::Deployment(id) => format!("deployment {id}"),
        // A moment in it is that of the call, and would never be asked for again.
        Read::Logs(service, _, filter, limit) => format!("logs {} {limit} {filter}", name(service)),
        Read::Traffic(service, ..) => format!("traffic {}", name(service)),
        Read::Backups(service) => format!("backups {}", name(service)),
        Read::Staged => "staged".to_owned(),
        Read::Published(image) => format!("published {image}"),
        Read::Template(code) => format!("template {code}"),
        Read::Redis(connection, command) => {
            let words: Vec<_> =
                command.iter().map(|word| word.escape_ascii().to_string()).collect();
            format!("redis {connection} {}", words.join(" "))
        }
        Read::Keyspace(connection, sample, content) => {
            format!("keyspace {connection} {sample} {content}")
        }
        Read::Sql(connection, statement, parameters) if parameters.is_empty() => {
            format!("sql {connection} {statement}")
        }
        Read::Sql(connection, statement, parameters) => {
            format!("sql {connection} {statement} {parameters:?}")
        }
        Read::Http(HttpMethod::Get, request) => {
            format!("get {} {}", request.endpoint, request.path)
        }
        Read::Http(HttpMethod::Head, request) => {
            format!("head {} {}", request.endpoint, request.path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_engine::model::{Node, Response};

    #[test]
    fn what_was_answered_is_answered_again_from_the_file() {
        let folder = std::env::temp_dir().join(format!("lockstep-answers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("answers.json");
        let http = Response { status: 200, headers: Vec::new(), body: vec![0xff, 0] };
        let redis = vec![Node::Text(b"PONG".to_vec()), Node::Real(f64::INFINITY)];
        let failure = Failure::transient("redis:loading", "it loads");
        let kept = BTreeMap::from([
            ("get minio /".to_owned(), Kept::Found(Reading::Http(http))),
            ("redis redis PING".to_owned(), Kept::Found(Reading::Redis(redis))),
            ("services".to_owned(), Kept::Failed(failure)),
        ]);
        let answers = Answers { kept, live: None };
        answers.write(&path).unwrap();
        let read = Answers::read(&path).unwrap();
        assert_eq!(read.kept, answers.kept);

        std::fs::write(&path, "{\"lockstep_answers\":2,\"answers\":{}}").unwrap();
        assert_eq!(Answers::read(&path).err().unwrap().exit, Exit::Usage);
        std::fs::write(&path, "{\"lockstep_answers\":1,\"answers\":{},\"more\":1}").unwrap();
        assert_eq!(Answers::read(&path).err().unwrap().exit, Exit::Usage);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
