//! Variables that lead to the server: those that the conversion leads to the front, and those that it can't.

use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, MovedVariable, TemplateService, Variable, VariableValue};

use super::template;
use crate::references::{may_lead_anywhere, references, speaks_of_databases};
use crate::service::Running;

/// What was found in the variables of all services.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    /// What Railway leads to the front.
    pub(super) moved: Vec<MovedVariable>,
    /// What leads to the server in a way that it does not lead elsewhere, and why.
    pub(super) stuck: Vec<String>,
    /// What may lead there; nothing can be seen of it.
    pub(super) unclear: Vec<String>,
    /// Variables with whole URLs among those that move.
    pub(super) urls: Vec<(String, String)>,
}

impl Found {
    /// Looks at the variables of every service but the server's own.
    pub(super) fn look<O: Railway>(
        outside: &O,
        others: &[&Running],
        (server, hosts): (&str, &[String]),
        edge: &TemplateService,
    ) -> Result<Self, Failure> {
        let mut found = Self::default();
        for running in others {
            for variable in &running.variables {
                found.one(outside, (running.name(), variable), (server, hosts), edge)?;
            }
        }
        Ok(found)
    }

    fn one<O: Railway>(
        &mut self,
        outside: &O,
        (service, variable): (&str, &Variable),
        (server, hosts): (&str, &[String]),
        edge: &TemplateService,
    ) -> Result<(), Failure> {
        let what = format!("{service} {}", variable.name);
        let text = match &variable.value {
            VariableValue::Shown(text) => Some(text.as_str()),
            VariableValue::Masked(_) | VariableValue::Unreadable | VariableValue::Other(_) => None,
        };
        let all = text.map(references).into_iter().flatten();
        let named: Vec<&str> =
            all.filter(|(owner, _)| *owner == server).map(|(_, name)| name).collect();
        let literal =
            text.is_some_and(|text| hosts.iter().any(|host| text.contains(host.as_str())));
        let may_lead = speaks_of_databases(&variable.name) && text.is_none_or(may_lead_anywhere);
        if named.is_empty() && !literal && !may_lead {
            return Ok(());
        }
        let leads = leads(outside, (service, &variable.name), hosts)?;
        if named.is_empty() {
            match leads {
                Some(false) => {}
                None if !literal => self.unclear.push(what),
                Some(true) | None => self.stuck.push(format!(
                    "{what}: it leads to the server without naming it in a reference"
                )),
            }
            return Ok(());
        }
        if let Some(missing) = named.iter().find(|name| !has(edge, name)) {
            self.stuck.push(format!("{what}: `{}` has no `{missing}`", edge.name));
            return Ok(());
        }
        let (service, name) = (service.to_owned(), variable.name.clone());
        if leads.is_some() {
            self.urls.push((service.clone(), name.clone()));
        }
        let before = text.unwrap_or_default().to_owned();
        let after = moved_text(&before, server, &edge.name);
        self.moved.push(MovedVariable { service, name, before, after, extra: Vec::new() });
        Ok(())
    }
}

/// Returns whether a variable leads to one of these hosts; none if it leads nowhere that can be seen.
fn leads<O: Railway>(
    outside: &O,
    (service, name): (&str, &str),
    hosts: &[String],
) -> Result<Option<bool>, Failure> {
    match outside.destination(service, name) {
        Ok(Some(location)) => {
            Ok(Some(hosts.iter().any(|host| host.eq_ignore_ascii_case(&location.host))))
        }
        Err(failure) if failure.is_denied() || failure.may_pass() => Err(failure),
        // A host or a password of its own is no URL.
        Ok(None) | Err(_) => Ok(None),
    }
}

/// Returns whether the front has a variable: the template's, or one that Railway gives every service.
fn has(edge: &TemplateService, name: &str) -> bool {
    template::variable(edge, name).is_some() || name == "RAILWAY_PRIVATE_DOMAIN"
}

/// Returns a text whose references to one service lead to another one's variables of the same names.
pub(crate) fn moved_text(text: &str, from: &str, to: &str) -> String {
    let mut moved = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let Some((inner, behind)) = after.split_once("}}") else { break };
        moved.push_str(before);
        match inner.split_once('.') {
            Some((owner, name)) if owner.trim() == from => {
                moved.extend(["${{", to, ".", name.trim(), "}}"]);
            }
            Some(_) | None => moved.extend(["${{", inner, "}}"]),
        }
        rest = behind;
    }
    moved.push_str(rest);
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_to_the_server_move() {
        for (text, expected) in [
            ("${{postgres.DATABASE_URL}}", "${{Postgres HA.DATABASE_URL}}"),
            ("${{ postgres.PGHOST }}:${{redis.PORT}}", "${{Postgres HA.PGHOST}}:${{redis.PORT}}"),
            ("${{PGHOST}} postgres", "${{PGHOST}} postgres"),
            ("${{postgres.X", "${{postgres.X"),
        ] {
            assert_eq!(moved_text(text, "postgres", "Postgres HA"), expected);
        }
    }
}
