use super::shop::Shop;
use super::till::LEASE;
use crate::domain::request;
use crate::domain::request::FinishRequest;
use crate::domain::request::{Answer, BeginRequest, Begun, KEEP_ANSWERS};
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::sync::Arc;

fn request(scope: &str, content: &str) -> BeginRequest {
    BeginRequest::new(scope, content, LEASE)
}

fn answer(body: &[u8]) -> Answer {
    let headers = vec![("b".to_owned(), "é'".to_owned()), ("a".to_owned(), "1".to_owned())];
    Answer { status: 201, headers, body: body.to_vec() }
}

async fn begin(shop: &Shop, scope: &str, content: &str) -> Begun {
    shop.storage.apply_one(shop.now(), request(scope, content)).await.unwrap()
}

pub async fn a_repeated_request_gets_the_first_response(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let until = shop.now() + LEASE;
    assert_eq!(begin(&shop, "a", "x").await, Begun::Work { since: shop.now() });
    shop.wait(SignedDuration::from_micros(1));
    assert_eq!(begin(&shop, "a", "x").await, Begun::InProgress { until });
    assert_eq!(begin(&shop, "a", "y").await, Begun::OtherContent);
    assert!(matches!(begin(&shop, "b", "y").await, Begun::Work { .. }), "another key is another request");
    for body in [&b"\x00first\xff"[..], b"second"] {
        shop.storage
            .apply_one(shop.now(), FinishRequest { scope: "a".to_owned(), answer: Some(&answer(body)).cloned() })
            .await
            .unwrap();
        assert_eq!(begin(&shop, "a", "x").await, Begun::Repeat(answer(b"\x00first\xff")));
    }
    assert_eq!(begin(&shop, "a", "y").await, Begun::OtherContent);
    shop.storage.apply_one(shop.now(), FinishRequest { scope: "a".to_owned(), answer: None }).await.unwrap();
    assert_eq!(begin(&shop, "a", "x").await, Begun::Repeat(answer(b"\x00first\xff")), "an answer stays");
    shop.storage
        .apply_one(shop.now(), FinishRequest { scope: "never begun".to_owned(), answer: Some(&answer(b"")).cloned() })
        .await
        .unwrap();
    assert!(matches!(begin(&shop, "never begun", "x").await, Begun::Work { .. }));
}

pub async fn a_request_of_an_earlier_version_is_known_by_its_older_hash(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    assert_eq!(begin(&shop, "a", "older").await, Begun::Work { since: shop.now() });
    let finish = FinishRequest { scope: "a".to_owned(), answer: Some(answer(b"first")) };
    shop.storage.apply_one(shop.now(), finish).await.unwrap();
    assert_eq!(begin(&shop, "a", "newer").await, Begun::OtherContent);
    let again = |older: &str| request("a", "newer").with_older_content(older);
    let begun = shop.storage.apply_one(shop.now(), again("older")).await.unwrap();
    assert_eq!(begun, Begun::Repeat(answer(b"first")));
    assert_eq!(shop.storage.apply_one(shop.now(), again("other")).await.unwrap(), Begun::OtherContent);
}

pub async fn a_request_whose_worker_died_is_done_by_the_next(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let since = shop.now();
    assert_eq!(begin(&shop, "a", "x").await, Begun::Work { since });
    shop.wait(LEASE);
    assert_eq!(begin(&shop, "a", "x").await, Begun::Work { since }, "the lease has ended; it is the same request");
    assert!(matches!(begin(&shop, "a", "x").await, Begun::InProgress { .. }));
    shop.storage.apply_one(shop.now(), FinishRequest { scope: "a".to_owned(), answer: None }).await.unwrap();
    assert_eq!(begin(&shop, "a", "x").await, Begun::Work { since }, "it gave up");
}

pub async fn responses_are_kept_for_a_day_and_then_forgotten(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for scope in ["a", "b"] {
        assert!(matches!(begin(&shop, scope, "x").await, Begun::Work { .. }));
        shop.storage
            .apply_one(shop.now(), FinishRequest { scope: scope.to_owned(), answer: Some(&answer(b"old")).cloned() })
            .await
            .unwrap();
    }
    shop.wait(KEEP_ANSWERS - SignedDuration::from_micros(1));
    assert!(matches!(begin(&shop, "young", "x").await, Begun::Work { .. }));
    assert_eq!(shop.storage.forget(&request::outdated(shop.now(), 10)).await.unwrap(), 0);
    assert_eq!(begin(&shop, "a", "x").await, Begun::Repeat(answer(b"old")));
    shop.wait(SignedDuration::from_micros(1));
    let anew = Begun::Work { since: shop.now() };
    assert_eq!(begin(&shop, "a", "y").await, anew, "too old to count, even before it is forgotten");
    assert!(matches!(begin(&shop, "a", "y").await, Begun::InProgress { .. }));
    assert_eq!(shop.storage.forget(&request::outdated(shop.now(), 0)).await.unwrap(), 0);
    assert_eq!(shop.storage.forget(&request::outdated(shop.now(), 10)).await.unwrap(), 1);
    assert!(matches!(begin(&shop, "b", "x").await, Begun::Work { .. }));
    assert!(matches!(begin(&shop, "young", "x").await, Begun::InProgress { .. }));
}

pub async fn a_request_that_did_nothing_is_forgotten_while_its_lease_lasts(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let forget = async |scope: &str| shop.storage.forget(&request::undone(scope, shop.now())).await.unwrap();
    assert!(matches!(begin(&shop, "a", "x").await, Begun::Work { .. }));
    assert!(matches!(begin(&shop, "b", "x").await, Begun::Work { .. }));
    assert_eq!((forget("a").await, forget("a").await, forget("never begun").await), (1, 0, 0));
    assert!(matches!(begin(&shop, "a", "y").await, Begun::Work { .. }), "also with other content");
    assert!(matches!(begin(&shop, "b", "x").await, Begun::InProgress { .. }), "another request is left alone");
    shop.wait(LEASE + SignedDuration::from_micros(1));
    assert_eq!(forget("b").await, 0, "another caller may be at work on it");
    assert_eq!(begin(&shop, "b", "y").await, Begun::OtherContent);
}
