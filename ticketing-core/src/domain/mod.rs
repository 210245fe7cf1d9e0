//! What a ticket sale is, and its rules. Pure: no I/O, no clock, no randomness; `now`, ids and codes are arguments.

pub mod account;
pub mod audit;
pub mod book;
pub mod check_in;
pub mod code;
pub mod event;
pub mod id;
pub mod limit;
pub mod money;
pub mod order;
pub mod outbox;
pub mod page;
pub mod payment;
pub mod principal;
pub mod refund;
pub mod refusal;
pub mod request;
pub mod rules;
pub mod ticket;
pub mod webhook;
mod words;
