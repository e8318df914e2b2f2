//! Files of this machine and of web servers, with a detached signature beside them.

use std::fs;

use lockstep_engine::model::Digest;
use lockstep_registry::{Fault, PublicKey, RegistryError, SignatureError};

use crate::support::{Answer, Liar, component, fault, impatient, offline, registry, source};

const SIGNATURE: &str = include_str!("fixtures/blob.p256.sig");

fn keys() -> Vec<(String, PublicKey)> {
    let stranger = include_str!("fixtures/ed25519.pub").parse().unwrap();
    let acme = include_str!("fixtures/p256.pub").parse().unwrap();
    vec![("stranger".to_owned(), stranger), ("acme".to_owned(), acme)]
}

#[tokio::test]
async fn a_file_with_a_signature_beside_it_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("minio.wasm");
    let from = source(&format!("file:{}", path.display()));
    let registry = registry(&folder.path().join("cache"));
    let error = registry.resolve(&from).await.unwrap_err();
    assert!(matches!(error, RegistryError::File { .. }), "{error:?}");

    fs::write(&path, component("blob")).unwrap();
    let fetched = registry.resolve(&from).await.unwrap();
    assert_eq!(fetched.signer(&keys()), Err(SignatureError::Unsigned));
    fs::write(folder.path().join("minio.wasm.sig"), SIGNATURE).unwrap();
    let fetched = registry.resolve(&from).await.unwrap();
    assert_eq!(fetched.signer(&keys()), Ok("acme"));

    fs::write(&path, component("bloB")).unwrap();
    let changed = registry.resolve(&from).await.unwrap();
    assert!(matches!(changed.signer(&keys()), Err(SignatureError::Wrong { .. })));
    // What was fetched before stays what it was, with its signature, whatever became of the file.
    let kept = offline(&folder.path().join("cache")).pinned(&from, &fetched.digest).await.unwrap();
    assert_eq!(
        (kept.bytes.as_ref(), kept.signer(&keys())),
        (component("blob").as_slice(), Ok("acme"))
    );
    let error = registry.exact(&from, &Digest::of(b"other")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Moved { .. }), "{error:?}");
    fs::write(folder.path().join("minio.wasm.sig"), "not a signature").unwrap();
    let broken = registry.resolve(&from).await.unwrap();
    assert!(matches!(broken.signer(&keys()), Err(SignatureError::Wrong { .. })));
}

#[tokio::test]
async fn a_file_of_a_web_server_comes_with_its_date_and_signature() {
    let folder = tempfile::tempdir().unwrap();
    let liar = Liar::start(|asked| match asked.path.as_str() {
        "/minio.wasm" => {
            let modified = "Sun, 15 Nov 2026 12:45:26 GMT".to_owned();
            Answer::Whole(200, vec![("last-modified", modified)], component("blob"))
        }
        "/minio.wasm.sig" => Answer::ok(SIGNATURE),
        "/moved.wasm" => Answer::to("/minio.wasm"),
        "/cut.wasm" => Answer::Cut(component("blob")),
        "/still.wasm" => Answer::Still,
        "/endless.wasm" => Answer::Endless,
        _ => Answer::status(404),
    });
    let at = |path: &str| source(&format!("http://{}/{path}", liar.host()));
    let registry = registry(folder.path());
    let fetched = registry.resolve(&at("minio.wasm")).await.unwrap();
    assert_eq!(fetched.bytes, component("blob"));
    assert_eq!(fetched.created.unwrap().to_string(), "2026-11-15T12:45:26Z");
    assert_eq!(fetched.signer(&keys()), Ok("acme"));
    let moved = registry.resolve(&at("moved.wasm")).await.unwrap();
    assert_eq!((moved.digest, moved.signatures.len()), (fetched.digest, 0));

    let fault = async |path: &str| fault(registry.resolve(&at(path)).await.unwrap_err());
    assert!(matches!(fault("none.wasm").await, Fault::NotFound(_)));
    assert!(matches!(fault("cut.wasm").await, Fault::Truncated { .. }));
    let endless = fault("endless.wasm").await;
    assert!(matches!(endless, Fault::TooLarge { .. }), "{endless}");

    let registry = impatient(folder.path());
    let fault = async |from| super::support::fault(registry.resolve(&from).await.unwrap_err());
    assert!(matches!(fault(at("still.wasm")).await, Fault::Timeout { .. }));
    // What does not speak TLS is never asked in clear text.
    let silent = fault(source(&format!("https://{}/minio.wasm", liar.host()))).await;
    assert!(matches!(silent, Fault::Unreachable(_) | Fault::Timeout { .. }), "{silent}");
}
