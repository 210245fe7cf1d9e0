//! Accounts as administrators see and change them.

use super::body::body;
use super::field::Faults;
use super::patch::{Set, SetOrEmpty};
use super::text::Text;
use super::time::Time;
use crate::problem::Problem;
use poem_openapi::{Enum, Object};
use ticketing_core::domain::account::{Account, AccountWants, Role};

/// The longest reason, in characters.
const MAX_REASON: usize = 500;

body! {
    /// Changes of an account: a merge patch (RFC 7396). A field that is left out stays as it is.
    struct AccountPatch {
        /// `member` or `admin`.
        role: Set<Text<1, 20>>,
        /// Whether the account can be used. False ends all its sessions.
        is_active: Set<bool>,
        /// Why it is disabled, for administrators. With `is_active: false` only; null empties it.
        reason: SetOrEmpty<Text<0, 500>>,
        /// True removes the second factor, of a person who has lost it and the recovery codes.
        remove_second_factor: Set<bool>,
    }
    example {"role": "admin"}
}

impl AccountPatch {
    /// Converts the body to the engine's request, or lists everything that is wrong with it.
    pub(crate) fn into_wants(self) -> Result<AccountWants, Problem> {
        let mut faults = Faults::default();
        let role = self.role.0.and_then(|name| {
            let role = Role::from_name(&name.0);
            faults.parsed("role", role.ok_or_else(|| format!("must be member or admin (got {})", shown(&name.0))))
        });
        let reason = self.reason.0.map(|reason| reason.map(|text| text.0));
        if let Some(Some(text)) = &reason {
            let found = text.chars().count();
            if found > MAX_REASON {
                faults.add("reason", format!("must be at most {MAX_REASON} characters (got {found})"));
            }
            if text.chars().any(char::is_control) {
                faults.add("reason", "must not contain control characters");
            }
            if !text.trim().is_empty() && self.is_active.0 != Some(false) {
                faults.add("reason", "must come with is_active: false, because it says why an account is disabled");
            }
        }
        let wants = AccountWants::default()
            .with_role(role)
            .with_is_active(self.is_active.0)
            .with_reason(reason)
            .with_removes_second_factor(self.remove_second_factor.0 == Some(true));
        faults.or(Some(wants))
    }
}

/// The beginning of what a client has sent.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The role of an account.
#[derive(Clone, Copy, Enum)]
#[oai(rename_all = "snake_case")]
pub(crate) enum RoleWord {
    /// Buys, and organises events of their own.
    Member,
    /// Administers the installation.
    Admin,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Member => Self::Member,
            RoleWord::Admin => Self::Admin,
        }
    }
}

/// An account, for administrators.
#[derive(Object)]
#[oai(rename = "Account")]
pub(crate) struct AccountView {
    /// The account's id.
    id: i64,
    /// The e-mail address.
    email: String,
    /// The person's name.
    name: String,
    /// The user name.
    #[oai(nullable)]
    username: Option<String>,
    /// The phone number.
    #[oai(nullable)]
    phone: Option<String>,
    /// `member` or `admin`.
    role: String,
    /// Whether the account can be used.
    is_active: bool,
    /// Why it is disabled.
    #[oai(nullable)]
    reason: Option<String>,
    /// Whether the address is verified.
    is_verified: bool,
    /// Whether a code is asked for after the password.
    has_second_factor: bool,
    /// When the account is to be erased.
    #[oai(nullable)]
    erase_at: Option<Time>,
    /// When it was erased: nothing but its id is left.
    #[oai(nullable)]
    erased_at: Option<Time>,
    /// Creation time.
    created_at: Time,
    /// Time of the last change.
    updated_at: Time,
}

impl From<&Account> for AccountView {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.0,
            email: account.email.as_str().to_owned(),
            name: account.name.clone(),
            username: account.username.clone(),
            phone: account.phone.clone(),
            role: account.role.name().to_owned(),
            is_active: account.is_active,
            reason: account.disabled_reason.clone(),
            is_verified: account.is_verified,
            has_second_factor: account.has_second_factor,
            erase_at: account.erase_at.filter(|_| account.erased_at.is_none()).map(Into::into),
            erased_at: account.erased_at.map(Into::into),
            created_at: account.created_at.into(),
            updated_at: account.updated_at.into(),
        }
    }
}
