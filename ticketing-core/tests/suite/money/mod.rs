//! Money is never wrong: twenty cases that other systems get wrong, and every row of the table of a payment's states, on every storage.
//! Both tables are in the repository's `tests/README.md`.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "paystack", feature = "testing"))]

/// Makes each a test of its own on each storage.
macro_rules! on_every_storage {
    ($($case:ident),* $(,)?) => {$(
        mod $case {
            use crate::money::shop::{Place, Shop};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_memory() {
                Shop::run(Place::memory(), super::$case).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                Shop::run(Place::sqlite(), super::$case).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(place) = Place::postgres().await {
                    Shop::run(place, super::$case).await;
                }
            }
        }
    )*};
}

mod after_capture;
mod before_capture;
mod blocked_gateway;
mod cancelled_events;
mod changed_events;
mod charges;
mod circuit_breaker;
mod concurrent_buyers;
mod crashes;
mod disputes;
mod errors_and_startup;
mod gateway_limits;
mod observations;
mod references;
mod refunds_at_the_gateway;
mod repeated_calls;
mod reviews;
mod shop;
mod slow_gateway;
mod webhooks;
