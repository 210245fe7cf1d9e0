use super::races::at_once;
use super::shop::{Shop, granted, only};
use crate::domain::code::Reference;
use crate::domain::event::Event;
use crate::domain::money::Currency;
use crate::domain::order::{OrderKey, OrderStatus};
use crate::domain::payment::{
    AttemptStatus, BeginSale, FREE_GATEWAY, Mode, OpenAttempt, OpenedAttempt, SaleBegun, Settlement,
};
use crate::domain::refusal::Refusal;
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

impl Shop {
    /// A request to begin a sale of tickets of the event's first type.
    fn sale_of(&self, event: &Event, quantity: u32) -> BeginSale {
        let hold = self.hold_request(event, quantity);
        let attempt = OpenAttempt::new(self.reference(), hold.reference.clone(), "paystack", Mode::Test);
        BeginSale::new(hold, attempt)
    }

    async fn try_sale(&self, request: &BeginSale) -> Result<SaleBegun, Refusal> {
        only(self.storage.apply(self.now(), std::slice::from_ref(request)).await)
    }

    /// Begins a new sale.
    async fn begin(&self, request: &BeginSale) -> OpenedAttempt {
        match granted(self.try_sale(request).await) {
            SaleBegun::New(opened) => *opened,
            SaleBegun::Known(order) => panic!("{} is known", order.reference),
        }
    }

    /// Neither the order nor the attempt exists, and no place is held.
    async fn assert_nothing_of(&self, request: &BeginSale, held: i64, event: &Event) {
        let order = OrderKey::Reference(request.hold.reference.clone());
        assert_eq!(self.storage.order(&order).await.unwrap(), None);
        assert_eq!(self.stock(event).await, (held, 0));
    }
}

pub async fn a_sale_begins_with_its_order_and_its_attempt_at_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let request = shop.sale_of(&event, 2);
    let begun = shop.begin(&request).await;
    assert!(begun.first);
    assert_eq!(begun.order.status, OrderStatus::Held { hold_until: request.hold.hold_until });
    assert_eq!((begun.attempt.order_id, begun.attempt.amount), (begun.order.id, begun.order.total));
    assert_eq!((begun.attempt.status, begun.attempt.mode), (AttemptStatus::Created, Mode::Test));
    assert_eq!(shop.attempt_now(&begun.attempt).await, begun.attempt);
    assert_eq!(shop.stock(&event).await, (2, 0));

    shop.wait(SignedDuration::from_secs(1));
    assert_eq!(
        shop.try_sale(&request).await,
        Ok(SaleBegun::Known(Box::new(begun.order.clone()))),
        "a repeat finds the order"
    );
    let mut second = request.clone();
    second.attempt.reference = shop.reference();
    assert_eq!(
        shop.try_sale(&second).await,
        Ok(SaleBegun::Known(Box::new(begun.order.clone()))),
        "whatever its attempt is"
    );
    assert_eq!(shop.storage.attempt(&second.attempt.reference).await.unwrap(), None);
    assert_eq!(shop.stock(&event).await, (2, 0));
    let mut other = request.clone();
    other.hold.lines[0].quantity = 1;
    assert_eq!(shop.try_sale(&other).await, Err(Refusal::KeyReused));
    let Settlement::Fulfilled { tickets, .. } = shop.pay(&begun.attempt).await else { panic!("not fulfilled") };
    assert_eq!(tickets.len(), 2);
}

pub async fn a_sale_that_is_refused_leaves_neither_order_nor_attempt(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(3).create().await;
    let known = shop.begin(&shop.sale_of(&event, 2)).await;

    let sold_out = shop.sale_of(&event, 2);
    let ticket_type_id = event.ticket_types[0].id;
    assert_eq!(shop.try_sale(&sold_out).await, Err(Refusal::SoldOut { ticket_type_id, available: 1 }));
    let mut taken = shop.sale_of(&event, 1);
    taken.attempt.reference = known.attempt.reference.clone();
    assert_eq!(shop.try_sale(&taken).await, Err(Refusal::KeyReused));
    let dollars_only = shop.sale_of(&event, 1).with_currencies(vec![Currency::USD]);
    let unsupported = Refusal::CurrencyUnsupported { currency: Currency::NGN };
    assert_eq!(shop.try_sale(&dollars_only).await, Err(unsupported));
    let mut over = shop.sale_of(&event, 1);
    over.hold.hold_until = shop.now();
    assert_eq!(shop.try_sale(&over).await, Err(Refusal::HoldExpired));
    for request in [&sold_out, &taken, &dollars_only, &over] {
        shop.assert_nothing_of(request, 2, &event).await;
    }
    let attempt = |request: &BeginSale| -> Reference { request.attempt.reference.clone() };
    for request in [&sold_out, &dollars_only, &over] {
        assert_eq!(shop.storage.attempt(&attempt(request)).await.unwrap(), None);
    }
}

pub async fn the_attempt_of_a_free_sale_is_at_no_gateway(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().price(0).create().await;
    let request = shop.sale_of(&event, 1).with_currencies(vec![]);
    let begun = shop.begin(&request).await;
    assert_eq!((begun.attempt.gateway.as_str(), begun.attempt.mode), (FREE_GATEWAY, Mode::Live));
    assert_eq!(shop.try_sale(&request).await, Ok(SaleBegun::Known(Box::new(begun.order))));
}

pub async fn a_sale_whose_order_has_ended_does_not_begin_again(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    for expires in [false, true] {
        let request = shop.sale_of(&event, 1);
        let order = shop.begin(&request).await.order;
        let ended = if expires { shop.let_expire(&order).await } else { granted(shop.release(&order).await) };
        assert_eq!(shop.try_sale(&request).await, Ok(SaleBegun::Known(Box::new(ended))));
        assert_eq!(shop.stock(&event).await, (0, 0));
    }
}

pub async fn the_last_place_goes_to_one_sale(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for round in 0..10 {
        let event = shop.event().capacity(1).create().await;
        let once = shop.sale_of(&event, 1);
        let outcomes = at_once(16, |_| {
            // In every other round, they all are the same sale.
            let request = if round % 2 == 0 { shop.sale_of(&event, 1) } else { once.clone() };
            let shop = Arc::clone(&shop);
            async move { shop.try_sale(&request).await }
        });
        let begun: Vec<SaleBegun> = outcomes.await.into_iter().flatten().collect();
        let order = |begun: &SaleBegun| match begun {
            SaleBegun::New(opened) => opened.order.clone(),
            SaleBegun::Known(order) => (**order).clone(),
        };
        assert_eq!(begun.iter().filter(|begun| matches!(begun, SaleBegun::New(_))).count(), 1);
        assert_eq!(begun.len(), if round % 2 == 0 { 1 } else { 16 });
        assert!(begun.iter().all(|one| order(one) == order(&begun[0])));
        assert_eq!(shop.stock(&event).await, (1, 0));
    }
}
