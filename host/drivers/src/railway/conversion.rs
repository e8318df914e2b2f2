//! What a staged conversion must be, and what a staged way back may be: everything else is somebody else's, or a mistake.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_engine::model::{MovedVariable, Template, TemplateService};
use serde_json::{Map, Value};

use super::gateway::{MADE_AS, MADE_BY};

/// What Railway writes of a service that it creates. Whatever else it writes is not what was planned.
const OF_CREATED: [&str; 11] = [
    "isCreated",
    "name",
    "icon",
    "clusterRole",
    "clusterWiring",
    "parentServiceId",
    "source",
    "deploy",
    "build",
    "networking",
    "volumeMounts",
];

/// What it writes of the root, beside its variables.
const OF_ROOT: [&str; 5] = ["clusterRole", "clusterWiring", "source", "networking", "icon"];

/// A reference that only a service with a public endpoint has.
const PUBLIC: &str = "RAILWAY_TCP_PROXY";

/// What a conversion is compared with.
pub(super) struct Wanted<'a> {
    /// The id of the root's service.
    pub(super) root: &'a str,
    /// The names of the variables that the root has.
    pub(super) has: &'a BTreeSet<String>,
    pub(super) template: &'a Template,
    /// Which variables move, by the id of their service.
    pub(super) moved: &'a [(String, MovedVariable)],
    /// What everything carries that is created.
    pub(super) marker: &'a str,
    /// What a part of a service's configuration is in the template.
    pub(super) part: &'a dyn Fn(&str, &str) -> Option<Value>,
}

impl Wanted<'_> {
    /// Returns what of a staged patch is not as planned, a line each.
    pub(super) fn problems(&self, patch: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let mut volumes = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut others = BTreeMap::new();
        for (part, value) in parts(patch) {
            match part.as_str() {
                "services" => {
                    for (id, change) in parts(value) {
                        if id == self.root {
                            self.root(change, &mut found);
                        } else if change.get("isCreated").is_some() {
                            self.created(change, (&mut seen, &mut volumes), &mut found);
                        } else {
                            others.insert(id.clone(), change);
                        }
                    }
                }
                "volumes" => {}
                other => found.push(format!("`{other}` changes")),
            }
        }
        if services(patch).is_none_or(|services| !services.contains_key(self.root)) {
            found.push("the root does not change".to_owned());
        }
        let missing = self.template.others().filter(|it| !seen.contains(&it.name));
        found.extend(missing.map(|it| format!("service `{}` is not created", it.name)));
        Self::volumes(patch, &volumes, &mut found);
        self.others(&others, &mut found);
        found
    }

    /// Returns whether a patch holds what the conversion staged: something that it creates.
    pub(super) fn is_begun(patch: &Value, marker: &str) -> bool {
        let ours = |change: &Value| variable(change, MADE_BY) == Some(marker);
        services(patch).is_some_and(|services| services.values().any(ours))
    }

    /// Returns whether a change leads variables to what the same patch creates, and does nothing else: nobody but the conversion
    /// refers to services that are not there yet.
    pub(super) fn leads_to_created(patch: &Value, change: &Value, marker: &str) -> bool {
        let created = services(patch).into_iter().flat_map(Map::values);
        let names: Vec<&str> = created
            .filter(|change| variable(change, MADE_BY) == Some(marker))
            .filter_map(|change| variable(change, MADE_AS))
            .collect();
        let leads = |text: &str| names.iter().any(|name| text.contains(&format!("${{{{{name}.")));
        parts(change).all(|(part, value)| {
            part == "variables"
                && parts(value).all(|(name, _)| variable(change, name).is_some_and(leads))
        })
    }

    fn root(&self, change: &Value, found: &mut Vec<String>) {
        let Some(wanted) = self.template.root() else {
            found.push("the template has no root".to_owned());
            return;
        };
        if text(change.get("clusterRole")) != Some(Template::ROOT) {
            found.push("the root does not become one".to_owned());
        }
        image("the root", change, wanted, found);
        let unknown =
            |part: &&String| part.as_str() != "variables" && !OF_ROOT.contains(&part.as_str());
        found.extend(
            parts(change)
                .map(|(part, _)| part)
                .filter(unknown)
                .map(|part| format!("`{part}` of the root changes")),
        );
        let new = |name: &str| !self.has.contains(name);
        let expected = wanted.variables.iter().filter(|(name, _)| new(name));
        variables("the root", change, expected, &[], found);
    }

    fn created(
        &self,
        change: &Value,
        (seen, volumes): (&mut BTreeSet<String>, &mut BTreeSet<String>),
        found: &mut Vec<String>,
    ) {
        let alias = variable(change, MADE_AS).unwrap_or_default();
        let wanted = self.template.others().find(|it| it.name == alias);
        let (Some(wanted), Some(true)) =
            (wanted, variable(change, MADE_BY).map(|marker| marker == self.marker))
        else {
            found.push("a service is created that is not the plan's".to_owned());
            return;
        };
        if !seen.insert(wanted.name.clone()) {
            found.push(format!("service `{alias}` is created twice"));
        }
        let who = format!("service `{alias}`");
        let said = [
            ("clusterRole", text(change.get("clusterRole")), wanted.role.as_deref()),
            ("parentServiceId", text(change.get("parentServiceId")), Some(self.root)),
        ];
        for (part, is, should) in said {
            if is != should {
                found.push(format!("`{part}` of {who} is {is:?}"));
            }
        }
        image(&who, change, wanted, found);
        let unknown =
            |part: &&String| part.as_str() != "variables" && !OF_CREATED.contains(&part.as_str());
        found.extend(
            parts(change)
                .map(|(part, _)| part)
                .filter(unknown)
                .map(|part| format!("{who} has `{part}`")),
        );
        for part in ["deploy", "build"] {
            let (is, should) = (change.get(part), (self.part)(alias, part));
            if stripped(is) != stripped(should.as_ref()) {
                found.push(format!("`{part}` of {who} is not the template's"));
            }
        }
        variables(&who, change, wanted.variables.iter(), &[MADE_BY, MADE_AS], found);
        let mounts: Vec<_> = parts(change.get("volumeMounts").unwrap_or(&Value::Null)).collect();
        let paths: Vec<_> = mounts.iter().map(|(_, it)| text(it.get("mountPath"))).collect();
        if paths != wanted.mount.iter().map(|mount| Some(mount.as_str())).collect::<Vec<_>>() {
            found.push(format!("the volumes of {who} are not the template's"));
        }
        volumes.extend(mounts.into_iter().map(|(id, _)| id.clone()));
    }

    fn volumes(patch: &Value, mounted: &BTreeSet<String>, found: &mut Vec<String>) {
        for (id, change) in parts(patch.get("volumes").unwrap_or(&Value::Null)) {
            let created = change.get("isCreated").and_then(Value::as_bool) == Some(true);
            let only = parts(change)
                .all(|(part, _)| ["isCreated", "sizeMB", "name"].contains(&part.as_str()));
            if !created || !only || !mounted.contains(id) {
                found.push(format!("volume {id} changes"));
            }
        }
    }

    fn others(&self, changes: &BTreeMap<String, &Value>, found: &mut Vec<String>) {
        let mut left: Vec<&(String, MovedVariable)> = self.moved.iter().collect();
        for (id, change) in changes {
            for (part, value) in parts(change) {
                if part != "variables" {
                    found.push(format!("`{part}` of service {id} changes"));
                    continue;
                }
                for (name, _) in parts(value) {
                    let at = left
                        .iter()
                        .position(|(service, moved)| service == id && moved.name == *name);
                    match at.map(|at| left.remove(at)) {
                        Some((_, moved))
                            if variable(change, name) == Some(moved.after.as_str()) => {}
                        Some(_) => found
                            .push(format!("variable `{name}` of service {id} gets another text")),
                        None => found.push(format!("variable `{name}` of service {id} changes")),
                    }
                }
            }
        }
        found.extend(left.iter().map(|(_, moved)| {
            format!("variable `{}` of {} does not move", moved.name, moved.service)
        }));
    }
}

/// What a way back may be.
pub(super) struct Back<'a> {
    pub(super) root: &'a str,
    /// The services of the cluster, and the volume of each.
    pub(super) members: &'a BTreeMap<String, Option<String>>,
    pub(super) moved: &'a [(String, MovedVariable)],
}

impl Back<'_> {
    /// Returns what of a staged patch is more or less than taking the cluster back.
    pub(super) fn problems(&self, patch: &Value) -> Vec<String> {
        let mut found = Vec::new();
        for (part, _) in
            parts(patch).filter(|(part, _)| !["services", "volumes"].contains(&part.as_str()))
        {
            found.push(format!("`{part}` changes"));
        }
        let none = Map::new();
        let services = services(patch).unwrap_or(&none);
        for (id, change) in services {
            let deleted = change.get("isDeleted").and_then(Value::as_bool) == Some(true);
            if id == self.root {
                Self::root(change, &mut found);
            } else if self.members.contains_key(id) {
                if !deleted {
                    found.push(format!("service {id} of the cluster changes and is not deleted"));
                }
            } else if deleted {
                found.push(format!("service {id} is deleted"));
            } else {
                self.other(id, change, &mut found);
            }
        }
        let kept = self.members.keys().filter(|id| !services.contains_key(*id));
        found.extend(kept.map(|id| format!("service {id} of the cluster stays")));
        let ours: BTreeSet<&str> = self.members.values().flatten().map(String::as_str).collect();
        for (id, _) in parts(patch.get("volumes").unwrap_or(&Value::Null)) {
            if !ours.contains(id.as_str()) {
                found.push(format!("volume {id} changes"));
            }
        }
        found
    }

    /// Returns whether a patch is a way back that is staged: the root is none any more.
    pub(super) fn is_begun(patch: &Value, root: &str) -> bool {
        let change = services(patch).and_then(|services| services.get(root));
        change.and_then(|change| change.get("clusterRole")).is_some_and(Value::is_null)
    }

    fn root(change: &Value, found: &mut Vec<String>) {
        if !change.get("clusterRole").is_some_and(Value::is_null) {
            found.push("the root stays one".to_owned());
        }
        let known = |part: &str| part == "variables" || OF_ROOT.contains(&part);
        for (part, _) in parts(change).filter(|(part, _)| !known(part)) {
            found.push(format!("`{part}` of the root changes"));
        }
        let variables = change.get("variables").unwrap_or(&Value::Null);
        for (name, _) in parts(variables).filter(|(_, value)| !value.is_null()) {
            found.push(format!("variable `{name}` of the root is set"));
        }
    }

    fn other(&self, id: &str, change: &Value, found: &mut Vec<String>) {
        for (part, value) in parts(change) {
            if part != "variables" {
                found.push(format!("`{part}` of service {id} changes"));
                continue;
            }
            for (name, _) in parts(value) {
                let back =
                    self.moved.iter().find(|(service, moved)| service == id && moved.name == *name);
                let same = back.is_some_and(|(_, moved)| {
                    variable(change, name).map(squeezed) == Some(squeezed(&moved.before))
                });
                if !same {
                    found.push(format!(
                        "variable `{name}` of service {id} gets a text that it did not have"
                    ));
                }
            }
        }
    }
}

/// Spaces inside a reference mean nothing.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

fn image(who: &str, change: &Value, wanted: &TemplateService, found: &mut Vec<String>) {
    let source = change.get("source").unwrap_or(&Value::Null);
    let only = parts(source).all(|(part, value)| part == "image" || value.is_null());
    if !only || text(source.get("image")) != wanted.image.as_deref() {
        found.push(format!("the source of {who} is {source}"));
    }
}

/// Compares names, and texts where the template's has nothing that Railway fills in.
fn variables<'a>(
    who: &str,
    change: &Value,
    wanted: impl Iterator<Item = &'a (String, String)>,
    ours: &[&str],
    found: &mut Vec<String>,
) {
    let mut left: BTreeSet<&str> = parts(change.get("variables").unwrap_or(&Value::Null))
        .map(|(name, _)| name.as_str())
        .filter(|name| !ours.contains(name))
        .collect();
    for (name, should) in wanted {
        let there = left.remove(name.as_str());
        if !there && !should.contains(PUBLIC) {
            found.push(format!("variable `{name}` of {who} is missing"));
        } else if there && !should.contains("${{") && variable(change, name) != Some(should) {
            found.push(format!("variable `{name}` of {who} gets another text"));
        }
    }
    found.extend(
        left.iter().map(|name| format!("variable `{name}` of {who} is not the template's")),
    );
}

fn services(patch: &Value) -> Option<&Map<String, Value>> {
    patch.get("services").and_then(Value::as_object)
}

fn parts(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn variable<'v>(change: &'v Value, name: &str) -> Option<&'v str> {
    text(change.get("variables")?.get(name)?.get("value"))
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

/// A part that holds nothing says as much as one that is not there.
fn stripped(part: Option<&Value>) -> Map<String, Value> {
    let part = part.and_then(Value::as_object).cloned().unwrap_or_default();
    part.into_iter().filter(|(_, value)| !value.is_null()).collect()
}
