//! One look of a watch.

use lockstep_sdk::blocks::canary;
use lockstep_sdk::outside::{Railway, Redis};
use lockstep_sdk::{Facts, Failure, Sample, StepCall, Verdict};

use crate::context::Context;
use crate::names;
use crate::server::Server;

/// Takes one look.
pub(crate) fn probe<O: Railway + Redis>(
    outside: &O,
    watch: &str,
    call: &StepCall,
) -> Result<Sample, Failure> {
    let facts = Facts(&call.facts);
    let context = Context::of(call)?;
    match watch {
        names::WATCH_SERVING => Ok(serving(outside, &context)),
        // The last step removes the key.
        names::WATCH_CANARY if call.step == names::CLOSE => {
            Ok(sample(Verdict::Pass, "removed at the end".to_owned()))
        }
        names::WATCH_CANARY => {
            Ok(canary::probe(outside, names::COMPONENT, &context.connection, facts))
        }
        other => Err(Failure::permanently(
            "plugin:watch",
            format!("`{other}` is no watch of this plugin"),
        )),
    }
}

fn serving<O: Redis>(outside: &O, context: &Context) -> Sample {
    match Server::read(outside, &context.connection) {
        Err(failure) if failure.is_denied() => sample(Verdict::Unknown, failure.line()),
        Err(failure) => sample(Verdict::Fail, failure.line()),
        Ok(server) if server.loads() => {
            sample(Verdict::Fail, "the server is reading its data set".to_owned())
        }
        Ok(server) if !server.is_master() => {
            sample(Verdict::Fail, "the server takes no writes: it is no primary".to_owned())
        }
        Ok(server)
            if server.field("aof_last_write_status").is_some_and(|status| status != "ok") =>
        {
            sample(Verdict::Fail, "the server can't write its append-only file".to_owned())
        }
        Ok(server) => sample(Verdict::Pass, format!("{} answers", server.version)),
    }
}

fn sample(verdict: Verdict, evidence: String) -> Sample {
    Sample { verdict, evidence, figure: None, extra: Vec::new() }
}
