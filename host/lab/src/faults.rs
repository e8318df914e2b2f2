//! Faults to inject: what goes wrong with Railway, with its API, and with what it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::registry::Image;
use crate::stand_in::MigrationFault;

/// Something that is to go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// New deployments of this image never get healthy: their process is frozen (SIGSTOP) once started,
    /// so it holds its port and answers nothing.
    Unhealthy {
        /// `repository` or `repository:tag` or `repository@digest`.
        image: String,
    },
    /// Requests are answered with HTTP 401.
    Unauthorized {
        /// How many requests; the rest is answered as ever. Nothing means all.
        times: Option<u32>,
    },
    /// Requests are answered with HTTP 429 and `Retry-After`.
    TooManyRequests {
        /// How many requests; nothing means all.
        times: Option<u32>,
        /// The seconds in `Retry-After`.
        retry_after: u32,
    },
    /// Requests are answered with HTTP 504 and no body, and nothing is done.
    GatewayTimeout {
        /// How many requests; nothing means all.
        times: Option<u32>,
    },
    /// A mutation is carried out and its connection then cut without a reply.
    DropReply {
        /// The mutation's name; nothing means any.
        mutation: Option<String>,
        /// Which one from now on, counted from 1.
        nth: u32,
    },
    /// Every answer is held back.
    Slow {
        /// For how long.
        milliseconds: u64,
    },
    /// Connections to the API are cut at once.
    Down,
    /// The process of a service is frozen (SIGSTOP): it holds its port and answers nothing until faults are mended.
    Frozen {
        /// The service's name.
        service: String,
    },
    /// The process of a service is killed (SIGKILL), once. What becomes of it then is its restart policy's.
    Killed {
        /// The service's name.
        service: String,
    },
    /// One service is out of another one's reach: processes of `from` that are started from now on find nobody where `service` is.
    Unreachable {
        /// The name of the service that is out of reach.
        service: String,
        /// The name of the service that can't reach it.
        from: String,
    },
    /// Migrations of LiteLLM drop Langfuse's table, in jobs that are started from now on.
    DropsForeign,
    /// A migration of Langfuse goes wrong, in processes that are started from now on.
    LangfuseMigration {
        /// How.
        how: MigrationFault,
    },
    /// Another fault, from the moment at which a mutation was carried out and answered.
    After {
        /// The mutation's name.
        mutation: String,
        /// Which one from now on, counted from 1.
        nth: u32,
        /// The other fault.
        then: Box<Self>,
    },
}

/// What is to become of a request, before anything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Usual,
    Unauthorized,
    TooManyRequests { retry_after: u32 },
    GatewayTimeout,
    Cut,
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn all(&self) -> &[Fault] {
        &self.0
    }

    /// Decides about one request to the API, and counts it.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = Answer::Usual;
        for fault in &mut self.0 {
            let (times, this) = match fault {
                Fault::Down => return Answer::Cut,
                Fault::Unauthorized { times } => (times, Answer::Unauthorized),
                Fault::TooManyRequests { times, retry_after } => {
                    let this = Answer::TooManyRequests { retry_after: *retry_after };
                    (times, this)
                }
                Fault::GatewayTimeout { times } => (times, Answer::GatewayTimeout),
                Fault::Unhealthy { .. }
                | Fault::DropReply { .. }
                | Fault::Slow { .. }
                | Fault::Frozen { .. }
                | Fault::Killed { .. }
                | Fault::Unreachable { .. }
                | Fault::DropsForeign
                | Fault::LangfuseMigration { .. }
                | Fault::After { .. } => continue,
            };
            match times {
                Some(0) => {}
                Some(left) => {
                    *left -= 1;
                    answer = this;
                    break;
                }
                None => {
                    answer = this;
                    break;
                }
            }
        }
        self.0.retain(|fault| {
            !matches!(
                fault,
                Fault::Unauthorized { times: Some(0) }
                    | Fault::TooManyRequests { times: Some(0), .. }
                    | Fault::GatewayTimeout { times: Some(0) }
            )
        });
        answer
    }

    /// Decides whether the reply to these mutations, which were carried out, is dropped.
    pub(crate) fn drops_reply(&mut self, mutations: &[String]) -> bool {
        let mut dropped = false;
        for name in mutations {
            for fault in &mut self.0 {
                if let Fault::DropReply { mutation, nth } = fault
                    && mutation.as_ref().is_none_or(|wanted| wanted == name)
                {
                    *nth = nth.saturating_sub(1);
                    dropped |= *nth == 0;
                }
            }
            self.0.retain(|fault| !matches!(fault, Fault::DropReply { nth: 0, .. }));
        }
        dropped
    }

    /// Lets begin what was to begin after these mutations, which were carried out.
    pub(crate) fn follow(&mut self, mutations: &[String]) {
        for name in mutations {
            let mut begun = Vec::new();
            for fault in &mut self.0 {
                if let Fault::After { mutation, nth, then } = fault
                    && mutation == name
                {
                    *nth = nth.saturating_sub(1);
                    if *nth == 0 {
                        begun.push((**then).clone());
                    }
                }
            }
            self.0.retain(|fault| !matches!(fault, Fault::After { nth: 0, .. }));
            self.0.extend(begun);
        }
    }

    /// Returns the services whose processes are to be frozen.
    pub(crate) fn frozen(&self) -> Vec<String> {
        let frozen = self.0.iter().filter_map(|fault| match fault {
            Fault::Frozen { service } => Some(service.clone()),
            Fault::Unhealthy { .. }
            | Fault::Unauthorized { .. }
            | Fault::TooManyRequests { .. }
            | Fault::GatewayTimeout { .. }
            | Fault::DropReply { .. }
            | Fault::Slow { .. }
            | Fault::Down
            | Fault::Killed { .. }
            | Fault::Unreachable { .. }
            | Fault::DropsForeign
            | Fault::LangfuseMigration { .. }
            | Fault::After { .. } => None,
        });
        frozen.collect()
    }

    /// Returns the services that `from` does not reach.
    pub(crate) fn unreachable(&self, from: &str) -> Vec<String> {
        let cut = self.0.iter().filter_map(|fault| {
            if let Fault::Unreachable { service, from: by } = fault
                && by == from
            {
                return Some(service.clone());
            }
            None
        });
        cut.collect()
    }

    /// Returns whether migrations of LiteLLM drop what is Langfuse's.
    pub(crate) fn drops_foreign(&self) -> bool {
        self.0.contains(&Fault::DropsForeign)
    }

    /// Returns how migrations of Langfuse go wrong.
    pub(crate) fn langfuse_migration(&self) -> Option<MigrationFault> {
        self.0.iter().find_map(|fault| {
            if let Fault::LangfuseMigration { how } = fault { Some(*how) } else { None }
        })
    }

    /// Takes the services whose processes are to be killed: that happens once.
    pub(crate) fn take_killed(&mut self) -> Vec<String> {
        let mut killed = Vec::new();
        self.0.retain(|fault| {
            if let Fault::Killed { service } = fault {
                killed.push(service.clone());
                return false;
            }
            true
        });
        killed
    }

    pub(crate) fn delay(&self) -> Duration {
        let held = self.0.iter().filter_map(|fault| match fault {
            Fault::Slow { milliseconds } => Some(Duration::from_millis(*milliseconds)),
            Fault::Unhealthy { .. }
            | Fault::Unauthorized { .. }
            | Fault::TooManyRequests { .. }
            | Fault::GatewayTimeout { .. }
            | Fault::DropReply { .. }
            | Fault::Down
            | Fault::Frozen { .. }
            | Fault::Killed { .. }
            | Fault::Unreachable { .. }
            | Fault::DropsForeign
            | Fault::LangfuseMigration { .. }
            | Fault::After { .. } => None,
        });
        held.sum()
    }

    /// Returns whether a deployment of `image`, which stands for `digest`, is to stay unhealthy.
    pub(crate) fn unhealthy(&self, image: &str, digest: Option<&str>) -> bool {
        let deployed = Image::parse(image);
        self.0.iter().any(|fault| match fault {
            Fault::Unhealthy { image: broken } => {
                let wanted = Image::parse(broken);
                let tagged = broken.rsplit('/').next().is_some_and(|last| last.contains(':'));
                wanted.repository == deployed.repository
                    && match &wanted.digest {
                        Some(wanted) => digest == Some(wanted),
                        None => !tagged || wanted.tag == deployed.tag,
                    }
            }
            Fault::Unauthorized { .. }
            | Fault::TooManyRequests { .. }
            | Fault::GatewayTimeout { .. }
            | Fault::DropReply { .. }
            | Fault::Slow { .. }
            | Fault::Down
            | Fault::Frozen { .. }
            | Fault::Killed { .. }
            | Fault::Unreachable { .. }
            | Fault::DropsForeign
            | Fault::LangfuseMigration { .. }
            | Fault::After { .. } => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_ends_by_itself() {
        let mut faults = Faults::default();
        faults.add(Fault::TooManyRequests { times: Some(1), retry_after: 3 });
        assert_eq!(faults.answer(), Answer::TooManyRequests { retry_after: 3 });
        assert_eq!(faults.answer(), Answer::Usual);
        assert!(faults.all().is_empty());
    }

    #[test]
    fn the_second_reply_of_a_mutation_is_dropped_once() {
        let mut faults = Faults::default();
        faults.add(Fault::DropReply { mutation: Some("variableUpsert".to_owned()), nth: 2 });
        let upsert = ["variableUpsert".to_owned()];
        assert!(!faults.drops_reply(&["serviceCreate".to_owned()]));
        assert!(!faults.drops_reply(&upsert));
        assert!(faults.drops_reply(&upsert));
        assert!(!faults.drops_reply(&upsert));
    }

    #[test]
    fn a_fault_begins_after_the_mutation_that_it_waits_for() {
        let mut faults = Faults::default();
        let then = Box::new(Fault::Down);
        faults.add(Fault::After { mutation: "variableUpsert".to_owned(), nth: 2, then });
        faults.follow(&["variableUpsert".to_owned(), "serviceCreate".to_owned()]);
        assert_eq!(faults.answer(), Answer::Usual);
        faults.follow(&["variableUpsert".to_owned()]);
        assert_eq!(faults.answer(), Answer::Cut);
    }

    #[test]
    fn a_process_is_killed_once_and_stays_frozen_until_faults_end() {
        let mut faults = Faults::default();
        faults.add(Fault::Killed { service: "redis".to_owned() });
        faults.add(Fault::Frozen { service: "redis".to_owned() });
        assert_eq!(faults.take_killed(), ["redis"]);
        assert!(faults.take_killed().is_empty());
        assert_eq!(faults.frozen(), ["redis"]);
    }

    #[test]
    fn an_unhealthy_image_may_be_named_with_or_without_tag() {
        let mut faults = Faults::default();
        faults.add(Fault::Unhealthy { image: "redis:7.0".to_owned() });
        assert!(faults.unhealthy("docker.io/library/redis:7.0@sha256:00", Some("sha256:00")));
        assert!(!faults.unhealthy("redis:6.2", None));
        faults.add(Fault::Unhealthy { image: "redis".to_owned() });
        assert!(faults.unhealthy("redis:6.2", None));
    }
}
