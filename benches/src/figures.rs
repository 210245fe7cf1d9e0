//! The measured calls.

use crate::Failure;
use crate::measure::{Came, Measured, callers};
use crate::shop::{Shop, buyer, one_of, organizer};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ticketing_core::PayOptions;
use ticketing_core::Ticketing;
use ticketing_core::domain::check_in::Scan;
use ticketing_core::domain::code::TicketCode;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::payment::Settlement;

/// Holds, with one transaction per call.
pub async fn naive_holds(shop: &Shop, events: &[Event], count: usize, lasting: Duration) -> Result<Measured, Failure> {
    let (naive, events) = (Arc::clone(&shop.naive), Arc::new(events.to_vec()));
    let call = move |caller: usize, number: u64| {
        let (naive, events) = (Arc::clone(&naive), Arc::clone(&events));
        async move {
            let event = &events[(caller + usize::try_from(number)?) % events.len()];
            Ok(if naive.hold(event, &format!("buyer-{caller}")).await? { Came::Done } else { Came::Refused })
        }
    };
    callers(count, lasting, call).await
}

/// Holds by the engine.
pub async fn holds(shop: &Shop, events: &[Event], count: usize, lasting: Duration) -> Result<Measured, Failure> {
    let (engine, events) = (shop.engine.clone(), Arc::new(events.to_vec()));
    let call = move |caller: usize, number: u64| {
        let (engine, events) = (engine.clone(), Arc::clone(&events));
        async move {
            let event = &events[(caller + usize::try_from(number)?) % events.len()];
            engine.hold(&buyer(caller)?, one_of(event)).await?;
            Ok(Came::Done)
        }
    };
    callers(count, lasting, call).await
}

/// A complete sale, from hold to ticket.
pub async fn sale(engine: &Ticketing, event: &Event, caller: usize) -> Result<TicketCode, Failure> {
    let buyer = buyer(caller)?;
    let started = engine.buy(&buyer, one_of(event), PayOptions::default()).await?;
    match engine.verify(&buyer.who, &started.attempt.reference).await? {
        Settlement::Fulfilled { tickets, .. } => Ok(tickets.first().ok_or("no ticket")?.code.clone()),
        other => Err(format!("not fulfilled: {other:?}").into()),
    }
}

/// Complete sales of one event.
pub async fn sales(shop: &Shop, event: &Event, count: usize, lasting: Duration) -> Result<Measured, Failure> {
    let (engine, event) = (shop.engine.clone(), Arc::new(event.clone()));
    let call = move |caller, _| {
        let (engine, event) = (engine.clone(), Arc::clone(&event));
        async move { sale(&engine, &event, caller).await.map(|_| Came::Done) }
    };
    callers(count, lasting, call).await
}

/// Tickets that wait to be scanned.
pub type Queue = Arc<Mutex<Vec<TicketCode>>>;

fn next(queue: &Queue) -> Result<TicketCode, Failure> {
    let code = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
    code.ok_or_else(|| "all tickets are scanned: measure for fewer seconds".into())
}

/// This many free tickets, 100 per order: their sale is not measured.
pub async fn tickets_to_scan(shop: &Shop, wanted: usize) -> Result<Queue, Failure> {
    let queue: Queue = Arc::default();
    let event = Arc::new(shop.events(1, 0).await?.remove(0));
    for number in 0..wanted.div_ceil(100) {
        let mut request = one_of(&event);
        request.lines[0].quantity = 100;
        let buyer = buyer(number)?;
        let started = shop.engine.buy(&buyer, request, PayOptions::default()).await?;
        let payment = shop.engine.payment(&buyer.who, &started.order.reference).await?;
        let codes = payment.tickets.into_iter().map(|ticket| ticket.code);
        queue.lock().unwrap_or_else(PoisonError::into_inner).extend(codes);
    }
    Ok(queue)
}

/// Check-ins, with one transaction per call.
pub async fn naive_check_ins(shop: &Shop, queue: &Queue, count: usize, lasting: Duration) -> Result<Measured, Failure> {
    let (naive, queue) = (Arc::clone(&shop.naive), Arc::clone(queue));
    let call = move |_, _| {
        let (naive, queue) = (Arc::clone(&naive), Arc::clone(&queue));
        async move { if naive.check_in(&next(&queue)?).await? { Ok(Came::Done) } else { Err("not let in".into()) } }
    };
    callers(count, lasting, call).await
}

/// Check-ins by the engine.
pub async fn check_ins(shop: &Shop, queue: &Queue, count: usize, lasting: Duration) -> Result<Measured, Failure> {
    let (engine, queue) = (shop.engine.clone(), Arc::clone(queue));
    let call = move |_, _| {
        let (engine, queue) = (engine.clone(), Arc::clone(&queue));
        async move {
            let code = next(&queue)?;
            // Each ticket is scanned once, so its code serves as the nonce.
            let nonce = format!("scan-{}", code.as_str());
            engine.check_in(Scan::new(code, nonce, organizer())).await?;
            Ok(Came::Done)
        }
    };
    callers(count, lasting, call).await
}
