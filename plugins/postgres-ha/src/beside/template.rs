//! The template of a cluster that stands beside the server: nodes of repmgr, and PgPool in front of them.

use lockstep_sdk::image::Image;
use lockstep_sdk::{Template, TemplateService};

use super::value::{Secret, Value};
use crate::references::references;

/// What the repositories of its images end with, and hold.
const NODE: &str = "/postgresql-repmgr";
const FRONT: &str = "pgpool";

/// The variable that names the host with which a new cluster begins.
const FIRST: &str = "REPMGR_PRIMARY_HOST";

/// The variable by which a node is known in the cluster.
const NODE_NAME: &str = "REPMGR_NODE_NAME";

/// Without these nobody could reach a node, or be let in.
const OF_NODES: [&str; 5] =
    [FIRST, NODE_NAME, "REPMGR_PARTNER_NODES", "POSTGRESQL_PASSWORD", "DATABASE_URL"];
const OF_FRONT: [&str; 3] =
    ["PGPOOL_BACKEND_NODES", "PGPOOL_POSTGRES_PASSWORD", "PGPOOL_SR_CHECK_PASSWORD"];

/// A service that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: String,
    /// Its image, as the template names it.
    pub(crate) image: Image,
    /// Where its volume is mounted, if it has one.
    pub(crate) mount: Option<String>,
    /// Its variables that are text.
    pub(crate) texts: Vec<(String, String)>,
    /// Its variables that are generated.
    pub(crate) secrets: Vec<(String, Secret)>,
    /// Its variables that are left out, because they lead to a public endpoint.
    pub(crate) public: Vec<String>,
}

/// The cluster of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The template's code.
    pub(crate) code: String,
    /// Tells its content from every other.
    pub(crate) digest: String,
    /// The nodes. The cluster begins with the first.
    pub(crate) nodes: Vec<Member>,
    /// What clients connect to.
    pub(crate) front: Member,
}

impl Member {
    fn of(service: &TemplateService, names: &[&str]) -> Result<Self, String> {
        let name = &service.name;
        let image = service.image.as_deref().and_then(Image::parse);
        let image = image.ok_or_else(|| format!("`{name}` has no image"))?;
        let mut member = Self {
            name: name.clone(),
            image,
            mount: service.mount.clone(),
            texts: Vec::new(),
            secrets: Vec::new(),
            public: Vec::new(),
        };
        for (variable, text) in &service.variables {
            let value = Value::of(text);
            match value.map_err(|why| format!("`{variable}` of `{name}`: {why}"))? {
                Value::Secret(secret) => member.secrets.push((variable.clone(), secret)),
                Value::Public => member.public.push(variable.clone()),
                Value::Text(text) => {
                    if let Some(other) = outsider(&text, names) {
                        return Err(format!(
                            "`{variable}` of `{name}` refers to `{other}`, which it does not make"
                        ));
                    }
                    member.texts.push((variable.clone(), text));
                }
            }
        }
        if service.replicas != 1 {
            return Err(format!("`{name}` has {} instances", service.replicas));
        }
        Ok(member)
    }

    /// Returns the text of a variable.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.texts.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.as_str())
    }

    /// Gives a variable this text, whatever the template says.
    pub(super) fn set(&mut self, name: &str, text: String) {
        self.texts.retain(|(known, _)| known != name);
        self.texts.push((name.to_owned(), text));
    }

    /// Returns the name by which a node is known in the cluster.
    pub(super) fn node_name(&self) -> &str {
        self.text(NODE_NAME).unwrap_or(&self.name)
    }

    fn lacks(&self, wanted: &[&str]) -> Option<String> {
        let has = |name: &str| {
            self.text(name).is_some() || self.secrets.iter().any(|(known, _)| known == name)
        };
        let missing = wanted.iter().find(|name| !has(name))?;
        Some(format!("`{}` has no variable `{missing}`", self.name))
    }
}

impl Wanted {
    /// Takes a template apart. One of another form than is known is refused in words, never guessed at.
    pub(crate) fn of(template: &Template) -> Result<Self, String> {
        let names: Vec<&str> = template.services.iter().map(|it| it.name.as_str()).collect();
        let members = template.services.iter().map(|service| Member::of(service, &names));
        let (mut nodes, mut fronts) = (Vec::new(), Vec::new());
        for member in members.collect::<Result<Vec<_>, _>>()? {
            if member.image.repository.ends_with(NODE) {
                nodes.push(member);
            } else if member.image.repository.contains(FRONT) {
                fronts.push(member);
            } else {
                let Member { name, image, .. } = member;
                return Err(format!("`{name}` is neither a node of repmgr nor PgPool: {image}"));
            }
        }
        let (Some(front), None) = (fronts.pop(), fronts.pop()) else {
            return Err("it has not exactly one PgPool".to_owned());
        };
        if nodes.len() < 2 {
            return Err(format!("it has {} nodes, which is no cluster", nodes.len()));
        }
        let lacking = nodes.iter().find_map(|node| node.lacks(&OF_NODES));
        if let Some(why) = lacking.or_else(|| front.lacks(&OF_FRONT)) {
            return Err(why);
        }
        if let Some(node) = nodes.iter().find(|node| node.mount.is_none()) {
            return Err(format!("`{}` has no volume, so its data would not stay", node.name));
        }
        first_comes_first(&mut nodes)?;
        let (code, digest) = (template.code.clone(), template.digest.clone());
        Ok(Self { code, digest, nodes, front })
    }

    /// Returns every service, those first that others refer to.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.nodes.iter().chain([&self.front])
    }

    /// Returns the node with which the cluster begins, and the others.
    pub(super) fn parted(&self) -> (&str, Vec<&str>) {
        let mut names = self.nodes.iter().map(|node| node.name.as_str());
        (names.next().unwrap_or_default(), names.collect())
    }
}

/// Returns whom a text refers to that is none of these.
fn outsider<'a>(text: &'a str, names: &[&str]) -> Option<&'a str> {
    references(text).map(|(owner, _)| owner).find(|owner| !names.contains(owner))
}

/// Every node must name the same one with which the cluster begins, or there would be several clusters.
fn first_comes_first(nodes: &mut [Member]) -> Result<(), String> {
    let host = |node: &Member| {
        let text = node.text(FIRST).unwrap_or_default();
        let inside = text.strip_prefix("${{").and_then(|text| text.strip_suffix("}}"));
        let name = match inside.map(str::trim) {
            Some("RAILWAY_PRIVATE_DOMAIN") => node.name.clone(),
            Some(inside) => inside.strip_suffix(".RAILWAY_PRIVATE_DOMAIN")?.to_owned(),
            None => text.strip_suffix(".railway.internal")?.to_owned(),
        };
        Some(name)
    };
    let hosts: Vec<Option<String>> = nodes.iter().map(host).collect();
    let first = hosts.first().cloned().flatten();
    let (Some(first), true) =
        (first, hosts.iter().all(|it| *it == hosts.first().cloned().flatten()))
    else {
        return Err(format!("its nodes do not name one and the same node in {FIRST}"));
    };
    if !nodes.iter().any(|node| node.name == first) {
        return Err(format!("the cluster would begin with `{first}`, which is none of its nodes"));
    }
    nodes.sort_by_key(|node| node.name != first);
    Ok(())
}
