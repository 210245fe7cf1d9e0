//! What a ticket costs, and what its price is made of. The one rule of prices.

use super::event::TicketType;
use super::money::{Currency, Money};
use super::promo_code::PromoCode;

/// The price of one ticket and its parts, in minor units of the event's currency. None is below zero.
///
/// `total = face - discount`, plus the tax where it comes on top, plus the fee where the buyer bears it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Parts {
    /// The price of the ticket type.
    pub face: i64,
    /// What is taken off.
    pub discount: i64,
    /// What the buyer pays for the booking.
    pub fee: i64,
    /// The tax in the total.
    pub tax: i64,
    /// What the buyer pays.
    pub total: i64,
}

impl Parts {
    /// A ticket at its face price.
    pub fn face(price: Money) -> Self {
        Self { face: price.minor(), total: price.minor(), ..Self::default() }
    }

    /// The total as an amount.
    pub fn total(&self, currency: Currency) -> Money {
        // A total is between nothing and a face price, which was an amount.
        Money::new(self.total, currency).unwrap_or(Money::zero(currency))
    }
}

/// What one ticket of this type costs: its face price, less the discount of a promo code.
pub fn price(ticket_type: &TicketType, code: Option<&PromoCode>) -> Parts {
    let face = Parts::face(ticket_type.price);
    let discount = code.map_or(0, |code| code.discount_of(ticket_type.price));
    Parts { discount, total: face.total - discount, ..face }
}
