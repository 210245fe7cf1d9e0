//! Disputes: opened by the payer, won or lost by the merchant.

use super::settle::{money_needs, take_back, turn};
use super::{Attempt, AttemptStatus, Attention};
use crate::domain::attendee;
use crate::domain::audit::{Actor, Change};
use crate::domain::code::{Reference, Seed, TicketCode};
use crate::domain::command::Command;
use crate::domain::event::EventStatus;
use crate::domain::id::TicketId;
use crate::domain::load::LoadKeys;
use crate::domain::money::Money;
use crate::domain::order::Order;
use crate::domain::outbox::MailKind;
use crate::domain::refund::{RefundReason, refund_rest};
use crate::domain::refusal::Refusal;
use crate::domain::row::{Field, Kind, RowError, Sink, Source, json_fields};
use crate::domain::stock::{Move, Places, has_places, move_places};
use crate::domain::ticket::{Ticket, TicketStatus};
use crate::domain::wire_names::wire_names;
use crate::domain::working_set::WorkingSet;
use crate::setters::setters;
use jiff::Timestamp;

/// A dispute over an attempt's money.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Dispute {
    /// The gateway's id of the dispute.
    pub id: String,
    /// How far it is.
    pub stage: DisputeStage,
    /// The disputed amount. `None` means all of it.
    pub amount: Option<Money>,
    /// The tickets that are void because of it.
    pub voided: Vec<TicketId>,
    /// The attempt's status before.
    pub was: AttemptStatus,
    /// When it was first reported.
    pub opened_at: Timestamp,
}

/// How far a dispute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DisputeStage {
    /// Nothing is decided.
    Open,
    /// Decided: the merchant keeps the money.
    Won,
    /// Decided: the payer gets the money back.
    Lost,
}

wire_names!(DisputeStage { Open => "open", Won => "won", Lost => "lost" });

/// What a gateway reports about a dispute.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct DisputeNews {
    /// The gateway's id of the dispute, which is the same in all reports about it.
    pub id: String,
    /// How far it is.
    pub stage: DisputeStage,
    /// The disputed amount. `None` means all of what was paid.
    pub amount: Option<Money>,
}

impl DisputeNews {
    /// A dispute over the whole payment.
    pub fn new(id: impl Into<String>, stage: DisputeStage) -> Self {
        Self { id: id.into(), stage, amount: None }
    }
}

setters!(DisputeNews {
    with_amount => amount: impl Into<Option<Money>>,
});

json_fields!(Vec<Dispute>);

/// As JSON.
impl Field for DisputeNews {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.text(serde_json::to_string(self).ok().as_deref());
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.text()?.map(|text| serde_json::from_str(&text).map_err(RowError::of)).transpose()
    }
}

/// Records what the gateway reports about a dispute. Reports may arrive any number of times and in any order: what was decided
/// stays decided.
///
/// - A dispute over all of the money voids the tickets. One over a part of it voids none, and is listed for a person.
/// - A dispute that was won makes the tickets valid again, with new codes, if there are places. Otherwise it is listed for a person.
/// - A dispute that was lost leaves them void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordDispute {
    /// The attempt.
    pub reference: Reference,
    /// The report.
    pub news: DisputeNews,
    /// New ticket codes and the key of a refund are derived from this. Must be fresh for every call.
    pub seed: Seed,
}

impl Command for RecordDispute {
    type Outcome = Result<Attempt, Refusal>;
    const NAME: &'static str = "record_dispute";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Attempt>(&self.reference);
        if let Some(attempt) = rows.attempts.loaded_row(&self.reference) {
            money_needs(rows, load, attempt);
            load.find(attendee::BY_ORDER, &attempt.order_id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Attempt, Refusal> {
        let attempt = rows.attempts.get(&self.reference).cloned().ok_or(Refusal::AttemptUnknown)?;
        let order = rows.orders.get(&attempt.order_id).cloned().ok_or(Refusal::OrderUnknown)?;
        record(rows, now, &attempt, &order, &self.news, &self.seed);
        rows.attempts.get(&self.reference).cloned().ok_or(Refusal::AttemptUnknown)
    }
}

/// Records a report, if it says something new.
pub(super) fn record(
    rows: &mut WorkingSet,
    now: Timestamp,
    attempt: &Attempt,
    order: &Order,
    news: &DisputeNews,
    seed: &Seed,
) {
    let known = attempt.disputes.iter().find(|dispute| dispute.id == news.id);
    let is_new = match known.map(|known| known.stage) {
        None => attempt.status.has_captured(),
        Some(DisputeStage::Open) => news.stage != DisputeStage::Open,
        Some(DisputeStage::Won | DisputeStage::Lost) => false,
    };
    if !is_new {
        return;
    }
    let before = known.map_or("none", |known| known.stage.name());
    let dispute = known.cloned().unwrap_or_else(|| {
        let voided = voided_before(rows, attempt, order);
        let was = if voided.is_empty() { attempt.status } else { AttemptStatus::Fulfilled };
        Dispute { id: news.id.clone(), stage: news.stage, amount: news.amount, voided, was, opened_at: now }
    });
    rows.attempts.update(&attempt.reference, |row| {
        row.disputes.retain(|known| known.id != news.id);
        row.disputes.push(Dispute { stage: news.stage, ..dispute.clone() });
        row.updated_at = now;
    });
    let change = Change {
        item: Some(attempt.reference.as_str()),
        before: Some(before),
        after: Some(news.stage.name()),
        ..Change::default()
    };
    let actor = Actor::Gateway(attempt.gateway.clone());
    rows.record_audit(now, order.id, actor, "dispute.reported", &format!("dispute {}", news.id), change);

    let Some(attempt) = rows.attempts.get(&attempt.reference).cloned() else { return };
    match (news.stage, is_partial(&attempt, dispute.amount)) {
        (DisputeStage::Open, true) if attempt.status == AttemptStatus::Fulfilled => {
            rows.attempts.update(&attempt.reference, |row| row.call_for(Attention::PartialDispute));
        }
        (DisputeStage::Open, true) => {}
        (DisputeStage::Open, false) => {
            let voided = take_back(rows, now, &attempt, order, AttemptStatus::Disputed);
            rows.attempts.update(&attempt.reference, |row| {
                for dispute in row.disputes.iter_mut().filter(|dispute| dispute.id == news.id) {
                    dispute.voided.clone_from(&voided);
                }
            });
        }
        (DisputeStage::Won, partial) => won(rows, now, &attempt, order, partial, seed),
        (DisputeStage::Lost, true) => {
            rows.attempts
                .update(&attempt.reference, |row| row.attention.retain(|why| *why != Attention::PartialDispute));
        }
        (DisputeStage::Lost, false) => {
            take_back(rows, now, &attempt, order, AttemptStatus::Reversed);
        }
    }
}

/// The tickets that a dispute voided before disputes were recorded.
fn voided_before(rows: &WorkingSet, attempt: &Attempt, order: &Order) -> Vec<TicketId> {
    if attempt.status != AttemptStatus::Disputed || !attempt.disputes.is_empty() {
        return vec![];
    }
    let void = rows.tickets_of(order.id).filter(|ticket| ticket.status == TicketStatus::Cancelled);
    void.map(|ticket| ticket.id).collect()
}

/// Whether only a part of the money is disputed.
fn is_partial(attempt: &Attempt, amount: Option<Money>) -> bool {
    match (amount, &attempt.captured) {
        // What cannot be compared is for a person to decide.
        (Some(amount), Some(captured)) => {
            let (paid, requested) = (captured.amount, attempt.amount);
            // What the payer added for the gateway's fees does not count.
            let all = if requested.currency() == paid.currency() {
                paid.minor().min(requested.minor())
            } else {
                paid.minor()
            };
            amount.currency() != paid.currency() || amount.minor() < all
        }
        _ => false,
    }
}

fn won(rows: &mut WorkingSet, now: Timestamp, attempt: &Attempt, order: &Order, partial: bool, seed: &Seed) {
    let others = attempt.disputes.iter().filter(|other| other.stage != DisputeStage::Won);
    let is_withheld = others.into_iter().any(|other| !is_partial(attempt, other.amount));
    let was = attempt.disputes.iter().map(|dispute| dispute.was).find(|was| *was != AttemptStatus::Disputed);
    let is_cancelled = rows.events.get(&order.event_id).is_none_or(|event| event.status == EventStatus::Cancelled);
    if partial {
        rows.attempts.update(&attempt.reference, |row| row.attention.retain(|why| *why != Attention::PartialDispute));
    }
    let restored = match (attempt.status, was) {
        (AttemptStatus::Disputed, _) if is_withheld => return,
        (AttemptStatus::Disputed, Some(AttemptStatus::Fulfilled)) if is_cancelled => {
            let why = "the dispute was won, and the event was cancelled";
            return give_back(rows, now, attempt, order, RefundReason::EventCancelled, why, seed);
        }
        (AttemptStatus::Disputed, Some(AttemptStatus::Fulfilled)) | (AttemptStatus::Fulfilled, _) => {
            restore(rows, now, attempt, order, seed)
        }
        // It bought nothing before.
        (AttemptStatus::Disputed, was) => {
            return turn(rows, now, attempt, was.unwrap_or(AttemptStatus::Review), "the dispute was won");
        }
        _ => return,
    };
    if restored.is_err() {
        rows.attempts.update(&attempt.reference, |row| row.call_for(Attention::DisputeWon));
    }
}

/// The tickets that are void although the merchant won each dispute about them.
fn to_restore(attempt: &Attempt) -> Vec<TicketId> {
    let won = attempt.disputes.iter().filter(|dispute| dispute.stage == DisputeStage::Won);
    won.flat_map(|dispute| dispute.voided.iter().copied()).collect()
}

/// Sends what is left of the money back, because its tickets cannot be restored.
pub(super) fn give_back(
    rows: &mut WorkingSet,
    now: Timestamp,
    attempt: &Attempt,
    order: &Order,
    reason: RefundReason,
    why: &str,
    seed: &Seed,
) {
    rows.attempts.update(&attempt.reference, |row| row.attention.clear());
    turn(rows, now, attempt, AttemptStatus::Reversed, why);
    refund_rest(rows, now, attempt, order, reason, seed);
}

/// Makes tickets valid again: with new codes, since the old ones were void for all to see, and with a mail to the buyer and to everybody
/// else who had a mail with such a ticket. The ticket of a guest who was inside is used again. Refused if there are no places for them.
/// Needs the attendees of the order.
pub(super) fn restore(
    rows: &mut WorkingSet,
    now: Timestamp,
    attempt: &Attempt,
    order: &Order,
    seed: &Seed,
) -> Result<(), Refusal> {
    let voided = to_restore(attempt);
    let void = rows.tickets_of(order.id).filter(|ticket| ticket.status == TicketStatus::Cancelled);
    let void: Vec<Ticket> = void.filter(|ticket| voided.contains(&ticket.id)).cloned().collect();
    let event = rows.events.get(&order.event_id).ok_or(Refusal::EventUnknown { event_id: order.event_id })?;
    let without_place = void.iter().filter(|ticket| !ticket.keeps_place);
    let places: Vec<Places> = without_place.map(|ticket| Places::of_ticket(Some(order), ticket)).collect();
    has_places(rows, event, places.iter().copied())?;
    move_places(rows, order.event_id, &places, Move::SellAgain);
    for (index, ticket) in (0..).zip(&void) {
        rows.tickets.update(&ticket.id, |row| {
            if row.keeps_place {
                row.status = TicketStatus::Used;
            } else {
                row.status = TicketStatus::Active;
                row.code = TicketCode::derive(seed, index);
            }
            row.keeps_place = false;
            row.updated_at = now;
        });
    }
    let ids: Vec<TicketId> = void.iter().map(|ticket| ticket.id).collect();
    rows.attempts.update(&attempt.reference, |row| {
        row.attention.retain(|why| *why != Attention::DisputeWon);
        row.disputes.iter_mut().for_each(|dispute| dispute.voided.retain(|id| !ids.contains(id)));
    });
    if !void.is_empty() {
        let times = rows.mails_of(order.id).filter(|mail| matches!(mail.kind, MailKind::TicketsRestored(_))).count();
        let kind = MailKind::TicketsRestored(u32::try_from(times + 1).unwrap_or(u32::MAX));
        rows.mail_buyer(now, order, kind);
        for ticket in void.iter().filter(|ticket| !ticket.keeps_place) {
            mail_others(rows, now, order, ticket);
        }
    }
    if attempt.status == AttemptStatus::Disputed {
        turn(rows, now, attempt, AttemptStatus::Fulfilled, "the dispute was won, and the places were still free");
    }
    Ok(())
}

/// Owes a mail with a ticket to its holder or attendee, unless the buyer's mail has it and goes to the same address.
fn mail_others(rows: &mut WorkingSet, now: Timestamp, order: &Order, ticket: &Ticket) {
    let Some(to) = rows.holder_address(order, ticket) else { return };
    let is_buyers = order.buyer.email.as_ref().is_some_and(|buyer| buyer.key() == to.key());
    if !(is_buyers && order.is_holder_of(ticket)) {
        rows.mail_ticket(now, ticket, to);
    }
}
