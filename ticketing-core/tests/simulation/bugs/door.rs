//! Bugs at the door.

use super::{Bug, BuggyStorage, Result};
use jiff::Timestamp;
use ticketing_core::domain::check_in::{AnnulScan, CheckIn, Scan};
use ticketing_core::domain::command::Command as _;
use ticketing_core::domain::ticket::TicketStatus;
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::{Outcome, StorageExt as _};

impl BuggyStorage {
    pub(super) async fn check_in(&self, now: Timestamp, scans: &[Scan]) -> Result<Vec<Outcome<CheckIn>>> {
        let memory = &self.world.memory;
        let check_in = |rows: &mut WorkingSet| scans.iter().map(|scan| scan.apply(rows, now)).collect::<Vec<_>>();
        let turn = |rows: &mut WorkingSet, status: TicketStatus| {
            for scan in scans {
                if let Some(mut ticket) = rows.ticket_by_code(&scan.code).cloned() {
                    if status == TicketStatus::Used || ticket.status == status {
                        ticket.status = TicketStatus::Active;
                    }
                    rows.tickets.load_record(ticket);
                }
            }
        };
        let outcomes = match self.world.bug {
            Some(Bug::ScanWithoutCompareAndSet) => {
                let is_repeat =
                    memory.look(|rows| scans.iter().any(|scan| rows.check_in_by_nonce(&scan.nonce).is_some()));
                let seen = check_in(&mut memory.snapshot());
                if is_repeat || seen.iter().any(std::result::Result::is_err) {
                    return Ok(seen);
                }
                self.between_steps().await;
                memory.tamper(|rows| {
                    turn(rows, TicketStatus::Used);
                    check_in(rows)
                })
            }
            Some(Bug::RefundedTicketAdmitted) => memory.tamper(|rows| {
                turn(rows, TicketStatus::Refunded);
                check_in(rows)
            }),
            Some(Bug::ReplacedTicketAdmitted) => memory.tamper(|rows| {
                turn(rows, TicketStatus::Transferred);
                check_in(rows)
            }),
            Some(Bug::NonceIgnored) => memory.tamper(|rows| {
                let fresh = |scan: &Scan| {
                    let mut scan = scan.clone();
                    scan.nonce = self.fresh().to_string();
                    scan
                };
                let is_known = |rows: &WorkingSet, scan: &Scan| rows.check_in_by_nonce(&scan.nonce).is_some();
                let scans: Vec<Scan> =
                    scans.iter().map(|scan| if is_known(rows, scan) { fresh(scan) } else { scan.clone() }).collect();
                scans.iter().map(|scan| scan.apply(rows, now)).collect()
            }),
            Some(Bug::UndoneScanAdmits) => memory.tamper(|rows| {
                let is_undone = |entry: &CheckIn| entry.annulled_at.is_some();
                let check_in = |scan: &Scan| match rows.check_in_by_nonce(&scan.nonce).cloned() {
                    Some(entry) if is_undone(&entry) => Ok(entry),
                    _ => scan.apply(rows, now),
                };
                scans.iter().map(check_in).collect()
            }),
            Some(Bug::ScanOfAnotherEventAdmitted) => {
                let mut scans = scans.to_vec();
                scans.iter_mut().for_each(|scan| scan.event_id = None);
                memory.apply(now, &scans).await?
            }
            _ => memory.apply(now, scans).await?,
        };
        crate::invariants::admitted(&self.world, scans, &outcomes);
        Ok(outcomes)
    }

    pub(super) async fn annul_scan(&self, now: Timestamp, annul: &AnnulScan) -> Result<Outcome<CheckIn>> {
        let outcome = self.world.memory.apply_one(now, annul.clone()).await?;
        crate::invariants::annulled(&self.world, &outcome);
        Ok(outcome)
    }
}
