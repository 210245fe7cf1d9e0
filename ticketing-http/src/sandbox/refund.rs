//! Refunds: their states, and Paystack's wire format.

use super::transaction::{RefundsEnd, Transaction, time};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A refund.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Refund {
    pub(super) id: u64,
    /// The reference of the refunded transaction.
    pub(super) transaction: String,
    pub(super) amount: u64,
    pub(super) merchant_note: String,
    pub(super) customer_note: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) status: RefundStatus,
    /// Its final status.
    pub(super) end: RefundsEnd,
}

/// The status of a refund, with Paystack's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RefundStatus {
    Pending,
    Processing,
    Processed,
    Failed,
    NeedsAttention,
}

impl RefundStatus {
    /// The next status, unless this one is final.
    pub(super) fn next(self, end: RefundsEnd) -> Option<Self> {
        match (self, end) {
            (Self::Pending, _) => Some(Self::Processing),
            (Self::Processing, RefundsEnd::Processed) => Some(Self::Processed),
            (Self::Processing, RefundsEnd::Failed) => Some(Self::Failed),
            (Self::Processing, RefundsEnd::NeedsAttention) => Some(Self::NeedsAttention),
            (Self::Processed | Self::Failed | Self::NeedsAttention, _) => None,
        }
    }

    /// The name of its webhook.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::Pending => "refund.pending",
            Self::Processing => "refund.processing",
            Self::Processed => "refund.processed",
            Self::Failed => "refund.failed",
            Self::NeedsAttention => "refund.needs-attention",
        }
    }
}

impl Refund {
    /// Whether its amount counts as refunded: it does unless the refund failed.
    pub(super) fn counts(&self) -> bool {
        self.status != RefundStatus::Failed
    }

    /// The final status of a refund: as in its note, or else as set on its transaction.
    pub(super) fn end_of(note: &str, transaction: &Transaction) -> RefundsEnd {
        if note.contains("sandbox:failed") {
            RefundsEnd::Failed
        } else if note.contains("sandbox:needs-attention") {
            RefundsEnd::NeedsAttention
        } else {
            transaction.refunds_end
        }
    }

    /// The response when it is created: with the transaction as an object.
    pub(super) fn to_wire_created(&self, of: &Transaction) -> Value {
        let mut wire = self.to_wire(of);
        wire["transaction"] = of.to_wire();
        wire
    }

    /// The response when it is fetched: with the transaction's id.
    pub(super) fn to_wire(&self, of: &Transaction) -> Value {
        let done = self.status == RefundStatus::Processed;
        json!({
            "id": self.id,
            "integration": INTEGRATION,
            "domain": "test",
            "transaction": of.id,
            "transaction_reference": of.reference,
            "dispute": null,
            "settlement": null,
            "amount": self.amount,
            "deducted_amount": if done { self.amount } else { 0 },
            "fully_deducted": done,
            "currency": of.currency,
            "channel": "card",
            "status": self.status,
            "merchant_note": self.merchant_note,
            "customer_note": self.customer_note,
            "refunded_by": "sandbox@example.com",
            "refunded_at": done.then(|| time(self.updated_at)),
            "expected_at": time(self.created_at),
            "createdAt": time(self.created_at),
            "updatedAt": time(self.updated_at),
        })
    }

    /// The webhook: without an id, and with the amount as a string.
    pub(super) fn to_event(&self, of: &Transaction) -> Value {
        json!({
            "status": self.status,
            "transaction_reference": of.reference,
            "refund_reference": null,
            "amount": self.amount.to_string(),
            "currency": of.currency,
            "processor": "sandbox",
            "customer": of.customer(),
            "integration": INTEGRATION,
            "domain": "test",
        })
    }
}

/// The merchant's number at the sandbox.
const INTEGRATION: u32 = 412_829;
