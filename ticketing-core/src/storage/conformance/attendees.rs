//! Who comes with a ticket, and the organiser's lists.

use super::races::at_once;
use super::shop::{Shop, email, external, granted};
use super::till::Bought;
use crate::domain::attendee::{
    Attendee, AttendeeEntry, AttendeeFilter, AttendeeWants, CODE_SUFFIX, EditAttendee, EraseAttendee, ListAttendees,
};
use crate::domain::event::{Event, Window};
use crate::domain::order::{Erasable, EraseBuyer, ListErasable, OrderEntry, OrderSearch, SearchOrders};
use crate::domain::outbox::{MAX_RESENDS, MailKind, RESENDS_WITHIN};
use crate::domain::page::{Cursor, CursorRequest};
use crate::domain::principal::{Buyer, Principal};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::ticket::{Ticket, TicketStatus};
use crate::storage::{Outcome, Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl Shop {
    pub(super) fn edit_of(&self, ticket: &Ticket, wants: AttendeeWants) -> EditAttendee {
        EditAttendee {
            ticket_id: ticket.id,
            actor: self.organizer.clone(),
            scope: Some(Scope::all()),
            seen: None,
            wants,
        }
    }

    pub(super) async fn edit_attendee(&self, edit: &EditAttendee) -> Outcome<Attendee> {
        self.storage.apply_one(self.now(), edit.clone()).await.unwrap()
    }

    /// Says who comes with a ticket.
    pub(super) async fn comes(&self, ticket: &Ticket, name: &str) -> Attendee {
        granted(self.edit_attendee(&self.edit_of(ticket, named(name))).await)
    }

    /// The whole list, in pages of this size.
    pub(super) async fn listed(&self, event: &Event, filter: AttendeeFilter, limit: u32) -> Vec<AttendeeEntry> {
        let mut page = CursorRequest::default().with_limit(limit);
        let mut all = vec![];
        loop {
            let list = ListAttendees { scope: Scope::all(), event_id: event.id, filter: filter.clone(), page };
            let found = self.storage.find(list).await.unwrap();
            assert!(found.items.len() <= limit as usize, "a page is not larger than asked for");
            all.extend(found.items);
            let Some(next) = found.next else { return all };
            page = page.with_after(next);
        }
    }

    async fn attendees_found(&self, event: &Event, filter: AttendeeFilter) -> Vec<i64> {
        self.listed(event, filter, 100).await.iter().map(|entry| entry.ticket_id.0).collect()
    }

    async fn orders_found(&self, event: &Event, filter: OrderSearch) -> Vec<OrderEntry> {
        let page = CursorRequest::default();
        let search = SearchOrders { scope: Scope::all(), event_id: event.id, filter, page };
        self.storage.find(search).await.unwrap().items
    }

    /// An order of a buyer with this address.
    pub(super) async fn bought_by(&self, event: &Event, quantity: u32, address: &str) -> Bought {
        let mut hold = self.hold_request(event, quantity);
        hold.buyer = Buyer { who: external(address), email: Some(email(address)) };
        let order = granted(self.try_hold(&hold).await);
        self.settle_order(&order).await
    }
}

pub(super) fn named(name: &str) -> AttendeeWants {
    AttendeeWants::default().with_name(Some(name.to_owned()))
}

fn text(text: &str) -> AttendeeFilter {
    AttendeeFilter::default().with_text(text.to_owned())
}

fn ids(tickets: &[&Ticket]) -> Vec<i64> {
    tickets.iter().map(|ticket| ticket.id.0).collect()
}

pub async fn nothing_is_known_until_somebody_says_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(5).create().await;
    let bought = shop.buy(&event, 2).await;
    let entries = shop.listed(&event, AttendeeFilter::default(), 100).await;
    assert_eq!(entries.len(), 2);
    for (entry, ticket) in entries.iter().zip(&bought.tickets) {
        assert_eq!((entry.ticket_id, entry.status, entry.version), (ticket.id, TicketStatus::Active, 0));
        assert_eq!((&entry.order, &entry.buyer_email), (&bought.order.reference, &bought.order.buyer.email));
        assert_eq!((&entry.name, &entry.email, &entry.note), (&None, &None, &None));
        assert_eq!(entry.paid_with.as_deref(), Some("paystack"));
        assert!(ticket.code.as_str().ends_with(&entry.code_suffix));
        assert_eq!(entry.code_suffix.len(), CODE_SUFFIX, "the whole code is in no list");
    }
    let known = shop.comes(&bought.tickets[1], "Ada").await;
    assert_eq!((known.name.as_deref(), known.version, known.order_id), (Some("Ada"), 1, bought.order.id));
    let entries = shop.listed(&event, AttendeeFilter::default(), 100).await;
    assert_eq!((&entries[0].name, entries[1].name.as_deref(), entries[1].version), (&None, Some("Ada"), 1));
}

pub async fn an_edit_that_changes_nothing_is_no_edit(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let ticket = shop.buy(&event, 1).await.tickets.remove(0);
    let first = shop.comes(&ticket, "Ada").await;
    shop.wait(SignedDuration::from_mins(1));
    // Whatever was seen: its answer may have been lost.
    let repeat = EditAttendee { seen: Some(7), ..shop.edit_of(&ticket, named("Ada")) };
    assert_eq!(shop.edit_attendee(&repeat).await, Ok(first));
    let emptied = granted(shop.edit_attendee(&shop.edit_of(&ticket, AttendeeWants::default())).await);
    assert_eq!((emptied.name, emptied.version), (Some("Ada".to_owned()), 1), "what is not named stays");
    let none = AttendeeWants { name: Some(None), ..AttendeeWants::default() };
    let emptied = granted(shop.edit_attendee(&shop.edit_of(&ticket, none)).await);
    assert_eq!((emptied.name, emptied.version), (None, 2));
}

pub async fn an_old_version_of_an_attendee_is_refused(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let ticket = shop.buy(&event, 1).await.tickets.remove(0);
    let seen = |seen, name| EditAttendee { seen: Some(seen), ..shop.edit_of(&ticket, named(name)) };
    assert_eq!(shop.edit_attendee(&seen(1, "Ada")).await, Err(Refusal::Stale { current: 0 }));
    granted(shop.edit_attendee(&seen(0, "Ada")).await);
    assert_eq!(shop.edit_attendee(&seen(0, "Bob")).await, Err(Refusal::Stale { current: 1 }));
    assert_eq!(granted(shop.edit_attendee(&seen(1, "Bob")).await).version, 2);
}

pub async fn of_two_edits_of_one_version_one_wins(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let ticket = shop.buy(&event, 1).await.tickets.remove(0);
    let outcomes = at_once(8, |number| {
        let (shop, ticket) = (Arc::clone(&shop), ticket.clone());
        async move {
            let edit = shop.edit_of(&ticket, named(&format!("Ada {number}")));
            shop.edit_attendee(&EditAttendee { seen: Some(0), ..edit }).await
        }
    });
    let outcomes = outcomes.await;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 7));
    assert!(lost.iter().all(|outcome| *outcome == Err(Refusal::Stale { current: 1 })));
    assert_eq!(shop.listed(&event, AttendeeFilter::default(), 100).await[0].version, 1);
}

pub async fn the_holder_edits_all_but_the_note_and_only_while_the_ticket_is_valid(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.bought_by(&event, 1, "ada@example.com").await;
    let ticket = &bought.tickets[0];
    let by = |who: &str, wants| EditAttendee { actor: external(who), scope: None, ..shop.edit_of(ticket, wants) };
    let note = |text: &str| AttendeeWants::default().with_note(Some(text.to_owned()));
    granted(shop.edit_attendee(&shop.edit_of(ticket, note("vip"))).await);
    let wants = named("Ada").with_note(Some("mine".to_owned()));
    let edited = granted(shop.edit_attendee(&by("ada@example.com", wants)).await);
    assert_eq!((edited.name.as_deref(), edited.note.as_deref()), (Some("Ada"), Some("vip")));
    assert_eq!(shop.edit_attendee(&by("bob@example.com", named("Bob"))).await, Err(Refusal::TicketUnknown));

    granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
    let void = Refusal::TicketNotValid { ticket_id: ticket.id, ticket_status: TicketStatus::Refunded };
    assert_eq!(shop.edit_attendee(&by("ada@example.com", named("Eve"))).await, Err(void));
    granted(shop.edit_attendee(&shop.edit_of(ticket, named("Eve"))).await);
}

pub async fn who_gets_an_address_gets_the_ticket_there(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.bought_by(&event, 2, "ada@example.com").await;
    let (ticket, first) = (&bought.tickets[0], shop.now() + MINUTE);
    let with = |address: &str| shop.edit_of(ticket, AttendeeWants::default().with_email(Some(email(address))));
    let owed = async || shop.mails_to(&bought.order).await.split_off(1);
    let of = |time, to: &str| (MailKind::Ticket { ticket: ticket.id, time }, to.to_owned());
    shop.wait(MINUTE);
    granted(shop.edit_attendee(&with("bob@example.com")).await);
    granted(shop.edit_attendee(&with("bob@example.com")).await);
    granted(shop.edit_attendee(&with("Bob@Example.com")).await);
    shop.comes(ticket, "Bob").await;
    assert_eq!(owed().await, [of(1, "bob@example.com")], "it is the same address");
    granted(shop.edit_attendee(&with("carol@example.com")).await);
    assert_eq!(owed().await, [of(1, "bob@example.com"), of(2, "carol@example.com")]);
    // These mails count together with tickets that are sent again.
    for number in 2..MAX_RESENDS {
        granted(shop.edit_attendee(&with(&format!("dan{number}@example.com"))).await);
    }
    let again_at = first + RESENDS_WITHIN;
    let late = with("eve@example.com");
    assert_eq!(shop.edit_attendee(&late).await, Err(Refusal::TooManyResends { again_at }));
    assert_eq!(shop.resend(&shop.resend_of(&bought.order)).await, Err(Refusal::TooManyResends { again_at }));
    shop.comes(ticket, "Eve").await;
    shop.wait(RESENDS_WITHIN);
    granted(shop.edit_attendee(&late).await);
    assert_eq!(owed().await.pop(), Some(of(6, "eve@example.com")));

    // A ticket that is used or void is of no use to anybody.
    let other = &bought.tickets[1];
    granted(shop.scan(&shop.scan_of(other, "in")).await);
    granted(shop.edit_attendee(&EditAttendee { ticket_id: other.id, ..with("fay@example.com") }).await);
    assert_eq!(owed().await.len(), 6);
}

pub async fn attendees_of_foreign_events_are_neither_listed_nor_edited(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let ticket = shop.buy(&event, 1).await.tickets.remove(0);
    let other = Scope::own(&external("another organiser"));
    let edit = EditAttendee { scope: Some(other.clone()), ..shop.edit_of(&ticket, named("Eve")) };
    assert_eq!(shop.edit_attendee(&edit).await, Err(Refusal::TicketUnknown));
    let (filter, page) = (AttendeeFilter::default(), CursorRequest::default());
    let list = ListAttendees { scope: other.clone(), event_id: event.id, filter, page };
    assert_eq!(shop.storage.find(list).await.unwrap().items, []);
    let search = SearchOrders { scope: other, event_id: event.id, filter: OrderSearch::default(), page };
    assert_eq!(shop.storage.find(search).await.unwrap().items, []);
}

pub async fn every_page_size_lists_every_attendee_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().create().await, shop.event().create().await);
    let mut wanted: Vec<Bought> = vec![];
    for quantity in [1, 3, 2, 1, 4] {
        wanted.push(shop.buy(&event, quantity).await);
        shop.buy(&other, 1).await;
        shop.hold(&event, 1).await;
    }
    wanted.reverse();
    let all: Vec<i64> = wanted.iter().flat_map(|bought| &bought.tickets).map(|ticket| ticket.id.0).collect();
    assert_eq!(all.len(), 11);
    for limit in [1, 2, 3, 4, 5, 10, 11, 12] {
        let found = shop.listed(&event, AttendeeFilter::default(), limit).await;
        let found: Vec<i64> = found.iter().map(|entry| entry.ticket_id.0).collect();
        assert_eq!(found, all, "in pages of {limit}");
    }
}

pub async fn a_cursor_stays_where_it_is_while_tickets_are_sold(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (first, second) = (shop.buy(&event, 2).await, shop.buy(&event, 2).await);
    let list =
        |page| ListAttendees { scope: Scope::all(), event_id: event.id, filter: AttendeeFilter::default(), page };
    let page = CursorRequest::default().with_limit(3);
    let found = shop.storage.find(list(page)).await.unwrap();
    let next = found.next.unwrap();
    shop.buy(&event, 3).await;
    let rest = shop.storage.find(list(page.with_after(next.to_string().parse::<Cursor>().unwrap()))).await.unwrap();
    let all: Vec<i64> = found.items.iter().chain(&rest.items).map(|entry| entry.ticket_id.0).collect();
    let expected: Vec<&Ticket> = second.tickets.iter().chain(&first.tickets).collect();
    assert_eq!((all, rest.next), (ids(&expected), None));
}

pub async fn attendees_are_found_by_what_is_known_of_them(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 250, None)]).create().await;
    let order = granted(shop.try_hold(&shop.wish_of(&event, &[(0, 2), (1, 1)])).await);
    let one = shop.settle_order(&order).await;
    shop.wait(SignedDuration::from_hours(1));
    let mut hold = shop.wish_of(&event, &[(1, 2)]);
    hold.buyer = Buyer { who: external("eve"), email: Some(email("Eve.Ö@example.com")) };
    let two = granted(shop.try_hold(&hold).await);
    let two = shop.settle_order(&two).await;
    shop.comes(&one.tickets[1], "Ọlá Adé").await;
    let address = AttendeeWants::default().with_email(Some(email("Kofi@example.org")));
    granted(shop.edit_attendee(&shop.edit_of(&two.tickets[0], address)).await);
    granted(shop.scan(&shop.scan_of(&one.tickets[0], "in")).await);

    let (a, b) = (&one.tickets, &two.tickets);
    for wanted in ["ỌLÁ", "adé"] {
        assert_eq!(shop.attendees_found(&event, text(wanted)).await, ids(&[&a[1]]), "{wanted}");
    }
    assert_eq!(shop.attendees_found(&event, text("ade")).await, Vec::<i64>::new(), "another letter");
    assert_eq!(shop.attendees_found(&event, text("O\u{323}la\u{301}")).await, ids(&[&a[1]]), "in any form of Unicode");
    assert_eq!(shop.attendees_found(&event, text("eve.")).await, ids(&[&b[0], &b[1]]));
    assert_eq!(shop.attendees_found(&event, text("kofi@EXAMPLE.org")).await, ids(&[&b[0]]));
    assert_eq!(shop.attendees_found(&event, text(one.order.reference.as_str())).await, ids(&[&a[0], &a[1], &a[2]]));
    let code = a[2].code.as_str();
    assert_eq!(shop.attendees_found(&event, text(&code[code.len() - CODE_SUFFIX..])).await, ids(&[&a[2]]));
    assert_eq!(
        shop.attendees_found(&event, text(&code[..CODE_SUFFIX])).await,
        Vec::<i64>::new(),
        "only the end of a code"
    );
    for wild in ["%", "_", "nobody"] {
        assert_eq!(shop.attendees_found(&event, text(wild)).await, Vec::<i64>::new(), "{wild}");
    }

    let all = AttendeeFilter::default;
    let of_type = all().with_ticket_type_id(event.ticket_types[1].id);
    assert_eq!(shop.attendees_found(&event, of_type.clone()).await, ids(&[&b[0], &b[1], &a[2]]));
    assert_eq!(shop.attendees_found(&event, of_type.with_status(TicketStatus::Used)).await, Vec::<i64>::new());
    assert_eq!(shop.attendees_found(&event, all().with_status(TicketStatus::Used)).await, ids(&[&a[0]]));
    assert_eq!(shop.attendees_found(&event, all().with_paid_with("cash".to_owned())).await, Vec::<i64>::new());
    assert_eq!(shop.attendees_found(&event, all().with_paid_with("paystack".to_owned())).await.len(), 5);
    let later = two.order.created_at;
    let until = Window { from: None, until: Some(later) };
    assert_eq!(shop.attendees_found(&event, all().with_ordered(until)).await, ids(&[&a[0], &a[1], &a[2]]));
    let from = Window { from: Some(later), until: None };
    assert_eq!(shop.attendees_found(&event, all().with_ordered(from)).await, ids(&[&b[0], &b[1]]));
    let entry = shop.listed(&event, all().with_status(TicketStatus::Used), 100).await.remove(0);
    assert_eq!(entry.checked_in_at, Some(shop.now()));
}

pub async fn orders_are_found_whatever_became_of_them(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.bought_by(&event, 2, "kofi@example.com").await;
    let held = shop.hold(&event, 1).await;
    granted(shop.refund(&shop.refund_of(&bought.order, &[&bought.tickets[0]])).await);
    shop.comes(&bought.tickets[1], "Zoë").await;
    let all = shop.orders_found(&event, OrderSearch::default()).await;
    let known: Vec<_> = all.iter().map(|entry| (entry.order.id, entry.valid_tickets)).collect();
    assert_eq!(known, [(held.id, 0), (bought.order.id, 1)]);
    assert_eq!((all[0].paid, all[0].refunded, all[0].paid_with.as_deref()), (None, None, None));
    assert_eq!((all[1].paid, all[1].refunded), (Some(bought.order.total), Some(bought.tickets[0].price)));
    let search = OrderSearch::default;
    for (filter, wanted) in [
        (search().with_text("ZOË".to_owned()), vec![bought.order.id]),
        (search().with_text("KOFI@".to_owned()), vec![bought.order.id]),
        (search().with_status("held".to_owned()), vec![held.id]),
        (search().with_paid_with("paystack".to_owned()), vec![bought.order.id]),
        (search().with_paid_with("cash".to_owned()), vec![]),
    ] {
        let found: Vec<_> =
            shop.orders_found(&event, filter.clone()).await.iter().map(|entry| entry.order.id).collect();
        assert_eq!(found, wanted, "{filter:?}");
    }
}

pub async fn an_erased_buyer_leaves_no_attendee(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.bought_by(&event, 2, "ada@example.com").await;
    let wants = named("Ada").with_email(Some(email("a@example.com"))).with_note(Some("vip".to_owned()));
    granted(shop.edit_attendee(&shop.edit_of(&bought.tickets[0], wants)).await);
    assert!(shop.storage.apply_one(shop.now(), EraseBuyer { id: bought.order.id }).await.unwrap());
    let entry = shop.listed(&event, AttendeeFilter::default(), 100).await.remove(0);
    assert_eq!((&entry.name, &entry.email, &entry.note, entry.version), (&None, &None, &None, 2));
    assert!(entry.buyer_email.unwrap().is_erased());
    assert_eq!(shop.attendees_found(&event, text("ada")).await, Vec::<i64>::new());
}

pub async fn an_attendee_is_erased_by_address_and_after_the_event(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().ending_in(SignedDuration::from_hours(50)).create().await;
    let tickets = shop.bought_by(&event, 2, "ada@example.com").await.tickets;
    let wants = AttendeeWants::default().with_email(Some(email("Bob@Example.com")));
    granted(shop.edit_attendee(&shop.edit_of(&tickets[0], wants)).await);
    shop.comes(&tickets[1], "Eve").await;
    let erasable = async |which| shop.storage.find(ListErasable { which, from: 0, limit: 10 }).await.unwrap();
    let to = || Erasable::AttendeesTo(vec!["bob@example.com".to_owned()]);
    assert_eq!(erasable(to()).await, ids(&[&tickets[0]]));
    let over = |hours| Erasable::AttendeesForEventsBefore(shop.now() + SignedDuration::from_hours(hours));
    assert_eq!(erasable(over(49)).await, Vec::<i64>::new());
    assert_eq!(erasable(over(51)).await, ids(&[&tickets[0], &tickets[1]]));

    let erase = EraseAttendee { ticket_id: tickets[0].id };
    assert!(shop.storage.apply_one(shop.now(), erase).await.unwrap());
    assert!(!shop.storage.apply_one(shop.now(), erase).await.unwrap(), "once");
    assert_eq!(erasable(to()).await, Vec::<i64>::new());
    assert_eq!(erasable(over(51)).await, ids(&[&tickets[1]]));
    let entries = shop.listed(&event, AttendeeFilter::default(), 10).await;
    assert_eq!((&entries[0].email, entries[0].status), (&None, TicketStatus::Active), "the ticket stays valid");
}

pub async fn who_comes_is_in_the_audit_log_without_the_data(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let wants = named("Ada Lovelace").with_note(Some("vegetarian".to_owned()));
    granted(shop.edit_attendee(&shop.edit_of(&bought.tickets[0], wants)).await);
    let audit = shop.payment(&bought.order).await.audit;
    let line = audit.iter().find(|line| line.action == "attendee.edited").unwrap();
    let actor: &Principal = &shop.organizer;
    assert_eq!(line.actor, crate::domain::audit::Actor::Person(actor.clone()));
    let all = format!("{audit:?}");
    assert!(!all.contains("Lovelace") && !all.contains("vegetarian"), "{all}");
}
