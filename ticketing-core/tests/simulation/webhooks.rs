//! Webhooks on their way: dropped, repeated, delayed, out of order, sent again until they are taken, and forged.

use crate::gateway::{NAME, SIGNATURE, change_till};
use crate::servers::ask;
use crate::world::{MINUTE, World};
use std::sync::Arc;
use ticketing_core::gateway::Webhook;

/// The gateway tells of something.
pub(crate) fn tell(world: &Arc<World>, body: String) {
    change_till(world).told.push(body.clone().into_bytes());
    if world.fault(world.options.webhook_dropped) {
        world.saw("webhook", "dropped");
        return;
    }
    let times = if world.fault(world.options.webhook_repeated) { world.between(2, 4) } else { 1 };
    if times > 1 {
        world.saw("webhook", "repeated");
    }
    for _ in 0..times {
        let (world, body) = (Arc::clone(world), body.clone());
        Arc::clone(&world).go(async move {
            let delay = if world.below(2) == 0 { world.between(0, 2000) } else { world.between(0, 10 * MINUTE) };
            world.sleep(delay).await;
            for _ in 0..6 {
                if deliver(&world, &body, SIGNATURE.1).await {
                    world.saw("webhook", "taken");
                    return;
                }
                world.saw("webhook", "sent again");
                world.sleep(world.between(10, 180) * 1000).await;
            }
        });
    }
}

/// The gateway tells of something until it is heard.
pub(crate) fn tell_surely(world: &Arc<World>, body: String) {
    change_till(world).told.push(body.clone().into_bytes());
    let world = Arc::clone(world);
    Arc::clone(&world).go(async move {
        loop {
            world.sleep(world.between(100, 60_000)).await;
            if deliver(&world, &body, SIGNATURE.1).await {
                return;
            }
        }
    });
}

/// Somebody else tells of a payment that never was.
pub(crate) fn forge(world: &Arc<World>, body: String) {
    let world = Arc::clone(world);
    Arc::clone(&world).go(async move {
        deliver(&world, &body, b"guessed").await;
    });
}

async fn deliver(world: &Arc<World>, body: &str, signature: &'static [u8]) -> bool {
    let (body, received_at) = (body.to_owned(), world.time());
    let answer = ask(world, move |server| async move {
        let headers = [(SIGNATURE.0, signature)];
        let webhook = Webhook::new(&headers, body.as_bytes(), received_at);
        server.receive_webhook(NAME, &webhook).await
    });
    matches!(answer.await, Some(Ok(_)))
}
