//! Going on with a composite plan: stage after stage, each planned anew at its turn and approved by itself.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use lockstep_engine::model::Composite;
use lockstep_engine::run::difference;

use super::known::Known;
use super::words::capital;
use crate::args::How;
use crate::commands::apply::{confirm, enter, moved, plan_unheld, refuse_held};
use crate::commands::carry_on::known_step;
use crate::commands::ended::Told;
use crate::commands::notices;
use crate::commands::plan::{Planned, Wish};
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
        let (opened, planned) = match ready.map_err(|error| known.stopped(index, error))? {
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
        let ran = ran
            .map_err(|error| error.within(format!("could not go on in {}", known.title(index))))?;
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
    if planned.plan.refuses() {
        let words = format!("{title} refuses, and is not begun: mend what is marked ✗");
        return Ok(Ready::Left(Exit::Refused, format!("{words}{}", known.how_to_go_on())));
    }
    if let Some(until) = &how.until {
        known_step(&planned.plan.authority, until)?;
    }
    refuse_held(session, &opened).await?;
    if !how.yes {
        if let Some((exit, words)) = declined(known, index, output).await? {
            return Ok(Ready::Left(exit, words));
        }
        begun_meanwhile(session, known, index).await?;
    }
    Ok(Ready::Approved(Box::new((opened, planned))))
}

/// Says what differs from the preview. The first stage that has something to do is none, and neither are those before it: like
/// any plan that was written to a file, they must still be what planning leads to, until a stage has been begun.
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
    if planned_to_be_first && known.newest().is_none() {
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

/// Refuses to begin a stage that somebody else has begun while a person was asked.
async fn begun_meanwhile(session: &Session, known: &Known, index: usize) -> Result<(), CliError> {
    let now = Known::of(session, known.composite().clone()).await?;
    match now.run(index).filter(|now| known.run(index).is_none_or(|it| it.run != now.run)) {
        None => Ok(()),
        Some(now) => Err(CliError::words(
            Exit::Held,
            format!("{} was begun meanwhile by run {}", known.title(index), now.run),
        )
        .hint(format!("`lockstep show {}` tells where it stands", now.run))),
    }
}

impl Known {
    /// Says how to go on with a composite plan of which a stage was begun.
    fn how_to_go_on(&self) -> String {
        let Some(newest) = self.newest() else { return ".".to_owned() };
        let run = &newest.run;
        let stays = if self.any_done() { " What is done stays done." } else { "" };
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

    /// Says of an error which stage it stopped.
    fn stopped(&self, index: usize, error: CliError) -> CliError {
        let error = error.within(format!("could not go on with {}", self.title(index)));
        match self.newest() {
            Some(newest) => error.hint(format!(
                "what is done stays done; then go on with `lockstep resume {}`",
                newest.run
            )),
            None => error,
        }
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
                "canaries": told.map(|told| &told.canaries),
            }),
        )?;
        Ok(exit)
    }
}
