//! Bugs of payments: what the gateway reports, asks and disputes.

use super::{Bug, BuggyStorage, Result, change_attempt, change_codes, change_events, change_order, without_limits};
use jiff::Timestamp;
use ticketing_core::domain::command::Command as _;
use ticketing_core::domain::money::Money;
use ticketing_core::domain::order::OrderStatus;
use ticketing_core::domain::outbox::OutboxMail;
use ticketing_core::domain::payment::{
    Attempt, AttemptStatus, Captured, ClaimPolls, DisputeStage, Observation, RecordDispute, Settle, Settlement,
};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::domain::webhook::{NewWebhook, StoredWebhook, WebhookReport, WebhookStatus};
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::storage::{Outcome, StorageExt as _};

impl BuggyStorage {
    pub(super) async fn settle(&self, now: Timestamp, said: &[Settle]) -> Result<Vec<Outcome<Settlement>>> {
        let memory = &self.world.memory;
        let Some(bug) = self.world.bug else { return memory.apply(now, said).await };
        let first = memory.look(|rows| rows.mails.next_id());
        let outcomes = memory.tamper(|rows| said.iter().map(|said| settle(rows, now, said, bug)).collect());
        if bug == Bug::SettledInTwoSteps {
            let owed: Vec<OutboxMail> = memory.tamper(|rows| {
                let ids: Vec<_> = rows.mails.iter().map(|(id, _)| *id).filter(|id| id.0 >= first).collect();
                ids.iter().filter_map(|id| rows.mails.remove(id)).collect()
            });
            if !owed.is_empty() {
                self.between_steps().await;
                memory.tamper(|rows| owed.into_iter().for_each(|mail| rows.mails.load_record(mail)));
            }
        }
        Ok(outcomes)
    }

    pub(super) async fn claim_polls(&self, now: Timestamp, claim: &ClaimPolls) -> Result<Vec<Attempt>> {
        if self.is(Bug::NoPolling) {
            return Ok(vec![]);
        }
        let claimed = self.world.memory.apply_one(now, *claim).await?;
        if self.is(Bug::PollingStopsEarly) {
            self.world.memory.tamper(|rows| {
                for attempt in claimed.iter().filter(|attempt| attempt.poll.is_some_and(|poll| poll.count >= 3)) {
                    change_attempt(rows, &attempt.reference, |attempt| attempt.poll = None);
                }
            });
        }
        Ok(claimed)
    }

    pub(super) async fn record_dispute(&self, now: Timestamp, record: &RecordDispute) -> Result<Outcome<Attempt>> {
        let (mut record, bug) = (record.clone(), self.world.bug);
        if bug == Some(Bug::PartialDisputeVoidsAll) {
            record.news.amount = None;
        }
        Ok(self.world.memory.tamper(|rows| match (bug, record.news.stage) {
            (Some(Bug::DisputeWonIgnored), DisputeStage::Won) => {
                rows.attempts.get(&record.reference).cloned().ok_or(Refusal::AttemptUnknown)
            }
            (Some(Bug::DisputeRestoresWithoutPlaces), _) => without_limits(rows, |rows| record.apply(rows, now)),
            (Some(Bug::LateDisputeReopens), DisputeStage::Open) => {
                change_attempt(rows, &record.reference, |attempt| {
                    attempt.disputes.retain(|known| known.id != record.news.id);
                });
                record.apply(rows, now)
            }
            _ => record.apply(rows, now),
        }))
    }

    pub(super) async fn receive_webhooks(
        &self,
        now: Timestamp,
        new: &[NewWebhook],
    ) -> Result<Vec<(StoredWebhook, bool)>> {
        if !self.is(Bug::WebhookNotDeduplicated) {
            return self.world.memory.apply(now, new).await;
        }
        let mut new = new.to_vec();
        for webhook in &mut new {
            webhook.dedupe_key = self.fresh().to_string();
        }
        self.world.memory.apply(now, &new).await
    }

    pub(super) async fn report_webhooks(
        &self,
        now: Timestamp,
        reports: &[WebhookReport],
    ) -> Result<Vec<Option<StoredWebhook>>> {
        let mut reports = reports.to_vec();
        if self.is(Bug::UnconfirmedPaymentApplied) {
            for report in reports.iter_mut().filter(|report| report.is_unconfirmed_yet) {
                report.status = WebhookStatus::Applied;
            }
        }
        self.world.memory.apply(now, &reports).await
    }
}

/// What was captured, seen with one eye closed.
fn half_blind(attempt: &Attempt, captured: &Captured, bug: Bug) -> Captured {
    let money = |minor, currency| Money::new(minor, currency).unwrap_or(captured.amount);
    let (amount, wanted) = (captured.amount, attempt.amount);
    let mut seen = captured.clone();
    match bug {
        Bug::AmountNotChecked => seen.amount = money(wanted.minor(), amount.currency()),
        Bug::CurrencyNotChecked => seen.amount = money(amount.minor(), wanted.currency()),
        Bug::ModeNotChecked => seen.mode = attempt.mode,
        _ => {}
    }
    seen
}

fn settle(rows: &mut WorkingSet, now: Timestamp, said: &Settle, bug: Bug) -> Outcome<Settlement> {
    let Some(attempt) = rows.attempts.get(&said.reference).cloned() else { return said.apply(rows, now) };
    let Some(order) = rows.orders.get(&attempt.order_id).cloned() else { return said.apply(rows, now) };
    let is_first = !attempt.status.has_captured();
    let mut said = said.clone();
    if let Observation::Success(captured) = &said.observation {
        said.observation = Observation::Success(half_blind(&attempt, captured, bug));
        if bug == Bug::DuplicateSuccessIgnored && is_first && order.status == OrderStatus::Paid {
            change_attempt(rows, &said.reference, |attempt| {
                attempt.status = AttemptStatus::Failed;
                attempt.poll = None;
            });
            return Ok(Settlement::Failed { order, attempt });
        }
    }
    if bug == Bug::HoldExtendedWithoutBound && said.observation == Observation::Processing {
        change_order(rows, &order, |order| order.hold_extended = false);
    }
    let (mails, audit) = (rows.mails.clone(), rows.audit.clone());
    let code = order.promo_code_id.and_then(|id| rows.promo_codes.get(&id).cloned());
    if let (Bug::LateMoneyNeedsGoodCode, Observation::Success(_), true, Some(code)) =
        (bug, &said.observation, is_first, &code)
        && matches!(order.status, OrderStatus::Expired | OrderStatus::Cancelled)
        && !code.is_good(now)
    {
        change_codes(rows, |code| code.uses.capacity = Some(code.uses.held + code.uses.sold));
        let came = said.apply(rows, now);
        change_codes(rows, |changed| {
            if changed.id == code.id {
                changed.uses.capacity = code.uses.capacity;
            }
        });
        return came;
    }
    if let (Bug::LateMoneyNeedsSalesRules, Observation::Success(_), true) = (bug, &said.observation, is_first) {
        let is_late = matches!(order.status, OrderStatus::Expired | OrderStatus::Cancelled);
        let event = rows.events.get(&order.event_id).cloned();
        let is_closed = event.as_ref().is_some_and(|event| event.rules.paused || !event.rules.sales.contains(now));
        if let (true, true, Some(event)) = (is_late, is_closed, event) {
            // The money goes back as if the places were gone.
            change_events(rows, |event| event.stock.capacity = Some(event.stock.held + event.stock.sold));
            let came = said.apply(rows, now);
            change_events(rows, |changed| {
                if changed.id == event.id {
                    changed.stock.capacity = event.stock.capacity;
                }
            });
            return came;
        }
    }
    let came = match bug {
        Bug::LateSuccessNotRechecked => without_limits(rows, |rows| said.apply(rows, now)),
        _ => said.apply(rows, now),
    };
    if let (Bug::TicketsMissing, Ok(Settlement::Fulfilled { first: true, tickets: issued, .. })) = (bug, &came) {
        issued.first().map(|ticket| rows.tickets.remove(&ticket.id));
    }
    match (&said.observation, bug) {
        (_, Bug::PriceReadAtPayment) => {
            let event = rows.events.get(&order.event_id).cloned();
            let issued: Vec<_> = rows.tickets_of(order.id).cloned().collect();
            for mut ticket in issued {
                let of = event.as_ref().and_then(|event| event.ticket_type(ticket.ticket_type_id));
                ticket.price = of.map_or(ticket.price, |of| of.price);
                rows.tickets.load_record(ticket);
            }
        }
        (_, Bug::TicketsWithoutMail) => rows.mails = mails,
        (_, Bug::AuditLineMissing) => rows.audit = audit,
        (Observation::Success(_), _) => {}
        (_, Bug::StaleAnswerApplied) if !is_first => {
            change_attempt(rows, &said.reference, |attempt| attempt.status = AttemptStatus::Open);
        }
        (Observation::Failed, Bug::FailedIsFinal) if is_first => {
            change_attempt(rows, &said.reference, |attempt| attempt.poll = None);
        }
        (Observation::NotFound, Bug::NotFoundIsFailed) if is_first => {
            change_attempt(rows, &said.reference, |attempt| {
                attempt.status = AttemptStatus::Failed;
                attempt.poll = None;
            });
        }
        _ => {}
    }
    came
}
