//! Who uses the server: by open connections, and by variables that lead to it.

use std::collections::BTreeMap;

use lockstep_sdk::image::Image;
use lockstep_sdk::outside::{Railway, Redis, text};
use lockstep_sdk::{Failure, Service, Variable, VariableValue};

use crate::server::Server;

/// The image that works off Langfuse's queues, in whichever registry.
const WORKER_IMAGE: &str = "langfuse/langfuse-worker";

/// Services whose variables lead to the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Referrers {
    /// By service, the variables that do.
    pub(crate) known: BTreeMap<String, Vec<String>>,
    /// By service without such a variable, those that may: their names speak of Redis, and their values can't be seen.
    pub(crate) unclear: BTreeMap<String, Vec<String>>,
}

impl Referrers {
    /// Looks at the variables of one service. `server` is the service that runs Redis, and its password.
    pub(crate) fn look<O: Railway>(
        &mut self,
        outside: &O,
        service: &str,
        variables: &[Variable],
        server: (&str, Option<&Variable>),
    ) -> Result<(), Failure> {
        let (mut known, mut unclear) = (Vec::new(), Vec::new());
        for variable in variables {
            let name = &variable.name;
            if refers(variable, server.0) {
                known.push(name.clone());
            } else if is_same_secret(variable, server.1) {
                known.push(format!("{name} (the same password)"));
            } else if may_refer(variable) {
                match outside.destination(service, name) {
                    Ok(Some(location)) if is_host(&location.host, server.0) => {
                        known.push(format!("{name} (as rendered)"));
                    }
                    // It leads elsewhere, and can be seen to.
                    Ok(Some(_)) => {}
                    Err(failure) if failure.is_denied() || failure.may_pass() => {
                        return Err(failure);
                    }
                    // A password, or a host without a scheme, is no URL.
                    Ok(None) | Err(_) => unclear.push(name.clone()),
                }
            }
        }
        if !known.is_empty() {
            self.known.insert(service.to_owned(), known);
        } else if !unclear.is_empty() {
            self.unclear.insert(service.to_owned(), unclear);
        }
        Ok(())
    }
}

/// Returns whether a service's image works off Langfuse's queues.
pub(crate) fn is_worker(service: &Service) -> bool {
    let image = service.image.as_deref().and_then(Image::parse);
    image.is_some_and(|image| {
        image
            .repository
            .strip_suffix(WORKER_IMAGE)
            .is_some_and(|registry| registry.is_empty() || registry.ends_with('/'))
    })
}

/// Returns whether variables show that a worker takes its jobs from another server.
pub(crate) fn lead_elsewhere(variables: &[Variable], service: &str) -> bool {
    let address =
        ["REDIS_HOST", "REDIS_CONNECTION_STRING", "REDIS_CLUSTER_NODES", "REDIS_SENTINEL_NODES"];
    let set: Vec<_> =
        variables.iter().filter(|variable| address.contains(&variable.name.as_str())).collect();
    let elsewhere = |variable: &&Variable| {
        matches!(&variable.value, VariableValue::Shown(text) if !text.is_empty())
            && !refers(variable, service)
            && !may_refer(variable)
    };
    !set.is_empty() && set.iter().all(elsewhere)
}

/// Returns whether a variable leads to the service: by a reference, or by its address written out.
fn refers(variable: &Variable, service: &str) -> bool {
    let VariableValue::Shown(text) = &variable.value else { return false };
    text.contains(&format!("${{{{{service}."))
        || text.contains(&format!("{service}.railway.internal"))
}

/// Returns whether it holds the server's password. A host may make fingerprints of one variable only; then it is not known.
fn is_same_secret(variable: &Variable, password: Option<&Variable>) -> bool {
    matches!(
        (&variable.value, password.map(|password| &password.value)),
        (VariableValue::Masked(one), Some(VariableValue::Masked(other))) if one == other
    )
}

/// Returns whether a variable that speaks of Redis has a value that can't be read: masked, or a reference by an id or to what
/// services share.
fn may_refer(variable: &Variable) -> bool {
    let name = variable.name.to_ascii_uppercase();
    if !name.contains("REDIS") && !name.contains("VALKEY") {
        return false;
    }
    match &variable.value {
        VariableValue::Shown(text) => text.split("${{").skip(1).any(|reference| {
            let owner = reference.split(['.', '}']).next().unwrap_or("").trim();
            owner == "shared" || is_id(owner)
        }),
        VariableValue::Masked(_) | VariableValue::Unreadable | VariableValue::Other(_) => true,
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn is_host(host: &str, service: &str) -> bool {
    host.eq_ignore_ascii_case(&format!("{service}.railway.internal"))
}

/// Returns what the server says of its connections, a line each; nothing where it does not tell.
pub(crate) fn sessions<O: Redis>(outside: &O, connection: &str) -> Result<String, Failure> {
    match outside.command(connection, &["CLIENT", "LIST"]) {
        Ok(answer) => Ok(text(&answer).unwrap_or_default()),
        Err(failure) if failure.may_pass() => Err(failure),
        Err(_) => Ok(String::new()),
    }
}

/// Returns why the server does not stand alone, if it has replicas or is watched by a sentinel.
///
/// Stopping it would make a replica take over, and its clients would go on elsewhere while the plan works on a copy.
pub(crate) fn followed<O: Redis>(
    outside: &O,
    connection: &str,
    server: &Server,
) -> Result<Option<String>, Failure> {
    Ok(not_alone(server, sentinels(&sessions(outside, connection)?)))
}

/// Likewise, from what was read before.
pub(crate) fn not_alone(server: &Server, sentinels: u64) -> Option<String> {
    match (server.replicas(), sentinels) {
        (0, 0) => None,
        (0, watching) => Some(format!("sentinels watch the server: {watching} connections")),
        (replicas, _) => Some(format!("replicas follow the server: {replicas}")),
    }
}

fn part<'a>(line: &'a str, name: &str) -> &'a str {
    line.split(' ').find_map(|part| part.strip_prefix(name)).unwrap_or("")
}

/// Counts connections of sentinels.
pub(crate) fn sentinels(list: &str) -> u64 {
    let watching = list.lines().filter(|line| part(line, "name=").starts_with("sentinel-"));
    u64::try_from(watching.count()).unwrap_or(u64::MAX)
}

/// Counts connections by address and user, without our own.
pub(crate) fn sessions_by_client(list: &str) -> BTreeMap<String, u64> {
    let mut clients = BTreeMap::new();
    for line in list.lines().filter(|line| !part(line, "name=").starts_with("lockstep")) {
        let host = part(line, "addr=").rsplit_once(':').map_or("?", |(host, _)| host);
        *clients.entry(format!("{host} as {}", part(line, "user="))).or_insert(0) += 1;
    }
    clients
}
