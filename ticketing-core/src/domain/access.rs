//! Who may do what: what an order or a ticket shows to its owner, and the permissions of those who run events.
//!
//! Which events a permission is for is a [`Scope`].

use super::order::Order;
use super::principal::Principal;
use super::row::{Field, Kind, RowError, Sink, Source};
use super::scope::Scope;
use super::wire_names::wire_names;
use super::working_set::WorkingSet;

/// What somebody may do with events, and with what was sold for them. There are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See events that are not public, and how many tickets are sold.
    View,
    /// Create and change events, their ticket types and promo codes; publish and pause them.
    Edit,
    /// See, edit and export the personal data of attendees.
    Attendees,
    /// See payments, refund them, decide reviews, send mails again.
    Orders,
    /// See revenue and payouts.
    Money,
    /// Check tickets in, and undo scans.
    Door,
    /// Cancel events and move them to another organiser; the members and API keys of an organisation.
    Manage,
}

wire_names!(Permission {
    View => "view",
    Edit => "edit",
    Attendees => "attendees",
    Orders => "orders",
    Money => "money",
    Door => "door",
    Manage => "manage",
});

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(from = "Vec<Permission>", into = "Vec<Permission>")]
pub struct Permissions(u8);

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);
    /// Every permission.
    pub const ALL: Self = Self::of(Permission::ALL);

    /// These permissions.
    pub const fn of(all: &[Permission]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < all.len() {
            bits |= 1 << all[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether this permission is one of them.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Whether all of the others are among them.
    pub const fn cover(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// The permissions, in their order.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.has(*permission))
    }
}

impl From<Vec<Permission>> for Permissions {
    fn from(all: Vec<Permission>) -> Self {
        Self::of(&all)
    }
}

impl From<Permissions> for Vec<Permission> {
    fn from(all: Permissions) -> Self {
        all.iter().collect()
    }
}

/// As the names, separated by commas.
impl Field for Permissions {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        let names: Vec<&str> = self.iter().map(|permission| permission.name()).collect();
        to.text(Some(&names.join(",")));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        let Some(text) = from.text()? else { return Ok(None) };
        let one = |name: &str| Permission::from_name(name).ok_or_else(|| RowError(format!("no permission: {name:?}")));
        let all: Vec<Permission> =
            text.split(',').filter(|name| !name.is_empty()).map(one).collect::<Result<_, _>>()?;
        Ok(Some(all.into()))
    }
}

/// Whether an order is `who`'s, who may then see, pay or cancel it. A guest has the order with its key, also after an account has
/// [claimed](super::order::ClaimOrders) it.
pub fn is_theirs(who: &Principal, order: &Order) -> bool {
    order.buyer.who == *who || who.guest() == Some(&order.reference)
}

/// Whether somebody may do something with an order: with a scope, if it covers the order's event; without one, as the buyer. Needs the event.
pub(crate) fn may_reach(rows: &WorkingSet, who: &Principal, scope: Option<&Scope>, order: &Order) -> bool {
    match scope {
        Some(scope) => rows.events.get(&order.event_id).is_some_and(|event| scope.covers(event)),
        None => is_theirs(who, order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_it_was_made_of() {
        let set = Permissions::of(&[Permission::Door, Permission::View]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Permission::View, Permission::Door]);
        assert!(Permissions::ALL.cover(set) && !set.cover(Permissions::ALL) && set.cover(Permissions::NONE));
        assert_eq!(Permissions::ALL.iter().count(), Permission::ALL.len());
    }
}
