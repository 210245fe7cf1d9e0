//! Administration: finding accounts, making administrators, stopping abusers.

use super::checks::Checks;
use super::events::check_page;
use super::{Ticketing, refused};
use crate::domain::account::{
    Account, AccountChange, AccountFilter, AccountKey, AccountWants, AdministerAccount, Administered, ChangeAccount,
    ListAuditOfAccount, Role, SearchAccounts,
};
use crate::domain::audit::{Actor, AuditLine};
use crate::domain::id::AccountId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::text::composed;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;

/// The longest reason, in characters.
const MAX_REASON: usize = 500;
/// The longest text to search for, in characters.
const MAX_SEARCH: usize = 200;

impl Ticketing {
    /// Lists the accounts that meet a filter, the oldest first. For administrators and the [operator](Actor::Operator).
    pub async fn search_accounts(
        &self,
        actor: &Actor,
        filter: &AccountFilter,
        page: PageRequest,
    ) -> Result<Page<Account>> {
        self.may_administer(actor).await?;
        let text = filter.text.as_deref().map(|text| composed(text.trim())).filter(|text| !text.is_empty());
        let filter = AccountFilter { text, ..filter.clone() };
        let mut checks = Checks::default();
        checks.optional_text("query", filter.text.as_deref(), MAX_SEARCH);
        checks.done()?;
        check_page(page)?;
        Ok(self.inner.storage.find(SearchAccounts { filter, page }).await?)
    }

    /// An account, whether or not it is disabled. For administrators and the operator.
    pub async fn administered_account(&self, actor: &Actor, id: AccountId) -> Result<Account> {
        self.may_administer(actor).await?;
        self.inner.storage.account(&AccountKey::Id(id)).await?.ok_or(Error::NotFound("Account"))
    }

    /// Lists what was decided about an account, the oldest first. For administrators and the operator.
    pub async fn account_audit(&self, actor: &Actor, id: AccountId, page: PageRequest) -> Result<Page<AuditLine>> {
        self.administered_account(actor, id).await?;
        check_page(page)?;
        Ok(self.inner.storage.find(ListAuditOfAccount { id, page }).await?)
    }

    /// Makes an account what it shall be: an administrator or not, enabled or disabled. What is not named stays as it is. For
    /// administrators and the operator.
    ///
    /// It takes effect with the next request, in every process. Disabling an account ends all its sessions for good. Each change is a
    /// line of the [audit log](Self::account_audit). What is so already is no change, so a repeat is harmless, except that
    /// [`AccountWants::ends_sessions`] ends the sessions that began since. A reason is taken only together with `is_active: false`, and
    /// replaces that of an account that is disabled already.
    ///
    /// Refusals: `last_admin` if there would be no active administrator left.
    pub async fn administer_account(&self, actor: &Actor, id: AccountId, wants: AccountWants) -> Result<Account> {
        self.may_administer(actor).await?;
        let reason =
            wants.reason.map(|reason| reason.map(|text| composed(text.trim())).filter(|text| !text.is_empty()));
        let wants = AccountWants { reason, ..wants };
        let mut checks = Checks::default();
        let text = wants.reason.as_ref().and_then(|reason| reason.as_deref());
        checks.optional_text("reason", text, MAX_REASON);
        checks.require("reason", text.is_none() || wants.is_active == Some(false), || {
            "must come with is_active: false, because it says why an account is disabled".to_owned()
        });
        checks.done()?;
        let administer = AdministerAccount { id, actor: actor.clone(), wants: wants.clone() };
        let done = self.inner.storage.apply_one(self.now(), administer).await?.map_err(refused)?;
        let Administered { account, is_changed } = done.ok_or(Error::NotFound("Account"))?;
        if is_changed {
            tell(&account, &wants);
            // There may be a mail about it.
            self.inner.upkeep_wakeup.notify_one();
        }
        Ok(account)
    }

    /// Switches an account on or off, for the operator. Switching it off ends its sessions for good, in every process, from the next
    /// request on. A repeat changes nothing.
    ///
    /// Refusals: `last_admin` for the last active administrator.
    pub async fn set_active(&self, id: AccountId, active: bool) -> Result<Account> {
        self.administer_account(&Actor::Operator, id, AccountWants::default().with_is_active(active)).await
    }

    /// Makes an account an administrator, or an ordinary member again, for the operator. A repeat changes nothing.
    ///
    /// Refusals: `last_admin` for the last active administrator.
    pub async fn set_role(&self, id: AccountId, role: Role) -> Result<Account> {
        self.administer_account(&Actor::Operator, id, AccountWants::default().with_role(role)).await
    }

    /// Marks an account's e-mail address as verified, for applications that have verified it by means of their own. A repeat changes
    /// nothing.
    pub async fn mark_verified(&self, id: AccountId) -> Result<Account> {
        let change = ChangeAccount { id, change: AccountChange::Verified };
        self.inner.storage.apply_one(self.now(), change).await?.ok_or(Error::NotFound("Account"))
    }

    /// Refuses unless `actor` is the operator or an active administrator.
    async fn may_administer(&self, actor: &Actor) -> Result<()> {
        let is_allowed = match actor {
            Actor::Operator => true,
            Actor::Person(who) => self.acting_account(who).await?.is_some_and(|account| account.is_acting_admin()),
            Actor::System | Actor::Gateway(_) => false,
        };
        if is_allowed { Ok(()) } else { Err(Error::Forbidden("Only administrators may manage accounts")) }
    }
}

/// Writes the security log.
fn tell(account: &Account, wants: &AccountWants) {
    let id = account.id.0;
    if wants.is_active.is_some() {
        tracing::warn!(event = "account_switched", account.id = id, active = account.is_active, "security");
    }
    if wants.role.is_some() {
        tracing::warn!(event = "role_changed", account.id = id, role = account.role.name(), "security");
    }
    if wants.removes_second_factor {
        tracing::warn!(event = "second_factor_removed", account.id = id, by = "administrator", "security");
    }
    if wants.ends_sessions {
        tracing::warn!(event = "sessions_ended", account.id = id, "security");
    }
}
