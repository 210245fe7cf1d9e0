use super::{Account, BY_ROLE, Role};
use crate::domain::audit::{Actor, Change};
use crate::domain::command::Command;
use crate::domain::factor::{Factor, remove_factor};
use crate::domain::id::AccountId;
use crate::domain::load::LoadKeys;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use crate::setters::setters;
use jiff::Timestamp;

/// What an administrator wants an account to be. What is not named stays as it is.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountWants {
    /// The role.
    pub role: Option<Role>,
    /// Whether the account can be used. Disabling it ends all its sessions.
    pub is_active: Option<bool>,
    /// Why it is disabled: at most 500 characters, or none. Kept beside the account while it is disabled.
    pub reason: Option<Option<String>>,
    /// Whether to end all sessions, also where nothing else changes.
    pub ends_sessions: bool,
    /// Whether to remove the second factor, of a person who has lost it and the recovery codes. Its owner is told by mail.
    pub removes_second_factor: bool,
}

setters!(AccountWants {
    with_role => role: impl Into<Option<Role>>,
    with_is_active => is_active: impl Into<Option<bool>>,
    with_reason => reason: impl Into<Option<Option<String>>>,
    with_ends_sessions => ends_sessions: bool,
    with_removes_second_factor => removes_second_factor: bool,
});

/// Without the reason, which is about a person.
impl std::fmt::Debug for AccountWants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountWants")
            .field("role", &self.role)
            .field("is_active", &self.is_active)
            .field("ends_sessions", &self.ends_sessions)
            .field("removes_second_factor", &self.removes_second_factor)
            .finish_non_exhaustive()
    }
}

impl AccountWants {
    /// The account as it shall be.
    fn apply(&self, account: &Account) -> Account {
        let is_active = self.is_active.unwrap_or(account.is_active);
        let is_disabled_now = account.is_active && !is_active;
        let reason = match &self.reason {
            _ if is_active => None,
            Some(reason) => reason.clone(),
            None => account.disabled_reason.clone(),
        };
        Account {
            role: self.role.unwrap_or(account.role),
            is_active,
            disabled_reason: reason,
            has_second_factor: account.has_second_factor && !self.removes_second_factor,
            sessions_ended: account.sessions_ended + i64::from(is_disabled_now || self.ends_sessions),
            ..account.clone()
        }
    }
}

/// Gives an account a role, disables or enables it, ends its sessions, or removes its second factor. `None` if there is no such account, or
/// it was erased. What is so already is no change and no line of the audit log.
///
/// - Disabling an account ends all its sessions.
/// - The last active administrator can be neither demoted nor disabled. A command that takes the rights of an administrator away
///   locks all administrators, so if two demote each other, one stays.
/// - Each change is a line of the audit log. It holds no free text: a new reason alone is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdministerAccount {
    /// The account.
    pub id: AccountId,
    /// Who does it, for the audit log.
    pub actor: Actor,
    /// What the account shall be.
    pub wants: AccountWants,
}

/// An account that was administered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Administered {
    /// The account as it is now.
    pub account: Account,
    /// Whether anything of it has changed.
    pub is_changed: bool,
}

impl Command for AdministerAccount {
    type Outcome = Result<Option<Administered>, Refusal>;
    const NAME: &'static str = "administer_account";

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        if self.may_take_rights() {
            // Found without locks and then locked by their ids, because a role can change. With the lock they are read again, so an
            // account that has lost the role meanwhile is not counted. One that has got it meanwhile is not counted either.
            load.look_up(BY_ROLE, &Role::Admin);
            load.look::<Account>(&self.id);
            if rows.accounts.loaded_row(&self.id).is_none() {
                return;
            }
            let admins: Vec<AccountId> = rows.accounts.loaded(BY_ROLE, &Role::Admin).map(|admin| admin.id).collect();
            admins.iter().for_each(|id| load.row::<Account>(id));
        }
        load.row::<Account>(&self.id);
        if self.wants.removes_second_factor {
            load.row::<Factor>(&self.id);
        }
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Option<Administered>, Refusal> {
        let before = rows.accounts.get(&self.id).filter(|account| account.erased_at.is_none()).cloned();
        let Some(before) = before else { return Ok(None) };
        let mut after = self.wants.apply(&before);
        if after == before {
            return Ok(Some(Administered { account: before, is_changed: false }));
        }
        if before.is_acting_admin() && !after.is_acting_admin() {
            let mut others = rows.accounts.all(BY_ROLE, &Role::Admin).filter(|admin| admin.id != self.id);
            if !others.any(Account::is_acting_admin) {
                return Err(Refusal::LastAdmin);
            }
        }
        after.updated_at = now;
        let mut record = |action: &str, before: &str, after: &str| {
            let change = Change { before: Some(before), after: Some(after), ..Change::default() };
            rows.record_audit(now, self.id, self.actor.clone(), action, "", change);
        };
        if before.role != after.role {
            let action = if after.role == Role::Admin { "account.promoted" } else { "account.demoted" };
            record(action, before.role.name(), after.role.name());
        }
        match (before.is_active, after.is_active) {
            (true, false) => record("account.disabled", "active", "disabled"),
            (false, true) => record("account.enabled", "disabled", "active"),
            _ => {}
        }
        if self.wants.ends_sessions {
            let count = |account: &Account| account.sessions_ended.to_string();
            record("account.sessions_ended", &count(&before), &count(&after));
        }
        if before.has_second_factor && !after.has_second_factor {
            record("account.second_factor_removed", "on", "off");
        }
        if before.is_active && !after.is_active {
            // Nobody who is stopped gets rid of what is known of them.
            rows.cancel_erasure(now, self.id, self.actor.clone());
            after.erase_at = rows.accounts.get(&self.id).and_then(|account| account.erase_at);
        }
        rows.accounts.update(&self.id, |account| account.clone_from(&after));
        if self.wants.removes_second_factor {
            remove_factor(rows, now, self.id);
        }
        Ok(Some(Administered { account: after, is_changed: true }))
    }
}

impl AdministerAccount {
    /// Whether it takes the rights of an administrator away, if the account is one.
    fn may_take_rights(&self) -> bool {
        self.wants.is_active == Some(false) || self.wants.role.is_some_and(|role| role != Role::Admin)
    }
}

impl Account {
    /// Whether it has the rights of an administrator.
    pub fn is_acting_admin(&self) -> bool {
        self.is_active && self.role == Role::Admin
    }
}
