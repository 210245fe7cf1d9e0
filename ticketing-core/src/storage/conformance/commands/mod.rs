//! The random commands of the model test. They use so few names that they collide, and find what earlier commands created.

mod chance;
mod counter;
mod edits;
mod holders;
mod items;
mod people;
mod world;

pub(super) use chance::Chance;
pub(super) use counter::Counter;
pub(super) use edits::Edit;
pub(super) use holders::{Holders, OrElse};
pub(super) use people::{People, keys};
pub(super) use world::{event_filters, furniture, references, who};

use super::shop::seed;
use crate::domain::account::{AccountChange, AccountWants, NewAccount};
use crate::domain::category::NewCategory;
use crate::domain::check_in::Scan;
use crate::domain::code::{Reference, Seed};
use crate::domain::event::NewEvent;
use crate::domain::id::{AccountId, EventId, MailId, RefundId, WebhookId};
use crate::domain::limit::Take;
use crate::domain::order::{Hold, Release};
use crate::domain::outbox::MailReport;
use crate::domain::payment::Resolve;
use crate::domain::payment::{BeginSale, CheckoutReport, Mode, OpenAttempt};
use crate::domain::principal::Principal;
use crate::domain::refund::{RefundReport, RefundRequest, RefundStatus};
use crate::domain::request::{Answer, BeginRequest};
use crate::domain::webhook::{NewWebhook, WebhookReport, WebhookStatus};
use items::{
    account, account_change, answer, attempt, checkout, event, hold, mail_result, refund, report, resolve, sale, scan,
    tokens, webhook,
};
use jiff::SignedDuration;

/// The mode of all attempts and captures.
pub(super) const MODE: Mode = Mode::Test;

#[derive(Clone, Debug)]
pub(super) enum Command {
    Wait(SignedDuration),
    Register(Vec<NewAccount>),
    ChangeAccount(AccountId, AccountChange),
    Administer(AccountId, AccountWants),
    PutCategories(Vec<NewCategory>),
    PutEvents(Principal, Vec<NewEvent>),
    CancelEvent(EventId),
    Edit(Box<Edit>),
    People(Box<People>),
    Counter(Box<Counter>),
    Holders(Box<Holders>),
    /// With how long the places are held, from when the command runs.
    Hold(Vec<Hold>, SignedDuration),
    Release(Vec<Release>),
    ExpireHolds(u32),
    /// With how long the places are held, from when the command runs.
    BeginSales(Vec<BeginSale>, SignedDuration),
    OpenAttempts(Vec<OpenAttempt>),
    ReportCheckouts(Vec<CheckoutReport>),
    Settle(Vec<(Reference, Report, u64)>),
    ClaimPolls(u32),
    ResolveReviews(Vec<Resolve>),
    RequestRefunds(Vec<RefundRequest>),
    ClaimRefunds(SignedDuration, u32),
    ReportRefunds(Vec<RefundReport>),
    RetryRefund(RefundId, Principal),
    WakeRefunds(Reference),
    Undo(Vec<Seed>),
    /// With the index of the ticket, among those that exist when the command runs.
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
    /// With distinct keys.
    TakeTokens(Vec<Take>),
    ForgetTokens,
}

/// A gateway's report about an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) enum Report {
    Exact,
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
}

impl Command {
    /// Any command, among them those of the life of an event, those about people, those of the counter and those of
    /// holders.
    pub(super) fn any(by: &mut Chance) -> Self {
        match by.below(12) {
            0..2 => Self::Edit(Box::new(Edit::any(by))),
            2..4 => people::any(by),
            4 => counter::any(by),
            5 => holders::any(by),
            _ => Self::of_sales(by),
        }
    }

    /// Any command of the first version. What they do is recorded, so this list stays as it is.
    pub(super) fn of_sales(by: &mut Chance) -> Self {
        match by.below(100) {
            0..10 => Self::Wait(by.duration()),
            10..12 => Self::Register(by.batch(account)),
            12..13 => account_change(by),
            13..14 => Self::PutCategories(by.batch(|by| NewCategory {
                name: by.of_these(&["Music", "MUSIC", "Élan", "élan", "x"]).to_owned(),
                description: None,
            })),
            14..17 => Self::PutEvents(by.who(), by.batch(event)),
            17..18 => Self::CancelEvent(EventId(by.id(24))),
            18..30 => Self::Hold(by.batch(hold), by.duration() + SignedDuration::from_mins(10)),
            30..34 => Self::BeginSales(by.batch(sale), by.duration() + SignedDuration::from_mins(10)),
            34..36 => Self::Release(by.batch(|by| Release { reference: by.order(), actor: by.who() })),
            36..38 => Self::ExpireHolds(by.below(4)),
            38..48 => Self::OpenAttempts(by.batch(attempt)),
            48..51 => Self::ReportCheckouts(by.batch(checkout)),
            51..65 => Self::Settle(by.batch(|by| (by.attempt(), report(by), by.number()))),
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
                is_unconfirmed_yet: false,
            })),
            97..98 => {
                let (scope, content) = (by.named("s", 3).to_string(), by.named("c", 2).to_string());
                Self::BeginRequest(BeginRequest::new(scope, content, by.duration()))
            }
            98..99 if by.one_in(2) => Self::TakeTokens(tokens(by)),
            98..99 => Self::FinishRequest(by.named("s", 3).to_string(), answer(by)),
            _ if by.one_in(2) => Self::ForgetTokens,
            _ => Self::ForgetRequests,
        }
    }
}
