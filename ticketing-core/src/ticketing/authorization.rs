//! What somebody may do, and with which events: the one place where a use case asks.

use super::Ticketing;
use crate::domain::access::Permission;
use crate::domain::account::{Account, AccountKey, FindAccount};
use crate::domain::api_key::{ApiKey, FindApiKey};
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
    /// A principal. The role of an account, or what an API key may do, is looked up.
    Principal(&'a Principal),
    /// An account that [`authenticate`](Ticketing::authenticate) has just returned: nothing is looked up again.
    Account(&'a Account),
    /// An API key that was just found good, and the account of its maker: nothing is looked up again.
    Key(&'a ApiKey, &'a Account),
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

#[cfg(feature = "accounts")]
impl<'a> From<&'a super::Caller> for Asker<'a> {
    fn from(caller: &'a super::Caller) -> Self {
        match caller {
            super::Caller::Person(person) => Self::Account(&person.account),
            super::Caller::Key(with) => Self::Key(&with.key, &with.maker),
        }
    }
}

/// A principal, with what was looked up about it.
enum Acting {
    Account(Box<Account>),
    /// A key that works now, and the account of its maker.
    Key(Box<(ApiKey, Account)>),
    /// Nothing is known: an identity of the application, an organisation, or a key that does not work any more.
    Other(Principal),
}

impl Acting {
    fn scope(&self, permission: Permission) -> Scope {
        match self {
            Self::Account(account) => Scope::of_account(account, permission),
            Self::Key(with) => Scope::of_key(&with.0, &with.1, permission),
            Self::Other(who) => Scope::own(who),
        }
    }

    /// Whether it knows of the organisation.
    fn belongs_to(&self, id: OrganisationId) -> bool {
        match self {
            Self::Account(account) => account.is_active && account.memberships.of(id).is_some(),
            Self::Key(with) => with.0.organisation_id == Some(id),
            Self::Other(_) => false,
        }
    }
}

impl Ticketing {
    /// The events for which somebody has a permission: their own, those of organisations in which their role has it, and all for
    /// administrators and the operator. At the door, administrators have no rights of their own. For an API key, those that it is for, as
    /// far as its maker has the permission too.
    ///
    /// It says what is so now. Ask again for the next request: then a role that was taken away is gone.
    pub async fn authorize<'a>(&self, asker: impl Into<Asker<'a>> + Send, permission: Permission) -> Result<Scope> {
        let who = match asker.into() {
            Asker::Account(account) => return Ok(Scope::of_account(account, permission)),
            Asker::Key(key, maker) => return Ok(Scope::of_key(key, maker, permission)),
            Asker::Actor(Actor::Operator) => return Ok(Scope::all()),
            Asker::Principal(who) | Asker::Actor(Actor::Person(who)) => who,
            Asker::Actor(Actor::System | Actor::Gateway(_)) => {
                return Err(Error::Forbidden("Only people act on events"));
            }
        };
        Ok(self.acting(who).await?.scope(permission))
    }

    /// The events that a caller runs, alone or as a member of an organisation, and has a permission for: without the rights of an
    /// administrator. For a key, those that it is for.
    #[cfg(feature = "accounts")]
    pub fn own_scope(&self, caller: &super::Caller, permission: Permission) -> Scope {
        match caller {
            super::Caller::Person(person) => Scope::of_member(&person.account, permission),
            super::Caller::Key(with) => Scope::of_key(&with.key, &with.maker, permission),
        }
    }

    /// Who runs an event that somebody creates: they themselves, or the organiser that an API key is for.
    pub(super) async fn organizer_for(&self, who: &Principal) -> Result<Principal> {
        let Principal::Key { .. } = who else { return Ok(who.clone()) };
        if let acting @ Acting::Key(with) = &self.acting(who).await? {
            let organizer = with.0.organizer();
            if acting.scope(Permission::Edit).covers_all_of(&organizer) {
                return Ok(organizer);
            }
        }
        Err(Error::Forbidden("This API key may not create events"))
    }

    async fn acting(&self, who: &Principal) -> Result<Acting> {
        if let Principal::Key { id, .. } = who {
            let found = self.inner.batches.find(FindApiKey(*id)).await?;
            let works = found.filter(|(key, maker)| key.is_open(self.now()) && maker.is_active);
            return Ok(works.map_or_else(|| Acting::Other(who.clone()), |with| Acting::Key(Box::new(with))));
        }
        let account = self.acting_account(who).await?;
        Ok(account.map_or_else(|| Acting::Other(who.clone()), |account| Acting::Account(Box::new(account))))
    }

    /// The account of a principal, if it is one. Looked up together with those of other calls.
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
        let acting = self.acting(actor).await?;
        let wanted = acting.scope(permission);
        if wanted.covers(event) {
            return Ok(wanted);
        }
        Err(if event.is_hidden() && !acting.scope(Permission::View).covers(event) {
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
        let is_member = match actor {
            Actor::Person(who) => self.acting(who).await?.belongs_to(id),
            Actor::System | Actor::Gateway(_) | Actor::Operator => false,
        };
        Err(if is_member {
            Error::Forbidden("Your role in the organisation does not allow this")
        } else {
            Error::NotFound("Organisation")
        })
    }
}
