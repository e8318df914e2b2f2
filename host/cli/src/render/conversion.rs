//! A service that becomes a cluster, in the host's own words.

use lockstep_engine::model::{MovedVariable, ServiceRef, Template, TemplateService};

use super::effect::name;
use super::text::tame;

/// Returns what is staged: the template, a line for each of its services, and one for each variable that moves.
pub(super) fn conversion(
    root: &ServiceRef,
    wanted: &Template,
    moved: &[MovedVariable],
) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: becomes the root of the cluster of template {}, whose configuration is {} (staged)",
        name(root),
        tame(&wanted.code),
        tame(&wanted.digest)
    )];
    lines.extend(wanted.root().map(|it| format!("{}: gets {}", name(root), what(it))));
    lines.extend(
        wanted.others().map(|it| format!("create service {} of {}", tame(&it.name), what(it))),
    );
    lines.extend(moved.iter().map(|it| {
        let MovedVariable { service, name, before, after, extra: _ } = it;
        let [service, name, before, after] = [service, name, before, after].map(|text| tame(text));
        format!("{service}: variable {name} = {before} → {after}")
    }));
    lines
}

fn what(service: &TemplateService) -> String {
    let image = service.image.as_deref().map_or_else(|| "no image".to_owned(), tame);
    let variables: Vec<String> = service
        .variables
        .iter()
        .map(|(name, text)| format!("{} = {}", tame(name), tame(text)))
        .collect();
    let volume = service.mount.as_deref().map(|mount| format!(", a volume at {}", tame(mount)));
    let several = (service.replicas > 1).then(|| format!(", {} instances", service.replicas));
    format!(
        "image {image}{}{}, with {}",
        volume.unwrap_or_default(),
        several.unwrap_or_default(),
        variables.join(", ")
    )
}
