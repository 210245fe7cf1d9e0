//! What is kept of a person: a copy for the person (GDPR, article 20; Nigeria Data Protection Act 2023, section 38).

use super::Ticketing;
use crate::domain::account::{Account, ListAuditOfAccount};
use crate::domain::api_key::ApiKey;
use crate::domain::audit::AuditLine;
use crate::domain::id::AccountId;
use crate::domain::order::Order;
use crate::domain::organisation::{Membership, Organisation};
use crate::domain::page::{Page, PageRequest};
use crate::domain::principal::Principal;
use crate::domain::session::StoredSession;
use crate::domain::ticket::Ticket;
use crate::error::Result;
use crate::storage::StorageExt as _;
use std::future::Future;

/// How many rows are read at once.
const SLICE: u32 = 1000;

/// What is kept of a person: most of it. Not in it are mails, payments and refunds (see [`Ticketing::payment`]), revoked keys, and the events
/// that the person runs. Each list has the order of the call that lists it, and they are not of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountData {
    /// The account.
    pub account: Account,
    /// The organisations that it is a member of.
    pub organisations: Vec<(Organisation, Membership)>,
    /// Its open sessions.
    pub sessions: Vec<StoredSession>,
    /// Its API keys that were not revoked.
    pub api_keys: Vec<ApiKey>,
    /// Its orders.
    pub orders: Vec<Order>,
    /// Its tickets.
    pub tickets: Vec<Ticket>,
    /// What was decided about it: roles, memberships, keys.
    pub audit: Vec<AuditLine>,
}

impl Ticketing {
    /// Collects what is kept of a person, for the person. Changes nothing. It reads as much as there is, a thousand rows at a time, for one
    /// person after the other: others wait. Limit how often it is called.
    ///
    /// Errors: [`Error::NotFound`](crate::Error::NotFound) if there is no such account.
    pub async fn account_data(&self, id: AccountId) -> Result<AccountData> {
        // Closed by nobody.
        let _turn = self.inner.exports.acquire().await;
        let account = self.account_of(id).await?;
        let who = Principal::Account(id);
        let audit = async |page| Ok(self.inner.storage.find(ListAuditOfAccount { id, page }).await?);
        let keys = whole(|page| self.api_keys(id, page)).await?;
        Ok(AccountData {
            organisations: self.organisations_of(&account).await?,
            sessions: whole(|page| self.sessions(id, page)).await?,
            api_keys: keys.into_iter().map(|(key, _)| key).collect(),
            orders: whole(|page| self.orders(&who, page)).await?,
            tickets: whole(|page| self.tickets(&who, page)).await?,
            audit: whole(audit).await?,
            account,
        })
    }
}

/// All pages of a list. A row that is added meanwhile may move others to the next page: what is there twice then is left out.
async fn whole<T: PartialEq, F: Future<Output = Result<Page<T>>>>(list: impl Fn(PageRequest) -> F) -> Result<Vec<T>> {
    let mut all: Vec<T> = vec![];
    let mut skip = 0;
    loop {
        let page = list(PageRequest { skip, limit: SLICE, count: false }).await?;
        skip += page.items.len() as u64;
        let overlap = all.len().saturating_sub(SLICE as usize);
        for item in page.items {
            if !all[overlap..].contains(&item) {
                all.push(item);
            }
        }
        if !page.more {
            return Ok(all);
        }
    }
}
