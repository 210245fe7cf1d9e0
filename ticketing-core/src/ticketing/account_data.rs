//! What is kept of a person: a copy for the person (GDPR, article 20; Nigeria Data Protection Act 2023, section 38).

use super::Ticketing;
use crate::domain::account::{
    Account, ListAttemptsOfAccount, ListAuditOfAccount, ListMailsOfAccount, ListRefundsOfAccount,
};
use crate::domain::api_key::ApiKey;
use crate::domain::attendee::{Attendee, ListAttendeesOfAccount};
use crate::domain::audit::AuditLine;
use crate::domain::id::AccountId;
use crate::domain::order::Order;
use crate::domain::order_details::{ListDetailsOfAccount, OrderDetails};
use crate::domain::organisation::{Membership, Organisation};
use crate::domain::outbox::OutboxMail;
use crate::domain::page::{Page, PageRequest};
use crate::domain::payment::Attempt;
use crate::domain::principal::Principal;
use crate::domain::refund::Refund;
use crate::domain::session::StoredSession;
use crate::domain::ticket::Ticket;
use crate::error::Result;
use crate::storage::StorageExt as _;
use std::future::Future;

/// How many rows are read at once.
const SLICE: u32 = 1000;

/// What is kept of a person. Not in it are revoked keys, and the events that the person runs. Each list has the order of the call that lists it, and they are not of one moment.
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
    /// What is known about who comes with these tickets, but for the notes of organisers.
    pub attendees: Vec<Attendee>,
    /// What is known about its orders, but for the notes of organisers.
    pub order_details: Vec<OrderDetails>,
    /// The attempts to pay its orders.
    pub payments: Vec<Attempt>,
    /// The refunds of its orders.
    pub refunds: Vec<Refund>,
    /// The mails about it and about its orders: their kinds and recipients. Their texts are not kept.
    pub mails: Vec<OutboxMail>,
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
        let storage = &self.inner.storage;
        let attendees = async |page| {
            let found = storage.find(ListAttendeesOfAccount { id, page }).await?;
            Ok(found.map(|attendee| Attendee { note: None, ..attendee }))
        };
        let details = async |page| {
            let found = storage.find(ListDetailsOfAccount { id, page }).await?;
            Ok(found.map(|details| OrderDetails { note: None, ..details }))
        };
        let keys = whole(|page| self.api_keys(id, page)).await?;
        Ok(AccountData {
            organisations: self.organisations_of(&account).await?,
            sessions: whole(|page| self.sessions(id, page)).await?,
            api_keys: keys.into_iter().map(|(key, _)| key).collect(),
            orders: whole(|page| self.orders(&who, page)).await?,
            tickets: whole(|page| self.tickets(&who, page)).await?,
            attendees: whole(attendees).await?,
            order_details: whole(details).await?,
            payments: whole(async |page| Ok(storage.find(ListAttemptsOfAccount { id, page }).await?)).await?,
            refunds: whole(async |page| Ok(storage.find(ListRefundsOfAccount { id, page }).await?)).await?,
            mails: whole(async |page| Ok(storage.find(ListMailsOfAccount { id, page }).await?)).await?,
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
