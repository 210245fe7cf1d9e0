use super::{Decided, Hold, OrderLine};
use crate::domain::command::{Command as _, Query};
use crate::domain::load::LoadKeys;
use crate::domain::money::Money;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Finds out what a hold would come to, and holds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteHold {
    /// The hold.
    pub hold: Hold,
    /// The time.
    pub now: Timestamp,
}

/// What an order would cost.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Quote {
    /// The lines, as those of the order.
    pub lines: Vec<OrderLine>,
    /// The total price.
    pub total: Money,
}

impl Query for QuoteHold {
    type Found = Result<Quote, Refusal>;
    const ONE_MOMENT: bool = true;

    fn group(&self) -> i64 {
        self.hold.group()
    }

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        self.hold.needs(rows, load);
    }

    fn find(&self, rows: &WorkingSet) -> Result<Quote, Refusal> {
        match self.hold.decide(rows, self.now)? {
            Decided::Known(order) => Ok(Quote { lines: order.lines, total: order.total }),
            Decided::New(new) => Ok(Quote { lines: new.lines, total: new.total }),
        }
    }
}
