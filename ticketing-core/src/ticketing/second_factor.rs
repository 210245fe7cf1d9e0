//! Second factors: adding one, logging in with it, recovery codes, and removing it. See [`factor`](crate::domain::factor).

use super::accounts::Session;
use super::checks::Checks;
use super::proofs::WRONG_PASSWORD;
use super::{Ticketing, refused};
use crate::domain::account::Account;
use crate::domain::factor::{
    BeginFactor, CodeOutcome, CodeUse, Factor, FactorCode, FindFactor, Hashes, RECOVERY_CODES, UseCode,
};
use crate::domain::id::AccountId;
use crate::domain::refusal::Refusal;
use crate::domain::session::StoredSession;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;
use crate::token::{RecoveryCode, SECRET_BYTES, base32, otpauth_uri, step_of};
use jiff::Timestamp;
use std::fmt;

/// The longest name that an app shows, in characters.
const MAX_ISSUER: usize = 100;

/// The second factor of an account, for its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecondFactorState {
    /// Since when a code is asked for. `None`: the account has no second factor.
    pub since: Option<Timestamp>,
    /// How many recovery codes are left.
    pub recovery_codes_left: usize,
    /// Until when no code is taken, since there were too many wrong ones.
    pub closed_until: Option<Timestamp>,
}

/// A second factor that was begun, to be put into an authenticator app.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewSecondFactor {
    /// The secret, for typing: base 32.
    pub secret: String,
    /// The same as an `otpauth://` URI, for a link on a phone or a QR image.
    pub uri: String,
}

impl fmt::Debug for NewSecondFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewSecondFactor(..)")
    }
}

/// Recovery codes. They are shown once: only hashes are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCodes(pub Vec<String>);

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecoveryCodes({})", self.0.len())
    }
}

impl Ticketing {
    /// The second factor of an account.
    pub async fn second_factor(&self, id: AccountId) -> Result<SecondFactorState> {
        let (_, factor) = self.factor_of(id).await?;
        let on = factor.as_ref().filter(|factor| factor.is_on());
        Ok(SecondFactorState {
            since: on.and_then(|factor| factor.confirmed_at),
            recovery_codes_left: on.map_or(0, |factor| factor.recovery_hashes.0.len()),
            closed_until: factor.and_then(|factor| factor.closed_until(self.now())),
        })
    }

    /// Begins a second factor: makes a secret for an authenticator app. Nothing asks for a code until
    /// [`confirm_second_factor`](Self::confirm_second_factor), within an hour. A repeat makes another secret, which replaces the first.
    /// `issuer` is the name that the app shows: 1 to 100 characters.
    ///
    /// Refusals: `second_factor_on`; `email_unverified`, since a person who registers a stranger's address must not keep its owner out. Errors:
    /// [`Error::Unauthenticated`] if the password is wrong or the account is switched off, [`Error::NotFound`] if there is no such account.
    /// Does not limit the number of tries: apply a limit of your own.
    pub async fn begin_second_factor(&self, id: AccountId, password: &str, issuer: &str) -> Result<NewSecondFactor> {
        let mut checks = Checks::default();
        checks.text("issuer", issuer, 1, MAX_ISSUER);
        checks.done()?;
        let account = self.with_password(id, password).await?;
        let mut secret = [0; SECRET_BYTES];
        self.inner.random.fill(&mut secret);
        let sealed = self.accounts()?.factors.seal(id, &secret, &*self.inner.random);
        let sealed = sealed.ok_or_else(|| Error::Configuration("no secret could be encrypted".to_owned()))?;
        let begin = BeginFactor { id, seen: account.password_hash, secret: sealed };
        let begun = self.inner.storage.apply_one(self.now(), begin).await?.map_err(refused)?;
        begun.ok_or(WRONG_PASSWORD)?;
        let secret = base32(&secret);
        Ok(NewSecondFactor { uri: otpauth_uri(issuer, account.email.as_str(), &secret), secret })
    }

    /// Confirms the second factor that was begun, with a code of the app: from now on, a code is asked for when the account logs in. Returns
    /// the recovery codes. Sessions go on. The owner is told by mail.
    ///
    /// Refusals: `second_factor_wrong`; `second_factor_closed` for 15 minutes after five wrong codes in a row; `second_factor_off` if none
    /// was begun within an hour; `second_factor_on`, also for a repeat: who has lost the answer
    /// [renews the recovery codes](Self::renew_recovery_codes).
    pub async fn confirm_second_factor(&self, id: AccountId, code: &str) -> Result<RecoveryCodes> {
        let (codes, recovery) = self.recovery_codes(id)?;
        self.use_code(id, code, CodeUse::Confirm { recovery }).await?;
        tracing::info!(event = "second_factor_added", account.id = id.0, "security");
        Ok(codes)
    }

    /// Logs in with the ticket of a [`login`](Self::login) that wanted a code, and a code: of the app, or a recovery code, whose use is told
    /// by mail. Each code works once. `client` is as in [`login_from`](Self::login_from).
    ///
    /// Refusals: `second_factor_wrong`; `second_factor_closed` for 15 minutes after five wrong codes in a row, for the whole account. Errors:
    /// [`Error::Unauthenticated`] if the ticket is not good any more: after five minutes, or once the account has another password, was
    /// switched off or has no second factor. Log in again then.
    pub async fn login_with_code(&self, ticket: &str, code: &str, client: Option<&str>) -> Result<Session> {
        const AGAIN: Error = Error::Unauthenticated("This took too long. Please log in again");
        let said = self.accounts()?.tokens.check_ticket(ticket, self.now()).map_err(|_| AGAIN)?;
        let (account, _) = self.factor_of(said.account).await.map_err(|error| match error {
            Error::NotFound(_) => AGAIN,
            other => other,
        })?;
        if account.sessions_ended != said.ended {
            return Err(AGAIN);
        }
        let session = self.new_session(&account, client)?;
        match self.use_code(account.id, code, CodeUse::LogIn(session)).await {
            Ok((account, Some(stored))) => self.session_with_token(account, &stored),
            Ok((_, None)) | Err(Error::Refused(Refusal::SecondFactorOff)) => Err(AGAIN),
            Err(error) => Err(error),
        }
    }

    /// Makes new recovery codes, for the password and a code. The old ones do not work any more. A repeat makes others.
    ///
    /// Refusals: `second_factor_wrong`, `second_factor_closed`, `second_factor_off`. Errors: as of
    /// [`begin_second_factor`](Self::begin_second_factor).
    pub async fn renew_recovery_codes(&self, id: AccountId, password: &str, code: &str) -> Result<RecoveryCodes> {
        let seen = self.with_password(id, password).await?.password_hash;
        let (codes, recovery) = self.recovery_codes(id)?;
        self.use_code(id, code, CodeUse::Renew { seen, recovery }).await?;
        tracing::info!(event = "recovery_codes_renewed", account.id = id.0, "security");
        Ok(codes)
    }

    /// Removes the second factor, for the password and a code: no code is asked for any more. Its recovery codes are gone. The owner is told
    /// by mail. Who has neither the app nor a recovery code needs an administrator: see
    /// [`AccountWants::removes_second_factor`](crate::domain::account::AccountWants::removes_second_factor).
    ///
    /// Refusals: `second_factor_wrong`, `second_factor_closed`; `second_factor_off`, also for a repeat. Errors: as of
    /// [`begin_second_factor`](Self::begin_second_factor).
    pub async fn remove_second_factor(&self, id: AccountId, password: &str, code: &str) -> Result<Account> {
        let seen = self.with_password(id, password).await?.password_hash;
        let (account, _) = self.use_code(id, code, CodeUse::Remove { seen }).await?;
        tracing::info!(event = "second_factor_removed", account.id = id.0, "security");
        Ok(account)
    }

    /// Checks a code, which is used up by that, before something that needs more than a session. Whether an account has a second factor, its
    /// [`has_second_factor`](Account::has_second_factor) says.
    ///
    /// Refusals: `second_factor_wrong`, `second_factor_closed`, `second_factor_off`.
    pub async fn check_second_factor(&self, id: AccountId, code: &str) -> Result<()> {
        self.use_code(id, code, CodeUse::Check).await.map(drop)
    }

    /// Uses a code that somebody typed.
    async fn use_code(&self, id: AccountId, code: &str, to: CodeUse) -> Result<(Account, Option<StoredSession>)> {
        let (_, factor) = self.factor_of(id).await?;
        let factor = factor.ok_or_else(|| refused(Refusal::SecondFactorOff))?;
        let code = self.look_at(code, &factor)?;
        let use_code = UseCode { id, seen: factor.secret, code, to };
        match self.inner.storage.apply_one(self.now(), use_code).await? {
            CodeOutcome::Right { account, session } => {
                // There may be a mail about it.
                self.inner.upkeep_wakeup.notify_one();
                Ok((*account, session))
            }
            CodeOutcome::Wrong { left } => {
                tracing::warn!(event = "second_factor_wrong", account.id = id.0, left, "security");
                Err(refused(Refusal::SecondFactorWrong { left }))
            }
            CodeOutcome::Closed { until } => {
                tracing::warn!(event = "second_factor_closed", account.id = id.0, %until, "security");
                Err(refused(Refusal::SecondFactorClosed { again_at: until }))
            }
            CodeOutcome::Nothing => Err(refused(Refusal::SecondFactorOff)),
            CodeOutcome::IsOn => Err(refused(Refusal::SecondFactorOn)),
        }
    }

    /// What a code is: six digits are of the app.
    fn look_at(&self, typed: &str, factor: &Factor) -> Result<FactorCode> {
        let key = &self.accounts()?.factors;
        let digits: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').take(27).collect();
        if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let secret = factor.secret.as_ref().and_then(|sealed| key.open(factor.account_id, sealed));
            if factor.secret.is_some() && secret.is_none() {
                tracing::error!(account.id = factor.account_id.0, "a second factor was encrypted with another key");
            }
            let step = secret.and_then(|secret| step_of(&secret, &digits, self.now()));
            return Ok(step.map_or(FactorCode::Wrong, FactorCode::OfStep));
        }
        let recovery = RecoveryCode::read(&digits);
        Ok(recovery.map_or(FactorCode::Wrong, |code| FactorCode::Recovery(key.hash(factor.account_id, &code))))
    }

    fn recovery_codes(&self, id: AccountId) -> Result<(RecoveryCodes, Hashes)> {
        let key = &self.accounts()?.factors;
        let codes: Vec<RecoveryCode> = (0..RECOVERY_CODES).map(|_| RecoveryCode::random(&*self.inner.random)).collect();
        let hashes = codes.iter().map(|code| key.hash(id, code)).collect();
        Ok((RecoveryCodes(codes.iter().map(RecoveryCode::grouped).collect()), Hashes(hashes)))
    }

    async fn factor_of(&self, id: AccountId) -> Result<(Account, Option<Factor>)> {
        self.inner.storage.find(FindFactor(id)).await?.ok_or(Error::NotFound("Account"))
    }
}
