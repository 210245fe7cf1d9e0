use super::StoredSession;
use crate::domain::account::Account;
use crate::domain::command::Query;
use crate::domain::id::{AccountId, SessionId};
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::page::{Page, PageRequest};
use crate::domain::row::Field as _;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Finds a session and its account: what every request with a token reads. An SQL storage reads both in one statement, since the table
/// of sessions is [read with](crate::domain::table::Table::read_with) that of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindSession(pub SessionId);

impl Query for FindSession {
    type Found = Option<(StoredSession, Account)>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<StoredSession>(&self.0);
        // Loaded already, where the storage reads both at once.
        let account = rows.sessions.loaded_row(&self.0).map(|session| session.account_id);
        if let Some(account) = account.filter(|id| rows.accounts.loaded_row(id).is_none()) {
            load.look::<Account>(&account);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Self::Found {
        let session = rows.sessions.get(&self.0)?.clone();
        let account = rows.accounts.get(&session.account_id)?.clone();
        Some((session, account))
    }
}

/// Lists the open sessions of an account, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListSessions {
    /// The account.
    pub account: AccountId,
    /// How often all its sessions were ended.
    pub ended_before: i64,
    /// Those that have not expired at this time.
    pub at: Timestamp,
    /// Those that were used after this time, if it matters.
    pub used_after: Option<Timestamp>,
    /// The page.
    pub page: PageRequest,
}

const LIST: &str = "sessions";

impl Query for ListSessions {
    type Found = Page<StoredSession>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let after = |column, at: Timestamp| Condition::AtLeast(column, at.as_microsecond() + 1);
        let all = [
            Some(Condition::Is("account_id", self.account.value())),
            Some(Condition::Is("ended_before", self.ended_before.value())),
            Some(Condition::Unknown("ended_at")),
            Some(after("expires_at", self.at)),
            self.used_after.map(|at| after("last_used_at", at)),
        ];
        let list = List::of::<StoredSession>(LIST, all.into_iter().flatten().collect());
        load.list(list.by("id", Sort::Descending).page(self.page));
    }

    fn find(&self, rows: &WorkingSet) -> Page<StoredSession> {
        let page = rows.listed::<SessionId>(LIST);
        let items = page.items.iter().filter_map(|id| rows.sessions.get(id)).cloned().collect();
        Page { items, more: page.more, total: page.total }
    }
}
