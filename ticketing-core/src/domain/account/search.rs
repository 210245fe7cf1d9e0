use super::{Account, Role};
use crate::domain::audit::AuditLine;
use crate::domain::command::Query;
use crate::domain::id::{AccountId, AuditId};
use crate::domain::list::{Condition, List};
use crate::domain::load::LoadKeys;
use crate::domain::page::{Page, PageRequest};
use crate::domain::row::Field as _;
use crate::domain::working_set::WorkingSet;
use crate::setters::setters;

/// Which accounts to list. Default: all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AccountFilter {
    /// With this text in the e-mail address or the user name, in any case, or in the name, as it is written.
    pub text: Option<String>,
    /// With this role.
    pub role: Option<Role>,
    /// Enabled or disabled ones.
    pub is_active: Option<bool>,
}

setters!(AccountFilter {
    with_text => text: impl Into<Option<String>>,
    with_role => role: impl Into<Option<Role>>,
    with_is_active => is_active: impl Into<Option<bool>>,
});

impl AccountFilter {
    fn conditions(&self) -> Vec<Condition> {
        let contains = |column, text: &str| vec![Condition::Contains(column, text.to_owned())];
        let text = self.text.as_ref().map(|text| {
            let lower = text.to_lowercase();
            let keys = [contains("email_key", &lower), contains("username_key", &lower), contains("name", text)];
            Condition::Any(keys.into())
        });
        let role = self.role.map(|role| Condition::Is("role", role.value()));
        let is_active = self.is_active.map(|is_active| Condition::Is("is_active", is_active.value()));
        [role, is_active, text].into_iter().flatten().collect()
    }
}

/// Lists the accounts that meet a filter, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchAccounts {
    /// Which ones.
    pub filter: AccountFilter,
    /// The page.
    pub page: PageRequest,
}

const FOUND: &str = "accounts found";

impl Query for SearchAccounts {
    type Found = Page<Account>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.list(List::of::<Account>(FOUND, self.filter.conditions()).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<Account> {
        let page = rows.listed::<AccountId>(FOUND);
        let items = page.items.iter().filter_map(|id| rows.accounts.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}

/// Lists what was decided about an account, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListAuditOfAccount {
    /// The account.
    pub id: AccountId,
    /// The page.
    pub page: PageRequest,
}

const AUDIT: &str = "audit of an account";

impl Query for ListAuditOfAccount {
    type Found = Page<AuditLine>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let of_account = vec![Condition::Is("account_id", self.id.value())];
        load.list(List::of::<AuditLine>(AUDIT, of_account).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<AuditLine> {
        let page = rows.listed::<AuditId>(AUDIT);
        let items = page.items.iter().filter_map(|id| rows.audit.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}
