//! What is known about an order: answers, who will come, and the organiser's note. And whether its tickets can be returned.

use super::attendees::{MAX_NAME, MAX_NOTE, check_answers, trimmed};
use super::authorization::unless_known;
use super::checks::Checks;
use super::{Ticketing, refused};
use crate::domain::access::{Permission, is_theirs};
use crate::domain::attendee::NewAttendee;
use crate::domain::code::Reference;
use crate::domain::event::{Event, Per};
use crate::domain::order::Order;
use crate::domain::order_details::{EditOrderDetails, FindOrderDetails, OrderDetails, OrderDetailsWants};
use crate::domain::principal::Principal;
use crate::domain::refund::{QuoteReturn, ReturnQuote};
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;

impl Ticketing {
    /// What is known about an order; version 0 if nothing was ever set. Allowed for the buyer, who does not see the organiser's note, and for
    /// those who may see the orders of the event. For others there is no such order.
    pub async fn order_details(&self, actor: &Principal, order: &Reference) -> Result<OrderDetails> {
        let (_, details, _, scope) = self.details_for(actor, order).await?;
        Ok(visible(details, scope.as_ref()))
    }

    /// Edits what is known about an order, if it is still the version that was seen; `None` is any version. Setting a value that is set
    /// already is no change, so a repeat is harmless. The buyer may edit all but the note, while the order is held or paid. Those who may see
    /// the orders of the event may edit everything, at any time. The attendees can be set until the order is paid; from then on, use
    /// [`edit_attendee`](Self::edit_attendee).
    ///
    /// Refusals: `stale` (with the current version), `order_paid`, `hold_expired`, `order_cancelled`.
    pub async fn edit_order_details(
        &self,
        actor: &Principal,
        order: &Reference,
        seen: Option<i64>,
        wants: OrderDetailsWants,
    ) -> Result<OrderDetails> {
        let (found, _, event, scope) = self.details_for(actor, order).await?;
        let wants = OrderDetailsWants {
            note: wants.note.map(trimmed),
            attendees: wants.attendees.map(|all| {
                let named = |of: NewAttendee| NewAttendee { name: trimmed(of.name.clone()), ..of };
                all.into_iter().map(named).collect()
            }),
            ..wants
        };
        let mut checks = Checks::default();
        checks.optional_lines("note", wants.note.as_ref().and_then(Option::as_deref), MAX_NOTE);
        checks.require("note", wants.note.is_none() || scope.is_some(), || {
            "is the organiser's: the buyer cannot set it".to_owned()
        });
        check_answers(&mut checks, "answers", &event, &wants.answers, |question| question.per == Per::Order);
        check_attendees(&mut checks, &found, &event, wants.attendees.as_deref().unwrap_or_default());
        checks.done()?;
        let edit = EditOrderDetails { order: found.reference, actor: actor.clone(), scope: scope.clone(), seen, wants };
        let edited = self.inner.storage.apply_one(self.now(), edit).await?.map_err(|refusal| match refusal {
            // It was moved to somebody else at this moment.
            Refusal::OrderUnknown => Error::NotFound("Order"),
            refusal => refused(refusal),
        })?;
        Ok(visible(edited, scope.as_ref()))
    }

    /// Whether tickets of an order can be returned now, and how much would be refunded for each of them. Only for the buyer.
    pub async fn return_quote(&self, actor: &Principal, order: &Reference) -> Result<ReturnQuote> {
        let found = self.order(actor, order).await?;
        let quote = QuoteReturn { order: found.reference, now: self.now() };
        self.inner.storage.find(quote).await?.ok_or(Error::NotFound("Order"))
    }

    async fn details_for(
        &self,
        actor: &Principal,
        order: &Reference,
    ) -> Result<(Order, OrderDetails, Event, Option<Scope>)> {
        let missing = || Error::NotFound("Order");
        let found = self.inner.storage.find(FindOrderDetails(order.clone())).await?;
        let (order, details) = found.ok_or_else(missing)?;
        let details = details.unwrap_or_else(|| OrderDetails::unknown(order.id, order.created_at));
        let event = self.event(order.event_id).await?;
        let scope = match self.scope_over(actor, Permission::Orders, &event).await {
            Ok(scope) => Some(scope),
            Err(_) if is_theirs(actor, &order) => None,
            Err(error) => return Err(unless_known(error, missing())),
        };
        Ok((order, details, event, scope))
    }
}

fn visible(details: OrderDetails, scope: Option<&Scope>) -> OrderDetails {
    if scope.is_some() { details } else { OrderDetails { note: None, ..details } }
}

fn check_attendees(checks: &mut Checks, order: &Order, event: &Event, attendees: &[NewAttendee]) {
    let types: Vec<_> =
        order.lines.iter().flat_map(|line| std::iter::repeat_n(line.ticket_type_id, line.quantity as usize)).collect();
    checks.require("attendees", attendees.len() <= types.len(), || {
        format!("must be at most as many as the tickets, {} (got {})", types.len(), attendees.len())
    });
    for (index, (attendee, ticket_type)) in attendees.iter().zip(types).enumerate() {
        checks.optional_text(&format!("attendees[{index}].name"), attendee.name.as_deref(), MAX_NAME);
        let field = format!("attendees[{index}].answers");
        check_answers(checks, &field, event, &attendee.answers, |question| question.is_for(ticket_type));
    }
}
