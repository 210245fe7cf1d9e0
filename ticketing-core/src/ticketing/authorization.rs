//! What somebody may do, and with which events: the one place where a use case asks.

use super::Ticketing;
use crate::domain::access::Permission;
use crate::domain::account::{Account, AccountKey, FindAccount};
use crate::domain::audit::Actor;
use crate::domain::event::Event;
use crate::domain::id::{EventId, OrganisationId};
use crate::domain::principal::Principal;
use crate::domain::scope::Scope;
use crate::error::{Error, Result};

/// Who asks for a [`Scope`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Asker<'a> {
    /// A principal. The role of an account is looked up.
    Principal(&'a Principal),
    /// An account that [`authenticate`](Ticketing::authenticate) has just returned: nothing is looked up again.
    Account(&'a Account),
    /// An actor. The [operator](Actor::Operator) may act on all events.
    Actor(&'a Actor),
}

impl<'a> From<&'a Principal> for Asker<'a> {
    fn from(who: &'a Principal) -> Self {
        Self::Principal(who)
    }
}

impl<'a> From<&'a Account> for Asker<'a> {
    fn from(account: &'a Account) -> Self {
        Self::Account(account)
    }
}

impl<'a> From<&'a Actor> for Asker<'a> {
    fn from(actor: &'a Actor) -> Self {
        Self::Actor(actor)
    }
}

impl Ticketing {
    /// The events for which somebody has a permission: their own, those of organisations in which their role has it, and all for
    /// administrators and the operator. At the door, administrators have no rights of their own.
    ///
    /// It says what is so now. Ask again for the next request: then a role that was taken away is gone.
    pub async fn authorize<'a>(&self, asker: impl Into<Asker<'a>> + Send, permission: Permission) -> Result<Scope> {
        let who = match asker.into() {
            Asker::Account(account) => return Ok(Scope::of_account(account, permission)),
            Asker::Actor(Actor::Operator) => return Ok(Scope::all()),
            Asker::Principal(who) | Asker::Actor(Actor::Person(who)) => who,
            Asker::Actor(Actor::System | Actor::Gateway(_)) => {
                return Err(Error::Forbidden("Only people act on events"));
            }
        };
        Ok(match self.acting_account(who).await? {
            Some(account) => Scope::of_account(&account, permission),
            None => Scope::own(who),
        })
    }

    /// The events that an account runs, itself or as a member of an organisation, and has a permission for: without the rights of an
    /// administrator. For an account that [`authenticate`](Self::authenticate) has just returned.
    pub fn own_scope(&self, account: &Account, permission: Permission) -> Scope {
        Scope::of_member(account, permission)
    }

    /// The account of a principal. Looked up together with those of other calls.
    pub(super) async fn acting_account(&self, who: &Principal) -> Result<Option<Account>> {
        let Some(id) = who.account() else { return Ok(None) };
        self.inner.batches.find(FindAccount(AccountKey::Id(id))).await
    }

    /// An event for somebody who has this permission for it. A draft is found by nobody else.
    pub async fn event_for(&self, actor: &Principal, id: EventId, permission: Permission) -> Result<Event> {
        let event = self.event(id).await?;
        self.may(actor, permission, &event).await?;
        Ok(event)
    }

    /// Refuses unless `actor` has this permission for the event. Nothing is looked up for events of the actor's own.
    pub(super) async fn may(&self, actor: &Principal, permission: Permission, event: &Event) -> Result<()> {
        self.scope_over(actor, permission, event).await.map(drop)
    }

    /// The same, and the scope, for a rule that asks again under its locks.
    pub(super) async fn scope_over(&self, actor: &Principal, permission: Permission, event: &Event) -> Result<Scope> {
        let own = Scope::own(actor);
        if own.covers(event) {
            return Ok(own);
        }
        let account = self.acting_account(actor).await?;
        let scope = |permission| account.as_ref().map_or(own.clone(), |account| Scope::of_account(account, permission));
        let wanted = scope(permission);
        if wanted.covers(event) {
            return Ok(wanted);
        }
        Err(if event.is_hidden() && !scope(Permission::View).covers(event) {
            Error::NotFound("Event")
        } else {
            Error::Forbidden("Only the event's organiser may do this")
        })
    }

    /// Refuses unless `actor` has this permission for all events of the organisation. For those who are no members there is none.
    pub(super) async fn may_in(&self, actor: &Actor, permission: Permission, id: OrganisationId) -> Result<Scope> {
        let organisation = Principal::Organisation(id);
        let scope = self.authorize(actor, permission).await?;
        if scope.covers_all_of(&organisation) {
            return Ok(scope);
        }
        let account = match actor {
            Actor::Person(who) => self.acting_account(who).await?,
            Actor::System | Actor::Gateway(_) | Actor::Operator => None,
        };
        let is_member = account.is_some_and(|account| account.is_active && account.memberships.of(id).is_some());
        Err(if is_member {
            Error::Forbidden("Your role in the organisation does not allow this")
        } else {
            Error::NotFound("Organisation")
        })
    }
}
