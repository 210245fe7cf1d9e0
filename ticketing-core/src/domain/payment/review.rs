use super::settle::{capture, money_needs, turn};
use super::{Attempt, AttemptStatus, Attention, Captured, DisputeStage, dispute};
use crate::domain::attendee;
use crate::domain::audit::{Actor, Change};
use crate::domain::code::{Reference, Seed};
use crate::domain::command::{Command, Query};
use crate::domain::event::Event;
use crate::domain::id::TicketId;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::refund::{Refund, RefundMoney, RefundReason, RefundWish, owe_refund, refund_tickets, valid_ticket};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::stock::{Places, has_places};
use crate::domain::table::Record as _;
use crate::domain::ticket::{TicketStatus, void_tickets};
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// The reason in the audit log. What the person wrote is in [`Attempt::note`].
const DECIDED: &str = "a person has decided";

/// A person's decision on a payment that is in review or needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// The attempt.
    pub reference: Reference,
    /// The decision.
    pub verdict: Verdict,
    /// The tickets to make void, with [`Verdict::Void`] only.
    pub tickets: Vec<TicketId>,
    /// The reason. Kept with the attempt, see [`Attempt::note`].
    pub note: String,
    /// Who decides.
    pub actor: Principal,
    /// The events that this person may decide about. For others there is no such payment.
    pub scope: Scope,
    /// Ticket codes and the refund's key are derived from this.
    pub seed: Seed,
}

/// A person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Accept the payment and issue the tickets; after a dispute that was won, make its tickets valid again. If nothing is to be
    /// issued, leave everything as it is.
    Accept,
    /// Refund the whole capture, or what is left of it. Its tickets become void.
    Refund,
    /// Make some of its tickets void without sending money: it went back already, or is disputed.
    Void,
}

impl Verdict {
    fn past(self) -> &'static str {
        match self {
            Self::Accept => "accepted",
            Self::Refund => "refunded",
            Self::Void => "voided",
        }
    }
}

/// Applies a person's decision on an attempt that is in review or needs attention. A second decision is refused.
impl Command for Resolve {
    type Outcome = Result<Attempt, Refusal>;
    const NAME: &'static str = "resolve_review";

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
        if !self.scope.covers(event_of(rows, &order)?) {
            return Err(Refusal::AttemptUnknown);
        }
        match (&attempt.status, &attempt.captured) {
            (AttemptStatus::Review, Some(captured)) => self.review(rows, now, &attempt, &order, captured)?,
            _ if attempt.attention.is_empty() => return Err(Refusal::NotInReview),
            _ => self.attend(rows, now, &attempt, &order)?,
        }
        rows.attempts.get(&self.reference).cloned().ok_or(Refusal::AttemptUnknown)
    }
}

impl Resolve {
    /// Decides about a payment that was not what was requested.
    fn review(
        &self,
        rows: &mut WorkingSet,
        now: Timestamp,
        attempt: &Attempt,
        order: &Order,
        captured: &Captured,
    ) -> Result<(), Refusal> {
        match self.verdict {
            Verdict::Accept => {
                if order.status != OrderStatus::Paid && !matches!(order.status, OrderStatus::Held { .. }) {
                    if order.buyer.is_erased() {
                        // There is nobody to send them to.
                        return Err(Refusal::BuyerUnnamed);
                    }
                    // The person chose to issue tickets. If none are left, that is refused, and not turned into a refund.
                    let event = event_of(rows, order)?;
                    has_places(rows, event, Places::of_order(order))?;
                }
                self.record(rows, now, attempt);
                capture(rows, now, attempt, order, captured, &self.seed);
            }
            Verdict::Refund => {
                self.record(rows, now, attempt);
                turn(rows, now, attempt, AttemptStatus::RefundDue, DECIDED);
                owe_refund(rows, now, attempt, order, captured.amount, RefundReason::Review, &self.seed);
            }
            // No tickets were issued for it.
            Verdict::Void => return Err(Refusal::NotInReview),
        }
        Ok(())
    }

    /// Decides about a payment that needs attention.
    fn attend(&self, rows: &mut WorkingSet, now: Timestamp, attempt: &Attempt, order: &Order) -> Result<(), Refusal> {
        let is_won = attempt.attention.contains(&Attention::DisputeWon);
        let is_valid = attempt.status == AttemptStatus::Fulfilled;
        match self.verdict {
            Verdict::Accept => {
                if is_won {
                    dispute::restore(rows, now, attempt, order, &self.seed)?;
                }
            }
            Verdict::Refund if is_won && !is_valid => {
                dispute::give_back(rows, now, attempt, order, RefundReason::Review, DECIDED, &self.seed);
            }
            Verdict::Refund if is_valid => {
                let (key, note) = (Reference::of_attempt(&self.seed), Some(self.note.clone()));
                let actor = Actor::Person(self.actor.clone());
                let (money, reason) = (RefundMoney::Prices, RefundReason::Review);
                let wish = RefundWish { tickets: None, money, key: &key, reason, note, actor };
                refund_tickets(rows, now, order, wish)?;
            }
            Verdict::Refund => return Err(Refusal::NothingToRefund),
            Verdict::Void => {
                let chosen = self.tickets.iter().map(|id| valid_ticket(rows, order, *id));
                let chosen = chosen.collect::<Result<Vec<_>, _>>()?;
                void_tickets(rows, now, order, &chosen, TicketStatus::Cancelled);
                rows.attempts.update(&attempt.reference, |row| {
                    // A dispute that is won makes them valid again.
                    let open = row.disputes.iter_mut().filter(|dispute| dispute.stage == DisputeStage::Open);
                    open.for_each(|dispute| dispute.voided.extend(&self.tickets));
                });
            }
        }
        rows.attempts.update(&attempt.reference, |row| {
            row.attention.clear();
            row.updated_at = now;
        });
        self.record(rows, now, attempt);
        Ok(())
    }

    fn record(&self, rows: &mut WorkingSet, now: Timestamp, attempt: &Attempt) {
        let change = Change::of(attempt.reference.as_str(), attempt.status.name(), self.verdict.past());
        let actor = Actor::Person(self.actor.clone());
        rows.attempts.update(&attempt.reference, |row| row.note = Some(self.note.clone()));
        rows.record_audit(now, attempt.order_id, actor, "review.resolved", DECIDED, change);
    }
}

fn event_of<'r>(rows: &'r WorkingSet, order: &Order) -> Result<&'r Event, Refusal> {
    rows.events.get(&order.event_id).ok_or(Refusal::EventUnknown { event_id: order.event_id })
}

/// Lists attempts that a person should look at, the oldest first: those in review, disputed, refunded automatically, with a
/// refund that the gateway gave up or that needs attention, or with another reason for [attention](super::Attention).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListReviews {
    /// For these events.
    pub scope: Scope,
    /// The page.
    pub page: PageRequest,
}

const LIST: &str = "reviews";

impl Query for ListReviews {
    type Found = Page<Attempt>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let open = Condition::Named("status", &["review", "refund_due", "disputed"]);
        let stuck = vec![Condition::Named("status", &["failed", "needs_attention"])];
        let mut all = vec![Condition::Union(vec![
            vec![open],
            vec![Condition::Child(Refund::NOUN, "attempt", stuck)],
            vec![Condition::Known("attention")],
        ])];
        all.extend(self.scope.by_order("order_id"));
        load.list(List::of::<Attempt>(LIST, all).by("created_at", Sort::Ascending).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<Attempt> {
        let page = rows.listed::<Reference>(LIST);
        let items = page.items.iter().filter_map(|reference| rows.attempts.get(reference)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}
