//! Whose a payment is, and what a reference gives away.

use crate::money::shop::{Shop, buyer, organizer, reference};
use proptest::prelude::*;
use std::collections::HashSet;
use ticketing_core::Error;
use ticketing_core::clock::Random;
use ticketing_core::domain::code::{Reference, Seed};
use ticketing_core::domain::payment::{AttemptStatus, Settlement};
use ticketing_core::testing::SeededRandom;

on_every_storage!(
    a_reference_of_another_buyer_is_not_found,
    a_forged_reference_is_not_found_and_not_looked_up_at_the_gateway,
    a_reference_pays_only_its_own_order,
);

async fn a_reference_of_another_buyer_is_not_found(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    shop.gateway.pay(&started.attempt.reference);
    // Also the organiser may not take the buyer's place here.
    for who in [buyer("eve").who, organizer()] {
        let stolen = shop.engine.verify(&who, &started.attempt.reference).await;
        assert!(matches!(stolen, Err(Error::NotFound(_))), "{stolen:?}");
    }
    assert!(matches!(shop.engine.payment(&buyer("eve").who, &started.order.reference).await, Err(Error::NotFound(_))));
    assert_eq!((shop.gateway.calls().fetch, shop.tickets(&started).await), (0, (0, 0)));
    shop.verify("ada", &started).await;
    let tickets = shop.story(&started).await.tickets;
    assert_eq!(tickets.iter().map(|ticket| &ticket.holder).collect::<Vec<_>>(), [&buyer("ada").who]);
}

async fn a_forged_reference_is_not_found_and_not_looked_up_at_the_gateway(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let started = shop.buy(&event, "ada").await;
    for forged in [reference("forged"), started.order.reference.clone(), "TICKET-1-1700000000".parse().unwrap()] {
        let answer = shop.engine.verify(&buyer("ada").who, &forged).await;
        assert!(matches!(answer, Err(Error::NotFound(_))), "{forged}: {answer:?}");
    }
    assert_eq!((shop.gateway.calls().fetch, shop.stock(&event).await), (0, (1, 0)));
}

async fn a_reference_pays_only_its_own_order(shop: &mut Shop) {
    let event = shop.event(5000, 10).await;
    let first = shop.buy(&event, "ada").await;
    let second = shop.buy(&event, "ada").await;
    shop.gateway.pay(&second.attempt.reference);
    assert!(matches!(shop.verify("ada", &first).await, Settlement::Open { .. }));
    assert!(matches!(shop.verify("ada", &second).await, Settlement::Fulfilled { .. }));
    assert_eq!(shop.stands(&first).await, ("held", AttemptStatus::Open));
    assert_eq!((shop.tickets(&first).await, shop.tickets(&second).await), ((0, 0), (1, 1)));
    assert_eq!(
        shop.engine.payment(&buyer("ada").who, &second.attempt.reference).await.unwrap().order.id,
        second.order.id
    );
}

#[test]
fn case_08_references_are_unique() {
    let random = SeededRandom::new(8);
    let made: HashSet<Reference> = (0..20_000)
        .flat_map(|_| [Reference::of_order(&random.seed()), Reference::of_attempt(&random.seed())])
        .collect();
    assert_eq!(made.len(), 40_000);
}

proptest! {
    #[test]
    fn case_08_references_are_legal_and_hang_on_nothing_but_chance(bytes: [u8; 32], other: [u8; 32]) {
        let (seed, other) = (Seed(bytes), Seed(other));
        for made in [Reference::of_order(&seed), Reference::of_attempt(&seed), Reference::derived(&seed, "x")] {
            let text = made.as_str();
            // What Paystack takes, and long enough that nobody guesses one. Made of the seed alone, so of no e-mail address.
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'=')));
            prop_assert!((26..=50).contains(&text.len()), "{}", text);
            prop_assert_eq!(text.parse::<Reference>().ok(), Some(made.clone()));
        }
        prop_assert_ne!(Reference::of_order(&seed), Reference::of_attempt(&seed));
        if seed != other {
            prop_assert_ne!(Reference::of_attempt(&seed), Reference::of_attempt(&other));
        }
    }
}

#[tokio::test]
async fn a_reference_does_not_contain_the_buyers_address() {
    async fn case(shop: &mut Shop) {
        let event = shop.event(5000, 10).await;
        let started = shop.buy(&event, "ada").await;
        let told = started.attempt.reference.as_str().to_lowercase();
        assert!(!told.contains("ada") && !told.contains("example") && told.len() == 26, "{told}");
        assert_ne!(started.attempt.reference, started.order.reference);
    }
    Shop::run(crate::money::shop::Place::memory(), case).await;
}
