use super::Ticketing;
use super::checks::Checks;
use crate::domain::access::Permission;
use crate::domain::check_in::{AnnulScan, CheckIn, Scan};
use crate::domain::principal::Principal;
use crate::domain::refusal::Refusal;
use crate::error::{Error, Result};
use crate::storage::StorageExt as _;

impl Ticketing {
    /// Checks in the holder of a ticket, once: the first scan wins, however many arrive at once. A repeat of the same scan (with the
    /// same nonce) gets the same answer. Needs [`Permission::Door`]; a [`Scan::scope`] saves the look-up.
    ///
    /// Refusals: `ticket_unknown`, `ticket_foreign` (an event that is not in the scope), `wrong_event` (another event of the scope),
    /// `ticket_used` (with when and where), `ticket_refunded`, `ticket_cancelled`, `ticket_transferred`, `scan_annulled`,
    /// `nonce_reused`. A refused ticket is not used.
    pub async fn check_in(&self, scan: Scan) -> Result<CheckIn> {
        let mut checks = Checks::default();
        checks.scanner("by", &scan.by);
        checks.text("nonce", &scan.nonce, 1, 100);
        checks.optional_text("gate", scan.gate.as_deref(), 100);
        checks.done()?;
        let asked = self.now();
        let mut outcome = self.inner.batches.apply(scan.clone()).await?;
        if outcome == Err(Refusal::TicketForeign) && scan.scope.is_none() {
            // Perhaps a member of the organisation that runs the event. Who comes with a scope, or runs the event, is not looked up.
            let scope = self.authorize(&scan.by, Permission::Door).await?;
            outcome = self.inner.batches.apply(scan.with_scope(scope)).await?;
        }
        let check_in = outcome.map_err(super::refused)?;
        // A repeat of the same scan gets the answer of the first.
        if check_in.at >= asked {
            crate::metrics::let_in();
        }
        Ok(check_in)
    }

    /// Undoes a scan, up to 15 minutes after it: the ticket admits its holder again, under the next scan's nonce. If the ticket was
    /// refunded meanwhile, its place is free. Needs [`Permission::Door`]. A repeat changes nothing.
    ///
    /// Refusals: `scan_unknown`, `annul_too_late`.
    pub async fn annul_scan(&self, actor: &Principal, nonce: &str) -> Result<CheckIn> {
        let mut checks = Checks::default();
        checks.text("nonce", nonce, 1, 100);
        if checks.done().is_err() {
            // No scan has such a nonce.
            return Err(Error::Refused(Refusal::ScanUnknown));
        }
        let scope = self.authorize(actor, Permission::Door).await?;
        let annul = AnnulScan { nonce: nonce.to_owned(), by: actor.clone(), scope };
        self.inner.storage.apply_one(self.now(), annul).await?.map_err(super::refused)
    }
}
