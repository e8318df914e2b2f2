use lockstep_engine::model::Digest;
use lockstep_store::BlobError;
use secrecy::ExposeSecret;

use crate::support::{Place, on_both};

on_both! {
    bytes_come_back_by_their_digest_after_reopening,
    missing_and_changed_bytes_are_told_apart_and_putting_them_again_repairs,
    a_stores_id_and_key_stay_and_are_its_own,
}

async fn bytes_come_back_by_their_digest_after_reopening(place: Place) {
    let large = vec![7; 3 << 20];
    for bytes in [vec![], b"plan".to_vec(), large] {
        let digest = place.store.put(bytes.clone()).await.unwrap();
        assert_eq!(digest, Digest::of(&bytes));
        assert_eq!(place.store.put(bytes.clone()).await.unwrap(), digest);
    }
    let place = place.reopen().await;
    assert_eq!(place.store.get(&Digest::of(b"plan")).await.unwrap(), b"plan");
    assert_eq!(place.store.get(&Digest::of(b"")).await.unwrap(), b"");
    assert_eq!(place.store.get(&Digest::of(&vec![7; 3 << 20])).await.unwrap().len(), 3 << 20);
}

async fn missing_and_changed_bytes_are_told_apart_and_putting_them_again_repairs(place: Place) {
    assert!(matches!(place.store.get(&Digest::of(b"x")).await, Err(BlobError::Missing(_))));
    let digest = place.store.put(b"plugin".to_vec()).await.unwrap();
    let other = "UPDATE blobs SET bytes = (SELECT value FROM settings WHERE name = 'id')";
    assert_eq!(place.tamper(other).await, 1);
    assert!(matches!(place.store.get(&digest).await, Err(BlobError::Damaged { .. })));
    place.store.put(b"plugin".to_vec()).await.unwrap();
    assert_eq!(place.store.get(&digest).await.unwrap(), b"plugin");
}

async fn a_stores_id_and_key_stay_and_are_its_own(place: Place) {
    let (id, key) = (place.store.id().await.unwrap(), place.store.fingerprint_key().await.unwrap());
    let place = place.reopen().await;
    assert_eq!(place.store.id().await.unwrap(), id);
    assert_eq!(place.store.fingerprint_key().await.unwrap().expose_secret(), key.expose_secret());
    let other = place.another().await;
    assert_ne!(other.store.id().await.unwrap(), id);
    assert_ne!(other.store.fingerprint_key().await.unwrap().expose_secret(), key.expose_secret());
    assert!(!format!("{:?}{key:?}", place.store).contains(&format!("{:?}", key.expose_secret())));
    let same = place.handle().await;
    assert_eq!(same.id().await.unwrap(), id);
}
