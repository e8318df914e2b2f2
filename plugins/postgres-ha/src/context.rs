//! What a step must know and can't read: names, sides and options that the plan was made for, carried by its parameters.

use lockstep_sdk::blocks::grace::Grace;
use lockstep_sdk::blocks::slug;
use lockstep_sdk::{Failure, StepCall};

use crate::names;
use crate::options::Path;
use crate::service::{Running, Use, database_grace};

const LIST: char = ',';
const LINES: char = '\n';

/// A service that is switched to the new side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its name.
    pub(crate) service: String,
    /// What it uses the database for.
    pub(crate) uses: Use,
    /// Whether something of it runs, so that it is deployed.
    pub(crate) runs: bool,
    /// Whether it has an image, so that it is pinned.
    pub(crate) pinned: bool,
}

/// Names and figures of one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    /// How the database moves.
    pub(crate) path: Path,
    /// The service that runs the old server.
    pub(crate) service: String,
    /// The service that runs PgPool.
    pub(crate) front: String,
    /// Where PgPool is reached.
    pub(crate) address: String,
    /// Whether everybody goes through a front, which is switched.
    pub(crate) through: bool,
    /// The services that run the cluster's nodes.
    pub(crate) nodes: Vec<String>,
    /// The database.
    pub(crate) database: String,
    /// Identifies the old server.
    pub(crate) old_system: String,
    /// Identifies the cluster.
    pub(crate) new_system: String,
    /// The services that are switched.
    pub(crate) clients: Vec<Client>,
    /// Variables with whole URLs: service and name.
    pub(crate) urls: Vec<(String, String)>,
    /// Whether the nodes are deployed.
    pub(crate) deploys_nodes: bool,
    /// Whether PgPool is.
    pub(crate) deploys_front: bool,
    /// How far the cluster may be behind when the cut begins, in bytes.
    pub(crate) lag_bytes: u64,
    /// How much WAL a link may hold back, in MB.
    pub(crate) wal_budget: u64,
    /// The cluster's major version; a setting of it is only there since 15.
    pub(crate) new_major: u64,
}

impl Context {
    /// Returns it as the plan's parameters.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let clients: Vec<String> = self.clients.iter().map(Client::line).collect();
        let urls: Vec<String> =
            self.urls.iter().map(|(service, name)| format!("{name} {service}")).collect();
        [
            ("path", self.path.word().to_owned()),
            ("service", self.service.clone()),
            ("front", self.front.clone()),
            ("address", self.address.clone()),
            ("through", self.through.to_string()),
            ("nodes", self.nodes.join(&LIST.to_string())),
            ("database", self.database.clone()),
            ("old-system", self.old_system.clone()),
            ("new-system", self.new_system.clone()),
            ("clients", clients.join(&LINES.to_string())),
            ("urls", urls.join(&LINES.to_string())),
            ("deploys-nodes", self.deploys_nodes.to_string()),
            ("deploys-front", self.deploys_front.to_string()),
            ("lag-bytes", self.lag_bytes.to_string()),
            ("wal-budget", self.wal_budget.to_string()),
            ("new-major", self.new_major.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Reads it from the plan's parameters.
    pub(crate) fn of(call: &StepCall) -> Result<Self, Failure> {
        let text = |name: &str| {
            let found = call.parameters.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).ok_or_else(|| broken(name))
        };
        let count = |name: &str| text(name)?.parse::<u64>().ok().ok_or_else(|| broken(name));
        let truth = |name: &str| text(name)?.parse::<bool>().ok().ok_or_else(|| broken(name));
        let lines = |name: &str| -> Result<Vec<String>, Failure> {
            Ok(text(name)?
                .split(LINES)
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect())
        };
        let clients = lines("clients")?;
        let urls = lines("urls")?;
        let url = |line: &String| {
            let (name, service) = line.split_once(' ').ok_or_else(|| broken("urls"))?;
            Ok((service.to_owned(), name.to_owned()))
        };
        Ok(Self {
            path: Path::of(&text("path")?).ok_or_else(|| broken("path"))?,
            service: text("service")?,
            front: text("front")?,
            address: text("address")?,
            through: truth("through")?,
            nodes: text("nodes")?.split(LIST).map(str::to_owned).collect(),
            database: text("database")?,
            old_system: text("old-system")?,
            new_system: text("new-system")?,
            clients: clients.iter().map(|line| Client::of(line)).collect::<Result<_, _>>()?,
            urls: urls.iter().map(url).collect::<Result<_, Failure>>()?,
            deploys_nodes: truth("deploys-nodes")?,
            deploys_front: truth("deploys-front")?,
            lag_bytes: count("lag-bytes")?,
            wal_budget: count("wal-budget")?,
            new_major: count("new-major")?,
        })
    }

    /// Returns the services that this run deploys, restarts or stops.
    pub(crate) fn services(&self) -> Vec<&str> {
        let mut services = vec![self.service.as_str()];
        if self.deploys_nodes {
            services.extend(self.nodes.iter().map(String::as_str));
        }
        if self.deploys_front {
            services.push(&self.front);
        }
        services.extend(self.running().map(|client| client.service.as_str()));
        services
    }

    /// Returns the services that are pinned: everything that is deployed and has an image.
    pub(crate) fn pinned(&self) -> Vec<&str> {
        let source = self.clients.iter().filter(|client| !client.pinned);
        let built: Vec<&str> = source.map(|client| client.service.as_str()).collect();
        let own = |name: &&str| *name != self.service && !built.contains(name);
        self.services().into_iter().filter(own).collect()
    }

    /// Returns whether everybody is stopped while the database moves.
    pub(crate) fn stops_clients(&self) -> bool {
        self.path == Path::Job
    }

    /// Returns the label of the effect by which a client leaves the old server: what takes it back there reverses that.
    pub(crate) fn left_by(&self, client: &Client) -> String {
        match self.path {
            Path::Online => names::deployment(&client.service),
            Path::Job => names::halt(&client.service),
        }
    }

    /// Returns the running client that a step or a label of this beginning is about.
    pub(crate) fn client(&self, name: &str, prefix: &str) -> Option<&Client> {
        let wanted = name.strip_prefix(prefix)?;
        self.running().find(|client| slug(&client.service) == wanted)
    }

    /// Returns the clients that run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().filter(|client| client.runs)
    }

    /// Returns how much time each service is given to end.
    pub(crate) fn graces(&self) -> Vec<Grace<'_>> {
        let clients = self.running().filter_map(|client| client.uses.grace(&client.service));
        let mut graces: Vec<_> = clients.collect();
        graces.push(database_grace(&self.service));
        if self.deploys_nodes {
            graces.extend(self.nodes.iter().map(|node| database_grace(node)));
        }
        graces
    }
}

pub(crate) fn broken(name: &str) -> Failure {
    Failure::permanently(
        "plugin:parameter",
        format!("the plan has no parameter `{name}` that this plugin understands"),
    )
}

const fn written(uses: Use) -> &'static str {
    match uses {
        Use::LiteLlm => "litellm",
        Use::Web => "langfuse-web",
        Use::Worker => "langfuse-worker",
        Use::Unknown => "other",
    }
}

impl Client {
    /// Returns the client that a running service is.
    pub(crate) fn new(running: &Running) -> Self {
        Self {
            service: running.name().to_owned(),
            uses: running.uses(),
            runs: running.up().is_some(),
            pinned: running.service.image.is_some(),
        }
    }

    /// Returns it as a line of a parameter.
    pub(crate) fn line(&self) -> String {
        let word = |is: bool| if is { "yes" } else { "no" };
        let (runs, pinned) = (word(self.runs), word(self.pinned));
        format!("{} {runs} {pinned} {}", written(self.uses), self.service)
    }

    /// Reads it from a line of a parameter.
    pub(crate) fn of(line: &str) -> Result<Self, Failure> {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().ok_or_else(|| broken("clients"));
        let uses = word()?;
        let uses = [Use::LiteLlm, Use::Web, Use::Worker, Use::Unknown]
            .into_iter()
            .find(|known| written(*known) == uses)
            .ok_or_else(|| broken("clients"))?;
        let (runs, pinned) = (word()? == "yes", word()? == "yes");
        Ok(Self { service: word()?.to_owned(), uses, runs, pinned })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_being_planned() {
        let client = |service: &str, uses, runs, pinned| Client {
            service: service.to_owned(),
            uses,
            runs,
            pinned,
        };
        let context = Context {
            path: Path::Job,
            service: "my db".to_owned(),
            front: "pgpool".to_owned(),
            address: "pgpool.railway.internal".to_owned(),
            through: true,
            nodes: vec!["pg-0".to_owned(), "pg 1".to_owned()],
            database: "litellm_langfuse".to_owned(),
            old_system: "1".to_owned(),
            new_system: "2".to_owned(),
            clients: vec![
                client("lite llm", Use::LiteLlm, true, true),
                client("backup-service", Use::Unknown, false, false),
            ],
            urls: vec![("lite llm".to_owned(), "DATABASE_URL".to_owned())],
            deploys_nodes: true,
            deploys_front: false,
            lag_bytes: 7,
            wal_budget: 1_000,
            new_major: 16,
        };
        let mut call = StepCall {
            step: "pin".to_owned(),
            run: "run".to_owned(),
            round: 1,
            now: 0,
            parameters: context.parameters(),
            facts: Vec::new(),
        };
        assert_eq!(context.services(), ["my db", "pg-0", "pg 1", "lite llm"]);
        assert_eq!(context.pinned(), ["pg-0", "pg 1", "lite llm"]);
        assert_eq!(Context::of(&call), Ok(context));
        call.parameters.retain(|(name, _)| name != "clients");
        assert!(Context::of(&call).is_err());
    }
}
