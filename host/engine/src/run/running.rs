//! Whether services run, as the platform tells it.

use super::execute::Execution;
use super::port::{Clock, Control, Journal, Reporter, World};
use crate::model::{DeploymentStatus, Failure, Read, Reading, Sample, ServiceRef, Verdict};

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Looks whether the newest deployment of a service runs.
    pub(super) async fn running(&self, service: &str) -> Result<Sample, Failure> {
        let read = Read::Deployments(ServiceRef::Named(service.to_owned()), 1);
        let Reading::Deployments(all) = self.ports.world.read(&read).await? else {
            return Err(Failure::permanent("engine:reading", "asked for deployments"));
        };
        let newest = all.into_iter().next();
        let (verdict, evidence) = match newest.map(|newest| newest.status) {
            Some(DeploymentStatus::Success) => (Verdict::Pass, "its deployment runs".to_owned()),
            // Steps deploy and stop, and judge by themselves how long that may take.
            Some(DeploymentStatus::InProgress(word)) => {
                (Verdict::Pass, format!("a deployment is in progress ({word})"))
            }
            Some(
                DeploymentStatus::Removed | DeploymentStatus::Stopped | DeploymentStatus::Skipped,
            ) => (Verdict::Pass, "it is taken down".to_owned()),
            Some(DeploymentStatus::Failed(why)) => {
                (Verdict::Fail, format!("its newest deployment failed: {why}"))
            }
            Some(DeploymentStatus::Crashed) => (Verdict::Fail, "it crashed".to_owned()),
            Some(DeploymentStatus::NeedsApproval) => {
                (Verdict::Unknown, "its newest deployment waits for an approval".to_owned())
            }
            Some(DeploymentStatus::Other(word)) => {
                (Verdict::Unknown, format!("its newest deployment is {word}"))
            }
            None => (Verdict::Unknown, "it has no deployment".to_owned()),
        };
        Ok(Sample { verdict, evidence, figure: None })
    }

    /// Looks whether more than half of these services run. Not knowing it of one is as good as that one's being down, but
    /// where those that are known to be down are not too many by themselves, it is not failing yet.
    pub(super) async fn most_of(&self, services: &[String]) -> Result<Sample, Failure> {
        let (mut down, mut unknown) = (Vec::new(), Vec::new());
        for service in services {
            let looked = self.running(service).await;
            let unseen = |failure: Failure| (Verdict::Unknown, failure.to_string());
            let (verdict, evidence) =
                looked.map_or_else(unseen, |sample| (sample.verdict, sample.evidence));
            match verdict {
                Verdict::Pass => {}
                Verdict::Fail => down.push(format!("`{service}`: {evidence}")),
                Verdict::Unknown => unknown.push(format!("`{service}`: {evidence}")),
            }
        }
        let too_many = |missing: usize| missing * 2 >= services.len();
        let verdict = if too_many(down.len()) {
            Verdict::Fail
        } else if too_many(down.len() + unknown.len()) {
            Verdict::Unknown
        } else {
            Verdict::Pass
        };
        let missing: Vec<String> = down.into_iter().chain(unknown).collect();
        let evidence = if missing.is_empty() {
            "all of them run".to_owned()
        } else {
            format!("{} of {} don't: {}", missing.len(), services.len(), missing.join("; "))
        };
        Ok(Sample { verdict, evidence, figure: None })
    }
}
