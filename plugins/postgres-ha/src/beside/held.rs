//! Whether the new cluster is still nobody's: what the way back may delete, and what it may not.

use lockstep_sdk::outside::{Effects, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Observation, Pending, StepCall, Value};

use super::context::Making;
use super::{OWN, names};
use crate::answer;
use crate::left::{Left, listed};
use crate::names::ADMIN;

/// Databases of the cluster.
pub(crate) const DATABASES: &str =
    "SELECT d.datname::text FROM pg_database d WHERE NOT d.datistemplate ORDER BY 1";

/// How many tables, views and sequences there are that belong neither to the server nor to an extension.
pub(crate) const TABLES: &str = "\
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
      AND n.nspname NOT LIKE 'pg\\_%' \
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

/// The database that repmgr makes for itself, maybe after the cluster was first looked at.
const OF_REPMGR: &str = "repmgr";

/// The facts that say what a cluster held that nobody had used.
const KNOWN: &str = "databases";
const COUNTED: &str = "tables";

/// The fact by which the host tells what was said when a person went on.
const ACCEPTED: &str = "accepted";

/// What a person goes on with.
const UNSEEN: &str = "Going on deletes it with its volumes, whatever is in it";

/// How often to look whether the cluster answers again.
const AGAIN: u64 = 5 * SECOND;

/// How often it is looked for until a person is asked.
const LOOKS: u64 = 12;

/// What there is in a cluster.
#[derive(Debug, PartialEq, Eq)]
struct Holds {
    databases: Vec<String>,
    tables: u64,
}

impl Holds {
    fn read<O: Sql>(outside: &O) -> Result<Self, Failure> {
        let databases = answer::texts(outside, ADMIN, DATABASES, &[])?;
        let mut tables = 0_u64;
        for connection in [ADMIN, OWN] {
            let here = answer::row(outside, connection, TABLES, &[])?.count(0)?;
            tables = tables.saturating_add(here);
        }
        Ok(Self { databases, tables })
    }
}

/// Records what a cluster holds that nobody has used yet.
pub(super) fn facts<O: Sql>(outside: &O) -> Result<Vec<Fact>, Failure> {
    let Holds { databases, tables } = Holds::read(outside)?;
    let rows = databases.into_iter().map(|name| vec![Value::from(name)]);
    Ok(vec![Fact::table(KNOWN, rows), Fact::one(COUNTED, tables)])
}

/// Looks whether a step may stop what it has started: only while nobody leads to the cluster and nothing was put into it.
pub(super) fn observe<O: Railway + Sql + Effects>(
    outside: &O,
    making: &Making,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let mut started = false;
    for service in started_by(making, &call.step) {
        started |= outside.began(&names::start(service))?;
    }
    if !started {
        return Ok(Observation::NothingToDo("nothing was started".to_owned()));
    }
    let (users, facts) = (users(outside, making)?, Facts(&call.facts));
    if !users.leading.is_empty() {
        let each = users.leading.iter();
        let each: Vec<String> = each
            .map(|(service, name)| format!("`{name}` of `{service}` leads to the cluster"))
            .collect();
        return Ok(Observation::Moved(format!(
            "{}. It would be deleted with everything in it. Lead each elsewhere first",
            each.join("; ")
        )));
    }
    if !users.unclear.is_empty() && !has_accepted(facts) {
        return Ok(Observation::Moved(format!(
            "nothing can be seen of these, which may lead to the cluster: {}. {UNSEEN}",
            listed(&users.unclear)
        )));
    }
    if !facts.has(COUNTED) {
        // It never answered as it should, so nobody was ever told to use it.
        return Ok(Observation::Ready(Vec::new()));
    }
    let holds = match Holds::read(outside) {
        Ok(holds) => holds,
        Err(failure) if failure.is_denied() => return Err(failure),
        Err(failure) => return Ok(unseen(facts, memo, &failure.line())),
    };
    let known = facts.rows(KNOWN)?.iter().filter_map(|row| row.first()?.as_text());
    let known: Vec<&str> = known.collect();
    let is_new = |name: &&String| **name != OF_REPMGR && !known.contains(&name.as_str());
    let new = holds.databases.iter().find(is_new);
    Ok(if let Some(name) = new {
        Observation::Moved(format!(
            "the database `{name}` is in the cluster, which would be deleted with it. Take back what made it, or drop it, first"
        ))
    } else if holds.tables > facts.count(COUNTED)? {
        Observation::Moved(
            "something was put into the cluster, which would be deleted with it: see its tables, views and sequences. Move or drop \
             them first"
                .to_owned(),
        )
    } else {
        Observation::Ready(Vec::new())
    })
}

/// Returns the services that an undo step stops.
pub(super) fn started_by<'a>(making: &'a Making, undo: &str) -> Vec<&'a str> {
    match undo.strip_prefix(names::STOP) {
        Some(names::FIRST) => vec![making.first()],
        Some(names::STANDBYS) => making.standbys().collect(),
        Some(names::FRONT) => vec![making.front.as_str()],
        Some(_) | None => Vec::new(),
    }
}

/// Whether a person has gone on although not everything could be seen.
fn has_accepted(facts: Facts<'_>) -> bool {
    facts.maybe_text(ACCEPTED).is_some_and(|said| said.contains(UNSEEN))
}

/// A cluster that does not answer may hold anything.
fn unseen(facts: Facts<'_>, memo: &[Fact], why: &str) -> Observation {
    if has_accepted(facts) {
        return Observation::Ready(Vec::new());
    }
    let looks = Facts(memo).maybe_count("looks").unwrap_or(0) + 1;
    if looks > LOOKS {
        let text = format!("the cluster does not tell whether anything is in it: {why}. {UNSEEN}");
        return Observation::Moved(text);
    }
    let wait = Pending::after(AGAIN, format!("the cluster does not tell what is in it: {why}"));
    wait.remembering(vec![Fact::one("looks", looks)]).into()
}

/// Returns the variables of other services that lead to the cluster, or of which nobody can tell.
fn users<O: Railway>(outside: &O, making: &Making) -> Result<Left, Failure> {
    let is_own = |name: &str| making.services().any(|own| own == name);
    let mut hosts = Vec::new();
    for own in making.services() {
        hosts.push(format!("{own}.railway.internal"));
        hosts.extend(leads(outside, own, "DATABASE_URL")?);
    }
    let mut left = Left::default();
    for service in outside.services()?.iter().filter(|service| !is_own(&service.name)) {
        let variables = outside.variables(&service.name)?;
        for own in making.services() {
            left.look(outside, (&service.name, &variables), (own, &hosts))?;
        }
    }
    left.leading.dedup();
    left.unclear.sort();
    left.unclear.dedup();
    Ok(left)
}

/// Returns the host to which a variable leads; none of one that is no URL.
fn leads<O: Railway>(outside: &O, service: &str, name: &str) -> Result<Option<String>, Failure> {
    match outside.destination(service, name) {
        Ok(location) => Ok(location.map(|location| location.host)),
        Err(failure) if failure.is_denied() || failure.may_pass() => Err(failure),
        Err(_) => Ok(None),
    }
}
