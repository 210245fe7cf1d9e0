//! The sandbox over real HTTP, as a merchant's server and a payer's browser meet it.

mod api;
mod checkout;
mod restart;
mod webhooks;
mod world;
