//! What somebody may do, and with which events: the one place where a use case asks.

use super::{Ticketing, refused};
use crate::domain::access::Permission;
use crate::domain::account::{Account, AccountKey, FindAccount};
use crate::domain::api_key::{ApiKey, FindApiKey};
use crate::domain::audit::Actor;
use crate::domain::event::Event;
use crate::domain::id::{EventId, OrganisationId};
use crate::domain::organisation::FindOrganisations;
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::error::{Error, Result};
use std::borrow::Cow;

/// Who asks for a [`Scope`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Asker<'a> {
    /// A principal. The role of an account, or what an API key may do, is looked up.
    Principal(&'a Principal),
    /// An account that [`authenticate`](Ticketing::authenticate) has just returned. It is not looked up again; whether its organisations
    /// require a second factor is, for a member without one.
    Account(&'a Account),
    /// An API key that was just found good, and the account of its maker. Looked up as for an account.
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
struct Acting {
    who: Principal,
    /// The account, or that of a key's maker.
    account: Option<Account>,
    /// The key, if it is one that works now.
    key: Option<ApiKey>,
    /// The organisations that the account is a member of and cannot act for, because it has no second factor.
    shut: Vec<OrganisationId>,
}

impl Acting {
    fn scope(&self, permission: Permission) -> Scope {
        self.scope_but(&self.shut, permission)
    }

    /// The scope without the memberships in these organisations.
    fn scope_but(&self, shut: &[OrganisationId], permission: Permission) -> Scope {
        match (&self.key, &self.account) {
            (Some(key), Some(maker)) => Scope::of_key(key, &without(maker, shut), permission),
            (None, Some(account)) => Scope::of_account(&without(account, shut), permission),
            // Nothing is known: an identity of the application, an organisation, or a key that does not work any more.
            (_, None) => Scope::own(&self.who),
        }
    }

    /// Whether it knows of the organisation.
    fn belongs_to(&self, id: OrganisationId) -> bool {
        match (&self.key, &self.account) {
            (Some(key), _) => key.organisation_id == Some(id),
            (None, Some(account)) => account.is_active && account.memberships.of(id).is_some(),
            (None, None) => false,
        }
    }

    /// Refuses, if nothing stands in the way but that it has no second factor. Others do not learn that there is something.
    fn lacks_only_a_factor(&self, permission: Permission, covers: impl FnOnce(&Scope) -> bool) -> Result<()> {
        if !self.shut.is_empty() && covers(&self.scope_but(&[], permission)) {
            return Err(refused(Refusal::SecondFactorRequired));
        }
        Ok(())
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
            Asker::Account(account) => {
                let shut = self.shut_to(account).await?;
                return Ok(Scope::of_account(&without(account, &shut), permission));
            }
            Asker::Key(key, maker) => {
                let shut = self.shut_to(maker).await?;
                return Ok(Scope::of_key(key, &without(maker, &shut), permission));
            }
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
    pub async fn own_scope(&self, caller: &super::Caller, permission: Permission) -> Result<Scope> {
        let shut = self.shut_to(caller.account()).await?;
        let account = without(caller.account(), &shut);
        Ok(match caller {
            super::Caller::Person(_) => Scope::of_member(&account, permission),
            super::Caller::Key(with) => Scope::of_key(&with.key, &account, permission),
        })
    }

    /// Who runs an event that somebody creates: they themselves, or the organiser that an API key is for.
    pub(super) async fn organizer_for(&self, who: &Principal) -> Result<Principal> {
        let Principal::Key { .. } = who else { return Ok(who.clone()) };
        let acting = self.acting(who).await?;
        if let Some(organizer) = acting.key.as_ref().map(ApiKey::organizer) {
            if acting.scope(Permission::Edit).covers_all_of(&organizer) {
                return Ok(organizer);
            }
            acting.lacks_only_a_factor(Permission::Edit, |scope| scope.covers_all_of(&organizer))?;
        }
        Err(Error::Forbidden("This API key may not create events"))
    }

    async fn acting(&self, who: &Principal) -> Result<Acting> {
        let (key, account) = match who {
            Principal::Key { id, .. } => {
                let found = self.inner.batches.find(FindApiKey(*id)).await?;
                found.filter(|(key, maker)| key.is_open(self.now()) && maker.is_active).unzip()
            }
            _ => (None, self.acting_account(who).await?),
        };
        let shut = match &account {
            Some(account) => self.shut_to(account).await?,
            None => vec![],
        };
        Ok(Acting { who: who.clone(), account, key, shut })
    }

    /// The organisations that an account is a member of and cannot act for, because it has no second factor. Costs a read, for members
    /// without one only.
    async fn shut_to(&self, account: &Account) -> Result<Vec<OrganisationId>> {
        if account.has_second_factor || account.memberships.is_empty() {
            return Ok(vec![]);
        }
        let ids = account.memberships.iter().map(|of| of.organisation_id).collect();
        let found = self.inner.batches.find(FindOrganisations(ids)).await?;
        Ok(found
            .iter()
            .filter(|organisation| !organisation.admits(account))
            .map(|organisation| organisation.id)
            .collect())
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
        acting.lacks_only_a_factor(permission, |scope| scope.covers(event))?;
        Err(if event.is_hidden() && !acting.scope(Permission::View).covers(event) {
            Error::NotFound("Event")
        } else {
            Error::Forbidden("Only the event's organiser may do this")
        })
    }

    /// Refuses unless `actor` has this permission for all events of the organisation. For those who are no members there is none.
    pub(super) async fn may_in(&self, actor: &Actor, permission: Permission, id: OrganisationId) -> Result<Scope> {
        let organisation = Principal::Organisation(id);
        let acting = match actor {
            Actor::Person(who) => self.acting(who).await?,
            Actor::Operator => return Ok(Scope::all()),
            Actor::System | Actor::Gateway(_) => return Err(Error::Forbidden("Only people act on events")),
        };
        if acting.key.is_some() && permission == Permission::Manage {
            // Who has access is for people to change: a leaked key must not make itself last.
            return Err(Error::Forbidden("An API key cannot manage an organisation"));
        }
        let scope = acting.scope(permission);
        if scope.covers_all_of(&organisation) {
            return Ok(scope);
        }
        acting.lacks_only_a_factor(permission, |scope| scope.covers_all_of(&organisation))?;
        let is_member = acting.belongs_to(id);
        Err(if is_member {
            Error::Forbidden("Your role in the organisation does not allow this")
        } else {
            Error::NotFound("Organisation")
        })
    }
}

/// An account without its memberships in these organisations.
fn without<'a>(account: &'a Account, shut: &[OrganisationId]) -> Cow<'a, Account> {
    if shut.is_empty() {
        return Cow::Borrowed(account);
    }
    Cow::Owned(Account { memberships: account.memberships.without(shut), ..account.clone() })
}

/// What somebody hears of a thing that they may not see: that it is missing. A member who only lacks a second factor hears that instead.
pub(super) fn unless_known(error: Error, missing: Error) -> Error {
    match error {
        Error::Refused(Refusal::SecondFactorRequired) => error,
        _ => missing,
    }
}
