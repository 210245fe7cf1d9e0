//! Acting as the payer without a browser: for curl, Postman and tests.

use super::gateway::Sandbox;
use super::request::{MAX_AMOUNT, read_json};
use super::response::{ApiError, ok, respond};
use super::transaction::{Payment, Play, RefundsEnd};
use jiff::SignedDuration;
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use serde::Deserialize;
use std::sync::Arc;

/// The actions of a payer. The checkout page's buttons have the same names.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Pay,
    Decline,
    /// Leaves without paying.
    Abandon,
    /// Leaves, and the payment arrives after `after_seconds`.
    PayLate,
    /// Pays another amount than requested: half of it, or `amount`.
    PayWrongAmount,
    /// Pays, and the webhook is sent twice.
    PayTwoWebhooks,
    /// Pays, and no webhook is sent.
    PayNoWebhook,
    /// From now on, refunds of this transaction succeed, fail, or get stuck.
    RefundsSucceed,
    RefundsFail,
    RefundsNeedAttention,
}

/// An action and its parameters.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct SimulateRequest {
    pub(super) action: Action,
    pub(super) after_seconds: Option<u32>,
    pub(super) amount: Option<u64>,
}

/// The longest delay of a late payment, in seconds: Paystack's own retries end after 72 hours.
const MAX_DELAY_SECONDS: u32 = 72 * 3600;

impl SimulateRequest {
    /// The action on a transaction of this amount.
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
                let seconds = self.after_seconds.unwrap_or(60).min(MAX_DELAY_SECONDS);
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

/// `POST /simulate/:reference {"action": "pay"}`; responds like verify. It needs no key: anyone who can reach it can open the
/// checkout page as well, and no money moves.
#[handler]
pub(super) async fn simulate(request: &Request, body: Body, sandbox: Data<&Arc<Sandbox>>) -> Response {
    respond(try_simulate(request, body, &sandbox).await)
}

async fn try_simulate(request: &Request, body: Body, sandbox: &Sandbox) -> Result<Response, ApiError> {
    let reference: String = request.path_params().map_err(|_| ApiError::TRANSACTION_NOT_FOUND)?;
    // A page of another origin can send any other type without a preflight.
    if !request.content_type().is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(ApiError::invalid("Content-Type must be application/json"));
    }
    let action: SimulateRequest = read_json(body).await?;
    let transaction = sandbox.transaction(&reference).ok_or(ApiError::TRANSACTION_NOT_FOUND)?;
    let play = action.play(transaction.requested, sandbox.config.clock.now())?;
    Ok(ok("Simulated", sandbox.play(&reference, play)?.to_wire()))
}
