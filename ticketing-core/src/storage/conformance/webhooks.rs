use super::shop::{Shop, ngn};
use super::till::{LEASE, paid};
use crate::domain::id::WebhookId;
use crate::domain::page::PageRequest;
use crate::domain::payment::{Attention, Captured, DisputeNews, DisputeStage, Mode, Observation, POLL_FOR};
use crate::domain::scope::Scope;
use crate::domain::webhook::{ClaimWebhooks, ListWebhooksForReview};
use crate::domain::webhook::{NewWebhook, StoredWebhook, WebhookAction, WebhookReport, WebhookStatus};
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::sync::Arc;

fn webhook(key: &str, action: WebhookAction) -> NewWebhook {
    NewWebhook {
        gateway: "paystack".to_owned(),
        dedupe_key: key.to_owned(),
        kind: "charge.success".to_owned(),
        action,
        reference: None,
        captured: None,
        dispute: None,
        body: b"{\"a\": \"\x00\xff'\"}".to_vec(),
    }
}

pub(super) async fn receive(shop: &Shop, new: &NewWebhook) -> (StoredWebhook, bool) {
    shop.storage.apply(shop.now(), std::slice::from_ref(new)).await.unwrap().remove(0)
}

pub(super) async fn claim(shop: &Shop) -> Vec<StoredWebhook> {
    shop.storage.apply_one(shop.now(), ClaimWebhooks { lease: LEASE, limit: 100 }).await.unwrap()
}

pub(super) async fn report(shop: &Shop, id: WebhookId, status: WebhookStatus) -> Option<StoredWebhook> {
    let report = WebhookReport { id, status, note: Some("seen".to_owned()), is_unconfirmed_yet: false };
    shop.storage.apply(shop.now(), &[report]).await.unwrap().remove(0)
}

pub async fn a_webhook_is_stored_byte_for_byte_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    let captured = Captured { paid_at: Some(shop.now()), requested: Some(ngn(7)), ..paid(ngn(9), Mode::Live) };
    let new = NewWebhook {
        reference: Some(attempt.reference.clone()),
        captured: Some(captured),
        dispute: Some(DisputeNews::new("d \"1\"", DisputeStage::Won).with_amount(ngn(3))),
        ..webhook("event-1", WebhookAction::Settle)
    };
    let (stored, first) = receive(&shop, &new).await;
    assert!(first && stored.event == new);
    assert_eq!((stored.status, stored.tries, stored.received_at), (WebhookStatus::Waiting, 0, shop.now()));
    shop.wait(SignedDuration::from_secs(1));
    assert!(receive(&shop, &new).await == (stored.clone(), false), "a second delivery finds the first");
    let elsewhere = NewWebhook { gateway: "stripe".to_owned(), ..new.clone() };
    assert!(receive(&shop, &elsewhere).await.1, "each gateway has keys of its own");
    let webhooks = shop.payment(&order).await.webhooks;
    assert!(webhooks.len() == 2 && webhooks[0] == stored, "it is part of the payment history");
    assert!(claim(&shop).await.iter().all(|webhook| webhook.event.body == new.body));
}

pub async fn a_claimed_webhook_belongs_to_one_worker_until_the_lease_ends(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (kept, _) = receive(&shop, &webhook("kept", WebhookAction::None)).await;
    assert_eq!((kept.status, kept.next_at), (WebhookStatus::Ignored, None));
    let (first, _) = receive(&shop, &webhook("first", WebhookAction::Settle)).await;
    shop.wait(SignedDuration::from_micros(1));
    let (second, _) = receive(&shop, &webhook("second", WebhookAction::Refunds)).await;
    let ids = |webhooks: Vec<StoredWebhook>| webhooks.iter().map(|webhook| webhook.id).collect::<Vec<_>>();
    assert_eq!(
        ids(shop.storage.apply_one(shop.now(), ClaimWebhooks { lease: LEASE, limit: 1 }).await.unwrap()),
        [first.id]
    );
    assert_eq!(ids(claim(&shop).await), [second.id]);
    shop.wait(LEASE - SignedDuration::from_micros(1));
    assert_eq!(ids(claim(&shop).await), []);
    shop.wait(SignedDuration::from_micros(1));
    assert_eq!(ids(claim(&shop).await), [first.id, second.id]);
}

pub async fn a_webhook_is_retried_until_it_is_applied_or_needs_a_person(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (applied, _) = receive(&shop, &webhook("applied", WebhookAction::Settle)).await;
    let waiting = report(&shop, applied.id, WebhookStatus::Waiting).await.unwrap();
    assert!(waiting.next_at.is_some_and(|at| at > shop.now()));
    let unconfirmed = report(&shop, applied.id, WebhookStatus::Unconfirmed).await.unwrap();
    assert_eq!(report(&shop, applied.id, WebhookStatus::Waiting).await.unwrap(), unconfirmed, "never backwards");
    let done = report(&shop, applied.id, WebhookStatus::Applied).await.unwrap();
    assert_eq!((done.status, done.next_at, done.note.as_deref()), (WebhookStatus::Applied, None, Some("seen")));
    for status in WebhookStatus::ALL {
        assert_eq!(report(&shop, applied.id, *status).await.as_ref(), Some(&done));
    }

    let (hopeless, _) = receive(&shop, &webhook("hopeless", WebhookAction::Settle)).await;
    shop.wait(POLL_FOR);
    let given_up = report(&shop, hopeless.id, WebhookStatus::Waiting).await.unwrap();
    assert_eq!((given_up.status, given_up.next_at), (WebhookStatus::Quarantined, None));
    assert_eq!(claim(&shop).await, []);
    assert_eq!(report(&shop, WebhookId(1_000_000), WebhookStatus::Applied).await, None);
}

pub async fn a_webhook_that_the_gateway_contradicts_is_in_the_audit_log(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let reference = Some(bought.attempt.reference.clone());
    let (stored, _) = receive(&shop, &NewWebhook { reference, ..webhook("e", WebhookAction::Settle) }).await;
    report(&shop, stored.id, WebhookStatus::Unconfirmed).await;
    report(&shop, stored.id, WebhookStatus::Contradicted).await;
    let payment = shop.payment(&bought.order).await;
    assert_eq!(payment.audit.last().unwrap().action, "webhook.contradicted");
    assert_eq!(payment.webhooks[0].status, WebhookStatus::Contradicted);
}

pub async fn a_payment_that_the_gateway_does_not_confirm_needs_a_person(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.hold(&event, 1).await;
    let attempt = shop.attempt(&order).await;
    let reference = Some(attempt.reference.clone());
    let captured = paid(attempt.amount, Mode::Test);
    let new = NewWebhook { reference, captured: Some(captured.clone()), ..webhook("paid", WebhookAction::Settle) };
    let (stored, _) = receive(&shop, &new).await;
    let unconfirmed = async || {
        let report = WebhookReport::new(stored.id, WebhookStatus::Waiting).with_is_unconfirmed_yet(true);
        shop.storage.apply(shop.now(), &[report]).await.unwrap().remove(0).unwrap()
    };
    let first = unconfirmed().await;
    for _ in 0..2 {
        shop.wait(LEASE);
        claim(&shop).await;
    }
    let second = unconfirmed().await;
    let pause = |webhook: &StoredWebhook| webhook.next_at.unwrap().duration_since(webhook.updated_at);
    assert!(pause(&second) > pause(&first), "with growing pauses");
    assert_eq!(shop.attempt_now(&attempt).await.attention, []);

    shop.wait(SignedDuration::from_hours(2));
    let given_up = unconfirmed().await;
    assert_eq!((given_up.status, given_up.next_at), (WebhookStatus::Contradicted, None));
    let listed = async || shop.storage.reviews(&Scope::all(), PageRequest::default()).await.unwrap().items;
    assert_eq!(shop.attempt_now(&attempt).await.attention, [Attention::Contradicted]);
    assert_eq!(listed().await.len(), 1);
    assert!(shop.attempt_now(&attempt).await.poll.is_some(), "the gateway is still asked");
    shop.observe(&attempt, Observation::Success(captured)).await;
    assert_eq!(shop.attempt_now(&attempt).await.attention, [], "it agrees in the end");
    assert_eq!(listed().await, []);
}

pub async fn webhooks_that_need_a_person_are_listed(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let mut ids = vec![];
    for (key, status) in [
        ("1", WebhookStatus::Quarantined),
        ("2", WebhookStatus::Applied),
        ("3", WebhookStatus::Contradicted),
        ("4", WebhookStatus::Waiting),
    ] {
        let (stored, _) = receive(&shop, &webhook(key, WebhookAction::Settle)).await;
        report(&shop, stored.id, status).await;
        ids.push(stored.id);
    }
    let list = async |skip, limit| {
        let page = PageRequest { skip, limit, count: true };
        let found = shop.storage.find(ListWebhooksForReview { page }).await.unwrap();
        (found.items.iter().map(|webhook| webhook.id).collect::<Vec<_>>(), found.more, found.total)
    };
    assert_eq!(list(0, 10).await, (vec![ids[0], ids[2]], false, Some(2)));
    assert_eq!(list(1, 1).await, (vec![ids[2]], false, Some(2)));
}
