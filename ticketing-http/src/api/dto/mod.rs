//! Requests and responses on the wire.
//!
//! [`body`] reads request bodies, [`field`] their fields and [`path`] the parameters of the path; [`text`], [`price`], [`time`]
//! and [`local_time`] are types of fields; [`patch`] has fields that may be left as they are; [`list`] is a page of a list. Every other file is
//! for a noun: its bodies, its views, and their conversion to and from the engine's types.

pub(crate) mod account;
pub(crate) mod administration;
pub(crate) mod answers;
pub(crate) mod api_key;
pub(crate) mod attendee;
pub(crate) mod body;
pub(crate) mod box_office;
pub(crate) mod category;
pub(crate) mod check_in;
pub(crate) mod copies;
pub(crate) mod erasure;
pub(crate) mod event;
pub(crate) mod export;
pub(crate) mod field;
pub(crate) mod holders;
pub(crate) mod json;
pub(crate) mod list;
pub(crate) mod local_time;
pub(crate) mod order;
pub(crate) mod organisation;
pub(crate) mod patch;
pub(crate) mod path;
pub(crate) mod payment;
pub(crate) mod price;
pub(crate) mod promo_code;
pub(crate) mod proof;
pub(crate) mod scalar;
pub(crate) mod second_factor;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod settings_view;
pub(crate) mod text;
pub(crate) mod ticket;
pub(crate) mod time;
