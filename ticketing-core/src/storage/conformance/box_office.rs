//! Orders without a checkout, payments that people record, refunds in parts, and tickets that are sent again.

mod imports;

pub use imports::*;

use super::races::at_once;
use super::shop::{PRICE, Shop, email, external, granted, ngn};
use super::till::Bought;
use crate::domain::attendee::{AttendeeFilter, ListAttendees, NewAttendee};
use crate::domain::audit::Actor;
use crate::domain::code::Reference;
use crate::domain::event::{EditEvent, Event, EventWants, SalesRulesWants};
use crate::domain::money::{Currency, Money};
use crate::domain::order::{IssueLine, IssueOrder, IssuePayment, Issued, Order, OrderStatus};
use crate::domain::outbox::{MAX_RESENDS, MailKind, OutboxMail, RESENDS_WITHIN, ResendTickets};
use crate::domain::page::CursorRequest;
use crate::domain::payment::{Attempt, AttemptStatus, ClaimPolls, ManualMethod, RecordPayment, Settlement};
use crate::domain::principal::{Buyer, Principal};
use crate::domain::refund::{RecordRefund, RefundMoney, RefundRequest, RefundStatus, RetryRefund};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::ticket::TicketStatus;
use crate::storage::{Outcome, Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Shop {
    pub(super) fn issue_of(&self, event: &Event, quantity: u32, payment: IssuePayment) -> IssueOrder {
        let reference = self.reference();
        IssueOrder {
            attempt: self.reference(),
            buyer: Buyer::guest(reference.clone(), Some(email("school@example.com"))),
            reference,
            event_id: event.id,
            lines: vec![IssueLine::new(event.ticket_types[0].id, quantity)],
            payment,
            note: Some("a note".to_owned()),
            is_mailed: true,
            actor: self.organizer.clone(),
            scope: Scope::own(&self.organizer),
            seed: self.seed(),
        }
    }

    pub(super) async fn issue(&self, issue: &IssueOrder) -> Outcome<Issued> {
        self.storage.apply_one(self.now(), issue.clone()).await.unwrap()
    }

    fn later(&self) -> IssuePayment {
        IssuePayment::Later { until: self.now() + HOUR * 24 }
    }

    fn record_of(&self, order: &Order, amount: Money) -> RecordPayment {
        RecordPayment {
            reference: self.reference(),
            order: order.reference.clone(),
            method: ManualMethod::Transfer,
            amount,
            note: None,
            actor: self.organizer.clone(),
            scope: Scope::own(&self.organizer),
            seed: self.seed(),
        }
    }

    async fn record(&self, record: &RecordPayment) -> Outcome<Settlement> {
        self.storage.apply_one(self.now(), record.clone()).await.unwrap()
    }

    /// Tickets for cash.
    pub(super) async fn sold_for_cash(&self, event: &Event, quantity: u32) -> Bought {
        let issued = granted(self.issue(&self.issue_of(event, quantity, cash())).await);
        let attempt = self.only_attempt(&issued.order).await;
        Bought { order: issued.order, attempt, tickets: issued.tickets }
    }

    pub(super) async fn only_attempt(&self, order: &Order) -> Attempt {
        let mut attempts = self.payment(order).await.attempts;
        assert_eq!(attempts.len(), 1, "one attempt");
        attempts.remove(0)
    }

    pub(super) fn resend_of(&self, order: &Order) -> ResendTickets {
        let (actor, scope) = (self.organizer.clone(), Some(Scope::own(&self.organizer)));
        ResendTickets { order: order.reference.clone(), actor, scope, to: None }
    }

    pub(super) async fn resend(&self, resend: &ResendTickets) -> Outcome<OutboxMail> {
        self.storage.apply_one(self.now(), resend.clone()).await.unwrap()
    }
}

pub(super) fn cash() -> IssuePayment {
    IssuePayment::Received(ManualMethod::Cash)
}

pub async fn an_order_that_is_issued_has_its_tickets_at_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(10).create().await;
    for (payment, gateway, total) in [
        (IssuePayment::Free, "free", 0),
        (cash(), "cash", 2 * PRICE),
        (IssuePayment::Received(ManualMethod::Transfer), "transfer", 2 * PRICE),
    ] {
        let issue = shop.issue_of(&event, 2, payment);
        let issued = granted(shop.issue(&issue).await);
        assert_eq!((issued.order.status, issued.order.total, issued.first), (OrderStatus::Paid, ngn(total), true));
        assert_eq!(issued.tickets.len(), 2);
        assert!(issued.tickets.iter().all(|ticket| ticket.price == ngn(total / 2)));
        let line = issued.order.lines[0];
        assert_eq!((line.parts.face, line.parts.discount, line.parts.total), (PRICE, PRICE - total / 2, total / 2));
        let attempt = shop.only_attempt(&issued.order).await;
        assert_eq!((attempt.status, attempt.gateway.as_str()), (AttemptStatus::Fulfilled, gateway));
        assert_eq!(attempt.recorded_by, Some(Actor::Person(shop.organizer.clone())), "a person has received it");
        assert_eq!((attempt.captured.unwrap().amount, attempt.note.as_deref()), (ngn(total), Some("a note")));
        assert_eq!(shop.mail_kinds(&issued.order).await, [MailKind::Tickets]);
    }
    assert_eq!(shop.stock(&event).await, (0, 6));
    let polls = shop.storage.apply_one(shop.now() + HOUR, ClaimPolls { limit: 10 }).await.unwrap();
    assert_eq!(polls, [], "there is nobody to ask");
}

pub async fn an_order_that_is_issued_again_is_found(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(10).create().await;
    let issue = shop.issue_of(&event, 2, cash());
    let first = granted(shop.issue(&issue).await);
    let repeat = IssueOrder { seed: shop.seed(), ..issue.clone() };
    let again = granted(shop.issue(&repeat).await);
    assert_eq!((again.first, &again.order, &again.tickets), (false, &first.order, &first.tickets));
    let other = IssueOrder { lines: vec![IssueLine::new(event.ticket_types[0].id, 3)], ..issue.clone() };
    assert_eq!(shop.issue(&other).await, Err(Refusal::KeyReused));
    let other = IssueOrder { reference: shop.reference(), ..issue };
    assert_eq!(shop.issue(&other).await, Err(Refusal::KeyReused), "the attempt is of another order");
    assert_eq!(shop.stock(&event).await, (0, 2));
}

pub async fn capacity_binds_those_who_issue_and_sales_rules_do_not(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(3).types(&[("A", 100, Some(2)), ("B", 100, None)]).create().await;
    let wants = EventWants { rules: SalesRulesWants::default().with_paused(true), ..EventWants::default() };
    let edit = EditEvent { id: event.id, actor: shop.organizer.clone(), seen: None, wants };
    granted(shop.storage.apply_one(shop.now(), edit).await.unwrap());
    assert_eq!(shop.try_hold(&shop.wish_of(&event, &[(0, 1)])).await, Err(Refusal::SalesPaused));
    let (a, b) = (event.ticket_types[0].id, event.ticket_types[1].id);
    let too_many = Refusal::SoldOut { ticket_type_id: a, available: 2 };
    assert_eq!(shop.issue(&shop.issue_of(&event, 3, cash())).await, Err(too_many));
    granted(shop.issue(&shop.issue_of(&event, 2, IssuePayment::Free)).await);
    let of_b = |quantity| IssueOrder { lines: vec![IssueLine::new(b, quantity)], ..shop.issue_of(&event, 1, cash()) };
    assert_eq!(shop.issue(&of_b(2)).await, Err(Refusal::SoldOut { ticket_type_id: b, available: 1 }));
    granted(shop.issue(&of_b(1)).await);
    assert_eq!(shop.stock(&event).await, (0, 3));
}

pub async fn everybody_issues_the_last_places_at_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(5).create().await;
    let outcomes = at_once(16, |number| {
        let (shop, event) = (Arc::clone(&shop), event.clone());
        async move {
            if number % 2 == 0 {
                shop.issue(&shop.issue_of(&event, 1, cash())).await.map(drop)
            } else {
                shop.try_hold(&shop.hold_request(&event, 1)).await.map(drop)
            }
        }
    });
    let won = outcomes.await.into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 5);
    let (held, sold) = shop.stock(&event).await;
    assert_eq!(held + sold, 5);
}

pub async fn prices_are_what_the_organiser_sets(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 250, None)]).create().await;
    let line = |at: usize, quantity| IssueLine::new(event.ticket_types[at].id, quantity);
    let lines = vec![line(1, 1).with_unit_price(ngn(300)), line(0, 2).with_unit_price(ngn(40))];
    let issued = granted(shop.issue(&IssueOrder { lines, ..shop.issue_of(&event, 1, cash()) }).await);
    let parts: Vec<_> =
        issued.order.lines.iter().map(|line| (line.parts.face, line.parts.discount, line.parts.total)).collect();
    assert_eq!((issued.order.total, parts), (ngn(380), vec![(100, 60, 40), (300, 0, 300)]));
    let dollars = vec![line(0, 1).with_unit_price(Money::new(1, Currency::USD).unwrap())];
    let refused = shop.issue(&IssueOrder { lines: dollars, ..shop.issue_of(&event, 1, cash()) }).await;
    assert_eq!(refused, Err(Refusal::CurrencyUnsupported { currency: Currency::USD }));
    // Without a price there is nothing to receive.
    let nothing = vec![line(0, 1).with_unit_price(ngn(0))];
    let issued = granted(shop.issue(&IssueOrder { lines: nothing, ..shop.issue_of(&event, 1, cash()) }).await);
    assert_eq!(shop.only_attempt(&issued.order).await.gateway, "free");
}

pub async fn drafts_cancelled_and_foreign_events_issue_nothing(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let foreign = IssueOrder { scope: Scope::own(&external("another")), ..shop.issue_of(&event, 1, cash()) };
    assert_eq!(shop.issue(&foreign).await, Err(Refusal::EventUnknown { event_id: event.id }));
    let draft = shop.event().with(|new| new.is_draft = true).create().await;
    assert_eq!(shop.issue(&shop.issue_of(&draft, 1, cash())).await, Err(Refusal::EventDraft));
    shop.cancel_event(&event).await;
    assert_eq!(shop.issue(&shop.issue_of(&event, 1, cash())).await, Err(Refusal::EventCancelled));
    let over = shop.event().ending_in(HOUR * 49).create().await;
    shop.wait(HOUR * 48 + HOUR / 2);
    granted(shop.issue(&shop.issue_of(&over, 1, cash())).await);
    shop.wait(HOUR);
    assert!(matches!(shop.issue(&shop.issue_of(&over, 1, cash())).await, Err(Refusal::EventOver { .. })));
}

pub async fn who_buys_at_a_counter_needs_no_address(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let issue = shop.issue_of(&event, 1, cash());
    let issue = IssueOrder { buyer: Buyer::guest(issue.reference.clone(), None), ..issue };
    let issued = granted(shop.issue(&issue).await);
    assert_eq!((issued.tickets.len(), shop.mail_kinds(&issued.order).await), (1, vec![]));
    granted(shop.scan(&shop.scan_of(&issued.tickets[0], "in")).await);
    assert_eq!(shop.resend(&shop.resend_of(&issued.order)).await, Err(Refusal::BuyerUnnamed));
}

pub async fn who_comes_is_said_with_the_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 250, None)]).create().await;
    let named = |name: &str| NewAttendee::default().with_name(name.to_owned());
    let line = |at: usize, quantity| IssueLine::new(event.ticket_types[at].id, quantity);
    let lines = vec![line(1, 1).with_attendees(vec![named("Bob")]), line(0, 2).with_attendees(vec![named("Ada")])];
    let issued = granted(shop.issue(&IssueOrder { lines, ..shop.issue_of(&event, 1, IssuePayment::Free) }).await);
    let (filter, page) = (AttendeeFilter::default(), CursorRequest::default());
    let list = ListAttendees { scope: Scope::all(), event_id: event.id, filter, page };
    let entries = shop.storage.find(list).await.unwrap().items;
    let names: Vec<_> = entries.iter().map(|entry| (entry.ticket_type_id, entry.name.as_deref())).collect();
    let (a, b) = (event.ticket_types[0].id, event.ticket_types[1].id);
    assert_eq!(names, [(a, Some("Ada")), (a, None), (b, Some("Bob"))]);
    assert_eq!(issued.tickets.len(), 3);
}

pub async fn places_are_kept_until_somebody_pays(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(2).create().await;
    let issued = granted(shop.issue(&shop.issue_of(&event, 2, shop.later())).await);
    let until = shop.now() + HOUR * 24;
    assert_eq!((issued.order.status, issued.tickets.len()), (OrderStatus::Held { hold_until: until }, 0));
    assert_eq!(shop.stock(&event).await, (2, 0));
    shop.wait(HOUR * 23);
    shop.expire().await;
    let record = shop.record_of(&issued.order, ngn(2 * PRICE));
    let settled = granted(shop.record(&record).await);
    assert!(
        matches!(&settled, Settlement::Fulfilled { first: true, tickets, .. } if tickets.len() == 2),
        "{settled:?}"
    );
    let again = granted(shop.record(&record).await);
    assert!(matches!(&again, Settlement::Fulfilled { first: false, tickets, .. } if tickets.len() == 2), "{again:?}");
    assert_eq!(shop.record(&shop.record_of(&issued.order, ngn(2 * PRICE))).await, Err(Refusal::OrderPaid));
    let other = RecordPayment { amount: ngn(1), ..record };
    assert_eq!(shop.record(&other).await, Err(Refusal::KeyReused));
    assert_eq!(shop.stock(&event).await, (0, 2));
    let attempt = shop.only_attempt(&issued.order).await;
    assert_eq!(
        (attempt.gateway.as_str(), attempt.recorded_by),
        ("transfer", Some(Actor::Person(shop.organizer.clone())))
    );
}

pub async fn another_amount_than_was_asked_for_is_in_review(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let issued = granted(shop.issue(&shop.issue_of(&event, 1, shop.later())).await);
    let settled = granted(shop.record(&shop.record_of(&issued.order, ngn(PRICE - 1))).await);
    assert!(matches!(settled, Settlement::Review { .. }), "{settled:?}");
    assert_eq!(shop.stock(&event).await, (1, 0));
}

pub async fn a_late_payment_gets_tickets_only_if_there_are_places(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(1).create().await;
    let issued = granted(shop.issue(&shop.issue_of(&event, 1, shop.later())).await);
    shop.wait(HOUR * 25);
    assert_eq!(shop.expire().await.len(), 1);
    let taken = shop.hold(&event, 1).await;
    let type_id = event.ticket_types[0].id;
    let record = shop.record_of(&issued.order, ngn(PRICE));
    let sold_out = Refusal::SoldOut { ticket_type_id: type_id, available: 0 };
    assert_eq!(shop.record(&record).await, Err(sold_out));
    assert_eq!(
        shop.payment(&issued.order).await.attempts,
        [],
        "nothing is recorded: the person can give the money back"
    );
    granted(shop.release(&taken).await);
    assert!(matches!(shop.record(&record).await, Ok(Settlement::Fulfilled { .. })));
    let foreign =
        RecordPayment { scope: Scope::own(&external("another")), ..shop.record_of(&issued.order, ngn(PRICE)) };
    assert_eq!(shop.record(&foreign).await, Err(Refusal::OrderUnknown));
}

pub async fn a_person_pays_back_what_a_person_has_received(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.sold_for_cash(&event, 2).await;
    let refund = granted(shop.refund(&shop.refund_of(&bought.order, &[&bought.tickets[0]])).await);
    assert_eq!((refund.status, refund.amount, refund.next_at), (RefundStatus::NeedsAttention, ngn(PRICE), None));
    // No gateway can send it.
    let retry = RetryRefund { id: refund.id, actor: shop.organizer.clone() };
    let retried = granted(shop.storage.apply_one(shop.now(), retry).await.unwrap());
    assert_eq!((retried.status, retried.next_at), (RefundStatus::NeedsAttention, None));

    let record = |scope| RecordRefund { id: refund.id, actor: shop.organizer.clone(), scope };
    let foreign = shop.storage.apply_one(shop.now(), record(Scope::own(&external("another")))).await.unwrap();
    assert_eq!(foreign, Err(Refusal::RefundUnknown));
    let own = Scope::own(&shop.organizer);
    let recorded = granted(shop.storage.apply_one(shop.now(), record(own.clone())).await.unwrap());
    assert_eq!(recorded.status, RefundStatus::Processed);
    shop.wait(HOUR);
    assert_eq!(shop.storage.apply_one(shop.now(), record(own.clone())).await.unwrap(), Ok(recorded), "once");

    // One that a gateway is about to send is not for people.
    let online = shop.buy(&event, 1).await;
    let due = granted(shop.refund(&shop.refund_of(&online.order, &[])).await);
    let record = RecordRefund { id: due.id, actor: shop.organizer.clone(), scope: own };
    assert_eq!(shop.storage.apply_one(shop.now(), record).await.unwrap(), Err(Refusal::RefundInProgress));
}

pub async fn a_refund_may_be_a_part_nothing_or_an_amount_alone(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(9).create().await;
    let bought = shop.buy(&event, 3).await;
    let of = |tickets: &[usize], money| {
        let tickets = tickets.iter().map(|at| bought.tickets[*at].id).collect::<Vec<_>>();
        RefundRequest { tickets: Some(tickets), money, ..shop.refund_of(&bought.order, &[]) }
    };
    let half = of(&[0], RefundMoney::Exactly(ngn(PRICE / 2)));
    let refund = granted(shop.refund(&half).await);
    assert_eq!((refund.amount, refund.status), (ngn(PRICE / 2), RefundStatus::Due));
    assert_eq!(granted(shop.refund(&half).await), refund, "a repeat finds it");
    let other = RefundRequest { money: RefundMoney::Nothing, ..half };
    assert_eq!(shop.refund(&other).await, Err(Refusal::KeyReused));
    let void = granted(shop.refund(&of(&[1], RefundMoney::Nothing)).await);
    assert_eq!((void.amount, void.status), (ngn(0), RefundStatus::Processed));
    assert_eq!(shop.stock(&event).await, (0, 1));
    let goodwill = granted(shop.refund(&of(&[], RefundMoney::Exactly(ngn(10)))).await);
    assert_eq!((goodwill.amount, goodwill.tickets.len()), (ngn(10), 0));
    let statuses: Vec<_> = shop.payment(&bought.order).await.tickets.iter().map(|ticket| ticket.status).collect();
    assert_eq!(statuses, [TicketStatus::Refunded, TicketStatus::Refunded, TicketStatus::Active]);

    let left = ngn(3 * PRICE - PRICE / 2 - 10);
    let exceeds = Err(Refusal::RefundExceedsPaid { refundable: left });
    assert_eq!(shop.refund(&of(&[], RefundMoney::Exactly(ngn(left.minor() + 1)))).await, exceeds);
    let dollars = Money::new(1, Currency::USD).unwrap();
    assert_eq!(shop.refund(&of(&[], RefundMoney::Exactly(dollars))).await, exceeds);
    assert_eq!(shop.refund(&of(&[], RefundMoney::Nothing)).await, Err(Refusal::NothingToRefund));
    assert_eq!(shop.refund(&of(&[], RefundMoney::Prices)).await, Err(Refusal::NothingToRefund));
    granted(shop.refund(&of(&[2], RefundMoney::Exactly(left))).await);
}

pub async fn amounts_alone_never_exceed_what_was_paid(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let part = ngn(PRICE / 3);
    let outcomes = at_once(8, |_| {
        let (shop, order) = (Arc::clone(&shop), bought.order.clone());
        async move {
            let of = shop.refund_of(&order, &[]);
            let money = RefundMoney::Exactly(part);
            shop.refund(&RefundRequest { tickets: Some(vec![]), money, ..of }).await
        }
    });
    let won = outcomes.await.into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 3);
}

pub async fn tickets_are_sent_again_a_few_times_a_day(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 2).await;
    let first = shop.now();
    for number in 1..=u32::try_from(MAX_RESENDS).unwrap() {
        let mail = granted(shop.resend(&shop.resend_of(&bought.order)).await);
        assert_eq!((mail.kind, Some(&mail.to)), (MailKind::TicketsAgain(number), bought.order.buyer.email.as_ref()));
        shop.wait(SignedDuration::from_mins(1));
    }
    let again_at = first + RESENDS_WITHIN;
    assert_eq!(shop.resend(&shop.resend_of(&bought.order)).await, Err(Refusal::TooManyResends { again_at }));
    shop.wait(again_at.duration_since(shop.now()));
    let elsewhere = ResendTickets { to: Some(email("friend@example.com")), ..shop.resend_of(&bought.order) };
    let mail = granted(shop.resend(&elsewhere).await);
    assert_eq!((mail.kind, mail.to.as_str()), (MailKind::TicketsAgain(6), "friend@example.com"));
    let audit = format!("{:?}", shop.payment(&bought.order).await.audit);
    assert!(audit.contains("tickets.resent") && !audit.contains("friend@"), "{audit}");
}

pub async fn tickets_are_sent_again_to_those_who_may_have_them(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.buy(&event, 1).await;
    let by = |who: &Principal, scope| ResendTickets { actor: who.clone(), scope, ..shop.resend_of(&bought.order) };
    let thief = email("thief@example.com");
    let own = ResendTickets { to: Some(thief.clone()), ..by(&bought.order.buyer.who, None) };
    assert_eq!(Some(granted(shop.resend(&own).await).to), bought.order.buyer.email, "a buyer's go to the buyer");
    assert_eq!(shop.resend(&by(&external("another"), None)).await, Err(Refusal::OrderUnknown));
    let foreign = Scope::own(&external("another"));
    assert_eq!(shop.resend(&by(&external("another"), Some(foreign))).await, Err(Refusal::OrderUnknown));
    let unknown: Reference = shop.reference();
    assert_eq!(shop.resend(&ResendTickets { order: unknown, ..own }).await, Err(Refusal::OrderUnknown));
    granted(shop.refund(&shop.refund_of(&bought.order, &[])).await);
    assert_eq!(shop.resend(&shop.resend_of(&bought.order)).await, Err(Refusal::NoValidTickets));
}
