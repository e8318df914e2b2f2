//! Railway's template of a cluster, and what of it a server of this version gets.

use lockstep_sdk::bindings::lockstep::plugin::{http_effects, railway, railway_effects};
use lockstep_sdk::image::Image;
use lockstep_sdk::{
    Failure, Live, MovedVariable, Piece, Proof, ServiceRef, Template, TemplateService, Times,
};

/// The template's code.
pub(crate) const CODE: &str = "postgres-ha";

/// Parts of the cluster.
const ROOT: &str = "root";
const REPLICA: &str = "replica";
const COORDINATOR: &str = "internal";
const EDGE: &str = "edge";

/// The variable by which a node is known in the cluster.
const NODE_NAME: &str = "PATRONI_NAME";

/// The variable that says that the server's data is taken over. Without it data that is there counts as stale.
const ADOPTS: &str = "PATRONI_ADOPT_EXISTING_DATA";

/// Reads what Railway publishes.
pub(crate) trait Templates {
    /// Returns the template of this code, if there is one.
    fn published_template(&self, code: &str) -> Result<Option<Template>, Failure>;
}

impl Templates for Live {
    fn published_template(&self, code: &str) -> Result<Option<Template>, Failure> {
        railway::published_template(code)
    }
}

/// Declares what only this path needs. Services that the conversion makes go by their names in the template.
pub(crate) trait DeclareConversion {
    /// Declares that it is staged that a service becomes the root of a cluster.
    fn stage_conversion(
        &self,
        label: &str,
        root: &str,
        wanted: &Template,
        moved: &[MovedVariable],
    ) -> Result<(), Failure>;
    /// Declares that it is staged that the conversion is taken back.
    fn stage_revert(&self, label: &str, converted_by: &str) -> Result<(), Failure>;
    /// Declares that what an effect staged is discarded.
    fn discard_staged(&self, label: &str, staged_by: &str) -> Result<(), Failure>;
    /// Declares that the image of a service of the cluster is set.
    fn set_image_made(&self, label: &str, name: &str, image: &str) -> Result<(), Failure>;
    /// Declares that a variable of a service of the cluster is set.
    fn set_variable_made(
        &self,
        label: &str,
        name: &str,
        variable: (&str, &str),
    ) -> Result<(), Failure>;
    /// Declares a deployment of a service of the cluster.
    fn deploy_cluster(&self, label: &str, name: &str) -> Result<(), Failure>;
    /// Declares an order to Patroni that gives the same end when it is sent again.
    fn order(&self, label: &str, order: Order<'_>) -> Result<(), Failure>;
}

/// What Patroni is told to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order<'a> {
    /// Whether a commit waits for a second node.
    Synchronous(bool),
    /// A setting of all nodes has this value from their next starts on.
    Raise(&'a str, &'a str),
    /// The server starts anew, if it waits for that.
    Restart,
    /// This node is to lead.
    Lead(&'a str),
}

impl Order<'_> {
    fn message(self) -> http_effects::Message {
        let (method, path, body) = match self {
            Self::Synchronous(on) => {
                (http_effects::Method::Patch, "/config", format!("{{\"synchronous_mode\":{on}}}"))
            }
            Self::Raise(name, value) => {
                let body = format!("{{\"postgresql\":{{\"parameters\":{{\"{name}\":{value}}}}}}}");
                (http_effects::Method::Patch, "/config", body)
            }
            Self::Restart => {
                let body = "{\"restart_pending\":true}".to_owned();
                (http_effects::Method::Post, "/restart", body)
            }
            Self::Lead(node) => {
                (http_effects::Method::Post, "/failover", format!("{{\"candidate\":\"{node}\"}}"))
            }
        };
        let text = |text: &str| vec![Piece::Text(text.to_owned())];
        // An order that comes again is turned away: while the server restarts, and afterwards because it waits for no restart any
        // more. It is also turned away where nothing came of it, so the step's check alone tells.
        let success = match self {
            Self::Restart => vec![200, 503],
            Self::Synchronous(_) | Self::Raise(..) | Self::Lead(_) => vec![200],
        };
        http_effects::Message {
            method,
            path: text(path),
            headers: vec![("content-type".to_owned(), text("application/json"))],
            body: text(&body),
            success,
            captures: Vec::new(),
        }
    }
}

impl DeclareConversion for Live {
    fn stage_conversion(
        &self,
        label: &str,
        root: &str,
        wanted: &Template,
        moved: &[MovedVariable],
    ) -> Result<(), Failure> {
        railway_effects::stage_conversion(label, &ServiceRef::Named(root.to_owned()), wanted, moved)
    }

    fn stage_revert(&self, label: &str, converted_by: &str) -> Result<(), Failure> {
        railway_effects::stage_revert(label, converted_by)
    }

    fn discard_staged(&self, label: &str, staged_by: &str) -> Result<(), Failure> {
        railway_effects::discard_staged(label, staged_by)
    }

    fn set_image_made(&self, label: &str, name: &str, image: &str) -> Result<(), Failure> {
        railway_effects::set_image(label, &made(name), image)
    }

    fn set_variable_made(
        &self,
        label: &str,
        name: &str,
        (variable, value): (&str, &str),
    ) -> Result<(), Failure> {
        let value = vec![Piece::Text(value.to_owned())];
        let assignment = railway_effects::Assignment { name: variable.to_owned(), value };
        railway_effects::set_variables(label, &made(name), &[assignment])
    }

    fn deploy_cluster(&self, label: &str, name: &str) -> Result<(), Failure> {
        railway_effects::deploy(label, &made(name), &railway_effects::DeploySource::Configured)
    }

    fn order(&self, label: &str, order: Order<'_>) -> Result<(), Failure> {
        let (once, again) = (Times::Once, Proof::Repeatable);
        http_effects::send(label, super::PATRONI, &order.message(), &[], &once, &again)
    }
}

fn made(name: &str) -> ServiceRef {
    ServiceRef::Made(name.to_owned())
}

/// The cluster that a server of a major version becomes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cluster {
    /// The template, with the images of that version.
    pub(crate) template: Template,
    /// The name of the root as a node.
    pub(crate) root_node: String,
    /// Service and node name of each replica.
    pub(crate) replicas: Vec<(String, String)>,
    /// The services through which the nodes agree.
    pub(crate) coordinators: Vec<String>,
    /// The service that clients connect to.
    pub(crate) edge: TemplateService,
}

impl Cluster {
    /// Takes a template apart. An answer of another form than is known is refused in words, never guessed at.
    pub(crate) fn of(mut template: Template, major: u64) -> Result<Self, String> {
        for service in &mut template.services {
            let part = service.role.as_deref().unwrap_or_default();
            if [ROOT, REPLICA].contains(&part) {
                let image = service.image.as_deref().and_then(Image::parse);
                let image = image.ok_or_else(|| format!("`{}` has no image", service.name))?;
                let tag = Some(major.to_string());
                service.image = Some(Image { tag, digest: None, ..image }.to_string());
            }
        }
        let of = |part: &str| -> Vec<&TemplateService> {
            let all = template.services.iter();
            all.filter(|service| service.role.as_deref() == Some(part)).collect()
        };
        let (roots, replicas, coordinators, edges) =
            (of(ROOT), of(REPLICA), of(COORDINATOR), of(EDGE));
        let ([root], [edge]) = (roots.as_slice(), edges.as_slice()) else {
            return Err(format!("it has {} roots and {} fronts", roots.len(), edges.len()));
        };
        if replicas.len() < 2 || coordinators.len() < 3 || coordinators.len().is_multiple_of(2) {
            let (replicas, coordinators) = (replicas.len(), coordinators.len());
            return Err(format!("it has {replicas} replicas and {coordinators} coordinators"));
        }
        let known = 1 + replicas.len() + coordinators.len() + 1;
        if template.services.len() != known {
            return Err("it has services that belong to no cluster".to_owned());
        }
        if variable(root, ADOPTS) != Some("true") {
            return Err(format!("it does not take over the data that is there ({ADOPTS})"));
        }
        let node = |service: &TemplateService| {
            let plain = |name: &&str| !name.is_empty() && name.bytes().all(is_plain);
            let name = variable(service, NODE_NAME).filter(plain).map(str::to_owned);
            name.ok_or_else(|| format!("`{}` has no {NODE_NAME} of its own", service.name))
        };
        let root_node = node(root)?;
        let pair = |service: &&TemplateService| Ok((service.name.clone(), node(service)?));
        let replicas = replicas.iter().map(pair).collect::<Result<Vec<_>, String>>()?;
        let coordinators = coordinators.iter().map(|service| service.name.clone()).collect();
        let edge = (*edge).clone();
        Ok(Self { template, root_node, replicas, coordinators, edge })
    }

    /// Returns the services that there are afterwards and not before.
    pub(crate) fn others(&self) -> impl Iterator<Item = &TemplateService> {
        self.template.services.iter().filter(|service| service.role.as_deref() != Some(ROOT))
    }

    /// Returns the image that the root gets.
    pub(crate) fn root_image(&self) -> Option<&str> {
        let mut all = self.template.services.iter();
        all.find(|service| service.role.as_deref() == Some(ROOT))?.image.as_deref()
    }
}

/// Returns a variable's text in the template.
pub(crate) fn variable<'a>(service: &'a TemplateService, name: &str) -> Option<&'a str> {
    let found = service.variables.iter().find(|(known, _)| known == name);
    found.map(|(_, text)| text.as_str())
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_that_is_ordered_again_does_not_come_again() {
        let message = Order::Restart.message();
        let body = message.body.as_slice();
        assert!(matches!(body, [Piece::Text(text)] if text == r#"{"restart_pending":true}"#));
    }
}
