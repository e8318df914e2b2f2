//! One deployment from being queued to being live.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::time::Instant;

use super::process::{Place, Process};
use super::record::{Step, happened};
use super::watch::{self, Restarts};
use super::{health, pull};
use crate::launcher::Running;
use crate::state::{Deployment, End, Happening, Instance, State, Status, Work};
use crate::twin::Twin;

/// How often a health check is repeated.
const PROBE_EVERY: Duration = Duration::from_millis(50);

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// At the queue.
    Start,
    /// At the process: the deployment was live before.
    Process,
}

/// What others tell a deployment's task.
pub(crate) type Orders = mpsc::UnboundedReceiver<End>;

/// Why a rollout is over before it was live.
enum Over {
    /// It failed, and its state says so.
    Failed,
    /// It was told to end, whichever way: it was never live, so it is removed.
    Ordered,
}

/// Rolls `deployment` out and stays with its process until that is over.
pub(crate) async fn run(twin: Arc<Twin>, deployment: String, mut orders: Orders, from: From) {
    if let Some(found) = twin.read(|state| state.deployment(&deployment).cloned()) {
        let rollout = Rollout { twin: &twin, deployment: found };
        let live = match from {
            From::Start => rollout.roll_out(&mut orders).await,
            From::Process => rollout.start_again(&mut orders).await,
        };
        match live {
            Ok((process, running, restarts)) => {
                watch::over(&twin, process, running, restarts, &mut orders).await;
            }
            Err(Over::Failed) => twin.fronts.leave(&deployment),
            Err(Over::Ordered) => {
                happened(&twin, &deployment, Happening::IsGone, Instance::Removed);
            }
        }
    }
    twin.has_ended(&deployment);
    orders.close();
    // What was told while this task was ending is told again, to the state.
    while let Ok(end) = orders.try_recv() {
        twin.write(|state| state.work.push(Work::End(deployment.clone(), end)));
    }
}

struct Rollout<'t> {
    twin: &'t Arc<Twin>,
    deployment: Deployment,
}

type Live = (Process, Running, Restarts);

impl Rollout<'_> {
    async fn roll_out(&self, orders: &mut Orders) -> Result<Live, Over> {
        self.wait_for_others(orders).await?;
        let _turn = self.turn(orders).await?;
        self.pause(orders).await?;
        self.happened(Happening::Begins, Instance::Initializing);
        let image =
            pull::image(self.twin, &self.deployment).map_err(|reason| self.failed(&reason))?;
        self.pause(orders).await?;
        let place =
            Place::of(self.twin, &self.deployment).map_err(|reason| self.failed(&reason))?;
        if !place.overlaps() {
            self.end_predecessors(orders).await?;
        }
        self.happened(Happening::Starts, Instance::Initializing);
        let process = Process::new(self.twin, &self.deployment, image, place);
        let live = self.get_healthy(process, orders).await?;
        self.happened(Happening::GetsHealthy, Instance::Running);
        self.replace(&live.0).await;
        Ok(live)
    }

    /// Starts the process of a deployment that crashed or was stopped.
    async fn start_again(&self, orders: &mut Orders) -> Result<Live, Over> {
        let _turn = self.turn(orders).await?;
        let image = pull::image(self.twin, &self.deployment).map_err(|_reason| Over::Failed)?;
        let place = Place::of(self.twin, &self.deployment).map_err(|_reason| Over::Failed)?;
        let process = Process::new(self.twin, &self.deployment, image, place);
        let started = process.start(self.twin).await;
        let running = started.map_err(|reason| self.gone(&process, &reason))?;
        self.twin.write(|state| {
            if let Some(deployment) = state.deployment_mut(&process.deployment) {
                deployment.stopped = false;
            }
        });
        self.happened(Happening::GetsHealthy, Instance::Running);
        self.replace(&process).await;
        Ok((process, running, Restarts::of(&self.deployment)))
    }

    async fn wait_for_others(&self, orders: &mut Orders) -> Result<(), Over> {
        let others = &self.deployment.waits_for;
        if others.is_empty() {
            return Ok(());
        }
        self.happened(Happening::WaitsForOthers, Instance::Created);
        let step = Step::begin(self.twin, &self.deployment.id, "WAIT_FOR_DEPENDENCIES");
        let settled = |state: &State| {
            let open =
                |id: &String| state.deployment(id).is_some_and(|other| other.status.in_progress());
            !others.iter().any(open)
        };
        ordered(orders, self.twin.until(settled)).await?;
        step.done("the services that its variables refer to are settled");
        Ok(())
    }

    async fn turn(&self, orders: &mut Orders) -> Result<OwnedMutexGuard<()>, Over> {
        ordered(orders, self.twin.turn(&self.deployment.service_id).lock_owned()).await
    }

    async fn pause(&self, orders: &mut Orders) -> Result<(), Over> {
        ordered(orders, tokio::time::sleep(self.twin.pace)).await
    }

    /// Starts the process until it is healthy, as often as the restart policy allows.
    async fn get_healthy(&self, process: Process, orders: &mut Orders) -> Result<Live, Over> {
        let mut restarts = Restarts::of(&self.deployment);
        let path = self.deployment.text("healthcheckPath").filter(|path| !path.is_empty());
        let own = self
            .deployment
            .variables
            .get("RAILWAY_HEALTHCHECK_TIMEOUT_SEC")
            .and_then(|text| text.parse().ok());
        let seconds = self.deployment.number("healthcheckTimeout").or(own).unwrap_or(300);
        let deadline = Instant::now() + self.twin.scaled(Duration::from_secs(seconds));
        let target = SocketAddr::from((process.place.address, process.place.port.unwrap_or(8080)));
        loop {
            let started = process.start(self.twin).await;
            let mut running = started.map_err(|reason| self.gone(&process, &reason))?;
            let Some(path) = path else { return Ok((process, running, restarts)) };
            let step = Step::begin(self.twin, &self.deployment.id, "HEALTHCHECK");
            step.note("attempt", json!(restarts.used + 1));
            let mut last = "was not asked yet".to_owned();
            let healthy = async {
                while let Err(why) = health::probe(target, path).await {
                    last = why;
                    tokio::time::sleep(PROBE_EVERY).await;
                }
            };
            let exit = tokio::select! {
                biased;
                _end = orders.recv() => {
                    step.done("the deployment was ended");
                    running.stop(Duration::ZERO).await;
                    process.release(self.twin);
                    return Err(Over::Ordered);
                }
                status = running.exited() => status,
                () = healthy => {
                    step.done(&format!("`{path}` answered 200"));
                    return Ok((process, running, restarts));
                }
                () = tokio::time::sleep_until(deadline) => {
                    let reason = format!("health check failed: no 200 within {seconds} s; {last}");
                    step.failed("HEALTHCHECK_FAILED", &reason);
                    running.stop(Duration::ZERO).await;
                    return Err(self.gone(&process, &reason));
                }
            };
            let reason = format!("the process ended before it was healthy: {exit}");
            step.failed("PROCESS_EXITED", &reason);
            match restarts.next(exit, self.twin.time_scale) {
                Some(delay) => ordered(orders, tokio::time::sleep(delay))
                    .await
                    .inspect_err(|_| process.release(self.twin))?,
                None => return Err(self.gone(&process, &reason)),
            }
        }
    }

    /// Moves traffic to the new process, then ends those before it.
    async fn replace(&self, process: &Process) {
        if let Some((front, behind)) = process.place.front() {
            let pointed =
                self.twin.fronts.point(self.twin, front, behind, &process.deployment).await;
            if let Err(error) = pointed {
                let step = Step::begin(self.twin, &process.deployment, "CONFIGURE_NETWORK");
                step.failed(
                    "ADDRESS_TAKEN",
                    &format!("the lab could not listen on {front}: {error}"),
                );
            }
        }
        let seconds = self.deployment.number("overlapSeconds").unwrap_or(0);
        let predecessors = self.predecessors();
        if !predecessors.is_empty() && process.place.overlaps() {
            tokio::time::sleep(self.twin.scaled(Duration::from_secs(seconds))).await;
        }
        self.twin.write(|state| {
            state
                .work
                .extend(predecessors.iter().map(|other| Work::End(other.clone(), End::Removed)));
        });
    }

    /// Ends what runs on the volume or port that this deployment needs, and waits until it is gone.
    async fn end_predecessors(&self, orders: &mut Orders) -> Result<(), Over> {
        let predecessors = self.predecessors();
        if predecessors.is_empty() {
            return Ok(());
        }
        let step = Step::begin(self.twin, &self.deployment.id, "DRAIN_INSTANCES");
        self.twin.write(|state| {
            state
                .work
                .extend(predecessors.iter().map(|other| Work::End(other.clone(), End::Removed)));
        });
        let gone = |state: &State| {
            let open = |id: &String| {
                state
                    .deployment(id)
                    .is_some_and(|other| other.status.active() || other.status == Status::Removing)
            };
            !predecessors.iter().any(open)
        };
        ordered(orders, self.twin.until(gone)).await?;
        step.done("the deployment before was stopped, because two can't hold one volume");
        Ok(())
    }

    /// Returns the deployments made before this one that are or were live.
    fn predecessors(&self) -> Vec<String> {
        let id = &self.deployment.id;
        self.twin.read(|state| {
            let earlier = state
                .deployments_of(&self.deployment.service_id)
                .take_while(|other| other.id != *id);
            let live = earlier.filter(|other| {
                matches!(other.status, Status::Success | Status::Crashed | Status::Sleeping)
            });
            live.map(|other| other.id.clone()).collect()
        })
    }

    fn happened(&self, happening: Happening, instance: Instance) {
        happened(self.twin, &self.deployment.id, happening, instance);
    }

    /// Records that the rollout failed for `reason`, which an event told already.
    fn failed(&self, reason: &str) -> Over {
        tracing::info!(deployment = self.deployment.id, reason, "a deployment failed");
        self.happened(Happening::Fails, Instance::Crashed);
        Over::Failed
    }

    fn gone(&self, process: &Process, reason: &str) -> Over {
        process.release(self.twin);
        self.failed(reason)
    }
}

/// Waits for `future`, unless the deployment is told to end before.
async fn ordered<T>(orders: &mut Orders, future: impl Future<Output = T>) -> Result<T, Over> {
    tokio::select! {
        biased;
        _end = orders.recv() => Err(Over::Ordered),
        value = future => Ok(value),
    }
}
