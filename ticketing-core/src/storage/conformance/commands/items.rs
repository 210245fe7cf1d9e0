//! The items of random commands.

use super::super::shop::{buyer, email, newcomer, ngn, seed};
use super::chance::Chance;
use super::world::{ORDERS, start, who};
use super::{Command, MODE, Report};
use crate::domain::account::{AccountChange, AccountWants, NewAccount, Role};
use crate::domain::check_in::Scan;
use crate::domain::code::{Reference, TicketCode};
use crate::domain::event::{NewEvent, NewTicketType};
use crate::domain::id::{AccountId, EventId, TicketId, TicketTypeId};
use crate::domain::limit::{Quota, Take};
use crate::domain::money::Currency;
use crate::domain::order::{BuyerLimits, Hold, HoldLine};
use crate::domain::outbox::MailResult;
use crate::domain::payment::{BeginSale, Checkout, CheckoutReport, CheckoutResult, OpenAttempt};
use crate::domain::payment::{Resolve, Verdict};
use crate::domain::principal::Buyer;
use crate::domain::refund::{RefundMoney, RefundReason, RefundRequest};
use crate::domain::request::Answer;
use crate::domain::scope::Scope;
use crate::domain::webhook::{NewWebhook, WebhookAction};
use jiff::{SignedDuration, Timestamp};

pub(super) fn account(by: &mut Chance) -> NewAccount {
    let address = by.of_these(&["first@example.com", "Third@example.com", "third@example.com", "fourth@example.com"]);
    newcomer(address, by.of_these(&[None, Some("FIRST"), Some("Ünï"), Some("üNÏ")]))
}

pub(super) fn account_change(by: &mut Chance) -> Command {
    let (id, wants) = (AccountId(by.id(5)), AccountWants::default());
    match by.below(4) {
        0 => {
            let wants = wants.with_is_active(by.one_in(2));
            Command::Administer(id, wants.with_reason(by.of_these(&[None, Some(None), Some(Some("Spam".to_owned()))])))
        }
        1 => Command::Administer(id, wants.with_role(by.of_these(Role::ALL)).with_ends_sessions(by.one_in(4))),
        2 => Command::ChangeAccount(id, by.of_these(&[AccountChange::EndSessions, AccountChange::Verified])),
        _ => {
            let hashes = ["$argon2id$first", "second", "third"];
            let (seen, hash) = (by.of_these(&hashes).to_owned(), by.of_these(&hashes).to_owned());
            Command::ChangeAccount(id, AccountChange::PasswordHash { seen, hash })
        }
    }
}

pub(super) fn event(by: &mut Chance) -> NewEvent {
    // Some are past by the time that they are made.
    let starts_at = start()
        + SignedDuration::from_hours(by.of_these(&[0, 0, 240]))
        + SignedDuration::from_micros(by.of_these(&[-1, 0, 1]));
    let kinds = 1 + by.below(2);
    let price = by.of_these(&[0, 500_000]);
    let ticket_types = (0..kinds).map(|kind| {
        let capacity = by.of_these(&[None, Some(2), Some(3)]);
        NewTicketType::new(format!("type {kind}"), ngn(price + i64::from(kind))).with_capacity(capacity)
    });
    NewEvent {
        ticket_types: ticket_types.collect(),
        start_is_local: by.one_in(4),
        key: if by.one_in(4) { Some(by.named("k", 2)) } else { None },
        description: by.of_these(&[None, Some("Été 1% 'x'".to_owned())]),
        ends_at: by.of_these(&[None, Some(starts_at + SignedDuration::from_hours(72))]),
        category_id: by.of_these(&[None, Some(1.into()), Some(9.into())]),
        ..NewEvent::general_admission(
            by.of_these(&["Jazz", "jazz", "ÉTÉ 1%"]),
            starts_at,
            "Here",
            ngn(0),
            by.of_these(&[None, Some(3), Some(5)]),
        )
    }
}

pub(super) fn hold(by: &mut Chance) -> Hold {
    let (event_id, types) = match by.below(8) {
        0 => (by.id(5), vec![by.id(8)]),
        1..3 => (2, vec![3]),
        3 => (1, vec![1, 2]),
        _ => (1, vec![by.id(2)]),
    };
    let mut line = |id| HoldLine { ticket_type_id: Some(TicketTypeId(id)), quantity: if by.one_in(3) { 2 } else { 1 } };
    let lines = types.into_iter().map(&mut line).collect();
    let number = by.below(ORDERS);
    by.held.push(number);
    let reference = format!("o{number}").parse().unwrap();
    // A reference mostly has the same content.
    let who = if by.one_in(8) { by.who() } else { who(1) };
    Hold {
        promo_code: None,
        expect_total: None,
        reference,
        event_id: EventId(event_id),
        buyer: Buyer { who, ..buyer("ada") },
        lines,
        hold_until: Timestamp::UNIX_EPOCH,
        limits: BuyerLimits::default(),
    }
}

pub(super) fn attempt(by: &mut Chance) -> OpenAttempt {
    let number = if by.held.is_empty() {
        by.below(ORDERS)
    } else {
        let index = by.late(by.held.len(), 3);
        by.held[index]
    };
    let own = format!("a{}", number + ORDERS * by.below(2)).parse().unwrap();
    let reference: Reference = if by.one_in(10) { by.attempt() } else { own };
    by.opened.push(reference.clone());
    OpenAttempt {
        reference,
        order: format!("o{number}").parse().unwrap(),
        gateway: by.of_these(&["paystack", "paystack", "paystack", "paystack", "free"]).to_owned(),
        mode: MODE,
        pays_within: None,
    }
}

pub(super) fn sale(by: &mut Chance) -> BeginSale {
    let (hold, attempt) = (hold(by), attempt(by));
    BeginSale::new(hold, attempt).with_currencies(by.of_these(&[None, None, Some(vec![Currency::USD])]))
}

pub(super) fn checkout(by: &mut Chance) -> CheckoutReport {
    let result = match by.below(4) {
        0 => CheckoutResult::Unknown,
        1 => CheckoutResult::NotOpened { reason: "refused".to_owned(), release: by.one_in(2) },
        _ => CheckoutResult::Opened(Checkout {
            url: "https://pay.example".to_owned(),
            access_code: by.of_these(&[None, Some("code".to_owned())]),
        }),
    };
    CheckoutReport { reference: by.attempt(), result }
}

pub(super) fn report(by: &mut Chance) -> Report {
    use Report::*;
    if by.one_in(2) {
        return Exact;
    }
    by.of_these(&[
        More,
        WithFees,
        Dollars,
        Another,
        Open,
        Processing,
        Failed,
        Reversed,
        Disputed,
        NotFound,
        Unrecognised,
    ])
}

pub(super) fn resolve(by: &mut Chance) -> Resolve {
    Resolve {
        reference: by.attempt(),
        verdict: by.of_these(&[Verdict::Accept, Verdict::Refund]),
        tickets: vec![],
        note: "a note".to_owned(),
        actor: by.who(),
        scope: Scope::all(),
        seed: seed(by.number()),
    }
}

pub(super) fn refund(by: &mut Chance) -> RefundRequest {
    RefundRequest {
        key: by.named("r", 8),
        order: by.tried_order(),
        tickets: if by.one_in(2) { None } else { Some(by.batch(|by| TicketId(by.id(12)))) },
        money: RefundMoney::Prices,
        // Not the last one: nobody requests a refund that was made elsewhere.
        reason: by.of_these(&RefundReason::ALL[..5]),
        note: by.of_these(&[None, Some("a note".to_owned())]),
        actor: by.who(),
        scope: None,
    }
}

pub(super) fn scan(by: &mut Chance) -> Scan {
    let (nonce, gate) = (by.named("n", 8).to_string(), by.of_these(&[None, Some("north".to_owned())]));
    let who = if by.one_in(5) { by.who() } else { who(0) };
    Scan::new(TicketCode::derive(&seed(u64::MAX), 0), nonce, who).with_gate(gate)
}

pub(super) fn mail_result(by: &mut Chance) -> MailResult {
    by.of_these(&[
        MailResult::Sent,
        MailResult::Retry("451".to_owned()),
        MailResult::Retry("421".to_owned()),
        MailResult::Refused("550".to_owned()),
    ])
}

pub(super) fn webhook(by: &mut Chance) -> NewWebhook {
    NewWebhook {
        gateway: by.of_these(&["paystack", "stripe"]).to_owned(),
        dedupe_key: by.named("w", 3).to_string(),
        kind: "charge.success".to_owned(),
        action: by.of_these(WebhookAction::ALL),
        reference: if by.one_in(3) { None } else { Some(by.attempt()) },
        captured: None,
        dispute: None,
        body: email("ada@example.com").as_str().into(),
    }
}

pub(super) fn answer(by: &mut Chance) -> Option<Answer> {
    let body = by.of_these(&[vec![], vec![0, 255, 7]]);
    by.of_these(&[None, Some(Answer { status: 201, headers: vec![("a".to_owned(), "b".to_owned())], body })])
}

pub(super) fn tokens(by: &mut Chance) -> Vec<Take> {
    let quota = Quota { burst: 3, every: SignedDuration::from_secs(10) };
    let mut keys = vec!["t1", "t0"];
    if by.one_in(2) {
        keys.remove(0);
    }
    keys.into_iter().map(|key| Take { key: key.to_owned(), count: by.of_these(&[-1, 1, 1, 2, 4]), quota }).collect()
}
