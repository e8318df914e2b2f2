//! Runs that are about to begin.

use std::collections::BTreeMap;
use std::sync::Arc;

use lockstep_engine::journal::{Event, Record};
use lockstep_engine::model::{Plan, RunId};
use lockstep_engine::run::{
    Clock as _, Ended, Execution, Guest, Journal as _, OnFailure, Options, Ports,
};
use lockstep_store::{Holder, Lease, NewRun, Store, Takeover};

use super::outside::Outside;
use crate::Fallible;

/// An approved run that holds its environment.
pub(super) struct Prepared {
    store: Store,
    plan: Arc<Plan>,
    run: RunId,
    lease: Lease,
    records: Vec<Record>,
}

impl Prepared {
    /// Makes the run as `lockstep apply` does.
    pub(super) async fn new(store: &Store, plan: &Arc<Plan>, name: String) -> Fallible<Self> {
        let (run, now): (RunId, _) = (name.parse()?, Outside.now());
        let digest = plan.authority.digest()?;
        let new = NewRun {
            id: run.clone(),
            environment: name.clone(),
            component: plan.authority.component.clone(),
            plan: digest,
            created: now,
            attachments: BTreeMap::new(),
        };
        let approved = vec![
            Event::Planned { plan: digest },
            Event::Approved { plan: digest, by: name.clone() },
        ];
        let (mut records, head) = store.create_run(new, approved).await?;
        let holder = Holder::this_process("bench")?;
        let lease = store.acquire(&name, &run, &holder, now, Takeover::IfGone).await?;
        let leased = Event::Leased { epoch: lease.epoch, holder: "bench".to_owned() };
        let (leased, _) = head.link(&run, lease.epoch, now, vec![leased])?;
        store.append(&run, lease.epoch, &head, &leased).await?;
        records.extend(leased.into_iter().map(Record::from));
        Ok(Self { store: store.clone(), plan: Arc::clone(plan), run, lease, records })
    }

    /// Runs it with the engine, and proves by the journal that all of so many effects were carried out.
    pub(super) async fn finish(self, guest: &mut impl Guest, all: usize) -> Fallible<()> {
        let outside = Outside;
        let ports = Ports {
            world: &outside,
            journal: &self.store,
            clock: &outside,
            reporter: &outside,
            control: &outside,
        };
        let options = Options {
            gates_approved_by: None,
            on_failure: OnFailure::Stop,
            until: None,
            outside_windows: None,
            detach: false,
            claimant: None,
            gone: None,
        };
        let authority = &self.plan.authority;
        let mut execution = Execution::new(
            ports,
            authority,
            options,
            self.run.clone(),
            self.lease.epoch,
            &self.records,
        )?;
        let ended = execution.run(guest).await?;
        let happened = execution.state().happened.len();
        if ended == Ended::Done && happened == all {
            return Ok(());
        }
        Err(format!("run {} ended as {ended:?} after {happened} effects of {all}", self.run).into())
    }
}
