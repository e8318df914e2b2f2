//! Which image is wanted: from what an operator typed, or from what comes next.

use lockstep_sdk::image::{Image, short};
use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, Finding};

use crate::path::Lineage;
use crate::version::{Exact, Line, NoVersion, Wanted, line, lines_of};

/// Patches looked at on either side of the one that is known.
const PATCHES: u64 = 16;

/// An image that is published and whose version is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Goal {
    /// Its version.
    pub(crate) version: Exact,
    /// The reference, tag and digest.
    pub(crate) image: Image,
    /// Its digest.
    pub(crate) digest: String,
}

/// Finds the image for what was typed, or for what comes after `current`.
pub(crate) fn find<O: Railway>(
    outside: &O,
    desired: Option<&str>,
    current: Exact,
    lineage: Lineage,
) -> Result<Result<(Goal, Option<Finding>), Finding>, Failure> {
    let Some(typed) = desired else { return recommended(outside, current, lineage) };
    match Wanted::parse(typed) {
        Ok(Wanted::Exact { version, base, digest }) => {
            exact(outside, version, &base, digest.as_deref(), current)
        }
        Ok(Wanted::Moving { numbers, base }) => moving(outside, typed, &numbers, &base, current),
        Ok(Wanted::Bitnami(version)) => Ok(Err(Finding::refusal(
            "target",
            format!("`{typed}` is a tag of Bitnami's image, which is no longer published"),
        )
        .remedy(format!("name a version of the official image: `redis@{version}`")))),
        Err(why) => Ok(Err(no_version(why))),
    }
}

fn exact<O: Railway>(
    outside: &O,
    version: Exact,
    base: &str,
    digest: Option<&str>,
    current: Exact,
) -> Result<Result<(Goal, Option<Finding>), Finding>, Failure> {
    // Within one minor version the data format has never changed, so a patch is safe whatever the format is called.
    if version.rdb().is_none() && !version.same_minor(current) {
        return Ok(Err(unknown_line(version)));
    }
    let image = official(&format!("{version}{base}"));
    let wanted = digest.map_or(image.clone(), |digest| image.clone().pinned(digest));
    Ok(match outside.published(&wanted.to_string())? {
        None => Err(Finding::refusal("target", format!("`{wanted}` is not published"))
            .evidence("its registry has no such tag or digest")
            .remedy(format!(
                "name a patch of {}.{} that is published",
                version.major, version.minor
            ))),
        Some(found) => {
            let image = image.pinned(&found.digest);
            Ok((Goal { version, image, digest: found.digest }, None))
        }
    })
}

/// A tag that moves is taken only if a tag that does not leads to the same bytes.
fn moving<O: Railway>(
    outside: &O,
    typed: &str,
    numbers: &[u64],
    base: &str,
    current: Exact,
) -> Result<Result<(Goal, Option<Finding>), Finding>, Failure> {
    let tag = official(typed);
    let Some(published) = outside.published(&tag.to_string())? else {
        return Ok(Err(Finding::refusal("target", format!("`{tag}` is not published"))));
    };
    let near: Vec<Exact> = match *numbers {
        [major] => lines_of(major).map(Line::near).collect(),
        [major, minor] => near(major, minor, current).into_iter().collect(),
        _ => Vec::new(),
    };
    for known in near {
        for version in patches(outside, known, base)? {
            let image = official(&format!("{version}{base}"));
            if outside
                .published(&image.to_string())?
                .is_some_and(|found| found.digest == published.digest)
            {
                let note =
                    Finding::note("target", format!("`{typed}` is {version} today")).evidence(
                        format!("`{tag}` and `{image}` both are {}", short(&published.digest)),
                    );
                let goal = Goal {
                    version,
                    image: image.pinned(&published.digest),
                    digest: published.digest,
                };
                return Ok(Ok((goal, Some(note))));
            }
        }
    }
    Ok(Err(Finding::refusal(
        "target",
        format!("`{typed}` moves, and no exact version that is known is the same image"),
    )
    .evidence(format!("`{tag}` is {}", short(&published.digest)))
    .remedy("name an exact version, such as `redis@7.2.4`")))
}

/// The newest patch of the next minor version up to 7.2, or else of the same one. From Bitnami's image always of the same
/// one: moving to the official image and to another version at once could not be gone back from without loss.
fn recommended<O: Railway>(
    outside: &O,
    current: Exact,
    lineage: Lineage,
) -> Result<Result<(Goal, Option<Finding>), Finding>, Failure> {
    let (major, minor) = match (lineage, current.major, current.minor) {
        (Lineage::Official, 6, 2) => (7, 0),
        (Lineage::Official, 7, 0) => (7, 2),
        (Lineage::Official | Lineage::Bitnami, major, minor) => (major, minor),
    };
    let Some(known) = near(major, minor, current) else { return Ok(Err(unknown_line(current))) };
    let newest = patches(outside, known, "")?.into_iter().find(|version| *version >= current);
    match newest {
        Some(version) => exact(outside, version, "", None, current),
        None => Ok(Err(Finding::refusal(
            "target",
            format!("no version of {major}.{minor} from {current} on is published"),
        )
        .remedy("name an exact version"))),
    }
}

/// Returns a version of a minor version from which to look for others: the one that is known, or else the one that runs.
fn near(major: u64, minor: u64, current: Exact) -> Option<Exact> {
    let runs = (current.major, current.minor) == (major, minor);
    line(major, minor).map(Line::near).or_else(|| runs.then_some(current))
}

/// Returns the published patches near a version, newest first: upwards until the first that is missing, or downwards from
/// the first that is there.
fn patches<O: Railway>(outside: &O, known: Exact, base: &str) -> Result<Vec<Exact>, Failure> {
    let at = |patch| Exact { patch, ..known };
    let there = |patch| -> Result<bool, Failure> {
        Ok(outside.published(&official(&format!("{}{base}", at(patch))).to_string())?.is_some())
    };
    let mut newest = known.patch;
    if there(newest)? {
        while newest < known.patch + PATCHES && there(newest + 1)? {
            newest += 1;
        }
    } else {
        while newest > 0 && !there(newest)? {
            newest -= 1;
        }
    }
    Ok((newest.saturating_sub(PATCHES)..=newest).rev().map(at).collect())
}

fn official(tag: &str) -> Image {
    Image { repository: "redis".to_owned(), tag: Some(tag.to_owned()), digest: None }
}

fn unknown_line(version: Exact) -> Finding {
    Finding::refusal(
        "target",
        format!("{}.{} is no version that this plugin knows", version.major, version.minor),
    )
    .evidence("which data format it writes is not known, so neither is the way back")
    .remedy("name a version of 7.0, 7.2, 7.4 or 8.0, or pin a newer plugin")
}

fn no_version(why: NoVersion) -> Finding {
    match why {
        NoVersion::Latest(text) => {
            Finding::refusal("target", format!("`{text}` may become any version"))
                .remedy("name an exact version, such as `redis@7.2.4`")
        }
        NoVersion::Unreleased(text) => {
            Finding::refusal("target", format!("`{text}` is not released for use"))
                .remedy("name a released version, such as `redis@7.2.4`")
        }
        NoVersion::Unknown(text) => Finding::refusal(
            "target",
            format!("`{text}` is no version of Redis that this plugin understands"),
        )
        .remedy("write it like `7.2.4` or `7.4.1-alpine`"),
    }
}
