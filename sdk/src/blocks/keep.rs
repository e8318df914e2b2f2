//! KEEP: records how the services stand before the first change.

use crate::outside::Railway;
use crate::step::SECOND;
use crate::{Fact, Facts, Failure, Step, history};

/// The fact that holds one row for each service.
const FACT: &str = "services";

/// How one service stood when the run began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<'a> {
    /// The image as configured.
    pub image: Option<&'a str>,
    /// The digest that ran.
    pub digest: Option<&'a str>,
    /// The newest deployment.
    pub deployment: Option<&'a str>,
}

/// Returns the step, named `id`. `question` is what a person confirms before anything begins, if anything must be.
pub fn step(id: &str, question: Option<&str>) -> Step {
    let step =
        Step::new(id, "Record how everything stands", "the way back and every later check need it")
            .if_left("nothing: nothing has been changed")
            .expected(2 * SECOND);
    match question {
        Some(question) => step.approved(question),
        None => step,
    }
}

/// Reads how the services stand, as facts.
pub fn facts<O: Railway>(outside: &O, services: &[&str]) -> Result<Vec<Fact>, Failure> {
    let all = outside.services()?;
    let mut rows = Vec::new();
    for name in services {
        let image = all
            .iter()
            .find(|service| service.name == **name)
            .and_then(|service| service.image.clone());
        let deployments = outside.deployments(name, 10)?;
        rows.push(vec![
            (*name).into(),
            image.into(),
            history::running(&deployments).and_then(|running| running.digest.clone()).into(),
            deployments.first().map(|newest| newest.id.clone()).into(),
        ]);
    }
    Ok(vec![Fact::table(FACT, rows)])
}

/// Returns how one service stood.
pub fn kept<'a>(facts: Facts<'a>, service: &str) -> Option<Kept<'a>> {
    let row = facts
        .rows(FACT)
        .ok()?
        .iter()
        .find(|row| row.first().and_then(crate::Value::as_text) == Some(service))?;
    let text = |index: usize| row.get(index).and_then(crate::Value::as_text);
    Some(Kept { image: text(1), digest: text(2), deployment: text(3) })
}
