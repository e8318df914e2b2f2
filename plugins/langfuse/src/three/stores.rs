//! Where version 2 keeps objects already: media and exports have stores there too, and what is in them must be found later.

use lockstep_sdk::running::Running;

use super::parts::WIRED;

/// What the names of the variables begin with that tell of one store.
const STORES: [&str; 3] =
    ["LANGFUSE_S3_EVENT_UPLOAD_", "LANGFUSE_S3_MEDIA_UPLOAD_", "LANGFUSE_S3_BATCH_EXPORT_"];

/// The rest of the name of the variable without which Langfuse has no such store.
const BUCKET: &str = "BUCKET";

/// Returns what the names begin with of the stores that the web service has, which stay as they are.
pub(super) fn kept(web: &Running) -> Vec<&'static str> {
    STORES.into_iter().filter(|store| web.has(&format!("{store}{BUCKET}"))).collect()
}

/// Returns the variables that tell half of a store: without a bucket Langfuse has none, and with one that is made here what they say
/// would lead to another place.
pub(super) fn halves(web: &Running) -> Vec<&str> {
    let kept = kept(web);
    let is_half = |name: &&str| {
        let of = STORES.into_iter().find(|store| name.starts_with(store));
        of.is_some_and(|store| !kept.contains(&store))
    };
    web.variables.iter().map(|it| it.name.as_str()).filter(is_half).collect()
}

/// Returns whether a variable tells of a store that stays.
pub(super) fn stays<'a>(name: &str, kept: impl IntoIterator<Item = &'a str>) -> bool {
    kept.into_iter().any(|store| name.starts_with(store))
}

/// Returns what the web service is told: nothing of a store that it has.
pub(super) fn wired(web: &Running) -> Vec<(&'static str, &'static str)> {
    let kept = kept(web);
    WIRED.into_iter().filter(|(name, _)| !stays(name, kept.iter().copied())).collect()
}

/// Returns the variables of the stores that stay, which the worker needs to be told alike.
pub(super) fn own(web: &Running) -> Vec<&str> {
    let kept = kept(web);
    let names = web.variables.iter().map(|it| it.name.as_str());
    names.filter(|name| stays(name, kept.iter().copied())).collect()
}
