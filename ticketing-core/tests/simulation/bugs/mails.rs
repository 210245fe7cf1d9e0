//! Bugs of the outbox.

use super::{Bug, BuggyStorage, Result};
use jiff::Timestamp;
use ticketing_core::domain::outbox::{ClaimMails, MailReport, MailStatus, OutboxMail};
use ticketing_core::storage::StorageExt as _;

impl BuggyStorage {
    pub(super) async fn claim_mails(&self, now: Timestamp, claim: &ClaimMails) -> Result<Vec<OutboxMail>> {
        let claimed = self.world.memory.apply_one(now, *claim).await?;
        if let Some(bug @ (Bug::MailMarkedBeforeSent | Bug::MailClaimedWithoutLease)) = self.world.bug {
            self.world.memory.tamper(|rows| {
                for mut mail in claimed.iter().cloned() {
                    match bug {
                        Bug::MailMarkedBeforeSent => mail.status = MailStatus::Sent,
                        _ => mail.due_at = now,
                    }
                    rows.mails.load_record(mail);
                }
            });
        }
        crate::invariants::mails_claimed(&self.world, &claimed, now, claim.lease);
        Ok(claimed)
    }

    pub(super) async fn report_mails(&self, now: Timestamp, reports: &[MailReport]) -> Result<Vec<Option<OutboxMail>>> {
        crate::invariants::mails_reported(&self.world, reports);
        self.world.memory.apply(now, reports).await
    }
}
