//! Signatures that OpenSSL made in the forms that cosign writes, and everything that makes one worthless.

use lockstep_engine::model::Digest;
use lockstep_registry::{
    Fetched, Flaw, ParseKeyError, ParseSigningKeyError, PublicKey, SignatureError, SigningKey,
    UnsealError,
};
use serde_json::{Value, json};

use crate::support::{Answer, Asked, Liar, component, registry, source};

const MANIFEST: &str = include_str!("fixtures/manifest.json");
const CONFIG: &str = include_str!("fixtures/config.json");
const PAYLOAD: &str = include_str!("fixtures/payload.json");
const SIGNATURE: &str = include_str!("fixtures/payload.p256.sig");

fn keys() -> Vec<(String, PublicKey)> {
    let stranger = include_str!("fixtures/ed25519.pub").parse().unwrap();
    let acme = include_str!("fixtures/p256.pub").parse().unwrap();
    vec![("stranger".to_owned(), stranger), ("acme".to_owned(), acme)]
}

/// Something that stands at the registry beside the artifact.
struct Beside(Vec<(String, Vec<u8>)>);

impl Beside {
    fn new() -> Self {
        Self(Vec::new())
    }

    /// A signature at cosign's tag.
    fn tagged(mut self, payload: &str, signature: &str) -> Self {
        let layer = json!({
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": Digest::of(payload.as_bytes()),
            "size": payload.len(),
            "annotations": { "dev.cosignproject.cosign/signature": signature },
        });
        let tag = format!("sha256-{}.sig", Digest::of(MANIFEST.as_bytes()).digits());
        self.0.push((format!("manifests/{tag}"), manifest(&layer)));
        self.blob(payload)
    }

    /// A bundle that refers to the artifact, listed by the registry itself or at a tag.
    fn referring(mut self, bundle: &str, list: &str) -> Self {
        let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
        let digest = Digest::of(bundle.as_bytes());
        let layer = json!({ "mediaType": kind, "digest": digest, "size": bundle.len() });
        let referrer = manifest(&layer);
        let entry = json!({ "digest": Digest::of(&referrer), "artifactType": kind });
        let index = json!({ "schemaVersion": 2, "manifests": [entry] }).to_string();
        self.0.push((list.to_owned(), index.into_bytes()));
        self.0.push((format!("manifests/{}", Digest::of(&referrer)), referrer));
        self.blob(bundle)
    }

    fn blob(mut self, bytes: &str) -> Self {
        self.0.push((format!("blobs/{}", Digest::of(bytes.as_bytes())), bytes.as_bytes().to_vec()));
        self
    }

    async fn fetched(self) -> Fetched {
        let layer = component("signed");
        let mut files = self.0;
        files.push(("manifests/1".to_owned(), MANIFEST.into()));
        files.push((format!("blobs/{}", Digest::of(CONFIG.as_bytes())), CONFIG.into()));
        files.push((format!("blobs/{}", Digest::of(&layer)), layer));
        let liar = Liar::start(move |asked: &Asked| {
            let found =
                files.iter().find(|(path, _)| asked.path == format!("/v2/acme/minio/{path}"));
            found.map_or(Answer::status(404), |(_, bytes)| Answer::ok(bytes.clone()))
        });
        let folder = tempfile::tempdir().unwrap();
        let from = source(&format!("oci://{}/acme/minio:1", liar.host()));
        registry(folder.path()).resolve(&from).await.unwrap()
    }
}

fn manifest(layer: &Value) -> Vec<u8> {
    let config = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2 });
    json!({ "schemaVersion": 2, "config": config, "layers": [layer] }).to_string().into_bytes()
}

fn flaw(fetched: &Fetched) -> Flaw {
    match fetched.signer(&keys()).unwrap_err() {
        SignatureError::Wrong { flaw, .. } => flaw,
        SignatureError::Unsigned => panic!("it counts as unsigned"),
    }
}

#[tokio::test]
async fn a_signature_at_cosigns_tag_counts() {
    let fetched = Beside::new().tagged(PAYLOAD, SIGNATURE).fetched().await;
    assert_eq!(fetched.signer(&keys()), Ok("acme"));
    let error = fetched.signer(&[]).unwrap_err();
    assert!(error.to_string().contains("no signer is"), "{error}");
}

#[tokio::test]
async fn a_bundle_that_refers_to_the_artifact_counts_wherever_it_is_listed() {
    let bundle = include_str!("fixtures/bundle.json");
    let digest = Digest::of(MANIFEST.as_bytes());
    for list in [format!("referrers/{digest}"), format!("manifests/sha256-{}", digest.digits())] {
        let fetched = Beside::new().referring(bundle, &list).fetched().await;
        assert_eq!(fetched.signer(&keys()), Ok("acme"), "{list}");
    }
    let provenance = include_str!("fixtures/bundle-of-a-kind.json");
    let fetched =
        Beside::new().referring(provenance, &format!("referrers/{digest}")).fetched().await;
    assert_eq!(fetched.signer(&keys()), Err(SignatureError::Unsigned));
}

#[tokio::test]
async fn a_signature_over_something_else_does_not_count() {
    let payload = include_str!("fixtures/payload-of-another.json");
    let signature = include_str!("fixtures/payload-of-another.p256.sig");
    let fetched = Beside::new().tagged(payload, signature).fetched().await;
    assert_eq!(flaw(&fetched), Flaw::OtherManifest(Digest::of(b"another")));

    let payload = include_str!("fixtures/payload-of-a-kind.json");
    let signature = include_str!("fixtures/payload-of-a-kind.p256.sig");
    let fetched = Beside::new().tagged(payload, signature).fetched().await;
    assert!(matches!(flaw(&fetched), Flaw::Unreadable(_)));

    let fetched =
        Beside::new().tagged(&PAYLOAD.replace(": \"x\"", ": \"y\""), SIGNATURE).fetched().await;
    assert_eq!(flaw(&fetched), Flaw::OtherKey);
    let fetched = Beside::new().tagged(PAYLOAD, signature).fetched().await;
    assert_eq!(flaw(&fetched), Flaw::OtherKey);
}

#[tokio::test]
async fn a_detached_signature_counts_in_each_of_its_forms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blob.wasm");
    std::fs::write(&path, component("blob")).unwrap();
    let from = source(&format!("file:{}", path.display()));
    for (signature, signer) in [
        (include_str!("fixtures/blob.p256.sig"), "acme"),
        (include_str!("fixtures/blob.ed25519.sig"), "stranger"),
        (include_str!("fixtures/blob.bundle.sig"), "acme"),
    ] {
        std::fs::write(folder.path().join("blob.wasm.sig"), signature).unwrap();
        let fetched = registry(&folder.path().join("cache")).resolve(&from).await.unwrap();
        assert_eq!(fetched.signer(&keys()), Ok(signer));
    }
}

#[test]
fn keys_of_other_kinds_are_refused() {
    let refused = |pem: &str| pem.parse::<PublicKey>().unwrap_err();
    assert!(matches!(refused(include_str!("fixtures/p384.pub")), ParseKeyError::Kind));
    assert!(matches!(refused("ssh-ed25519 AAAA"), ParseKeyError::Pem(_)));
    let wrong = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    assert!(matches!(refused(wrong), ParseKeyError::Der(_)));
    let private =
        SigningKey::from_pem(&include_str!("fixtures/p384.pub").into(), None).unwrap_err();
    assert!(matches!(private, ParseSigningKeyError::Pem(_)), "{private}");
}

#[test]
fn cosigns_encrypted_key_opens_with_its_password_alone() {
    let pem = include_str!("fixtures/cosign.key").into();
    let open =
        |password: Option<&str>| SigningKey::from_pem(&pem, password.map(Into::into).as_ref());
    let public: PublicKey = include_str!("fixtures/p256.pub").parse().unwrap();
    assert_eq!(open(Some("secret")).unwrap().public_key(), public);
    for (password, expected) in [(None, "needs a password"), (Some("wrong"), "password is wrong")] {
        let Err(ParseSigningKeyError::Sealed(error)) = open(password) else { panic!("it opened") };
        assert!(matches!(error, UnsealError::NoPassword | UnsealError::Password));
        assert!(error.to_string().contains(expected), "{error}");
    }
    let plain = SigningKey::from_pem(&include_str!("fixtures/p256.key").into(), None).unwrap();
    assert_eq!(plain.public_key(), public);
}
