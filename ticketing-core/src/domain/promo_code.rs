//! Promo codes: a discount, access to secret ticket types, or both.
//!
//! A use is a ticket, not an order. Uses are a [`Stock`] that moves with the places: a hold takes them, its end gives them back, a
//! payment sells them, a refund returns them. Nothing else counts uses.

use super::event::{Stock, Window};
use super::id::{EventId, PromoCodeId, TicketTypeId};
use super::money::Money;
use super::row::{Field, Kind, RowError, Sink, Source};
use super::table::{Lock, table};
use super::working_set::{Noun, WorkingSet};
use crate::setters::setters;
use jiff::Timestamp;

mod find;
mod put;

pub use find::{FindPromoCode, ListPromoCodes};
pub use put::{EditPromoCode, PutPromoCode};

/// A promo code of one event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct PromoCode {
    /// The code's id.
    pub id: PromoCodeId,
    /// The event.
    pub event_id: EventId,
    /// What buyers type. Unique within the event.
    pub text: PromoCodeText,
    /// What it takes off the price of a ticket.
    pub discount: Discount,
    /// The ticket types that it is for. Empty: all that everybody sees, and those that it unlocks.
    pub ticket_types: Vec<TicketTypeId>,
    /// The secret ticket types that it gives access to.
    pub unlocks: Vec<TicketTypeId>,
    /// When it is good.
    pub valid: Window,
    /// The most tickets with it in one order.
    pub max_per_order: Option<u32>,
    /// The most tickets with it of one buyer.
    pub max_per_buyer: Option<u32>,
    /// How many tickets may be bought with it, and how many are held and sold.
    pub uses: Stock,
    /// Whether it is not good for the time being.
    pub paused: bool,
    /// A note for the organiser's people.
    pub note: Option<String>,
    /// 1 for a new code, and one more for every edit that changed something. Uses do not count.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

table! {
    PromoCode in "promo_codes", lock Lock::With(Noun::Event, "event_id");
    numbered id: PromoCodeId, event_id, text, discount [discount_kind, discount_value], ticket_types, unlocks,
        valid [valid_from, valid_until], max_per_order, max_per_buyer, uses [max_uses, held, sold], paused, note, version, created_at,
        updated_at;
    index BY_TEXT(event_id, text) unique;
    index BY_EVENT(event_id);
}

/// The text of a code: 4–40 letters without accents, digits and hyphens. Case makes no difference; it is kept in capitals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PromoCodeText(String);

/// A text that cannot be a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 4–40 letters, digits and hyphens")]
pub struct NotACode;

impl PromoCodeText {
    /// The text, in capitals.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for PromoCodeText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for PromoCodeText {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        let text = text.trim();
        let is_legal = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_legal && (4..=40).contains(&text.len()) { Ok(Self(text.to_ascii_uppercase())) } else { Err(NotACode) }
    }
}

impl TryFrom<String> for PromoCodeText {
    type Error = NotACode;

    fn try_from(text: String) -> Result<Self, NotACode> {
        text.parse()
    }
}

impl From<PromoCodeText> for String {
    fn from(text: PromoCodeText) -> Self {
        text.0
    }
}

impl Field for PromoCodeText {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.text(Some(&self.0));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.text()?.map(|text| text.parse().map_err(RowError::of)).transpose()
    }
}

/// What a code takes off the price of each ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Discount {
    /// Nothing: the code only gives access to secret ticket types.
    #[default]
    Nothing,
    /// A percentage, in basis points: 2,000 is 20 %. Rounded half up, once per ticket.
    Percent(u32),
    /// This much of the event's currency, in minor units; never more than the ticket costs.
    Each(i64),
}

/// 100 % in basis points.
pub const ALL: u32 = 10_000;

impl Discount {
    /// What it takes off a price in minor units: between nothing and all of it.
    pub fn of(self, price: i64) -> i64 {
        match self {
            Self::Nothing => 0,
            Self::Percent(points) => {
                let share =
                    (2 * i128::from(price) * i128::from(points) + i128::from(ALL)).div_euclid(2 * i128::from(ALL));
                // A share of a price fits where the price did.
                i64::try_from(share).unwrap_or(price).clamp(0, price)
            }
            Self::Each(each) => each.clamp(0, price),
        }
    }
}

impl Field for Discount {
    const KINDS: &'static [Kind] = &[Kind::Text, Kind::Int];

    fn store(&self, to: &mut dyn Sink) {
        let (kind, value) = match self {
            Self::Nothing => ("nothing", 0),
            Self::Percent(points) => ("percent", i64::from(*points)),
            Self::Each(each) => ("each", *each),
        };
        to.text(Some(kind));
        to.int(Some(value));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let (kind, value) = (from.text()?, from.int()?.unwrap_or(0));
        Ok(Some(match kind.as_deref() {
            Some("nothing") => Self::Nothing,
            Some("percent") => Self::Percent(u32::try_from(value).map_err(RowError::of)?),
            Some("each") => Self::Each(value),
            other => return Err(RowError(format!("a discount is of kind {other:?}"))),
        }))
    }
}

/// As a JSON list.
impl Field for Vec<TicketTypeId> {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        // Ids are always JSON.
        to.text(Some(&serde_json::to_string(self).unwrap_or_default()));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.text()?.map(|text| serde_json::from_str(&text).map_err(RowError::of)).transpose()
    }
}

impl Field for Window {
    const KINDS: &'static [Kind] = &[Kind::Int; 2];

    fn store(&self, to: &mut dyn Sink) {
        self.from.store(to);
        self.until.store(to);
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        Ok(Some(Self { from: Timestamp::read(from)?, until: Timestamp::read(from)? }))
    }
}

/// What a promo code is: for a new one, and after an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromoCodeSettings {
    /// What buyers type.
    pub text: PromoCodeText,
    /// What it takes off the price of a ticket. Default: nothing.
    pub discount: Discount,
    /// The ticket types that it is for. Default: all that everybody sees, and those that it unlocks.
    pub ticket_types: Vec<TicketTypeId>,
    /// The secret ticket types that it gives access to. Default: none.
    pub unlocks: Vec<TicketTypeId>,
    /// When it is good. Default: always.
    pub valid: Window,
    /// The most tickets with it in one order. Default: no limit.
    pub max_per_order: Option<u32>,
    /// The most tickets with it of one buyer. Default: no limit.
    pub max_per_buyer: Option<u32>,
    /// How many tickets may be bought with it. Default: no limit.
    pub max_uses: Option<i64>,
    /// Whether it is not good for the time being. Default: no.
    pub paused: bool,
    /// A note for the organiser's people. Default: none.
    pub note: Option<String>,
}

impl PromoCodeSettings {
    /// A code without a discount.
    pub fn new(text: PromoCodeText) -> Self {
        Self {
            text,
            discount: Discount::Nothing,
            ticket_types: vec![],
            unlocks: vec![],
            valid: Window::default(),
            max_per_order: None,
            max_per_buyer: None,
            max_uses: None,
            paused: false,
            note: None,
        }
    }
}

setters!(PromoCodeSettings {
    with_discount => discount: Discount,
    with_ticket_types => ticket_types: Vec<TicketTypeId>,
    with_unlocks => unlocks: Vec<TicketTypeId>,
    with_valid => valid: Window,
    with_max_per_order => max_per_order: impl Into<Option<u32>>,
    with_max_per_buyer => max_per_buyer: impl Into<Option<u32>>,
    with_max_uses => max_uses: impl Into<Option<i64>>,
    with_paused => paused: bool,
    with_note => note: impl Into<Option<String>>,
});

impl PromoCode {
    /// What can be edited.
    pub fn settings(&self) -> PromoCodeSettings {
        PromoCodeSettings {
            text: self.text.clone(),
            discount: self.discount,
            ticket_types: self.ticket_types.clone(),
            unlocks: self.unlocks.clone(),
            valid: self.valid,
            max_per_order: self.max_per_order,
            max_per_buyer: self.max_per_buyer,
            max_uses: self.uses.capacity,
            paused: self.paused,
            note: self.note.clone(),
        }
    }

    /// The same code with other settings.
    #[must_use]
    fn with(&self, settings: PromoCodeSettings) -> Self {
        let PromoCodeSettings {
            text,
            discount,
            ticket_types,
            unlocks,
            valid,
            max_per_order,
            max_per_buyer,
            max_uses,
            paused,
            note,
        } = settings;
        let uses = Stock { capacity: max_uses, ..self.uses };
        let own = self.clone();
        Self { text, discount, ticket_types, unlocks, valid, max_per_order, max_per_buyer, uses, paused, note, ..own }
    }

    /// Whether it is good at this time.
    pub fn is_good(&self, now: Timestamp) -> bool {
        !self.paused && self.valid.contains(now)
    }

    /// Whether a ticket of this type can be bought with it.
    pub fn is_for(&self, ticket_type: &super::event::TicketType) -> bool {
        let id = ticket_type.id;
        let is_listed = self.ticket_types.is_empty() || self.ticket_types.contains(&id);
        let is_open = ticket_type.is_public() || self.unlocks.contains(&id);
        ticket_type.removed_at.is_none() && is_open && (is_listed || self.unlocks.contains(&id))
    }

    /// What it takes off the price of a ticket.
    pub fn discount_of(&self, price: Money) -> i64 {
        self.discount.of(price.minor())
    }
}

impl WorkingSet {
    /// The code with this text.
    pub fn promo_code_by_text(&self, event: EventId, text: &PromoCodeText) -> Option<&PromoCode> {
        self.promo_codes.find(BY_TEXT, &(event, text.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_code_is_letters_digits_and_hyphens_in_any_case() {
        assert_eq!(" early-20 ".parse::<PromoCodeText>().unwrap().as_str(), "EARLY-20");
        for wrong in ["", "abc", "a b c d", "früh2", "x_y_z", "1234\u{0}", &"a".repeat(41)] {
            assert_eq!(wrong.parse::<PromoCodeText>(), Err(NotACode), "{wrong}");
        }
    }

    #[test]
    fn a_percentage_is_rounded_once_half_up() {
        for (price, points, off) in
            [(999, 3333, 333), (500_000, 2000, 100_000), (1, 5000, 1), (1, 4999, 0), (3, ALL, 3), (7, 0, 0)]
        {
            assert_eq!(Discount::Percent(points).of(price), off, "{points} of {price}");
        }
        assert_eq!(
            (Discount::Each(600_000).of(500_000), Discount::Each(1).of(0), Discount::Nothing.of(5)),
            (500_000, 0, 0)
        );
    }

    proptest! {
        #[test]
        fn no_ticket_costs_less_than_nothing(price in 0..super::super::id::MAX_SAFE_INTEGER, points in 0..=ALL, each in 0..i64::MAX) {
            for discount in [Discount::Percent(points), Discount::Each(each), Discount::Nothing] {
                prop_assert!((0..=price).contains(&discount.of(price)));
            }
            let exact = i128::from(price) * i128::from(points);
            let off = i128::from(Discount::Percent(points).of(price)) * i128::from(ALL);
            prop_assert!((exact - off).abs() * 2 <= i128::from(ALL));
        }
    }
}
