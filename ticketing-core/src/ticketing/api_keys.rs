//! API keys: making them, and whose token came with a request. See [`api_key`](crate::domain::api_key).

use super::checks::Checks;
use super::events::check_page;
use super::proofs::Reauthentication;
use super::sessions::Authenticated;
use super::{Ticketing, refused};
use crate::domain::access::{Permission, Permissions};
use crate::domain::account::Account;
use crate::domain::api_key::{
    ApiKey, ApiKeyWants, FindApiKey, KeysOf, ListApiKeys, MAX_KEY_EVENTS, MAX_LIFETIME, MakeApiKey, ManageApiKey,
    TouchApiKey,
};
use crate::domain::audit::Actor;
use crate::domain::id::{AccountId, ApiKeyId, OrganisationId};
use crate::domain::organisation::MemberEvents;
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::domain::text::composed;
use crate::error::{Error, Result};
use crate::runtime;
use crate::setters::setters;
use crate::storage::StorageExt as _;
use crate::token::{ApiKeyToken, TokenShape};
use jiff::{SignedDuration, Timestamp};

/// The shortest that a key lasts.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// An API key to make.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewApiKey {
    /// What people call it, such as the name of a device: 1–100 characters.
    pub name: String,
    /// What it may do: at least one permission.
    pub permissions: Permissions,
    /// The organisation whose events it is for. `None`: the events that its maker runs alone.
    pub organisation: Option<OrganisationId>,
    /// For which of these events: all, also later ones, or 1–100 listed ones.
    pub events: MemberEvents,
    /// When it stops working: within five years. `None`: after a year, or for a key that is for the door of listed events, 24 hours after
    /// the last of them has ended.
    pub expires_at: Option<Timestamp>,
}

impl NewApiKey {
    /// A key with this name for all events that its maker runs alone.
    pub fn new(name: impl Into<String>, permissions: Permissions) -> Self {
        let events = MemberEvents::All;
        Self { name: name.into(), permissions, organisation: None, events, expires_at: None }
    }
}

setters!(NewApiKey {
    with_organisation => organisation: impl Into<Option<OrganisationId>>,
    with_events => events: MemberEvents,
    with_expires_at => expires_at: impl Into<Option<Timestamp>>,
});

/// Who has sent a bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// A person who is logged in.
    Person(Box<Authenticated>),
    /// A program with an API key.
    Key(Box<AuthenticatedKey>),
}

/// A program with an API key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticatedKey {
    /// The key.
    pub key: ApiKey,
    /// Who made it.
    pub maker: Account,
}

impl Caller {
    /// Who acts.
    pub fn who(&self) -> Principal {
        match self {
            Self::Person(person) => Principal::Account(person.account.id),
            Self::Key(with) => with.key.principal(),
        }
    }

    /// The account of the person, or of the key's maker.
    pub fn account(&self) -> &Account {
        match self {
            Self::Person(person) => &person.account,
            Self::Key(with) => &with.maker,
        }
    }
}

impl Ticketing {
    /// Makes an API key, for the password of its maker and a code if the account has a second factor, and returns it with its token, which is shown only now. A repeat makes another key.
    ///
    /// For the events of an organisation, the maker needs [`Permission::Manage`] for all of them, and every permission that the key gets.
    /// Whatever the key was given, it can never do more than its maker may do at that moment.
    ///
    /// Refusals: `second_factor_wrong`, `second_factor_closed`; `organisation_unknown`, `not_granted`, `event_unknown` (not an event of the
    /// organiser), `too_many_api_keys` (100 that were not revoked and have not expired), `second_factor_required`. Errors: [`Error::Unauthenticated`] if the
    /// password is wrong or the account is disabled, [`Error::Invalid`], also for a missing code. Does not limit the number of tries: apply
    /// a limit of your own.
    pub async fn make_api_key(
        &self,
        maker: AccountId,
        by: impl Into<Reauthentication<'_>> + Send,
        new: NewApiKey,
    ) -> Result<(ApiKey, ApiKeyToken)> {
        // A session alone must not be enough: it ends, and a key lasts.
        let by = by.into();
        let account = self.with_password(maker, by.password).await?;
        let (now, name) = (self.now(), composed(new.name.trim()));
        let mut checks = Checks::default();
        checks.text("name", &name, 1, 100);
        checks.require("permissions", new.permissions != Permissions::NONE, || "must have at least one".to_owned());
        if let MemberEvents::Only(only) = &new.events {
            checks.require("event_ids", (1..=MAX_KEY_EVENTS).contains(&only.len()), || {
                format!("must be 1–{MAX_KEY_EVENTS} events, or left out for all (got {})", only.len())
            });
        }
        if let Some(at) = new.expires_at {
            checks.require("expires_at", now + SHORTEST <= at && at <= now + MAX_LIFETIME, || {
                format!("must be a minute to five years ahead (got {at})")
            });
        }
        checks.done()?;
        self.check_code_of(&account, by.code).await?;
        let shape = self.accounts()?.keys;
        let secret = shape.secret(&*self.inner.random);
        let make = MakeApiKey {
            maker,
            organisation_id: new.organisation,
            name,
            hash: shape.hash(&secret),
            permissions: new.permissions,
            events: new.events,
            expires_at: new.expires_at,
        };
        let key = self.inner.storage.apply_one(now, make).await?.map_err(refused)?;
        tracing::info!(event = "api_key_made", account.id = maker.0, api_key.id = key.id.0, "security");
        let token = shape.token(key.id, &secret);
        Ok((key, token))
    }

    /// Who has sent this bearer token: like [`authenticate_session`](Self::authenticate_session), and for API keys too.
    ///
    /// Costs one read, which all callers share that ask at the same time. That a key is used is noted in the background, once an hour at
    /// most; where it cannot be noted, the key is good none the less.
    ///
    /// Errors: [`Error::Unauthenticated`], the same for every fault: a key that is unknown, mistyped, revoked or expired, of a sandbox, or
    /// whose maker was disabled.
    pub async fn authenticate_caller(&self, token: &str) -> Result<Caller> {
        if !TokenShape::is_meant(token) {
            return Ok(Caller::Person(Box::new(self.authenticate_session(token).await?)));
        }
        let refused = || Error::Unauthenticated("Could not validate credentials");
        let accounts = self.accounts()?;
        let (id, secret) = accounts.keys.read(token).ok_or_else(refused)?;
        let (key, maker) = self.inner.batches.find(FindApiKey(id)).await?.ok_or_else(refused)?;
        let now = self.now();
        // Who tries to guess by time learns about the hash, and not about what it is made of.
        let faults = [
            (key.hash != accounts.keys.hash(&secret), "wrong"),
            (key.revoked_at.is_some(), "revoked"),
            (!key.is_open(now), "expired"),
            (!maker.is_active, "maker_disabled"),
        ];
        let fault = faults.into_iter().find_map(|(is_so, reason)| is_so.then_some(reason));
        if let Some(reason) = fault {
            tracing::warn!(event = "api_key_refused", api_key.id = id.0, reason, "security");
            return Err(refused());
        }
        if key.wants_touch(now) {
            self.touch_api_key(id);
        }
        Ok(Caller::Key(Box::new(AuthenticatedKey { key, maker })))
    }

    /// Notes in the background that a key is used.
    fn touch_api_key(&self, id: ApiKeyId) {
        let Ok(accounts) = self.accounts() else { return };
        // Many requests may find at once that it should be.
        if !accounts.touching_keys().insert(id) {
            return;
        }
        let engine = self.clone();
        drop(runtime::run(&*self.inner.runtime, async move {
            if let Err(error) = engine.inner.batches.apply(TouchApiKey(id)).await {
                tracing::debug!(api_key.id = id.0, %error, "could not note that an API key is used");
            }
            if let Some(accounts) = &engine.inner.accounts {
                accounts.touching_keys().remove(&id);
            }
        }));
    }

    /// Lists the keys that an account has made or taken over and that were not revoked, the newest first.
    pub async fn api_keys(&self, maker: AccountId, page: PageRequest) -> Result<Page<(ApiKey, Account)>> {
        check_page(page)?;
        Ok(self.inner.storage.find(ListApiKeys { of: KeysOf::Maker(maker), page }).await?)
    }

    /// Lists the keys for the events of an organisation that were not revoked, no matter who made them, the newest first. Needs
    /// [`Permission::Manage`] for all of its events.
    pub async fn api_keys_of(
        &self,
        actor: &Actor,
        id: OrganisationId,
        page: PageRequest,
    ) -> Result<Page<(ApiKey, Account)>> {
        check_page(page)?;
        let scope = self.may_in(actor, Permission::Manage, id).await?;
        Ok(self.inner.storage.find(ListApiKeys { of: KeysOf::Organisation(scope, id), page }).await?)
    }

    /// Revokes a key: it stops working with the next request. A repeat changes nothing. For its maker, members of its organisation who
    /// have [`Permission::Manage`] for all events, administrators, and the operator.
    ///
    /// Errors: [`Error::NotFound`] for everybody else. Refusals: `second_factor_required`.
    pub async fn revoke_api_key(&self, actor: &Actor, id: ApiKeyId) -> Result<ApiKey> {
        self.manage_api_key(actor, id, ApiKeyWants::Revoked).await
    }

    /// Makes an account the maker of a key of an organisation, for its password and a code if it has a second factor. So the key goes on
    /// working when the maker before leaves, or works again. A repeat changes nothing. The account needs [`Permission::Manage`] and every
    /// permission of the key for all events of the organisation.
    ///
    /// Refusals: `not_granted`, `too_many_api_keys`, `second_factor_wrong`, `second_factor_closed`, `second_factor_required`. Errors:
    /// [`Error::NotFound`], also if the key was revoked or has expired; [`Error::Unauthenticated`] if the password is wrong or the account is
    /// disabled; [`Error::Invalid`] for a missing code.
    pub async fn take_over_api_key(
        &self,
        id: AccountId,
        by: impl Into<Reauthentication<'_>> + Send,
        key: ApiKeyId,
    ) -> Result<ApiKey> {
        let by = by.into();
        // As at a new key: a session alone must not bring a token back to life.
        let account = self.with_password(id, by.password).await?;
        self.check_code_of(&account, by.code).await?;
        self.manage_api_key(&Actor::Person(Principal::Account(id)), key, ApiKeyWants::TakenOver).await
    }

    async fn manage_api_key(&self, actor: &Actor, id: ApiKeyId, wants: ApiKeyWants) -> Result<ApiKey> {
        let manage = ManageApiKey { id, actor: actor.clone(), wants };
        let outcome = self.inner.storage.apply_one(self.now(), manage).await?;
        if matches!(outcome, Err(Refusal::ApiKeyUnknown)) {
            return Err(Error::NotFound("API key"));
        }
        let key = outcome.map_err(refused)?;
        tracing::info!(event = "api_key_changed", api_key.id = id.0, ?wants, %actor, "security");
        Ok(key)
    }
}
