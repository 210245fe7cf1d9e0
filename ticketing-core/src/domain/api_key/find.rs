use super::ApiKey;
use crate::domain::account::Account;
use crate::domain::command::{Command, Query};
use crate::domain::id::{AccountId, ApiKeyId, OrganisationId};
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::row::Field as _;
use crate::domain::scope::Scope;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Finds a key and the account of its maker: what every request with a key reads. An SQL storage reads both in one statement, since the
/// table of keys is [read with](crate::domain::table::Table::read_with) that of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindApiKey(pub ApiKeyId);

impl Query for FindApiKey {
    type Found = Option<(ApiKey, Account)>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<ApiKey>(&self.0);
        // Loaded already, where the storage reads both at once.
        let maker = rows.api_keys.loaded_row(&self.0).map(|key| key.maker);
        if let Some(maker) = maker.filter(|id| rows.accounts.loaded_row(id).is_none()) {
            load.look::<Account>(&maker);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Self::Found {
        let key = rows.api_keys.get(&self.0)?.clone();
        let maker = rows.accounts.get(&key.maker)?.clone();
        Some((key, maker))
    }
}

/// Notes that a key is used, unless that was noted within [the last hour](super::USE_IS_KNOWN_TO).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TouchApiKey(pub ApiKeyId);

impl Command for TouchApiKey {
    type Outcome = ();
    const NAME: &'static str = "touch_api_key";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<ApiKey>(&self.0);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) {
        if rows.api_keys.get(&self.0).is_some_and(|key| key.wants_touch(now)) {
            rows.api_keys.update(&self.0, |key| key.last_used_at = Some(now));
        }
    }
}

/// Whose keys to list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeysOf {
    /// Those that an account has made or taken over.
    Maker(AccountId),
    /// Those for the events of an organisation. Nothing if the scope does not cover all of it.
    Organisation(Scope, OrganisationId),
}

/// Lists keys that were not revoked, the newest first, with the accounts of their makers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListApiKeys {
    /// Whose.
    pub of: KeysOf,
    /// The page.
    pub page: PageRequest,
}

const LIST: &str = "api_keys";

impl Query for ListApiKeys {
    type Found = Page<(ApiKey, Account)>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let theirs = match &self.of {
            KeysOf::Maker(id) => Condition::Is("maker", id.value()),
            KeysOf::Organisation(scope, id) if scope.covers_all_of(&Principal::Organisation(*id)) => {
                Condition::Is("organisation_id", id.value())
            }
            KeysOf::Organisation(..) => return,
        };
        let list = List::of::<ApiKey>(LIST, vec![theirs, Condition::Unknown("revoked_at")]);
        load.list(list.by("id", Sort::Descending).page(self.page));
        for id in rows.listed::<ApiKeyId>(LIST).items {
            if let Some(key) = rows.api_keys.loaded_row(&id) {
                load.look::<Account>(&key.maker);
            }
        }
    }

    fn find(&self, rows: &WorkingSet) -> Self::Found {
        let page = rows.listed::<ApiKeyId>(LIST);
        let with_maker = |id: &ApiKeyId| {
            let key = rows.api_keys.get(id)?;
            Some((key.clone(), rows.accounts.get(&key.maker)?.clone()))
        };
        Page { items: page.items.iter().filter_map(with_maker).collect(), more: page.more, total: page.total }
    }
}
