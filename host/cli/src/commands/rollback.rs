//! `lockstep rollback`: takes a run back to the version before.

use lockstep_engine::journal::{Direction, Event, Phase};

use super::apply::confirm;
use super::resume::{find, go_on, over};
use super::stages::{self, Known};
use crate::args::RollbackArguments;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::brief;
use crate::session::Session;
use crate::way_back::lost;

/// Runs the command.
pub(crate) async fn rollback(
    session: &Session,
    arguments: &RollbackArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let kept = find(session, &arguments.run).await?;
    if matches!(kept.state.phase, Phase::Finished(_)) {
        return Err(over(&kept).hint("going back from here is an upgrade of its own: plan it"));
    }
    if let Some((step, why)) = lost(&kept.state, &kept.plan.authority) {
        return Err(CliError::words(
            Exit::Stuck,
            format!(
                "run {} can't roll back: step `{step}` can't be undone: {}",
                kept.run,
                brief(&why)
            ),
        )
        .hint("the break-glass file of the run says what is left to do by hand"));
    }
    if let Some((_, label)) =
        kept.state.open.as_ref().filter(|_| matches!(kept.state.phase, Phase::Stuck(_)))
    {
        return Err(CliError::words(
            Exit::Stuck,
            format!("nobody knows yet whether effect `{label}` happened"),
        )
        .hint(format!(
            "say it first: `lockstep resume {} --assume happened:{label}` (or not-happened)",
            kept.run
        )));
    }
    if kept.state.direction == Direction::Forward
        && let Some(loss) = kept.state.loss_of_going_back(&kept.plan.authority)
    {
        output.say(&format!("Going back from here loses {}.", crate::render::tame(loss)));
        if !arguments.how.yes && !confirm("go back all the same", output).await? {
            output.say("Not rolled back; nothing was changed.");
            return Ok(Exit::Failed);
        }
    }
    if let Some((known, index)) = Known::of_ended(session, &kept.run).await {
        let stays = known.stays(index).map_or_else(String::new, |stays| format!("; {stays}"));
        let words = format!("Only {} is taken back{stays}.", known.title(index));
        output.say(&words);
    }
    let by = session.surroundings.person();
    let extra = match (kept.state.direction, &kept.state.phase) {
        (Direction::Back, Phase::Stuck(_) | Phase::Moved(_)) => vec![Event::Resumed { by }],
        (Direction::Back, _) => Vec::new(),
        (Direction::Forward, _) => {
            vec![Event::TurnedBack { why: format!("{} ({by})", arguments.why) }]
        }
    };
    let (how, take_over) = (&arguments.how, arguments.take_over);
    let told = Box::pin(go_on(session, kept, extra, how, take_over, output)).await?;
    stages::ended(session, told, output).await
}
