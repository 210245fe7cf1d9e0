//! Promo codes, and what an order would cost.

use super::body::body;
use super::field::Faults;
use super::order::{LineBody, LineView, request_of};
use super::patch::{Set, SetOrEmpty};
use super::price::{GivenPrice, Price};
use super::text::Text;
use super::time::{GivenTime, Time};
use crate::problem::Problem;
use poem_openapi::Object;
use ticketing_core::OrderRequest;
use ticketing_core::domain::event::{Event, Window};
use ticketing_core::domain::id::{EventId, TicketTypeId};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::Quote;
use ticketing_core::domain::promo_code::{Discount, PromoCode, PromoCodeSettings, PromoCodeText};

body! {
    /// A new promo code.
    struct PromoCodeBody {
        /// What buyers type: 4–40 letters, digits and hyphens, in any case. Unique within the event.
        code: Text<4, 40>,
        /// Takes this percentage off the price of each ticket, with at most two decimals.
        percent_off: Option<GivenPrice>,
        /// Takes this amount off the price of each ticket.
        amount_off: Option<GivenPrice>,
        /// The ticket types that it is for. Default: all that everybody sees, and those that it unlocks.
        ticket_types: Option<Vec<i64>>,
        /// The secret ticket types that it gives access to.
        unlocks: Option<Vec<i64>>,
        /// From when on it is good.
        valid_from: Option<GivenTime>,
        /// Until when it is good.
        valid_until: Option<GivenTime>,
        /// The most tickets with it in one order.
        max_per_order: Option<u32>,
        /// The most tickets with it of one buyer.
        max_per_buyer: Option<u32>,
        /// How many tickets may be bought with it. Default: no limit.
        max_uses: Option<i64>,
        /// A note for your people.
        note: Option<Text<0, 500>>,
        /// How many codes to create, 1–5000: each is `code`, a hyphen and ten random symbols, and good for one ticket unless
        /// `max_uses` says otherwise. Default: the one code.
        count: Option<u32>,
    }
    example {"code": "EARLY20", "percent_off": "20", "max_uses": 50, "valid_until": "2099-06-30T22:00:00Z"}

    /// Changes of a promo code: a merge patch (RFC 7396). A field that is left out stays as it is; null empties it.
    struct PromoCodePatch {
        /// What buyers type.
        code: Set<Text<4, 40>>,
        /// Takes this percentage off the price of each ticket.
        percent_off: SetOrEmpty<GivenPrice>,
        /// Takes this amount off the price of each ticket.
        amount_off: SetOrEmpty<GivenPrice>,
        /// The ticket types that it is for.
        ticket_types: SetOrEmpty<Vec<i64>>,
        /// The secret ticket types that it gives access to.
        unlocks: SetOrEmpty<Vec<i64>>,
        /// From when on it is good.
        valid_from: SetOrEmpty<GivenTime>,
        /// Until when it is good.
        valid_until: SetOrEmpty<GivenTime>,
        /// The most tickets with it in one order.
        max_per_order: SetOrEmpty<u32>,
        /// The most tickets with it of one buyer.
        max_per_buyer: SetOrEmpty<u32>,
        /// How many tickets may be bought with it. Not less than what is held and sold.
        max_uses: SetOrEmpty<i64>,
        /// Whether it is not good for the time being.
        paused: Set<bool>,
        /// A note for your people.
        note: SetOrEmpty<Text<0, 500>>,
    }
    example {"max_uses": 80, "max_per_buyer": 2}

    /// Tickets whose price is asked for.
    struct QuoteBody {
        /// The lines: 1–100 tickets in total.
        lines: Vec<LineBody>,
        /// A promo code, in any case.
        promo_code: Option<Text<0, 50>>,
    }
    example {"lines": [{"ticket_type_id": 1, "quantity": 2}], "promo_code": "EARLY20"}
}

/// A percentage with at most two decimals, in basis points.
fn percent(field: &str, given: &GivenPrice, faults: &mut Faults) -> Option<Discount> {
    let message = || "must be a percentage from 0 to 100 with at most two decimals".to_owned();
    // Every currency of two decimals counts in hundredths.
    let points = Money::parse(&given.0, Currency::NGN).map_err(|_| message());
    let points = points
        .and_then(|points| u32::try_from(points.minor()).ok().filter(|points| *points <= 10_000).ok_or_else(message));
    faults.parsed(field, points).map(Discount::Percent)
}

fn amount(field: &str, given: &GivenPrice, event: &Event, faults: &mut Faults) -> Option<Discount> {
    faults.parsed(field, Money::parse(&given.0, event.currency)).map(|money| Discount::Each(money.minor()))
}

fn ids(ids: Vec<i64>) -> Vec<TicketTypeId> {
    ids.into_iter().map(TicketTypeId).collect()
}

impl PromoCodeBody {
    /// Converts the body to the engine's request, and how many codes are asked for.
    pub(crate) fn into_settings(self, event: &Event) -> Result<(PromoCodeSettings, Option<usize>), Problem> {
        let mut faults = Faults::default();
        let text = faults.parsed("code", self.code.0.parse::<PromoCodeText>());
        let discount = match (&self.percent_off, &self.amount_off) {
            (Some(_), Some(_)) => {
                faults.add("amount_off", "must not be given together with percent_off");
                None
            }
            (Some(given), None) => percent("percent_off", given, &mut faults),
            (None, Some(given)) => amount("amount_off", given, event, &mut faults),
            (None, None) => Some(Discount::Nothing),
        };
        let settings = text.zip(discount).map(|(text, discount)| {
            PromoCodeSettings::new(text)
                .with_discount(discount)
                .with_ticket_types(ids(self.ticket_types.unwrap_or_default()))
                .with_unlocks(ids(self.unlocks.unwrap_or_default()))
                .with_valid(Window::new(self.valid_from.map(|time| time.at), self.valid_until.map(|time| time.at)))
                .with_max_per_order(self.max_per_order)
                .with_max_per_buyer(self.max_per_buyer)
                .with_max_uses(self.max_uses)
                .with_note(self.note.map(|text| text.0))
        });
        Ok((faults.or(settings)?, self.count.map(|count| usize::try_from(count).unwrap_or(usize::MAX))))
    }
}

impl PromoCodePatch {
    /// The settings as they shall be.
    pub(crate) fn onto(&self, settings: PromoCodeSettings, event: &Event) -> Result<PromoCodeSettings, Problem> {
        let mut faults = Faults::default();
        let mut wanted = settings;
        if let Some(code) = self.code.0.as_ref().and_then(|code| faults.parsed("code", code.0.parse())) {
            wanted.text = code;
        }
        let is_percent = matches!(wanted.discount, Discount::Percent(_));
        match (&self.percent_off.0, &self.amount_off.0) {
            (Some(Some(_)), Some(Some(_))) => faults.add("amount_off", "must not be given together with percent_off"),
            (Some(Some(given)), _) => wanted.discount = percent("percent_off", given, &mut faults).unwrap_or_default(),
            (_, Some(Some(given))) => {
                wanted.discount = amount("amount_off", given, event, &mut faults).unwrap_or_default();
            }
            (Some(None), None) if is_percent => wanted.discount = Discount::Nothing,
            (None, Some(None)) if !is_percent => wanted.discount = Discount::Nothing,
            (Some(None), Some(None)) => wanted.discount = Discount::Nothing,
            _ => {}
        }
        let set = |to: &mut Vec<TicketTypeId>, given: &Option<Option<Vec<i64>>>| {
            if let Some(given) = given {
                *to = ids(given.clone().unwrap_or_default());
            }
        };
        set(&mut wanted.ticket_types, &self.ticket_types.0);
        set(&mut wanted.unlocks, &self.unlocks.0);
        if let Some(from) = &self.valid_from.0 {
            wanted.valid.from = from.as_ref().map(|time| time.at);
        }
        if let Some(until) = &self.valid_until.0 {
            wanted.valid.until = until.as_ref().map(|time| time.at);
        }
        wanted.max_per_order = self.max_per_order.0.unwrap_or(wanted.max_per_order);
        wanted.max_per_buyer = self.max_per_buyer.0.unwrap_or(wanted.max_per_buyer);
        wanted.max_uses = self.max_uses.0.unwrap_or(wanted.max_uses);
        wanted.paused = self.paused.0.unwrap_or(wanted.paused);
        if let Some(note) = &self.note.0 {
            wanted.note = note.as_ref().map(|text| text.0.clone());
        }
        faults.or(Some(wanted))
    }
}

impl QuoteBody {
    /// Converts the body to the engine's request.
    pub(crate) fn into_request(self, event: EventId) -> OrderRequest {
        request_of(event, self.lines, self.promo_code)
    }
}

/// A promo code, for the event's organiser.
#[derive(Object)]
pub(crate) struct PromoCodeView {
    /// The code's id.
    id: i64,
    /// The event's id.
    event_id: i64,
    /// What buyers type.
    code: String,
    /// The percentage that it takes off the price of each ticket.
    #[oai(nullable)]
    percent_off: Option<String>,
    /// The amount that it takes off the price of each ticket.
    #[oai(nullable)]
    amount_off: Option<Price>,
    /// The ticket types that it is for; empty for all that everybody sees and those that it unlocks.
    ticket_types: Vec<i64>,
    /// The secret ticket types that it gives access to.
    unlocks: Vec<i64>,
    /// From when on it is good.
    #[oai(nullable)]
    valid_from: Option<Time>,
    /// Until when it is good.
    #[oai(nullable)]
    valid_until: Option<Time>,
    /// The most tickets with it in one order.
    #[oai(nullable)]
    max_per_order: Option<u32>,
    /// The most tickets with it of one buyer.
    #[oai(nullable)]
    max_per_buyer: Option<u32>,
    /// How many tickets may be bought with it; absent if unlimited.
    #[oai(nullable)]
    max_uses: Option<i64>,
    /// Number of tickets that are held with it.
    held: i64,
    /// Number of tickets that were bought with it.
    used: i64,
    /// Whether it is not good for the time being.
    paused: bool,
    /// A note for your people.
    #[oai(nullable)]
    note: Option<String>,
    /// The version, which changes with every edit: `If-Match: "v1"` edits version 1.
    version: i64,
}

impl PromoCodeView {
    pub(crate) fn new(code: &PromoCode, event: &Event) -> Self {
        let (percent_off, amount_off) = match code.discount {
            Discount::Percent(points) => (Some(format!("{}.{:02}", points / 100, points % 100)), None),
            Discount::Each(each) => (None, Money::new(each, event.currency).ok().map(Into::into)),
            _ => (None, None),
        };
        Self {
            id: code.id.0,
            event_id: code.event_id.0,
            code: code.text.to_string(),
            percent_off,
            amount_off,
            ticket_types: code.ticket_types.iter().map(|id| id.0).collect(),
            unlocks: code.unlocks.iter().map(|id| id.0).collect(),
            valid_from: code.valid.from.map(Into::into),
            valid_until: code.valid.until.map(Into::into),
            max_per_order: code.max_per_order,
            max_per_buyer: code.max_per_buyer,
            max_uses: code.uses.capacity,
            held: code.uses.held,
            used: code.uses.sold,
            paused: code.paused,
            note: code.note.clone(),
            version: code.version,
        }
    }
}

/// What an order would cost.
#[derive(Object)]
pub(crate) struct QuoteView {
    /// The lines. A ticket type has two if the promo code is good for only some of its tickets.
    lines: Vec<LineView>,
    /// Total price.
    total: Price,
    /// The currency of all amounts.
    currency: String,
}

impl From<&Quote> for QuoteView {
    fn from(quote: &Quote) -> Self {
        Self {
            lines: quote.lines.iter().map(Into::into).collect(),
            total: quote.total.into(),
            currency: quote.total.currency().code().to_owned(),
        }
    }
}
