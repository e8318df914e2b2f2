//! The whole plan: survey, findings, path, steps.

use lockstep_sdk::blocks::pin::{self, Pin};
use lockstep_sdk::blocks::{Block, owner};
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::{Http, Railway, Redis};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Declare, Draft, Failure, Finding, Severity, Step, Target, Version, Watch};

use super::parts::Parts;
use super::{Lineage, Path, choose, migrate, patch, version_step};
use crate::context::Context;
use crate::findings::{self, Planned};
use crate::names::{self, COMPONENT};
use crate::options::Options;
use crate::survey::{Inside, Running, Survey, survey};
use crate::target::{self, Goal};
use crate::topology;
use crate::uncovered;

/// What a person confirms before a path on which the volume itself is at stake.
pub(super) const SECRETS: &str = "ENCRYPTION_KEY, SALT, NEXTAUTH_SECRET, LITELLM_SALT_KEY, LITELLM_MASTER_KEY and the passwords of \
    the four databases exist outside Railway too. Go on?";

/// Where Bitnami's frozen images are.
const LEGACY: &str = "bitnamilegacy/redis";

/// Plans. Whatever forbids the plan is a finding; nothing is declared then.
pub(crate) fn plan<O: Railway + Redis + Http, D: Declare>(
    outside: &O,
    declare: &D,
    target: &Target,
) -> Result<Draft, Failure> {
    if target.component != COMPONENT {
        let refusal = Finding::refusal(
            "component",
            format!("`{}` is no component of this plugin", target.component),
        );
        return Ok(refused(Version::moving("unknown"), desired(target), vec![refusal]));
    }
    let options = match Options::parse(target) {
        Ok(options) => options,
        Err(refusals) => return Ok(refused(Version::moving("unknown"), desired(target), refusals)),
    };
    let survey = match survey(outside, &options)? {
        Ok(survey) => survey,
        Err(refusal) => {
            return Ok(refused(Version::moving("unknown"), desired(target), vec![refusal]));
        }
    };
    let mut found = findings::standing(&survey);
    if let Some(refusal) = target.desired.as_deref().and_then(topology::refused) {
        found.push(refusal);
        return Ok(refused(Version::moving("unknown"), desired(target), found));
    }
    let Ok(inside) = &survey.inside else {
        let configured = survey.redis.service.image.clone().unwrap_or_else(|| "unknown".to_owned());
        return Ok(refused(Version::moving(configured), desired(target), found));
    };
    let running = inside.server.version;
    let current = running.version(survey.redis.digest().map(str::to_owned));
    let lineage = match lineage(&survey.redis) {
        Ok(lineage) => lineage,
        Err(refusal) => {
            found.push(*refusal);
            return Ok(refused(current, desired(target), found));
        }
    };
    let goal = match target::find(outside, target.desired.as_deref(), running, lineage)? {
        Ok((goal, note)) => {
            found.extend(note);
            goal
        }
        Err(refusal) => {
            found.push(refusal);
            return Ok(refused(current, desired(target), found));
        }
    };
    let wanted = goal.version.version(Some(goal.digest.clone()));
    let path = match choose(lineage, running, survey.redis.digest().unwrap_or_default(), &goal) {
        Ok(path) => path,
        Err(refusal) => {
            found.push(*refusal);
            return Ok(refused(current, wanted, found));
        }
    };
    let planned = Planned { lineage, path, goal: &goal };
    found.extend(findings::going(&survey, inside, planned));
    found.push(chosen(path));
    if path == Path::Nothing {
        return Ok(nothing_to_do(current, wanted, found));
    }
    found.extend(owner::patching(target.now));
    let decided =
        Decided { survey: &survey, inside, lineage, path, goal: &goal, options: &options };
    match decided.steps(outside, declare, &mut found)? {
        Some((block, parameters)) => {
            found.extend(block.findings);
            let Block { steps, undo, .. } = block;
            let uncovered = uncovered::lines(&survey, inside, planned);
            let draft = of_steps(bare(current, wanted, found), steps);
            Ok(Draft { undo, watches: watches(), uncovered, parameters, ..draft })
        }
        None => Ok(refused(current, wanted, found)),
    }
}

/// What was found and decided.
struct Decided<'a> {
    survey: &'a Survey,
    inside: &'a Inside,
    lineage: Lineage,
    path: Path,
    goal: &'a Goal,
    options: &'a Options,
}

impl Decided<'_> {
    /// Declares the effects and lays out the steps; none, and nothing declared, where a finding forbids it.
    fn steps<O: Railway, D: Declare>(
        &self,
        outside: &O,
        declare: &D,
        found: &mut Vec<Finding>,
    ) -> Result<Option<(Block, Parameters)>, Failure> {
        let Self { survey, inside, path, goal, options, .. } = *self;
        let stops = match path {
            Path::Migrate | Path::VersionStep => survey.worker.as_ref(),
            Path::Patch | Path::Nothing => None,
        };
        let pins = pins(outside, &survey.redis, stops, self.lineage, found)?;
        let mut command = String::new();
        if path == Path::Migrate {
            match migrate::start_command(survey, inside) {
                Ok(official) => command = official,
                Err(refusal) => found.push(*refusal),
            }
        }
        let (Some((former, pins)), false) = (pins, found.iter().any(Finding::refuses)) else {
            return Ok(None);
        };
        let context = Context {
            service: options.service.clone(),
            worker: stops.map(|worker| worker.service.name.clone()),
            connection: options.connection.clone(),
            from: inside.server.version,
            to: goal.version,
            digest: survey.redis.digest().unwrap_or_default().to_owned(),
            draining: inside.server.draining(),
        };
        let mut parts = Parts::new(declare, survey, &context, options.boot_limit);
        let back = (&former, pins.as_slice());
        match path {
            Path::Patch => patch::lay_out(&mut parts, goal, back, options.soak)?,
            Path::Migrate => {
                migrate::lay_out(
                    &mut parts,
                    goal,
                    back,
                    (&command, inside.server.appends()),
                    options.soak,
                )?;
            }
            Path::VersionStep => version_step::lay_out(&mut parts, goal, back, options.soak)?,
            Path::Nothing => {}
        }
        let parameters = context.parameters();
        Ok(Some((parts.block, parameters)))
    }
}

/// What every later call is given.
type Parameters = Vec<(String, String)>;

/// The image to go back to, and each service's image to pin first.
type Pins<'a> = (Image, Vec<(&'a str, Image)>);

/// Finds the image to go back to, and what must be pinned. None where something can't be, which is then a finding.
fn pins<'a, O: Railway>(
    outside: &O,
    redis: &'a Running,
    worker: Option<&'a Running>,
    lineage: Lineage,
    found: &mut Vec<Finding>,
) -> Result<Option<Pins<'a>>, Failure> {
    let repository = match lineage {
        Lineage::Official => None,
        Lineage::Bitnami => Some(LEGACY),
    };
    let mut pins = Vec::new();
    let mut former = None;
    let mut impossible = false;
    for (running, repository) in [(Some(redis), repository), (worker, None)] {
        let Some(running) = running else { continue };
        match pin::look(outside, &running.service, running.up(), repository)? {
            Pin::Stands(image) => former = former.or(Some(image)),
            Pin::Set(image) => {
                pins.push((running.service.name.as_str(), image.clone()));
                former = former.or(Some(image));
            }
            Pin::Impossible(finding) => {
                found.push(finding);
                impossible = true;
            }
        }
    }
    Ok(former.filter(|_| !impossible).map(|former| (former, pins)))
}

fn lineage(redis: &Running) -> Result<Lineage, Box<Finding>> {
    redis.image().as_ref().and_then(Lineage::of).ok_or_else(|| {
        Finding::refusal("image", "the service runs an image that this plugin does not know")
            .evidence(format!(
                "configured: {}",
                redis.service.image.as_deref().unwrap_or("built from a repository")
            ))
            .remedy("the images `redis`, `bitnami/redis` and `bitnamilegacy/redis` are known")
            .into()
    })
}

fn chosen(path: Path) -> Finding {
    match path {
        Path::Nothing => Finding::note("path", "nothing to do: the wanted image runs already"),
        Path::Patch => Finding::note("path", "the path is a change of image in place")
            .evidence("not a version step: the data format stays the same, so no volume needs to be restored on the way back"),
        Path::Migrate => Finding::note("path", "the path is a change of image in place, on the same volume")
            .evidence("not by a replica: no client needs another address, and the outage is one deploy")
            .evidence("not together with a version step: only without one does going back lose nothing"),
        Path::VersionStep => Finding::note("path", "the path is a version step on the same volume")
            .evidence("not by a replica: on a full resynchronisation the former server would empty itself and fail")
            .evidence("not a plain change of image: the former image can't read what the new one writes"),
    }
}

fn watches() -> Vec<Watch> {
    let watch = |id: &str, title: &str, interval, trigger: &str| Watch {
        id: id.to_owned(),
        title: title.to_owned(),
        interval,
        effects: Vec::new(),
        trigger: trigger.to_owned(),
    };
    vec![
        watch(
            names::WATCH_SERVING,
            "Redis answers, has loaded its data and takes writes",
            15 * SECOND,
            "unhealthy",
        ),
        watch(names::WATCH_CANARY, "the canary key is still there", 30 * SECOND, "at-once"),
    ]
}

fn desired(target: &Target) -> Version {
    Version::moving(target.desired.as_deref().unwrap_or("recommended"))
}

/// Gives the draft its steps, and takes out of its findings what none of them mends.
fn of_steps(mut draft: Draft, steps: Vec<Step>) -> Draft {
    for finding in &mut draft.findings {
        finding.mended_by.retain(|id| steps.iter().any(|step| step.id == *id));
    }
    Draft { steps, ..draft }
}

fn refused(current: Version, desired: Version, findings: Vec<Finding>) -> Draft {
    of_steps(bare(current, desired, findings), Vec::new())
}

fn bare(current: Version, desired: Version, findings: Vec<Finding>) -> Draft {
    Draft {
        current,
        desired,
        findings,
        steps: Vec::new(),
        undo: Vec::new(),
        watches: Vec::new(),
        uncovered: Vec::new(),
        parameters: Vec::new(),
        extra: Vec::new(),
    }
}

/// A plan without steps is in nobody's way, so what would forbid one is only a warning.
fn nothing_to_do(current: Version, desired: Version, mut findings: Vec<Finding>) -> Draft {
    for finding in &mut findings {
        if finding.refuses() {
            finding.severity = Severity::Warning;
        }
    }
    refused(current, desired, findings)
}
