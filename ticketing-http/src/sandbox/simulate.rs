//! Playing the payer without a browser: for curl, Postman and test harnesses.

use super::gateway::Sandbox;
use super::request::{MAX_AMOUNT, read_json};
use super::response::{ApiError, ok, respond};
use super::transaction::{Payment, Play, RefundsEnd};
use jiff::SignedDuration;
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use serde::Deserialize;
use std::sync::Arc;

/// What a payer can be made to do. The checkout page's buttons have the same names.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Pay,
    Decline,
    /// Leaves without paying.
    Abandon,
    /// Leaves, and the payment arrives after `after_seconds`.
    PayLate,
    /// Pays another amount than was asked for: half of it, or `amount`.
    PayWrongAmount,
    /// Pays, and the merchant hears of it twice.
    PayTwoWebhooks,
    /// Pays, and the merchant hears nothing.
    PayNoWebhook,
    /// From now on, refunds of this transaction end well, fail, or get stuck.
    RefundsSucceed,
    RefundsFail,
    RefundsNeedAttention,
}

/// An action and what it needs.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct SimulateRequest {
    pub(super) action: Action,
    pub(super) after_seconds: Option<u32>,
    pub(super) amount: Option<u64>,
}

/// The longest that a late payment may take: Paystack's own retries end after 72 hours.
const LATEST_SECONDS: u32 = 72 * 3600;

impl SimulateRequest {
    /// What the payer does then, to a transaction of this amount.
    pub(super) fn play(self, requested: u64, now: jiff::Timestamp) -> Result<Play, ApiError> {
        if self.amount.is_some_and(|amount| !(1..=MAX_AMOUNT).contains(&amount)) {
            return Err(ApiError::invalid("Invalid Amount Sent"));
        }
        let payment = Payment { amount: self.amount, webhooks: 1 };
        Ok(match self.action {
            Action::Pay => Play::Pay(payment),
            Action::PayWrongAmount => {
                let half = if requested > 1 { requested / 2 } else { requested + 1 };
                Play::Pay(Payment { amount: Some(self.amount.unwrap_or(half)), ..payment })
            }
            Action::PayTwoWebhooks => Play::Pay(Payment { webhooks: 2, ..payment }),
            Action::PayNoWebhook => Play::Pay(Payment { webhooks: 0, ..payment }),
            Action::PayLate => {
                let seconds = self.after_seconds.unwrap_or(60).min(LATEST_SECONDS);
                let at = now.saturating_add(SignedDuration::from_secs(seconds.into()));
                Play::PayLate { payment, at: at.map_err(|_| ApiError::invalid("Invalid after_seconds"))? }
            }
            Action::Decline => Play::Decline,
            Action::Abandon => Play::WalkAway,
            Action::RefundsSucceed => Play::Refunds(RefundsEnd::Processed),
            Action::RefundsFail => Play::Refunds(RefundsEnd::Failed),
            Action::RefundsNeedAttention => Play::Refunds(RefundsEnd::NeedsAttention),
        })
    }
}

/// `POST /simulate/:reference {"action": "pay"}`; answers like verify. It wants no key: whoever can reach it could open the
/// checkout page as well, and no money moves.
#[handler]
pub(super) async fn simulate(request: &Request, body: Body, sandbox: Data<&Arc<Sandbox>>) -> Response {
    respond(try_simulate(request, body, &sandbox).await)
}

async fn try_simulate(request: &Request, body: Body, sandbox: &Sandbox) -> Result<Response, ApiError> {
    let reference: String = request.path_params().map_err(|_| ApiError::TRANSACTION_NOT_FOUND)?;
    // A page elsewhere can make a browser post anything but this type without asking us first.
    if !request.content_type().is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(ApiError::invalid("Content-Type must be application/json"));
    }
    let wish: SimulateRequest = read_json(body).await?;
    let transaction = sandbox.transaction(&reference).ok_or(ApiError::TRANSACTION_NOT_FOUND)?;
    let play = wish.play(transaction.requested, sandbox.config.clock.now())?;
    Ok(ok("Simulated", sandbox.play(&reference, play)?.to_wire()))
}
