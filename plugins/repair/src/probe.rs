//! One look of a watch.

use lockstep_sdk::outside::Http;
use lockstep_sdk::{Failure, Sample, StepCall, Verdict};

use crate::check::listed;
use crate::names::{APPS, HEALTHY, SERVING, WATCH_SERVING, health_of};

/// Takes one look. Before the last step not every app was started, and what is down then is what the plan mends.
pub(crate) fn probe<O: Http>(outside: &O, watch: &str, call: &StepCall) -> Result<Sample, Failure> {
    if watch != WATCH_SERVING {
        let why = format!("`{watch}` is no watch of this plugin");
        return Err(Failure::permanently("plugin:watch", why));
    }
    if call.step != HEALTHY {
        return Ok(sample(Verdict::Pass, "not every app is started yet".to_owned()));
    }
    let serving = listed(call, SERVING)?;
    for app in APPS.into_iter().filter(|name| serving.contains(name)) {
        let Some(path) = health_of(app) else { continue };
        match outside.get(app, path) {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => {
                let words = format!("{app} answers {} at {path}", answer.status);
                return Ok(sample(Verdict::Fail, words));
            }
            Err(failure) if failure.is_denied() => return Err(failure),
            Err(failure) => {
                return Ok(sample(Verdict::Fail, format!("{app}: {}", failure.line())));
            }
        }
    }
    Ok(sample(Verdict::Pass, "every app says that it is up".to_owned()))
}

fn sample(verdict: Verdict, evidence: String) -> Sample {
    Sample { verdict, evidence, figure: None, extra: Vec::new() }
}
