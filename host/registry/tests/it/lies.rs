//! Registries that lie, break off or refuse: each ends in a clear refusal, and nothing is kept.

use std::path::Path;

use lockstep_engine::model::Digest;
use lockstep_registry::{Access, Credentials, Fault, Registry, RegistryError};
use serde_json::json;

use crate::support::{
    Answer, Artifact, Asked, Liar, access, component, fault, impatient, offline, registry, source,
};

/// Starts a registry that tells the truth except where `lie` has an answer.
fn liar(
    artifact: &Artifact,
    lie: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> Liar {
    let artifact = artifact.clone();
    Liar::start(move |asked| lie(asked).unwrap_or_else(|| artifact.answer(asked)))
}

/// Fetches from a registry that lies, and returns why that failed, having seen that nothing was kept.
async fn refused(
    artifact: &Artifact,
    lie: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> Fault {
    refused_by(registry, artifact, lie).await
}

async fn refused_by(
    open: fn(&Path) -> Registry,
    artifact: &Artifact,
    lie: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> Fault {
    let folder = tempfile::tempdir().unwrap();
    let liar = liar(artifact, lie);
    let from = source(&format!("oci://{}/acme/minio:1", liar.host()));
    let error = open(folder.path()).resolve(&from).await.unwrap_err();
    assert!(!error.hint().is_empty());
    let kept = offline(folder.path()).exact(&from, &Digest::of(&artifact.component)).await;
    assert!(matches!(kept, Err(RegistryError::Offline { .. })), "{kept:?}");
    fault(error)
}

fn artifact() -> Artifact {
    Artifact::new(&component("true"))
}

fn is_layer(asked: &Asked) -> bool {
    asked.path.ends_with(&Digest::of(&component("true")).to_string())
}

fn is_manifest(asked: &Asked) -> bool {
    asked.path == "/v2/acme/minio/manifests/1"
}

#[tokio::test]
async fn a_registry_that_tells_the_truth_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let liar = liar(&artifact(), |_| None);
    let from = source(&format!("oci://{}/acme/minio:1", liar.host()));
    let fetched = registry(folder.path()).resolve(&from).await.unwrap();
    assert_eq!(fetched.bytes, component("true"));
    assert_eq!(fetched.manifest, Some(artifact().digest()));
    assert_eq!(fetched.created.unwrap().to_string(), "2026-11-01T10:00:00Z");
    assert!(fetched.signatures.is_empty());
}

#[tokio::test]
async fn a_changed_byte_is_refused() {
    let fault =
        refused(&artifact(), |asked| is_layer(asked).then(|| Answer::ok(component("truE")))).await;
    assert!(matches!(fault, Fault::Mismatch { .. }), "{fault}");
}

#[tokio::test]
async fn fewer_bytes_than_the_manifest_says_are_refused() {
    let fault =
        refused(&artifact(), |asked| is_layer(asked).then(|| Answer::ok(component("tru")))).await;
    assert!(matches!(fault, Fault::Length { .. }), "{fault}");
}

#[tokio::test]
async fn a_download_that_breaks_off_is_refused() {
    let fault =
        refused(&artifact(), |asked| is_layer(asked).then(|| Answer::Cut(b"\0asm".to_vec()))).await;
    assert!(matches!(fault, Fault::Truncated { received: 4, .. }), "{fault:?}");
}

#[tokio::test]
async fn a_manifest_with_another_digest_than_the_registry_says_is_refused() {
    let headers = vec![("docker-content-digest", Digest::of(b"other").to_string())];
    let manifest = artifact().manifest.to_string().into_bytes();
    let fault = refused(&artifact(), move |asked| {
        is_manifest(asked).then(|| Answer::Whole(200, headers.clone(), manifest.clone()))
    })
    .await;
    assert!(matches!(fault, Fault::Mismatch { .. }), "{fault}");
}

#[tokio::test]
async fn another_manifest_than_the_one_that_was_named_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (named, other) = (artifact(), Artifact::new(&component("other")));
    let liar = liar(&other, move |asked| {
        let renamed = Asked { path: "/v2/acme/minio/manifests/1".to_owned(), ..asked.clone() };
        let other = Artifact::new(&component("other"));
        asked.path.ends_with(&artifact().digest().to_string()).then(|| other.answer(&renamed))
    });
    let from = source(&format!("oci://{}/acme/minio@{}", liar.host(), named.digest()));
    let error = registry(folder.path()).resolve(&from).await.unwrap_err();
    assert!(
        matches!(error, RegistryError::Fetch { fault: Fault::Mismatch { .. }, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_by_its_type() {
    let mut image = artifact();
    image.manifest["config"]["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
    let fault = refused(&image, |_| None).await;
    assert!(matches!(&fault, Fault::Type { what: "its configuration", .. }), "{fault}");

    let mut layer = artifact();
    layer.manifest["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar");
    let fault = refused(&layer, |_| None).await;
    assert!(matches!(&fault, Fault::Type { what: "its layer", .. }), "{fault}");

    let mut index = artifact();
    index.manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [] });
    let fault = refused(&index, |_| None).await;
    assert!(matches!(&fault, Fault::Type { what: "it", .. }), "{fault}");

    let mut two = artifact();
    let layer = two.manifest["layers"][0].clone();
    two.manifest["layers"] = json!([layer.clone(), layer]);
    let fault = refused(&two, |_| None).await;
    assert!(matches!(&fault, Fault::Malformed(_)), "{fault}");

    let fault =
        refused(&artifact(), |asked| is_manifest(asked).then(|| Answer::ok("<html>"))).await;
    assert!(matches!(&fault, Fault::Malformed(_)), "{fault}");
}

#[tokio::test]
async fn more_than_may_come_is_refused_before_it_fills_the_memory() {
    let mut large = artifact();
    large.manifest["layers"][0]["size"] = json!(2 << 20);
    let fault = refused(&large, |asked| is_layer(asked).then(|| panic!("it was asked for"))).await;
    assert!(matches!(fault, Fault::TooLarge { limit: 0x10_0000 }), "{fault}");
    for what in [is_layer, is_manifest] {
        let fault = refused(&artifact(), move |asked| what(asked).then_some(Answer::Endless)).await;
        assert!(matches!(fault, Fault::TooLarge { .. }), "{fault}");
    }
}

#[tokio::test]
async fn an_answer_that_never_ends_is_left() {
    for what in [is_layer, is_manifest] {
        let still = move |asked: &Asked| what(asked).then_some(Answer::Still);
        // Where the machine is slow it is another answer that takes too long, and the end is the same.
        let fault = refused_by(impatient, &artifact(), still).await;
        assert!(matches!(fault, Fault::Timeout { .. }), "{fault}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_it_is_and_what_to_do() {
    let refuse = |status: u16, headers: Vec<(&'static str, String)>| {
        let body = br#"{"errors":[{"code":"DENIED","message":"not\u001b[31m you"}]}"#.to_vec();
        move |asked: &Asked| {
            is_manifest(asked).then(|| Answer::Whole(status, headers.clone(), body.clone()))
        }
    };
    let basic = vec![("www-authenticate", "Basic realm=\"x\"".to_owned())];
    let fault = refused(&artifact(), refuse(401, basic)).await;
    let text = fault.to_string();
    assert_eq!(text, "it does not accept who asks (401): no credentials are configured for it");
    let text = refused(&artifact(), refuse(403, Vec::new())).await.to_string();
    assert_eq!(text, "it refuses access (403): DENIED not [31m you");
    let text = refused(&artifact(), refuse(404, Vec::new())).await.to_string();
    assert!(text.starts_with("it has no such thing (404)"), "{text}");
    let text =
        refused(&artifact(), refuse(429, vec![("retry-after", "60".to_owned())])).await.to_string();
    assert_eq!(text, "it was asked too often (429); it says to wait for 60 s");
    let text = refused(&artifact(), refuse(500, Vec::new())).await.to_string();
    assert!(text.starts_with("it answered with status 500"), "{text}");
}

#[tokio::test]
async fn a_manifest_is_never_taken_from_another_server() {
    let other = liar(&artifact(), |_| None);
    let to = format!("http://{}/v2/acme/minio/manifests/1", other.host());
    let fault =
        refused(&artifact(), move |asked| is_manifest(asked).then(|| Answer::to(&to))).await;
    assert!(matches!(fault, Fault::Redirect { .. }), "{fault}");
    assert_eq!(other.asked(), []);
}

#[tokio::test]
async fn a_layer_comes_from_elsewhere_without_the_credentials_and_never_in_clear_text() {
    let folder = tempfile::tempdir().unwrap();
    let store = Liar::start(|_| Answer::ok(component("true")));
    let to = format!("http://{}/store", store.host());
    let liar = liar(&artifact(), move |asked| {
        let basic = vec![("www-authenticate", "Basic realm=\"x\"".to_owned())];
        match asked.authorization {
            None => Some(Answer::Whole(401, basic, Vec::new())),
            Some(_) => is_layer(asked).then(|| Answer::to(&to)),
        }
    });
    let credentials = Credentials::default().with(&liar.host(), "ann", &"secret".into());
    let registry = Registry::open(folder.path(), Access { credentials, ..access() }).unwrap();
    let from = source(&format!("oci://{}/acme/minio:1", liar.host()));
    assert_eq!(registry.resolve(&from).await.unwrap().bytes, component("true"));
    assert!(liar.asked().iter().any(|asked| asked.authorization.is_some()));
    let asked = store.asked();
    assert_eq!((asked.len(), &asked[0].authorization), (1, &None));

    let clear = "http://store.example.com/layer";
    let fault = refused(&artifact(), move |asked| is_layer(asked).then(|| Answer::to(clear))).await;
    assert!(matches!(fault, Fault::Redirect { .. }), "{fault}");
    let round = |asked: &Asked| is_layer(asked).then(|| Answer::to(asked.path.clone()));
    let fault = refused(&artifact(), round).await;
    assert!(matches!(fault, Fault::Redirect { .. }), "{fault}");
}

#[tokio::test]
async fn a_token_is_fetched_with_the_credentials_and_sent_with_every_request() {
    let folder = tempfile::tempdir().unwrap();
    let truth = artifact();
    let token = "Bearer t0ken";
    let host = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let known = std::sync::Arc::clone(&host);
    let liar = Liar::start(move |asked| {
        if asked.path.starts_with("/token?service=here&scope=repository%3Aacme%2Fminio%3Apull") {
            return match asked.authorization.as_deref() {
                Some("Basic YW5uOnNlY3JldA==") => Answer::ok(r#"{"token":"t0ken"}"#),
                Some(_) | None => Answer::status(401),
            };
        }
        if asked.authorization.as_deref() == Some(token) {
            return truth.answer(asked);
        }
        let demand =
            format!("Bearer realm=\"http://{}/token\",service=\"here\"", known.get().unwrap());
        Answer::Whole(401, vec![("www-authenticate", demand)], Vec::new())
    });
    host.set(liar.host()).unwrap();
    let from = source(&format!("oci://{}/acme/minio:1", liar.host()));
    let open =
        |credentials| Registry::open(folder.path(), Access { credentials, ..access() }).unwrap();
    let error = open(Credentials::default()).resolve(&from).await.unwrap_err();
    assert!(
        matches!(error, RegistryError::Fetch { fault: Fault::Unauthorized(_), .. }),
        "{error:?}"
    );
    let ann = Credentials::default().with(&liar.host(), "ann", &"secret".into());
    open(ann).resolve(&from).await.unwrap();
}

#[tokio::test]
async fn a_signature_that_the_registry_can_not_give_out_is_an_error_and_not_unsigned() {
    let fault = refused(&artifact(), |asked| {
        let beside = format!("sha256-{}.sig", artifact().digest().digits());
        asked.path.ends_with(&beside).then(|| Answer::status(503))
    })
    .await;
    assert!(matches!(fault, Fault::Status { status: 503, .. }), "{fault}");
}
