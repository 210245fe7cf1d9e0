use super::shop::{Shop, buyer, external, granted};
use crate::domain::check_in::{ANNUL_WITHIN, AnnulScan, CheckIn};
use crate::domain::code::TicketCode;
use crate::domain::event::Event;
use crate::domain::id::TicketId;
use crate::domain::page::PageRequest;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::ticket::{TicketFilter, TicketKey, TicketStatus};
use crate::storage::StorageExt as _;
use crate::storage::{Outcome, Storage};
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

pub async fn a_ticket_of_another_event_stays_unused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (tonight, tomorrow) = (shop.event().create().await, shop.event().create().await);
    let ticket = shop.buy(&tomorrow, 1).await.tickets.remove(0);
    let at = |event: &Event, nonce: &str| shop.scan_of(&ticket, nonce).with_event_id(event.id);
    let wrong = Err(Refusal::WrongEvent { event_id: tomorrow.id });
    assert_eq!(shop.scan(&at(&tonight, "1")).await, wrong);
    assert_eq!(shop.ticket_now(&ticket).await.status, TicketStatus::Active);
    let entry = granted(shop.scan(&at(&tomorrow, "1")).await);
    assert_eq!(shop.scan(&at(&tomorrow, "1")).await, Ok(entry), "a repeat");
    assert_eq!(shop.scan(&at(&tonight, "1")).await, Err(Refusal::NonceReused), "not a repeat: it was another entrance");
    assert_eq!(shop.scan(&at(&tonight, "2")).await, wrong, "used or not");
}

async fn annul(shop: &Shop, nonce: &str, by: &Principal) -> Outcome<CheckIn> {
    let annul = AnnulScan { nonce: nonce.to_owned(), by: by.clone(), scope: Scope::own(by) };
    shop.storage.apply_one(shop.now(), annul).await.unwrap()
}

pub async fn an_undone_scan_lets_its_ticket_in_again(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let ticket = &bought.tickets[0];
    let organizer = shop.organizer.clone();
    granted(shop.scan(&shop.scan_of(ticket, "1")).await);
    for (nonce, by) in [("unknown", &organizer), ("1", &external("somebody else"))] {
        assert_eq!(annul(&shop, nonce, by).await, Err(Refusal::ScanUnknown));
    }
    shop.wait(ANNUL_WITHIN);
    let undone = granted(annul(&shop, "1", &organizer).await);
    assert_eq!(undone.annulled_at, Some(shop.now()));
    shop.wait(SignedDuration::from_secs(1));
    assert_eq!(annul(&shop, "1", &organizer).await, Ok(undone.clone()), "a repeat changes nothing");
    assert_eq!(shop.ticket_now(ticket).await.status, TicketStatus::Active);
    let again = shop.scan(&shop.scan_of(ticket, "1")).await;
    assert_eq!(
        again,
        Err(Refusal::ScanAnnulled { annulled_at: undone.annulled_at.unwrap() }),
        "a late repeat admits nobody"
    );

    let second = granted(shop.scan(&shop.scan_of(ticket, "2")).await);
    assert_eq!((second.nonce.as_str(), second.annulled_at), ("2", None));
    assert!(matches!(shop.scan(&shop.scan_of(ticket, "3")).await, Err(Refusal::TicketUsed { .. })));
    granted(annul(&shop, "2", &organizer).await);
    assert_eq!(shop.scan(&shop.scan_of(ticket, "1")).await, Err(Refusal::NonceReused), "however late");
    granted(shop.scan(&shop.scan_of(ticket, "4")).await);
    let until = shop.now() + ANNUL_WITHIN;
    shop.wait(ANNUL_WITHIN + SignedDuration::from_secs(1));
    assert_eq!(annul(&shop, "4", &organizer).await, Err(Refusal::AnnulTooLate { until }));
    assert_eq!(shop.stock(&event).await, (0, 1));
    let lines = shop.payment(&bought.order).await.audit;
    let undone: Vec<_> = lines.iter().filter(|line| line.action == "check_in.annulled").collect();
    assert_eq!(undone.iter().map(|line| line.item.as_deref()).collect::<Vec<_>>(), [Some("1"), Some("2")]);
}

pub async fn undoing_the_scan_of_a_refunded_ticket_frees_its_place(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    granted(shop.scan(&shop.scan_of(&bought.tickets[0], "1")).await);
    granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
    assert_eq!(shop.stock(&event).await, (0, 1));
    granted(annul(&shop, "1", &shop.organizer).await);
    granted(annul(&shop, "1", &shop.organizer).await);
    assert_eq!(shop.stock(&event).await, (0, 0), "given back once");
    let ticket = shop.ticket_now(&bought.tickets[0]).await;
    assert_eq!((ticket.status, ticket.keeps_place), (TicketStatus::Refunded, false));
    assert_eq!(shop.scan(&shop.scan_of(&ticket, "2")).await, Err(Refusal::TicketRefunded));
}
