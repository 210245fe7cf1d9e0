//! What several modules of the suite need. `proof` and `postgres` are also used by other crates' tests, by path.

#[cfg(feature = "testing")]
pub(crate) mod dropped_calls;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "paystack", feature = "testing"))]
pub(crate) mod fake_paystack;
#[cfg(feature = "testing")]
pub(crate) mod later_fields;
#[cfg(all(feature = "postgres", feature = "testing"))]
pub(crate) mod postgres;
#[cfg(feature = "smtp")]
pub(crate) mod smtp_server;
