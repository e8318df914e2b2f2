//! Staying with a live process: restarts, crashes, and being told to end.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use super::process::Process;
use super::record::happened;
use super::rollout::Orders;
use crate::launcher::Running;
use crate::state::{Deployment, End, Happening, Instance};
use crate::twin::Twin;

/// The restart policy of a deployment and how much of it is used up.
#[derive(Debug)]
pub(super) struct Restarts {
    policy: Policy,
    most: u32,
    pub(super) used: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Always,
    OnFailure,
    Never,
}

impl Restarts {
    pub(super) fn of(deployment: &Deployment) -> Self {
        let policy = match deployment.text("restartPolicyType") {
            Some("ALWAYS") => Policy::Always,
            Some("NEVER") => Policy::Never,
            Some(_) | None => Policy::OnFailure,
        };
        let most = deployment
            .number("restartPolicyMaxRetries")
            .and_then(|most| most.try_into().ok())
            .unwrap_or(10);
        Self { policy, most, used: 0 }
    }

    /// Returns how long to wait before the next start, or nothing where there is none.
    pub(super) fn next(&mut self, exit: ExitStatus, time_scale: f64) -> Option<Duration> {
        let again = match self.policy {
            Policy::Always => true,
            Policy::OnFailure => !exit.success(),
            Policy::Never => false,
        };
        if !again || self.used >= self.most {
            return None;
        }
        self.used += 1;
        let delay = Duration::from_millis(500) * self.used.min(6);
        Some(delay.mul_f64(time_scale.clamp(0.0, 1.0)))
    }
}

/// Stays with `running` until it is over, and records how that came.
pub(super) async fn over(
    twin: &Arc<Twin>,
    process: Process,
    mut running: Running,
    mut restarts: Restarts,
    orders: &mut Orders,
) {
    loop {
        let exit = tokio::select! {
            biased;
            end = orders.recv() => Err(end.unwrap_or(End::Removed)),
            exit = running.exited() => Ok(exit),
        };
        let delay = match exit {
            Err(end) => {
                if end == End::Removed {
                    happened(twin, &process.deployment, Happening::IsToGo, Instance::Running);
                }
                running.stop(draining(twin, &process)).await;
                match end {
                    End::Restarted => Duration::ZERO,
                    End::Removed => {
                        process.release(twin);
                        happened(twin, &process.deployment, Happening::IsGone, Instance::Removed);
                        return;
                    }
                    End::Stopped => {
                        process.release(twin);
                        stopped(twin, &process, Instance::Stopped);
                        return;
                    }
                }
            }
            Ok(exit) => match restarts.next(exit, twin.time_scale) {
                Some(delay) => delay,
                None if exit.success() => {
                    process.release(twin);
                    stopped(twin, &process, Instance::Exited);
                    return;
                }
                None => {
                    process.release(twin);
                    happened(twin, &process.deployment, Happening::Crashes, Instance::Crashed);
                    return;
                }
            },
        };
        instance(twin, &process, Instance::Restarting);
        let started = tokio::select! {
            biased;
            end = orders.recv() => {
                process.release(twin);
                let end = end.unwrap_or(End::Removed);
                twin.write(|state| state.work.push(crate::state::Work::End(process.deployment.clone(), end)));
                return;
            }
            started = async { tokio::time::sleep(delay).await; process.start(twin).await } => started,
        };
        match started {
            Ok(again) => running = again,
            Err(reason) => {
                tracing::info!(
                    deployment = process.deployment,
                    reason,
                    "a process could not be started again"
                );
                process.release(twin);
                happened(twin, &process.deployment, Happening::Crashes, Instance::Crashed);
                return;
            }
        }
        twin.write(|state| {
            if let Some(deployment) = state.deployment_mut(&process.deployment) {
                deployment.instance = Instance::Running;
                deployment.anew += 1;
            }
        });
    }
}

/// Returns how long the process has between SIGTERM and SIGKILL: 0 s unless the service says otherwise now.
fn draining(twin: &Arc<Twin>, process: &Process) -> Duration {
    let seconds = twin.read(|state| {
        let service = state.service(&process.service)?;
        let own = service
            .variables
            .get("RAILWAY_DEPLOYMENT_DRAINING_SECONDS")
            .and_then(|text| text.value.parse().ok());
        service.number("drainingSeconds").or(own)
    });
    twin.scaled(Duration::from_secs(seconds.unwrap_or(0)))
}

fn stopped(twin: &Arc<Twin>, process: &Process, instance: Instance) {
    let now = twin.clock.stamp();
    twin.write(|state| {
        if let Some(deployment) = state.deployment_mut(&process.deployment) {
            deployment.stopped = true;
            deployment.instance = instance;
            deployment.status_at = now;
        }
    });
}

fn instance(twin: &Arc<Twin>, process: &Process, instance: Instance) {
    twin.write(|state| {
        if let Some(deployment) = state.deployment_mut(&process.deployment) {
            deployment.instance = instance;
        }
    });
}
