//! What an operator may tell the plugin in `lockstep.toml`.

use lockstep_sdk::blocks::soak;
use lockstep_sdk::step::{HOUR, MINUTE};
use lockstep_sdk::{Finding, Target};

/// How long the stack must be healthy before anything is upgraded.
const SOAK: u64 = HOUR;

/// How long a service may take until it answers.
const BOOT_LIMIT: u64 = 20 * MINUTE;

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long the stack is watched at the end.
    pub(crate) soak: u64,
    /// How long a service may take until it answers.
    pub(crate) boot_limit: u64,
}

impl Options {
    /// Reads the options; a refusal for each that is not known or not of its form.
    pub(crate) fn parse(target: &Target) -> Result<Self, Vec<Finding>> {
        let mut options = Self { soak: SOAK, boot_limit: BOOT_LIMIT };
        let mut refusals = Vec::new();
        for (name, value) in &target.options {
            let place = match name.as_str() {
                "soak" => &mut options.soak,
                "boot-limit" => &mut options.boot_limit,
                other => {
                    let title = format!("the option `{other}` is not known");
                    let refusal = Finding::refusal("option", title);
                    refusals.push(refusal.remedy("the options are `soak` and `boot-limit`"));
                    continue;
                }
            };
            match soak::parse(value) {
                Ok(length) if length > 0 => *place = length,
                Ok(_) | Err(soak::NoLength(_)) => {
                    let title =
                        format!("the option `{name}` is `{value}`, which is no length of time");
                    let refusal = Finding::refusal(&format!("option-{name}"), title);
                    refusals.push(
                        refusal.remedy(
                            "write seconds, or a number with `s`, `m` or `h`, such as `1h`",
                        ),
                    );
                }
            }
        }
        if refusals.is_empty() { Ok(options) } else { Err(refusals) }
    }
}
