//! Transactions: their states, and Paystack's wire format.

use super::response::ApiError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A payer's attempt to pay a merchant.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Transaction {
    pub(super) id: u64,
    pub(super) reference: String,
    /// Opens the checkout page: anyone who has it can act as the payer.
    pub(super) access_code: String,
    pub(super) email: String,
    /// The requested amount, in minor units.
    pub(super) requested: u64,
    pub(super) currency: String,
    pub(super) callback_url: Option<String>,
    pub(super) metadata: Value,
    pub(super) created_at: Timestamp,
    pub(super) status: Status,
    pub(super) paid: Option<Paid>,
    /// A late payment that will arrive.
    pub(super) due: Option<Due>,
    /// The final status of refunds of this transaction.
    pub(super) refunds_end: RefundsEnd,
}

/// The status of a transaction, with Paystack's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// Not paid, and no payment in progress: also the initial status.
    Abandoned,
    /// The last attempt was declined. The next one may succeed.
    Failed,
    /// A payment is in progress.
    Pending,
    Success,
    /// Everything was refunded.
    Reversed,
}

/// Money that arrived.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Paid {
    pub(super) amount: u64,
    pub(super) at: Timestamp,
}

/// A late payment.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Due {
    pub(super) at: Timestamp,
    pub(super) payment: Payment,
}

/// How the payer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payment {
    /// Another amount than requested.
    pub(super) amount: Option<u64>,
    /// How many times the webhook is sent: once, unless a test loses or repeats it.
    pub(super) webhooks: u8,
}

/// The final status of refunds of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RefundsEnd {
    #[default]
    Processed,
    Failed,
    NeedsAttention,
}

/// An action of the payer, or of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Play {
    Pay(Payment),
    PayLate { payment: Payment, at: Timestamp },
    Decline,
    WalkAway,
    Refunds(RefundsEnd),
}

/// The effect of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    Changed,
    /// Money arrived: send the webhook this many times.
    PaidNow {
        webhooks: u8,
    },
}

impl Transaction {
    /// Whether money arrived, even if it was refunded later.
    pub(super) fn is_paid(&self) -> bool {
        self.paid.is_some()
    }

    /// Applies an action of the payer. Only a success can follow a failure, and only a refund changes a success: paying again has no
    /// effect.
    pub(super) fn play(&mut self, play: Play, now: Timestamp) -> Result<Effect, ApiError> {
        match play {
            Play::Refunds(end) => {
                self.refunds_end = end;
                Ok(Effect::Changed)
            }
            Play::Pay(_) | Play::PayLate { .. } if self.is_paid() => Ok(Effect::Nothing),
            Play::Decline | Play::WalkAway if self.is_paid() => Err(ApiError::ALREADY_PAID),
            Play::Pay(payment) => {
                self.status = Status::Success;
                self.paid = Some(Paid { amount: payment.amount.unwrap_or(self.requested), at: now });
                self.due = None;
                Ok(Effect::PaidNow { webhooks: payment.webhooks })
            }
            Play::PayLate { payment, at } => {
                if self.status != Status::Failed {
                    self.status = Status::Pending;
                }
                self.due = Some(Due { at, payment });
                Ok(Effect::Changed)
            }
            Play::Decline => {
                self.status = Status::Failed;
                self.due = None;
                Ok(Effect::Changed)
            }
            // Closing the page does not stop a late payment.
            Play::WalkAway => Ok(Effect::Nothing),
        }
    }

    /// Paystack's wire format, in responses and webhooks.
    pub(super) fn to_wire(&self) -> Value {
        let paid_at = self.paid.map(|paid| time(paid.at));
        let amount = self.paid.map_or(self.requested, |paid| paid.amount);
        json!({
            "id": self.id,
            "domain": "test",
            "status": self.status,
            "reference": self.reference,
            "receipt_number": null,
            "amount": amount,
            "requested_amount": self.requested,
            "currency": self.currency,
            "message": null,
            "gateway_response": self.gateway_response(),
            "paid_at": paid_at,
            "paidAt": paid_at,
            "created_at": time(self.created_at),
            "createdAt": time(self.created_at),
            "transaction_date": time(self.created_at),
            "channel": "card",
            "ip_address": "127.0.0.1",
            "metadata": self.metadata,
            "log": null,
            // 1.5 %, which is Paystack's price in Nigeria.
            "fees": self.paid.map(|paid| paid.amount.saturating_mul(15) / 1000),
            "fees_split": null,
            "fees_breakdown": null,
            "authorization": if self.is_paid() { self.authorization() } else { json!({}) },
            "customer": self.customer(),
            "plan": null,
            "plan_object": {},
            "split": {},
            "subaccount": {},
            "order_id": null,
            "source": null,
            "pos_transaction_data": null,
        })
    }

    /// The payer in Paystack's wire format.
    pub(super) fn customer(&self) -> Value {
        json!({
            "id": self.id,
            "first_name": null,
            "last_name": null,
            "email": self.email,
            "customer_code": format!("CUS_{}", self.id),
            "phone": null,
            "metadata": null,
            "risk_action": "default",
            "international_format_phone": null,
        })
    }

    fn authorization(&self) -> Value {
        json!({
            "authorization_code": format!("AUTH_{}", self.id),
            "bin": "408408",
            "last4": "4081",
            "exp_month": "12",
            "exp_year": "2030",
            "channel": "card",
            "card_type": "visa ", // sic
            "bank": "TEST BANK",
            "country_code": "NG",
            "brand": "visa",
            "reusable": true,
            "signature": format!("SIG_{}", self.id),
            "account_name": null,
        })
    }

    fn gateway_response(&self) -> &'static str {
        match self.status {
            Status::Abandoned => "The transaction was not completed",
            Status::Failed => "Declined",
            Status::Pending => "Transaction in progress",
            Status::Success => "Successful",
            Status::Reversed => "Reversed",
        }
    }
}

/// A time in Paystack's format: `2022-08-09T14:21:32.000Z`.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
