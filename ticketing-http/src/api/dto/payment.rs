//! Payments: begun, verified, told, refunded and decided about.

mod begin;
mod story;
mod verify;

pub(crate) use begin::{CheckoutView, InitializeBody, PayBody, PayOrderBody};
pub(crate) use story::{AttemptView, PaymentView, RefundBody, RefundView, ReviewBody};
pub(crate) use verify::{StillOpenView, VerifiedView};
