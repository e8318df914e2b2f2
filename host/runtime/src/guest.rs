//! A plugin as the engine calls it: a fresh instance for each call, dropped after it, whatever its end.

use lockstep_engine::model::{
    Answer, Call, Description, Draft, Fact, Failure, Moment, Observation, Progress, Sample,
    StepCall, Target,
};
use lockstep_engine::run::{Guest, GuestError, Host, TrapKind};
use wasmtime::Store;

use crate::bindings::Upgrader;
use crate::component::{Core, Plugin};
use crate::convert::{Inward, Outward, Refused};
use crate::instance::Instance;
use crate::seed::Seed;
use crate::trap::explain;

impl Guest for Plugin {
    async fn describe(&mut self) -> Result<Description, GuestError> {
        let seed = Seed::of(&[&self.core.digest.to_string(), "describe"]);
        let mut nobody = Nobody;
        let described =
            self.call("describe", seed, Moment(0), &mut nobody, async |guest, store| {
                guest.lockstep_plugin_upgrade().call_describe(store).await
            });
        answer("describe", described.await?)
    }

    async fn plan(
        &mut self,
        target: &Target,
        host: &mut impl Host,
    ) -> Result<Result<Draft, Failure>, GuestError> {
        let seed = Seed::of(&[&self.core.digest.to_string(), "plan"]);
        let (now, target) = (target.now, target.clone().outward());
        let planned = self.call("plan", seed, now, host, async |guest, store| {
            guest.lockstep_plugin_upgrade().call_plan(store, &target).await
        });
        answer("plan", planned.await?)
    }

    async fn observe(
        &mut self,
        call: &StepCall,
        memo: &[Fact],
        host: &mut impl Host,
    ) -> Result<Result<Observation, Failure>, GuestError> {
        let (seed, now) = (seed_of(call, "observe", ""), call.now);
        let (call, memo) = (call.clone().outward(), memo.to_vec().outward());
        let observed = self.call("observe", seed, now, host, async |guest, store| {
            guest.lockstep_plugin_upgrade().call_observe(store, &call, &memo).await
        });
        answer("observe", observed.await?)
    }

    async fn apply(
        &mut self,
        call: &StepCall,
        host: &mut impl Host,
    ) -> Result<Result<Vec<Fact>, Failure>, GuestError> {
        let (seed, now) = (seed_of(call, "apply", ""), call.now);
        let call = call.clone().outward();
        let applied = self.call("apply", seed, now, host, async |guest, store| {
            guest.lockstep_plugin_upgrade().call_apply(store, &call).await
        });
        answer("apply", applied.await?)
    }

    async fn check(
        &mut self,
        call: &StepCall,
        memo: &[Fact],
        host: &mut impl Host,
    ) -> Result<Result<Progress, Failure>, GuestError> {
        let (seed, now) = (seed_of(call, "check", ""), call.now);
        let (call, memo) = (call.clone().outward(), memo.to_vec().outward());
        let checked = self.call("check", seed, now, host, async |guest, store| {
            guest.lockstep_plugin_upgrade().call_check(store, &call, &memo).await
        });
        answer("check", checked.await?)
    }

    async fn probe(
        &mut self,
        watch: &str,
        call: &StepCall,
        host: &mut impl Host,
    ) -> Result<Result<Sample, Failure>, GuestError> {
        let (seed, now) = (seed_of(call, "probe", watch), call.now);
        let call = call.clone().outward();
        let probed = self.call("probe", seed, now, host, async |guest, store| {
            guest.lockstep_plugin_upgrade().call_probe(store, watch, &call).await
        });
        answer("probe", probed.await?)
    }
}

impl Plugin {
    async fn call<T>(
        &self,
        function: &'static str,
        seed: Seed,
        now: Moment,
        host: &mut impl Host,
        run: impl AsyncFnOnce(&Upgrader, &mut Store<Instance>) -> wasmtime::Result<T>,
    ) -> Result<T, GuestError> {
        let called = self.core.call(function, seed, now, host, async |store| {
            let guest = self.pre.instantiate_async(&mut *store).await?;
            run(&guest, store).await
        });
        called.await
    }
}

impl Core {
    /// Runs `run`, which makes an instance and calls a function of it, and has `host` answer what it asks.
    pub(crate) async fn call<T>(
        &self,
        function: &'static str,
        seed: Seed,
        now: Moment,
        host: &mut impl Host,
        run: impl AsyncFnOnce(&mut Store<Instance>) -> wasmtime::Result<T>,
    ) -> Result<T, GuestError> {
        let mut store =
            Instance::store(&self.engine, &self.limits, seed, now).map_err(|error| {
                GuestError::Host { function: function.to_owned(), message: format!("{error:#}") }
            })?;
        let (slot, stderr) = (store.data().slot(), store.data().stderr());
        let _running = self.ticker.run();
        let ended = slot.drive(run(&mut store), host, self.limits.wall).await;
        ended
            .map_err(wasmtime::Error::from)
            .flatten()
            .map_err(|error| explain(&error, function, &stderr, &self.limits))
    }
}

/// The host of `describe`, which may ask for nothing.
pub(crate) struct Nobody;

impl Host for Nobody {
    async fn answer(&mut self, call: Call) -> Answer {
        let denied =
            || Failure::denied("call:not-here", "`describe` may not ask the host for anything");
        match call {
            Call::Read(_) | Call::DeploymentOf(_) => Answer::Read(Err(denied())),
            Call::Declare(_) => Answer::Declared(Err(denied())),
            Call::Perform(..) => Answer::Performed(Err(denied())),
            Call::Progress(_) => Answer::Progressed(Err(denied())),
            Call::Log(level, message) => {
                tracing::debug!(?level, ?message, "a plugin describes itself");
                Answer::Logged
            }
        }
    }
}

fn seed_of(call: &StepCall, function: &str, watch: &str) -> Seed {
    Seed::of(&[call.run.as_str(), call.step.as_str(), &call.round.to_string(), function, watch])
}

fn answer<T: Inward>(function: &str, answer: T) -> Result<T::Inside, GuestError> {
    answer.inward().map_err(|Refused(message)| GuestError::Trap {
        kind: TrapKind::Answer,
        function: function.to_owned(),
        message: format!("its answer is not one that this contract knows: {message}"),
    })
}
