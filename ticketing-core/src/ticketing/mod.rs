//! The facade: sells tickets and lets people in.

#[cfg(feature = "accounts")]
mod account_data;
#[cfg(feature = "accounts")]
mod accounts;
#[cfg(feature = "accounts")]
mod administration;
#[cfg(feature = "accounts")]
mod api_keys;
mod attendees;
mod authorization;
mod batching;
mod box_office;
mod builder;
mod check_ins;
mod checks;
mod coalescer;
mod erasure;
mod event_checks;
mod event_copies;
mod event_edits;
mod events;
mod export;
mod guests;
#[cfg(feature = "csv")]
mod imports;
#[cfg(feature = "accounts")]
mod invitations;
mod limits;
mod mail_delivery;
mod mail_limits;
#[cfg(feature = "accounts")]
mod mailed_codes;
mod mails;
mod messages;
mod order_details;
mod orders;
mod organisations;
mod organizers;
mod pace;
mod payments;
mod promo_codes;
#[cfg(feature = "accounts")]
mod proofs;
mod recent_events;
mod refunds;
mod requests;
mod retention;
#[cfg(feature = "accounts")]
mod second_factor;
#[cfg(feature = "accounts")]
mod sessions;
mod tickets;
mod transfers;
mod upkeep;
mod webhooks;

#[cfg(feature = "accounts")]
pub use account_data::AccountData;
#[cfg(feature = "accounts")]
pub use accounts::{Registration, Session};
#[cfg(feature = "accounts")]
pub use api_keys::{AuthenticatedKey, Caller, NewApiKey};
pub use authorization::Asker;
pub use box_office::{IssueRequest, ReceivedPayment};
pub use builder::TicketingBuilder;
pub use erasure::Erasure;
pub use event_copies::{MAX_DATES, Repeat};
#[cfg(feature = "csv")]
pub use export::CsvExport;
pub use export::{Cell, Export, ExportKind};
#[cfg(feature = "csv")]
pub use imports::{ImportOptions, Imported, MAX_IMPORT_BYTES};
pub use mail_limits::MailLimits;
#[cfg(feature = "accounts")]
pub use mailed_codes::CodeChallenge;
pub use messages::MessageRequest;
pub use orders::{LineRequest, OrderRequest};
pub use organizers::Organizers;
pub use payments::{PayOptions, Started};
pub use promo_codes::MAX_CODES;
#[cfg(feature = "accounts")]
pub use proofs::{ProofState, Reauthentication};
pub use refunds::{Decision, RefundOptions};
pub use retention::Retention;
#[cfg(feature = "accounts")]
pub use second_factor::{NewSecondFactor, RecoveryCodes, SecondFactorState};
#[cfg(feature = "accounts")]
pub use sessions::Authenticated;
pub use upkeep::{Upkeep, UpkeepHandle, UpkeepReport};

use crate::clock::{Clock, Random};
use crate::domain::order::BuyerLimits;
use crate::error::Result;
use crate::gateway::PaymentGateway;
use crate::mailer::Mailer;
use crate::runtime::Runtime;
use crate::storage::Storage;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

/// Sells tickets and lets people in. Cheap to clone; all clones share one state.
///
/// Each call takes the principal who acts: an [account] of ours, a [guest], or an [identity] of the embedding application, which must
/// authenticate them. What belongs to another principal is reported as not found.
///
/// Every call is cancel-safe: if it is dropped at any await point, it is done or not done, never half.
///
/// [account]: crate::domain::principal::Principal::Account
/// [guest]: crate::domain::principal::Principal::Guest
/// [identity]: crate::domain::principal::Principal::External
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
    /// Batches the writes of sales, so that they share commits, and the reads that many callers make at once.
    batches: batching::Batches,
    recent_events: recent_events::RecentEvents,
    hold_for: SignedDuration,
    /// How long places are held for a guest who has not given an address.
    naming_for: SignedDuration,
    buyer_limits: BuyerLimits,
    organizers: Organizers,
    /// Whether accounts without a verified address may be members of organisations.
    unproved_members: bool,
    mail_limits: MailLimits,
    retention: Retention,
    retained: retention::Progress,
    mail_turns: mail_limits::Turns,
    /// Who waits, so that mails give way.
    pace: pace::Pace,
    renderer: crate::mailer::render::Renderer,
    public_url: Option<String>,
    #[cfg(feature = "accounts")]
    proof_url: Option<String>,
    /// No open attempt is polled before this time (microseconds since 1970), because gateways have rate limits.
    polls_from: AtomicI64,
    /// Notified when there is something for upkeep to do at once.
    upkeep_wakeup: tokio::sync::Notify,
    /// Whether that is something other than what sales leave behind.
    is_all_due: AtomicBool,
    /// One copy of a person's data is made at a time: it may be large.
    #[cfg(feature = "accounts")]
    exports: tokio::sync::Semaphore,
    #[cfg(feature = "accounts")]
    accounts: Option<accounts::Accounts>,
}

impl Ticketing {
    /// Returns a builder. The storage is the only required part. For an `Arc<dyn Storage>`, use
    /// [`builder_on`](Self::builder_on).
    pub fn builder(storage: impl Storage) -> TicketingBuilder {
        TicketingBuilder::new(Arc::new(storage))
    }

    /// Like [`builder`](Self::builder), for a storage that is shared or chosen at run time.
    pub fn builder_on(storage: Arc<dyn Storage>) -> TicketingBuilder {
        TicketingBuilder::new(storage)
    }

    /// The storage, for operations that the facade does not offer.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.inner.storage
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

/// The value of a batch of one. A refusal is counted and returned as an error.
fn granted<T>(outcomes: Vec<crate::storage::Outcome<T>>) -> Result<T> {
    only(outcomes)?.map_err(refused)
}

/// Counts a refusal and returns it as an error.
fn refused(refusal: crate::domain::refusal::Refusal) -> crate::error::Error {
    crate::metrics::refused(&refusal);
    refusal.into()
}

/// The one outcome of a batch of one.
fn only<T>(outcomes: Vec<T>) -> Result<T> {
    let missing = || crate::storage::StorageError::Unusable("the storage returned no outcome for an item".to_owned());
    outcomes.into_iter().next().ok_or_else(|| missing().into())
}
