use lockstep_engine::model::Digest;
use lockstep_store::{BlobError, Store};
use secrecy::ExposeSecret;

use crate::support::Place;

#[tokio::test]
async fn bytes_come_back_by_their_digest_after_reopening() {
    let place = Place::new();
    let large = vec![7; 3 << 20];
    for bytes in [vec![], b"plan".to_vec(), large] {
        let digest = place.store.put(bytes.clone()).await.unwrap();
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(place.store.put(bytes.clone()).await.unwrap(), digest);
    }
    let place = place.reopen();
    assert_eq!(place.store.get(&Digest::of(b"plan")).await.unwrap(), b"plan");
    assert_eq!(place.store.get(&Digest::of(b"")).await.unwrap(), b"");
    assert_eq!(place.store.get(&Digest::of(&vec![7; 3 << 20])).await.unwrap().len(), 3 << 20);
}

#[tokio::test]
async fn missing_and_changed_bytes_are_told_apart_and_putting_them_again_repairs() {
    let place = Place::new();
    assert!(matches!(place.store.get(&Digest::of(b"x")).await, Err(BlobError::Missing(_))));
    let digest = place.store.put(b"plugin".to_vec()).await.unwrap();
    place.raw().execute("UPDATE blobs SET bytes = x'00'", []).unwrap();
    assert!(matches!(place.store.get(&digest).await, Err(BlobError::Damaged { .. })));
    place.store.put(b"plugin".to_vec()).await.unwrap();
    assert_eq!(place.store.get(&digest).await.unwrap(), b"plugin");
}

#[tokio::test]
async fn a_stores_id_and_key_stay_and_are_its_own() {
    let place = Place::new();
    let (id, key) = (place.store.id().await.unwrap(), place.store.fingerprint_key().await.unwrap());
    let place = place.reopen();
    assert_eq!(place.store.id().await.unwrap(), id);
    assert_eq!(place.store.fingerprint_key().await.unwrap().expose_secret(), key.expose_secret());
    let other = Place::new();
    assert_ne!(other.store.id().await.unwrap(), id);
    assert_ne!(other.store.fingerprint_key().await.unwrap().expose_secret(), key.expose_secret());
    assert!(!format!("{:?}{key:?}", place.store).contains(&format!("{:?}", key.expose_secret())));
    let same = Store::open(place.folder.path()).unwrap();
    assert_eq!(same.id().await.unwrap(), id);
}
