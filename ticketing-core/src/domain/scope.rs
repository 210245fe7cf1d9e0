//! Which events somebody may act on. Reads of rows that belong to others take a [`Scope`], and a scope cannot be made by hand.

use super::access::Permission;
use super::account::Account;
use super::api_key::ApiKey;
use super::event::Event;
use super::id::EventId;
use super::list::{Condition, is_organizer};
use super::order::Order;
use super::organisation::MemberEvents;
use super::principal::Principal;
use super::row::{Field as _, Value};
use super::table::Record as _;
use std::collections::BTreeSet;

/// The events that somebody has a permission for.
///
/// There are two makers: [`Ticketing::authorize`](crate::Ticketing::authorize), which knows accounts and their roles, and
/// [`own`](Self::own), for applications that bring their own identities and vouch for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(Seen);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    /// Every event.
    All,
    /// The events of any of these. Never empty.
    AnyOf(Vec<Part>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Every event of an organiser.
    Of(Principal),
    /// These events, while this organiser runs them. None, if there are none.
    Only(Principal, BTreeSet<EventId>),
}

impl Part {
    /// What an account may act on as a member, and what it runs alone.
    fn of_member(account: &Account, permission: Permission) -> Vec<Self> {
        let mut parts = vec![Self::Of(Principal::Account(account.id))];
        if !account.is_active {
            return parts;
        }
        for membership in account.memberships.iter().filter(|of| of.role.permissions().has(permission)) {
            let organisation = Principal::Organisation(membership.organisation_id);
            parts.push(match &membership.events {
                MemberEvents::All => Self::Of(organisation),
                MemberEvents::Only(events) => Self::Only(organisation, events.clone()),
            });
        }
        parts
    }
}

impl Scope {
    /// All events that `who` runs. The caller vouches for the identity: an application maps a role of its own to this scope of the
    /// principal that runs the events.
    pub fn own(who: &Principal) -> Self {
        Self(Seen::AnyOf(vec![Part::Of(who.clone())]))
    }

    /// Every event: for the operator.
    pub(crate) fn all() -> Self {
        Self(Seen::All)
    }

    /// The events for which an account has a permission: its own, those of organisations in which its role has the permission, and, for
    /// administrators of the installation, all. At the door, administrators have no rights of their own.
    pub(crate) fn of_account(account: &Account, permission: Permission) -> Self {
        if account.is_acting_admin() && permission != Permission::Door {
            return Self(Seen::All);
        }
        Self::of_member(account, permission)
    }

    /// The same without the rights of an administrator.
    pub(crate) fn of_member(account: &Account, permission: Permission) -> Self {
        Self(Seen::AnyOf(Part::of_member(account, permission)))
    }

    /// The events for which a key has a permission: those it is for, as far as its maker has the permission for them now. Its maker's
    /// rights as an administrator are not the key's.
    pub(crate) fn of_key(key: &ApiKey, maker: &Account, permission: Permission) -> Self {
        let organizer = key.organizer();
        let is_its_maker = maker.is_active && maker.id == key.maker;
        let may =
            if is_its_maker && key.permissions.has(permission) { Part::of_member(maker, permission) } else { vec![] };
        let theirs = may.into_iter().find(|part| match part {
            Part::Of(who) | Part::Only(who, _) => *who == organizer,
        });
        let part = match (theirs, &key.events) {
            (None, _) => Part::Only(organizer, BTreeSet::new()),
            (Some(all), MemberEvents::All) => all,
            (Some(Part::Of(_)), MemberEvents::Only(events)) => Part::Only(organizer, events.clone()),
            (Some(Part::Only(_, may)), MemberEvents::Only(events)) => {
                Part::Only(organizer, events.intersection(&may).copied().collect())
            }
        };
        Self(Seen::AnyOf(vec![part]))
    }

    /// Whether the event is among them.
    pub fn covers(&self, event: &Event) -> bool {
        match &self.0 {
            Seen::All => true,
            Seen::AnyOf(parts) => parts.iter().any(|part| match part {
                Part::Of(who) => event.organizer == *who,
                Part::Only(who, events) => event.organizer == *who && events.contains(&event.id),
            }),
        }
    }

    /// Whether all events of this organiser are among them, also those that it will run.
    pub fn covers_all_of(&self, organizer: &Principal) -> bool {
        match &self.0 {
            Seen::All => true,
            Seen::AnyOf(parts) => parts.iter().any(|part| *part == Part::Of(organizer.clone())),
        }
    }

    /// The scope as a condition on events. The only place where it becomes one, for every storage.
    pub(crate) fn of_events(&self) -> Vec<Condition> {
        let Seen::AnyOf(parts) = &self.0 else { return vec![] };
        let mut each: Vec<Vec<Condition>> = parts
            .iter()
            .map(|part| match part {
                Part::Of(who) => vec![is_organizer(who)],
                Part::Only(who, events) => {
                    let events: Vec<Value> = events.iter().map(EventId::value).collect();
                    vec![is_organizer(who), Condition::OneOf("id", events)]
                }
            })
            .collect();
        match each.len() {
            1 => each.remove(0),
            _ => vec![Condition::Any(each)],
        }
    }

    /// The scope as a condition on rows that refer to an event in this column.
    pub(crate) fn by_event(&self, column: &'static str) -> Option<Condition> {
        let events = self.of_events();
        (!events.is_empty()).then_some(Condition::Parent(column, Event::NOUN, events))
    }

    /// The scope as a condition on rows that refer to an order in this column.
    pub(crate) fn by_order(&self, column: &'static str) -> Option<Condition> {
        self.by_event("event_id").map(|event| Condition::Parent(column, Order::NOUN, vec![event]))
    }
}
