//! API tests through the whole server: middleware, operations and engine, with a fake gateway; on every storage.
//!
//! | file | tests |
//! |---|---|
//! | `legacy_api_a`, `legacy_api_b` | clients of the two older systems, A and B, from registration to the ticket |
//! | `orders`, `refunds_and_reviews`, `check_ins`, `webhooks` | the operations beside them |
//! | `admin`, `organizers` | administrators, and who may sell tickets |
//! | `organisations` | organisations, their members, and what each role may read |
//! | `authorization_table` | who may do what: every operation for every kind of caller |
//! | `proofs` | addresses verified, passwords reset, addresses changed, and the page that mails link to |
//! | `second_factor` | logging in with a code, recovery codes, sessions |
//! | `authorization` | what a refusal shows; tokens that are none |
//! | `bad_input` | malformed requests, for every operation |
//! | `event_life` | corner cases in the life of an event: codes, copies, drafts, currencies |
//! | `event_times` | times in every notation, events in the past, and the end of ticket sales |
//! | `box_office` | attendees, orders without a checkout, refunds in parts, tickets that are sent again |
//! | `idempotency`, `races` | requests that are repeated, and many at once |
//! | `api_keys`, `authorization_keys` | API keys, and what each may do |
//! | `guests`, `authorization_guests` | orders without an account, and what their keys open |
//! | `limits` | how much one buyer may hold, and how many purchases begin |
//! | `lists`, `conditional_get`, `service` | pagination, `ETag`, health |
//! | `export` | what is kept of a person, and what was done to an event |
//! | `text` | names of every length and script, and text that looks the same |
//! | `document` | the OpenAPI document |

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is what is meant")]

mod admin;
mod api_keys;
mod authorization;
mod authorization_guests;
mod authorization_keys;
mod authorization_table;
mod bad_input;
mod box_office;
mod check_ins;
mod conditional_get;
mod document;
mod erasure;
mod event_life;
mod event_settings;
mod event_times;
mod export;
mod guests;
mod idempotency;
mod invitations;
mod legacy_api_a;
mod legacy_api_b;
mod limits;
mod lists;
mod on_databases;
mod orders;
mod organisations;
mod organizers;
#[cfg(feature = "postgres")]
#[path = "../../../ticketing-core/tests/support/postgres.rs"]
mod postgres;
mod promo_codes;
mod proofs;
mod races;
mod refunds_and_reviews;
mod returns;
mod second_factor;
mod service;
mod shop;
mod storages;
mod text;
mod transfers;
mod webhooks;
