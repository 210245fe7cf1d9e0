#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![allow(clippy::duplicate_mod, reason = "what SQL storages share is compiled once for each database")]

pub mod clock;
pub mod domain;
mod error;
pub mod gateway;
pub mod mailer;
pub mod metrics;
#[cfg(feature = "accounts")]
mod password;
pub mod prelude;
#[cfg(feature = "qr")]
pub mod qr;
pub mod runtime;
mod setters;
pub mod storage;
#[cfg(feature = "testing")]
pub mod testing;
mod ticketing;
#[cfg(feature = "accounts")]
pub mod token;

/// The attribute for implementations of this crate's asynchronous traits: `#[ticketing_core::async_trait]`. Re-exported from
/// [`async-trait`](https://docs.rs/async-trait), so that your crate needs no dependency of its own.
pub use async_trait::async_trait;
pub use error::{Error, Invalid, Result};
/// The crate of this API's points in time and durations, in the version that this crate uses.
pub use jiff;
#[cfg(feature = "accounts")]
pub use ticketing::{
    AccountData, Authenticated, AuthenticatedKey, Caller, CodeChallenge, NewApiKey, NewSecondFactor, ProofState,
    Reauthentication, RecoveryCodes, Registration, SecondFactorState, Session,
};
pub use ticketing::{
    Asker, Cell, Decision, Erasure, Export, ExportKind, IssueRequest, LineRequest, MAX_CODES, MAX_DATES, MailLimits,
    MessageRequest, OrderRequest, Organizers, PayOptions, ReceivedPayment, RefundOptions, Repeat, Retention, Started,
    Ticketing, TicketingBuilder, Upkeep, UpkeepHandle, UpkeepReport,
};
#[cfg(feature = "csv")]
pub use ticketing::{CsvExport, ImportOptions, Imported, MAX_IMPORT_BYTES};
