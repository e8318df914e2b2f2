//! The switch to the new version, and the way back to the former one.

use lockstep_sdk::{Failure, Step};

use super::draft::reference;
use super::parts::{Parts, refs};
use super::prepare::HEALTH_TIMEOUT;
use crate::declare::Declares;
use crate::names;

/// The variable that keeps a proxy from serving a schema that is not its own.
const ENFORCED: &str = "ENFORCE_PRISMA_MIGRATION_CHECK";

impl<D: Declares> Parts<'_, D> {
    /// Deploys the new version beside the old one.
    pub(super) fn switch(&mut self) -> Result<(), Failure> {
        let Some(former) = self.former() else { return Ok(()) };
        let (service, context) = (self.context.service.as_str(), self.context);
        let mut pairs: Vec<(String, String)> = Vec::new();
        let proxy = &self.seen.survey.proxy;
        // What can't be seen could not be put back, so it is left as somebody set it.
        let is_hidden = proxy.has(ENFORCED) && proxy.variable(ENFORCED).is_none();
        if !proxy.is_on(ENFORCED) && !is_hidden {
            self.declare.set_variables("switch-variables", service, &[(ENFORCED, "true")])?;
            let back = "back-variables";
            if let Some(former) = proxy.variable(ENFORCED) {
                self.declare.set_variables(back, service, &[(ENFORCED, former)])?;
            } else {
                self.declare.delete_variables(back, service, &[ENFORCED])?;
            }
            pairs.push(("back-variables".to_owned(), "switch-variables".to_owned()));
        }
        // Every open path is answered by every version; only the one for 1.84 and later tells whether the database is there.
        let path = context.to.health_path();
        if context.health != path && context.to.is_new_contract() {
            let set = |path| [("healthcheck-path", path), ("healthcheck-timeout", HEALTH_TIMEOUT)];
            self.declare.set_settings("switch-health", service, &set(path))?;
            self.declare.set_settings("back-health", service, &set(&context.health))?;
            pairs.push(("back-health".to_owned(), "switch-health".to_owned()));
        }
        self.declare.set_image("switch-image", service, &reference(self.seen.goal))?;
        self.declare.set_image("back-image", service, &former.to_string())?;
        pairs.push(("back-image".to_owned(), "switch-image".to_owned()));
        self.declare.deploy(names::SWITCH_DEPLOY, service)?;
        self.declare.deploy(names::BACK_DEPLOY, service)?;
        pairs.push((names::BACK_DEPLOY.to_owned(), names::SWITCH_DEPLOY.to_owned()));
        let (back, there): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
        let (boot, limit) = (self.boot(), self.seen.options.boot_limit);
        self.push(
            Step::new(
                names::SWITCH,
                format!("Start LiteLLM {}", context.to),
                "it changes no schema when it starts, and does not start where a migration failed; the old proxy ends when this one is up",
            )
            .effects(&refs(&there))
            .if_left("nothing: one of both versions serves, and the database is migrated for the new one")
            .undone_by(&[names::SWITCH_UNDO])
            .expected(boot)
            .limit(limit),
        );
        let pairs: Vec<(&str, &str)> =
            back.iter().zip(&there).map(|(one, other)| (one.as_str(), other.as_str())).collect();
        self.push_undo(
            Step::new(
                names::SWITCH_UNDO,
                format!("Start LiteLLM {} again", context.from),
                "the former image, by its digest; the schema has what it needs to answer, and what it may not write step `migrate` has told",
            )
            .effects(&refs(&back))
            .if_left("nothing: one of both versions serves, and the database is migrated for the new one")
            .reverses(&pairs)
            .expected(boot)
            .limit(limit),
        );
        Ok(())
    }
}
