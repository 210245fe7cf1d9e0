//! What requests and answers look like on the wire.
//!
//! [`body`] reads requests, [`field`] their fields and [`path`] what stands in their path; [`text`], [`price`] and [`time`] are
//! what fields are made of; [`list`] is a page of a list, and [`written`] what need not be written again. The rest has a file for
//! each noun: its bodies, its views, and how the one becomes the engine's word and the other is made of it.

pub(crate) mod account;
pub(crate) mod body;
pub(crate) mod category;
pub(crate) mod check_in;
pub(crate) mod event;
pub(crate) mod field;
pub(crate) mod json;
pub(crate) mod list;
pub(crate) mod order;
pub(crate) mod path;
pub(crate) mod payment;
pub(crate) mod price;
pub(crate) mod scalar;
pub(crate) mod text;
pub(crate) mod ticket;
pub(crate) mod time;
pub(crate) mod written;
