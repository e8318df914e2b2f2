//! `lockstep plugin publish`: a component as an artifact of a registry.

use jiff::Timestamp;
use lockstep_registry::{Annotations, SigningKey};
use secrecy::SecretString;
use serde_json::json;

use super::super::component;
use crate::args::{Global, PublishArguments, Surroundings};
use crate::clock::now;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::plugins::{registry, unfetched};
use crate::render::brief;

/// Runs the command.
pub(crate) async fn publish(
    global: &Global,
    surroundings: &Surroundings,
    arguments: &PublishArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let PublishArguments { file, to, key } = arguments;
    let bytes = component::read(file)?;
    // What no Lockstep could load is not published.
    let loaded = component::load(global, &bytes).await?;
    let key = match key {
        None => None,
        Some(path) => {
            let wrong = |error: CliError| {
                error.within(format!("could not sign with `{}`", path.display())).hint(
                    "name a private key in PEM; the password of a key of cosign's is read from COSIGN_PASSWORD",
                )
            };
            let pem = std::fs::read_to_string(path).or_exit(Exit::Usage).map_err(wrong)?;
            let password = surroundings.get("COSIGN_PASSWORD").map(SecretString::from);
            let key = SigningKey::from_pem(&SecretString::from(pem), password.as_ref());
            Some(key.or_exit(Exit::Usage).map_err(wrong)?)
        }
    };
    let millis = i64::try_from(now().0).unwrap_or(i64::MAX);
    let annotations = Annotations {
        version: Some(loaded.description.version.clone()),
        ..Annotations::at(Timestamp::from_millisecond(millis).or_exit(Exit::Failed)?)
    };
    let registry = registry(global, surroundings)?;
    let published =
        registry.publish(to, &bytes, &annotations, key.as_ref()).await.map_err(unfetched)?;
    output.say(&format!(
        "Published {} {} to {to}: {}{}.",
        brief(&loaded.description.name),
        brief(&loaded.description.version),
        published.digest,
        if published.signed { ", signed" } else { ", not signed" }
    ));
    if let Some(before) = &published.replaced {
        output.say(&format!(
            "The tag led to {before} before. Whoever has that in lockstep.lock keeps running it."
        ));
    }
    output.say(&format!("It is found for ever at {}", published.exact));
    output.json(
        "published",
        &json!({
            "to": to.to_string(), "digest": published.digest, "manifest": published.manifest, "exact": published.exact.to_string(),
            "replaced": published.replaced, "signed": published.signed,
        }),
    )?;
    Ok(Exit::Done)
}
