//! Accounts: registration, login and session tokens. What an account's owner sees of sessions is in `sessions.rs`.

use super::checks::Checks;
use super::{Ticketing, granted};
use crate::clock::Random;
use crate::domain::account::{Account, AccountChange, AccountKey, ChangeAccount, FindAccount, NewAccount, Role};
use crate::domain::factor::FactorTicket;
use crate::domain::id::{AccountId, ApiKeyId, SessionId};
use crate::domain::principal::EmailAddress;
use crate::domain::refusal::Refusal;
use crate::domain::session::{MAX_CLIENT, NewSession, StoredSession};
use crate::domain::text::{composed, is_combining_mark, opaque};
use crate::error::{Error, Result};
use crate::password::{Cost, Passwords, is_common, is_public};
use crate::setters::setters;
use crate::storage::StorageExt as _;
use crate::token::{Checked, FactorKey, GuestKeys, KeyMode, ProofKey, TokenKey, TokenShape, Tokens};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The shortest password, in characters (OWASP ASVS 5.0, 6.2.1). No other rule: they make passwords worse (6.2.5).
const MIN_PASSWORD: usize = 8;
/// The longest, in bytes: hashing reads them all.
const MAX_PASSWORD: usize = 1024;

#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) tokens: Tokens,
    pub(super) passwords: Passwords,
    /// The tokens of proofs are derived from it.
    pub(super) proofs: ProofKey,
    /// Keeps second factors secret.
    pub(super) factors: FactorKey,
    /// The keys of guests' orders are derived from it.
    pub(super) guests: GuestKeys,
    /// And those of transfers.
    pub(super) transfers: GuestKeys,
    /// How the tokens of API keys look.
    pub(super) keys: TokenShape,
    /// After how long without use a session ends.
    pub(super) idle: Option<SignedDuration>,
    /// Sessions whose use is being written.
    touching: Mutex<BTreeSet<SessionId>>,
    /// API keys whose use is being written.
    touching_keys: Mutex<BTreeSet<ApiKeyId>>,
    refuses_common: bool,
}

impl Accounts {
    pub(super) fn new(
        key: TokenKey,
        lifetime: SignedDuration,
        (threads, cost): (usize, Cost),
        random: &dyn Random,
    ) -> Result<Self> {
        let passwords = Passwords::new(threads, cost, random)?;
        let (proofs, factors, guests) = (key.proofs(), key.factors(), key.guests());
        let transfers = key.transfers();
        let tokens = Tokens::new(key, lifetime);
        let (touching, touching_keys) = (Mutex::default(), Mutex::default());
        let keys = TokenShape(KeyMode::default());
        Ok(Self {
            tokens,
            passwords,
            proofs,
            factors,
            guests,
            transfers,
            keys,
            idle: None,
            touching,
            touching_keys,
            refuses_common: false,
        })
    }

    /// Sets after how long without use a session ends.
    pub(super) fn ending_idle(self, idle: Option<SignedDuration>) -> Self {
        Self { idle, ..self }
    }

    /// Sets how the tokens of API keys look.
    pub(super) fn with_key_mode(self, mode: KeyMode) -> Self {
        Self { keys: TokenShape(mode), ..self }
    }

    /// Sessions whose use is being written.
    pub(super) fn touching(&self) -> MutexGuard<'_, BTreeSet<SessionId>> {
        self.touching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// API keys whose use is being written.
    pub(super) fn touching_keys(&self) -> MutexGuard<'_, BTreeSet<ApiKeyId>> {
        self.touching_keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets whether new accounts must have another password than the commonest.
    pub(super) fn refusing_common(self, refuses_common: bool) -> Self {
        Self { refuses_common, ..self }
    }
}

/// A request to create an account.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registration {
    /// The e-mail address. Unique, in any case and spelling.
    pub email: String,
    /// The person's name: 1–200 characters.
    pub name: String,
    /// A user name to log in with: 1–50 letters, digits, `.`, `_` or `-`. Unique, in any case and spelling.
    pub username: Option<String>,
    /// The password: at least 8 characters and at most 1024 bytes. See [`TicketingBuilder::refuse_common_passwords`].
    ///
    /// [`TicketingBuilder::refuse_common_passwords`]: crate::TicketingBuilder::refuse_common_passwords
    pub password: String,
    /// The phone number: at most 30 characters.
    pub phone: Option<String>,
}

impl Registration {
    /// Creates one without a user name and a phone number.
    pub fn new(email: impl Into<String>, name: impl Into<String>, password: impl Into<String>) -> Self {
        Self { email: email.into(), name: name.into(), username: None, password: password.into(), phone: None }
    }
}

setters!(Registration {
    with_username => username: impl Into<Option<String>>,
    with_phone => phone: impl Into<Option<String>>,
});

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registration(..)")
    }
}

/// A session of an account.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The account.
    pub account: Account,
    /// The session token, for the header `Authorization: Bearer`.
    pub token: String,
    /// When the session ends.
    pub ends_at: Timestamp,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("account", &self.account)
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

impl Ticketing {
    /// Creates an account. A repeat is refused, because the address is taken.
    ///
    /// Refusals: `email_taken`, `username_taken`.
    pub async fn register(&self, registration: Registration) -> Result<Account> {
        let name = composed(registration.name.trim());
        let username = registration.username.as_deref().map(composed);
        let phone = registration.phone.as_deref().map(composed);
        let password = opaque(&registration.password);
        let mut checks = Checks::default();
        let email = checks.parsed("email", registration.email.trim().parse::<EmailAddress>());
        checks.text("name", &name, 1, 200);
        checks.optional_text("phone", phone.as_deref(), 30);
        if let Some(username) = &username {
            checks.text("username", username, 1, 50);
            // No `@`: a user name must never look like an e-mail address.
            let ok = |c: char| c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '.' | '_' | '-');
            checks.require("username", username.chars().all(ok), || {
                "must contain only letters, digits, `.`, `_` and `-`".to_owned()
            });
        }
        check_password(&mut checks, &password);
        if self.accounts()?.refuses_common {
            check_guesses(&mut checks, &password, &registration.email, username.as_deref());
        }
        checks.done()?;
        let Some(email) = email else { return Err(Error::invalid("email", "must be an e-mail address")) };

        // Checked before hashing to save the work. The storage has the final say, except about an account that was made when its
        // address was not yet spelt as all others are.
        if self.inner.storage.account(&AccountKey::Login(registration.email)).await?.is_some() {
            return Err(super::refused(Refusal::EmailTaken));
        }
        let new = NewAccount {
            email,
            name,
            username,
            phone,
            password_hash: self.accounts()?.passwords.hash(&password).await?,
            role: Role::Member,
        };
        granted(self.inner.storage.apply(self.now(), &[new]).await?)
    }

    /// Logs in by e-mail address or user name. An unknown name, a wrong password and a switched-off account get the same error
    /// after the same time. Does not limit the number of tries: apply a rate limit of your own.
    ///
    /// Refusals: `second_factor_wanted`, with a ticket, if the password is right and the account has a second factor: continue with
    /// [`login_with_code`](Self::login_with_code).
    pub async fn login(&self, name: &str, password: &str) -> Result<Session> {
        self.login_from(name, password, None).await
    }

    /// Like [`login`](Self::login), with a short description of the client, such as `Firefox on Windows`, for the
    /// [list of sessions](Self::sessions). More than 100 characters are cut off.
    pub async fn login_from(&self, name: &str, password: &str, client: Option<&str>) -> Result<Session> {
        let refused = || Error::Unauthenticated("Incorrect email or password");
        if password.len() > MAX_PASSWORD {
            return Err(refused());
        }
        let account = self.find_account(name).await?;
        let hash = account.as_ref().map(|account| account.password_hash.as_str());
        let fits = self.password_fits(password, hash).await?;
        let account = account.filter(|account| account.is_active);
        let (account, Fits { is_outdated }) = account.zip(fits).ok_or_else(refused)?;
        if self.accounts()?.passwords.is_weak(&account.password_hash) || is_outdated {
            self.renew_hash(&account, &opaque(password)).await?;
        }
        if account.has_second_factor {
            let tokens = &self.accounts()?.tokens;
            let (ticket, until) = tokens.issue_ticket(&account, self.now(), &*self.inner.random)?;
            return Err(super::refused(Refusal::SecondFactorWanted { ticket: FactorTicket(ticket), until }));
        }
        self.session_of(account, client).await
    }

    /// Begins a session of an account.
    pub(super) async fn session_of(&self, account: Account, client: Option<&str>) -> Result<Session> {
        let new = self.new_session(&account, client)?;
        let stored = self.inner.batches.apply(new).await?;
        self.session_with_token(account, &stored)
    }

    /// A session to begin.
    pub(super) fn new_session(&self, account: &Account, client: Option<&str>) -> Result<NewSession> {
        let client = client.map(|client| composed(client.trim()).replace(char::is_control, " "));
        let client =
            client.map(|client| client.chars().take(MAX_CLIENT).collect()).filter(|client: &String| !client.is_empty());
        Ok(NewSession::of(account, client, self.accounts()?.tokens.end(self.now())))
    }

    /// A session that has begun, with its token.
    pub(super) fn session_with_token(&self, account: Account, stored: &StoredSession) -> Result<Session> {
        let said = Checked { account: account.id, ended: stored.ended_before, session: Some(stored.id) };
        let ends_at = stored.expires_at;
        let token = self.accounts()?.tokens.issue(said, self.now(), ends_at, &*self.inner.random)?;
        Ok(Session { account, token, ends_at })
    }

    /// Whether the password is the one of this hash. Without a hash, it takes as long and is not.
    pub(super) async fn password_fits(&self, password: &str, hash: Option<&str>) -> Result<Option<Fits>> {
        if password.len() > MAX_PASSWORD {
            return Ok(None);
        }
        // First as it was typed: so it was hashed before passwords were composed.
        let composed = opaque(password);
        let passwords = &self.accounts()?.passwords;
        let as_typed = passwords.verify(password, hash).await?;
        let fits = as_typed || (composed != password && passwords.verify(&composed, hash).await?);
        Ok(fits.then_some(Fits { is_outdated: as_typed && composed != password }))
    }

    /// Finds the account that a person logs in to by this e-mail address or user name, whether or not it is switched off. For limits
    /// that count by account: one that has two names must not be guessed twice as often.
    pub async fn find_account(&self, name: &str) -> Result<Option<Account>> {
        self.inner.batches.find(FindAccount(AccountKey::Login(name.to_owned()))).await
    }

    /// Hashes the password again: its hash has outdated parameters, or is of another spelling. Only at login is the password known.
    async fn renew_hash(&self, account: &Account, password: &str) -> Result<()> {
        let hash = self.accounts()?.passwords.hash(password).await?;
        let change = AccountChange::PasswordHash { seen: account.password_hash.clone(), hash };
        self.inner.storage.apply_one(self.now(), ChangeAccount { id: account.id, change }).await?;
        Ok(())
    }

    /// Returns the account of a session token. Rejects tokens that are invalid, have expired, whose session was ended, or that belong to a
    /// switched-off account.
    pub async fn authenticate(&self, token: &str) -> Result<Account> {
        Ok(self.authenticate_session(token).await?.account)
    }

    /// Ends all sessions of an account: from the next request on, every process rejects the tokens issued so far.
    pub async fn end_sessions(&self, id: AccountId) -> Result<Account> {
        self.change_account(id, AccountChange::EndSessions).await
    }

    /// Changes an account's password and ends all its sessions, for the operator's own tools: the person itself uses
    /// [`change_password`](Self::change_password), which checks the current one. Open tokens for a new password or address end too, and
    /// the account is told by mail, if its address is verified. One of
    /// the commonest passwords, and the account's own address and user name, are rejected.
    pub async fn set_password(&self, id: AccountId, password: &str) -> Result<Account> {
        let account = self.inner.storage.account(&AccountKey::Id(id)).await?.ok_or(Error::NotFound("Account"))?;
        let hash = self.new_hash(&account, password).await?;
        let account = self.change_account(id, AccountChange::NewPassword { seen: account.password_hash, hash }).await?;
        tracing::info!(event = "password_changed", account.id = id.0, "security");
        Ok(account)
    }

    async fn change_account(&self, id: AccountId, change: AccountChange) -> Result<Account> {
        let account = self.inner.storage.apply_one(self.now(), ChangeAccount { id, change }).await?;
        account.ok_or(Error::NotFound("Account"))
    }

    pub(super) fn accounts(&self) -> Result<&Accounts> {
        self.inner.accounts.as_ref().ok_or_else(|| Error::Configuration("accounts need a token key".to_owned()))
    }
}

/// A password that is the right one.
pub(super) struct Fits {
    /// It was hashed as it was typed, and not as it is spelt today.
    is_outdated: bool,
}

pub(super) fn check_password(checks: &mut Checks, password: &str) {
    let found = password.chars().count();
    checks.require("password", found >= MIN_PASSWORD, || {
        format!("must be at least {MIN_PASSWORD} characters (got {found})")
    });
    let bytes = password.len();
    checks.require("password", bytes <= MAX_PASSWORD, || format!("must be at most {MAX_PASSWORD} bytes (got {bytes})"));
}

/// What an attacker tries first (OWASP ASVS 5.0, 6.2.4): the commonest passwords, and what everybody knows about the account.
pub(super) fn check_guesses(checks: &mut Checks, password: &str, email: &str, username: Option<&str>) {
    checks.require("password", !is_common(password), || "must not be one of the most common passwords".to_owned());
    let local = email.rsplit_once('@').map(|(local, _)| local);
    let is_public = is_public(password, [Some(email), local, username].into_iter().flatten());
    checks.require("password", !is_public, || "must not be the e-mail address or the user name".to_owned());
}
