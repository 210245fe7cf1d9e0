//! What goes to the storage in batches: every write of a sale, and of the gate; and what every request reads.

use super::coalescer::{Answer, Coalescer, Commit, Item};
use super::refused;
use crate::clock::Clock;
#[cfg(feature = "accounts")]
use crate::domain::account::{Account, AccountKey};
use crate::domain::check_in::{CheckIn, Scan};
use crate::domain::code::Reference;
#[cfg(feature = "accounts")]
use crate::domain::id::AccountId;
use crate::domain::id::OrderId;
use crate::domain::order::{Hold, Order};
use crate::domain::outbox::{MailReport, OutboxMail};
use crate::domain::payment::{Attempt, CheckoutReport, OpenAttempt, OpenedAttempt, Settle, Settlement};
use crate::domain::principal::Principal;
use crate::domain::ticket::Ticket;
use crate::error::Result;
use crate::runtime::Runtime;
use crate::storage::{Outcome, Storage};
use async_trait::async_trait;
use std::sync::Arc;

/// A queue for each kind. All writes are safe to repeat: by reference, nonce, or number of tries.
#[derive(Debug)]
pub(super) struct Lanes {
    holds: Coalescer<Hold>,
    attempts: Coalescer<OpenAttempt>,
    checkouts: Coalescer<CheckoutReport>,
    settlements: Coalescer<Settle>,
    scans: Coalescer<Scan>,
    mails: Coalescer<MailReport>,
    found: Coalescer<Reference>,
    purchases: Coalescer<OrderId>,
    #[cfg(feature = "accounts")]
    accounts: Coalescer<AccountKey>,
}

/// Where all of them go.
#[derive(Clone)]
struct ToStorage {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
}

macro_rules! items {
    ($($item:ty => $outcome:ty, by $call:ident;)*) => {$(
        impl Item for $item {
            type Outcome = $outcome;
        }

        #[async_trait]
        impl Commit<$item> for ToStorage {
            /// The time of a batch is when it is begun: what waits for its turn may miss a deadline meanwhile.
            async fn commit(&self, items: &[$item]) -> Answer<Vec<$outcome>> {
                self.storage.$call(self.clock.now(), items).await
            }
        }
    )*};
}

items! {
    Hold => Outcome<Order>, by hold;
    OpenAttempt => Outcome<OpenedAttempt>, by open_attempts;
    CheckoutReport => Outcome<Attempt>, by report_checkouts;
    Settle => Outcome<Settlement>, by settle;
    Scan => Outcome<CheckIn>, by check_in;
    MailReport => Option<OutboxMail>, by report_mails;
}

macro_rules! reads {
    ($($(#[$when:meta])? $key:ty => $found:ty, by $call:ident;)*) => {$(
        $(#[$when])?
        impl Item for $key {
            type Outcome = Option<$found>;
        }

        $(#[$when])?
        #[async_trait]
        impl Commit<$key> for ToStorage {
            /// Begun after all of them were asked for: everybody sees at least what was committed when they asked.
            async fn commit(&self, keys: &[$key]) -> Answer<Vec<Option<$found>>> {
                self.storage.$call(keys).await
            }
        }
    )*};
}

reads! {
    Reference => (Attempt, Principal), by attempts;
    OrderId => (Order, Vec<Ticket>), by purchases;
    #[cfg(feature = "accounts")]
    AccountKey => Account, by accounts;
}

/// For items that share no row that is fought for.
const ONE_GROUP: i64 = 0;

impl Lanes {
    pub(super) fn new(
        storage: &Arc<dyn Storage>,
        clock: &Arc<dyn Clock>,
        runtime: &Arc<dyn Runtime>,
        limit: usize,
    ) -> Self {
        let width = storage.batches_at_once();
        let to = ToStorage { storage: Arc::clone(storage), clock: Arc::clone(clock) };
        Self {
            holds: Coalescer::new(runtime, width, limit, to.clone()),
            attempts: Coalescer::new(runtime, 1, limit, to.clone()),
            checkouts: Coalescer::new(runtime, 1, limit, to.clone()),
            settlements: Coalescer::new(runtime, 1, limit, to.clone()),
            scans: Coalescer::new(runtime, 1, limit, to.clone()),
            mails: Coalescer::new(runtime, 1, limit, to.clone()),
            found: Coalescer::new(runtime, 1, limit, to.clone()),
            purchases: Coalescer::new(runtime, 1, limit, to.clone()),
            #[cfg(feature = "accounts")]
            accounts: Coalescer::new(runtime, 1, limit, to),
        }
    }

    /// Events take turns, and each has one batch under way: its counters are one row.
    pub(super) async fn hold(&self, wish: Hold) -> Result<Order> {
        self.holds.submit(wish.event_id.0, wish).await?.map_err(refused)
    }

    pub(super) async fn open_attempt(&self, wish: OpenAttempt) -> Result<OpenedAttempt> {
        self.attempts.submit(ONE_GROUP, wish).await?.map_err(refused)
    }

    pub(super) async fn report_checkout(&self, report: CheckoutReport) -> Result<Attempt> {
        self.checkouts.submit(ONE_GROUP, report).await?.map_err(refused)
    }

    pub(super) async fn settle(&self, said: Settle) -> Result<Settlement> {
        self.settlements.submit(ONE_GROUP, said).await?.map_err(refused)
    }

    pub(super) async fn check_in(&self, scan: Scan) -> Result<CheckIn> {
        self.scans.submit(ONE_GROUP, scan).await?.map_err(refused)
    }

    pub(super) async fn report_mail(&self, report: MailReport) -> Result<Option<OutboxMail>> {
        self.mails.submit(ONE_GROUP, report).await
    }

    /// An attempt, with the buyer of its order.
    pub(super) async fn attempt(&self, reference: &Reference) -> Result<Option<(Attempt, Principal)>> {
        self.found.submit(ONE_GROUP, reference.clone()).await
    }

    /// An order with its tickets.
    pub(super) async fn purchase(&self, order: OrderId) -> Result<Option<(Order, Vec<Ticket>)>> {
        self.purchases.submit(ONE_GROUP, order).await
    }

    /// The account of a request.
    #[cfg(feature = "accounts")]
    pub(super) async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        self.accounts.submit(ONE_GROUP, AccountKey::Id(id)).await
    }
}
