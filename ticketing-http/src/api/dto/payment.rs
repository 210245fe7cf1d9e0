//! Payments: checkout, verification, history, refunds and reviews.

mod begin;
mod story;
mod verify;

pub(crate) use begin::{CheckoutView, InitializeBody, PayBody, PayOrderBody};
pub(crate) use story::{
    AttemptView, HistoryView, PaymentView, RefundBody, RefundView, ReturnBody, ReviewBody, StoredWebhookView,
};
pub(crate) use verify::{StillOpenView, VerifiedView};
