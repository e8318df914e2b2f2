//! The way there.

use lockstep_sdk::blocks::{close, grace, keep, pin, slug};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Failure, Step};

use super::names;
use super::plan::Parts;
use super::template::{Order, variable};
use crate::context::Client;
use crate::declare::Declares;
use crate::names::{BACKUP, CLOSE, GRACE, KEEP, PIN, PROVE, SOAK, deployment, rehearsal};

/// What a person confirms before anything begins.
const SECRETS: &str = "ENCRYPTION_KEY, SALT, NEXTAUTH_SECRET, LITELLM_SALT_KEY, LITELLM_MASTER_KEY and the passwords of the four \
    databases exist outside Railway too. Go on?";

/// What a person confirms before the server stops.
const ADOPT: &str = "The server stops and starts anew under Patroni, with the same data: every service is without its database until it \
    leads, and LiteLLM loses the spend that it holds in memory if it ends meanwhile. What fails is taken back, with the same outage once \
    more. Go on?";

/// What is left from the commit until the front is up.
pub(super) const COMMITTED: &str = "the services use the server as before; one that is deployed now would dial a front that is not up yet";

/// What is left while the server starts under Patroni.
const ADOPTING: &str = "the server starts under Patroni by itself; until it leads every service is without its database";

/// What is left once the server leads.
pub(super) const LEADING: &str =
    "nothing: the server leads, and the services that are not deployed yet use it as before";

/// The variable of the front that names the database.
const DATABASE: &str = "PGDATABASE";

/// References of a list of texts.
pub(super) fn refs(labels: &[String]) -> Vec<&str> {
    labels.iter().map(String::as_str).collect()
}

impl<D: Declares> Parts<'_, D> {
    /// Everything before anything is converted.
    pub(super) fn prepare(&mut self) -> Result<(), Failure> {
        self.push(keep::step(KEEP, Some(SECRETS)));
        let pins: Vec<_> =
            self.clients.iter().map(|(name, image)| (name.as_str(), image.clone())).collect();
        self.block.findings.extend(pin::finding(PIN, &pins));
        if let Some(step) = pin::plan(self.declare, PIN, &pins)? {
            self.push(step);
        }
        let survey = self.survey;
        let all = [&survey.root].into_iter().chain(&survey.clients);
        let services: Vec<_> = all.map(|running| &running.service).collect();
        let graces = self.context.graces().into_iter().filter_map(|grace| {
            Some((grace, *services.iter().find(|service| service.name == grace.service)?))
        });
        let graces: Vec<_> = graces.collect();
        if let Some(step) = grace::plan(self.declare, GRACE, &graces)? {
            self.push(step);
        }
        self.rehearse()?;
        self.declare.backup_volume(BACKUP, &self.context.service)?;
        self.declare.lock_backup("backup-lock", BACKUP)?;
        self.push(
            Step::new(
                BACKUP,
                "Back up the volume and keep the backup",
                "Railway's own backup before a conversion is made if it can be, and expires",
            )
            .effects(&[BACKUP, "backup-lock"])
            .if_left(
                "nothing: Railway ends the backup by itself, and one that is not locked expires",
            )
            .expected(30 * SECOND)
            .limit(30 * MINUTE),
        );
        Ok(())
    }

    /// Shows before anything matters that the services can be deployed.
    fn rehearse(&mut self) -> Result<(), Failure> {
        let context = self.context;
        let clients: Vec<&Client> =
            context.running().filter(|client| client.uses.is_rehearsed()).collect();
        if clients.is_empty() {
            return Ok(());
        }
        let mut labels = Vec::new();
        for client in &clients {
            let label = rehearsal(&client.service);
            self.deploy(&label, client)?;
            labels.push(label);
        }
        let boots = clients.iter().map(|client| self.boot(client)).sum();
        self.push(
            Step::new(
                names::REHEARSE,
                "Deploy each service as it is",
                "one that can't be deployed had better be found now",
            )
            .effects(&refs(&labels))
            .if_left("nothing: the services run as before")
            .restored()
            .expected(boots)
            .limit(60 * MINUTE),
        );
        Ok(())
    }

    /// Stages, compares, commits, and pins what there is then. Nothing is deployed.
    pub(super) fn convert(&mut self) -> Result<(), Failure> {
        let moved = &self.survey.found.moved;
        let (service, template) = (&self.context.service, &self.cluster.template);
        self.declare.stage_conversion(names::CONVERT, service, template, moved)?;
        self.declare.commit_staged(names::COMMIT, names::CONVERT)?;
        let mut labels = vec![names::CONVERT.to_owned(), names::COMMIT.to_owned()];
        let edge = &self.cluster.edge;
        if variable(edge, DATABASE).is_some_and(|name| name != self.context.database) {
            let label = "front-database";
            self.declare.set_variable_made(
                label,
                &edge.name,
                (DATABASE, &self.context.database),
            )?;
            labels.push(label.to_owned());
        }
        for (name, image) in self.made {
            let label = format!("image-{}", slug(name));
            let image = image.to_string();
            if name == service {
                self.declare.set_image(&label, name, &image)?;
            } else {
                self.declare.set_image_made(&label, name, &image)?;
            }
            labels.push(label);
        }
        let undo = self.way_back()?;
        let step = Step::new(
            names::CONVERT,
            "Let Railway stage the cluster, compare it with this plan, and commit it without a deployment",
            "what is staged and not in this plan is never committed; what is deployed afterwards is pinned first",
        );
        self.push(
            step.effects(&refs(&labels))
                .if_left(COMMITTED)
                .undone_by(&refs(&undo))
                .expected(20 * SECOND)
                .limit(10 * MINUTE),
        );
        Ok(())
    }

    fn cluster_step(
        &mut self,
        id: &str,
        services: &[String],
        words: (&str, &str),
    ) -> Result<(), Failure> {
        let mut labels = Vec::new();
        for service in services {
            let label = names::start(service);
            self.declare.deploy_cluster(&label, service)?;
            labels.push(label);
        }
        let left = if id == names::COORDINATORS { COMMITTED } else { LEADING };
        let step = Step::new(id, words.0, words.1).effects(&refs(&labels));
        self.push(step.if_left(left).expected(0).limit(30 * MINUTE));
        Ok(())
    }

    /// Coordinators, the server, replicas, and the front: everything before a client uses it.
    pub(super) fn start(&mut self) -> Result<(), Failure> {
        let context = self.context;
        let words = (
            "Deploy the coordinators, and wait until they agree",
            "a server that starts under Patroni takes no writes before they do",
        );
        self.cluster_step(names::COORDINATORS, &context.coordinators, words)?;
        self.declare.deploy(names::ADOPT, &context.service)?;
        let step = Step::new(
            names::ADOPT,
            "Start the server under Patroni, on the data that is there",
            "it must lead, be the same server, and have every table and all of its log",
        );
        let step = self.without_database(step).effects(&[names::ADOPT]).approved(ADOPT).in_window();
        self.push(step.if_left(ADOPTING).limit(20 * MINUTE));
        self.raise()?;
        let replicas: Vec<String> =
            context.replicas.iter().map(|(service, _)| service.clone()).collect();
        let words = (
            "Deploy the replicas, and wait until they follow closely",
            "one must be able to take over",
        );
        self.cluster_step(names::REPLICAS, &replicas, words)?;
        self.declare.order(names::SYNCHRONOUS, Order::Synchronous(true))?;
        self.declare.order(names::ASYNCHRONOUS, Order::Synchronous(false))?;
        self.push(
            Step::new(
                names::SYNCHRONOUS,
                "Let a commit wait for a second node",
                "what only one node has is lost with it",
            )
            .effects(&[names::SYNCHRONOUS])
            .if_left(LEADING)
            .undone_by(&[names::ASYNCHRONOUS])
            .expected(10 * SECOND),
        );
        self.push_undo(
            Step::new(
                names::ASYNCHRONOUS,
                "Let a commit wait for nobody",
                "a single server would wait for ever",
            )
            .effects(&[names::ASYNCHRONOUS])
            .if_left(LEADING)
            .expected(10 * SECOND)
            .reverses(&[(names::ASYNCHRONOUS, names::SYNCHRONOUS)]),
        );
        let words = (
            "Deploy the front, and see that it leads to the server and the database",
            "the template's own database is another one",
        );
        self.cluster_step(names::FRONT, std::slice::from_ref(&context.edge), words)
    }

    /// Leads those variables to the front that Railway does not: they have the server's address instead of a reference.
    pub(super) fn addresses(&mut self) -> Result<(), Failure> {
        let seen = self.set_addresses(names::ADDRESSES, true)?;
        if !seen.is_empty() {
            let back = self.addresses_back(&seen)?;
            self.push(
                Step::new(
                    names::ADDRESSES,
                    "Lead the variables to the front that have the server's address in them",
                    "Railway leads references there, and nothing else; nobody takes them up before being deployed",
                )
                .effects(&refs(&seen))
                .if_left(LEADING)
                .undone_by(&[&back])
                .expected(5 * SECOND),
            );
        }
        let hidden = self.set_addresses(names::HIDDEN, false)?;
        if !hidden.is_empty() {
            self.push(
                Step::new(
                    names::HIDDEN,
                    "Lead the URLs to the front that have the server's address and a password in them",
                    "they become references; what stood there is kept by the host until the run ends, and put back on the way back",
                )
                .effects(&refs(&hidden))
                .if_left(LEADING)
                .restored()
                .expected(5 * SECOND)
                // What the host derives as the way back deploys each of these services, one after the other.
                .limit(60 * MINUTE),
            );
        }
        Ok(())
    }

    /// Declares what leads addresses to the front, for each service, and returns the labels.
    fn set_addresses(&self, prefix: &str, seen: bool) -> Result<Vec<String>, Failure> {
        let mut labels = Vec::new();
        for client in &self.context.clients {
            let literals = self.survey.found.literals.iter();
            let own =
                literals.filter(|it| it.service == client.service && it.former.is_some() == seen);
            let own: Vec<_> = own.map(|it| (it.name.as_str(), it.wanted.as_str())).collect();
            if own.is_empty() {
                continue;
            }
            let label = format!("{prefix}-{}", slug(&client.service));
            self.declare.set_variables(&label, &client.service, &own)?;
            labels.push(label);
        }
        Ok(labels)
    }

    /// Each service takes up what the conversion has set; then all is looked at, for long.
    pub(super) fn switch(&mut self) -> Result<(), Failure> {
        for client in self.context.running() {
            let label = deployment(&client.service);
            self.deploy(&label, client)?;
            let undo = self.client_back(client, &label)?;
            let title = format!("Deploy {} with the front in its variables", client.service);
            let step =
                Step::new(&label, title, "it goes on when another node leads").effects(&[&label]);
            let step = step.if_left(LEADING).undone_by(&refs(&undo)).expected(self.boot(client));
            self.push(step.limit(30 * MINUTE));
        }
        self.push(
            Step::new(
                PROVE,
                "Look whether everybody answers, and whether the cluster is whole",
                "a service that is up may still be wrong for its users",
            )
            .if_left("nothing: everybody uses the cluster")
            .expected(MINUTE)
            .limit(30 * MINUTE),
        );
        let soak = Step::new(
            SOAK,
            "Watch the cluster",
            "what goes wrong late can still be taken back without losing a row",
        )
        .if_left("nothing: everybody uses the cluster")
        .expected(self.soak)
        .limit(20 * MINUTE);
        self.push(if self.soak == 0 { soak } else { soak.soaking(self.soak) });
        self.push(close::step(CLOSE, &[]));
        Ok(())
    }
}
