//! An event changes: everyone who has paid is told, and may return tickets for their money.

use crate::money::shop::{Shop, buyer, organizer};
use std::sync::Arc;
use ticketing_core::async_trait;
use ticketing_core::domain::event::EventWants;
use ticketing_core::domain::order::OrderKey;
use ticketing_core::domain::outbox::{MailKind, MailStatus};
use ticketing_core::domain::refund::{RefundReason, RefundStatus};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::mailer::memory::MemoryMailer;
use ticketing_core::mailer::{Mail, MailError, Mailer};
use ticketing_core::storage::StorageExt as _;
use ticketing_core::{Error, Ticketing, Upkeep};

/// Mails that the test can look at.
#[derive(Clone, Debug, Default)]
struct Mails(Arc<MemoryMailer>);

#[async_trait]
impl Mailer for Mails {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.send(mail).await
    }
}

on_every_storage!(a_changed_event_is_mailed_and_tickets_are_returned,);

async fn a_changed_event_is_mailed_and_tickets_are_returned(shop: &mut Shop) {
    let event = shop.event(5000, 100).await;
    let sold = shop.sell(&event, "ada", 2).await;
    let moved = EventWants::default().with_location("Elsewhere".to_owned());
    shop.engine.edit_event(&organizer(), event.id, None, moved).await.unwrap();
    shop.live_through(5).await;
    assert_eq!(shop.mails(&sold).await, [MailKind::Tickets], "a correction may follow");
    shop.live_through(10).await;
    let mails = Mails::default();
    let delivery = Ticketing::builder_on(Arc::clone(&shop.storage))
        .clock(Arc::new(shop.clock.clone()))
        .mailer(mails.clone())
        .build()
        .unwrap();
    delivery.run_upkeep(Upkeep::default()).await.unwrap();
    let owed = shop.storage.mails(&OrderKey::Id(sold.order.id)).await.unwrap();
    let found: Vec<_> = owed.iter().map(|mail| (mail.kind, mail.status)).collect();
    assert_eq!(found, [(MailKind::Tickets, MailStatus::Sent), (MailKind::EventChanged(2), MailStatus::Sent)]);
    let sent = mails.0.sent().into_iter().find(|mail| mail.subject.starts_with("Changed: ")).unwrap();
    assert!(sent.text.contains("Place: Elsewhere") && sent.text.contains("return tickets"), "{}", sent.text);
    let order = &sold.order.reference;
    let who = buyer("ada").who;
    let by_organizer = shop.engine.return_tickets(&organizer(), order, None, None).await;
    assert!(matches!(by_organizer, Err(Error::NotFound(_))), "{by_organizer:?}");
    shop.engine.return_tickets(&who, order, None, None).await.unwrap();
    shop.upkeep().await;
    let refund = shop.refund(&sold).await;
    assert_eq!((refund.status, refund.reason), (RefundStatus::Processed, RefundReason::EventChanged));
    assert_eq!((refund.amount, shop.stock(&event).await), (sold.order.total, (0, 0)));
    // Who buys now knows.
    let late = shop.sell(&event, "ben", 1).await;
    let refused = shop.engine.return_tickets(&buyer("ben").who, &late.order.reference, None, None).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::ReturnNotOpen { until: None }))), "{refused:?}");
}
