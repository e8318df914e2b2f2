//! Going on with a composite plan: stage after stage, each planned anew at its turn and approved by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;

use lockstep_engine::journal::Phase;
use lockstep_engine::model::{Composite, Finding, Millis, Preview, Previewed, RunId};
use lockstep_engine::run::difference;

use super::known::Known;
use super::refusals::at_its_turn;
use super::words::capital;
use crate::args::How;
use crate::clock::now;
use crate::commands::apply::{confirm, enter, moved, plan_unheld, refuse_held};
use crate::commands::carry_on::known_step;
use crate::commands::ended::Told;
use crate::commands::notices;
use crate::commands::plan::{Planned, Wish};
use crate::commands::railway_toml;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::render::{self, tame};
use crate::session::{Opened, Session};
use crate::signals::asked_to_end;

/// What became of a stage that was to be begun.
enum Ready {
    /// It was planned anew and approved.
    Approved(Box<(Opened, Planned)>),
    /// The wanted version runs already.
    Nothing,
    /// It is not begun: how the command ends, and why.
    Left(Exit, String),
}

/// Takes up the first stage that is not done, and each one after it, for as long as they end done. `told` is what a run of
/// this command has come to already.
pub(crate) async fn proceed(
    session: &Session,
    composite: Composite,
    how: &How,
    mut told: Option<Told>,
    output: &Output,
) -> Result<Exit, CliError> {
    let mut passed = BTreeSet::new();
    // Kept over the stages: whoever wants to stop while one ends does not want the next to begin.
    let mut ending = std::pin::pin!(asked_to_end());
    loop {
        let known = Known::of(session, composite.clone()).await?;
        let Some(index) = known.at_hand(&passed) else {
            let words = known.all_done();
            output.say(&words);
            return known.answer(told.as_ref(), Exit::Done, &words, output);
        };
        let ready = if told.as_ref().is_some_and(|told| told.asked_to_stop) {
            Ok(known.stopped_before(index))
        } else {
            tokio::select! {
                biased;
                signal = &mut ending => signal.or_exit(Exit::Failed).map(|()| known.stopped_before(index)),
                ready = Box::pin(prepare(session, &known, index, how, output)) => ready,
            }
        };
        let ready = ready.or_else(|error| {
            known.stopped(index, error).map(|(exit, words)| Ready::Left(exit, words))
        });
        let (opened, planned) = match ready? {
            Ready::Approved(approved) => *approved,
            Ready::Nothing => {
                passed.insert(index);
                continue;
            }
            Ready::Left(exit, words) => {
                output.say(&words);
                return known.answer(told.as_ref(), exit, &words, output);
            }
        };
        let ran = enter(session, opened, planned, Some(&composite), how, output).await;
        let ran = match ran {
            Ok(ran) => ran,
            // Its run may have been made by then, and whoever reads this must be told of that one.
            Err(error) => {
                let now = Known::of(session, composite.clone()).await?;
                let (exit, words) = now.stopped(index, error)?;
                output.say(&words);
                return now.answer(told.as_ref(), exit, &words, output);
            }
        };
        if ran.exit != Exit::Done {
            return ended(session, ran, output).await;
        }
        told = Some(ran);
    }
}

/// Ends a command with what a run came to; where the run is a stage, also with what is left to do.
pub(crate) async fn ended(
    session: &Session,
    told: Told,
    output: &Output,
) -> Result<Exit, CliError> {
    let Some((known, index)) = Known::of_ended(session, &told.run).await else {
        return told.answer(output);
    };
    let words = known.aftermath(index, told.exit);
    output.say(&words);
    let message = format!("{}\n{words}", told.message);
    known.answer(Some(&told), told.exit, &message, output)
}

/// Plans a stage anew, shows it, and has it approved.
async fn prepare(
    session: &Session,
    known: &Known,
    index: usize,
    how: &How,
    output: &Output,
) -> Result<Ready, CliError> {
    let Some(stage) = known.stage(index) else { return Ok(Ready::Nothing) };
    let opened = known.open(session).await?;
    notices::required(session, &opened.document)?;
    let before = newest_run(session, known).await?;
    let wish = Wish { component: stage.component.clone(), desired: stage.desired.clone() };
    let planned = plan_unheld(session, &opened, &wish).await?;
    let title = capital(&known.title(index));
    if planned.plan.is_nothing() {
        output.say(&format!("{title}: nothing to do, so it is passed over."));
        return Ok(Ready::Nothing);
    }
    output.say(&format!("\n━━ {title}"));
    output.say(&render::plan(&planned.plan, &planned.digest.to_string()));
    if let Some(words) = differs(known, index, &planned)? {
        output.say(&words);
    }
    let order = out_of_order(session, known, index, &planned).await?;
    if !order.is_empty() {
        let mut words = String::new();
        render::findings(&mut words, &order);
        output.say(&words);
    }
    if planned.plan.refuses() || !order.is_empty() {
        let words = format!("{title} refuses, and is not begun: mend what is marked ✗");
        return Ok(Ready::Left(Exit::Refused, format!("{words}{}", known.how_to_go_on())));
    }
    if let Some(path) = &how.write_config {
        output.say(&railway_toml::announced(path, &planned.plan)?);
    }
    if let Some(until) = &how.until {
        known_step(&planned.plan.authority, until)?;
    }
    refuse_held(session, &opened).await?;
    if !how.yes
        && let Some((exit, words)) = declined(known, index, output).await?
    {
        return Ok(Ready::Left(exit, words));
    }
    match newest_run(session, known).await? {
        now if now == before => {}
        now => return Err(begun_meanwhile(now)),
    }
    Ok(Ready::Approved(Box::new((opened, planned))))
}

/// Returns what keeps a stage from its place in the order, judged by the plan that it has at its turn and by when the stages before it
/// were over.
async fn out_of_order(
    session: &Session,
    known: &Known,
    index: usize,
    planned: &Planned,
) -> Result<Vec<Finding>, CliError> {
    let mut stages = known.composite().stages.clone();
    if let Some(stage) = stages.get_mut(index) {
        let Planned { digest, plan, .. } = planned;
        let preview = Previewed { digest: *digest, plan: plan.clone() };
        stage.preview = Preview::Planned(Box::new(preview));
    }
    let mut over = BTreeMap::new();
    for earlier in 0..index {
        let Some(run) = known.run(earlier) else { continue };
        let records = session.store.records(&run.run).await.or_exit(Exit::Failed)?;
        over.extend(records.last().map(|last| (earlier, last.at)));
    }
    let now = now();
    let since = |earlier: usize| over.get(&earlier).map_or(Millis(0), |at| now.since(*at));
    at_its_turn(&stages, index, &since)
}

/// Says what differs from the preview. The first stage that has something to do is none, and neither are those before it: like
/// any plan that was written to a file, they must still be what planning leads to, until a stage is done.
fn differs(known: &Known, index: usize, planned: &Planned) -> Result<Option<String>, CliError> {
    let Some(preview) = known.stage(index).and_then(|stage| stage.preview.planned()) else {
        return Ok(Some(
            "It could not be planned before its turn: this is its first plan.".to_owned(),
        ));
    };
    if preview.digest == planned.digest {
        return Ok(None);
    }
    let field = difference(&preview.plan.authority, &planned.plan.authority);
    let field = field.or_exit(Exit::Failed)?;
    let planned_to_be_first = known.composite().first().is_none_or(|first| index <= first);
    if planned_to_be_first && !known.any_done() {
        return Err(moved(&field));
    }
    Ok(Some(format!(
        "It differs from its preview, as is to be expected of a stage that is planned at its turn: first in `{}`.",
        tame(&field)
    )))
}

/// Asks for the approval of a stage, and returns why it is not given.
async fn declined(
    known: &Known,
    index: usize,
    output: &Output,
) -> Result<Option<(Exit, String)>, CliError> {
    let title = known.title(index);
    let somebody = std::io::stdin().is_terminal();
    // Where nothing was changed so far, it ends as a plan of one component does.
    if (somebody || !known.any_done())
        && confirm(&format!("approve {title} and begin"), output).await?
    {
        return Ok(None);
    }
    let (exit, why) = match (somebody, known.any_done()) {
        (true, false) => (Exit::Failed, "is not approved; nothing was changed"),
        (true, true) => (Exit::Waiting, "is not approved, and not begun"),
        (false, _) => (Exit::Waiting, "is not begun: nobody is there to approve what stands above"),
    };
    Ok(Some((exit, format!("{} {why}{}", capital(&title), known.how_to_go_on()))))
}

/// Returns the run that was begun last in the environment.
async fn newest_run(session: &Session, known: &Known) -> Result<Option<RunId>, CliError> {
    let environment = &known.composite().environment.environment_id;
    let runs = session.store.runs().await.or_exit(Exit::Failed)?;
    Ok(runs.into_iter().find(|run| run.environment == *environment).map(|run| run.id))
}

/// Refuses to begin what was planned before somebody else began something.
fn begun_meanwhile(run: Option<RunId>) -> CliError {
    let run = run.map_or_else(String::new, |run| format!(" by run {run}"));
    CliError::words(Exit::Held, format!("something was begun in the environment meanwhile{run}"))
        .hint("nothing of this stage is begun: look at that run, then go on, which plans it anew")
}

impl Known {
    /// Says how to go on with a composite plan of which a stage was begun.
    fn how_to_go_on(&self) -> String {
        let Some(newest) = self.newest() else { return ".".to_owned() };
        let run = &newest.run;
        let stays = if self.any_done() { " What is done stays done." } else { "" };
        if !matches!(newest.phase, Phase::Finished(_)) {
            return format!(
                ". Run {run} is not over: `lockstep resume {run}` or `lockstep rollback {run}`.{stays}"
            );
        }
        format!(
            ". `lockstep resume {run}` plans it anew and asks; with --yes it is approved as it is shown.{stays}"
        )
    }

    /// Says that the command was asked to stop before a stage.
    fn stopped_before(&self, index: usize) -> Ready {
        let exit = if self.any_done() { Exit::Waiting } else { Exit::Failed };
        let title = capital(&self.title(index));
        let words = format!("{title} is not begun, because the command was asked to stop");
        Ready::Left(exit, format!("{words}{}", self.how_to_go_on()))
    }

    /// Returns how a command ends that an error stopped in a stage. Once another stage is done, something was changed, and
    /// the command has an answer all the same.
    fn stopped(&self, index: usize, error: CliError) -> Result<(Exit, String), CliError> {
        let error = error.within(format!("could not go on with {}", self.title(index)));
        if !self.any_done() {
            return Err(error);
        }
        let waits = matches!(error.exit, Exit::Failed | Exit::Usage);
        let exit = if waits { Exit::Waiting } else { error.exit };
        let mut words = format!("{:#}{}", error.error, self.how_to_go_on());
        for hint in &error.hints {
            words.push_str("\nHint: ");
            words.push_str(hint);
        }
        Ok((exit, words))
    }

    /// Prints the answer of a command that worked on stages.
    fn answer(
        &self,
        told: Option<&Told>,
        exit: Exit,
        message: &str,
        output: &Output,
    ) -> Result<Exit, CliError> {
        output.json(
            "run",
            &serde_json::json!({
                "run": told.map(|told| &told.run), "exit": exit.code(), "message": message,
                "composite": self.composite().id, "stages": self.rows(),
                "canaries": told.map(|told| &told.left.canaries), "attention": told.map(|told| &told.left.attention),
            }),
        )?;
        Ok(exit)
    }
}
