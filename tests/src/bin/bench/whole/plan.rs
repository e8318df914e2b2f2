//! `lockstep plan redis` on the lab with a warm cache, whole process.

use serde_json::Value;

use super::lab::Lab;
use super::process;
use super::terraform::{ABSENT, Terraform};
use crate::Fallible;
use crate::figure::{Budget, Figure, Unit};
use crate::report::Report;
use crate::rounds::{ROUNDS, Rounds, median};

/// What is planned.
const PLAN: [&str; 5] = ["plan", "redis@7.0.15", "-e", "lab", "--json"];

/// The peer's name.
const PEER: &str = "terraform plan";

/// The most that the process may take.
const TIME: Budget = Budget::AtMost(0.150);

/// The most memory that it may hold.
const MEMORY: Budget = Budget::AtMost(64.0 * 1024.0 * 1024.0);

/// Measures time and memory, and counts the requests to the API.
pub(crate) fn plan(report: &mut Report) -> Fallible<()> {
    let lab = Lab::redis_6_with_data()?;
    // The first one compiles the plugin.
    let warm = process::run(&mut lab.command(&PLAN))?;
    let effects = effects(&warm.out)?;
    let before = lab.requests_left()?;
    process::run(&mut lab.command(&PLAN))?;
    // Of what is gone, one request asked for the figure itself.
    let requests = before.saturating_sub(lab.requests_left()?).saturating_sub(1);
    let terraform = Terraform::find(effects)?;
    let (mut time, mut memory, mut network) = (Rounds::default(), Rounds::default(), Vec::new());
    for _ in 0..ROUNDS {
        let here = process::run(&mut lab.command(&PLAN))?;
        network.push(here.wall);
        let (wall, peak) = match &terraform {
            Some(terraform) => {
                let peer = process::run(&mut terraform.plan())?;
                (peer.wall, peer.peak)
            }
            None => (f64::NAN, f64::NAN),
        };
        time.add(here.wall, wall);
        memory.add(here.peak, peak);
    }
    let what = format!("plan redis, whole process ({requests} requests to the lab)");
    let held = "plan redis, most memory held";
    if terraform.is_some() {
        report.add(Figure::beside(what, PEER, &time, Unit::Seconds).within(TIME));
        report.add(Figure::beside(held, PEER, &memory, Unit::Bytes).within(MEMORY));
        report.note(format!("terraform: {effects} resources of its own `terraform_data`, as many as the plan has effects; no network"));
    } else {
        report.add(Figure::alone(what, median(network), Unit::Seconds).within(TIME));
        report.add(Figure::alone(held, memory.here(), Unit::Bytes).within(MEMORY));
        report.note(ABSENT);
    }
    Ok(())
}

/// Returns how many effects the plan has, those of its way back left out.
fn effects(json: &str) -> Fallible<usize> {
    let plan: Value = serde_json::from_str(json)?;
    let steps = plan.pointer("/plan/plan/authority/steps").and_then(Value::as_array);
    let steps = steps.ok_or("the plan's JSON has no steps")?;
    let of = |step: &Value| step.pointer("/step/effects").and_then(Value::as_array).map(Vec::len);
    let count = steps.iter().filter_map(of).sum();
    if count == 0 { Err("the plan has no effect".into()) } else { Ok(count) }
}
