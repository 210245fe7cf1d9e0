use super::Attempt;
use crate::domain::code::Reference;
use crate::domain::command::Query;
use crate::domain::load::LoadKeys;
use crate::domain::order::Order;
use crate::domain::working_set::WorkingSet;

/// Finds an attempt, with its order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindAttempt(pub Reference);

impl Query for FindAttempt {
    type Found = Option<(Attempt, Order)>;
    // The order is read for its buyer, who has little to do with the state of an attempt.
    const ONE_MOMENT: bool = false;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Attempt>(&self.0);
        if let Some(attempt) = rows.attempts.loaded_row(&self.0) {
            load.look::<Order>(&attempt.order_id);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Self::Found {
        let attempt = rows.attempts.get(&self.0)?.clone();
        let order = rows.orders.get(&attempt.order_id)?.clone();
        Some((attempt, order))
    }
}
