//! Erasing people: an account, at the wish of its owner or of an administrator (GDPR, article 17; Nigeria Data Protection Act 2023,
//! section 34), and buyers of the embedding application.

use super::Ticketing;
#[cfg(feature = "accounts")]
use super::refused;
use crate::domain::account::{
    AccountKey, EraseAccount, Erased, ErasureBlock, FindErasure, ListDueErasures, PostponeErasure, TRY_AGAIN_AFTER,
};
#[cfg(feature = "accounts")]
use crate::domain::account::{CancelErasure, ERASURE_DELAY, RequestErasure};
use crate::domain::attendee::EraseAttendee;
#[cfg(feature = "accounts")]
use crate::domain::audit::Actor;
use crate::domain::command::Command;
use crate::domain::id::{AccountId, MailId, OrderId, TicketId};
use crate::domain::order::{ClaimOrders, Erasable, EraseBuyer, ListErasable};
use crate::domain::outbox::EraseRecipient;
use crate::domain::principal::Principal;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;
use jiff::{SignedDuration, Timestamp};
#[cfg(feature = "accounts")]
use std::time::Duration;

/// How many rows are erased in one transaction. Buyers who wait for theirs wait for it.
const SLICE: u32 = 100;
/// How many accounts are erased in a pass of upkeep.
const AT_ONCE: u32 = 4;

/// Whether and when an account is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erasure {
    /// When it is erased. `None`: nobody has asked for it.
    pub at: Option<Timestamp>,
    /// What stands in the way now. If it still does when the time has come, it is tried again every day.
    pub blocked_by: Vec<ErasureBlock>,
}

#[cfg(feature = "accounts")]
impl Ticketing {
    /// Asks for the erasure of an account, which takes place seven days later: see [`erase_account`](Self::erase_account) for what that means.
    /// Until then the account works, and [`cancel_erasure`](Self::cancel_erasure) cancels it. The account is told by mail, if its
    /// address is verified. A repeat keeps the first time.
    ///
    /// Refusals: `erasure_blocked` while something stands in the way; `second_factor_wrong`, `second_factor_closed`. Errors:
    /// [`Error::Unauthenticated`] if the password is wrong or the account is switched off, [`Error::Invalid`] for a missing code,
    /// [`Error::NotFound`] if there is no such account. Does not limit the number of tries: apply a limit of your own.
    pub async fn request_erasure(
        &self,
        id: AccountId,
        by: impl Into<super::Reauthentication<'_>> + Send,
    ) -> Result<Erasure> {
        let by = by.into();
        let account = self.with_password(id, by.password).await?;
        self.check_code_of(&account, by.code).await?;
        let (seen, at) = (Some(account.password_hash), self.now() + ERASURE_DELAY);
        let request = RequestErasure { id, seen, actor: Actor::Person(id.into()), at };
        let asked = self.inner.storage.apply_one(self.now(), request).await?.map_err(refused)?;
        let account = asked.ok_or(super::proofs::WRONG_PASSWORD)?;
        tracing::warn!(event = "erasure_requested", account.id = id.0, "security");
        self.inner.upkeep_wakeup.notify_one();
        Ok(Erasure { at: account.erase_at, blocked_by: vec![] })
    }

    /// Cancels the erasure of an account. Changes nothing if nobody has asked for it.
    ///
    /// Errors: [`Error::NotFound`] if there is no such account, it was erased, or its time has come.
    pub async fn cancel_erasure(&self, id: AccountId) -> Result<()> {
        let cancel = CancelErasure { id, actor: Actor::Person(id.into()) };
        self.inner.storage.apply_one(self.now(), cancel).await?.map(drop).ok_or(Error::NotFound("Account"))
    }

    /// Whether and when an account is erased, and what stands in the way now.
    ///
    /// Errors: [`Error::NotFound`] if there is no such account, or it was erased.
    pub async fn erasure(&self, id: AccountId) -> Result<Erasure> {
        let found = self.inner.storage.find(FindErasure { id, now: self.now() }).await?;
        let (account, blocked_by) = found.ok_or(Error::NotFound("Account"))?;
        if account.erased_at.is_some() {
            return Err(Error::NotFound("Account"));
        }
        Ok(Erasure { at: account.erase_at, blocked_by })
    }

    /// Erases an account at once. For administrators and the [operator](Actor::Operator).
    ///
    /// What is left is the account's id, to which its orders, tickets, events and lines of the audit log go on referring, and which nobody
    /// can use. Erased are its address, names, phone number, password, second factor and sessions; the address in its orders; what people
    /// wrote about its payments, and the bodies of the gateway's webhooks about them; the names of its API keys. If the address is verified,
    /// it is also erased in finished orders of guests and others, where it is an attendee's, and in mails to it. Amounts, references, tickets and refunds stay: they
    /// are the books, and its tickets stay valid. The texts of its events stay, since others bought by them. The payment gateway, mail
    /// servers and backups keep what they have.
    ///
    /// Answers to repeated requests are kept for a day more. Orders of others with its address keep that if they are not finished. What the
    /// gateway reports later, and what a person should look at, is kept for as long as [webhooks](super::Retention::webhooks).
    ///
    /// Refusals: `erasure_blocked` while something stands in the way. Errors: [`Error::NotFound`] if there is no such account, or it was
    /// erased; [`Error::Busy`] if it gets another address at this moment.
    pub async fn erase_account(&self, actor: &Actor, id: AccountId) -> Result<()> {
        let before = self.administered_account(actor, id).await?.erase_at;
        let now = self.now();
        let request = RequestErasure { id, seen: None, actor: actor.clone(), at: now };
        let asked = self.inner.storage.apply_one(now, request).await?.map_err(refused)?;
        asked.ok_or(Error::NotFound("Account"))?;
        match self.erase(id).await? {
            Erased::Done => Ok(()),
            // Something came in between. It is tried again only if its owner has asked for it, and at their time.
            Erased::Blocked(blocks) => {
                match before {
                    Some(to) => self.inner.storage.apply_one(self.now(), PostponeErasure { id, to }).await?,
                    None => {
                        let cancel = CancelErasure { id, actor: actor.clone() };
                        self.inner.storage.apply_one(self.now(), cancel).await?;
                    }
                }
                let by = blocks.first().copied().unwrap_or(ErasureBlock::Payments);
                Err(refused(crate::domain::refusal::Refusal::ErasureBlocked { by }))
            }
            // It got another address at this moment. Upkeep erases it.
            Erased::NotDue => Err(Error::Busy { retry_after: Duration::from_secs(1) }),
        }
    }
}

impl Ticketing {
    /// Erases the address of a buyer in all orders that are finished, and in their mails, for applications that identify their users
    /// themselves. Returns how many orders there were; the id of the buyer stays in them. A repeat finds those that were finished since.
    /// Amounts, references and tickets stay.
    ///
    /// Errors: [`Error::Invalid`] for an organisation, an API key or a guest, who are not buyers with an id.
    pub async fn erase_buyer(&self, who: &Principal) -> Result<usize> {
        match who {
            Principal::Account(_) | Principal::External(_) => {
                self.erase_orders(Erasable::AllOrdersOf(who.clone())).await
            }
            Principal::Organisation(_) | Principal::Key { .. } | Principal::Guest(_) => {
                Err(Error::invalid("who", "must be an account or an identity of the application"))
            }
        }
    }

    /// Erases accounts that are due. Returns how many it worked on.
    pub(super) async fn erase_due(&self, limit: u32) -> Result<usize> {
        // Each looks through whole tables, and buyers wait for nothing of it; but refunds and mails wait for this pass.
        let limit = limit.min(AT_ONCE);
        let due = self.inner.storage.find(ListDueErasures { now: self.now(), limit }).await?;
        for account in &due {
            let id = account.id;
            match self.erase(id).await {
                Ok(Erased::Done | Erased::NotDue) => {}
                Ok(Erased::Blocked(blocks)) => {
                    let by: Vec<&str> = blocks.iter().map(ErasureBlock::name).collect();
                    tracing::warn!(account.id = id.0, by = by.join(" "), "an account cannot be erased yet");
                }
                Err(error) => {
                    tracing::error!(account.id = id.0, %error, "could not erase an account, which is tried again");
                    // Otherwise the others would wait for it.
                    self.postpone(id, SignedDuration::from_hours(1)).await?;
                }
            }
        }
        Ok(due.len())
    }

    /// Erases an account whose time has come, or looks again for what is left of it. First what is found by its address, because that is
    /// gone afterwards: if this process ends in between, the next pass begins again.
    async fn erase(&self, id: AccountId) -> Result<Erased> {
        let storage = &self.inner.storage;
        let Some(account) = storage.account(&AccountKey::Id(id)).await? else { return Ok(Erased::NotDue) };
        if account.erased_at.is_some() {
            self.erase_orders(Erasable::AllOrdersOf(id.into())).await?;
            self.erase_recipients(Erasable::MailsOf(id)).await?;
            return Ok(storage.apply_one(self.now(), EraseAccount { id, address: account.email }).await?);
        }
        if !account.is_erasure_due(self.now()) {
            return Ok(Erased::NotDue);
        }
        // Anybody can register with somebody else's address.
        if account.is_verified && account.is_active {
            // What its owner has bought as a guest. Refused if the address has changed.
            drop(storage.apply_one(self.now(), ClaimOrders::new(id, account.email.clone())).await?);
        }
        let address = account.email;
        let found = storage.find(FindErasure { id, now: self.now() }).await?;
        let Some((account, blocks)) = found.filter(|(account, _)| account.email == address) else {
            return Ok(Erased::NotDue);
        };
        let is_own = account.is_verified;
        if !blocks.is_empty() {
            self.postpone(id, TRY_AGAIN_AFTER).await?;
            return Ok(Erased::Blocked(blocks));
        }
        self.erase_orders(Erasable::OrdersOf(id.into())).await?;
        if is_own {
            let mut texts = account.email.keys();
            texts.push(account.email.as_str().to_ascii_lowercase());
            self.erase_orders(Erasable::OrdersTo(texts.clone())).await?;
            self.erase_attendees(Erasable::AttendeesTo(texts.clone())).await?;
            self.erase_recipients(Erasable::MailsTo(texts)).await?;
        }
        let erased = storage.apply_one(self.now(), EraseAccount { id, address: account.email }).await?;
        if erased == Erased::Done {
            self.erase_recipients(Erasable::MailsOf(id)).await?;
            tracing::warn!(event = "account_erased", account.id = id.0, "security");
        }
        Ok(erased)
    }

    async fn postpone(&self, id: AccountId, by: SignedDuration) -> Result<()> {
        let to = self.now() + by;
        Ok(self.inner.storage.apply_one(self.now(), PostponeErasure { id, to }).await?)
    }

    /// Erases the buyers of these orders. Returns how many orders it has changed.
    async fn erase_orders(&self, which: Erasable) -> Result<usize> {
        self.slice_by_slice(which, |id| EraseBuyer { id: OrderId(id) }).await
    }

    async fn erase_attendees(&self, which: Erasable) -> Result<usize> {
        self.slice_by_slice(which, |id| EraseAttendee { ticket_id: TicketId(id) }).await
    }

    async fn erase_recipients(&self, which: Erasable) -> Result<usize> {
        self.slice_by_slice(which, |id| EraseRecipient { id: MailId(id), gives_up: true }).await
    }

    async fn slice_by_slice<C: Command<Outcome = bool>>(
        &self,
        which: Erasable,
        command: impl Fn(i64) -> C + Send + Sync,
    ) -> Result<usize> {
        let (mut from, mut changed) = (0, 0);
        loop {
            let ids = self.inner.storage.find(ListErasable { which: which.clone(), from, limit: SLICE }).await?;
            let Some(last) = ids.last().copied() else { return Ok(changed) };
            let commands = ids.into_iter().map(&command).collect();
            let done = self.inner.storage.apply_all(self.now(), commands).await?;
            changed += done.into_iter().filter(|is_changed| *is_changed).count();
            from = last + 1;
        }
    }
}
