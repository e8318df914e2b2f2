//! The functions of a plugin, as its tests call them.

use super::declared::Declared;
use super::scripted::Scripted;
use super::tapped::Tapped;
use crate::{Draft, Fact, Failure, Finding, Observation, Progress, Sample, StepCall, Target};

/// A stack that a plugin can be tried on: says what of the plugin is called for each function of the contract.
pub trait Tested: Scripted + Sized {
    /// Reads, declares and proposes a plan.
    fn plan(
        outside: &Tapped<'_, Self>,
        declared: &Declared,
        target: &Target,
    ) -> Result<Draft, Failure>;

    /// Looks whether a step may start.
    fn observe(
        outside: &Tapped<'_, Self>,
        call: &StepCall,
        memo: &[Fact],
    ) -> Result<Observation, Failure>;

    /// Looks whether a step is done.
    fn check(
        outside: &Tapped<'_, Self>,
        call: &StepCall,
        memo: &[Fact],
    ) -> Result<Progress, Failure>;

    /// Takes one look for a watch.
    fn probe(outside: &Tapped<'_, Self>, watch: &str, call: &StepCall) -> Result<Sample, Failure>;

    /// Plans, whatever comes of it.
    #[track_caller]
    fn drafted(&self, target: &Target) -> (Draft, Declared) {
        let declared = Declared::default();
        match Self::plan(&Tapped::on(self), &declared, target) {
            Ok(draft) => (draft, declared),
            Err(failure) => panic!("no plan could be made: {failure:?}"),
        }
    }

    /// Plans, and demands that nothing forbids the plan.
    #[track_caller]
    fn planned(&self, target: &Target) -> (Draft, Declared) {
        let (draft, declared) = self.drafted(target);
        let refusals: Vec<&Finding> = draft.findings.iter().filter(|it| it.refuses()).collect();
        assert!(refusals.is_empty(), "{refusals:#?}");
        (draft, declared)
    }
}
