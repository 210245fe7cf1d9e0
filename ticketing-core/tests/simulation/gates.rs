//! The gates: two scanners that may see the same ticket, and repeat a scan whose answer was lost.

use crate::servers::ask;
use crate::world::{SECOND, World};
use std::sync::Arc;
use ticketing_core::Error;
use ticketing_core::domain::check_in::Scan;
use ticketing_core::domain::code::TicketCode;
use ticketing_core::domain::principal::Principal;

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
            let scan = Scan::new(code.clone(), nonce, organizer.clone()).with_gate(format!("gate {gate}"));
            let scanner = Arc::clone(&world);
            world.go(async move { insist(&scanner, scan).await });
        }
    }
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
        match ask(world, |server| async move { server.check_in(wanted).await }).await {
            Some(Ok(_)) => {
                world.saw("gate", "admitted");
                if world.below(4) > 0 {
                    return;
                }
                world.saw("gate", "scan repeated after its answer");
            }
            Some(Err(Error::Refused(refusal))) => {
                world.saw("refused", refusal.code());
                // A person who was let in by this very scan must not be turned away by its repeat.
                if world.memory.look(|rows| rows.check_in_by_nonce(&scan.nonce).is_some()) {
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
