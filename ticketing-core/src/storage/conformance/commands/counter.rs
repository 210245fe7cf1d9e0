//! Commands of those who sell without a checkout and look after attendees.

use super::super::shop::{email, ngn, seed};
use super::Command;
use super::chance::Chance;
use super::items::refund;
use crate::domain::attendee::{AttendeeWants, EditAttendee, EraseAttendee, NewAttendee};
use crate::domain::code::Reference;
use crate::domain::id::{EventId, RefundId, TicketId, TicketTypeId};
use crate::domain::money::{Currency, Money};
use crate::domain::order::{IssueLine, IssueOrder, IssuePayment};
use crate::domain::outbox::ResendTickets;
use crate::domain::payment::{ManualMethod, RecordPayment};
use crate::domain::principal::{Buyer, Principal};
use crate::domain::refund::{RecordRefund, RefundMoney, RefundRequest};
use crate::domain::scope::Scope;
use jiff::{SignedDuration, Timestamp};

#[derive(Clone, Debug)]
pub(in super::super) enum Counter {
    /// With how long the places of those that are paid later are kept, from when the command runs.
    Issue(Vec<IssueOrder>, SignedDuration),
    Record(Vec<RecordPayment>),
    Refund(Vec<RefundRequest>),
    RecordRefund(Vec<RecordRefund>),
    EditAttendees(Vec<EditAttendee>),
    EraseAttendees(Vec<EraseAttendee>),
    Resend(Vec<ResendTickets>),
}

pub(super) fn any(by: &mut Chance) -> Command {
    let command = match by.below(16) {
        0..5 => Counter::Issue(by.batch(issue), by.duration() + SignedDuration::from_mins(1)),
        5..8 => Counter::Record(by.batch(record)),
        8..10 => Counter::Refund(by.batch(refund_in_part)),
        10..12 => Counter::RecordRefund(by.batch(|by| RecordRefund {
            id: RefundId(by.id(8)),
            actor: by.who(),
            scope: scope(by),
        })),
        12..14 => Counter::EditAttendees(by.batch(edit)),
        14..15 => Counter::EraseAttendees(by.batch(|by| EraseAttendee { ticket_id: TicketId(by.id(12)) })),
        _ => Counter::Resend(by.batch(resend)),
    };
    Command::Counter(Box::new(command))
}

pub(super) fn scope(by: &mut Chance) -> Scope {
    if by.one_in(5) { Scope::own(&by.who()) } else { Scope::all() }
}

pub(super) fn issue(by: &mut Chance) -> IssueOrder {
    let reference = by.order();
    let number = by.number();
    let later = IssuePayment::Later { until: Timestamp::UNIX_EPOCH };
    let payment = by.of_these(&[
        IssuePayment::Free,
        IssuePayment::Received(ManualMethod::Cash),
        IssuePayment::Received(ManualMethod::Transfer),
        later,
        later,
    ]);
    let attendees = match payment {
        IssuePayment::Later { .. } => vec![],
        _ => by.of_these(&[vec![], vec![NewAttendee::default().with_name("Zoë".to_owned())]]),
    };
    let line = IssueLine {
        ticket_type_id: Some(TicketTypeId(by.id(3))),
        quantity: 1 + by.below(2),
        unit_price: None,
        attendees,
    };
    let unit_price = match by.below(4) {
        0 => Some(ngn(50)),
        1 => Some(Money::zero(Currency::USD)),
        _ => None,
    };
    let who = if by.one_in(3) { by.who() } else { Principal::Guest(reference.clone()) };
    IssueOrder {
        attempt: Reference::derived(&seed(number), "issued"),
        reference,
        event_id: EventId(by.of_these(&[1, 1, 1, 2, 9])),
        buyer: Buyer { who, email: by.of_these(&[None, Some(email("ada@example.com"))]) },
        lines: vec![IssueLine { unit_price, ..line }],
        payment,
        note: by.of_these(&[None, Some("a note".to_owned())]),
        is_mailed: true,
        actor: by.who(),
        scope: scope(by),
        seed: seed(number),
    }
}

fn record(by: &mut Chance) -> RecordPayment {
    let order = by.order();
    RecordPayment {
        reference: by.named("m", 12),
        order,
        method: by.of_these(ManualMethod::ALL),
        amount: by.of_these(&[ngn(0), ngn(50), ngn(100), ngn(200)]),
        note: by.of_these(&[None, Some("a note".to_owned())]),
        actor: by.who(),
        scope: scope(by),
        seed: seed(by.number()),
    }
}

fn refund_in_part(by: &mut Chance) -> RefundRequest {
    let request = RefundRequest { order: by.order(), ..refund(by) };
    let money = by.of_these(&[RefundMoney::Prices, RefundMoney::Nothing, RefundMoney::Exactly(ngn(30))]);
    let tickets = if by.one_in(4) { Some(vec![]) } else { request.tickets.clone() };
    RefundRequest { money, tickets, scope: Some(scope(by)), ..request }
}

fn edit(by: &mut Chance) -> EditAttendee {
    let text =
        |by: &mut Chance| by.of_these(&[None, Some(None), Some(Some("Ada Ộ".to_owned())), Some(Some("x".to_owned()))]);
    let address = by.of_these(&[None, Some(None), Some(Some(email("Bob@example.com")))]);
    EditAttendee {
        ticket_id: TicketId(by.id(12)),
        actor: by.who(),
        scope: if by.one_in(2) { None } else { Some(scope(by)) },
        seen: by.of_these(&[None, None, Some(0), Some(1)]),
        wants: AttendeeWants { name: text(by), email: address, note: text(by), ..AttendeeWants::default() },
    }
}

fn resend(by: &mut Chance) -> ResendTickets {
    ResendTickets {
        order: by.order(),
        actor: by.who(),
        scope: if by.one_in(2) { None } else { Some(scope(by)) },
        to: by.of_these(&[None, Some(email("bob@example.com"))]),
    }
}
