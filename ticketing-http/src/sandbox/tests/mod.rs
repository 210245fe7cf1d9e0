//! The sandbox over real HTTP, from the side of a merchant's server and a payer's browser.

mod api;
mod checkout;
mod restart;
mod webhooks;
mod world;
