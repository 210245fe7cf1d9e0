//! What a first program needs, for `use ticketing_core::prelude::*`.
//!
//! A convenience: each name is a re-export, and its own path is shown in its documentation. `Error` and `Result` are left out,
//! since most programs have their own.

pub use crate::clock::{Clock, Random};
pub use crate::domain::check_in::Scan;
pub use crate::domain::code::{Reference, TicketCode};
pub use crate::domain::event::{EventFilter, NewEvent, NewTicketType};
pub use crate::domain::money::{Currency, Money};
pub use crate::domain::page::{Page, PageRequest};
pub use crate::domain::payment::Settlement;
pub use crate::domain::principal::{Buyer, EmailAddress, Principal};
pub use crate::domain::refusal::Refusal;
pub use crate::gateway::PaymentGateway;
pub use crate::mailer::Mailer;
pub use crate::storage::Storage;
pub use crate::storage::memory::MemoryStorage;
#[cfg(feature = "postgres")]
pub use crate::storage::postgres::PostgresStorage;
#[cfg(feature = "sqlite")]
pub use crate::storage::sqlite::SqliteStorage;
pub use crate::{
    Decision, LineRequest, OrderRequest, PayOptions, RefundOptions, Started, Ticketing, TicketingBuilder, Upkeep,
};
#[cfg(feature = "accounts")]
pub use crate::{Registration, Session};
