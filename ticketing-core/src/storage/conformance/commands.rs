//! The random commands of the model test: over so few names that they collide, and find what earlier ones made.

use super::shop::{buyer, email, external, newcomer, ngn, seed};
use crate::domain::account::{AccountChange, NewAccount, Role};
use crate::domain::check_in::Scan;
use crate::domain::code::{Reference, Seed, TicketCode};
use crate::domain::event::{EventFilter, EventSort, NewCategory, NewEvent, NewTicketType};
use crate::domain::id::{AccountId, EventId, MailId, RefundId, TicketId, TicketTypeId, WebhookId};
use crate::domain::order::{Hold, HoldLine, Release};
use crate::domain::outbox::{MailReport, MailResult};
use crate::domain::payment::{Checkout, CheckoutReport, CheckoutResult, Mode, OpenAttempt};
use crate::domain::principal::{Buyer, Principal};
use crate::domain::refund::{RefundReason, RefundReport, RefundRequest, RefundStatus};
use crate::domain::request::{Answer, BeginRequest};
use crate::domain::rules::{Resolve, Verdict};
use crate::domain::webhook::{NewWebhook, WebhookAction, WebhookReport, WebhookStatus};
use jiff::{SignedDuration, Timestamp};

/// Of all attempts and all money.
pub(super) const MODE: Mode = Mode::Test;

#[derive(Clone, Debug)]
pub(super) enum Command {
    Wait(SignedDuration),
    Register(Vec<NewAccount>),
    ChangeAccount(AccountId, AccountChange),
    PutCategories(Vec<NewCategory>),
    PutEvents(Principal, Vec<NewEvent>),
    CancelEvent(EventId),
    /// Held for so long from when it is played.
    Hold(Vec<Hold>, SignedDuration),
    Release(Vec<Release>),
    ExpireHolds(u32),
    OpenAttempts(Vec<OpenAttempt>),
    ReportCheckouts(Vec<CheckoutReport>),
    Settle(Vec<(Reference, Said, u64)>),
    ClaimPolls(u32),
    ResolveReviews(Vec<Resolve>),
    RequestRefunds(Vec<RefundRequest>),
    ClaimRefunds(SignedDuration, u32),
    ReportRefunds(Vec<RefundReport>),
    RetryRefund(RefundId, Principal),
    WakeRefunds(Reference),
    Undo(Vec<Seed>),
    /// Of the so-manieth ticket that there is when it is played.
    CheckIn(Vec<(usize, Scan)>),
    ClaimMails(SignedDuration, u32),
    ReportMails(Vec<MailReport>),
    ResendMail(MailId),
    ReceiveWebhooks(Vec<NewWebhook>),
    ClaimWebhooks(SignedDuration, u32),
    ReportWebhooks(Vec<WebhookReport>),
    BeginRequest(BeginRequest),
    FinishRequest(String, Option<Answer>),
    ForgetRequests,
}

/// What a gateway says of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    Exact,
    More,
    WithFees,
    Dollars,
    Open,
    Processing,
    Failed,
    Reversed,
    Disputed,
    NotFound,
    Unrecognised,
}

/// SplitMix64: the same seed gives the same commands everywhere and for ever.
#[derive(Debug)]
pub(super) struct Chance {
    state: u64,
    made: u64,
    /// The numbers of the orders that were asked for, and the attempts at paying them.
    held: Vec<u32>,
    opened: Vec<Reference>,
}

impl Chance {
    pub(super) fn of(seed: u64) -> Self {
        Self { state: seed, made: 0, held: vec![], opened: vec![] }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`.
    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap()
    }

    fn id(&mut self, end: u32) -> i64 {
        i64::from(1 + self.below(end))
    }

    fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    fn of_these<T: Clone>(&mut self, these: &[T]) -> T {
        these[self.index(these.len())].clone()
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.next() % length as u64).unwrap()
    }

    /// One of the last few.
    fn late(&mut self, length: usize, few: usize) -> usize {
        let few = length.min(few);
        length - few + self.index(few)
    }

    /// A batch: mostly of one, sometimes of up to four.
    fn batch<T>(&mut self, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = if self.one_in(2) { 1 } else { 1 + self.below(4) };
        (0..length).map(|_| item(self)).collect()
    }

    fn named(&mut self, kind: &str, end: u32) -> Reference {
        format!("{kind}{}", self.below(end)).parse().unwrap()
    }

    fn order(&mut self) -> Reference {
        self.named("o", ORDERS)
    }

    /// Some attempt, mostly one that was opened of late.
    fn attempt(&mut self) -> Reference {
        if self.opened.is_empty() || self.one_in(6) {
            return self.named("a", ATTEMPTS);
        }
        let few = if self.one_in(3) { self.opened.len() } else { 4 };
        let index = self.late(self.opened.len(), few);
        self.opened[index].clone()
    }

    /// Some order, mostly one that there was an attempt to pay.
    fn tried_order(&mut self) -> Reference {
        let attempt = self.attempt();
        let number: u32 = attempt.as_str()[1..].parse().unwrap();
        format!("o{}", number % ORDERS).parse().unwrap()
    }

    /// Fresh, as the contract wants it of callers.
    fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    fn who(&mut self) -> Principal {
        who(self.below(4))
    }

    /// Mostly short: whatever is held and open is over after a long one.
    fn duration(&mut self) -> SignedDuration {
        let seconds = match self.below(10) {
            0 => self.of_these(&[3_600, 86_400, 96 * 3_600]),
            1..4 => self.of_these(&[300, 900]),
            _ => self.of_these(&[0, 1, 30, 60]),
        };
        SignedDuration::from_secs(seconds) + SignedDuration::from_micros(self.of_these(&[0, 0, 1, 999_999]))
    }
}

const ORDERS: u32 = 16;
/// Two for each order.
const ATTEMPTS: u32 = 2 * ORDERS;

/// The events that are always there: one that is soon sold out, with two ticket types, and a free one.
pub(super) fn furniture() -> [NewEvent; 2] {
    let starts_at = start();
    let type_of = |name: &str, minor, capacity| NewTicketType { name: name.to_owned(), price: ngn(minor), capacity };
    let small = NewEvent::general_admission("Small", starts_at, "Here", ngn(0), Some(6));
    let free = NewEvent::general_admission("Free", starts_at, "Here", ngn(0), None);
    [
        NewEvent {
            ticket_types: vec![type_of("A", 500_000, Some(4)), type_of("B", 250_000, None)],
            ends_at: Some(starts_at + SignedDuration::from_hours(72)),
            ..small
        },
        NewEvent { ticket_types: vec![type_of("Free", 0, None)], ..free },
    ]
}

/// When events begin.
fn start() -> Timestamp {
    Timestamp::from_microsecond(super::shop::START).unwrap() + SignedDuration::from_hours(48)
}

/// Two accounts, which are always there, and two identities of an application.
pub(super) fn who(number: u32) -> Principal {
    match number {
        0 => external("1"),
        1 => Principal::Account(AccountId(1)),
        2 => Principal::Account(AccountId(2)),
        _ => external("ünï 'q' %"),
    }
}

/// Every reference that a command may make.
pub(super) fn references() -> Vec<Reference> {
    let orders = (0..ORDERS).map(|number| format!("o{number}"));
    orders.chain((0..ATTEMPTS).map(|number| format!("a{number}"))).map(|text| text.parse().unwrap()).collect()
}

pub(super) fn event_filters() -> Vec<EventFilter> {
    let all = EventFilter { with_cancelled: true, ..EventFilter::default() };
    let start = start();
    vec![
        EventFilter::default(),
        EventFilter { sort: EventSort::DateDescending, ..all.clone() },
        EventFilter { text: Some("ÉTÉ 1%".to_owned()), sort: EventSort::Title, ..all.clone() },
        EventFilter { text: Some("1_".to_owned()), ..all.clone() },
        EventFilter { category: Some("mUSIC".to_owned()), sort: EventSort::Date, ..all.clone() },
        EventFilter { from: Some(start), organizer: Some(who(1)), ..all.clone() },
        EventFilter { to: Some(start), ..all },
    ]
}

impl Command {
    pub(super) fn any(by: &mut Chance) -> Self {
        match by.below(100) {
            0..10 => Self::Wait(by.duration()),
            10..12 => Self::Register(by.batch(account)),
            12..13 => Self::ChangeAccount(AccountId(by.id(5)), account_change(by)),
            13..14 => Self::PutCategories(by.batch(|by| NewCategory {
                name: by.of_these(&["Music", "MUSIC", "Élan", "élan", "x"]).to_owned(),
                description: None,
            })),
            14..17 => Self::PutEvents(by.who(), by.batch(event)),
            17..18 => Self::CancelEvent(EventId(by.id(24))),
            18..34 => Self::Hold(by.batch(hold), by.duration() + SignedDuration::from_mins(10)),
            34..36 => Self::Release(by.batch(|by| Release { reference: by.order(), actor: by.who() })),
            36..38 => Self::ExpireHolds(by.below(4)),
            38..48 => Self::OpenAttempts(by.batch(attempt)),
            48..51 => Self::ReportCheckouts(by.batch(checkout)),
            51..65 => Self::Settle(by.batch(|by| (by.attempt(), said(by), by.number()))),
            65..67 => Self::ClaimPolls(by.below(4)),
            67..69 => Self::ResolveReviews(by.batch(resolve)),
            69..75 => Self::RequestRefunds(by.batch(refund)),
            75..77 => Self::ClaimRefunds(by.duration(), by.below(4)),
            77..79 => Self::ReportRefunds(by.batch(|by| RefundReport {
                id: RefundId(by.id(8)),
                tries: by.below(3),
                status: by.of_these(RefundStatus::ALL),
                gateway_id: by.of_these(&[None, Some("trx".to_owned())]),
                raw_status: "seen".to_owned(),
            })),
            79..80 => Self::RetryRefund(RefundId(by.id(8)), by.who()),
            80..81 => Self::WakeRefunds(by.attempt()),
            81..83 => Self::Undo((0..by.below(3)).map(|_| seed(by.number())).collect()),
            83..89 => Self::CheckIn(by.batch(|by| (by.below(64) as usize, scan(by)))),
            89..91 => Self::ClaimMails(by.duration(), by.below(4)),
            91..93 => Self::ReportMails(by.batch(|by| MailReport {
                id: MailId(by.id(8)),
                tries: by.below(3),
                result: mail_result(by),
            })),
            93..94 => Self::ResendMail(MailId(by.id(8))),
            94..95 => Self::ReceiveWebhooks(by.batch(webhook)),
            95..96 => Self::ClaimWebhooks(by.duration(), by.below(4)),
            96..97 => Self::ReportWebhooks(by.batch(|by| WebhookReport {
                id: WebhookId(by.id(4)),
                status: by.of_these(WebhookStatus::ALL),
                note: by.of_these(&[None, Some("a note".to_owned())]),
            })),
            97..98 => Self::BeginRequest(BeginRequest {
                scope: by.named("s", 3).to_string(),
                content: by.named("c", 2).to_string(),
                lease: by.duration(),
            }),
            98..99 => Self::FinishRequest(by.named("s", 3).to_string(), answer(by)),
            _ => Self::ForgetRequests,
        }
    }
}

fn account(by: &mut Chance) -> NewAccount {
    let address = by.of_these(&["first@example.com", "Third@example.com", "third@example.com", "fourth@example.com"]);
    newcomer(address, by.of_these(&[None, Some("FIRST"), Some("Ünï"), Some("üNÏ")]))
}

fn account_change(by: &mut Chance) -> AccountChange {
    match by.below(4) {
        0 => AccountChange::Active(by.one_in(2)),
        1 => AccountChange::Role(by.of_these(Role::ALL)),
        2 => AccountChange::EndSessions,
        _ => {
            let hashes = ["$argon2id$first", "second", "third"];
            AccountChange::PasswordHash { seen: by.of_these(&hashes).to_owned(), hash: by.of_these(&hashes).to_owned() }
        }
    }
}

fn event(by: &mut Chance) -> NewEvent {
    let starts_at = start() + SignedDuration::from_micros(by.of_these(&[-1, 0, 1]));
    let kinds = 1 + by.below(2);
    let price = by.of_these(&[0, 500_000]);
    let ticket_types = (0..kinds).map(|kind| NewTicketType {
        name: format!("type {kind}"),
        price: ngn(price + i64::from(kind)),
        capacity: by.of_these(&[None, Some(2), Some(3)]),
    });
    NewEvent {
        ticket_types: ticket_types.collect(),
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

fn hold(by: &mut Chance) -> Hold {
    let (event_id, types) = match by.below(8) {
        0 => (by.id(5), vec![by.id(8)]),
        1..3 => (2, vec![3]),
        3 => (1, vec![1, 2]),
        _ => (1, vec![by.id(2)]),
    };
    let mut line = |id| HoldLine { ticket_type_id: TicketTypeId(id), quantity: if by.one_in(3) { 2 } else { 1 } };
    let lines = types.into_iter().map(&mut line).collect();
    let number = by.below(ORDERS);
    by.held.push(number);
    let reference = format!("o{number}").parse().unwrap();
    // Mostly what is asked for under a reference is the same.
    let who = if by.one_in(8) { by.who() } else { who(1) };
    Hold {
        reference,
        event_id: EventId(event_id),
        buyer: Buyer { who, ..buyer("ada") },
        lines,
        hold_until: Timestamp::UNIX_EPOCH,
    }
}

fn attempt(by: &mut Chance) -> OpenAttempt {
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
    }
}

fn checkout(by: &mut Chance) -> CheckoutReport {
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

fn said(by: &mut Chance) -> Said {
    use Said::*;
    if by.one_in(2) {
        return Exact;
    }
    by.of_these(&[More, WithFees, Dollars, Open, Processing, Failed, Reversed, Disputed, NotFound, Unrecognised])
}

fn resolve(by: &mut Chance) -> Resolve {
    Resolve {
        reference: by.attempt(),
        verdict: by.of_these(&[Verdict::Accept, Verdict::Refund]),
        note: "a note".to_owned(),
        actor: by.who(),
        seed: seed(by.number()),
    }
}

fn refund(by: &mut Chance) -> RefundRequest {
    RefundRequest {
        key: by.named("r", 8),
        order: by.tried_order(),
        tickets: if by.one_in(2) { vec![] } else { by.batch(|by| TicketId(by.id(12))) },
        reason: by.of_these(RefundReason::ALL),
        note: by.of_these(&[None, Some("a note".to_owned())]),
        actor: by.who(),
    }
}

fn scan(by: &mut Chance) -> Scan {
    Scan {
        code: TicketCode::derive(&seed(u64::MAX), 0),
        nonce: by.named("n", 8).to_string(),
        gate: by.of_these(&[None, Some("north".to_owned())]),
        by: if by.one_in(5) { by.who() } else { who(0) },
    }
}

fn mail_result(by: &mut Chance) -> MailResult {
    by.of_these(&[
        MailResult::Sent,
        MailResult::Retry("451".to_owned()),
        MailResult::Retry("421".to_owned()),
        MailResult::Refused("550".to_owned()),
    ])
}

fn webhook(by: &mut Chance) -> NewWebhook {
    NewWebhook {
        gateway: by.of_these(&["paystack", "stripe"]).to_owned(),
        dedupe_key: by.named("w", 3).to_string(),
        kind: "charge.success".to_owned(),
        action: by.of_these(WebhookAction::ALL),
        reference: if by.one_in(3) { None } else { Some(by.attempt()) },
        captured: None,
        body: email("ada@example.com").as_str().into(),
    }
}

fn answer(by: &mut Chance) -> Option<Answer> {
    let body = by.of_these(&[vec![], vec![0, 255, 7]]);
    by.of_these(&[None, Some(Answer { status: 201, headers: vec![("a".to_owned(), "b".to_owned())], body })])
}
