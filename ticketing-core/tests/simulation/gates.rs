//! The gates: two scanners that may see the same ticket, and repeat a scan whose answer was lost.

use crate::access;
use crate::history::organiser;
use crate::servers::ask;
use crate::team;
use crate::world::{MINUTE, SECOND, World};
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::domain::check_in::Scan;
use ticketing_core::domain::code::TicketCode;
use ticketing_core::domain::id::EventId;
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::working_set::WorkingSet;

/// People with tickets come to the gates until all is over.
pub(crate) async fn open(world: Arc<World>, organizer: Principal) {
    loop {
        world.sleep(world.between(20 * SECOND, 90 * SECOND)).await;
        let Some(code) = a_ticket(&world) else { continue };
        let scanners = world.between(1, 2);
        if scanners == 2 {
            world.saw("gate", "one ticket at two gates");
        }
        for gate in 0..scanners {
            let nonce = format!("{:x}-{gate}", world.draw());
            let scanner = if world.has_team() { team::scanner(&world) } else { None };
            let by = scanner.unwrap_or_else(|| organizer.clone());
            let mut scan = Scan::new(code.clone(), nonce, by).with_gate(format!("gate {gate}"));
            if world.has_aftermath() && world.below(6) == 0 {
                // Of an event that this ticket is not for.
                scan = scan.with_event_id(EventId(999));
            }
            let scanner = Arc::clone(&world);
            world.go(async move { insist(&scanner, scan).await });
        }
    }
}

/// Somebody shows this code at a gate.
pub(crate) fn show(world: &Arc<World>, code: TicketCode) {
    let scan = Scan::new(code, format!("{:x}-shown", world.draw()), organiser());
    let world = Arc::clone(world);
    Arc::clone(&world).go(async move { insist(&world, scan).await });
}

fn a_ticket(world: &World) -> Option<TicketCode> {
    let count = world.memory.look(|rows| rows.tickets.iter().count()) as u64;
    let at = world.below(count) as usize;
    world.memory.look(|rows| rows.tickets.iter().nth(at).map(|(_, ticket)| ticket.code.clone()))
}

/// The same scan, with the same nonce, until there is an answer; now and then once more.
async fn insist(world: &Arc<World>, scan: Scan) {
    for _ in 0..5 {
        let wanted = scan.clone();
        access::scans(world, &scan.nonce);
        match ask(world, |server| async move { server.check_in(wanted).await }).await {
            Some(Ok(_)) => {
                world.saw("gate", "admitted");
                if world.has_aftermath() && world.below(3) == 0 {
                    return turn_back(world, scan).await;
                }
                if world.below(4) > 0 {
                    return;
                }
                world.saw("gate", "scan repeated after its answer");
            }
            Some(Err(Error::Refused(refusal))) => {
                world.saw("refused", refusal.code());
                // A person who was let in by this very scan must not be turned away by its repeat.
                let is_in = |rows: &WorkingSet| {
                    rows.check_in_by_nonce(&scan.nonce).is_some_and(|entry| entry.annulled_at.is_none())
                };
                // Unless its key was revoked in between.
                if refusal.code() != "ticket_foreign" && world.memory.look(is_in) {
                    world.fail(format!(
                        "S7 the repeat of a scan that let somebody in was answered with {}",
                        refusal.code()
                    ));
                }
                return;
            }
            _ => world.sleep(world.between(SECOND, 5 * SECOND)).await,
        }
    }
}

/// The wrong person was let in: the scan is undone, its late repeat admits nobody, and the next scan does.
async fn turn_back(world: &Arc<World>, scan: Scan) {
    world.sleep(world.between(SECOND, 5 * MINUTE)).await;
    for _ in 0..2 {
        let (by, nonce) = (scan.by.clone(), scan.nonce.clone());
        if let Some(Ok(_)) = ask(world, |server| async move { server.annul_scan(&by, &nonce).await }).await {
            world.saw("gate", "scan undone");
        }
    }
    for wanted in [scan.clone(), again(scan)] {
        ask(world, |server| async move { server.check_in(wanted).await }).await;
    }
}

fn again(mut scan: Scan) -> Scan {
    scan.nonce.push_str("-again");
    scan
}
