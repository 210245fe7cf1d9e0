//! Promo codes.

use super::races::at_once;
use super::shop::{PRICE, Shop, buyer, granted, ngn};
use crate::domain::event::{Event, EventWants, NewTicketType, TicketTypeWants, Visibility, Window};
use crate::domain::id::TicketTypeId;
use crate::domain::order::{BuyerLimits, Hold, OrderStatus, Quote, QuoteHold};
use crate::domain::page::PageRequest;
use crate::domain::payment::{AttemptStatus, Settlement};
use crate::domain::promo_code::{
    Discount, EditPromoCode, FindPromoCode, ListPromoCodes, PromoCode, PromoCodeSettings, PutPromoCode,
};
use crate::domain::refund::RefundReason;
use crate::domain::refusal::Refusal;
use crate::domain::scope::Scope;
use crate::storage::{Storage, StorageExt as _};
use jiff::SignedDuration;
use std::sync::Arc;

impl Shop {
    async fn try_code(&self, event: &Event, settings: PromoCodeSettings) -> Result<PromoCode, Refusal> {
        let put = PutPromoCode { event_id: event.id, actor: self.organizer.clone(), settings };
        self.storage.apply_one(self.now(), put).await.unwrap()
    }

    pub(super) async fn code(&self, event: &Event, settings: PromoCodeSettings) -> PromoCode {
        granted(self.try_code(event, settings).await)
    }

    async fn edit_code(
        &self,
        code: &PromoCode,
        seen: Option<i64>,
        settings: PromoCodeSettings,
    ) -> Result<PromoCode, Refusal> {
        let edit = EditPromoCode { id: code.id, actor: self.organizer.clone(), seen, settings };
        self.storage.apply_one(self.now(), edit).await.unwrap()
    }

    pub(super) async fn uses(&self, code: &PromoCode) -> (i64, i64) {
        let code = self.storage.find(FindPromoCode::Id(code.id)).await.unwrap().unwrap();
        (code.uses.held, code.uses.sold)
    }

    pub(super) fn with_code(&self, event: &Event, lines: &[(usize, u32)], text: &str) -> Hold {
        self.wish_of(event, lines).with_promo_code(text.parse::<crate::domain::promo_code::PromoCodeText>().unwrap())
    }

    async fn quote(&self, hold: &Hold) -> Result<Quote, Refusal> {
        self.storage.find(QuoteHold { hold: hold.clone(), now: self.now() }).await.unwrap()
    }
}

fn settings(text: &str) -> PromoCodeSettings {
    PromoCodeSettings::new(text.parse().unwrap())
}

pub(super) fn half(text: &str) -> PromoCodeSettings {
    settings(text).with_discount(Discount::Percent(5000))
}

pub async fn a_code_reads_back_and_a_repeat_finds_it(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 200, None)]).create().await;
    let all = half("early-20")
        .with_ticket_types(vec![event.ticket_types[0].id])
        .with_unlocks(vec![event.ticket_types[1].id])
        .with_valid(Window::new(shop.now(), shop.now() + SignedDuration::from_hours(1)))
        .with_max_per_order(2)
        .with_max_per_buyer(3)
        .with_max_uses(4)
        .with_note("For the list".to_owned());
    let code = shop.code(&event, all.clone()).await;
    assert_eq!((code.text.as_str(), code.settings(), code.version), ("EARLY-20", all.clone(), 1));
    assert_eq!(shop.storage.find(FindPromoCode::Id(code.id)).await.unwrap(), Some(code.clone()));
    let by_text = FindPromoCode::Text(event.id, "Early-20".parse().unwrap());
    assert_eq!(shop.storage.find(by_text).await.unwrap(), Some(code.clone()));
    assert_eq!(shop.try_code(&event, all.clone()).await, Ok(code.clone()));
    assert_eq!(shop.try_code(&event, half("EARLY-20")).await, Err(Refusal::CodeTaken));
    // Another event has codes of its own.
    let other = shop.event().create().await;
    let same = shop.code(&other, half("EARLY-20")).await;
    let list = ListPromoCodes { scope: Scope::all(), event_id: other.id, page: PageRequest::default() };
    assert_eq!(shop.storage.find(list).await.unwrap().items, [same]);
}

pub async fn a_code_takes_its_discount_off_each_ticket(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 999, None), ("B", 200, None)]).create().await;
    let third = shop.code(&event, settings("THIRD").with_discount(Discount::Percent(3333))).await;
    let order = granted(shop.try_hold(&shop.with_code(&event, &[(0, 2), (1, 1)], "third")).await);
    let prices: Vec<_> =
        order.lines.iter().map(|line| (line.quantity, line.parts.face, line.parts.discount, line.unit_price)).collect();
    assert_eq!(prices, [(2, 999, 333, ngn(666)), (1, 200, 67, ngn(133))]);
    assert_eq!((order.total, order.promo_code_id, shop.uses(&third).await), (ngn(1465), Some(third.id), (3, 0)));
    let bought = shop.settle_order(&order).await;
    assert_eq!(bought.tickets.iter().map(|ticket| ticket.price.minor()).sum::<i64>(), 1465);
    assert_eq!(shop.uses(&third).await, (0, 3));
    // A fixed amount, never more than the ticket costs; and only for the types that are named.
    let fixed = settings("FIXED").with_discount(Discount::Each(500)).with_ticket_types(vec![event.ticket_types[1].id]);
    let fixed = shop.code(&event, fixed).await;
    let order = granted(shop.try_hold(&shop.with_code(&event, &[(0, 1), (1, 2)], "FIXED")).await);
    assert_eq!((order.total, shop.uses(&fixed).await), (ngn(999), (2, 0)));
    assert_eq!(shop.try_hold(&shop.with_code(&event, &[(0, 1)], "FIXED")).await, Err(Refusal::CodeUnknown));
    assert_eq!(shop.try_hold(&shop.wish_of(&event, &[(0, 1)])).await.unwrap().promo_code_id, None);
}

pub async fn a_code_that_is_not_good_is_unknown(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let (event, other) = (shop.event().create().await, shop.event().create().await);
    let (from, until) = (shop.now() + SignedDuration::from_mins(10), shop.now() + SignedDuration::from_mins(20));
    let code = shop.code(&event, half("LATER").with_valid(Window::new(from, until))).await;
    shop.code(&other, half("ELSEWHERE")).await;
    let hold = async |text: &str| shop.try_hold(&shop.with_code(&event, &[(0, 1)], text)).await.map(drop);
    for text in ["LATER", "ELSEWHERE", "NEVER-WAS"] {
        assert_eq!(hold(text).await, Err(Refusal::CodeUnknown), "{text}: one answer for all");
    }
    shop.wait(SignedDuration::from_mins(10));
    assert_eq!(hold("LATER").await, Ok(()));
    granted(shop.edit_code(&code, None, code.settings().with_paused(true)).await);
    assert_eq!(hold("LATER").await, Err(Refusal::CodeUnknown));
    granted(shop.edit_code(&code, None, code.settings()).await);
    shop.wait(SignedDuration::from_mins(10));
    assert_eq!(hold("LATER").await, Err(Refusal::CodeUnknown));
}

pub async fn uses_that_run_short_go_to_the_dearest_tickets(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("Cheap", 100, None), ("Dear", 1000, None)]).create().await;
    let code = shop.code(&event, half("TWO-LEFT").with_max_uses(2)).await;
    let wish = shop.with_code(&event, &[(0, 1), (1, 2)], "TWO-LEFT");
    let quote = shop.quote(&wish).await.unwrap();
    assert_eq!((quote.total, shop.uses(&code).await), (ngn(100 + 500 + 500), (0, 0)), "a quote holds nothing");
    let three = shop.with_code(&event, &[(1, 3)], "TWO-LEFT");
    let quote = shop.quote(&three).await.unwrap();
    let lines: Vec<_> = quote.lines.iter().map(|line| (line.quantity, line.unit_price, line.promo_code_id)).collect();
    assert_eq!(lines, [(2, ngn(500), Some(code.id)), (1, ngn(1000), None)]);
    // Who was shown another price is asked again.
    let expecting = |total| three.clone().with_expect_total(ngn(total));
    assert_eq!(shop.try_hold(&expecting(1500)).await, Err(Refusal::PriceChanged { total: ngn(2000) }));
    let order = granted(shop.try_hold(&expecting(2000)).await);
    assert_eq!(order.lines, quote.lines);
    assert_eq!(shop.try_hold(&expecting(2000)).await, Ok(order.clone()), "the same order, and no second use");
    assert_eq!(shop.uses(&code).await, (2, 0));
    let used_up = shop.try_hold(&shop.with_code(&event, &[(0, 1)], "TWO-LEFT")).await;
    assert_eq!(used_up, Err(Refusal::CodeUsedUp { left: 0 }));
    // The same reference with another code, or none, is another wish.
    let mut other = three.clone();
    other.promo_code = None;
    assert_eq!(shop.try_hold(&other).await, Err(Refusal::KeyReused));
    // A ticket that goes back gives its use back, if it had one.
    let bought = shop.settle_order(&order).await;
    assert_eq!(shop.uses(&code).await, (0, 2));
    let full = bought.tickets.iter().find(|ticket| ticket.price == ngn(1000)).unwrap();
    let cut = bought.tickets.iter().find(|ticket| ticket.price == ngn(500)).unwrap();
    granted(shop.refund(&shop.refund_of(&bought.order, &[full])).await);
    assert_eq!(shop.uses(&code).await, (0, 2));
    granted(shop.refund(&shop.refund_of(&bought.order, &[cut])).await);
    assert_eq!(shop.uses(&code).await, (0, 1));
}

pub async fn a_hold_that_ends_gives_its_uses_back_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let code = shop.code(&event, half("ONCE-EACH").with_max_uses(3)).await;
    let hold = async || granted(shop.try_hold(&shop.with_code(&event, &[(0, 1)], "ONCE-EACH")).await);
    let (released, expired, paid) = (hold().await, hold().await, hold().await);
    assert_eq!(shop.uses(&code).await, (3, 0));
    shop.settle_order(&paid).await;
    for _ in 0..2 {
        shop.release(&released).await.ok();
    }
    assert_eq!(shop.uses(&code).await, (1, 1));
    shop.let_expire(&expired).await;
    shop.expire().await;
    assert_eq!(shop.uses(&code).await, (0, 1));
    shop.cancel_event(&event).await;
    while !shop.undo(10).await.is_empty() {}
    assert_eq!(shop.uses(&code).await, (0, 0));
}

pub async fn late_money_takes_uses_again_or_goes_back(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let code = shop.code(&event, half("LATE").with_max_uses(1)).await;
    let late = async || {
        let order = granted(shop.try_hold(&shop.with_code(&event, &[(0, 1)], "LATE")).await);
        let attempt = shop.attempt(&order).await;
        shop.let_expire(&order).await;
        (order, attempt)
    };
    // Honoured, whatever the code is by then.
    let (first, second) = (late().await, late().await);
    granted(shop.edit_code(&code, None, code.settings().with_paused(true).with_max_per_buyer(1)).await);
    assert!(matches!(shop.pay(&first.1).await, Settlement::Fulfilled { first: true, .. }));
    assert_eq!(shop.uses(&code).await, (0, 1));
    // Gone, although there are places.
    let settled = shop.pay(&second.1).await;
    assert!(matches!(settled, Settlement::RefundDue { .. }), "{settled:?}");
    assert_eq!(shop.payment(&second.0).await.refunds[0].reason, RefundReason::Late);
    assert_eq!((shop.uses(&code).await, shop.stock(&event).await), ((0, 1), (0, 1)));
    assert_eq!(shop.attempt_now(&second.1).await.status, AttemptStatus::RefundDue);
}

pub async fn a_code_has_limits_for_an_order_and_for_a_buyer(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    shop.code(&event, half("LIMITED").with_max_per_order(2).with_max_per_buyer(3)).await;
    let hold = async |quantity| shop.try_hold(&shop.with_code(&event, &[(0, quantity)], "LIMITED")).await;
    let with_code = |order: &crate::domain::order::Order| -> u32 {
        order.lines.iter().filter(|line| line.promo_code_id.is_some()).map(|line| line.quantity).sum()
    };
    let order = granted(hold(3).await);
    assert_eq!((with_code(&order), order.total), (2, ngn(PRICE * 2)), "the third costs the full price");
    shop.settle_order(&order).await;
    assert_eq!(with_code(&granted(hold(2).await)), 1);
    assert_eq!(hold(1).await, Err(Refusal::CodeLimit { left: 0 }));
    let mut other = shop.with_code(&event, &[(0, 2)], "LIMITED");
    other.buyer = buyer("ben");
    assert_eq!(with_code(&granted(shop.try_hold(&other).await)), 2);
}

pub async fn a_code_gives_access_to_its_secret_types_only(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let secret = |name: &str| NewTicketType::new(name, ngn(10)).with_visibility(Visibility::Secret);
    let event = shop.event().with(|new| new.ticket_types.extend([secret("Band"), secret("Press")])).create().await;
    let ids: Vec<TicketTypeId> = event.ticket_types.iter().map(|of| of.id).collect();
    let code = shop.code(&event, settings("THE-BAND").with_unlocks(vec![ids[1]]).with_max_uses(2)).await;
    let unknown = |id| Err(Refusal::TicketTypeUnknown { ticket_type_id: id });
    assert_eq!(shop.try_hold(&shop.wish_of(&event, &[(1, 1)])).await.map(drop), unknown(ids[1]));
    assert_eq!(shop.try_hold(&shop.with_code(&event, &[(2, 1)], "THE-BAND")).await.map(drop), unknown(ids[2]));
    // A secret ticket needs a use: it is not sold at the full price.
    let many = shop.try_hold(&shop.with_code(&event, &[(1, 3)], "THE-BAND")).await;
    assert_eq!(many, Err(Refusal::CodeLimit { left: 2 }));
    let order = granted(shop.try_hold(&shop.with_code(&event, &[(0, 1), (1, 2)], "THE-BAND")).await);
    assert_eq!((order.total, shop.uses(&code).await), (ngn(PRICE + 20), (2, 0)));
}

pub async fn an_edit_of_a_code_leaves_orders_alone(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let code = shop.code(&event, half("EDITED").with_max_uses(5)).await;
    let order = granted(shop.try_hold(&shop.with_code(&event, &[(0, 2)], "EDITED")).await);
    let low = shop.edit_code(&code, None, code.settings().with_max_uses(1)).await;
    assert_eq!(low, Err(Refusal::CapacityTooLow { taken: 2, ticket_type_id: None }));
    let wanted = half("RENAMED").with_max_uses(2).with_discount(Discount::Nothing);
    let edited = granted(shop.edit_code(&code, Some(1), wanted.clone()).await);
    assert_eq!((edited.version, edited.settings(), edited.uses.held), (2, wanted.clone(), 2));
    assert_eq!(shop.edit_code(&code, Some(1), wanted).await, Ok(edited.clone()), "a repeat changes nothing");
    assert_eq!(shop.edit_code(&code, Some(1), code.settings()).await, Err(Refusal::Stale { current: 2 }));
    let other = shop.code(&event, half("OTHER")).await;
    assert_eq!(shop.edit_code(&other, None, half("RENAMED")).await, Err(Refusal::CodeTaken));
    assert_eq!(shop.order_now(&order).await, order);
    let bought = shop.settle_order(&order).await;
    assert_eq!((bought.tickets[0].price, shop.uses(&code).await), (ngn(PRICE / 2), (0, 2)));
}

pub async fn a_free_order_by_a_code_counts_against_the_limits(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    shop.code(&event, settings("GUESTS").with_discount(Discount::Percent(10_000))).await;
    let limits = BuyerLimits::default().with_free_tickets(2);
    let hold =
        async |quantity| shop.try_hold(&shop.with_code(&event, &[(0, quantity)], "GUESTS").with_limits(limits)).await;
    assert_eq!(hold(3).await, Err(Refusal::BuyerLimit { left: 2 }));
    assert_eq!(granted(hold(2).await).total, ngn(0));
    assert_eq!(hold(1).await, Err(Refusal::BuyerLimit { left: 0 }));
}

pub async fn sixty_four_buyers_share_ten_uses(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let code = shop.code(&event, half("TEN-ONLY").with_max_uses(10)).await;
    let outcomes = at_once(64, |_| {
        let (shop, wish) = (Arc::clone(&shop), shop.with_code(&event, &[(0, 1)], "TEN-ONLY"));
        async move { shop.try_hold(&wish).await }
    });
    let outcomes = outcomes.await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 10);
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(refused.iter().all(|refusal| **refusal == Refusal::CodeUsedUp { left: 0 }), "{refused:?}");
    assert_eq!(shop.uses(&code).await, (10, 0));
}

pub async fn expiry_against_payment_counts_a_use_once(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().create().await;
    let code = shop.code(&event, half("RACE").with_max_uses(8)).await;
    let mut orders = vec![];
    for _ in 0..8 {
        let order = granted(shop.try_hold(&shop.with_code(&event, &[(0, 1)], "RACE")).await);
        orders.push((shop.attempt(&order).await, order));
    }
    shop.wait(super::shop::HOLD_FOR);
    let outcomes = at_once(10, |call| {
        let (shop, one) = (Arc::clone(&shop), orders.get(call).cloned());
        async move {
            match one {
                Some((attempt, _)) => drop(shop.pay(&attempt).await),
                None => drop(shop.expire().await),
            }
        }
    });
    outcomes.await;
    let mut paid = 0;
    for (_, order) in &orders {
        paid += i64::from(shop.order_now(order).await.status == OrderStatus::Paid);
    }
    assert_eq!((shop.uses(&code).await, shop.stock(&event).await), ((0, paid), (0, paid)));
    assert_eq!(paid, 8, "a use that expiry gave back is taken again");
}

pub async fn a_code_for_a_type_that_was_removed_is_for_the_others(storage: Arc<dyn Storage>) {
    let shop = Shop::open(storage);
    let event = shop.event().types(&[("A", 100, None), ("B", 200, None)]).create().await;
    shop.code(&event, half("REMAINS")).await;
    let wants = EventWants::default().with_ticket_types(vec![TicketTypeWants::existing(event.ticket_types[1].id)]);
    let edit = crate::domain::event::EditEvent { id: event.id, actor: shop.organizer.clone(), seen: None, wants };
    granted(shop.storage.apply_one(shop.now(), edit).await.unwrap());
    let refused = shop.try_hold(&shop.with_code(&event, &[(0, 1)], "REMAINS")).await;
    assert_eq!(refused, Err(Refusal::TicketTypeUnknown { ticket_type_id: event.ticket_types[0].id }));
    assert_eq!(granted(shop.try_hold(&shop.with_code(&event, &[(1, 1)], "REMAINS")).await).total, ngn(100));
}
