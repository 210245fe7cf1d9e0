//! Money is never wrong: the twenty cases that other systems get wrong (`case_…`), and every row of the table of a payment's
//! states (`row_…`), on every storage.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "paystack", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Makes each a test of its own on each storage.
macro_rules! on_every_storage {
    ($($case:ident),* $(,)?) => {$(
        mod $case {
            use crate::shop::{Place, Shop};

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

#[path = "../support/bank.rs"]
mod bank;
mod cancelled_events;
mod case_01_to_04_what_is_charged;
mod case_05_to_08_whose_it_is;
mod case_09_to_10_at_once;
mod case_11_to_12_crashes;
mod case_13_to_15_what_is_said;
mod case_16_webhooks;
mod case_17_the_breaker;
mod case_18_to_20_around;
#[path = "../support/dropping.rs"]
mod dropping;
#[path = "../support/postgres.rs"]
mod postgres;
mod refunds_at_the_gateway;
mod repeated_calls;
mod reviews;
mod rows_01_to_08;
mod rows_09_to_16;
mod shop;
mod slow_gateway;
mod stuck;
