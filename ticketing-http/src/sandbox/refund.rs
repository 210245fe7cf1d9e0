//! One refund: how it moves on, and how Paystack writes it.

use super::transaction::{RefundsEnd, Transaction, time};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Money on its way back to the payer.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Refund {
    pub(super) id: u64,
    /// The reference of the transaction whose money it is.
    pub(super) transaction: String,
    pub(super) amount: u64,
    pub(super) merchant_note: String,
    pub(super) customer_note: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) status: RefundStatus,
    /// How it will end.
    pub(super) end: RefundsEnd,
}

/// Where a refund stands, in Paystack's words.
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
    /// What comes next by itself, if anything does.
    pub(super) fn next(self, end: RefundsEnd) -> Option<Self> {
        match (self, end) {
            (Self::Pending, _) => Some(Self::Processing),
            (Self::Processing, RefundsEnd::Processed) => Some(Self::Processed),
            (Self::Processing, RefundsEnd::Failed) => Some(Self::Failed),
            (Self::Processing, RefundsEnd::NeedsAttention) => Some(Self::NeedsAttention),
            (Self::Processed | Self::Failed | Self::NeedsAttention, _) => None,
        }
    }

    /// The name of the webhook that tells of it.
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
    /// Whether its money is spoken for: every refund's is, except a failed one's.
    pub(super) fn counts(&self) -> bool {
        self.status != RefundStatus::Failed
    }

    /// How a refund ends: as its note says, or else as its transaction says.
    pub(super) fn end_of(note: &str, transaction: &Transaction) -> RefundsEnd {
        if note.contains("sandbox:failed") {
            RefundsEnd::Failed
        } else if note.contains("sandbox:needs-attention") {
            RefundsEnd::NeedsAttention
        } else {
            transaction.refunds_end
        }
    }

    /// As Paystack answers when it is asked for: the transaction as a whole object.
    pub(super) fn to_wire_created(&self, of: &Transaction) -> Value {
        let mut wire = self.to_wire(of);
        wire["transaction"] = of.to_wire();
        wire
    }

    /// As Paystack writes it when it is looked up: the transaction as an id.
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

    /// As webhooks write it: without an id, and the amount as text.
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
