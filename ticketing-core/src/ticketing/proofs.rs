//! Proofs by mail: verifying an address, a new password for a forgotten one, a new address.
//!
//! Each begins with a mail that has a token, and ends when the token comes back, once. See [`proof`](crate::domain::proof).

use super::accounts::{Session, check_guesses, check_password};
use super::checks::Checks;
use super::{Ticketing, refused};
use crate::domain::account::{Account, AccountChange, AccountKey, ChangeAccount};
use crate::domain::id::AccountId;
use crate::domain::principal::EmailAddress;
use crate::domain::proof::{BeginProof, FindProof, Proof, ProofPurpose, ProofUse, UseProof};
use crate::domain::refusal::Refusal;
use crate::domain::text::opaque;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;
use crate::token::ProofToken;

/// What a token is for, and whether it can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProofState {
    /// What it is for.
    pub purpose: ProofPurpose,
    /// Whether it can be used now. Not if it was used or replaced, has expired, or its account does not allow it any more.
    pub is_open: bool,
}

/// What a person gives again before something that a session alone is not enough for: the password, and a code if the account has a second
/// factor. A password alone converts into it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reauthentication<'a> {
    /// The password.
    pub password: &'a str,
    /// A code of the second factor: of the app, or a recovery code. It is used up.
    pub code: Option<&'a str>,
}

impl<'a> Reauthentication<'a> {
    /// With this password, and this code if there is one.
    pub fn new(password: &'a str, code: Option<&'a str>) -> Self {
        Self { password, code }
    }
}

impl<'a> From<&'a str> for Reauthentication<'a> {
    fn from(password: &'a str) -> Self {
        Self::new(password, None)
    }
}

impl<'a> From<&'a String> for Reauthentication<'a> {
    fn from(password: &'a String) -> Self {
        Self::new(password, None)
    }
}

impl std::fmt::Debug for Reauthentication<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reauthentication(..)")
    }
}

impl Ticketing {
    /// Mails a token to the account's address, which [`verify_email`](Self::verify_email) takes for seven days. Does nothing if the
    /// address is verified. A repeat mails another token; the first one stays valid too.
    ///
    /// Refusals: `too_many_proofs` after three in an hour for the address. Errors: [`Error::NotFound`] if there is no such account.
    pub async fn send_verification(&self, id: AccountId) -> Result<()> {
        self.account_of(id).await?;
        self.begin_proof(BeginProof::VerifyEmail(id)).await.map(drop)
    }

    /// Verifies the address of an account, with the token that was mailed to it. Returns the account.
    ///
    /// Refusals: `proof_unknown`, also for a repeat, and if the account has another address meanwhile.
    pub async fn verify_email(&self, token: &str) -> Result<Account> {
        let proof = self.usable_proof(token, ProofPurpose::VerifyEmail).await?;
        self.use_proof(&proof, ProofUse::VerifyEmail).await
    }

    /// Mails a token to the account with this address, which [`reset_password`](Self::reset_password) takes for 30 minutes. For an
    /// address that nobody has, and for an account that is switched off, nothing is mailed, and the answer and the limit are the same:
    /// nobody learns who has an account. A repeat mails another token, which replaces the first.
    ///
    /// Refusals: `too_many_proofs` after three in an hour for the address. Errors: [`Error::Invalid`] if it is no address.
    pub async fn forgot_password(&self, email: &str) -> Result<()> {
        let address = address(email)?;
        self.begin_proof(BeginProof::ResetPassword(address)).await.map(drop)
    }

    /// Gives an account a new password, with the token that was mailed to its address. Its sessions end, and so do its other open
    /// tokens, except one that undoes a change of its address. The address counts as verified, and the account is told by mail.
    ///
    /// If the address was not verified before, somebody else may have registered it. So its owner takes the account over: the user
    /// name and the phone number are removed, which that person has chosen. Orders and events stay.
    ///
    /// Refusals: `proof_unknown`, also for a repeat. Errors: [`Error::Invalid`] for a password that
    /// [`set_password`](Self::set_password) would reject; the token stays valid then.
    pub async fn reset_password(&self, token: &str, password: &str) -> Result<Account> {
        let proof = self.usable_proof(token, ProofPurpose::ResetPassword).await?;
        let account = self.account_of(proof.account_id.ok_or_else(|| refused(Refusal::ProofUnknown))?).await?;
        let hash = self.new_hash(&account, password).await?;
        self.use_proof(&proof, ProofUse::ResetPassword { hash }).await
    }

    /// Changes the password of an account, whose current one must be given. Its sessions end; the one that is returned is new. Open
    /// tokens for a new password or a new address end too. The account is told by mail, if its address is verified.
    ///
    /// A repeat fails, since the current password is another one then. Does not limit the number of tries: apply a limit of your own.
    ///
    /// Errors: [`Error::Unauthenticated`] if `current` is wrong or the account is switched off, [`Error::Invalid`] for a new password
    /// that [`set_password`](Self::set_password) would reject and for a missing code, [`Error::NotFound`] if there is no such account.
    /// Refusals: `second_factor_wrong`, `second_factor_closed`.
    pub async fn change_password(
        &self,
        id: AccountId,
        current: impl Into<Reauthentication<'_>> + Send,
        new: &str,
    ) -> Result<Session> {
        self.change_password_from(id, current, new, None).await
    }

    /// Like [`change_password`](Self::change_password), with a description of the client, as in [`login_from`](Self::login_from).
    pub async fn change_password_from(
        &self,
        id: AccountId,
        current: impl Into<Reauthentication<'_>> + Send,
        new: &str,
        client: Option<&str>,
    ) -> Result<Session> {
        let current = current.into();
        let account = self.with_password(id, current.password).await?;
        let hash = self.new_hash(&account, new).await?;
        self.check_code_of(&account, current.code).await?;
        let change = AccountChange::NewPassword { seen: account.password_hash.clone(), hash: hash.clone() };
        let changed = self.inner.storage.apply_one(self.now(), ChangeAccount { id, change }).await?;
        // Otherwise another call was first, and `current` is not the password any more.
        let changed = changed.filter(|account| account.password_hash == hash).ok_or(WRONG_PASSWORD)?;
        self.inner.upkeep_wakeup.notify_one();
        self.session_of(changed, client).await
    }

    /// Mails a token to a new address, which [`confirm_email`](Self::confirm_email) takes for 24 hours. Until then, the account keeps
    /// its address. A repeat mails another token, which replaces the first: the account gets one new address, the last one.
    ///
    /// Refusals: `email_taken`, `too_many_proofs` after three in an hour for the new address or the account; `second_factor_wrong`,
    /// `second_factor_closed`. Errors:
    /// [`Error::Unauthenticated`] if the password is wrong or the account is switched off, [`Error::Invalid`] if it is no new address and
    /// for a missing code, [`Error::NotFound`] if there is no such account. Does not limit the number of tries: apply a limit of your own.
    pub async fn change_email(
        &self,
        id: AccountId,
        by: impl Into<Reauthentication<'_>> + Send,
        email: &str,
    ) -> Result<()> {
        let (by, address) = (by.into(), address(email)?);
        let account = self.with_password(id, by.password).await?;
        if account.email == address {
            return Err(Error::invalid("email", "must be another address than the account's"));
        }
        self.check_code_of(&account, by.code).await?;
        let begin = BeginProof::ChangeEmail { id, seen: account.password_hash, address };
        self.begin_proof(begin).await?.map(drop).ok_or(WRONG_PASSWORD)
    }

    /// Gives an account the new address that this token was mailed to, which counts as verified. Sessions go on. The old address is
    /// mailed a token that undoes the change for seven days, and as long nobody else can have it.
    ///
    /// Refusals: `proof_unknown`, also for a repeat; `email_taken` if somebody has the address meanwhile.
    pub async fn confirm_email(&self, token: &str) -> Result<Account> {
        let proof = self.usable_proof(token, ProofPurpose::ChangeEmail).await?;
        self.use_proof(&proof, ProofUse::ChangeEmail).await
    }

    /// Gives an account back the address that this token was mailed to. Its sessions and its other open tokens end, and nobody knows its
    /// password any more: the person who changed the address may have known it. A token to choose one is mailed to the address.
    ///
    /// Refusals: `proof_unknown`, also for a repeat; `email_taken` if somebody else has the address.
    pub async fn undo_email_change(&self, token: &str) -> Result<Account> {
        let proof = self.usable_proof(token, ProofPurpose::UndoEmail).await?;
        let accounts = self.accounts()?;
        let mut nobody = [0; 32];
        self.inner.random.fill(&mut nobody);
        let nobody: String = nobody.iter().map(|byte| format!("{byte:02x}")).collect();
        let hash = accounts.passwords.hash(&nobody).await?;
        self.use_proof(&proof, ProofUse::UndoEmail { hash }).await
    }

    /// What a token is for and whether it can be used, for pages. Never changes anything: programs that check mails for malware follow
    /// links. `None` if there is no such token, or it expired more than a day ago.
    pub async fn proof(&self, token: &str) -> Result<Option<ProofState>> {
        let Some((proof, account)) = self.known_proof(token).await? else { return Ok(None) };
        let is_open = proof.is_usable_by(account.as_ref(), self.now());
        Ok(Some(ProofState { purpose: proof.purpose, is_open }))
    }

    /// The proof of a token with its account.
    pub(super) async fn known_proof(&self, token: &str) -> Result<Option<(Proof, Option<Account>)>> {
        let key = &self.accounts()?.proofs;
        let Ok(token) = token.parse::<ProofToken>() else { return Ok(None) };
        let found = self.inner.storage.find(FindProof(token.id)).await?;
        let fits = key.fits(&token, found.as_ref().map(|(proof, _)| proof));
        Ok(found.filter(|_| fits))
    }

    /// The proof of a token, if it can be used. Decided again when it is used; checked here, so that a wrong token costs no hash.
    async fn usable_proof(&self, token: &str, purpose: ProofPurpose) -> Result<Proof> {
        let now = self.now();
        let is_usable = |proof: &Proof, account: &Option<Account>| {
            proof.purpose == purpose && account.as_ref().is_some_and(|account| proof.is_usable(account, now))
        };
        let found = self.known_proof(token).await?.filter(|(proof, account)| is_usable(proof, account));
        found.map(|(proof, _)| proof).ok_or_else(|| refused(Refusal::ProofUnknown))
    }

    pub(super) async fn begin_proof(&self, begin: BeginProof) -> Result<Option<Proof>> {
        let begun = self.inner.storage.apply_one(self.now(), begin).await?.map_err(refused)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(begun)
    }

    async fn use_proof(&self, proof: &Proof, to: ProofUse) -> Result<Account> {
        let used = self.inner.storage.apply_one(self.now(), UseProof { id: proof.id, to }).await?;
        let account = used.map_err(refused)?;
        self.inner.upkeep_wakeup.notify_one();
        Ok(account)
    }

    pub(super) async fn account_of(&self, id: AccountId) -> Result<Account> {
        self.inner.storage.account(&AccountKey::Id(id)).await?.ok_or(Error::NotFound("Account"))
    }

    /// The account, if this is its password.
    pub(super) async fn with_password(&self, id: AccountId, password: &str) -> Result<Account> {
        let account = self.account_of(id).await?;
        let fits = self.password_fits(password, Some(&account.password_hash)).await?.is_some();
        if fits && account.is_active { Ok(account) } else { Err(WRONG_PASSWORD) }
    }

    /// Uses up a code of the account's second factor, if it has one. Called after what is wrong with the request itself was found, so that a
    /// code is not lost to that; a refusal of the rules costs one.
    pub(super) async fn check_code_of(&self, account: &Account, code: Option<&str>) -> Result<()> {
        match code {
            _ if !account.has_second_factor => Ok(()),
            Some(code) => self.check_second_factor(account.id, code).await,
            None => Err(Error::invalid("code", "must be a code of your second factor")),
        }
    }

    /// The hash of a new password for the account.
    pub(super) async fn new_hash(&self, account: &Account, password: &str) -> Result<String> {
        let password = opaque(password);
        let mut checks = Checks::default();
        check_password(&mut checks, &password);
        check_guesses(&mut checks, &password, account.email.as_str(), account.username.as_deref());
        checks.done()?;
        self.accounts()?.passwords.hash(&password).await
    }
}

pub(super) const WRONG_PASSWORD: Error = Error::Unauthenticated("Incorrect password");

fn address(typed: &str) -> Result<EmailAddress> {
    let mut checks = Checks::default();
    let address = checks.parsed("email", typed.trim().parse::<EmailAddress>());
    checks.done()?;
    address.ok_or_else(|| Error::invalid("email", "must be an e-mail address"))
}
