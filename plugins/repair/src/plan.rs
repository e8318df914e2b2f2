//! The whole plan: survey, findings, steps.

use lockstep_sdk::blocks::encryption_key::{self, Key};
use lockstep_sdk::blocks::{Block, grace, keep, pin};
use lockstep_sdk::outside::{Http, Railway, Redis, Sql};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Draft, Failure, Finding, OutageKind, Step, Target, Version, Watch};

use crate::declare::Declares;
use crate::findings;
use crate::found::Found;
use crate::names::{
    BACKED_UP, BACKUP, COMPONENT, DEPLOY, DOWN, GRACE, HEALTH_PATH, HEALTHY, IMAGE, KEEP, KEY,
    MONITOR, PIN, SERVING, SET, SETTINGS, SETTINGS_UNDO, VARIABLES, VARIABLES_UNDO, WATCH_SERVING,
    WEB, health_of,
};
use crate::needs::{Change, Needs};
use crate::options::Options;
use crate::survey::Survey;

/// What is asked before anything begins.
const QUESTION: &str = "ENCRYPTION_KEY, SALT, NEXTAUTH_SECRET, LITELLM_SALT_KEY, LITELLM_MASTER_KEY and the passwords of the four \
     databases exist outside Railway too. Go on?";

/// What the plan can't keep or check.
const UNCOVERED: [&str; 5] = [
    "a backup of a volume is not restored here, so that it was made is proven, and that it holds everything is not",
    "whether a key or password is a good one: their texts can't be seen here",
    "the first deployment after a service is given time to end may still end it at once: which of the two values counts Railway does \
     not say",
    "LiteLLM's spend in memory at that moment: what it has not written yet is lost if it is ended at once",
    "going back takes no deployment down: what is up by then stays up, and the settings from before count from its next deployment on",
];

/// What going back leaves where Langfuse gets a key.
const KEY_STAYS: &str =
    "going back leaves Langfuse its new key: with the former one, or without any, it never started";

/// Returns the name of the step that deploys a service.
pub(crate) fn deploy_step(service: &str) -> String {
    format!("{DEPLOY}{service}")
}

/// Plans. Whatever forbids the plan is a finding; nothing is declared then.
pub(crate) fn plan<O: Railway + Sql + Redis + Http, D: Declares>(
    outside: &O,
    declare: &D,
    target: &Target,
) -> Result<Draft, Failure> {
    let safe = || Version::exact("safe", &[2]);
    let unknown = || (Version::moving("unknown"), safe());
    if target.component != COMPONENT {
        let title = format!("`{}` is no component of this plugin", target.component);
        return Ok(Draft::bare(unknown(), vec![Finding::refusal("component", title)]));
    }
    if let Some(other) = target.desired.as_deref().filter(|desired| *desired != "safe") {
        let finding = Finding::refusal("target", format!("the stack can't become `{other}`"));
        let finding = finding.remedy("name no version: it becomes `safe`");
        return Ok(Draft::bare(unknown(), vec![finding]));
    }
    let options = match Options::parse(target) {
        Ok(options) => options,
        Err(refusals) => return Ok(Draft::bare(unknown(), refusals)),
    };
    let survey = Survey::read(outside, target.now)?;
    let needs = Needs::of(outside, &survey)?;
    let found = findings::all(&survey, &needs);
    let versions = (current(&needs, &survey), safe());
    if needs.is_nothing() || found.iter().any(Finding::refuses) {
        return Ok(Draft::bare(versions, found));
    }
    let mut parts = Parts { declare, survey: &survey, needs: &needs, block: Block::default() };
    parts.prepare()?;
    parts.mend()?;
    parts.deploy(&options)?;
    let Block { steps, undo, .. } = parts.block;
    let key = (needs.key != Key::Stays).then_some(KEY_STAYS);
    let uncovered = UNCOVERED.into_iter().chain(key).map(str::to_owned).collect();
    let draft = Draft::bare(versions, Vec::new());
    let (watches, parameters) = (vec![watch()], parameters(&survey, &needs));
    Ok(Draft { findings: found, undo, watches, uncovered, parameters, ..draft }.of_steps(steps))
}

/// What is looked at while the stack must stay healthy.
fn watch() -> Watch {
    Watch {
        id: WATCH_SERVING.to_owned(),
        title: "every app of the stack says that it is up".to_owned(),
        interval: 15 * SECOND,
        effects: Vec::new(),
        trigger: "unhealthy".to_owned(),
    }
}

fn current(needs: &Needs, survey: &Survey) -> Version {
    if survey.services.iter().any(|found| found.up().is_none()) && !needs.is_nothing() {
        return Version::exact("unhealthy", &[0]);
    }
    if needs.is_nothing() { Version::exact("safe", &[2]) } else { Version::exact("unsafe", &[1]) }
}

/// Returns the services that must be up at the end: what is, and what is deployed here.
fn serving(survey: &Survey, needs: &Needs) -> Vec<String> {
    let up = survey.services.iter().filter(|found| found.up().is_some());
    let mut serving: Vec<String> = up.map(|found| found.name().to_owned()).collect();
    for name in &needs.deploys {
        if !serving.iter().any(|known| known == name) {
            serving.push((*name).to_owned());
        }
    }
    serving
}

fn parameters(survey: &Survey, needs: &Needs) -> Vec<(String, String)> {
    let mut parameters = vec![
        (SERVING.to_owned(), serving(survey, needs).join(",")),
        (BACKED_UP.to_owned(), needs.backups.join(",")),
    ];
    let down = survey.services.iter().filter(|found| found.up().is_none());
    let down: Vec<&str> = down.map(Found::name).collect();
    parameters.push((DOWN.to_owned(), down.join(",")));
    let set: Vec<&str> = needs.settings.iter().map(|change| change.service).collect();
    parameters.push((SET.to_owned(), set.join(",")));
    parameters.extend(
        needs.pins.iter().map(|(name, image)| (format!("{IMAGE}{name}"), image.to_string())),
    );
    parameters
}

/// What the steps are made of.
struct Parts<'a, D> {
    declare: &'a D,
    survey: &'a Survey,
    needs: &'a Needs,
    block: Block,
}

impl<D: Declares> Parts<'_, D> {
    /// What makes the next deployment of every service harmless. None of it is taken back.
    fn prepare(&mut self) -> Result<(), Failure> {
        let Needs { pins, graces, backups, .. } = self.needs;
        self.block.steps.push(keep::step(KEEP, Some(QUESTION)));
        let pins: Vec<_> = pins.iter().map(|(name, image)| (*name, image.clone())).collect();
        self.block.steps.extend(pin::plan(self.declare, PIN, &pins)?);
        let graces: Vec<_> = graces.iter().map(|(grace, service)| (*grace, service)).collect();
        self.block.steps.extend(grace::plan(self.declare, GRACE, &graces)?);
        for service in backups {
            let backup = format!("{BACKUP}-{service}");
            let lock = format!("{backup}-lock");
            self.declare.backup_volume(&backup, service)?;
            self.declare.lock_backup(&lock, &backup)?;
            let title = format!("Back up the volume of {service} and keep the backup");
            self.block.steps.push(
                Step::new(&backup, title, "what is deployed next may write to it")
                    .effects(&[&backup, &lock])
                    .expected(30 * SECOND)
                    .limit(30 * MINUTE)
                    .if_left("nothing: Railway ends the backup by itself, and one that is not locked expires"),
            );
        }
        Ok(())
    }

    /// What keeps a service from being up.
    fn mend(&mut self) -> Result<(), Failure> {
        self.settings()?;
        self.variables()?;
        if self.needs.key == Key::Stays {
            return Ok(());
        }
        let (remove, make) = ("key-remove", "key-make");
        let mut labels = Vec::new();
        if self.needs.key == Key::Replaced {
            self.declare.delete_variables(remove, WEB, &[encryption_key::NAME])?;
            labels.push(remove);
        }
        self.declare.generate_hex(make, WEB, encryption_key::NAME, encryption_key::DIGITS)?;
        labels.push(make);
        let step =
            Step::new(KEY, "Give Langfuse a key that it takes", "it does not start without one")
                .effects(&labels)
                .if_left("nothing: Langfuse is down, and stays so until it is deployed");
        self.block.steps.push(step);
        Ok(())
    }

    fn settings(&mut self) -> Result<(), Failure> {
        let changes = &self.needs.settings;
        let mut pairs = Vec::new();
        for Change { service, name, value, before } in changes {
            let (label, back) = (format!("path-{service}"), format!("path-back-{service}"));
            self.declare.set_settings(&label, service, &[(name, value)])?;
            self.declare.set_settings(
                &back,
                service,
                &[(name, before.as_deref().unwrap_or_default())],
            )?;
            pairs.push((back, label));
        }
        let (title, back) = ("Give Railway paths that answer", "Put the former paths back");
        let why = "only a service that answers 200 there becomes healthy";
        self.change((SETTINGS, title, why), (SETTINGS_UNDO, back), &pairs);
        Ok(())
    }

    fn variables(&mut self) -> Result<(), Failure> {
        let changes = &self.needs.variables;
        let mut pairs = Vec::new();
        for Change { service, name, value, before } in changes {
            let (label, back) = (format!("set-{service}"), format!("set-back-{service}"));
            self.declare.set_variables(&label, service, &[(name, value)])?;
            match before {
                Some(before) => self.declare.set_variables(&back, service, &[(name, before)])?,
                None => self.declare.delete_variables(&back, service, &[name])?,
            }
            pairs.push((back, label));
        }
        let (title, back) = ("Set what is set wrongly", "Put the former values back");
        let why = "each keeps a service from starting, or would lose what it holds";
        self.change((VARIABLES, title, why), (VARIABLES_UNDO, back), &pairs);
        Ok(())
    }

    /// Adds a step of changes without a deployment, and the one that takes them back.
    fn change(&mut self, step: (&str, &str, &str), back: (&str, &str), pairs: &[(String, String)]) {
        if pairs.is_empty() {
            return;
        }
        let ((id, title, why), (undo, undo_title)) = (step, back);
        let left = "nothing: it counts from each service's next deployment on";
        let labels: Vec<&str> = pairs.iter().map(|(_, label)| label.as_str()).collect();
        let backs: Vec<&str> = pairs.iter().map(|(back, _)| back.as_str()).collect();
        let pairs: Vec<_> =
            pairs.iter().map(|(back, label)| (back.as_str(), label.as_str())).collect();
        let step = Step::new(id, title, why).effects(&labels).undone_by(&[undo]).if_left(left);
        self.block.steps.push(step);
        let why = "as it was found";
        let step = Step::new(undo, undo_title, why).effects(&backs).reverses(&pairs).if_left(left);
        self.block.undo.push(step);
    }

    /// Every app once, so that what is wrong with it shows now, and then the time in which it must stay well.
    fn deploy(&mut self, options: &Options) -> Result<(), Failure> {
        for service in &self.needs.deploys {
            let id = deploy_step(service);
            self.declare.deploy(&id, service)?;
            self.started(&id, service, options);
        }
        if self.needs.monitor {
            let id = deploy_step(MONITOR);
            self.declare.deploy_same(&id, MONITOR)?;
            self.started(&id, MONITOR, options);
        }
        let why = "an upgrade begins from a stack that is deployed and healthy";
        self.block.steps.push(
            Step::new(HEALTHY, "Look whether every service is up, and stays so", why)
                .soaking(options.soak)
                .limit(options.boot_limit)
                .if_left("nothing: nothing is under way"),
        );
        Ok(())
    }

    fn started(&mut self, id: &str, service: &str, options: &Options) {
        let found = self.survey.of(service);
        let boot = found.map_or(0, Found::boot);
        let is_up = self.survey.is_up(service);
        let (title, why) = if is_up {
            (
                format!("Deploy {service} once as it is"),
                "what keeps it from starting again shows before an upgrade needs it to",
            )
        } else {
            (format!("Start {service}"), "nothing of it runs")
        };
        let set = self.needs.settings.iter().find(|change| change.service == service);
        let set = set.map(|change| change.value).or_else(|| found?.setting(HEALTH_PATH));
        let asked = set.or_else(|| health_of(service)).unwrap_or_default();
        let left = if is_up {
            format!(
                "{service} serves, as it did: Railway ends the former deployment only once the new one answers at {asked}"
            )
        } else {
            format!("{service} is down, as it was, until Railway sees it answer at {asked}")
        };
        let step = Step::new(id, title, why)
            .effects(&[id])
            .expected(boot)
            .limit(options.boot_limit)
            .if_left(left);
        let step = if is_up { step } else { step.outage(service, OutageKind::All, boot) };
        self.block.steps.push(step);
    }
}
