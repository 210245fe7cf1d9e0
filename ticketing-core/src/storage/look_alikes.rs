//! Accounts whose address or user name is another spelling of that of another account. They were made before all spellings were one
//! account, and keep working: nothing is merged.

use super::{Storage, StorageError, StorageExt as _};
use crate::domain::account::{Account, AccountKey, ListAccounts};
use crate::domain::id::AccountId;
use std::collections::{BTreeMap, BTreeSet};

/// How many accounts are read at once.
const PAGE: u32 = 1000;

/// Reads every account, in pages. Returns the groups, ordered by their first accounts.
pub(super) async fn of<S: Storage + ?Sized>(storage: &S) -> Result<Vec<Vec<AccountId>>, StorageError> {
    let mut groups: BTreeMap<String, BTreeSet<AccountId>> = BTreeMap::new();
    let mut from = AccountId(0);
    loop {
        let page = storage.find(ListAccounts { from, limit: PAGE }).await?;
        for account in &page {
            for name in account.names_spelt_anew() {
                groups.entry(name).or_default().insert(account.id);
            }
        }
        let Some(Account { id, .. }) = page.last() else { break };
        from = AccountId(id.0 + 1);
    }
    for (name, group) in &mut groups {
        let usual = storage.account(&AccountKey::Login(name.clone())).await?;
        group.extend(usual.map(|account| account.id));
    }
    let mut found: Vec<Vec<AccountId>> = groups.into_values().map(|group| group.into_iter().collect()).collect();
    found.retain(|group| group.len() > 1);
    found.sort();
    found.dedup();
    Ok(found)
}
