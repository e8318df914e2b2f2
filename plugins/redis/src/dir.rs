//! Where a server keeps its data: as it says, as its next start is told, and what of that lies on the volume.

use lockstep_sdk::Finding;

use crate::path::Lineage;
use crate::server::Server;
use crate::start;
use crate::survey::Survey;

/// Where the official image keeps its data.
pub(crate) const OFFICIAL: &str = "/data";
/// Where Bitnami's image does.
const BITNAMI: &str = "/bitnami/redis/data";
/// Folders in which the images keep their data if no volume is mounted there.
const INSIDE_THE_IMAGE: [&str; 3] = [OFFICIAL, BITNAMI, "/var/lib/redis"];

/// Returns what follows `folder` in `path`, part by part, with a slash before each; none where `path` is not in `folder`.
pub(crate) fn below(path: &str, folder: &str) -> Option<String> {
    let mut path = parts(path)?.into_iter();
    for part in parts(folder)? {
        if path.next()? != part {
            return None;
        }
    }
    Some(path.fold(String::new(), |rest, part| format!("{rest}/{part}")))
}

/// The parts of an absolute path; none where it is not absolute, or climbs.
fn parts(path: &str) -> Option<Vec<&str>> {
    let parts: Vec<_> = path
        .strip_prefix('/')?
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    (!parts.contains(&"..")).then_some(parts)
}

/// Returns the folder that the next start is told, by a flag or by the image itself; none where that can't be seen.
fn told(survey: &Survey, lineage: Lineage) -> Option<&str> {
    let command = survey.redis.setting("start-command").unwrap_or("");
    if let Some(flag) = start::flag(command, "dir") {
        return parts(flag).map(|_| flag);
    }
    let moved = survey
        .variables
        .iter()
        .any(|variable| ["REDIS_DATA_DIR", "REDIS_VOLUME_DIR"].contains(&variable.name.as_str()));
    match lineage {
        Lineage::Official if !start::names_a_file(command) => Some(OFFICIAL),
        Lineage::Bitnami if !moved => Some(BITNAMI),
        Lineage::Official | Lineage::Bitnami => None,
    }
}

/// Returns the folder that the next start reads, with a warning where the server's own word for it is another, or why a
/// start would not find the data.
///
/// Outside a container, as in the lab, a server has the machine's folders and not the image's.
pub(crate) fn next(
    survey: &Survey,
    server: &Server,
    lineage: Lineage,
) -> Result<(String, Option<Finding>), Box<Finding>> {
    let told = told(survey, lineage);
    let live = server.setting("dir");
    let mount = survey.redis.service.volume.as_ref().map_or("", |volume| volume.mount.as_str());
    let evidence = format!(
        "dir {}, told {}, volume at {mount}",
        live.unwrap_or("unknown"),
        told.unwrap_or("nothing")
    );
    let same = |one: &str, other: &str| below(one, other).is_some_and(|rest| rest.is_empty());
    let mut warning = None;
    let dir = match (live, told) {
        (Some(live), Some(told)) if !same(live, told) => {
            if server.is_contained() || INSIDE_THE_IMAGE.contains(&live) {
                return Err(Finding::refusal(
                    "dir",
                    "the server writes into another folder than the one that its next start reads",
                )
                .evidence(evidence)
                .remedy(format!(
                    "set it back while the server runs (`CONFIG SET dir {told}`, then save), or name it in the start command"
                ))
                .into());
            }
            warning = Some(
                Finding::warning(
                    "mount",
                    "the server names another folder than the one that its image is told",
                )
                .evidence(evidence.as_str()),
            );
            told
        }
        (_, Some(told)) => told,
        (Some(live), None) => live,
        (None, None) => {
            return Err(Finding::refusal(
                "dir",
                "it can't be seen where the server keeps its data",
            )
            .evidence(evidence)
            .remedy("name the folder in the start command: `--dir /data`")
            .into());
        }
    };
    if below(dir, mount).is_none() {
        return Err(Finding::refusal(
            "mount",
            "the server keeps its data outside its volume, so a deploy would empty it",
        )
        .evidence(evidence)
        .remedy("mount the volume where the data is kept; that in itself is a deploy, so save the data first")
        .into());
    }
    Ok((dir.to_owned(), warning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_inside_another_by_its_parts_and_not_by_its_letters() {
        let rest = |path, folder| below(path, folder);
        assert_eq!(rest("/data", "/data/").as_deref(), Some(""));
        assert_eq!(rest("/bitnami/redis/data/", "/bitnami").as_deref(), Some("/redis/data"));
        assert_eq!(rest("/data", "/").as_deref(), Some("/data"));
        for (path, folder) in
            [("/data2", "/data"), ("/data", "/data/x"), ("/data/../x", "/data"), ("data", "/")]
        {
            assert_eq!(rest(path, folder), None, "{path} in {folder}");
        }
    }
}
