//! When tickets are sold, and how many to whom.

use crate::clock::whole_microseconds;
use crate::domain::row::{Field, Kind, RowError, Sink, Source, required};
use crate::domain::wire_names::wire_names;
use crate::setters::setters;
use jiff::Timestamp;

/// A span of time. An absent end is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Window {
    /// From then on, inclusive.
    pub from: Option<Timestamp>,
    /// Until then, exclusive.
    pub until: Option<Timestamp>,
}

impl Window {
    /// A span of time.
    pub fn new(from: impl Into<Option<Timestamp>>, until: impl Into<Option<Timestamp>>) -> Self {
        // As precise as they are stored.
        Self { from: from.into().map(whole_microseconds), until: until.into().map(whole_microseconds) }
    }

    /// Whether this time is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether there is a time in it.
    pub fn is_possible(&self) -> bool {
        self.from.zip(self.until).is_none_or(|(from, until)| from < until)
    }
}

/// When tickets are sold, and how many to whom: of an event over all its types, or of one type. The default sells to everybody at
/// any time.
///
/// A new hold must meet the rules. Holds that exist are not touched by a change, and a payment that arrives late only needs places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct SalesRules {
    /// When tickets are sold. They are never sold after the event.
    #[serde(default)]
    pub sales: Window,
    /// Whether sales are paused. The event stays listed.
    #[serde(default)]
    pub paused: bool,
    /// The fewest tickets in one order. Applies to a type only where the order has tickets of it.
    #[serde(default)]
    pub min_per_order: Option<u32>,
    /// The most tickets in one order.
    #[serde(default)]
    pub max_per_order: Option<u32>,
    /// The most tickets of one buyer: held, or issued and not void. A buyer is an account, or an external id; two e-mail addresses
    /// are two buyers.
    #[serde(default)]
    pub max_per_buyer: Option<u32>,
}

setters!(SalesRules {
    with_sales => sales: Window,
    with_paused => paused: bool,
    with_min_per_order => min_per_order: impl Into<Option<u32>>,
    with_max_per_order => max_per_order: impl Into<Option<u32>>,
    with_max_per_buyer => max_per_buyer: impl Into<Option<u32>>,
});

impl Field for SalesRules {
    const KINDS: &'static [Kind] = &[Kind::Int; 6];

    fn store(&self, to: &mut dyn Sink) {
        self.sales.from.store(to);
        self.sales.until.store(to);
        self.paused.store(to);
        self.min_per_order.store(to);
        self.max_per_order.store(to);
        self.max_per_buyer.store(to);
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let sales = Window { from: Timestamp::read(from)?, until: Timestamp::read(from)? };
        let paused = required(from, "paused")?;
        let (min_per_order, max_per_order, max_per_buyer) = (u32::read(from)?, u32::read(from)?, u32::read(from)?);
        Ok(Some(Self { sales, paused, min_per_order, max_per_order, max_per_buyer }))
    }
}

/// Who sees a ticket type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Visibility {
    /// Everybody.
    #[default]
    Public,
    /// Nobody but its organiser: it is in no public answer, and a hold of it is refused as if it did not exist.
    Secret,
}

wire_names!(Visibility {
    Public => "public",
    Secret => "secret",
});
