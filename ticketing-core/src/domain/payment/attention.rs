//! Why a person should look at a payment.

use super::Attempt;
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::load::LoadKeys;
use crate::domain::row::json_fields;
use crate::domain::wire_names::wire_names;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Why a person should look at a payment, beyond what its status says. Listed by [`ListReviews`](super::ListReviews) until it
/// is settled, by itself or by [`Resolve`](super::Resolve).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Attention {
    /// The gateway's answer about it cannot be read. Polling goes on; the first answer that can be read settles this.
    Unreadable,
    /// A signed webhook and the gateway's own answer contradict each other. An answer that agrees settles this.
    Contradicted,
    /// The payer disputes a part of it. A person decides which tickets stay valid.
    PartialDispute,
    /// A dispute was won, and the places of its tickets are gone. A person restores the tickets once there are places, or refunds
    /// the payment.
    DisputeWon,
    /// A part of it was refunded at the gateway, not by the engine. A person decides which tickets stay valid.
    RefundedElsewhere,
}

wire_names!(Attention {
    Unreadable => "unreadable",
    Contradicted => "contradicted",
    PartialDispute => "partial_dispute",
    DisputeWon => "dispute_won",
    RefundedElsewhere => "refunded_elsewhere",
});

json_fields!(Vec<Attention>);

impl Attempt {
    /// Adds a reason to look at it. A repeat changes nothing.
    pub(crate) fn call_for(&mut self, attention: Attention) {
        if !self.attention.contains(&attention) {
            self.attention.push(attention);
        }
    }
}

/// Lists an attempt for a person to look at. Returns whether it was not listed for this reason before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedsAttention {
    /// The attempt.
    pub reference: Reference,
    /// The reason.
    pub attention: Attention,
}

impl Command for NeedsAttention {
    type Outcome = bool;
    const NAME: &'static str = "needs_attention";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Attempt>(&self.reference);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> bool {
        let is_known = |attempt: &Attempt| attempt.attention.contains(&self.attention);
        if rows.attempts.get(&self.reference).is_none_or(is_known) {
            return false;
        }
        rows.attempts.update(&self.reference, |attempt| {
            attempt.call_for(self.attention);
            attempt.updated_at = now;
        });
        true
    }
}
