//! Pieces that only think: `cargo bench -p benches`.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use benches::shop::{buyer, organizer};
use divan::{Bencher, black_box};
use jiff::{SignedDuration, Timestamp};
use ticketing_core::domain::code::{Reference, Seed, TicketCode};
use ticketing_core::domain::command::Command as _;
use ticketing_core::domain::event::{NewEvent, PutEvent};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::order::{Hold, HoldLine};
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::qr;

fn main() {
    divan::main();
}

fn code() -> TicketCode {
    TicketCode::derive(&Seed([7; 32]), 0)
}

#[divan::bench]
fn qr_png(bencher: Bencher<'_, '_>) {
    let code = code();
    bencher.bench(|| qr::png(black_box(&code)));
}

#[divan::bench]
fn qr_svg(bencher: Bencher<'_, '_>) {
    let code = code();
    bencher.bench(|| qr::svg(black_box(&code)));
}

#[divan::bench]
fn an_amount_is_read() -> Money {
    Money::parse(black_box("1999.99"), Currency::NGN).unwrap()
}

#[divan::bench]
fn a_reference_is_made() -> Reference {
    Reference::of_order(black_box(&Seed([9; 32])))
}

/// What a batch costs beside its statements: so many holds decided on a working set with one event.
#[divan::bench(args = [1, 100, 500])]
fn holds_are_decided(bencher: Bencher<'_, '_>, holds: u64) {
    let now = Timestamp::now();
    let price = Money::new(500_000, Currency::NGN).unwrap();
    let starts_at = now + SignedDuration::from_hours(24);
    let mut rows = WorkingSet::whole();
    let new = NewEvent::general_admission("Hot event", starts_at, "Lagos", price, Some(1_000_000));
    let event = PutEvent { actor: organizer(), organizer: organizer(), event: new }.apply(&mut rows, now).unwrap();
    let wishes: Vec<Hold> = (0..holds)
        .map(|number| {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            Hold::new(
                Reference::of_order(&Seed(seed)),
                event.id,
                buyer(1).unwrap(),
                vec![HoldLine::new(event.ticket_types[0].id, 1)],
                now + SignedDuration::from_mins(15),
            )
        })
        .collect();
    bencher
        .with_inputs(|| rows.clone())
        .bench_values(|mut rows| wishes.iter().filter(|wish| wish.apply(&mut rows, now).is_ok()).count());
}
