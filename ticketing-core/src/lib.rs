#![doc = include_str!("../README.md")]
#![allow(clippy::duplicate_mod, reason = "what SQL storages share is compiled once for each database")]

pub mod clock;
pub mod domain;
mod error;
pub mod gateway;
pub mod mailer;
pub mod metrics;
#[cfg(feature = "accounts")]
mod password;
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

pub use error::{Error, Invalid, Result};
pub use ticketing::{
    LineRequest, OrderRequest, PayOptions, RefundOptions, Started, Ticketing, TicketingBuilder, Upkeep, UpkeepHandle,
    UpkeepReport,
};
#[cfg(feature = "accounts")]
pub use ticketing::{Registration, Session};
