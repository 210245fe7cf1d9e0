use super::{Refund, RefundStatus};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::id::RefundId;
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Records that a person has paid a refund back by hand: one of a payment that no gateway knows, such as cash, or one that the gateway gave
/// up. A repeat changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRefund {
    /// The refund.
    pub id: RefundId,
    /// Who has paid it back.
    pub actor: Principal,
    /// The events for which this person may do so. For others there is no such refund.
    pub scope: Scope,
}

impl Command for RecordRefund {
    type Outcome = Result<Refund, Refusal>;
    const NAME: &'static str = "record_refund";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Refund>(&self.id);
        let Some(refund) = rows.refunds.loaded_row(&self.id) else { return };
        load.look::<Order>(&refund.order_id);
        if let Some(order) = rows.orders.loaded_row(&refund.order_id) {
            load.look::<Event>(&order.event_id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Refund, Refusal> {
        let refund = rows.refunds.get(&self.id).cloned().ok_or(Refusal::RefundUnknown)?;
        let event = rows.orders.get(&refund.order_id).and_then(|order| rows.events.get(&order.event_id));
        if !event.is_some_and(|event| self.scope.covers(event)) {
            return Err(Refusal::RefundUnknown);
        }
        match refund.status {
            RefundStatus::Processed => return Ok(refund),
            RefundStatus::Failed | RefundStatus::NeedsAttention => {}
            RefundStatus::Due | RefundStatus::Unknown | RefundStatus::Pending => {
                return Err(Refusal::RefundInProgress);
            }
        }
        rows.refunds.update(&self.id, |row| {
            row.status = RefundStatus::Processed;
            row.last_seen = Some("paid back by hand".to_owned());
            row.next_at = None;
            row.updated_at = now;
        });
        let change = Change::of(refund.key.as_str(), refund.status.name(), RefundStatus::Processed.name());
        let actor = Actor::Person(self.actor.clone());
        rows.record_audit(now, refund.order_id, actor, "refund.recorded", "paid back by hand", change);
        rows.refunds.get(&self.id).cloned().ok_or(Refusal::RefundUnknown)
    }
}
