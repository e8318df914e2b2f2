//! Templates: the configuration from which services are made, as a plugin sees it and as it is sent.

use lockstep_engine::model::{Digest, Failure, Template, TemplateService};
use serde_json::{Map, Value, json};

use super::documents;
use super::gateway::{MADE_AS, MADE_BY, Railway};
use super::wire::TemplateEntry;

/// Parts of a cluster that run the root's own image.
const WITH_ROOTS_IMAGE: [&str; 2] = [Template::ROOT, "replica"];

/// A template with the configuration that Railway makes its services from.
pub(super) struct Whole {
    pub(super) id: String,
    config: Map<String, Value>,
    pub(super) template: Template,
}

impl Railway {
    /// Returns the template of this code as a plugin sees it.
    pub(super) async fn template(&self, code: &str) -> Result<Option<Template>, Failure> {
        Ok(self.whole_template(code).await?.map(|whole| whole.template))
    }

    async fn whole_template(&self, code: &str) -> Result<Option<Whole>, Failure> {
        let asked: Result<TemplateEntry, Failure> =
            self.read(&documents::TEMPLATE, json!({ "code": code })).await;
        match asked {
            Ok(entry) => Whole::of(entry).map(Some),
            Err(failure) if is_absent(&failure) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the template that `wanted` was made from, unless Railway publishes another one by now.
    pub(super) async fn same_template(&self, wanted: &Template) -> Result<Whole, Failure> {
        let other = |text: String| Failure::permanent("railway:template", text);
        let code = &wanted.code;
        let whole = self.whole_template(code).await?;
        let whole = whole.ok_or_else(|| other(format!("Railway has no template `{code}`")))?;
        if whole.template.digest != wanted.digest {
            let found = &whole.template.digest;
            return Err(other(format!(
                "template `{code}` is {found} by now, and the plan was made for {}",
                wanted.digest
            )));
        }
        match whole.template.differs(wanted) {
            None => Ok(whole),
            Some(what) => Err(other(format!("template `{code}` does not have {what} of the plan"))),
        }
    }
}

impl Whole {
    fn of(entry: TemplateEntry) -> Result<Self, Failure> {
        let broken = |why: &str| {
            let text = format!("template `{}` can't be understood: {why}", entry.code);
            Failure::permanent("railway:template", text)
        };
        // Some clients get the configuration as the text of one.
        let config = match entry.serialized_config {
            Value::String(text) => serde_json::from_str(&text).map_err(|error| {
                Failure::permanent(
                    "railway:template",
                    format!("its configuration is no JSON: {error}"),
                )
            })?,
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => other,
        };
        let digest = Digest::of_json("lockstep-template-1", &config)
            .map_err(|error| broken(&error.to_string()))?;
        let Value::Object(config) = config else {
            return Err(broken("its configuration is no object"));
        };
        let services = config.get("services").and_then(Value::as_object);
        let services = services.ok_or_else(|| broken("it has no services"))?;
        let services: Vec<_> = services
            .values()
            .map(|value| service(value).ok_or_else(|| broken("a service of it is not of its form")))
            .collect::<Result<_, _>>()?;
        let template = Template {
            code: entry.code.clone(),
            digest: digest.to_string(),
            services,
            extra: Vec::new(),
        };
        Ok(Self { id: entry.id, config, template })
    }

    /// Returns a part of a service's configuration, such as `deploy`.
    pub(super) fn part(&self, service: &str, part: &str) -> Option<&Value> {
        let services = self.config.get("services").and_then(Value::as_object)?;
        let named = |value: &&Value| value.get("name").and_then(Value::as_str) == Some(service);
        services.values().find(named)?.get(part)
    }

    /// Returns the configuration with the images of `wanted`, in which every service but the root carries `marker` and its
    /// name, so that whatever is made of it is known as the effect's own.
    pub(super) fn marked(mut self, wanted: &Template, marker: &str) -> Value {
        let services = self.config.get_mut("services").and_then(Value::as_object_mut);
        for value in services.into_iter().flat_map(Map::values_mut) {
            let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let Some(service) = wanted.services.iter().find(|it| it.name == name) else { continue };
            put(value, "source", "image", json!(service.image));
            if service.role.as_deref() != Some(Template::ROOT) {
                put(value, "variables", MADE_BY, json!({ "value": marker }));
                put(value, "variables", MADE_AS, json!({ "value": name }));
            }
        }
        Value::Object(self.config)
    }
}

fn put(service: &mut Value, part: &str, name: &str, value: Value) {
    let Some(service) = service.as_object_mut() else { return };
    let part = service.entry(part.to_owned()).or_insert_with(|| json!({}));
    if let Some(part) = part.as_object_mut() {
        part.insert(name.to_owned(), value);
    }
}

/// What a template has that a plan may not differ in.
trait Compared {
    /// Returns what of `wanted` is not the template's, if anything is.
    fn differs(&self, wanted: &Self) -> Option<String>;
}

impl Compared for Template {
    fn differs(&self, wanted: &Self) -> Option<String> {
        if self.services.len() != wanted.services.len() {
            return Some("the services".to_owned());
        }
        wanted.services.iter().find_map(|one| {
            let known = self.services.iter().find(|known| known.name == one.name);
            let same = known.is_some_and(|known| {
                let images = known.image == one.image || {
                    let role = known.role.as_deref().unwrap_or_default();
                    WITH_ROOTS_IMAGE.contains(&role)
                        && repository(known.image.as_deref()) == repository(one.image.as_deref())
                };
                let rest = TemplateService { image: known.image.clone(), ..one.clone() };
                images && *known == rest
            });
            (!same).then(|| format!("service `{}`", one.name))
        })
    }
}

/// Returns an image without its tag and digest.
fn repository(image: Option<&str>) -> Option<&str> {
    let image = image?.split('@').next()?;
    let name = image.rfind('/').map_or(0, |at| at + 1);
    let tag = image.get(name..)?.find(':').map(|at| name + at);
    image.get(..tag.unwrap_or(image.len()))
}

fn service(value: &Value) -> Option<TemplateService> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let mounts = value.get("volumeMounts").and_then(Value::as_object);
    let mount = match mounts.map(|mounts| mounts.values().collect::<Vec<_>>()).as_deref() {
        None | Some([]) => None,
        Some([only]) => Some(text(only.get("mountPath"))?),
        Some(_) => return None,
    };
    let mut variables = Vec::new();
    for (name, variable) in value.get("variables").and_then(Value::as_object).into_iter().flatten()
    {
        let given = |key: &str| variable.get(key).filter(|given| !given.is_null());
        let Some(given) = given("value").or_else(|| given("defaultValue")) else { continue };
        variables.push((name.clone(), given.as_str()?.to_owned()));
    }
    variables.sort();
    let replicas = value.pointer("/deploy/numReplicas").filter(|given| !given.is_null());
    let replicas = match replicas {
        None => 1,
        Some(given) => u32::try_from(given.as_u64()?).ok()?,
    };
    Some(TemplateService {
        name: text(value.get("name"))?,
        role: text(value.get("clusterRole")),
        image: text(value.pointer("/source/image")),
        mount,
        replicas,
        variables,
        extra: Vec::new(),
    })
}

/// Returns whether Railway's refusal says that there is no such template.
fn is_absent(failure: &Failure) -> bool {
    let problem = failure.problem();
    problem.code == "railway:refused" && problem.message.to_lowercase().contains("not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_may_differ_in_its_tag_and_nothing_else_may() {
        assert_eq!(repository(Some("ghcr.io/a/b:16@sha256:c")), Some("ghcr.io/a/b"));
        assert_eq!(repository(Some("localhost:5000/b")), Some("localhost:5000/b"));
        let one = |image: &str, role: &str| TemplateService {
            name: "a".to_owned(),
            role: Some(role.to_owned()),
            image: Some(image.to_owned()),
            mount: None,
            replicas: 1,
            variables: Vec::new(),
            extra: Vec::new(),
        };
        let of = |image: &str, role: &str| Template {
            code: "t".to_owned(),
            digest: "d".to_owned(),
            services: vec![one(image, role)],
            extra: Vec::new(),
        };
        let theirs = of("r/node:18", "replica");
        assert_eq!(theirs.differs(&of("r/node:16", "replica")), None);
        assert!(theirs.differs(&of("r/other:16", "replica")).is_some());
        assert!(theirs.differs(&of("r/node:18", "edge")).is_some());
        assert!(of("r/etcd:3", "internal").differs(&of("r/etcd:2", "internal")).is_some());
    }
}
