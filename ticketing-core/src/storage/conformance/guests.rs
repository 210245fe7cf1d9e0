use super::races::at_once;
use super::shop::{HOLD_FOR, Shop, email, external, granted, only};
use crate::domain::account::{Account, AccountChange, ChangeAccount};
use crate::domain::event::Event;
use crate::domain::order::{
    BuyerLimits, ClaimOrders, ExpireHolds, Hold, NameBuyer, Order, OrderFilter, OrderKey, OrderStatus,
};
use crate::domain::outbox::MailKind;
use crate::domain::page::PageRequest;
use crate::domain::payment::{BeginSale, CheckoutResult, Mode, OpenAttempt};
use crate::domain::principal::{Buyer, Principal};
use crate::domain::promo_code::{Discount, PromoCodeSettings, PromoCodeText, PutPromoCode};
use crate::domain::refund::ReturnTickets;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{TicketFilter, TicketKey};
use crate::storage::{Outcome, Storage, StorageExt as _};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const NAMING_FOR: SignedDuration = SignedDuration::from_mins(5);
const MICRO: SignedDuration = SignedDuration::from_micros(1);

impl Shop {
    /// A hold for a guest, who may have given an address.
    fn guest_hold(&self, event: &Event, quantity: u32, address: Option<&str>) -> Hold {
        let mut hold = self.hold_request(event, quantity);
        hold.buyer = Buyer::guest(hold.reference.clone(), address.map(email));
        hold.hold_until = self.now() + if address.is_some() { HOLD_FOR } else { NAMING_FOR };
        hold
    }

    pub(super) async fn guest(&self, event: &Event, quantity: u32, address: Option<&str>) -> Order {
        granted(self.try_hold(&self.guest_hold(event, quantity, address)).await)
    }

    fn name_of(&self, order: &Order, address: &str) -> NameBuyer {
        NameBuyer::new(order.reference.clone(), email(address), self.now() + HOLD_FOR)
    }

    async fn name(&self, order: &Order, address: &str) -> Outcome<Order> {
        only(self.storage.apply(self.now(), &[self.name_of(order, address)]).await)
    }

    async fn claim(&self, account: &Account) -> Outcome<Vec<Order>> {
        let claim = ClaimOrders::new(account.id, account.email.clone());
        self.storage.apply_one(self.now(), claim).await.unwrap()
    }
}

fn until(order: &Order) -> Timestamp {
    match order.status {
        OrderStatus::Held { hold_until } => hold_until,
        other => panic!("held: {other:?}"),
    }
}

fn guest_of(order: &Order) -> Principal {
    Principal::Guest(order.reference.clone())
}

pub async fn a_guest_holds_places_and_gives_an_address_later(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let request = shop.guest_hold(&event, 2, None);
    let order = granted(shop.try_hold(&request).await);
    assert_eq!(order.buyer, Buyer::guest(order.reference.clone(), None));
    assert_eq!(shop.order_now(&order).await, order);
    assert_eq!((until(&order), shop.stock(&event).await), (shop.now() + NAMING_FOR, (2, 0)));
    assert_eq!(shop.try_attempt(&shop.attempt_of(&order)).await, Err(Refusal::BuyerUnnamed));

    shop.wait(NAMING_FOR - MICRO);
    let named = granted(shop.name(&order, "ada@example.com").await);
    assert_eq!(named.buyer, Buyer::guest(order.reference.clone(), email("ada@example.com")));
    assert_eq!((until(&named), named.updated_at), (shop.now() + HOLD_FOR, shop.now()));
    assert_eq!(shop.order_now(&order).await, named);
    shop.wait(MICRO);
    assert_eq!(shop.name(&order, "ada@example.com").await, Ok(named.clone()), "a repeat changes nothing");
    assert_eq!(shop.try_hold(&request).await, Ok(named.clone()), "the first call, repeated, finds the order as it is");
    let other = granted(shop.name(&order, "ada.obi@example.com").await);
    assert_eq!(other.buyer.email, Some(email("ada.obi@example.com")));
    assert_eq!(until(&other), until(&named), "only the first address extends the hold");

    let bought = shop.settle_order(&other).await;
    assert!(bought.tickets.iter().all(|ticket| ticket.holder == guest_of(&order)));
    let mails = shop.mails(&order).await;
    assert_eq!(
        mails.iter().map(|mail| (&mail.to, mail.kind)).collect::<Vec<_>>(),
        [(&email("ada.obi@example.com"), MailKind::Tickets)]
    );
}

pub async fn a_named_guest_buys_at_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let sale = |hold: Hold| {
        let attempt = OpenAttempt {
            reference: shop.reference(),
            order: hold.reference.clone(),
            gateway: "paystack".to_owned(),
            mode: Mode::Test,
            pays_within: None,
        };
        BeginSale::new(hold, attempt)
    };
    let unnamed = sale(shop.guest_hold(&event, 1, None));
    assert_eq!(only(shop.storage.apply(shop.now(), &[unnamed]).await), Err(Refusal::BuyerUnnamed));
    assert_eq!(shop.stock(&event).await, (0, 0), "what is refused takes nothing");
    let named = sale(shop.guest_hold(&event, 1, Some("ada@example.com")));
    granted(only(shop.storage.apply(shop.now(), &[named]).await));
    assert_eq!(shop.stock(&event).await, (1, 0));
}

pub async fn an_address_never_revives_a_hold(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().capacity(1).create().await;
    let order = shop.guest(&event, 1, None).await;
    shop.wait(NAMING_FOR);
    assert_eq!(shop.name(&order, "ada@example.com").await, Err(Refusal::HoldExpired), "although nobody released it");
    shop.expire().await;
    assert_eq!(shop.name(&order, "ada@example.com").await, Err(Refusal::HoldExpired));
    assert_eq!((shop.order_now(&order).await.buyer.email, shop.stock(&event).await), (None, (0, 0)));
    let rival = shop.guest(&event, 1, None).await;
    shop.release(&rival).await.unwrap();
    assert_eq!(shop.name(&rival, "bob@example.com").await, Err(Refusal::OrderCancelled));
}

pub async fn an_address_stays_once_a_checkout_is_opened(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let order = shop.guest(&event, 1, Some("ada@example.com")).await;
    let dropped = shop.created(&order).await;
    let failed = CheckoutResult::NotOpened { reason: "no network".to_owned(), release: false };
    shop.report_checkout(&dropped, failed).await.unwrap();
    granted(shop.name(&order, "grace@example.com").await);
    let attempt = shop.attempt(&order).await;
    assert_eq!(shop.name(&order, "bob@example.com").await, Err(Refusal::PaymentInProgress));
    granted(shop.name(&order, "grace@example.com").await);
    shop.pay(&attempt).await;
    assert_eq!(shop.name(&order, "bob@example.com").await, Err(Refusal::OrderPaid));
    assert_eq!(shop.order_now(&order).await.buyer.email, Some(email("grace@example.com")));
}

pub async fn only_orders_of_guests_get_an_address(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let order = shop.hold(&shop.event().create().await, 1).await;
    assert_eq!(shop.name(&order, "bob@example.com").await, Err(Refusal::OrderUnknown));
    let unknown = NameBuyer::new(shop.reference(), email("bob@example.com"), shop.now() + HOLD_FOR);
    assert_eq!(only(shop.storage.apply(shop.now(), &[unknown]).await), Err(Refusal::OrderUnknown));
    assert_eq!(shop.order_now(&order).await, order);
}

pub async fn guests_are_limited_by_their_address(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().with(|new| new.rules.max_per_buyer = Some(3)).create().await;
    let too_many = shop.guest_hold(&event, 4, None);
    assert_eq!(shop.try_hold(&too_many).await, Err(Refusal::BuyerLimit { left: 3 }), "nobody may have that many");
    let bought = shop.guest(&event, 2, Some("Ada@example.com")).await;
    shop.settle_order(&bought).await;
    let more = shop.guest_hold(&event, 2, Some("ada@EXAMPLE.com"));
    assert_eq!(shop.try_hold(&more).await, Err(Refusal::BuyerLimit { left: 1 }));
    let unnamed = shop.guest(&event, 2, None).await;
    assert_eq!(shop.name(&unnamed, "ada@example.com").await, Err(Refusal::BuyerLimit { left: 1 }));
    assert_eq!(shop.order_now(&unnamed).await, unnamed, "what is refused changes nothing");
    granted(shop.name(&unnamed, "bob@example.com").await);
    let one = shop.guest(&event, 1, None).await;
    granted(shop.name(&one, "ada@example.com").await);
    granted(shop.name(&one, "ADA@example.com").await);
    let limits = BuyerLimits::default().with_open_holds(1);
    let next = shop.event().create().await;
    shop.guest(&next, 1, Some("ada@example.com")).await;
    let second = shop.guest_hold(&next, 1, Some("ada@example.com")).with_limits(limits);
    assert_eq!(shop.try_hold(&second).await, Err(Refusal::TooManyHolds { limit: 1 }));
    let unnamed = granted(shop.try_hold(&shop.guest_hold(&next, 1, None).with_limits(limits)).await);
    let name = NameBuyer { limits, ..shop.name_of(&unnamed, "ada@example.com") };
    assert_eq!(only(shop.storage.apply(shop.now(), &[name]).await), Err(Refusal::TooManyHolds { limit: 1 }));
}

pub async fn a_guest_sees_one_order_and_its_tickets(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let (own, other) =
        (shop.guest(&event, 2, Some("ada@example.com")).await, shop.guest(&event, 1, Some("ada@example.com")).await);
    let bought = shop.settle_order(&own).await;
    shop.settle_order(&other).await;
    shop.buy(&event, 1).await;
    let all = PageRequest::default();
    let orders = |who: Principal| OrderFilter::default().with_buyer(who);
    let tickets = |who: Principal| TicketFilter::default().with_holder(who);
    let found = shop.storage.orders(&orders(guest_of(&own)), all).await.unwrap().items;
    assert_eq!(found.iter().map(|order| order.id).collect::<Vec<_>>(), [own.id]);
    let mut found = shop.storage.tickets(&tickets(guest_of(&own)), all).await.unwrap().items;
    found.reverse();
    assert_eq!(found, bought.tickets);
    // Neither a guest without an order nor an identity without a name sees anything.
    for nobody in [Principal::Guest(shop.reference()), external("")] {
        assert_eq!(shop.storage.orders(&orders(nobody.clone()), all).await.unwrap().items, []);
        assert_eq!(shop.storage.tickets(&tickets(nobody), all).await.unwrap().items, []);
    }
}

pub async fn an_account_claims_the_orders_of_its_address(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let paid = shop.settle_order(&shop.guest(&event, 2, Some("ada@example.com")).await).await;
    let held = shop.guest(&event, 1, Some("ADA@example.com")).await;
    let others = [
        shop.guest(&event, 1, Some("bob@example.com")).await,
        shop.guest(&event, 1, None).await,
        shop.hold(&event, 1).await,
    ];
    let ada = shop.register("ada@example.com").await;
    assert_eq!(shop.claim(&ada).await, Err(Refusal::EmailUnverified), "anybody can register with an address");
    let verify = ChangeAccount { id: ada.id, change: AccountChange::Verified };
    only(shop.storage.apply(shop.now(), &[verify]).await).unwrap();
    // Another address than the account's finds nothing, and takes nothing.
    let foreign = ClaimOrders::new(ada.id, email("bob@example.com"));
    let refused = shop.storage.apply_one(shop.now(), foreign).await.unwrap();
    assert_eq!(refused, Err(Refusal::EmailUnverified));

    let claimed = granted(shop.claim(&ada).await);
    assert_eq!(claimed.iter().map(|order| order.id).collect::<Vec<_>>(), [paid.order.id, held.id]);
    let who = Principal::Account(ada.id);
    for order in [&paid.order, &held] {
        let now = shop.order_now(order).await;
        assert_eq!(now, Order { buyer: Buyer { who: who.clone(), ..order.buyer.clone() }, ..order.clone() });
    }
    for ticket in &paid.tickets {
        let now = shop.storage.ticket(&TicketKey::Code(ticket.code.clone())).await.unwrap().unwrap();
        assert_eq!(now, crate::domain::ticket::Ticket { holder: who.clone(), ..ticket.clone() }, "codes stay");
    }
    for order in &others {
        assert_eq!(shop.order_now(order).await, *order);
    }
    assert_eq!(shop.claim(&ada).await, Ok(vec![]), "a repeat finds none");
    let line = shop.payment(&held).await.audit.pop().unwrap();
    assert_eq!((line.action.as_str(), line.actor.account()), ("order.claimed", Some(ada.id)));
    // A claimed order is bought by the account.
    let tickets = shop.settle_order(&held).await.tickets;
    assert!(tickets.iter().all(|ticket| ticket.holder == who));
    // What was bought before the claim counts for the account.
    let all = PageRequest::default();
    let orders = shop.storage.orders(&OrderFilter::default().with_buyer(who), all).await.unwrap().items;
    assert_eq!(orders.iter().map(|order| order.id).collect::<Vec<_>>(), [held.id, paid.order.id]);
}

pub async fn a_guest_returns_tickets_of_a_claimed_order(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let bought = shop.settle_order(&shop.guest(&event, 1, Some("ada@example.com")).await).await;
    granted(shop.claim(&shop.verified("ada@example.com").await).await);
    let give_back = |buyer: Principal| ReturnTickets {
        key: shop.reference(),
        order: bought.order.reference.clone(),
        tickets: None,
        buyer,
    };
    let outcome = shop.storage.apply_one(shop.now(), give_back(guest_of(&bought.order))).await.unwrap();
    assert_eq!(outcome, Err(Refusal::ReturnNotOpen { until: None }), "the order is theirs");
    let outcome = shop.storage.apply_one(shop.now(), give_back(Principal::Guest(shop.reference()))).await.unwrap();
    assert_eq!(outcome, Err(Refusal::OrderUnknown));
}

pub async fn naming_and_expiry_at_once_keep_or_free_the_places(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    for _ in 0..16 {
        let event = shop.event().capacity(1).create().await;
        let order = shop.guest(&event, 1, None).await;
        let (before, after) = (shop.now() + NAMING_FOR - MICRO, shop.now() + NAMING_FOR);
        let rival = shop.guest_hold(&event, 1, None);
        let (name, reference) = (shop.name_of(&order, "ada@example.com"), order.reference.clone());
        at_once(4, |index| {
            let (shop, name, rival) = (Arc::clone(&shop), name.clone(), rival.clone());
            async move {
                match index {
                    0 => drop(shop.storage.apply(before, &[name]).await.unwrap()),
                    1 => drop(shop.storage.apply(after, &[name]).await.unwrap()),
                    2 => drop(shop.storage.apply_one(after, ExpireHolds { limit: 10 }).await),
                    _ => drop(shop.storage.apply(after, &[rival]).await.unwrap()),
                }
            }
        })
        .await;
        let now = shop.storage.order(&OrderKey::Reference(reference)).await.unwrap().unwrap();
        let rival = shop.storage.order(&OrderKey::Reference(rival.reference)).await.unwrap();
        match now.status {
            OrderStatus::Held { .. } => assert!(now.buyer.email.is_some() && rival.is_none(), "{now:?} {rival:?}"),
            OrderStatus::Expired => assert_eq!(now.buyer.email, None),
            other => panic!("held or expired: {other:?}"),
        }
        let (held, sold) = shop.stock(&event).await;
        assert!(held <= 1 && sold == 0);
        shop.wait(HOLD_FOR * 2);
        shop.expire().await;
    }
}

pub async fn claiming_while_a_payment_arrives_gives_the_account_all_tickets(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let ada = shop.verified("ada@example.com").await;
    for _ in 0..10 {
        let order = shop.guest(&event, 2, Some("ada@example.com")).await;
        let attempt = shop.attempt(&order).await;
        at_once(3, |index| {
            let (shop, ada, attempt) = (Arc::clone(&shop), ada.clone(), attempt.clone());
            async move {
                match index {
                    0 => drop(shop.pay(&attempt).await),
                    _ => drop(shop.claim(&ada).await),
                }
            }
        })
        .await;
        let payment = shop.payment(&order).await;
        assert_eq!((payment.order.status, payment.tickets.len()), (OrderStatus::Paid, 2));
        let who = Principal::Account(ada.id);
        assert_eq!(payment.order.buyer.who, who);
        assert!(payment.tickets.iter().all(|ticket| ticket.holder == who), "{:?}", payment.tickets);
    }
}

pub async fn the_uses_of_a_code_are_limited_by_the_address_of_a_guest(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let settings =
        PromoCodeSettings::new("GUESTS".parse().unwrap()).with_discount(Discount::Percent(5000)).with_max_per_buyer(3);
    let put = PutPromoCode { event_id: event.id, actor: shop.organizer.clone(), settings };
    granted(shop.storage.apply_one(shop.now(), put).await.unwrap());
    let hold = |quantity, address| {
        shop.guest_hold(&event, quantity, address).with_promo_code("GUESTS".parse::<PromoCodeText>().unwrap())
    };
    granted(shop.try_hold(&hold(2, Some("ada@example.com"))).await);
    let unnamed = granted(shop.try_hold(&hold(2, None)).await);
    assert_eq!(shop.name(&unnamed, "ada@example.com").await, Err(Refusal::CodeLimit { left: 1 }));
    let one = granted(shop.try_hold(&hold(1, None)).await);
    granted(shop.name(&one, "ada@example.com").await);
    granted(shop.name(&unnamed, "bob@example.com").await);
}
