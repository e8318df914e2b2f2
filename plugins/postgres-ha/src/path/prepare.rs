//! What comes before the copy. All of it can be taken back, and nobody notices, but for the restart if one is needed.

use lockstep_sdk::blocks::{grace, keep, pin, slug};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Failure, Service, Step};

use super::parts::{Parts, refs};
use crate::context::Client;
use crate::declare::{Declares, RELOAD, statements, text};
use crate::links::{Link, PROBE_BACK, probes, publish, subscribe, subscribed};
use crate::names::{self, ADMIN, OLD};
use crate::needs::Setting;
use crate::quote::Ident;
use crate::tables::Anonymous;

/// What a person confirms before anything begins.
const SECRETS: &str = "ENCRYPTION_KEY, SALT, NEXTAUTH_SECRET, LITELLM_SALT_KEY, LITELLM_MASTER_KEY and the passwords of \
    the four databases exist outside Railway too. Go on?";

/// What is left of a link that was only tried.
const LINKED: &str =
    "a server keeps its log for a link that carries nothing, as much of it as is allowed";

impl<D: Declares> Parts<'_, D> {
    /// Everything before the copy.
    pub(super) fn prepare(&mut self) -> Result<(), Failure> {
        self.open()?;
        self.freeze()?;
        self.backup()?;
        self.identity()?;
        self.wal_budget()?;
        self.logical_wal()?;
        self.cluster()?;
        self.database()?;
        self.pool()?;
        self.link()
    }

    fn open(&mut self) -> Result<(), Failure> {
        self.push(keep::step(names::KEEP, Some(SECRETS)));
        self.block.findings.extend(pin::finding(names::PIN, self.pins));
        if let Some(step) = pin::plan(self.declare, names::PIN, self.pins)? {
            self.push(step);
        }
        let survey = self.seen.survey;
        let all = [&survey.old].into_iter().chain(&survey.nodes).chain(&survey.clients);
        let services: Vec<&Service> = all.map(|running| &running.service).collect();
        let with_service = |grace: grace::Grace<'_>| {
            services.iter().find(|service| service.name == grace.service).copied()
        };
        let graces = self.context.graces();
        let graces: Vec<_> =
            graces.into_iter().filter_map(|grace| Some((grace, with_service(grace)?))).collect();
        if let Some(step) = grace::plan(self.declare, names::GRACE, &graces)? {
            self.push(step);
        }
        Ok(())
    }

    /// Keeps migrations from running, and shows before anything matters that the services can be deployed.
    fn freeze(&mut self) -> Result<(), Failure> {
        let context = self.context;
        let clients: Vec<&Client> =
            context.running().filter(|client| client.uses.is_rehearsed()).collect();
        if clients.is_empty() {
            return Ok(());
        }
        let mut labels = Vec::new();
        for client in &clients {
            let running = self.running(client);
            let missing: Vec<_> = client
                .uses
                .frozen_by()
                .iter()
                .copied()
                .filter(|(name, value)| running.and_then(|it| it.variable(name)) != Some(*value))
                .collect();
            if !missing.is_empty() {
                let label = format!("freeze-{}", slug(&client.service));
                self.declare.set_variables(&label, &client.service, &missing)?;
                labels.push(label);
            }
        }
        let mut longest = 0;
        for client in &clients {
            let label = names::rehearsal(&client.service);
            self.deploy(&label, client)?;
            longest += self.boot(client);
            labels.push(label);
        }
        self.push(
            Step::new(
                names::FREEZE,
                "Keep migrations from running, and deploy each service as it is",
                "a schema that changes meanwhile would break the copy, and a service that can't be deployed had better be found now",
            )
            .effects(&refs(&labels))
            .if_left("nothing: the services run as before, and none changes the schema when it starts")
            .restored()
            .expected(longest)
            .limit(60 * MINUTE),
        );
        Ok(())
    }

    /// PROOF of the old volume.
    fn backup(&mut self) -> Result<(), Failure> {
        self.declare.backup_volume(names::BACKUP, &self.context.service)?;
        self.declare.lock_backup("backup-lock", names::BACKUP)?;
        self.push(
            Step::new(
                names::BACKUP,
                "Back up the old volume and keep the backup",
                "a way back that is not proven is none",
            )
            .effects(&[names::BACKUP, "backup-lock"])
            .if_left(
                "nothing: Railway ends the backup by itself, and one that is not locked expires",
            )
            .expected(30 * SECOND)
            .limit(30 * MINUTE),
        );
        Ok(())
    }

    fn identity(&mut self) -> Result<(), Failure> {
        let tables = &self.seen.needs.identities;
        let mends: Vec<String> = tables.iter().filter_map(Anonymous::mend).collect();
        if mends.is_empty() {
            return Ok(());
        }
        let wait = || vec!["SET LOCAL lock_timeout = '2s'".to_owned()];
        let (mut forward, mut back) = (wait(), wait());
        forward.extend(mends);
        back.extend(tables.iter().map(Anonymous::put_back));
        self.declare.transaction(names::IDENTITY, OLD, statements(forward))?;
        self.declare.transaction(names::IDENTITY_UNDO, OLD, statements(back))?;
        self.push(
            Step::new(
                names::IDENTITY,
                "Let an index identify the rows of each table",
                "updates and deletes of a published table fail where nothing identifies its rows",
            )
            .effects(&[names::IDENTITY])
            .if_left("nothing: the log names rows by an index where it named them by nothing")
            .undone_by(&[names::IDENTITY_UNDO]),
        );
        self.push_undo(
            Step::new(names::IDENTITY_UNDO, "Let the index identify no rows any more", "as it was")
                .effects(&[names::IDENTITY_UNDO])
                .if_left("nothing: the log names rows by an index")
                .reverses(&[(names::IDENTITY_UNDO, names::IDENTITY)]),
        );
        Ok(())
    }

    /// At both sides: the server itself gives a link up that is left too far behind, and confirms soon what it got over one. The
    /// cluster copies many tables at once.
    fn wal_budget(&mut self) -> Result<(), Failure> {
        let needs = self.seen.needs;
        let sides = [("old", OLD, &needs.old), ("new", ADMIN, &needs.cluster)];
        let (mut set, mut reset, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        for (side, connection, settings) in sides {
            let Some(first) = settings.first().map(|it| format!("{}-{side}", it.label)) else {
                continue;
            };
            for Setting { label, name, value, .. } in settings {
                let (label, back) = (format!("{label}-{side}"), format!("{label}-{side}-reset"));
                let text = format!("ALTER SYSTEM SET {name} = '{value}'");
                self.declare.again(&label, connection, &text)?;
                self.declare.again(&back, connection, &format!("ALTER SYSTEM RESET {name}"))?;
                pairs.push((back.clone(), label.clone()));
                set.push(label);
                reset.push(back);
            }
            let [read, reread] =
                ["load", "reload"].map(|part| format!("wal-settings-{side}-{part}"));
            for label in [&read, &reread] {
                self.declare.transaction(label, connection, statements([RELOAD]))?;
            }
            pairs.push((reread.clone(), first));
            set.push(read);
            reset.push(reread);
        }
        if set.is_empty() {
            return Ok(());
        }
        self.push(
            Step::new(
                names::WAL_BUDGET,
                "Bound the log that a link may hold back, and let links be quick",
                "a link that is left behind must never fill a volume: the server gives it up before; tables that are copied at once \
                 are copied sooner; and in the cut writers wait for what is not confirmed",
            )
            .effects(&refs(&set))
            .if_left("nothing: there is no link yet")
            .undone_by(&[names::WAL_BUDGET_UNDO]),
        );
        let pairs: Vec<_> =
            pairs.iter().map(|(one, other)| (one.as_str(), other.as_str())).collect();
        self.push_undo(
            Step::new(names::WAL_BUDGET_UNDO, "Take these settings away", "as it was")
                .effects(&refs(&reset))
                .if_left("nothing: links that are not there are bounded")
                .reverses(&pairs),
        );
        Ok(())
    }

    fn logical_wal(&mut self) -> Result<(), Failure> {
        let settings = &self.seen.needs.restart;
        if settings.is_empty() {
            return Ok(());
        }
        let mut labels = Vec::new();
        for (name, value) in settings {
            let label = format!("set-{}", name.replace('_', "-"));
            self.declare.again(&label, OLD, &format!("ALTER SYSTEM SET {name} = '{value}'"))?;
            labels.push(label);
        }
        self.declare.restart("restart", &self.context.service)?;
        labels.push("restart".to_owned());
        let boot = self.seen.survey.old.boot();
        let step = Step::new(
            names::LOGICAL_WAL,
            self.by_path(
                "Restart the old server with a log that a link can read",
                "Restart the old server with workers that can follow the cluster",
            ),
            "these settings count from a start on",
        );
        self.push(
            self.without_database(step, boot)
                .effects(&refs(&labels))
                .approved(
                    "The old server is restarted once: every service is without its database until it is up again, and LiteLLM \
                     loses the spend that it holds in memory if it ends meanwhile. What is set stays set on the way back, because \
                     taking it back would be another restart. Go on?",
                )
                .in_window()
                .if_left("the server comes up by itself after a restart that was asked for; before that, nothing is different")
                .expected(boot)
                .limit(20 * MINUTE),
        );
        Ok(())
    }

    fn database(&mut self) -> Result<(), Failure> {
        let name = self.context.database.as_str();
        let there = |word: &str| {
            format!(
                "SELECT count(*) {word} 0 FROM pg_database d WHERE d.datname = {}",
                crate::quote::Literal(name)
            )
        };
        let create = vec![text(self.seen.inside.contents.create(name))];
        self.declare.alone(names::DATABASE, ADMIN, create, &there(">"))?;
        let drop = vec![text(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", Ident(name)))];
        self.declare.alone(names::DATABASE_UNDO, ADMIN, drop, &there("="))?;
        self.push(
            Step::new(
                names::DATABASE,
                "Make the database at the cluster",
                "text must be ordered there as it is here, or its indexes are of no use",
            )
            .effects(&[names::DATABASE])
            .if_left("nothing: an empty database stays")
            .undone_by(&[names::DATABASE_UNDO]),
        );
        self.push_undo(
            Step::new(
                names::DATABASE_UNDO,
                "Drop the database at the cluster",
                "it was not there before, and nobody uses it",
            )
            .effects(&[names::DATABASE_UNDO])
            .if_left("nothing: the database stays")
            .reverses(&[(names::DATABASE_UNDO, names::DATABASE)]),
        );
        Ok(())
    }

    /// A link that carries nothing, in each direction that the path needs.
    fn link(&mut self) -> Result<(), Failure> {
        let here = self.seen.inside.server.following_only();
        let primary = self.seen.cluster.primary.clone().unwrap_or_default();
        let links = probes(self.context.path);
        let (mut made, mut gone, mut undo, mut reversed) = (vec![], vec![], vec![], vec![]);
        for link in links {
            let publication = format!("link-{}-pub", way(*link));
            self.declare.transaction(&publication, link.publisher, publish(*link, &[]))?;
            made.push(publication);
        }
        for link in links {
            let [publication, subscription] =
                ["pub", "sub"].map(|part| format!("link-{}-{part}", way(*link)));
            let (seen_by, options) = if *link == PROBE_BACK {
                (&self.context.service, here)
            } else {
                (&primary, "copy_data = false")
            };
            let text = subscribe(*link, seen_by, options);
            self.declare.alone(&subscription, link.subscriber, text, &subscribed(*link))?;
            gone.extend(self.end_of(&format!("link-end-{}", way(*link)), *link)?);
            undo.extend(self.end_of(&format!("link-undo-{}", way(*link)), *link)?);
            reversed.extend([subscription.clone(), subscription.clone(), publication]);
            made.push(subscription);
        }
        self.push(
            Step::new(
                names::LINK,
                self.by_path(
                    "Link both servers in both directions, with nothing to carry",
                    "Link the old server to the cluster, with nothing to carry",
                ),
                "each must reach the other, be let in, and have a slot free",
            )
            .effects(&refs(&made))
            .if_left(LINKED)
            .undone_by(&[names::LINK_UNDO])
            .expected(5 * SECOND),
        );
        let title = "Take these links away";
        self.push(
            Step::new(names::LINK_END, title, "they have shown what they were to show")
                .effects(&refs(&gone))
                .if_left(LINKED),
        );
        let pairs: Vec<_> =
            undo.iter().map(String::as_str).zip(reversed.iter().map(String::as_str)).collect();
        self.push_undo(
            Step::new(names::LINK_UNDO, title, "nothing of them stays behind")
                .effects(&refs(&undo))
                .if_left(LINKED)
                .reverses(&pairs),
        );
        Ok(())
    }
}

/// Returns how labels call the direction of a link that is tried.
fn way(link: Link) -> &'static str {
    if link == PROBE_BACK { "back" } else { "forth" }
}
