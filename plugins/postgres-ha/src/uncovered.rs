//! What a plan can't keep or check, in plain words.

use lockstep_sdk::blocks::smoke::Answered;

use crate::job::MAINTENANCE;
use crate::service::Use;
use crate::smoke;
use crate::survey::{Inside, Survey};

/// Returns a line for each.
pub(crate) fn lines(survey: &Survey, inside: &Inside) -> Vec<String> {
    let kept = if survey.left.is_some() {
        "the old server's volume, and its backups: they are kept, mounted to nothing, and deleting them is left to you"
    } else {
        "the old server's service and its volume: they are stopped and kept, and deleting them is left to you"
    };
    let mut lines = vec![
        "clients outside this Railway environment: only the variables of its services and the sessions that are open now were \
         looked at"
            .to_owned(),
        "a client that asks for a transaction that writes (`BEGIN READ WRITE`, `SET default_transaction_read_only = off`): the seal is \
         a default, and a superuser may set it aside; what it writes at the old side after the cut does not reach the new one"
            .to_owned(),
        kept.to_owned(),
        "a failover of the cluster while the way back is armed: what was acknowledged and no other node had got is lost, and the old \
         server has to be copied anew before anybody goes back to it"
            .to_owned(),
        "rights and settings of roles and of the database: they are not carried".to_owned(),
    ];
    let uses = |wanted| survey.clients.iter().any(|client| client.uses() == wanted);
    let stops = survey.job.is_some();
    if stops {
        lines.push(format!(
            "what is in the database `{MAINTENANCE}` of the old server: the job copies that too, nothing compares it, and going back does \
             not take it away"
        ));
        lines.push(
            "whoever sends requests while the services are stopped: what is not sent again by itself is lost to it".to_owned(),
        );
    }
    if uses(Use::LiteLlm) && stops {
        lines.push(
            "spend that LiteLLM holds in memory when it is stopped: what it does not write in the time that it is given to end is lost"
                .to_owned(),
        );
    } else if uses(Use::LiteLlm) {
        lines.push(
            "spend that LiteLLM holds in memory when it is deployed: what a process had not yet written, and can't write because the old \
             side is sealed, is lost with it"
                .to_owned(),
        );
    }
    if uses(Use::Worker) && !stops {
        lines.push(
            "jobs of Langfuse that fail while they can't write: they are tried again as often as Langfuse does".to_owned(),
        );
    }
    if inside.contents.tables.iter().any(|table| table.name.table == "_prisma_migrations") {
        lines.push(
            "migrations that somebody runs by hand while the way back is armed: the other side does not follow changes of tables"
                .to_owned(),
        );
    }
    let query = survey.found.references.iter().filter(|it| it.former.contains("sslmode="));
    lines.extend(query.map(|it| {
        format!("whether PgPool speaks TLS as `{}` of {} asks for", it.variable, it.service)
    }));
    lines.extend(unwatched(survey));
    lines
}

/// Services whose health no step looks at: those that do not answer now, and those without a known endpoint.
fn unwatched(survey: &Survey) -> Option<String> {
    let silent = survey.answers.iter().filter(|(_, answered)| !fine(answered));
    let mut names: Vec<String> =
        silent.map(|(look, _)| format!("{} {}", look.endpoint, look.path)).collect();
    let known: Vec<&str> = smoke::endpoints().collect();
    let unknown = survey.clients.iter().filter(|client| !known.contains(&client.name()));
    names.extend(unknown.map(|client| client.name().to_owned()));
    (!names.is_empty()).then(|| {
        format!(
            "whether these still work afterwards, beyond that they are up: {}",
            names.join(", ")
        )
    })
}

fn fine(answered: &Answered) -> bool {
    matches!(answered, Ok(200))
}
