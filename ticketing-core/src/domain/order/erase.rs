//! Erasing the address of a buyer, and finding the rows that have one.

use super::{Order, OrderStatus};
use crate::domain::attendee::{self, Attendee};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::{Command, Query};
use crate::domain::event::{self, Event};
use crate::domain::id::{AccountId, MailId, OrderId, WebhookId};
use crate::domain::list::{Condition, List, is_principal};
use crate::domain::load::LoadKeys;
use crate::domain::order_details::{self, OrderDetails};
use crate::domain::outbox::{self, OutboxMail};
use crate::domain::payment::{self, Attempt, AttemptStatus, POLL_FOR};
use crate::domain::principal::{EmailAddress, Principal};
use crate::domain::refund::{self, RefundStatus};
use crate::domain::row::{Field as _, Value};
use crate::domain::table::Record as _;
use crate::domain::transfer;
use crate::domain::webhook::{self, StoredWebhook};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Erases what is known of a buyer: the address in the order, in its mails and in transfers of its tickets, its details, what is known about
/// its attendees, what people wrote about its payments and refunds, and the
/// bodies of webhooks about them. Amounts, references, tickets and refunds stay: they are the books, and the tickets stay valid. Returns
/// whether the buyer was erased by it.
///
/// It does nothing to an order that is held, or whose money is not where it shall be in the end: the buyer may have to be told. A repeat
/// erases what was written since. A mail that is written later goes nowhere. It is a line of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EraseBuyer {
    /// The order.
    pub id: OrderId,
}

impl Command for EraseBuyer {
    type Outcome = bool;
    const NAME: &'static str = "erase_buyer";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        // The references of the attempts first, without a lock: webhooks are found by them, and locked before orders. An attempt that is
        // added meanwhile is not final, and the order is left alone.
        let is_there = load.has_looked_up(payment::BY_ORDER, &self.id);
        load.look_up(payment::BY_ORDER, &self.id);
        if !is_there {
            return;
        }
        let attempts: Vec<_> =
            rows.attempts.loaded(payment::BY_ORDER, &self.id).map(|of| of.reference.clone()).collect();
        attempts.iter().for_each(|reference| load.find(webhook::BY_REFERENCE, reference));
        load.row::<Order>(&self.id);
        load.find(payment::BY_ORDER, &self.id);
        load.find(refund::BY_ORDER, &self.id);
        load.find(outbox::BY_ORDER, &self.id);
        load.find(attendee::BY_ORDER, &self.id);
        load.find(transfer::BY_ORDER, &self.id);
        load.row::<OrderDetails>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> bool {
        let Some(order) = rows.orders.get(&self.id) else { return false };
        if is_open(rows, order, now) {
            return false;
        }
        let is_first = order.buyer.email.is_some() && !order.buyer.is_erased();
        if is_first {
            rows.orders.update(&self.id, |order| order.buyer.email = Some(EmailAddress::erased()));
            rows.record_audit(now, self.id, Actor::System, "order.buyer_erased", "", Change::default());
        }
        rows.empty_attendees_of(now, self.id);
        rows.empty_transfers_of(now, self.id);
        order_details::empty(rows, now, self.id);
        let mails: Vec<MailId> = rows.mails_of(self.id).map(|mail| mail.id).collect();
        mails.into_iter().for_each(|id| rows.erase_recipient(now, id));
        let refunds: Vec<_> = rows.refunds_of(self.id).map(|refund| refund.id).collect();
        refunds.iter().for_each(|id| rows.refunds.update(id, |refund| refund.note = None));
        let attempts: Vec<_> = rows.attempts_of(self.id).map(|attempt| attempt.reference.clone()).collect();
        for reference in attempts {
            rows.attempts.update(&reference, |attempt| attempt.note = None);
            let webhooks: Vec<WebhookId> =
                rows.webhooks.all(webhook::BY_REFERENCE, &reference).map(|webhook| webhook.id).collect();
            for id in &webhooks {
                rows.empty_webhook(id);
            }
        }
        is_first
    }
}

/// Whether the buyer of an order may still have to be told something. Needs its attempts and refunds.
fn is_open(rows: &WorkingSet, order: &Order, now: Timestamp) -> bool {
    let is_moving = |attempt: &Attempt| {
        // One that has failed may still succeed, as long as it is asked about.
        !attempt.attention.is_empty()
            || (attempt.poll.is_some() && now < attempt.created_at + POLL_FOR)
            || match attempt.status {
                AttemptStatus::Created
                | AttemptStatus::Unknown
                | AttemptStatus::Open
                | AttemptStatus::Processing
                | AttemptStatus::Review
                | AttemptStatus::Disputed => true,
                AttemptStatus::Failed
                | AttemptStatus::Dropped
                | AttemptStatus::Lapsed
                | AttemptStatus::Fulfilled
                // Its refund says how far it is.
                | AttemptStatus::RefundDue
                | AttemptStatus::Reversed => false,
            }
    };
    matches!(order.status, OrderStatus::Held { .. })
        || rows.attempts_of(order.id).any(is_moving)
        || rows.refunds_of(order.id).any(|refund| refund.status != RefundStatus::Processed)
}

/// Rows with an address or a text that may be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erasable {
    /// Orders of a buyer.
    OrdersOf(Principal),
    /// The same, also those whose buyer was erased already: something may have been written since.
    AllOrdersOf(Principal),
    /// Orders with one of these addresses, of guests too. They are in lower case, and found in any.
    OrdersTo(Vec<String>),
    /// Orders for events that were over at this time.
    OrdersForEventsBefore(Timestamp),
    /// Tickets whose attendee has one of these addresses, likewise.
    AttendeesTo(Vec<String>),
    /// Tickets for events that were over at this time, and about whose attendee something is known.
    AttendeesForEventsBefore(Timestamp),
    /// Mails to one of these addresses, likewise.
    MailsTo(Vec<String>),
    /// Mails about an account.
    MailsOf(AccountId),
    /// Mails that were sent or given up before this time.
    MailsBefore(Timestamp),
    /// Webhooks that were received before this time and have a body.
    WebhooksBefore(Timestamp),
}

/// Lists the ids of rows that may be erased, in ascending order. An order or a mail in the list may still be of use: the command decides.
/// It reads the whole table, for some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListErasable {
    /// Which rows.
    pub which: Erasable,
    /// From this id on.
    pub from: i64,
    /// At most this many.
    pub limit: u32,
}

const LIST: &str = "erasable";

impl ListErasable {
    fn list(&self) -> List {
        let erased = || EmailAddress::erased().value();
        let finished = || Condition::Named("status", &["paid", "expired", "cancelled"]);
        let orders = |mut these: Vec<Condition>| {
            these.push(finished());
            let named = vec![Condition::Not("email", erased()), Condition::Not("email", Value::Text(String::new()))];
            // The order of somebody who gave no address may have a note, or answers.
            these.push(Condition::Any(vec![named, vec![Condition::Is("has_details", Value::Int(1))]]));
            List::of::<Order>(LIST, these)
        };
        let mails = |mut these: Vec<Condition>| {
            these.push(Condition::Not("recipient", erased()));
            List::of::<OutboxMail>(LIST, these)
        };
        let mut list = match &self.which {
            Erasable::OrdersOf(who) => orders(vec![is_principal("buyer_account", "buyer_external", who)]),
            Erasable::AllOrdersOf(who) => {
                List::of::<Order>(LIST, vec![is_principal("buyer_account", "buyer_external", who), finished()])
            }
            Erasable::OrdersTo(addresses) => orders(vec![Condition::AnyCase("email", addresses.clone())]),
            Erasable::OrdersForEventsBefore(at) => {
                orders(vec![Condition::Parent("event_id", Event::NOUN, vec![event::is_over(*at)])])
            }
            Erasable::AttendeesTo(addresses) => {
                List::of::<Attendee>(LIST, vec![Condition::AnyCase("email", addresses.clone())])
            }
            Erasable::AttendeesForEventsBefore(at) => {
                let known = ["name", "email", "note", "answers"].map(|column| vec![Condition::Known(column)]);
                let over = Condition::Parent("event_id", Event::NOUN, vec![event::is_over(*at)]);
                let is_over = Condition::Parent("order_id", Order::NOUN, vec![over]);
                List::of::<Attendee>(LIST, vec![Condition::Any(known.to_vec()), is_over])
            }
            Erasable::MailsTo(addresses) => mails(vec![Condition::AnyCase("recipient", addresses.clone())]),
            Erasable::MailsOf(account) => mails(vec![Condition::Is("account_id", account.value())]),
            Erasable::MailsBefore(at) => mails(vec![
                Condition::AtMost("updated_at", at.as_microsecond()),
                Condition::Named("status", &["sent", "dead"]),
            ]),
            Erasable::WebhooksBefore(at) => List::of::<StoredWebhook>(
                LIST,
                vec![
                    Condition::AtMost("received_at", at.as_microsecond()),
                    Condition::Named("status", &["applied", "ignored"]),
                    Condition::Not("body", Value::Bytes(vec![])),
                ],
            ),
        };
        list.all.push(Condition::AtLeast(list.noun.table().key(), self.from));
        list.at_most(self.limit).keys_only()
    }
}

impl Query for ListErasable {
    type Found = Vec<i64>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.list(self.list());
    }

    fn find(&self, rows: &WorkingSet) -> Vec<i64> {
        rows.listed::<OrderId>(LIST).items.into_iter().map(|id| id.0).collect()
    }
}
