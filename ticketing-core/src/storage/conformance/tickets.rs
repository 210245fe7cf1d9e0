use super::shop::{Shop, buyer, external, granted};
use crate::domain::code::TicketCode;
use crate::domain::id::TicketId;
use crate::domain::page::PageRequest;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{TicketFilter, TicketKey, TicketStatus};
use crate::storage::Storage;
use crate::storage::StorageExt as _;
use jiff::SignedDuration;
use std::sync::Arc;

pub async fn a_ticket_is_found_by_id_and_code(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    for ticket in &bought.tickets {
        for key in [TicketKey::Id(ticket.id), TicketKey::Code(ticket.code.clone())] {
            assert_eq!(shop.storage.ticket(&key).await.unwrap().as_ref(), Some(ticket));
        }
    }
    let unknown = TicketCode::derive(&shop.seed(), 0);
    for key in [TicketKey::Id(TicketId(1_000_000)), TicketKey::Code(unknown)] {
        assert_eq!(shop.storage.ticket(&key).await.unwrap(), None);
    }
}

pub async fn tickets_are_listed_by_holder_and_by_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let first = shop.buy(&event, 2).await;
    let mut request = shop.hold_request(&event, 1);
    request.buyer = buyer("bob");
    let other = shop.settle_order(&granted(shop.try_hold(&request).await)).await;
    let second = shop.buy(&event, 1).await;
    let list = async |holder: Option<&str>, order| {
        let filter = TicketFilter { holder: holder.map(external), order };
        let found = shop.storage.tickets(&filter, PageRequest::default()).await.unwrap();
        found.items.iter().map(|ticket| ticket.id).collect::<Vec<_>>()
    };
    let ids = [first.tickets[0].id, first.tickets[1].id, second.tickets[0].id];
    assert_eq!(list(Some("ada"), None).await, [ids[2], ids[1], ids[0]], "the newest first");
    assert_eq!(list(None, Some(first.order.reference.clone())).await, [ids[1], ids[0]]);
    assert_eq!(list(Some("bob"), Some(first.order.reference.clone())).await, []);
    assert_eq!(list(Some("bob"), None).await, [other.tickets[0].id]);
    assert_eq!(list(None, Some(shop.reference())).await, []);
    assert_eq!(list(None, None).await.len(), 4);
}

pub async fn a_ticket_admits_one_person(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let ticket = &bought.tickets[0];
    assert_eq!(shop.storage.check_in_of(ticket.id).await.unwrap(), None);
    let scan = shop.scan_of(ticket, "scan \"1\" '%_\\ 😀");
    let entry = granted(shop.scan(&scan).await);
    assert_eq!((entry.ticket_id, entry.event_id, entry.at), (ticket.id, event.id, shop.now()));
    assert_eq!((&entry.nonce, &entry.gate, &entry.by), (&scan.nonce, &scan.gate, &scan.by));
    assert_eq!(shop.storage.check_in_of(ticket.id).await.unwrap(), Some(entry.clone()));
    let used = shop.ticket_now(ticket).await;
    assert_eq!((used.status, used.updated_at), (TicketStatus::Used, shop.now()));

    shop.wait(SignedDuration::from_secs(1));
    assert_eq!(shop.scan(&scan).await, Ok(entry.clone()), "a repeat of the scan gets the same answer");
    let mut second = shop.scan_of(ticket, "scan 2");
    second.gate = None;
    let refused = Refusal::TicketUsed { used_at: entry.at, gate: scan.gate.clone() };
    assert_eq!(shop.scan(&second).await, Err(refused), "and another scan hears when and where");
    assert_eq!(shop.storage.check_in_of(ticket.id).await.unwrap(), Some(entry));
    let mut gateless = shop.scan_of(&bought.tickets[1], "scan 2");
    gateless.gate = None;
    assert_eq!(granted(shop.scan(&gateless).await).gate, None, "a refused scan has not used its nonce up");
    assert_eq!(shop.stock(&event).await, (0, 2), "who is in still takes a place");
}

pub async fn a_nonce_belongs_to_one_scan(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    granted(shop.scan(&shop.scan_of(&bought.tickets[0], "once")).await);
    assert_eq!(shop.scan(&shop.scan_of(&bought.tickets[1], "once")).await, Err(Refusal::NonceReused));
    let mut by_other = shop.scan_of(&bought.tickets[0], "once");
    by_other.by = external("somebody else");
    assert_eq!(shop.scan(&by_other).await, Err(Refusal::NonceReused));
    let mut unknown = shop.scan_of(&bought.tickets[0], "once");
    unknown.code = TicketCode::derive(&shop.seed(), 0);
    assert_eq!(shop.scan(&unknown).await, Err(Refusal::NonceReused));
    assert_eq!(shop.ticket_now(&bought.tickets[1]).await.status, TicketStatus::Active);
    // Nonces are case-sensitive.
    granted(shop.scan(&shop.scan_of(&bought.tickets[1], "Once")).await);
}

pub async fn a_scan_without_a_valid_ticket_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 3).await;
    let mut unknown = shop.scan_of(&bought.tickets[0], "a");
    unknown.code = TicketCode::derive(&shop.seed(), 0);
    assert_eq!(shop.scan(&unknown).await, Err(Refusal::TicketUnknown));
    let mut foreign = shop.scan_of(&bought.tickets[0], "a");
    foreign.by = external("somebody else");
    assert_eq!(shop.scan(&foreign).await, Err(Refusal::TicketForeign));
    granted(shop.refund(&shop.refund_of(&bought.order, &[&bought.tickets[1]])).await);
    assert_eq!(shop.scan(&shop.scan_of(&bought.tickets[1], "b")).await, Err(Refusal::TicketRefunded));
    granted(shop.scan(&shop.scan_of(&bought.tickets[0], "a")).await);
    shop.cancel_event(&event).await;
    assert_eq!(shop.scan(&shop.scan_of(&bought.tickets[2], "c")).await, Err(Refusal::TicketCancelled));
    let used = shop.scan(&shop.scan_of(&bought.tickets[0], "d")).await;
    assert!(matches!(used, Err(Refusal::TicketUsed { .. })));
}
