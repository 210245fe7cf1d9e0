use super::settle::{capture, money_needs, turn};
use super::{Attempt, AttemptStatus};
use crate::domain::audit::{Actor, Change};
use crate::domain::code::{Reference, Seed};
use crate::domain::command::{Command, Query};
use crate::domain::event::Event;
use crate::domain::list::{Condition, List, Sort, is_principal};
use crate::domain::load::LoadKeys;
use crate::domain::order::{Order, OrderStatus};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::refund::{Refund, RefundReason, owe_refund};
use crate::domain::refusal::Refusal;
use crate::domain::stock::has_places;
use crate::domain::table::Record as _;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// A person's decision on a payment that was not what was requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// The attempt in review.
    pub reference: Reference,
    /// The decision.
    pub verdict: Verdict,
    /// The reason, for the audit log.
    pub note: String,
    /// Who decides.
    pub actor: Principal,
    /// Ticket codes and the refund's key are derived from this.
    pub seed: Seed,
}

/// A person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Accept the payment and issue the tickets.
    Accept,
    /// Refund the whole capture.
    Refund,
}

/// Applies a person's decision on an attempt in review. A second decision is refused.
impl Command for Resolve {
    type Outcome = Result<Attempt, Refusal>;
    const NAME: &'static str = "resolve_review";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Attempt>(&self.reference);
        if let Some(attempt) = rows.attempts.loaded_row(&self.reference) {
            money_needs(rows, load, attempt);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Attempt, Refusal> {
        let attempt = rows.attempts.get(&self.reference).cloned().ok_or(Refusal::AttemptUnknown)?;
        let order = rows.orders.get(&attempt.order_id).cloned().ok_or(Refusal::OrderUnknown)?;
        let captured = match (&attempt.status, &attempt.captured) {
            (AttemptStatus::Review, Some(captured)) => captured.clone(),
            _ => return Err(Refusal::NotInReview),
        };
        if self.verdict == Verdict::Accept
            && order.status != OrderStatus::Paid
            && !matches!(order.status, OrderStatus::Held { .. })
        {
            // The person chose to issue tickets. If none are left, that is refused, and not turned into a refund.
            let event = rows.events.get(&order.event_id).ok_or(Refusal::EventUnknown { event_id: order.event_id })?;
            has_places(event, order.lines.iter().map(|line| (line.ticket_type_id, line.quantity)))?;
        }

        let verdict = match self.verdict {
            Verdict::Accept => "accepted",
            Verdict::Refund => "refunded",
        };
        let change = Change::of(attempt.reference.as_str(), attempt.status.name(), verdict);
        rows.record_audit(now, order.id, Actor::Person(self.actor.clone()), "review.resolved", &self.note, change);
        match self.verdict {
            Verdict::Accept => capture(rows, now, &attempt, &order, &captured, &self.seed),
            Verdict::Refund => {
                turn(rows, now, &attempt, AttemptStatus::RefundDue, &self.note);
                owe_refund(rows, now, &attempt, &order, captured.amount, RefundReason::Review, &self.seed);
            }
        }
        rows.attempts.get(&self.reference).cloned().ok_or(Refusal::AttemptUnknown)
    }
}

/// Lists attempts that a person should look at, the oldest first: those in review, disputed, refunded automatically, or with a
/// refund that the gateway gave up or that needs attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListReviews {
    /// Only for this organiser's events. `None` means all events.
    pub organizer: Option<Principal>,
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
        let mut all = vec![Condition::Union(vec![vec![open], vec![Condition::Child(Refund::NOUN, "attempt", stuck)]])];
        all.extend(self.organizer.as_ref().map(of_organizer));
        load.list(List::of::<Attempt>(LIST, all).by("created_at", Sort::Ascending).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<Attempt> {
        let page = rows.listed::<Reference>(LIST);
        let items = page.items.iter().filter_map(|reference| rows.attempts.get(reference)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}

/// Holds if the order in the column `order_id` is for an event of this organiser.
pub(crate) fn of_organizer(organizer: &Principal) -> Condition {
    let theirs = is_principal("organizer_account", "organizer_external", organizer);
    let event = Condition::Parent("event_id", Event::NOUN, vec![theirs]);
    Condition::Parent("order_id", Order::NOUN, vec![event])
}
