//! Background jobs: late payments, the steps of refunds, and webhooks, which are retried until they are accepted.
//!
//! A waiting job does not keep the sandbox alive: when the last [`Arc`](std::sync::Arc) is dropped, it ends. Unfinished work is in
//! the journal, and resumes when that is opened again.

use super::gateway::Sandbox;
use super::ledger::Change;
use super::refund::RefundStatus;
use super::response::ApiError;
use super::transaction::{Due, Play, Status};
use super::webhook;
use std::sync::Weak;
use std::time::Duration;

impl Sandbox {
    /// Starts the jobs that follow from a change.
    pub(super) fn follow_up(&self, change: &Change) {
        match change {
            Change::Transaction(transaction) => {
                if let Some(due) = transaction.due {
                    let wait = Duration::try_from(due.at.duration_since(self.config.clock.now())).unwrap_or_default();
                    let reference = transaction.reference.clone();
                    self.after(wait, move |sandbox| sandbox.late_payment(&reference));
                }
            }
            Change::Refund(refund) => {
                let (id, from) = (refund.id, refund.status);
                if from.next(refund.end).is_some() {
                    self.after(self.config.refund_step, move |sandbox| sandbox.refund_moves_on(id, from));
                }
            }
            Change::Owed(event) => {
                tokio::spawn(deliver(Weak::clone(&self.this), event.id));
            }
            Change::Settled(_) => {}
        }
    }

    fn after(&self, wait: Duration, act: impl FnOnce(&Self) -> Result<(), ApiError> + Send + 'static) {
        let this = Weak::clone(&self.this);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(sandbox) = this.upgrade() {
                let _ = act(&sandbox); // errors are logged where they occur
            }
        });
    }

    /// Makes a late payment when it is due, unless it was declined or made in the meantime.
    fn late_payment(&self, reference: &str) -> Result<(), ApiError> {
        let mut records = self.records();
        let Some(mut transaction) = records.ledger.transaction(reference).cloned() else { return Ok(()) };
        match transaction.due {
            Some(Due { at, payment }) if at <= self.config.clock.now() => {
                self.play_on(&mut records, &mut transaction, Play::Pay(payment))
            }
            // The clock was set back meanwhile, or the payer chose a later time: sleep again.
            Some(_) => {
                self.follow_up(&Change::Transaction(Box::new(transaction)));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Moves a refund to its next status, if its status has not changed meanwhile.
    fn refund_moves_on(&self, id: u64, from: RefundStatus) -> Result<(), ApiError> {
        let mut records = self.records();
        let Some(mut refund) = records.ledger.refund(id).cloned() else { return Ok(()) };
        let Some(mut transaction) = records.ledger.transaction(&refund.transaction).cloned() else { return Ok(()) };
        let Some(next) = refund.status.next(refund.end) else { return Ok(()) };
        if refund.status != from {
            return Ok(());
        }
        refund.status = next;
        refund.updated_at = self.config.clock.now();
        let mut changes = vec![Change::Refund(Box::new(refund.clone()))];
        if next == RefundStatus::Processed {
            let others = records.ledger.refunds_of(&transaction.reference).filter(|other| other.id != id);
            let done = others.filter(|other| other.status == RefundStatus::Processed).map(|other| other.amount);
            if transaction.paid.is_some_and(|paid| done.sum::<u64>() + refund.amount == paid.amount) {
                transaction.status = Status::Reversed;
                changes.push(Change::Transaction(Box::new(transaction.clone())));
            }
        }
        changes.extend(self.event(&mut records, next.event(), &refund.to_event(&transaction)));
        self.commit(&mut records, changes)
    }
}

/// Sends a webhook until it is accepted, the retries are used up, or the sandbox is gone.
async fn deliver(sandbox: Weak<Sandbox>, id: u64) {
    let mut retries = 0;
    loop {
        let Some(now) = sandbox.upgrade() else { return };
        let Some(url) = now.config.webhook_url.clone() else { return };
        let Some(body) = now.records().ledger.owed(id).map(|event| event.body.clone()) else { return };
        let (client, secret_key) = (now.client.clone(), now.config.secret_key.clone());
        drop(now); // sending takes seconds, and must not keep the sandbox alive
        let sent = webhook::send(&client, &url, &secret_key, body).await;
        let Some(now) = sandbox.upgrade() else { return };
        let wait = match (sent, now.config.webhook_retries.get(retries).copied()) {
            (Err(reason), Some(wait)) => {
                tracing::debug!(reason, retry_in_s = wait.as_secs(), "the sandbox's webhook was not accepted");
                wait
            }
            (sent, _) => {
                if let Err(reason) = sent {
                    tracing::warn!(reason, "the sandbox's webhook was not accepted, and is given up");
                }
                let mut records = now.records();
                let _ = now.commit(&mut records, vec![Change::Settled(id)]); // logged where it fails; the webhook is sent again then
                return;
            }
        };
        drop(now);
        retries += 1;
        tokio::time::sleep(wait).await;
    }
}
