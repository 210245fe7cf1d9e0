//! Commands of holders of tickets, and of those who write to them: transfers, swaps, answers, messages, imports.

use super::super::shop::{email, ngn, seed};
use super::Command;
use super::chance::Chance;
use super::counter;
use super::world::start;
use crate::domain::attendee::{AttendeeWants, EditAttendee, NewAttendee};
use crate::domain::code::Reference;
use crate::domain::event::{
    AnswerKind, Answers, EditEvent, EventTermsWants, EventWants, Per, Question, Required, ReturnPolicy, TransferPolicy,
    TransferRule,
};
use crate::domain::id::{EventId, MessageId, OrderId, TicketId, TicketTypeId};
use crate::domain::message::{Audience, ExpandMessages, Presence, SendMessage, StopMessage};
use crate::domain::order::{EraseBuyer, IssueOrder, IssueOrders, IssuePayment};
use crate::domain::order_details::{EditOrderDetails, OrderDetailsWants};
use crate::domain::payment::ManualMethod;
use crate::domain::principal::Principal;
use crate::domain::ticket::{PriceDifference, SwapTicket, TicketKey};
use crate::domain::transfer::{OfferTransfer, TakeTransfer, WithdrawTransfer};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// Who acts with a ticket: its holder, when the command runs, unless it is somebody else.
pub(in super::super) type OrElse = Option<Principal>;

#[derive(Clone, Debug)]
pub(in super::super) enum Holders {
    Terms(Box<EditEvent>),
    /// With the index of the ticket, among those that exist when the command runs.
    Offer(Vec<(usize, OrElse, OfferTransfer)>),
    Withdraw(Vec<(usize, OrElse, WithdrawTransfer)>),
    Take(Vec<TakeTransfer>),
    Swap(Vec<(usize, SwapTicket)>),
    EditDetails(Vec<EditOrderDetails>),
    /// Answers of attendees.
    Answer(Vec<(usize, EditAttendee)>),
    Send(Vec<SendMessage>),
    Stop(StopMessage),
    Expand(ExpandMessages),
    IssueMany(IssueOrders),
    EraseBuyers(Vec<EraseBuyer>),
}

pub(super) fn any(by: &mut Chance) -> Command {
    let ticket = |by: &mut Chance| by.below(24) as usize;
    let command = match by.below(32) {
        0..2 => Holders::Terms(Box::new(terms(by))),
        2..9 => Holders::Offer(by.batch(|by| (ticket(by), or_else(by), offer(by)))),
        9..14 => Holders::Take(by.batch(take)),
        14..16 => Holders::Withdraw(by.batch(|by| {
            let withdraw = WithdrawTransfer { ticket_id: TicketId(0), actor: by.who() };
            (ticket(by), or_else(by), withdraw)
        })),
        16..19 => Holders::Swap(by.batch(|by| (ticket(by), swap(by)))),
        19..22 => Holders::EditDetails(by.batch(details)),
        22..24 => Holders::Answer(by.batch(|by| (ticket(by), answer(by)))),
        24..26 => Holders::Send(by.batch(message)),
        26..27 => Holders::Stop(StopMessage {
            id: MessageId(by.id(4)),
            event_id: event(by),
            actor: by.who(),
            scope: counter::scope(by),
        }),
        27..29 => Holders::Expand(ExpandMessages { limit: 1 + by.below(3) }),
        29..31 => Holders::IssueMany(issue_many(by)),
        _ => Holders::EraseBuyers(by.batch(|by| EraseBuyer { id: OrderId(by.id(12)) })),
    };
    Command::Holders(Box::new(command))
}

fn or_else(by: &mut Chance) -> OrElse {
    if by.one_in(6) { Some(by.who()) } else { None }
}

fn event(by: &mut Chance) -> EventId {
    EventId(by.of_these(&[1, 1, 1, 2, 3]))
}

fn offer(by: &mut Chance) -> OfferTransfer {
    // Fresh, as the contract requires.
    let reference: Reference = format!("x{}", by.number()).parse().unwrap();
    by.offered.push(reference.clone());
    let to = email(by.of_these(&["bob@example.com", "Bob@example.com", "carol@example.com"]));
    OfferTransfer { ticket_id: TicketId(0), actor: by.who(), to, reference }
}

/// Mostly one that was offered recently.
fn take(by: &mut Chance) -> TakeTransfer {
    let reference = match by.offered.len() {
        0 => "x0".parse().unwrap(),
        length => {
            let index = by.late(length, 4);
            by.offered[index].clone()
        }
    };
    TakeTransfer {
        reference,
        holder: if by.one_in(2) { Some(by.who()) } else { None },
        name: by.of_these(&[None, Some("Bọ́b".to_owned())]),
        seed: seed(by.number()),
    }
}

fn swap(by: &mut Chance) -> SwapTicket {
    SwapTicket {
        ticket: TicketKey::Id(TicketId(0)),
        to: TicketTypeId(by.of_these(&[1, 2, 2, 2, 3, 4])),
        difference: by.of_these(&[PriceDifference::Refund, PriceDifference::Refund, PriceDifference::Keep]),
        actor: by.who(),
        scope: counter::scope(by),
        seed: seed(by.number()),
    }
}

/// Mostly without questions that keep buyers from paying.
fn terms(by: &mut Chance) -> EditEvent {
    let until = |by: &mut Chance| {
        let hours = by.of_these(&[None, Some(-47), Some(-24), Some(24)]);
        hours.map(|hours| start() + SignedDuration::from_hours(hours))
    };
    let rule = by.of_these(&[TransferRule::Free, TransferRule::Free, TransferRule::Once, TransferRule::Never]);
    let transfers = TransferPolicy::new(rule, until(by));
    let returns = ReturnPolicy::new(until(by), by.of_these(&[0, 33, 100]));
    let question = |key: &str, required, per| {
        Question::new(key, "Ünï 'q' %?", AnswerKind::Text).with_required(required).with_per(per)
    };
    let before = by.of_these(&[Required::Never, Required::BeforeEntry, Required::BeforeEntry, Required::BeforePaying]);
    let questions = vec![
        question("diet", before, Per::Ticket).with_ticket_types(by.of_these(&[vec![], vec![TicketTypeId(1)]])),
        question("song", before, Per::Order),
    ];
    let terms = EventTermsWants {
        transfers: by.of_these(&[None, Some(transfers), Some(TransferPolicy::default())]),
        returns: by.of_these(&[None, Some(returns)]),
        questions: by.of_these(&[None, Some(vec![]), Some(vec![]), Some(questions)]),
    };
    let wants = EventWants { terms, ..EventWants::default() };
    EditEvent { id: event(by), actor: by.who(), seen: None, wants }
}

fn answers(by: &mut Chance) -> Answers {
    let one = |by: &mut Chance, key: &str| {
        let answer = by.of_these(&[None, Some(""), Some("Ẹ̀bà"), Some("none"), Some("none")]);
        answer.map(|answer| (key.to_owned(), answer.to_owned()))
    };
    Answers(["diet", "song"].into_iter().filter_map(|key| one(by, key)).collect())
}

fn attendee(by: &mut Chance) -> NewAttendee {
    let email = by.of_these(&[None, None, Some(email("bob@example.com")), Some(email("Ada@example.com"))]);
    let answers = answers(by);
    let name = by.of_these(&[None, Some("Adé".to_owned())]);
    // An answer that is taken away is none.
    let answers = Answers(answers.0.into_iter().filter(|(_, answer)| !answer.is_empty()).collect());
    NewAttendee { name, email, answers }
}

fn details(by: &mut Chance) -> EditOrderDetails {
    let order = match by.held.len() {
        0 => by.order(),
        length => {
            let index = by.late(length, 6);
            format!("o{}", by.held[index]).parse().unwrap()
        }
    };
    let attendees = if by.one_in(2) { Some((0..by.below(3)).map(|_| attendee(by)).collect()) } else { None };
    EditOrderDetails {
        order,
        actor: if by.one_in(4) { by.who() } else { super::who(1) },
        scope: if by.one_in(3) { Some(counter::scope(by)) } else { None },
        seen: by.of_these(&[None, None, Some(0), Some(1)]),
        wants: OrderDetailsWants {
            answers: answers(by),
            attendees,
            note: by.of_these(&[None, None, Some(None), Some(Some("vip ü".to_owned()))]),
        },
    }
}

fn answer(by: &mut Chance) -> EditAttendee {
    EditAttendee {
        ticket_id: TicketId(0),
        actor: by.who(),
        scope: Some(counter::scope(by)),
        seen: None,
        wants: AttendeeWants { answers: answers(by), ..AttendeeWants::default() },
    }
}

fn message(by: &mut Chance) -> SendMessage {
    SendMessage {
        key: by.named("message", 5),
        event_id: event(by),
        subject: "Doors".to_owned(),
        text: by.of_these(&["Come\nearly", "Come\nearly", "Ünï 'q' %"]).to_owned(),
        audience: Audience {
            ticket_type_id: by.of_these(&[None, None, None, Some(TicketTypeId(2)), Some(TicketTypeId(9))]),
            who: by.of_these(&[Presence::Everybody, Presence::Everybody, Presence::In, Presence::NotIn]),
        },
        actor: by.who(),
        scope: counter::scope(by),
    }
}

/// Orders with references of their own, for one event.
fn issue_many(by: &mut Chance) -> IssueOrders {
    let event_id = by.of_these(&[EventId(1), EventId(1), EventId(2)]);
    let mut orders: Vec<IssueOrder> = by.batch(counter::issue);
    let mut known = BTreeSet::new();
    orders.retain(|order| known.insert(order.reference.clone()));
    for order in &mut orders {
        order.event_id = event_id;
        order.is_mailed = by.one_in(2);
        if matches!(order.payment, IssuePayment::Later { .. }) {
            order.payment = IssuePayment::Received(ManualMethod::Cash);
        }
        for line in &mut order.lines {
            // Mostly of this event, so that some imports are done.
            line.ticket_type_id = Some(TicketTypeId(if event_id.0 == 2 { 3 } else { by.of_these(&[1, 2, 2, 2]) }));
            line.unit_price = by.of_these(&[None, None, Some(ngn(50))]);
            line.attendees = if by.one_in(2) { vec![attendee(by)] } else { vec![] };
        }
        if !by.one_in(4) {
            order.scope = crate::domain::scope::Scope::all();
        }
    }
    IssueOrders { orders, is_dry: by.one_in(5) }
}
