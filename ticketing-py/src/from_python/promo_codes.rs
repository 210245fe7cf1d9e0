//! Promo codes.

use super::{Fields, Read, parsed, percent, values};
use crate::errors::Failure;
use jiff::Timestamp;
use pyo3::intern;
use pyo3::prelude::*;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::id::TicketTypeId;
use ticketing_core::domain::money::Money;
use ticketing_core::domain::promo_code::{Discount, PromoCodeSettings, PromoCodeText};

impl Read for PromoCodeText {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        parsed(value, "text")
    }
}

/// The ids of ticket types.
struct TicketTypeIds(Vec<TicketTypeId>);

/// What a `Discount` takes off.
enum TakenOff {
    Nothing,
    Percent(u32),
    Each(Money),
}

impl Read for TakenOff {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (py, fields) = (value.py(), Fields { of: value, class: "a Discount" });
        let (points, each) = (fields.value("percent")?, fields.get::<Option<Money>>("each")?);
        if points.is_none() {
            return Ok(each.map_or(Self::Nothing, Self::Each));
        }
        let text: String = points.call_method1(intern!(py, "__format__"), ("f",))?.extract()?;
        percent(py, &text).map(Self::Percent)
    }
}

/// Of an object with all arguments that a promo code is created or edited with.
pub(crate) struct PromoCodeWants {
    text: Option<PromoCodeText>,
    taken_off: Option<TakenOff>,
    ticket_types: Option<TicketTypeIds>,
    unlocks: Option<TicketTypeIds>,
    valid_from: Option<Option<Timestamp>>,
    valid_until: Option<Option<Timestamp>>,
    max_per_order: Option<Option<u32>>,
    max_per_buyer: Option<Option<u32>>,
    max_uses: Option<Option<i64>>,
    paused: Option<bool>,
    note: Option<Option<String>>,
}

impl Read for PromoCodeWants {
    fn read(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let fields = Fields { of: value, class: "the arguments of a promo code" };
        let ids = |name| -> PyResult<Option<TicketTypeIds>> {
            if fields.is_unset(name)? {
                return Ok(None);
            }
            let ids: Vec<i64> = values(&fields.value(name)?, name)?;
            Ok(Some(TicketTypeIds(ids.into_iter().map(TicketTypeId).collect())))
        };
        Ok(Self {
            text: fields.given("text")?,
            taken_off: fields.given("discount")?,
            ticket_types: ids("ticket_types")?,
            unlocks: ids("unlocks")?,
            valid_from: fields.given("valid_from")?,
            valid_until: fields.given("valid_until")?,
            max_per_order: fields.given_count("max_per_order")?,
            max_per_buyer: fields.given_count("max_per_buyer")?,
            max_uses: fields.given("max_uses")?,
            paused: fields.given("paused")?,
            note: fields.given("note")?,
        })
    }
}

impl PromoCodeWants {
    /// The settings of a new code of this event.
    pub(crate) fn settings(&self, event: &Event) -> Result<PromoCodeSettings, Failure> {
        let text = self.text.clone().ok_or_else(|| ticketing_core::Error::invalid("text", "must be given"))?;
        self.onto(PromoCodeSettings::new(text), event)
    }

    /// The settings of a code of this event after an edit.
    pub(crate) fn onto(&self, settings: PromoCodeSettings, event: &Event) -> Result<PromoCodeSettings, Failure> {
        let mut wanted = settings;
        wanted.text = self.text.clone().unwrap_or(wanted.text);
        match self.taken_off {
            None => {}
            Some(TakenOff::Nothing) => wanted.discount = Discount::Nothing,
            Some(TakenOff::Percent(points)) => wanted.discount = Discount::Percent(points),
            Some(TakenOff::Each(each)) if each.currency() == event.currency => {
                wanted.discount = Discount::Each(each.minor());
            }
            Some(TakenOff::Each(each)) => {
                let (needed, found) = (event.currency.code(), each.currency().code());
                let message = format!("must be in the event's currency {needed} (got {found})");
                return Err(ticketing_core::Error::invalid("discount", message).into());
            }
        }
        let ids = |given: &Option<TicketTypeIds>, known| given.as_ref().map_or(known, |ids| ids.0.clone());
        wanted.ticket_types = ids(&self.ticket_types, wanted.ticket_types);
        wanted.unlocks = ids(&self.unlocks, wanted.unlocks);
        wanted.valid.from = self.valid_from.unwrap_or(wanted.valid.from);
        wanted.valid.until = self.valid_until.unwrap_or(wanted.valid.until);
        wanted.max_per_order = self.max_per_order.unwrap_or(wanted.max_per_order);
        wanted.max_per_buyer = self.max_per_buyer.unwrap_or(wanted.max_per_buyer);
        wanted.max_uses = self.max_uses.unwrap_or(wanted.max_uses);
        wanted.paused = self.paused.unwrap_or(wanted.paused);
        wanted.note = self.note.clone().unwrap_or(wanted.note);
        Ok(wanted)
    }
}
