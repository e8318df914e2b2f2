//! `lockstep runner`: takes detached runs from the store, one after the other or several at once.
//!
//! There is no queue of our own: the store gives each run to one runner, under a lease that is renewed while the run is
//! worked on. A runner that dies or hangs loses its runs to another, and what it writes after that is refused.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use lockstep_engine::model::{Millis, RunId};
use lockstep_engine::run::{Ended, Wait};
use lockstep_store::{Lease, LostLease};
use tokio::net::TcpListener;

use super::carry_on::{Carried, Worked, due, work};
use super::ended::tell;
use super::resume::find;
use super::stages;
use crate::args::{How, RunArguments, RunnerArguments};
use crate::clock::now;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::metrics::{self, Metrics};
use crate::output::Output;
use crate::session::Session;
use crate::signals::asked_to_end;

/// How often the store is asked for a run while there is none.
const POLL: Duration = Duration::from_secs(1);

/// How often a lease is given back that the store does not take.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// When a run is taken up again that could not be worked on here: another runner may be luckier.
const LATER: Millis = Millis::seconds(30);

/// Runs the command until it is asked to end.
pub(crate) async fn runner(
    session: &Session,
    arguments: &RunnerArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let holder = session.holder()?;
    let listener = match arguments.metrics {
        Some(address) => Some(metrics::bind(address).await?),
        None => None,
    };
    let mut scraped = std::pin::pin!(scraped(listener, session.metrics.clone()));
    output.say(&format!("Taking runs from {}.", session.store.place()));
    let ask = async |pause: Duration| {
        tokio::time::sleep(pause).await;
        session.store.take_next(&holder, now()).await
    };
    let mut working = FuturesUnordered::new();
    // Kept over the turns: a question that is dropped may have been answered with a run that nobody would work on, and a
    // signal that nobody waits for is lost.
    let mut asking = std::pin::pin!(ask(Duration::ZERO));
    let mut ending = std::pin::pin!(asked_to_end());
    loop {
        tokio::select! {
            biased;
            signal = &mut ending => {
                signal.or_exit(Exit::Failed)?;
                break;
            }
            Some(()) = working.next() => {}
            error = &mut scraped => return Err(error),
            taken = &mut asking, if working.len() < arguments.parallel => {
                let mut pause = POLL;
                match taken {
                    Ok(Some(lease)) => {
                        output.say(&format!("Run {} is taken.", lease.run));
                        working.push(one(session, lease, output));
                        pause = Duration::ZERO;
                    }
                    Ok(None) if working.is_empty() && arguments.until_idle => return Ok(Exit::Done),
                    Ok(None) => {}
                    Err(error) => {
                        output.say(&format!("The store can't be asked for runs: {error}"));
                    }
                }
                asking.set(ask(pause));
            }
        }
    }
    // Each run hears the same signal and stops where it is safe; another runner goes on with it.
    while working.next().await.is_some() {}
    if let Ok(Some(lease)) = asking.await {
        session.store.leave(&lease).await.or_exit(Exit::Failed)?;
    }
    output.say("No runs are taken any more.");
    Ok(Exit::Done)
}

/// Serves figures for as long as it is waited for, if there is an address for them.
async fn scraped(listener: Option<TcpListener>, metrics: Metrics) -> CliError {
    let Some(listener) = listener else { return std::future::pending().await };
    let served = metrics::serve(listener, metrics).await;
    let words = format!("metrics are served no more: {served:?}");
    CliError::words(Exit::Failed, words)
}

/// Works on one run and leaves it as its end says: to time, to a person, or to another runner.
async fn one(session: &Session, lease: Lease, output: &Output) {
    let run = lease.run.clone();
    let attempted = Box::pin(attempt(session, lease.clone(), output)).await;
    // This process lives on, so a lease that it kept would keep the run from everybody.
    let ours = give_back(session, &lease).await;
    let left = match attempted {
        Ok(Worked { ended, left: beside, notices, .. }) => {
            let told = tell(&run, &ended, beside, output);
            let left = leave(session, &run, &ended).await;
            let told = stages::ended(session, told, output).await;
            notices.send(&run, &ended).await;
            told.map(drop).and(left)
        }
        Err(error) => {
            output.say(&format!("Run {run} could not be worked on here: {:#}", error.error));
            if !ours {
                return;
            }
            session.store.detach(&run, now().plus(LATER)).await.or_exit(Exit::Failed)
        }
    };
    if let Err(error) = left {
        output.say(&format!("Run {run}: {:#}", error.error));
    }
}

/// Gives the lease back, again and again until the store takes it or this process is asked to end; returns false if another
/// process had taken the run meanwhile.
async fn give_back(session: &Session, lease: &Lease) -> bool {
    let mut ending = std::pin::pin!(asked_to_end());
    loop {
        match session.store.leave(lease).await {
            Ok(()) => return true,
            Err(LostLease::Superseded { .. }) => return false,
            Err(error) => tracing::warn!(run = %lease.run, %error, "a lease is not given back yet"),
        }
        tokio::select! {
            biased;
            _ = &mut ending => return true,
            () = tokio::time::sleep(GIVE_BACK) => {}
        }
    }
}

async fn leave(session: &Session, run: &RunId, ended: &Ended) -> Result<(), CliError> {
    let later = match ended {
        Ended::Done | Ended::RolledBack(_) => return Ok(()),
        Ended::Waiting(Wait::Paused) => Some(now()),
        Ended::Waiting(Wait::Claimed { .. }) => Some(now().plus(LATER)),
        Ended::Waiting(_) | Ended::Stuck(_) => due(ended),
    };
    match later {
        Some(later) => session.store.detach(run, later).await.or_exit(Exit::Failed),
        None => session.store.recall(run).await.or_exit(Exit::Failed),
    }
}

async fn attempt<'a>(
    session: &'a Session,
    lease: Lease,
    output: &'a Output,
) -> Result<Worked<'a>, CliError> {
    let named = RunArguments { run: Some(lease.run.to_string()) };
    let kept = find(session, &named).await?;
    let name = kept.plan.authority.environment.name.clone();
    let opened = session.reach(name, kept.configuration).await?;
    opened.announcer.name(&lease.run);
    let loaded = session.plugin_of(kept.plugin).await?;
    let (run, plan) = (kept.run, kept.plan);
    let carried = Carried { run, loaded, plan, extra: Vec::new(), loss: None, lease: Some(lease) };
    work(session, opened, carried, &How::of_runner(), false, output).await
}
