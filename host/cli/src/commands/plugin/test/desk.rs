//! The host of one call of a plugin: it answers, fails what is to fail, and writes down what was asked.

use std::collections::BTreeMap;
use std::rc::Rc;

use lockstep_engine::model::{
    Answer, Call, Effect, Fact, Failure, Grantable, Label, Read, Reading,
};
use lockstep_engine::policy::Grant;
use lockstep_engine::run::Host;
use tokio::sync::Notify;

use super::after::After;
use super::answers::{Answers, words};

/// Which function is called, and what it may do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum May {
    /// `plan`: read and declare.
    Declare,
    /// `observe` and `check`: read.
    Read,
    /// `apply`: perform these; `probe` reads beside that.
    Perform(Vec<Label>),
    /// `probe`: read, and perform these.
    Probe(Vec<Label>),
}

/// Which calls of the host end otherwise.
#[derive(Clone, Debug, Default)]
pub(super) enum Fault {
    /// None.
    #[default]
    None,
    /// The one with this number fails like this.
    Nth(usize, Failure),
    /// Every one that needs this grant is denied.
    Without(Grantable),
    /// The one with this number is never answered: the process is gone.
    Cut(usize),
}

/// One call of the host.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    /// In words.
    pub(super) words: String,
    /// What has to be granted for it; none where nothing has.
    pub(super) needs: Option<Grantable>,
    /// Whether it may fail by itself: everything but declarations and log lines.
    pub(super) may_fail: bool,
}

/// What is left of a call's host.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// What was asked, in its order.
    pub(super) asked: Vec<Asked>,
    /// What was declared.
    pub(super) declared: Vec<Effect>,
    /// What was performed.
    pub(super) performed: Vec<Label>,
    /// What no plugin may do, in words.
    pub(super) breaches: Vec<String>,
}

/// The host of one call.
pub(super) struct Desk<'a, 'b> {
    /// What reads are answered.
    pub(super) answers: &'a mut Answers<'b>,
    /// How that differs by now.
    pub(super) after: After,
    /// What the plugin asks for in its description.
    pub(super) grant: &'a Grant,
    /// The effects of the plan.
    pub(super) effects: &'a BTreeMap<Label, Effect>,
    /// What the function may do.
    pub(super) may: May,
    /// What ends otherwise.
    pub(super) fault: Fault,
    /// Woken where the call is cut off.
    pub(super) cut: Rc<Notify>,
    /// What came of it.
    pub(super) left: Left,
}

impl Host for Desk<'_, '_> {
    async fn answer(&mut self, call: Call) -> Answer {
        if let Call::Log(..) = call {
            return Answer::Logged;
        }
        let number = self.left.asked.len();
        let (words, needs) = (words_of(&call), needs(&call));
        let may_fail = !matches!(call, Call::Declare(_));
        self.left.asked.push(Asked { words, needs: needs.clone(), may_fail });
        let failure = match &self.fault {
            Fault::Nth(nth, failure) if *nth == number => Some(failure.clone()),
            Fault::Without(one) if needs.as_ref() == Some(one) => Some(denial()),
            Fault::Cut(nth) if *nth == number => {
                self.cut.notify_one();
                std::future::pending::<Option<Failure>>().await
            }
            Fault::None | Fault::Nth(..) | Fault::Without(_) | Fault::Cut(_) => None,
        };
        match call {
            Call::Read(read) => Answer::Read(self.read(&read, failure).await),
            Call::DeploymentOf(label) => Answer::Read(match failure {
                Some(failure) => Err(failure),
                None => self.may_read().map(|()| self.after.deployment_of(&label)),
            }),
            Call::Declare(effect) => Answer::Declared(self.declare(effect)),
            Call::Perform(label, _) => Answer::Performed(match failure {
                Some(failure) => Err(failure),
                None => self.perform(&label),
            }),
            Call::Progress(label) => match failure {
                Some(failure) => Answer::Progressed(Err(failure)),
                None => self.after.progress(&label),
            },
            Call::Log(..) => Answer::Logged,
        }
    }
}

impl Desk<'_, '_> {
    fn may_read(&mut self) -> Result<(), Failure> {
        if matches!(self.may, May::Perform(_)) {
            self.left
                .breaches
                .push("it reads in `apply`, which is answered `denied` in a run".to_owned());
            return Err(not_here("read"));
        }
        Ok(())
    }

    async fn read(&mut self, read: &Read, failure: Option<Failure>) -> Result<Reading, Failure> {
        self.may_read()?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        if let Err(denied) = self.grant.read(read) {
            self.left
                .breaches
                .push(format!("it reads `{}` and does not ask for that", words(read)));
            return Err(denied);
        }
        let reading = self.answers.to(read).await?;
        Ok(self.after.seen(read, reading))
    }

    fn declare(&mut self, effect: Effect) -> Result<(), Failure> {
        if self.may != May::Declare {
            self.left.breaches.push(format!("it declares `{}` outside `plan`", effect.label));
            return Err(not_here("declare"));
        }
        if self.left.declared.iter().any(|one| one.label == effect.label) {
            self.left.breaches.push(format!("it declares `{}` twice", effect.label));
        }
        if let Err(denied) = self.grant.declare(&effect) {
            let function = effect.kind.function();
            self.left.breaches.push(format!(
                "it declares `{}`, and does not ask for `{function}` there",
                effect.label
            ));
            return Err(denied);
        }
        self.left.declared.push(effect);
        Ok(())
    }

    fn perform(&mut self, label: &Label) -> Result<Vec<Fact>, Failure> {
        let (May::Perform(listed) | May::Probe(listed)) = &self.may else {
            self.left
                .breaches
                .push(format!("it performs `{label}` where nothing may be performed"));
            return Err(not_here("perform"));
        };
        let Some(effect) = self.effects.get(label).filter(|_| listed.contains(label)) else {
            self.left.breaches.push(format!("it performs `{label}`, which its step does not list"));
            return Err(not_here("perform"));
        };
        self.after.perform(effect);
        self.left.performed.push(label.clone());
        Ok(Vec::new())
    }
}

/// Returns every way in which the host may fail a call.
pub(super) fn failures() -> [Failure; 3] {
    [
        denial(),
        Failure::transient("test:busy", "it did not answer in time"),
        Failure::permanent("test:refused", "it refused"),
    ]
}

fn denial() -> Failure {
    Failure::denied("grant:missing", "it was not granted")
}

fn not_here(what: &str) -> Failure {
    Failure::denied("call:not-here", format!("this function may not {what}"))
}

fn words_of(call: &Call) -> String {
    match call {
        Call::Read(read) => words(read),
        Call::DeploymentOf(_)
        | Call::Declare(_)
        | Call::Perform(..)
        | Call::Progress(_)
        | Call::Log(..) => call.words(),
    }
}

/// Returns what a read needs to be granted, by asking somebody who grants nothing: the denial holds the lines.
fn needs(call: &Call) -> Option<Grantable> {
    let Call::Read(read) = call else { return None };
    let Err(Failure::Denied(problem)) = Grant::default().written_for("", "").read(read) else {
        return None;
    };
    let (_, lines) = problem.extra.into_iter().next()?;
    let (_, entry) = lines.split_once('\n')?;
    toml::from_str(entry).ok()
}
