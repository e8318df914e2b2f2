//! What each step finds before it starts: its preconditions, proven again, and what its check will compare with.

use lockstep_sdk::blocks::{keep, keys, owner, prisma};
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::{Fact, Facts, Failure, Observation, StepCall, Value, history};

use crate::background::{self, Migration, Standing};
use crate::clickhouse;
use crate::context::{Context, Part};
use crate::database;
use crate::findings::counts;
use crate::message::{AT, TRACE};
use crate::moment::iso;
use crate::names::{self, DATABASE};
use crate::route::Route;
use crate::shape::Shape;
use crate::web::{self, Told};

/// The facts that hold what tables and columns there were before the migration, and where ClickHouse's history stood.
pub(crate) const TABLES: &str = "tables";
pub(crate) const COLUMNS: &str = "columns";
pub(crate) const HISTORY: &str = "clickhouse-version";

/// What a person has gone on with all the same, in the words of the step that stopped.
const ACCEPTED: &str = "accepted";

/// How many lines are told of what the former version misses.
const TOLD: usize = 8;

/// Looks whether a step may start.
pub(crate) fn observe<O: Railway + Sql + Http + Effects>(
    outside: &O,
    call: &StepCall,
) -> Result<Observation, Failure> {
    let context = Context::of(call)?;
    match call.step.as_str() {
        names::KEEP => first(outside, &context),
        names::WEB => migrate(outside, &context, call),
        names::WORKER => follow(outside, &context, call),
        names::WEB_UNDO => back(outside, &context, call),
        names::WORKER_UNDO | names::REST_UNDO => Ok(Observation::Ready(Vec::new())),
        names::BEFORE => Ok(waits(outside, &context)?.unwrap_or_else(|| traced(call))),
        names::SMOKE => {
            let found = owner::reported(outside, &context.services())?;
            Ok(if let Observation::Ready(mut facts) = found {
                facts.extend(trace(call));
                Observation::Ready(facts)
            } else {
                found
            })
        }
        names::GO
        | names::BACKGROUND
        | names::MOVED
        | names::BACK_SMOKE
        | names::SOAK
        | names::CLOSE => owner::reported(outside, &context.services()),
        names::PIN
        | names::GRACE
        | names::PATIENCE
        | names::DRY
        | names::REVIEW
        | names::BACKUP_DATABASE
        | names::BACKUP_CLICKHOUSE
        | names::BACKUP_STORAGE
        | names::MAKE
        | names::SECRETS
        | names::REST
        | names::WIRE => Ok(waits(outside, &context)?.unwrap_or(Observation::Ready(Vec::new()))),
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

fn waits<O: Railway>(outside: &O, context: &Context) -> Result<Option<Observation>, Failure> {
    owner::waits(outside, &context.services())
}

/// Names the trace that a step writes after its run, and notes the moment.
fn trace(call: &StepCall) -> [Fact; 2] {
    let name = format!("lockstep-{}-{}", call.run, call.step);
    [Fact::one(TRACE, name), Fact::one(AT, iso(call.now))]
}

fn traced(call: &StepCall) -> Observation {
    Observation::Ready(trace(call).into())
}

/// Proves that the stack is the one that the plan was made for, and records how it stands.
fn first<O: Railway + Sql + Http>(outside: &O, context: &Context) -> Result<Observation, Failure> {
    let services = outside.services()?;
    let names = context.services();
    let gone = |name: &&&str| !services.iter().any(|service| service.name == **name);
    if let Some(gone) = names.iter().find(gone) {
        return Ok(Observation::Moved(format!("service `{gone}` is gone")));
    }
    if let Some(found) = waits(outside, context)? {
        return Ok(found);
    }
    let told = Told::read(outside)?;
    if !told.is_ready() {
        return Ok(Observation::Moved(format!("the web service is not ready: {}", told.words())));
    }
    if told.version != Some(context.from) {
        let version = told.version.map_or("unknown".to_owned(), |it| it.to_string());
        let why =
            format!("the web service is {version}, and the plan was made for {}", context.from);
        return Ok(Observation::Moved(why));
    }
    // Version 2 has neither a worker nor ClickHouse.
    let why = if context.route == Route::ToThree {
        unended(outside, context)?
    } else {
        match web::worker(outside)? {
            Ok(()) => half_done(outside, context)?,
            Err(why) => Some(why),
        }
    };
    if let Some(why) = why {
        return Ok(Observation::Moved(why));
    }
    let mut recorded = keep::facts(outside, &names)?;
    for Part { service, digest, .. } in context.running() {
        let runs = keep::kept(Facts(&recorded), service).and_then(|kept| kept.digest);
        if runs != Some(digest.as_str()) {
            let runs = runs.unwrap_or("nothing");
            let why = format!("`{service}` runs {runs}, and the plan was made for another image");
            return Ok(Observation::Moved(why));
        }
    }
    recorded.push(keys::facts(outside, &context.web.service, context.keys())?);
    Ok(Observation::Ready(recorded))
}

/// Returns which migration was left half done, if one was.
pub(crate) fn half_done<O: Sql + Http>(
    outside: &O,
    context: &Context,
) -> Result<Option<String>, Failure> {
    if let Some(why) = unended(outside, context)? {
        return Ok(Some(why));
    }
    let migrated = clickhouse::migrated(outside, &context.columns)?;
    Ok(migrated.filter(|it| it.dirty).map(|it| {
        format!("ClickHouse is dirty: its migration {} was ended in its middle", it.version)
    }))
}

/// Returns which migration of PostgreSQL was left half done, if one was.
pub(crate) fn unended<O: Sql>(outside: &O, context: &Context) -> Result<Option<String>, Failure> {
    let open = prisma::unended(outside, DATABASE, &context.schema)?;
    Ok(open.first().map(|open| {
        format!("a migration of PostgreSQL was begun and never ended: {}", open.line())
    }))
}

/// Everything must be as it was planned for, and nothing may be dropped that was not moved.
fn migrate<O: Railway + Sql + Http>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Observation, Failure> {
    if let Some(found) = waits(outside, context)? {
        return Ok(found);
    }
    for (part, label) in context.running().into_iter().zip([names::DRY_WEB, names::DRY_WORKER]) {
        if let Some(why) = foreign(outside, call, part, &[label])? {
            return Ok(Observation::Moved(why));
        }
    }
    if let Some(why) = changed(outside, context, call)? {
        return Ok(Observation::Moved(why));
    }
    if let Some(why) = half_done(outside, context)? {
        return Ok(Observation::Moved(why));
    }
    // Asked again right before the deployment, and again by whoever goes on later.
    if context.route == Route::ToFour
        && let Some(why) = unmoved(outside, context, call)?
    {
        return Ok(Observation::Moved(why));
    }
    let migrated = clickhouse::migrated(outside, &context.columns)?;
    Ok(Observation::Ready(vec![
        database::shape(outside, &context.schema)?.fact(TABLES),
        clickhouse::shape(outside, &context.columns)?.fact(COLUMNS),
        Fact::one(HISTORY, migrated.map_or(Value::Null, |it| Value::Integer(it.version))),
    ]))
}

/// Returns what version 4 would drop before it was moved, if anything. A migration that has not ended has no key but its end; that
/// ClickHouse has fewer rows all the same a person may accept.
fn unmoved<O: Railway + Sql + Http>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Option<String>, Failure> {
    let migrations = background::read(outside, &context.schema)?;
    let variables = outside.variables(&context.worker.service)?;
    match Standing::by(&migrations, &variables, context.from) {
        Standing::Finished => {}
        Standing::Asleep(open) | Standing::Active(open) | Standing::Failed(open) => {
            let first = open.first().map_or_else(String::new, Migration::line);
            return Ok(Some(format!("what version 4 drops is not moved yet: {first}")));
        }
    }
    let counted = counts(outside, &context.schema, &context.columns, &database::DROPPED)?;
    if let Some(left) = counted.iter().find(|it| it.is_unmoved(&migrations)) {
        return Ok(Some(format!(
            "what version 4 drops is not moved: no migration in the background says that it has moved `{}`",
            left.table
        )));
    }
    let fewer: Vec<String> = counted
        .iter()
        .filter(|it| !it.is_plausible())
        .map(|it| format!("`{}`", it.table))
        .collect();
    // Without figures, which move while somebody looks: what is accepted must be the same text later.
    let why = format!(
        "version 4 drops rows that ClickHouse does not have: it has fewer of {}, though their migrations have ended. Go on only if they were \
         deleted since",
        fewer.join(", ")
    );
    Ok((!fewer.is_empty() && !is_accepted(&why, call)).then_some(why))
}

/// The worker follows, unless the way back is gone and nobody has said that it may be.
fn follow<O: Railway + Sql + Http>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Observation, Failure> {
    let missed = missed(outside, context, call)?;
    if missed.is_empty() || context.route == Route::ToFour {
        return Ok(Observation::Ready(Vec::new()));
    }
    let why = format!(
        "the former version can't live with what the migration has made, so going back means the backups: {}",
        lines(&missed)
    );
    Ok(unless_accepted(why, call))
}

/// The former version is started only on a schema on which it can work, or where a person says so.
fn back<O: Railway + Sql + Http + Effects>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Observation, Failure> {
    if !outside.began(names::WEB_DEPLOY)? {
        return Ok(Observation::Ready(Vec::new()));
    }
    let missed = missed(outside, context, call)?;
    if missed.is_empty() {
        return Ok(Observation::Ready(Vec::new()));
    }
    let backups = format!("lockstep-{}-{}", call.run, names::BACKUP_DATABASE);
    let why = format!(
        "the former version misses what the migration took away: {}. Restore the volumes of `{}` and `{}` from `{backups}` and \
         `lockstep-{}-{}` first, which loses what was written since, and then go on; or mend what is missing by hand",
        lines(&missed),
        context.database,
        context.clickhouse,
        call.run,
        names::BACKUP_CLICKHOUSE,
    );
    Ok(unless_accepted(why, call))
}

fn is_accepted(why: &str, call: &StepCall) -> bool {
    Facts(&call.facts).maybe_text(ACCEPTED) == Some(why)
}

fn unless_accepted(why: String, call: &StepCall) -> Observation {
    if is_accepted(&why, call) { Observation::Ready(Vec::new()) } else { Observation::Moved(why) }
}

/// Returns what the former version needs and does not find any more.
pub(crate) fn missed<O: Sql + Http>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Vec<String>, Failure> {
    let facts = Facts(&call.facts);
    let mut missed =
        Shape::of(facts, TABLES)?.missed_in(&database::shape(outside, &context.schema)?);
    let columns =
        Shape::of(facts, COLUMNS)?.missed_in(&clickhouse::shape(outside, &context.columns)?);
    missed.extend(columns.into_iter().map(|line| format!("ClickHouse: {line}")));
    Ok(missed)
}

/// Returns the first few lines in one.
pub(crate) fn lines(all: &[String]) -> String {
    let shown = all.get(..TOLD).unwrap_or(all).join("; ");
    let more = all.len().saturating_sub(TOLD);
    if more == 0 { shown } else { format!("{shown}; and {more} more") }
}

/// Returns which of the keys is another one than when the run began, if one is.
pub(crate) fn changed<O: Railway>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Option<String>, Failure> {
    let changed = keys::changed(outside, &context.web.service, context.keys(), Facts(&call.facts))?;
    Ok(changed.map(|name| {
        format!("`{name}` is another one than when the run began: what Langfuse has encrypted or hashed with it could not be used")
    }))
}

fn foreign<O: Railway>(
    outside: &O,
    call: &StepCall,
    part: &Part,
    own: &[&str],
) -> Result<Option<String>, Failure> {
    let kept = keep::kept(Facts(&call.facts), &part.service).and_then(|kept| kept.deployment);
    if let Some(why) = owner::foreign(outside, &part.service, kept, own)? {
        return Ok(Some(why));
    }
    let deployments = outside.deployments(&part.service, 10)?;
    let runs = history::running(&deployments).and_then(|running| running.digest.as_deref());
    let other = runs.is_some_and(|digest| digest != part.digest);
    Ok(other.then(|| {
        format!("`{}` no longer runs the image that it ran when the run began", part.service)
    }))
}
