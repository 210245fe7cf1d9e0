use super::Ticketing;
use super::checks::Checks;
use crate::domain::check_in::{CheckIn, Scan};
use crate::error::Result;

impl Ticketing {
    /// Checks in the holder of a ticket, once: the first scan wins, however many arrive at once. A repeat of the same scan (with the
    /// same nonce) gets the same answer.
    ///
    /// Refusals: `ticket_unknown`, `ticket_foreign` (another organiser's event), `ticket_used` (with when and where),
    /// `ticket_refunded`, `ticket_cancelled`, `ticket_transferred`, `nonce_reused`.
    pub async fn check_in(&self, scan: Scan) -> Result<CheckIn> {
        let mut checks = Checks::default();
        checks.principal("by", &scan.by);
        checks.text("nonce", &scan.nonce, 1, 100);
        checks.optional_text("gate", scan.gate.as_deref(), 100);
        checks.done()?;
        let asked = self.now();
        let check_in = self.inner.batches.apply(scan).await?.map_err(super::refused)?;
        // A repeat of the same scan gets the answer of the first.
        if check_in.at >= asked {
            crate::metrics::let_in();
        }
        Ok(check_in)
    }
}
