//! What a registry says of the signatures beside a plugin, and what it may not pass off as there being none.

use lockstep_engine::model::Digest;
use lockstep_registry::{Fetched, PublicKey, RegistryError, SignatureError};
use serde_json::{Value, json};

use crate::support::{Answer, Artifact, Asked, INDEX, Liar, component, fault, registry, source};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

fn artifact() -> Artifact {
    Artifact::new(&component("true"))
}

fn listed() -> String {
    format!("/v2/acme/minio/referrers/{}", artifact().digest())
}

/// Fetches from a registry that tells the truth except where `lie` has an answer, and returns all that it was asked.
async fn fetch(
    lie: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> (Result<Fetched, RegistryError>, Vec<Asked>) {
    let folder = tempfile::tempdir().unwrap();
    let truth = artifact();
    let liar = Liar::start(move |asked| lie(asked).unwrap_or_else(|| truth.answer(asked)));
    let from = source(&format!("oci://{}/acme/minio:1", liar.host()));
    let fetched = registry(folder.path()).resolve(&from).await;
    (fetched, liar.asked())
}

/// Serves files of the repository by their paths, with a list at the address of what refers to the artifact.
async fn fetch_beside(files: Vec<(String, Vec<u8>)>) -> (Result<Fetched, RegistryError>, usize) {
    let blobs: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
    let (fetched, asked) = fetch(move |asked| {
        let found =
            files.iter().find(|(path, _)| asked.path == format!("/v2/acme/minio/{path}"))?;
        let kind = if found.0.starts_with("referrers/") { INDEX } else { "text/plain" };
        Some(Answer::Whole(200, vec![("content-type", kind.to_owned())], found.1.clone()))
    })
    .await;
    let ours = |asked: &&Asked| {
        blobs.iter().any(|path| path.starts_with("blobs/") && asked.path.ends_with(path.as_str()))
    };
    (fetched, asked.iter().filter(ours).count())
}

fn manifest(layers: &[Value]) -> Vec<u8> {
    let config = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2 });
    json!({ "schemaVersion": 2, "config": config, "layers": layers }).to_string().into_bytes()
}

fn list(entries: &[Value]) -> (String, Vec<u8>) {
    let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
    (format!("referrers/{}", artifact().digest()), list.to_string().into_bytes())
}

#[tokio::test]
async fn a_registry_that_lists_no_referrers_is_asked_for_the_tag() {
    let other = Liar::start(|_| Answer::ok("<html>"));
    let there = format!("http://{}/docs", other.host());
    let html = vec![("content-type", "text/html".to_owned())];
    let ways = [
        Answer::Whole(303, vec![("location", there)], Vec::new()),
        Answer::Whole(200, html, b"<html>".to_vec()),
        Answer::status(400),
        Answer::status(404),
        Answer::status(405),
        Answer::status(406),
    ];
    let tag = format!("/v2/acme/minio/manifests/sha256-{}", artifact().digest().digits());
    for way in ways {
        let told = way.clone();
        let (fetched, asked) =
            fetch(move |asked| (asked.path == listed()).then(|| told.clone())).await;
        assert!(fetched.unwrap().signatures.is_empty(), "{way:?}");
        assert!(asked.iter().any(|asked| asked.path == tag), "{way:?}");
    }
    assert_eq!(other.asked(), []);
}

#[tokio::test]
async fn a_list_that_can_not_be_had_is_an_error_and_not_unsigned() {
    for status in [403, 429, 500, 503] {
        let (fetched, _) =
            fetch(move |asked| (asked.path == listed()).then(|| Answer::status(status))).await;
        let fault = fault(fetched.unwrap_err()).to_string();
        assert!(fault.contains(&status.to_string()), "{fault}");
    }
}

#[tokio::test]
async fn as_many_signatures_are_looked_at_as_there_may_be_whoever_refers_how_often() {
    let blobs: Vec<Vec<u8>> = (0..40).map(|number| format!("[{number}]").into_bytes()).collect();
    let layer = |kind: &str, bytes: &[u8]| {
        json!({
            "mediaType": kind, "digest": Digest::of(bytes), "size": bytes.len(),
            "annotations": { "dev.cosignproject.cosign/signature": "AAAA" },
        })
    };
    // What is no signature is passed over first, and does not count.
    let mut layers = vec![layer("text/plain", b"x"); 50];
    layers.extend(blobs.iter().map(|bytes| layer(PAYLOAD, bytes)));
    let tag = format!("manifests/sha256-{}.sig", artifact().digest().digits());
    let mut files = vec![(tag, manifest(&layers))];
    files.extend(blobs.iter().map(|bytes| (format!("blobs/{}", Digest::of(bytes)), bytes.clone())));
    let (fetched, asked) = fetch_beside(files).await;
    assert_eq!((fetched.unwrap().signatures.len(), asked), (32, 32));

    let bundles: Vec<Value> = vec![layer(BUNDLE, include_bytes!("fixtures/bundle.json")); 40];
    let referrer = manifest(&bundles);
    let entry = json!({ "digest": Digest::of(&referrer), "artifactType": BUNDLE });
    let bundle = include_bytes!("fixtures/bundle.json").to_vec();
    let files = vec![
        list(&[entry]),
        (format!("manifests/{}", Digest::of(&referrer)), referrer),
        (format!("blobs/{}", Digest::of(&bundle)), bundle),
    ];
    let (fetched, asked) = fetch_beside(files).await;
    assert_eq!((fetched.unwrap().signatures.len(), asked), (32, 32));
}

#[tokio::test]
async fn an_attestation_that_is_too_large_or_of_another_algorithm_stops_nobody() {
    let bundle = include_bytes!("fixtures/bundle.json").to_vec();
    let large = json!({ "mediaType": BUNDLE, "digest": Digest::of(b"large"), "size": 1 << 20 });
    let layer = json!({ "mediaType": BUNDLE, "digest": Digest::of(&bundle), "size": bundle.len() });
    let referrer = manifest(&[large, layer]);
    let sbom = json!({ "digest": "sha512:00", "artifactType": "application/spdx+json" });
    let entry = json!({ "digest": Digest::of(&referrer), "artifactType": BUNDLE });
    let files = vec![
        list(&[sbom, entry]),
        (format!("manifests/{}", Digest::of(&referrer)), referrer),
        (format!("blobs/{}", Digest::of(&bundle)), bundle),
    ];
    let (fetched, _) = fetch_beside(files).await;
    let acme: PublicKey = include_str!("fixtures/p256.pub").parse().unwrap();
    let error = fetched.unwrap().signer(&[("acme".to_owned(), acme)]).unwrap_err();
    assert!(matches!(error, SignatureError::Wrong { signatures: 1, .. }), "{error}");
}
