//! `--write-config`: the guide's `railway.toml` follows what was upgraded, its formatting kept.

use std::collections::BTreeMap;
use std::path::Path;

use lockstep_engine::model::{Authority, Kind, Plan, ServiceRef};
use toml_edit::{DocumentMut, Item, Value};

use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::render::{hang, put, tame};

/// What stands for the image that a deployment takes.
const IMAGE: &str = "image";

/// Says what becomes of the file once the plan is done.
///
/// # Errors
/// It can't be read, or is not of the guide's form: then nothing is to begin.
pub(super) fn announced(path: &Path, plan: &Plan) -> Result<String, CliError> {
    let mut document = read(path)?;
    let mut out = String::new();
    put(&mut out, &format!("\nWhen this is done, {} is written too", path.display()));
    let lines = set(&mut document, &images(plan));
    for line in &lines {
        out.push_str(&hang(line, "  ", "    "));
    }
    if lines.is_empty() {
        put(&mut out, "  nothing in it: the plan sets and deploys no image");
    }
    put(
        &mut out,
        "  Railway itself does not read this file: its own has no key for an image, and only one service.",
    );
    Ok(out)
}

/// Reads the file for nothing but its errors.
pub(super) fn must_be_readable(path: &Path) -> Result<(), CliError> {
    read(path).map(drop)
}

/// Writes what was done into the file as it stands now, whole or not at all, and says so.
///
/// # Errors
/// It can't be read or written; then it is as it was.
pub(super) fn write(path: &Path, plan: &Plan) -> Result<String, CliError> {
    let mut document = read(path)?;
    let lines = set(&mut document, &images(plan));
    // What a link leads to is replaced, not the link.
    let real = std::fs::canonicalize(path).or_exit(Exit::Failed)?;
    let beside = real.with_extension("toml.lockstep-new");
    let written = std::fs::write(&beside, document.to_string())
        .and_then(|()| std::fs::metadata(&real))
        .and_then(|before| std::fs::set_permissions(&beside, before.permissions()))
        .and_then(|()| std::fs::rename(&beside, &real));
    if let Err(error) = written {
        // It may never have come to be, and what counts is told already.
        let _gone = std::fs::remove_file(&beside);
        let error =
            anyhow::Error::new(error).context(format!("could not write `{}`", path.display()));
        return Err(CliError::new(Exit::Failed, error));
    }
    let mut out = String::new();
    put(&mut out, &format!("Written to {}, which Railway itself does not read:", path.display()));
    for line in &lines {
        out.push_str(&hang(line, "  ", "    "));
    }
    Ok(out)
}

/// Returns the image that each service has when the plan is done, of those that it sets or deploys.
fn images(plan: &Plan) -> BTreeMap<&str, &str> {
    let Authority { steps, effects, expected, .. } = &plan.authority;
    let labels = steps.iter().flat_map(|frozen| &frozen.step.effects);
    let effects = labels.filter_map(|label| effects.get(label));
    let image = effects.filter_map(|effect| {
        let (Kind::SetImage { service: ServiceRef::Named(name), .. }
        | Kind::Deploy { service: ServiceRef::Named(name), .. }) = &effect.kind
        else {
            return None;
        };
        let deployed = || expected.get(&effect.label)?.get(IMAGE)?.as_deref();
        let set = if let Kind::SetImage { image, .. } = &effect.kind {
            Some(image.as_str())
        } else {
            None
        };
        Some((name.as_str(), set.or_else(deployed)?))
    });
    image.collect()
}

fn read(path: &Path) -> Result<DocumentMut, CliError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| anyhow::Error::new(error).context(format!("could not read `{shown}`")))
        .or_exit(Exit::Usage)?;
    let document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| {
            anyhow::Error::new(error).context(format!("`{shown}` is malformed"))
        })
        .or_exit(Exit::Usage)?;
    if document.get("services").is_some() {
        return Ok(document);
    }
    Err(CliError::words(Exit::Usage, format!("`{shown}` has no `services`"))
        .hint("--write-config is for the guide's file, with `[services.redis.source]` and an `image` in it"))
}

/// Sets images where the file has one for the service, and returns a line for each.
fn set(document: &mut DocumentMut, images: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut lines = Vec::new();
    for (service, image) in images {
        let found = document.get_mut("services").and_then(|services| place(services, service));
        lines.push(match found {
            None => format!("{}: not in the file, so nothing of it is written", tame(service)),
            Some(value) => {
                let before = value.as_str().unwrap_or_default().to_owned();
                let decor = value.decor().clone();
                *value = Value::from(*image);
                *value.decor_mut() = decor;
                if before == *image {
                    format!("{}: image = {} already", tame(service), tame(image))
                } else {
                    format!(
                        "{}: image = {} instead of {}",
                        tame(service),
                        tame(image),
                        tame(&before)
                    )
                }
            }
        });
    }
    lines
}

/// Finds the image of a service: in `[services.NAME.source]`, which may be of one among several `[[services]]`.
fn place<'a>(services: &'a mut Item, service: &str) -> Option<&'a mut Value> {
    let image = |one: &'a mut Item| one.get_mut("source")?.get_mut("image")?.as_value_mut();
    if services.is_array_of_tables() {
        let mut tables = services.as_array_of_tables_mut()?.iter_mut();
        return tables.find_map(|table| image(table.get_mut(service)?));
    }
    image(services.get_mut(service)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guide's form: each service is an element of an array and a table in it too.
    const GUIDE: &str = "# The stack\n[[services]]\nname = \"litellm\"\n\n[services.litellm.source]\nimage = \"a/litellm:stable\"   # moves\n\n\
         [[services]]\nname = \"redis\"\n\n[services.redis.source]\nimage = 'bitnami/redis:7.2'\n[services.redis.env]\nX = { default = \"1\" }\n";

    fn after(text: &str, images: &[(&str, &str)]) -> (String, Vec<String>) {
        let mut document: DocumentMut = text.parse().unwrap();
        let lines = set(&mut document, &images.iter().copied().collect());
        (document.to_string(), lines)
    }

    #[test]
    fn only_the_image_changes_and_everything_around_it_stays() {
        let (text, lines) =
            after(GUIDE, &[("redis", "redis:7.2.4@sha256:ab"), ("litellm", "a/litellm:2")]);
        let wanted = GUIDE
            .replace("'bitnami/redis:7.2'", "\"redis:7.2.4@sha256:ab\"")
            .replace("a/litellm:stable", "a/litellm:2");
        assert_eq!(text, wanted);
        assert_eq!(
            lines,
            [
                "litellm: image = a/litellm:2 instead of a/litellm:stable",
                "redis: image = redis:7.2.4@sha256:ab instead of bitnami/redis:7.2"
            ]
        );
        let plain = "[services.redis.source]\nimage = \"redis:6\"\n";
        assert_eq!(after(plain, &[("redis", "redis:7")]).0, plain.replace('6', "7"));
    }

    #[test]
    fn what_is_not_in_the_file_is_told_and_never_added() {
        for images in [[("minio", "minio/minio:1")], [("name", "x")]] {
            let (text, lines) = after(GUIDE, &images);
            assert_eq!(text, GUIDE);
            assert!(lines[0].ends_with("so nothing of it is written"), "{lines:?}");
        }
    }
}
