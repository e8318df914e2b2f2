//! Findings about the proxy: its keys, what it holds in memory, and whether it can be asked for a model.

use lockstep_sdk::Finding;
use lockstep_sdk::running::Running;

use super::Seen;
use crate::message::MASTER_KEY;
use crate::names::{GRACE, SMOKE};
use crate::version::Release;

/// The variable with which what is stored of providers is encrypted.
pub(crate) const SALT: &str = "LITELLM_SALT_KEY";

/// From when on, at the latest, a proxy does not start with the master key of every example.
const STRICT: Release = Release::plain(1, 106, 0);

/// The variable that lets it start all the same.
const PERMITTED: &str = "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY";

/// A master key that stands in every example.
const EXAMPLE: &str = "sk-1234";

/// The fewest characters that a master key should have.
const SHORTEST: usize = 16;

/// The variable that says how often spend is written, and how many seconds that is where it says nothing.
const BATCH: &str = "PROXY_BATCH_WRITE_AT";
const BATCH_DEFAULT: u32 = 10;

/// The shortest overlap of both proxies.
const OVERLAP: u32 = 30;

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let proxy = &seen.survey.proxy;
    let mut findings = vec![salt(proxy), master(proxy, seen.goal.release), batch(proxy)];
    findings.push(model(seen));
    findings
}

fn salt(proxy: &Running) -> Finding {
    if proxy.has(SALT) {
        return Finding::note(
            "salt",
            "the key that encrypts what is stored of providers is set, and no plan changes it",
        )
        .evidence(
            "its fingerprint is taken when the run begins and compared before and after the switch",
        );
    }
    Finding::warning(
        "salt",
        "LITELLM_SALT_KEY is not set, so the master key encrypts what is stored of providers",
    )
    .evidence("a master key that is changed makes all of it unreadable, for good")
    .remedy(
        "keep the master key as it is; a salt that is set now would not read what is stored either",
    )
    .source("domain.md B.5; litellm#12448")
}

fn master(proxy: &Running, to: Release) -> Finding {
    if !proxy.has(MASTER_KEY) {
        return Finding::refusal("master-key", "the proxy has no master key: whoever reaches it may do everything, and nobody could test it")
            .remedy("set LITELLM_MASTER_KEY on its service, deploy it, and plan again")
            .source("domain.md B.5");
    }
    let weak = proxy.variable(MASTER_KEY).filter(|key| *key == EXAMPLE || key.len() < SHORTEST);
    if weak.is_none() {
        return Finding::note("master-key", "the master key is set, and no plan changes it").evidence(
            match proxy.variable(MASTER_KEY) {
                Some(_) => "it is not one that is easily guessed",
                None => "its text can't be seen here: a version that finds it weak does not start, and is taken back",
            },
        );
    }
    let title = "the master key is one that anybody could guess";
    let known = proxy.variable(MASTER_KEY) == Some(EXAMPLE) && !proxy.is_on(PERMITTED);
    let finding = if known && to >= STRICT {
        Finding::refusal("master-key", title).evidence(format!("{to} does not start with it"))
    } else {
        Finding::warning("master-key", title)
    };
    finding
        .remedy("change it by `/key/regenerate` with `new_master_key`, which encrypts anew what is stored; never by the variable alone")
        .source("domain.md B.5; litellm#42019")
}

/// Returns how many seconds both proxies serve: twice as long as the old one takes to write what it holds, or longer where an
/// operator said so.
pub(crate) fn overlap(proxy: &Running) -> u32 {
    let set = proxy.setting("overlap-seconds").and_then(|text| text.parse().ok()).unwrap_or(0);
    interval(proxy).saturating_mul(2).max(OVERLAP).max(set)
}

fn interval(proxy: &Running) -> u32 {
    proxy.variable(BATCH).and_then(|text| text.parse().ok()).unwrap_or(BATCH_DEFAULT)
}

fn batch(proxy: &Running) -> Finding {
    let (every, overlap) = (interval(proxy), overlap(proxy));
    Finding::note("spend", "spend is held in memory and written from time to time: the old proxy is given the time for that")
        .evidence(format!("written every {every} s ({BATCH}); both proxies serve for {overlap} s"))
        .evidence("the settings count for the second deployment of the run at the latest; the first may end the old one at once")
        .mended_by(GRACE)
        .source("plans.md R2")
}

fn model(seen: Seen<'_>) -> Finding {
    match seen.options.model.as_deref().or_else(|| seen.inside.model()) {
        Some(_) => Finding::note("smoke", "the proxy is asked for models, a mock answer and a key before and after the switch, which costs nothing")
            .evidence("no provider is called: the answer stands in the request, and LiteLLM books it to a key that is made for it and deleted")
            .mended_by(SMOKE)
            .source("domain.md B.7"),
        None => Finding::warning("smoke", "no model is known that could be asked for a mock answer, so none is asked")
            .evidence("\"LiteLLM_ProxyModelTable\" names no single model")
            .remedy("name one in the option `model`")
            .source("domain.md B.7"),
    }
}
