#![doc = include_str!("../README.md")]

pub mod clock;
pub mod domain;
mod error;
pub mod gateway;
pub mod mailer;
#[cfg(feature = "qr")]
pub mod qr;
pub mod storage;

pub use error::{Error, Invalid, Result};
