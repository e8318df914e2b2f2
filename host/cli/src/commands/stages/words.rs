//! Composite plans as people and programs are told of them.

use lockstep_engine::model::{Composite, Preview, Stage};
use serde_json::{Value, json};

use super::known::{Known, StageRun};
use super::whole::Whole;
use crate::exit::Exit;
use crate::render::{self, hang, plural, put, tame};

/// What is said of every stage that is a preview.
const AGAIN: &str = "planned again at its turn";

/// Returns every stage in full.
pub(super) fn in_full(composite: &Composite) -> String {
    let mut out = String::new();
    for (index, stage) in composite.stages.iter().enumerate() {
        let preview = if composite.first().is_some_and(|first| index > first) {
            format!(", a preview: {AGAIN}, after the stages before it")
        } else {
            String::new()
        };
        put(&mut out, &format!("━━ {}{preview}", capital(&title(composite, index))));
        match &stage.preview {
            Preview::Planned(previewed) => {
                out.push_str(&render::plan(&previewed.plan, &previewed.digest.to_string()));
            }
            Preview::Unplanned(why) => {
                put(&mut out, &format!("  can't be planned yet: {}", tame(why)));
            }
        }
        put(&mut out, "");
    }
    out
}

/// Returns one line for each stage; `ran` returns what is to be said of its run.
pub(super) fn overview(composite: &Composite, ran: &dyn Fn(usize) -> Option<String>) -> String {
    let mut out = String::new();
    put(
        &mut out,
        &format!(
            "Composite plan {} for environment {}: {}, each with an approval, a run and a way back of its own",
            composite.id,
            tame(&composite.environment.name),
            plural(composite.stages.len(), "stage")
        ),
    );
    for (index, stage) in composite.stages.iter().enumerate() {
        let stands =
            ran(index).unwrap_or_else(|| planned_words(stage, composite.first() == Some(index)));
        put(&mut out, &format!("  {}. {}: {stands}", index + 1, wanted(stage)));
    }
    out
}

/// Returns what is said of all stages together; nothing where there is nothing to say.
pub(super) fn together(whole: &Whole) -> String {
    let mut out = String::new();
    if !whole.order.is_empty() {
        put(&mut out, "The order of the stages");
        render::findings(&mut out, &whole.order);
        put(&mut out, "");
    }
    if !whole.end.is_empty() {
        put(&mut out, "The stack when every stage is done");
        render::findings(&mut out, &whole.end);
        put(&mut out, "");
    }
    if !whole.absent.is_empty() {
        put(&mut out, "Not among the stages");
    }
    for (component, why) in &whole.absent {
        out.push_str(&hang(&format!("{}: {}", tame(component), tame(why)), "  · ", "    "));
    }
    if whole.refuses() {
        put(&mut out, "These stages are refused together: mend what is marked ✗ and plan again.");
    }
    out
}

/// Returns all of it for programs.
pub(super) fn document(whole: &Whole) -> Value {
    json!({
        "composite": whole.composite, "stages": planned(&whole.composite),
        "order": whole.order, "end": whole.end, "absent": whole.absent,
    })
}

/// Returns how a stage was planned, for programs.
fn planned(composite: &Composite) -> Vec<Value> {
    let first = composite.first();
    let row = |(index, stage): (usize, &Stage)| {
        json!({
            "stage": index + 1, "component": stage.component, "desired": stage.desired,
            "digest": stage.preview.planned().map(|it| it.digest),
            "preview": first.is_some_and(|first| index > first),
            "nothing_to_do": stage.preview.is_nothing(),
            "refuses": stage.preview.planned().is_some_and(|it| it.plan.refuses()),
        })
    };
    composite.stages.iter().enumerate().map(row).collect()
}

fn planned_words(stage: &Stage, first: bool) -> String {
    match &stage.preview {
        Preview::Unplanned(why) => format!("can't be planned yet, and is {AGAIN}: {}", tame(why)),
        Preview::Planned(it) if it.plan.refuses() && first => "refuses".to_owned(),
        Preview::Planned(it) if it.plan.refuses() => {
            format!("would refuse now, and is {AGAIN}; `lockstep plan` says why")
        }
        Preview::Planned(it) if it.plan.is_nothing() => "nothing to do".to_owned(),
        Preview::Planned(it) => {
            let steps = plural(it.plan.authority.steps.len(), "step");
            let preview = if first { String::new() } else { format!(", a preview: {AGAIN}") };
            format!("{steps}, plan {}{preview}", it.digest)
        }
    }
}

/// Returns what a stage upgrades, from which version to which.
fn wanted(stage: &Stage) -> String {
    let component = tame(&stage.component);
    match (stage.preview.planned(), &stage.desired) {
        (Some(it), _) => {
            let authority = &it.plan.authority;
            format!("{component} {} → {}", tame(&authority.from.text), tame(&authority.to.text))
        }
        (None, Some(desired)) => format!("{component} → {}", tame(desired)),
        (None, None) => component,
    }
}

/// Returns the name of a stage, such as "stage 2 of 3 (`redis`)".
pub(super) fn title(composite: &Composite, index: usize) -> String {
    let component = composite.stages.get(index).map(|stage| tame(&stage.component));
    format!(
        "stage {} of {} (`{}`)",
        index + 1,
        composite.stages.len(),
        component.unwrap_or_default()
    )
}

/// Returns words with a capital letter.
pub(super) fn capital(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), characters.as_str())
}

impl Known {
    /// Returns the name of a stage, such as "stage 2 of 3 (`redis`)".
    pub(crate) fn title(&self, index: usize) -> String {
        title(self.composite(), index)
    }

    /// Returns one line for each stage, with its run.
    pub(crate) fn overview(&self) -> String {
        let ran = |index: usize| {
            let StageRun { run, standing, .. } = self.run(index)?;
            Some(format!("run {run}: {standing}"))
        };
        overview(self.composite(), &ran)
    }

    /// Says which stage a run is, in short: the beginning of whatever else is said of it.
    pub(crate) fn which(&self, index: usize) -> String {
        let (id, of) = (&self.composite().id, self.composite().stages.len());
        format!("stage {} of {of} of composite plan {id}", index + 1)
    }

    /// Says what stays done whatever becomes of a stage; none if no other stage is done.
    pub(crate) fn stays(&self, index: usize) -> Option<String> {
        let done = |other: &usize| *other != index && self.is_done(*other);
        let names: Vec<String> = self
            .indices()
            .filter(done)
            .filter_map(|other| {
                Some(format!("{} by run {}", self.title(other), self.run(other)?.run))
            })
            .collect();
        (!names.is_empty()).then(|| format!("done, and stays so: {}", names.join(", ")))
    }

    /// Says which stage a run was that came to `exit`, and how to go on.
    pub(crate) fn aftermath(&self, index: usize, exit: Exit) -> String {
        let Some(StageRun { run, .. }) = self.run(index) else { return String::new() };
        let title = self.title(index);
        let next = self.next();
        let way = match (exit, next) {
            (Exit::Done, None) => "every stage is done".to_owned(),
            (Exit::Done, Some(next)) => format!(
                "{} comes next and needs an approval of its own: unless this command goes on, `lockstep resume {run}` plans it anew and asks",
                self.title(next)
            ),
            (Exit::RolledBack, _) => {
                format!("`lockstep resume {run}` plans this stage anew and asks")
            }
            (_, _) => match self.indices().find(|other| *other > index && !self.is_done(*other)) {
                Some(after) => format!(
                    "once it is done, `lockstep resume {run}` goes on with {}",
                    self.title(after)
                ),
                None => "no stage comes after it".to_owned(),
            },
        };
        let stays = self.stays(index).map_or_else(String::new, |stays| format!(" ({stays})"));
        format!("Run {run} is {title} of composite plan {}{stays}; {way}.", self.composite().id)
    }

    /// Says that nothing is left to do.
    pub(super) fn all_done(&self) -> String {
        let of = |index| match self.run(index).filter(|ran| ran.is_done()) {
            Some(StageRun { run, .. }) => format!("{} by run {run}", self.title(index)),
            None => format!("{} had nothing to do", self.title(index)),
        };
        let stages: Vec<String> = self.indices().map(of).collect();
        format!(
            "All stages of composite plan {} are done: {}.",
            self.composite().id,
            stages.join(", ")
        )
    }

    /// Returns every stage with its run, for programs.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let row = |(index, stage): (usize, &Stage)| {
            let run = self.run(index);
            json!({
                "stage": index + 1, "component": stage.component, "desired": stage.desired,
                "run": run.map(|it| &it.run), "standing": run.map(|it| &it.standing),
            })
        };
        self.composite().stages.iter().enumerate().map(row).collect()
    }

    /// Returns which stage a run is, for programs.
    pub(crate) fn json(&self, index: usize) -> Value {
        json!({
            "composite": self.composite().id, "stage": index + 1, "of": self.composite().stages.len(),
            "next": self.next().map(|next| next + 1), "stages": self.rows(),
        })
    }
}
