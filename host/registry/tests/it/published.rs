//! Publishing to a real registry and fetching from it.

use std::collections::BTreeMap;
use std::path::Path;

use lockstep_engine::model::Digest;
use lockstep_registry::{
    Access, Annotations, Credentials, Fault, OciSource, PublicKey, Published, Registry,
    RegistryError, SignatureError, SigningKey, Source,
};

use crate::support::{Server, access, component, offline, registry, source};

const KEY: &str = include_str!("fixtures/p256.key");
const PUBLIC: &str = include_str!("fixtures/p256.pub");
const STRANGER: &str = include_str!("fixtures/ed25519.pub");

fn annotations() -> Annotations {
    let version = Some("1.0.0".to_owned());
    Annotations { version, ..Annotations::at("2026-11-30T12:00:00Z".parse().unwrap()) }
}

fn at(server: &Server, tag: &str) -> OciSource {
    format!("oci://{}/acme/minio:{tag}", server.host()).parse().unwrap()
}

async fn publish(
    registry: &Registry,
    to: &OciSource,
    text: &str,
    key: Option<&SigningKey>,
) -> Published {
    registry.publish(to, &component(text), &annotations(), key).await.unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_pem(&KEY.into(), None).unwrap()
}

fn keys(pem: &str) -> Vec<(String, PublicKey)> {
    vec![("acme".to_owned(), pem.parse().unwrap())]
}

#[tokio::test]
async fn what_is_published_is_fetched_and_its_signer_known_even_offline() {
    let Some(server) = Server::start() else { return };
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let to = at(&server, "1.0.0");
    let published = publish(&registry(here.path()), &to, "signed", Some(&key())).await;
    assert_eq!((published.replaced, published.signed), (None, true));
    let from = Source::Oci(to);
    let fetched = registry(there.path()).resolve(&from).await.unwrap();
    assert_eq!(fetched.bytes, component("signed"));
    assert_eq!((fetched.digest, fetched.manifest), (published.digest, Some(published.manifest)));
    assert_eq!(fetched.created, Some(annotations().created));
    assert_eq!(fetched.signer(&keys(PUBLIC)), Ok("acme"));
    let error = fetched.signer(&keys(STRANGER)).unwrap_err();
    assert!(matches!(error, SignatureError::Wrong { .. }), "{error}");

    drop(server);
    let kept = offline(there.path()).pinned(&from, &published.digest).await.unwrap();
    assert_eq!(kept.signer(&keys(PUBLIC)), Ok("acme"));
    assert_eq!((kept.manifest, kept.created), (fetched.manifest, fetched.created));
    let error = offline(there.path()).resolve(&from).await.unwrap_err();
    assert!(matches!(error, RegistryError::Offline { .. }), "{error}");
    let error = registry(there.path()).resolve(&from).await.unwrap_err();
    let unreachable = matches!(&error, RegistryError::Fetch { fault: Fault::Unreachable(_), .. });
    assert!(unreachable, "{error:?}");
}

#[tokio::test]
async fn a_moved_tag_shows_and_what_it_led_to_before_is_still_fetched() {
    let Some(server) = Server::start() else { return };
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let publisher = registry(here.path());
    let to = at(&server, "stable");
    let first = publish(&publisher, &to, "first", Some(&key())).await;
    let second = publish(&publisher, &to, "second", None).await;
    assert_eq!(second.replaced, Some(first.manifest));
    let again = publish(&publisher, &to, "second", Some(&key())).await;
    assert_eq!((again.manifest, again.replaced), (second.manifest, None));

    let reader = registry(there.path());
    let from = Source::Oci(to);
    assert_eq!(reader.resolve(&from).await.unwrap().digest, second.digest);
    assert_eq!(reader.exact(&from, &first.digest).await.unwrap(), component("first"));
    let exact = Source::Oci(first.exact);
    let fetched = reader.resolve(&exact).await.unwrap();
    assert_eq!((fetched.digest, fetched.signer(&keys(PUBLIC))), (first.digest, Ok("acme")));
    let missing = reader.exact(&from, &Digest::of(b"never published")).await.unwrap_err();
    assert!(
        matches!(missing, RegistryError::Fetch { fault: Fault::NotFound(_), .. }),
        "{missing:?}"
    );
}

#[tokio::test]
async fn an_unsigned_plugin_and_one_that_a_stranger_signed_are_different_refusals() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path());
    let to = at(&server, "1");
    publish(&registry, &to, "unsigned", None).await;
    let fetched = registry.resolve(&Source::Oci(to.clone())).await.unwrap();
    assert_eq!(fetched.signer(&keys(PUBLIC)), Err(SignatureError::Unsigned));
    assert!(fetched.signer(&keys(PUBLIC)).unwrap_err().hint().contains("cosign sign"));

    let ed = SigningKey::from_pem(&include_str!("fixtures/ed25519.key").into(), None).unwrap();
    publish(&registry, &to, "unsigned", Some(&ed)).await;
    let fetched = registry.resolve(&Source::Oci(to.clone())).await.unwrap();
    let error = fetched.signer(&keys(PUBLIC)).unwrap_err();
    assert!(matches!(error, SignatureError::Wrong { signatures: 1, .. }), "{error}");
    // A second signature stands beside the first, and stands there once.
    publish(&registry, &to, "unsigned", Some(&key())).await;
    publish(&registry, &to, "unsigned", Some(&key())).await;
    let fetched = registry.resolve(&Source::Oci(to)).await.unwrap();
    assert_eq!(fetched.signatures.len(), 2);
    assert_eq!(fetched.signer(&keys(PUBLIC)), Ok("acme"));
    assert_eq!(fetched.signer(&keys(STRANGER)), Ok("acme"));
}

#[tokio::test]
async fn a_closed_registry_takes_only_who_may() {
    let Some(server) = Server::closed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let open = |credentials: Credentials| {
        Registry::open(folder.path(), Access { credentials, ..access() }).unwrap()
    };
    let to = at(&server, "1");
    let user = |password: &str| Credentials::default().with(server.host(), "ann", &password.into());
    for (credentials, remark) in
        [(Credentials::default(), "no credentials"), (user("wrong"), "were sent")]
    {
        let publishing = open(credentials);
        let error =
            publishing.publish(&to, &component("x"), &annotations(), None).await.unwrap_err();
        let RegistryError::Publish { fault: Fault::Unauthorized(said), .. } = &error else {
            panic!("{error:?}")
        };
        assert!(said.contains(remark), "{said}");
        assert!(error.hint().contains("docker login"), "{}", error.hint());
    }
    publish(&open(user("secret")), &to, "x", Some(&key())).await;
    let fetched = open(user("secret")).resolve(&Source::Oci(to)).await.unwrap();
    assert_eq!(fetched.signer(&keys(PUBLIC)), Ok("acme"));
}

#[tokio::test]
async fn what_can_not_be_published_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path());
    let to: OciSource = "oci://127.0.0.1:1/acme/minio:1".parse().unwrap();
    let publish = async |to: &OciSource, bytes: &[u8], annotations: &Annotations| {
        registry.publish(to, bytes, annotations, None).await.unwrap_err()
    };
    let error = publish(&to, b"#!/bin/sh", &annotations()).await;
    assert!(matches!(error, RegistryError::NotAComponent(_)), "{error:?}");
    let exact = to.at(Digest::of(b"x"));
    let error = publish(&exact, &component("x"), &annotations()).await;
    assert!(matches!(error, RegistryError::NoTag(_)), "{error:?}");
    let mut ours = annotations();
    ours.others = BTreeMap::from([("org.opencontainers.image.version".to_owned(), "2".to_owned())]);
    let error = publish(&to, &component("x"), &ours).await;
    assert!(matches!(error, RegistryError::Annotation(_)), "{error:?}");
    let error = offline(folder.path()).publish(&to, &component("x"), &annotations(), None).await;
    assert!(matches!(error, Err(RegistryError::Offline { .. })), "{error:?}");
    let error = publish(&to, &vec![0; 2 << 20], &annotations()).await;
    assert!(
        matches!(error, RegistryError::Publish { fault: Fault::TooLarge { .. }, .. }),
        "{error:?}"
    );
    let error = registry.resolve(&source("bundled")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Bundled), "{error:?}");
    assert!(!Path::new(&folder.path().join("sha256")).exists());
}
