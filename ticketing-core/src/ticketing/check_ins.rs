use super::Ticketing;
use super::checks::Checks;
use crate::domain::check_in::{AnnulScan, CheckIn, Scan};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;

impl Ticketing {
    /// Checks in the holder of a ticket, once: the first scan wins, however many arrive at once. A repeat of the same scan (with the
    /// same nonce) gets the same answer.
    ///
    /// Refusals: `ticket_unknown`, `ticket_foreign` (another organiser's event), `wrong_event` (another event of the same organiser's),
    /// `ticket_used` (with when and where), `ticket_refunded`, `ticket_cancelled`, `ticket_transferred`, `scan_annulled`,
    /// `nonce_reused`. A refused ticket is not used.
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

    /// Undoes a scan, up to 15 minutes after it: the ticket admits its holder again, under the next scan's nonce. If the ticket was
    /// refunded meanwhile, its place is free. Allowed for the event's organiser. A repeat changes nothing.
    ///
    /// Refusals: `scan_unknown`, `annul_too_late`.
    pub async fn annul_scan(&self, actor: &Principal, nonce: &str) -> Result<CheckIn> {
        let mut checks = Checks::default();
        checks.text("nonce", nonce, 1, 100);
        if checks.done().is_err() {
            // No scan has such a nonce.
            return Err(Error::Refused(Refusal::ScanUnknown));
        }
        let annul = AnnulScan { nonce: nonce.to_owned(), by: actor.clone() };
        self.inner.storage.apply_one(self.now(), annul).await?.map_err(super::refused)
    }
}
