use super::checks::Checks;
use super::events::check_page;
use super::{Inner, Ticketing, granted, refused};
use crate::domain::access::is_theirs;
use crate::domain::code::Reference;
use crate::domain::id::{EventId, TicketTypeId};
use crate::domain::money::Money;
use crate::domain::order::{Hold, HoldLine, MAX_TICKETS_PER_ORDER, Order, OrderFilter, OrderKey, Release};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::{Buyer, Principal};
use crate::domain::refusal::Refusal;
use crate::error::{Error, Result};
use crate::metrics::{self, Stage};
use crate::setters::setters;
use crate::storage::StorageExt as _;
use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;
use tracing::field::Empty;

/// A request to buy tickets of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderRequest {
    /// The event.
    pub event_id: EventId,
    /// The lines: 1–100 tickets in total. Several lines of the same ticket type are added up.
    pub lines: Vec<LineRequest>,
    /// The order's reference, which is its idempotency key: a repeat with the same reference and content returns the same order.
    /// Default: a new one, so that a repeat makes a second order.
    pub reference: Option<Reference>,
    /// A promo code, in any case. Default: none.
    pub promo_code: Option<String>,
    /// The total that the buyer was shown. If the order would cost something else, it is refused. Default: whatever it costs.
    pub expect_total: Option<Money>,
}

impl OrderRequest {
    /// Creates a request for these lines.
    pub fn new(event_id: EventId, lines: Vec<LineRequest>) -> Self {
        Self { event_id, lines, reference: None, promo_code: None, expect_total: None }
    }

    /// Creates a request for `quantity` tickets of the event's only type. [`Ticketing::hold`] rejects it if there are several
    /// types.
    pub fn tickets(event_id: EventId, quantity: u32) -> Self {
        Self::new(event_id, vec![LineRequest::new(quantity)])
    }
}

setters!(OrderRequest {
    with_reference => reference: impl Into<Option<Reference>>,
    with_promo_code => promo_code: impl Into<Option<String>>,
    with_expect_total => expect_total: impl Into<Option<Money>>,
});

/// A number of tickets of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineRequest {
    /// The ticket type. May be `None` if the event has only one.
    pub ticket_type_id: Option<TicketTypeId>,
    /// The number of tickets.
    pub quantity: u32,
}

impl LineRequest {
    /// Creates a line for `quantity` tickets of the event's only type.
    pub fn new(quantity: u32) -> Self {
        Self { ticket_type_id: None, quantity }
    }
}

setters!(LineRequest {
    with_ticket_type_id => ticket_type_id: impl Into<Option<TicketTypeId>>,
});

impl Ticketing {
    /// Holds places for an unpaid order, until the order's `hold_until`. A repeat with the same reference and content finds
    /// the same order.
    ///
    /// Refusals: `event_unknown`, `event_cancelled`, `event_over`, `ticket_type_unknown`, `sold_out` (with how many are
    /// left), `too_many_holds` and `buyer_limit` (with [`buyer_limits`](super::TicketingBuilder::buyer_limits)), `total_too_large`,
    /// `key_reused`, `sales_paused`, `not_on_sale`, `too_few`, `too_many`, `code_unknown`, `code_used_up`, `code_limit`,
    /// `price_changed`.
    pub async fn hold(&self, buyer: &Buyer, request: OrderRequest) -> Result<Order> {
        let span = tracing::info_span!("hold", event.id = request.event_id.0, order.id = Empty);
        self.take_places(buyer, request).instrument(span).await
    }

    async fn take_places(&self, buyer: &Buyer, request: OrderRequest) -> Result<Order> {
        let now = self.now();
        let order = self.inner.batches.apply(self.new_hold(buyer, request)?).await?.map_err(not_held)?;
        tracing::Span::current().record("order.id", order.id.0);
        self.count_hold(&order, now);
        Ok(order)
    }

    /// Validates the request and makes it a hold.
    pub(super) fn new_hold(&self, buyer: &Buyer, request: OrderRequest) -> Result<Hold> {
        let mut checks = Checks::default();
        checks.person("buyer", &buyer.who);
        let is_theirs = |order: &Reference| request.reference.as_ref() == Some(order);
        checks.require("reference", buyer.who.guest().is_none_or(is_theirs), || {
            "must be that of the guest's order".to_owned()
        });
        let is_named = buyer.who.guest().is_some() || buyer.email.is_some();
        checks.require("email", is_named, || "is required for a buyer who is no guest".to_owned());
        checks.done()?;
        // A text that cannot be a code is answered like one that is none.
        let promo_code =
            request.promo_code.as_ref().map(|text| text.parse().map_err(|_| Refusal::CodeUnknown)).transpose()?;
        Ok(Hold {
            promo_code,
            expect_total: request.expect_total,
            lines: hold_lines(&request)?,
            reference: request.reference.unwrap_or_else(|| Reference::of_order(&self.inner.random.seed())),
            event_id: request.event_id,
            buyer: buyer.clone(),
            hold_until: self.now() + self.hold_for(buyer),
            limits: self.inner.buyer_limits,
        })
    }

    /// How long places are held for a new order.
    fn hold_for(&self, buyer: &Buyer) -> SignedDuration {
        let Inner { hold_for, naming_for, .. } = &*self.inner;
        if buyer.email.is_some() { *hold_for } else { *naming_for.min(hold_for) }
    }

    /// Counts an order that was created by a call that began at `began`. A repeat finds the order of the first call.
    pub(super) fn count_hold(&self, order: &Order, began: Timestamp) {
        if order.created_at >= began {
            metrics::reached(Stage::Held, 1);
        }
    }

    /// An order of `actor`'s.
    pub async fn order(&self, actor: &Principal, reference: &Reference) -> Result<Order> {
        let order = self.inner.storage.order(&OrderKey::Reference(reference.clone())).await?;
        order.filter(|order| is_theirs(actor, order)).ok_or(Error::NotFound("Order"))
    }

    /// `actor`'s orders, the newest first.
    pub async fn orders(&self, actor: &Principal, page: PageRequest) -> Result<Page<Order>> {
        check_page(page)?;
        let filter = OrderFilter { buyer: Some(actor.clone()), event_id: None };
        Ok(self.inner.storage.orders(&filter, page).await?)
    }

    /// Cancels an unpaid order of `actor`'s and releases its places. A repeat changes nothing.
    ///
    /// Refusals: `order_paid`, `hold_expired`, `payment_in_progress`. A payment that still arrives gets the tickets if there are
    /// places left; otherwise it is refunded.
    pub async fn cancel_order(&self, actor: &Principal, reference: &Reference) -> Result<Order> {
        let found = self.order(actor, reference).await?;
        let span = tracing::info_span!("cancel", order.id = found.id.0);
        self.give_back(actor, reference).instrument(span).await
    }

    async fn give_back(&self, actor: &Principal, reference: &Reference) -> Result<Order> {
        let release = Release { reference: reference.clone(), actor: actor.clone() };
        let now = self.now();
        let order = granted(self.inner.storage.apply(now, &[release]).await?)?;
        if order.updated_at == now {
            metrics::reached(Stage::Cancelled, 1);
        }
        Ok(order)
    }
}

/// Why no places were taken.
pub(super) fn not_held(refusal: Refusal) -> Error {
    match refusal {
        Refusal::TicketTypeNeeded => {
            Error::invalid("ticket_type_id", "is required: the event has several ticket types")
        }
        refusal => refused(refusal),
    }
}

/// Validates the quantities and returns the lines of the hold.
fn hold_lines(request: &OrderRequest) -> Result<Vec<HoldLine>> {
    let mut checks = Checks::default();
    checks.require("quantity", request.lines.iter().all(|line| line.quantity > 0), || {
        "must be at least 1 (got 0)".to_owned()
    });
    let in_all = request.lines.iter().fold(0_u32, |sum, line| sum.saturating_add(line.quantity));
    let message = || format!("must be 1–{MAX_TICKETS_PER_ORDER} tickets in total (got {in_all})");
    checks.require("quantity", (1..=MAX_TICKETS_PER_ORDER).contains(&in_all), message);
    checks.done()?;
    let line = |line: &LineRequest| HoldLine { ticket_type_id: line.ticket_type_id, quantity: line.quantity };
    Ok(request.lines.iter().map(line).collect())
}
