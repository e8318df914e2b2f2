//! What no step can mend, and what is not there.

use lockstep_sdk::Finding;
use lockstep_sdk::image::Image;

use crate::names::{BACKED_UP, BACKUP_SERVICE, MINIO};
use crate::needs::Needs;
use crate::survey::{BUCKET, Survey};

pub(super) fn findings(survey: &Survey, needs: &Needs) -> Vec<Finding> {
    let found = [backups(survey, needs), bucket(survey), minio(survey), absent(survey)];
    found.into_iter().flatten().collect()
}

fn backups(survey: &Survey, needs: &Needs) -> Option<Finding> {
    survey.of(BACKUP_SERVICE)?;
    let title =
        "the backup service calls an empty dump a success, so nothing that it says is a backup";
    let finding = Finding::warning("backup-service", title)
        .evidence("it pipes `pg_dump` into `gzip` without looking how either ended; its health is always 200")
        .evidence("of ClickHouse it keeps text that can't be restored; of MinIO, Redis and the keys it keeps nothing")
        .remedy(
            "no step replaces it: make dumps of your own with `pg_dump -Fc` of the server's version, on a schedule, and restore one. \
             What the stages make are backups of volumes",
        )
        .source("domain.md 0, items 6 and 7");
    let finding =
        survey.backups.iter().fold(finding, |finding, said| finding.evidence(said.as_str()));
    Some(if needs.backups.is_empty() {
        finding
    } else {
        finding.evidence(format!(
            "{BACKED_UP} by this plan: the volumes of {}",
            needs.backups.join(", ")
        ))
    })
}

fn bucket(survey: &Survey) -> Option<Finding> {
    let status = survey.of(MINIO).map(|_| survey.bucket)?;
    let told = match status {
        Some(401 | 403) => return None,
        Some(200) => "somebody without a key may read it now".to_owned(),
        Some(other) => {
            format!("whether that is so now can't be told: {MINIO} answers {other} to {BUCKET}")
        }
        None => {
            format!("whether that is so now can't be told: {MINIO} does not answer to {BUCKET}")
        }
    };
    let title = "the guide's script lets everybody read the bucket with every request and answer";
    Some(
        Finding::warning("public-bucket", title)
            .evidence(told)
            .remedy("no step can: `mc anonymous set none myminio/langfuse`")
            .source("domain.md 0, item 11"),
    )
}

fn minio(survey: &Survey) -> Option<Finding> {
    let image = survey.of(MINIO).and_then(crate::found::Found::image)?;
    let Image { repository, .. } = &image;
    let is_it = repository == "minio/minio" || repository.ends_with("/minio/minio");
    let finding = Finding::warning("minio-unmaintained", "nobody mends this MinIO any more")
        .evidence(format!("configured: {image}"))
        .remedy("no plugin moves it: plan a move to a maintained S3 store of your own")
        .source("domain.md E");
    is_it.then_some(finding)
}

fn absent(survey: &Survey) -> Option<Finding> {
    let finding = Finding::note(
        "absent",
        "these services of the stack are not here, so nothing is said of them",
    );
    let finding = survey.absent.iter().fold(finding, |finding, name| finding.evidence(*name));
    (!survey.absent.is_empty()).then_some(finding)
}
