use super::checks::Checks;
use super::events::check_page;
use super::{Ticketing, granted, refused};
use crate::domain::code::Reference;
use crate::domain::id::{EventId, TicketTypeId};
use crate::domain::order::{Hold, HoldLine, MAX_TICKETS_PER_ORDER, Order, OrderFilter, OrderKey, Release};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::{Buyer, Principal};
use crate::domain::refusal::Refusal;
use crate::error::{Error, Result};
use crate::metrics::{self, Stage};
use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};
use tracing::Instrument as _;
use tracing::field::Empty;

/// What somebody wants to buy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    /// For which event.
    pub event_id: EventId,
    /// What: 1 to 100 tickets in all. The same type may stand in several lines; they are added up.
    pub lines: Vec<LineRequest>,
    /// The order's reference, made by the caller so that the call can be repeated; absent, a fresh one is made, and a
    /// repeat makes a second order.
    pub reference: Option<Reference>,
}

impl OrderRequest {
    /// So many tickets of the event's only type. Fails in [`Ticketing::hold`] where it has several.
    pub fn tickets(event_id: EventId, quantity: u32) -> Self {
        Self { event_id, lines: vec![LineRequest { ticket_type_id: None, quantity }], reference: None }
    }
}

/// So many tickets of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRequest {
    /// Which type. May be absent where the event has only one.
    pub ticket_type_id: Option<TicketTypeId>,
    /// How many.
    pub quantity: u32,
}

impl Ticketing {
    /// Keeps places for an unpaid order, until the order's `hold_until`. A repeat with the same reference and content finds
    /// the same order.
    ///
    /// Refusals: `event_unknown`, `event_cancelled`, `event_over`, `ticket_type_unknown`, `sold_out` (with how many are
    /// left), `total_too_large`, `key_reused`.
    pub async fn hold(&self, buyer: &Buyer, request: OrderRequest) -> Result<Order> {
        let span = tracing::info_span!("hold", event.id = request.event_id.0, order.id = Empty);
        self.take_places(buyer, request).instrument(span).await
    }

    async fn take_places(&self, buyer: &Buyer, request: OrderRequest) -> Result<Order> {
        let mut checks = Checks::default();
        checks.principal("buyer", &buyer.who);
        checks.done()?;
        let lines = self.hold_lines(&request).await?;
        let now = self.now();
        let wish = Hold {
            reference: request.reference.unwrap_or_else(|| Reference::of_order(&self.inner.random.seed())),
            event_id: request.event_id,
            buyer: buyer.clone(),
            lines,
            hold_until: now + self.inner.hold_for,
        };
        let order = self.inner.lanes.hold(wish).await?;
        tracing::Span::current().record("order.id", order.id.0);
        // A repeat finds the order of the first call.
        if order.created_at >= now {
            metrics::reached(Stage::Held, 1);
        }
        Ok(order)
    }

    /// Each ticket type once, in the order of their ids, with a type for the lines that name none.
    async fn hold_lines(&self, request: &OrderRequest) -> Result<Vec<HoldLine>> {
        let only_type = if request.lines.iter().any(|line| line.ticket_type_id.is_none()) {
            Some(self.only_type(request.event_id).await?)
        } else {
            None
        };
        let mut wanted: BTreeMap<TicketTypeId, u32> = BTreeMap::new();
        for line in &request.lines {
            if let Some(id) = line.ticket_type_id.or(only_type) {
                let quantity = wanted.entry(id).or_default();
                *quantity = quantity.saturating_add(line.quantity);
            }
        }
        let mut checks = Checks::default();
        let in_all = wanted.values().fold(0_u32, |sum, quantity| sum.saturating_add(*quantity));
        checks.require("quantity", request.lines.iter().all(|line| line.quantity > 0), || {
            "must be at least 1 (got 0)".to_owned()
        });
        let message = || format!("must be 1–{MAX_TICKETS_PER_ORDER} tickets in total (got {in_all})");
        checks.require("quantity", (1..=MAX_TICKETS_PER_ORDER).contains(&in_all), message);
        checks.done()?;
        Ok(wanted.into_iter().map(|(ticket_type_id, quantity)| HoldLine { ticket_type_id, quantity }).collect())
    }

    /// The one ticket type of an event. The storage is asked once: a flash sale would ask it for every ticket.
    async fn only_type(&self, event_id: EventId) -> Result<TicketTypeId> {
        if let Some(known) = self.inner.only_types.get(event_id) {
            return Ok(known);
        }
        let event =
            self.inner.events.get(event_id).await?.ok_or_else(|| refused(Refusal::EventUnknown { event_id }))?;
        match event.ticket_types.as_slice() {
            [only] => {
                self.inner.only_types.keep(event_id, only.id);
                Ok(only.id)
            }
            several => {
                let message = format!("is required: the event has {} ticket types", several.len());
                Err(Error::invalid("ticket_type_id", message))
            }
        }
    }

    /// An order of `actor`'s.
    pub async fn order(&self, actor: &Principal, reference: &Reference) -> Result<Order> {
        let order = self.inner.storage.order(&OrderKey::Reference(reference.clone())).await?;
        order.filter(|order| order.buyer.who == *actor).ok_or(Error::NotFound("Order"))
    }

    /// `actor`'s orders, the newest first.
    pub async fn orders(&self, actor: &Principal, page: PageRequest) -> Result<Page<Order>> {
        check_page(page)?;
        let filter = OrderFilter { buyer: Some(actor.clone()), event_id: None };
        Ok(self.inner.storage.orders(&filter, page).await?)
    }

    /// Gives the places of an unpaid order of `actor`'s back. On repeat, nothing more happens.
    ///
    /// Refusals: `order_paid`, `hold_expired`, `payment_in_progress`. Money that still comes gets the tickets, if there are
    /// any left, or goes back.
    pub async fn cancel_order(&self, actor: &Principal, reference: &Reference) -> Result<Order> {
        let found = self.order(actor, reference).await?;
        let span = tracing::info_span!("cancel", order.id = found.id.0);
        self.give_back(actor, reference).instrument(span).await
    }

    async fn give_back(&self, actor: &Principal, reference: &Reference) -> Result<Order> {
        let wish = Release { reference: reference.clone(), actor: actor.clone() };
        let now = self.now();
        let order = granted(self.inner.storage.release(now, &[wish]).await?)?;
        if order.updated_at == now {
            metrics::reached(Stage::Cancelled, 1);
        }
        Ok(order)
    }
}

/// The ticket type of events that have only one.
#[derive(Debug, Default)]
pub(super) struct OnlyTypes {
    known: RwLock<HashMap<EventId, TicketTypeId>>,
}

impl OnlyTypes {
    /// So many are remembered: who sells more events at once asks the storage now and then.
    const MOST: usize = 10_000;

    fn get(&self, event_id: EventId) -> Option<TicketTypeId> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&event_id).copied()
    }

    fn keep(&self, event_id: EventId, only: TicketTypeId) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.clear();
        }
        known.insert(event_id, only);
    }
}
