//! The facade: sells tickets and lets people in.

#[cfg(feature = "accounts")]
mod accounts;
mod batching;
mod builder;
mod check_ins;
mod checks;
mod coalescer;
mod events;
mod limits;
mod mails;
mod orders;
mod payments;
mod refunds;
mod requests;
mod tickets;
mod upkeep;
mod webhooks;

#[cfg(feature = "accounts")]
pub use accounts::{Registration, Session};
pub use builder::TicketingBuilder;
pub use orders::{LineRequest, OrderRequest};
pub use payments::{PayOptions, Started};
pub use refunds::RefundOptions;
pub use upkeep::{Upkeep, UpkeepHandle, UpkeepReport};

use crate::clock::{Clock, Random};
use crate::domain::access::Caller;
use crate::domain::account::AccountKey;
use crate::domain::principal::Principal;
use crate::error::Result;
use crate::gateway::PaymentGateway;
use crate::mailer::Mailer;
use crate::runtime::Runtime;
use crate::storage::{Storage, StorageExt as _};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// Sells tickets and lets people in. Cheap to clone; all clones share one state.
///
/// Who acts is an argument: an [account](Principal::Account) of ours or an [identity](Principal::External) of the embedding
/// application, which has to make sure that they are who they say. What belongs to somebody else is reported as not found.
///
/// Every call may be dropped at any await: it is then done or not done, never half.
#[derive(Clone, Debug)]
pub struct Ticketing {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    storage: Arc<dyn Storage>,
    gateway: Option<Arc<dyn PaymentGateway>>,
    mailer: Option<Arc<dyn Mailer>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    runtime: Arc<dyn Runtime>,
    /// Every write of a sale goes through here, to share its commit with others, and every read that many ask for at once.
    batches: batching::Batches,
    hold_for: SignedDuration,
    renderer: crate::mailer::render::Renderer,
    public_url: Option<String>,
    /// Before then, in microseconds since 1970, no open attempt is asked about: gateways limit how often they may be asked.
    polls_from: AtomicI64,
    /// Notified when there is something for upkeep to do at once.
    upkeep_wakeup: tokio::sync::Notify,
    #[cfg(feature = "accounts")]
    accounts: Option<accounts::Accounts>,
}

impl Ticketing {
    /// Starts to put an engine together. The storage is the only required part. For an `Arc<dyn Storage>`, use
    /// [`builder_on`](Self::builder_on).
    pub fn builder(storage: impl Storage) -> TicketingBuilder {
        TicketingBuilder::new(Arc::new(storage))
    }

    /// Like [`builder`](Self::builder), for a storage that is shared or chosen at run time.
    pub fn builder_on(storage: Arc<dyn Storage>) -> TicketingBuilder {
        TicketingBuilder::new(storage)
    }

    /// The storage, for what the facade has no call for.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.inner.storage
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The caller with the role of its account. Looked up only for what belongs to others.
    async fn caller<'a>(&self, who: &'a Principal) -> Result<Caller<'a>> {
        let Some(id) = who.account() else { return Ok(Caller::of(who)) };
        let account = self.inner.storage.account(&AccountKey::Id(id)).await?;
        let role = account.filter(|account| account.is_active).map(|account| account.role);
        Ok(Caller { principal: who, role })
    }
}

/// What a batch of one came to. Where the rules refuse, that is counted.
fn granted<T>(outcomes: Vec<crate::storage::Outcome<T>>) -> Result<T> {
    only(outcomes)?.map_err(refused)
}

/// The refusal as an error, counted.
fn refused(refusal: crate::domain::refusal::Refusal) -> crate::error::Error {
    crate::metrics::refused(&refusal);
    refusal.into()
}

/// The one outcome of a batch of one.
fn only<T>(outcomes: Vec<T>) -> Result<T> {
    let missing = || crate::storage::StorageError::Unusable("the storage gave no outcome for an item".to_owned());
    outcomes.into_iter().next().ok_or_else(|| missing().into())
}
