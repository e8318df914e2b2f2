//! One look of a watch of this path.

use lockstep_sdk::outside::{Http, Sql};
use lockstep_sdk::{Failure, Sample, StepCall, Verdict};

use super::context::Conversion;
use super::patroni::{self, Leads};
use super::{EDGE, names};
use crate::answer;
use crate::names::{DEPLOY, PROVE, SOAK};

/// Takes one look.
pub(crate) fn probe<O: Sql + Http>(
    outside: &O,
    watch: &str,
    call: &StepCall,
) -> Result<Sample, Failure> {
    let context = Conversion::of(call)?;
    let step = call.step.as_str();
    let whole = [PROVE, SOAK].contains(&step) || step.starts_with(DEPLOY);
    let looked = match watch {
        names::WATCH_LEADS if whole || step == names::FRONT => leads(outside),
        names::WATCH_REPLICAS if whole => replicas(outside, &context),
        names::WATCH_LEADS | names::WATCH_REPLICAS => {
            Ok(sample(Verdict::Pass, "not of this part of the run".to_owned()))
        }
        other => {
            let why = format!("`{other}` is no watch of this plugin");
            return Err(Failure::permanently("plugin:watch", why));
        }
    };
    Ok(looked.unwrap_or_else(|failure| sample(Verdict::Unknown, failure.line())))
}

fn leads<O: Http>(outside: &O) -> Result<Sample, Failure> {
    Ok(match patroni::leads(outside)? {
        Leads::Yes => sample(Verdict::Pass, "the server itself leads".to_owned()),
        Leads::No => sample(
            Verdict::Fail,
            "another node leads: going back switches over to the server first".to_owned(),
        ),
        Leads::Unknown(why) => sample(Verdict::Unknown, why),
    })
}

/// Asked through the front, behind which is whoever leads.
fn replicas<O: Sql>(outside: &O, context: &Conversion) -> Result<Sample, Failure> {
    let mut nodes = context.replicas.clone();
    nodes.push((context.service.clone(), context.node.clone()));
    let read = super::server::followers(&nodes, context.lag_bytes);
    let follow = answer::row(outside, EDGE, &read, &[])?.count(0)?;
    let evidence = format!("{follow} nodes follow closely");
    Ok(sample(if follow > 0 { Verdict::Pass } else { Verdict::Fail }, evidence))
}

fn sample(verdict: Verdict, evidence: String) -> Sample {
    Sample { verdict, evidence, figure: None, extra: Vec::new() }
}
