//! The engine in this process, compared with one transaction per call.

use crate::Failure;
use crate::figures::{
    check_ins as scans, holds as our_holds, naive_check_ins, naive_holds, sales as whole_sales, tickets_to_scan,
};
use crate::shop::{Kind, Shop};
use crate::table::Table;
use std::time::Duration;

/// The number of alternating rounds, so that other load on the machine affects both sides.
const ROUNDS: u32 = 3;

/// Holds per second.
pub async fn holds(kind: Kind, shop: &Shop, count: usize, lasting: Duration) -> Result<Table, Failure> {
    let mut table = Table::new(format!("Holds a second, {}, {count} callers", kind.name()));
    for (what, events, count) in [
        (format!("one hot event, {count} callers"), 1, count),
        (format!("100 events, {count} callers"), 100, count),
        ("one event, one caller".to_owned(), 1, 1),
    ] {
        let events = shop.events(events, 500_000).await?;
        let round = lasting / ROUNDS;
        let mut naive = naive_holds(shop, &events, count, round).await?;
        let mut ours = our_holds(shop, &events, count, round).await?;
        for _ in 1..ROUNDS {
            naive.add(&naive_holds(shop, &events, count, round).await?)?;
            ours.add(&our_holds(shop, &events, count, round).await?)?;
        }
        table.rate(format!("{what}: one transaction each"), &naive, None);
        table.rate(format!("{what}: Ticketing"), &ours, Some(naive.rate()));
    }
    Ok(table)
}

/// Complete sales per second.
pub async fn sales(kind: Kind, shop: &Shop, count: usize, lasting: Duration) -> Result<Table, Failure> {
    let mut table = Table::new(format!("Whole sales a second, {}", kind.name()));
    let mut baseline = None;
    for count in [1, count] {
        let event = shop.events(1, 500_000).await?.remove(0);
        let measured = whole_sales(shop, &event, count, lasting).await?;
        let what = if count == 1 { "one caller".to_owned() } else { format!("one hot event, {count} callers") };
        table.rate(what, &measured, baseline);
        baseline = Some(measured.rate());
    }
    Ok(table)
}

/// Check-ins per second.
pub async fn check_ins(kind: Kind, shop: &Shop, count: usize, lasting: Duration) -> Result<Table, Failure> {
    let mut table = Table::new(format!("Check-ins a second, {}", kind.name()));
    let queue = tickets_to_scan(shop, usize::try_from(lasting.as_millis())? * 25).await?;
    let naive = naive_check_ins(shop, &queue, count, lasting / 2).await?;
    table.rate("one transaction each", &naive, None);
    let ours = scans(shop, &queue, count, lasting / 2).await?;
    table.rate("Ticketing", &ours, Some(naive.rate()));
    Ok(table)
}
