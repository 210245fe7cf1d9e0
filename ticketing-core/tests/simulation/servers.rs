//! The servers: each an engine with its upkeep, on the one storage. Killed at any await, started again with nothing but what
//! an ordinary start does.

use crate::bugs::GatewayBugs;
use crate::executor::{Process, SimulatedRuntime};
use crate::gateway::SimulatedGateway;
use crate::guests::NAMING;
use crate::mailer::SimulatedMailer;
use crate::storage::FaultyStorage;
use crate::world::{MINUTE, SECOND, SimulatedClock, World};
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;
use ticketing_core::Upkeep;
use ticketing_core::domain::order::BuyerLimits;
use ticketing_core::storage::Storage;
use ticketing_core::testing::SeededRandom;
use ticketing_core::{Error, Result, Ticketing};

/// How many unpaid orders a buyer may have.
pub(crate) const OPEN_HOLDS: u32 = 3;
/// How many free tickets a buyer may have: fewer than there are.
pub(crate) const FREE_TICKETS: u32 = 2;

/// How long a client waits for an answer.
const PATIENCE: u64 = 30 * SECOND;

/// Starts a server.
pub(crate) fn boot(world: &Arc<World>, process: Process, upkeep_every: u64) {
    let storage: Arc<dyn Storage> = Arc::new(FaultyStorage::new(Arc::clone(world)));
    let random = SeededRandom::new((world.seed << 24) ^ (world.next_boot() << 8) ^ process as u64);
    let built = Ticketing::builder_on(storage)
        .gateway(SimulatedGateway { world: Arc::clone(world), bugs: GatewayBugs::new(world.bug) })
        .mailer(SimulatedMailer { world: Arc::clone(world) })
        .clock(Arc::new(SimulatedClock(Arc::clone(world))))
        .random(Arc::new(random))
        .runtime(Arc::new(SimulatedRuntime { world: Arc::clone(world), process }))
        .hold_for(SignedDuration::from_millis(world.options.hold as i64))
        .naming_for(SignedDuration::from_millis(NAMING as i64))
        .buyer_limits(BuyerLimits::default().with_open_holds(OPEN_HOLDS).with_free_tickets(FREE_TICKETS))
        .build();
    let server = match built {
        Ok(server) => server,
        Err(error) => return world.fail(format!("a server did not start: {error}")),
    };
    let mut upkeep = Upkeep::default();
    upkeep.limit = world.options.upkeep_limit;
    upkeep.at_once = world.options.at_once;
    let handle = server.spawn_upkeep(Duration::from_millis(upkeep_every), upkeep);
    // Upkeep ends where its handle is dropped: a task of the server keeps it, and dies with the server.
    let keeper = Box::pin(async move {
        std::future::pending::<()>().await;
        drop(handle);
    });
    world.executor.spawn(process, keeper);
    world.set_server(process, Some(server));
}

/// A server died: it comes back after a while.
pub(crate) fn died(world: &Arc<World>, process: Process) {
    world.set_server(process, None);
    let world = Arc::clone(world);
    Arc::clone(&world).go(async move {
        world.sleep(world.between(100, 20 * SECOND)).await;
        if world.server(process).is_none() {
            boot(&world, process, world.options.upkeep_every);
        }
    });
}

/// All servers are replaced, as for a new version; from now on all goes well.
pub(crate) fn replace_all(world: &Arc<World>) {
    world.end_faults();
    for process in 1..=world.options.processes {
        world.set_server(process, None);
        world.executor.kill(process);
        boot(world, process, 5 * MINUTE);
    }
}

/// Asks any server. Nothing, where no answer came: then nobody knows whether it was done.
pub(crate) async fn ask<T, F>(world: &Arc<World>, call: impl FnOnce(Ticketing) -> F + Send) -> Option<Result<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let process = 1 + world.below(world.options.processes as u64) as usize;
    let Some(server) = world.server(process) else {
        world.saw("client", "server down");
        world.sleep(500).await;
        return None;
    };
    let (answer, waiting) = tokio::sync::oneshot::channel();
    let work = call(server);
    let task = world.executor.spawn(process, Box::pin(async move { drop(answer.send(work.await)) }));
    let answer = tokio::select! {
        biased;
        answer = waiting => answer.ok(),
        () = world.sleep(PATIENCE) => {
            // Some servers notice that the client has left, and drop what they were doing for it.
            if world.below(2) == 0 {
                world.saw("client", "left, call dropped");
                world.executor.abort(task);
            } else {
                world.saw("client", "left, call runs on");
            }
            None
        }
    };
    match answer {
        None => world.saw("client", "no answer"),
        Some(Err(Error::Storage(_))) => world.saw("client", "storage error"),
        Some(Err(Error::Gateway(_))) => world.saw("client", "gateway error"),
        Some(Err(Error::Refused(_))) => world.saw("client", "refused"),
        Some(_) => {}
    }
    answer
}
