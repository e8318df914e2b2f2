//! The host as `plan`, `observe`, `check` and `probe` see it: reads, and declarations where planning allows them.

use super::bounds::{MAX_DENIED, MAX_EFFECTS, MAX_LABEL, line};
use super::port::{Follow, Host, News, Reporter, World};
use crate::journal::RunState;
use crate::model::{
    Answer, Authority, Call, Denial, Effect, Fact, Failure, Job, Label, Problem, Read, Reading,
    RunId, deployment_id,
};
use crate::policy::{Grant, admit};

/// What a look is about.
pub(crate) enum About<'a> {
    /// Planning: effects may be declared.
    Plan(&'a mut Proposed, &'a mut Answered),
    /// A run's step.
    Run {
        authority: &'a Authority,
        state: &'a RunState,
        run: &'a RunId,
        /// What was denied, each once, to be recorded afterwards.
        denied: Vec<Denial>,
    },
}

/// What Railway answered during one planning. A plan rests on one look at the environment: asking again what was answered
/// a moment ago takes seconds and could only make the two drafts differ.
#[derive(Debug, Default)]
pub(crate) struct Answered(Vec<(Read, Reading)>);

impl Answered {
    fn to(&self, read: &Read) -> Option<Reading> {
        self.0.iter().find(|(asked, _)| asked == read).map(|(_, reading)| reading.clone())
    }

    fn keep(&mut self, read: &Read, reading: &Reading) {
        if is_of_the_environment(read) {
            self.0.push((read.clone(), reading.clone()));
        }
    }
}

/// Returns whether a read is about how the environment is set up. What runs in it is read anew each time: a plan must not
/// rest on what changes every second.
fn is_of_the_environment(read: &Read) -> bool {
    match read {
        Read::Services
        | Read::Variables(_)
        | Read::Destination(..)
        | Read::Deployments(..)
        | Read::Deployment(_)
        | Read::Backups(_)
        | Read::Staged
        | Read::Published(_)
        | Read::Template(_) => true,
        Read::Logs(..)
        | Read::Traffic(..)
        | Read::Redis(..)
        | Read::Keyspace(..)
        | Read::Sql(..)
        | Read::Http(..) => false,
    }
}

/// What came of one call of `plan`, beside its answer.
#[derive(Debug, Default)]
pub(crate) struct Proposed {
    /// The effects that were declared.
    pub(crate) declared: Vec<Effect>,
    /// What was denied, each once. The host keeps it by itself, because a plugin may hide it or make it up.
    pub(crate) denied: Vec<Denial>,
}

/// A host that changes nothing.
pub(crate) struct Look<'a, W, R> {
    pub(crate) world: &'a W,
    pub(crate) reporter: &'a R,
    pub(crate) grant: &'a Grant,
    pub(crate) about: About<'a>,
}

impl<W: World, R: Reporter> Host for Look<'_, W, R> {
    async fn answer(&mut self, call: Call) -> Answer {
        let words = call.words();
        let answer = match call {
            Call::Read(read) => Answer::Read(self.read(&read).await),
            Call::DeploymentOf(label) => Answer::Read(self.deployment_of(&label).await),
            Call::Declare(effect) => Answer::Declared(self.declare(effect)),
            Call::Perform(label, _) => Answer::Performed(Err(Failure::denied(
                "call:not-here",
                format!("effect `{label}` can only be performed in `apply`"),
            ))),
            Call::Progress(label) => Answer::Progressed(self.progress(&label).await),
            Call::Log(level, text) => {
                self.reporter.report(News::PluginSays(level, line(&text)));
                Answer::Logged
            }
        };
        if let Some(denied) = answer.denied() {
            self.tell(words, denied);
        }
        answer
    }
}

impl<W: World, R: Reporter> Look<'_, W, R> {
    async fn read(&mut self, read: &Read) -> Result<Reading, Failure> {
        self.grant.read(read)?;
        let About::Plan(_, answered) = &mut self.about else { return self.world.read(read).await };
        if let Some(reading) = answered.to(read) {
            return Ok(reading);
        }
        let reading = self.world.read(read).await?;
        answered.keep(read, &reading);
        Ok(reading)
    }

    /// People hear of everything that was denied, whatever the plugin makes of it.
    fn tell(&mut self, call: String, problem: &Problem) {
        let all = match &mut self.about {
            About::Run { denied, .. } => {
                self.reporter.report(News::Denied(problem.clone()));
                denied
            }
            About::Plan(Proposed { denied, .. }, _) => denied,
        };
        if all.len() < MAX_DENIED && !all.iter().any(|known| known.problem == *problem) {
            all.push(Denial { call, problem: problem.clone() });
        }
    }

    /// Returns what was denied in a run.
    pub(crate) fn into_denied(self) -> Vec<Denial> {
        match self.about {
            About::Run { denied, .. } => denied,
            About::Plan(..) => Vec::new(),
        }
    }

    fn declare(&mut self, effect: Effect) -> Result<(), Failure> {
        let About::Plan(Proposed { declared, .. }, _) = &mut self.about else {
            return Err(Failure::denied("call:not-here", "effects can only be declared in `plan`"));
        };
        self.grant.declare(&effect)?;
        let refuse = |why: String| Err(Failure::permanent("plan:declaration", why));
        if declared.len() >= MAX_EFFECTS {
            return refuse(format!("a plan has at most {MAX_EFFECTS} effects"));
        }
        if effect.label.as_str().len() > MAX_LABEL {
            return refuse(format!(
                "label `{}` is longer than {MAX_LABEL} characters",
                effect.label
            ));
        }
        if declared.iter().any(|earlier| earlier.label == effect.label) {
            return refuse(format!("effect `{}` is declared twice", effect.label));
        }
        declared.push(effect);
        Ok(())
    }

    async fn deployment_of(&self, label: &Label) -> Result<Reading, Failure> {
        let About::Run { state, .. } = &self.about else { return Ok(Reading::Deployment(None)) };
        match deployment_id(&state.given(label)) {
            None => Ok(Reading::Deployment(None)),
            Some(id) => self.world.read(&Read::Deployment(id)).await,
        }
    }

    async fn progress(&self, label: &Label) -> Result<Option<Job>, Failure> {
        let About::Run { authority, state, run, .. } = &self.about else { return Ok(None) };
        let Some(performed) = state.effects.get(label).filter(|known| known.may_have_happened())
        else {
            return Ok(None);
        };
        let mut given = performed.given();
        if performed.ended.is_some() {
            return Ok(Some(job(true, String::new(), given)));
        }
        let steps = authority.steps.iter().map(|frozen| &frozen.step);
        let mut all = steps.chain(authority.undo.iter().map(|frozen| &frozen.step));
        let Some(step) = all.find(|step| step.effects.contains(label)) else { return Ok(None) };
        let admitted = admit(authority, state, run, step, label, &performed.intent.arguments, 0)?;
        Ok(Some(match self.world.follow(&admitted, &performed.intent, &given).await? {
            Follow::Finished(facts) => {
                given.extend(facts);
                job(true, String::new(), given)
            }
            Follow::Going { note, .. } => job(false, note, given),
            Follow::Failed(why) => return Err(Failure::permanent("effect:failed", why)),
        }))
    }
}

fn job(finished: bool, note: String, facts: Vec<Fact>) -> Job {
    Job { finished, done: u64::from(finished), total: 1, note, facts }
}
