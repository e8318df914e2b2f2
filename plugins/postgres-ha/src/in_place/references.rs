//! Variables that lead to the server: those that the conversion leads to the front, and those that it can't.

use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, Location, MovedVariable, TemplateService, Variable, VariableValue};

use super::literals::{Literal, Named, Sides};
use super::template;
use crate::references::{may_lead_anywhere, references, speaks_of_databases};
use crate::service::Running;

/// What was found in the variables of all services.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    /// What Railway leads to the front.
    pub(super) moved: Vec<MovedVariable>,
    /// What the plan leads there itself.
    pub(super) literals: Vec<Literal>,
    /// What leads to the server in a way that can't be led elsewhere, and why.
    pub(super) stuck: Vec<String>,
    /// What may lead there; nothing can be seen of it.
    pub(super) unclear: Vec<String>,
    /// Variables with whole URLs among those that Railway leads there as a whole.
    pub(super) urls: Vec<(String, String)>,
}

impl Found {
    /// Looks at the variables of every service but the server's own.
    pub(super) fn look<O: Railway>(
        outside: &O,
        others: &[&Running],
        sides: Sides<'_>,
    ) -> Result<Self, Failure> {
        let mut found = Self::default();
        for running in others {
            for variable in &running.variables {
                found.one(outside, (running.name(), variable), sides)?;
            }
        }
        Ok(found)
    }

    /// Returns whether a service has a variable that is led to the front.
    pub(super) fn leads(&self, service: &str) -> bool {
        self.moved.iter().any(|it| it.service == service)
            || self.literals.iter().any(|it| it.service == service)
    }

    /// Returns the whole URLs among what the plan leads to the front itself: those whose former text is seen, or the others.
    pub(super) fn literal_urls(&self, seen: bool) -> Vec<(String, String)> {
        let wanted = |it: &&Literal| it.is_url && it.former.is_some() == seen;
        let place = |it: &Literal| (it.service.clone(), it.name.clone());
        self.literals.iter().filter(wanted).map(place).collect()
    }

    fn one<O: Railway>(
        &mut self,
        outside: &O,
        (service, variable): (&str, &Variable),
        sides: Sides<'_>,
    ) -> Result<(), Failure> {
        let what = format!("{service} {}", variable.name);
        let text = match &variable.value {
            VariableValue::Shown(text) => Some(text.as_str()),
            VariableValue::Masked(_) | VariableValue::Unreadable | VariableValue::Other(_) => None,
        };
        let all = text.map(references).into_iter().flatten();
        let named: Vec<&str> =
            all.filter(|(owner, _)| *owner == sides.server).map(|(_, name)| name).collect();
        let is_named = text.map_or(Named::No, |text| sides.are_named(text));
        let speaks = speaks_of_databases(&variable.name);
        let literal = is_named == Named::Yes || (speaks && is_named == Named::Perhaps);
        let may_lead = is_named == Named::Perhaps || (speaks && text.is_none_or(may_lead_anywhere));
        if named.is_empty() && !literal && !may_lead {
            return Ok(());
        }
        if let Some(missing) = named.iter().find(|name| !has(sides.edge, name)) {
            self.stuck.push(format!("{what}: `{}` has no `{missing}`", sides.edge.name));
            return Ok(());
        }
        let location = destination(outside, (service, &variable.name))?;
        let (service, name) = (service.to_owned(), variable.name.clone());
        let is_url = location.is_some();
        if !named.is_empty() {
            let before = text.unwrap_or_default().to_owned();
            let after = moved_text(&before, sides.server, &sides.edge.name);
            let (service, name) = (service.clone(), name.clone());
            if is_url && !literal {
                self.urls.push((service.clone(), name.clone()));
            }
            self.moved.push(MovedVariable { service, name, before, after, extra: Vec::new() });
            if !literal {
                return Ok(());
            }
        }
        let leads = location.as_ref().map(|location| sides.are_at(location));
        let wanted = match (text, &location, leads) {
            (Some(text), _, _) if literal => sides.seen(text, location.as_ref()),
            (_, _, Some(false)) => return Ok(()),
            (_, None, _) | (_, _, None) => {
                self.unclear.push(what);
                return Ok(());
            }
            (None, Some(location), Some(true))
                if matches!(variable.value, VariableValue::Masked(_)) =>
            {
                sides.hidden(location)
            }
            (_, Some(_), Some(true)) => {
                Err("it leads to the server without naming it in a reference".to_owned())
            }
        };
        match wanted {
            Ok(wanted) => {
                let former = text.map(str::to_owned);
                self.literals.push(Literal { service, name, former, wanted, is_url });
            }
            Err(why) => self.stuck.push(format!("{what}: {why}")),
        }
        Ok(())
    }
}

/// Returns where a variable leads; none if it leads nowhere that can be seen.
fn destination<O: Railway>(
    outside: &O,
    (service, name): (&str, &str),
) -> Result<Option<Location>, Failure> {
    match outside.destination(service, name) {
        Ok(location) => Ok(location),
        Err(failure) if failure.is_denied() || failure.may_pass() => Err(failure),
        // A host or a password of its own is no URL.
        Err(_) => Ok(None),
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
