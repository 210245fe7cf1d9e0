//! The rules: each looks at the rows of a [`Book`](super::book::Book), refuses or decides, and writes its decision into the book.
//!
//! A rule that refuses has written nothing. All checks come before the first write.

mod accounts;
mod attempts;
mod check_ins;
mod events;
mod holds;
mod mails;
mod refunds;
mod requests;
mod reviews;
mod settle;
mod stock;
mod webhooks;

pub use accounts::{change_account, register};
pub use attempts::{claim_poll, open_attempt, report_checkout};
pub use check_ins::check_in;
pub use events::{cancel_event, put_category, put_event};
pub use holds::{expire, hold, release};
pub use mails::{claim_mail, report_mail, resend_mail};
pub use refunds::{claim_refund, report_refund, request_refund, retry_refund, undo_order_of_cancelled_event};
pub use requests::{begin_request, finish_request};
pub use reviews::{Resolve, Verdict, resolve_review};
pub use settle::settle;
pub use webhooks::{claim_webhook, receive_webhook, report_webhook, wake_refunds};
