//! What comes after a payment, in a quarter of the histories: disputes, refunds in the gateway's dashboard, and signed webhooks that
//! report what never was.

use crate::executor::lock;
use crate::gateway::{SentBack, change_till, charge_body};
use crate::webhooks;
use crate::world::{MINUTE, SECOND, World};
use std::sync::Arc;
use ticketing_core::domain::code::Reference;
use ticketing_core::domain::money::Money;
use ticketing_core::domain::payment::{Captured, DisputeStage, Mode, Observation};
use ticketing_core::domain::refund::RefundStatus;

/// A dispute, as the gateway has it.
#[derive(Debug)]
pub(crate) struct Quarrel {
    pub(crate) id: String,
    pub(crate) is_whole: bool,
    pub(crate) stage: DisputeStage,
}

/// A payer has paid.
pub(crate) async fn follow(world: &Arc<World>, at: &Reference) {
    if !world.has_aftermath() {
        return;
    }
    world.sleep(world.between(SECOND, 6 * MINUTE)).await;
    match world.below(10) {
        0..3 => dispute(world, at, true).await,
        3..5 => dispute(world, at, false).await,
        5..7 => refund_elsewhere(world, at),
        _ => {}
    }
}

/// Nobody pays, and the gateway says that somebody did. Where the breaker may be open, such a webhook is believed for a while.
pub(crate) fn lie(world: &Arc<World>, at: &Reference) {
    if !world.has_aftermath() || world.options.circuit_open > 0 || world.below(2) == 0 {
        return;
    }
    let amount = lock(&world.till).charges.get(at).map(|(charge, _)| charge.amount);
    if let Some(amount) = amount {
        world.saw("gateway", "reports a payment that never was");
        webhooks::tell_surely(world, charge_body(at, &Captured::new(amount, Mode::Live)));
    }
}

async fn dispute(world: &Arc<World>, at: &Reference, is_whole: bool) {
    let id = format!("d-{:x}", world.draw());
    {
        let mut till = change_till(world);
        let has_money = till.captured(at).is_some_and(|captured| captured.amount.minor() > 100);
        // What is on its way back is not disputed.
        if !has_money || till.sent_back(at) > 0 || till.lost.contains_key(at) {
            return;
        }
        let quarrel = Quarrel { id: id.clone(), is_whole, stage: DisputeStage::Open };
        till.quarrels.entry(at.clone()).or_default().push(quarrel);
    }
    let amount = if is_whole { "all" } else { "100" };
    let tell = |kind: &str| {
        let body = format!("charge.dispute.{kind}|1|{at}|{id}|{amount}");
        webhooks::tell_surely(world, body.clone());
        // Late, and once more.
        webhooks::tell(world, body);
    };
    world.saw("payer", if is_whole { "disputes" } else { "disputes a part" });
    tell("create");
    world.sleep(world.between(10 * SECOND, 15 * MINUTE)).await;
    let is_won = world.below(2) == 0;
    {
        let mut till = change_till(world);
        let stage = if is_won { DisputeStage::Won } else { DisputeStage::Lost };
        let all = till.quarrels.get_mut(at).into_iter().flatten();
        all.filter(|quarrel| quarrel.id == id).for_each(|quarrel| quarrel.stage = stage);
        if !is_won && is_whole {
            till.lose(at);
        }
    }
    world.saw("dispute", if is_won { "won" } else { "lost" });
    tell(if is_won { "resolve" } else { "lost" });
}

fn refund_elsewhere(world: &Arc<World>, at: &Reference) {
    let key: Reference = format!("x-{:x}", world.draw()).parse().unwrap_or_else(|_| unreachable!("legal letters"));
    {
        let mut till = change_till(world);
        let Some(captured) = till.captured(at).cloned() else { return };
        let amount = 100;
        if till.is_withheld(at) || till.sent_back(at) + 2 * amount > captured.amount.minor() {
            return;
        }
        let (attempt, status) = (at.clone(), RefundStatus::Processed);
        till.refunds.push(SentBack { key: key.clone(), attempt, amount, status, elsewhere: true });
    }
    world.saw("gateway", "refunds in the dashboard");
    webhooks::tell_surely(world, format!("refund.processed|{key}|{at}"));
}

impl crate::gateway::Till {
    /// The payer has the money back.
    fn lose(&mut self, at: &Reference) {
        if let Some((_, observation)) = self.charges.get_mut(at)
            && let Observation::Success(captured) = std::mem::replace(observation, Observation::Reversed)
        {
            self.lost.insert(at.clone(), captured);
        }
    }

    /// Whether nothing can be sent back, since the bank has the money or may take it.
    pub(crate) fn is_withheld(&self, at: &Reference) -> bool {
        let quarrels = self.quarrels.get(at).into_iter().flatten();
        self.lost.contains_key(at) || quarrels.into_iter().any(|quarrel| quarrel.stage == DisputeStage::Open)
    }

    /// What of an attempt's money was sent back elsewhere.
    pub(crate) fn sent_elsewhere(&self, attempt: &Reference) -> i64 {
        self.refunds.iter().filter(|sent| sent.elsewhere && sent.attempt == *attempt).map(|sent| sent.amount).sum()
    }
}

/// The amount in a webhook about a dispute.
pub(crate) fn disputed(word: &str, of: Option<Money>) -> Option<Money> {
    word.parse().ok().zip(of).and_then(|(minor, of)| Money::new(minor, of.currency()).ok())
}
