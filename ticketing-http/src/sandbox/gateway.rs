//! The sandbox gateway. Each action is checked, written to the journal, applied, and followed by its background jobs.

use super::config::{SandboxConfig, SandboxError};
use super::journal::Journal;
use super::ledger::{Change, Event, Ledger};
use super::refund::{Refund, RefundStatus};
use super::response::ApiError;
use super::transaction::{Effect, Play, RefundsEnd, Status, Transaction};
use super::webhook;
use crate::lock::lock;
use serde_json::{Value, json};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// The sandbox gateway: its records, and background jobs for late payments, refunds and webhooks.
///
/// When the last [`Arc`] is dropped, the jobs stop, and the journal can be opened again.
pub struct Sandbox {
    pub(super) config: SandboxConfig,
    records: Mutex<Records>,
    pub(super) client: reqwest::Client,
    pub(super) this: Weak<Self>,
}

/// The state, and its journal.
pub(super) struct Records {
    pub(super) ledger: Ledger,
    journal: Option<Journal>,
}

/// A request to initialize a transaction; every field is already checked.
pub(super) struct NewTransaction {
    pub(super) reference: Option<String>,
    pub(super) email: String,
    pub(super) amount: u64,
    pub(super) currency: String,
    pub(super) callback_url: Option<String>,
    pub(super) metadata: Value,
}

/// A request for a refund; `transaction` is a reference or an id.
pub(super) struct NewRefund {
    pub(super) transaction: String,
    pub(super) amount: Option<u64>,
    pub(super) currency: Option<String>,
    pub(super) merchant_note: Option<String>,
    pub(super) customer_note: Option<String>,
}

impl Sandbox {
    /// Starts the sandbox, reads its journal if it has one, and resumes late payments, refunds and undelivered webhooks.
    ///
    /// # Errors
    /// A setting is wrong, or the journal cannot be read or is in use by another process.
    #[expect(clippy::unused_async, reason = "async, so that it can only be called where background jobs can run")]
    pub async fn open(config: SandboxConfig) -> Result<Arc<Self>, SandboxError> {
        config.check()?;
        let mut ledger = Ledger::default();
        let journal = config.journal.as_deref().map(|path| Journal::open(path, &mut ledger)).transpose()?;
        let unfinished = ledger.unfinished();
        let client = webhook::client()?;
        let records = Mutex::new(Records { ledger, journal });
        let sandbox = Arc::new_cyclic(|this| Self { config, records, client, this: Weak::clone(this) });
        unfinished.iter().for_each(|change| sandbox.follow_up(change));
        Ok(sandbox)
    }

    /// The URL of the checkout page.
    pub(super) fn checkout_url(&self, access_code: &str) -> String {
        format!("{}/checkout/{access_code}", self.config.public_base_url.trim_end_matches('/'))
    }

    /// Opens a transaction; an error if its reference was used before.
    pub(super) fn initialize(&self, new: NewTransaction) -> Result<Transaction, ApiError> {
        let mut records = self.records();
        let now = self.config.clock.now();
        let reference = new.reference.unwrap_or_else(|| self.code());
        if records.ledger.transaction(&reference).is_some() {
            return Err(ApiError::DUPLICATE_REFERENCE);
        }
        let transaction = Transaction {
            id: records.ledger.fresh_id(now),
            reference,
            access_code: self.code(),
            email: new.email,
            requested: new.amount,
            currency: new.currency,
            callback_url: new.callback_url,
            metadata: new.metadata,
            created_at: now,
            status: Status::Abandoned,
            paid: None,
            due: None,
            refunds_end: RefundsEnd::default(),
        };
        self.commit(&mut records, vec![Change::Transaction(Box::new(transaction.clone()))])?;
        Ok(transaction)
    }

    pub(super) fn transaction(&self, reference: &str) -> Option<Transaction> {
        self.records().ledger.transaction(reference).cloned()
    }

    pub(super) fn by_access_code(&self, access_code: &str) -> Option<Transaction> {
        self.records().ledger.by_access_code(access_code).cloned()
    }

    /// Applies an action of the payer, and returns the transaction.
    pub(super) fn play(&self, reference: &str, play: Play) -> Result<Transaction, ApiError> {
        let mut records = self.records();
        let mut transaction = records.ledger.transaction(reference).ok_or(ApiError::TRANSACTION_NOT_FOUND)?.clone();
        self.play_on(&mut records, &mut transaction, play)?;
        Ok(transaction)
    }

    pub(super) fn play_on(
        &self,
        records: &mut Records,
        transaction: &mut Transaction,
        play: Play,
    ) -> Result<(), ApiError> {
        let effect = transaction.play(play, self.config.clock.now())?;
        if effect == Effect::Nothing {
            return Ok(());
        }
        let mut changes = vec![Change::Transaction(Box::new(transaction.clone()))];
        if let Effect::PaidNow { webhooks } = effect {
            for _ in 0..webhooks {
                changes.extend(self.event(records, "charge.success", &transaction.to_wire()));
            }
        }
        self.commit(records, changes)
    }

    /// Starts a refund. The sum of refunds never exceeds what was paid.
    pub(super) fn refund(&self, new: NewRefund) -> Result<(Refund, Transaction), ApiError> {
        let mut records = self.records();
        let now = self.config.clock.now();
        let transaction =
            records.ledger.by_reference_or_id(&new.transaction).ok_or(ApiError::TRANSACTION_NOT_FOUND)?.clone();
        let paid = match (transaction.status, transaction.paid) {
            (Status::Reversed, _) => return Err(ApiError::REVERSED),
            (_, Some(paid)) => paid.amount,
            (_, None) => return Err(ApiError::NOT_PAID),
        };
        if new.currency.is_some_and(|currency| currency != transaction.currency) {
            return Err(ApiError::UNSUPPORTED_CURRENCY);
        }
        let left = paid.saturating_sub(records.ledger.refunded(&transaction.reference));
        let amount = new.amount.unwrap_or(left);
        if amount == 0 || amount > left {
            return Err(ApiError::REFUND_TOO_MUCH);
        }
        let merchant_note =
            new.merchant_note.unwrap_or_else(|| format!("Refund for transaction {}", transaction.reference));
        let refund = Refund {
            id: records.ledger.fresh_id(now),
            transaction: transaction.reference.clone(),
            amount,
            end: Refund::end_of(&merchant_note, &transaction),
            customer_note: new.customer_note.unwrap_or_else(|| merchant_note.clone()),
            merchant_note,
            created_at: now,
            updated_at: now,
            status: RefundStatus::Pending,
        };
        let mut changes = vec![Change::Refund(Box::new(refund.clone()))];
        changes.extend(self.event(&mut records, refund.status.event(), &refund.to_event(&transaction)));
        self.commit(&mut records, changes)?;
        Ok((refund, transaction))
    }

    /// One refund, as Paystack writes it.
    pub(super) fn refund_wire(&self, id: u64) -> Option<Value> {
        let records = self.records();
        let refund = records.ledger.refund(id)?;
        Some(refund.to_wire(records.ledger.transaction(&refund.transaction)?))
    }

    /// Refunds, newest first, as Paystack writes them: all, or those of one transaction given by reference or id.
    pub(super) fn refunds_wire(&self, of: Option<&str>) -> Vec<Value> {
        let records = self.records();
        let ledger = &records.ledger;
        let wire = |refund: &Refund| Some(refund.to_wire(ledger.transaction(&refund.transaction)?));
        match of {
            None => ledger.refunds().rev().filter_map(wire).collect(),
            Some(of) => ledger
                .by_reference_or_id(of)
                .into_iter()
                .flat_map(|transaction| ledger.refunds_of(&transaction.reference).rev())
                .filter_map(wire)
                .collect(),
        }
    }

    /// A webhook to send, if the merchant has a webhook URL.
    pub(super) fn event(&self, records: &mut Records, name: &str, data: &Value) -> Option<Change> {
        self.config.webhook_url.as_ref()?;
        let id = records.ledger.fresh_id(self.config.clock.now());
        Some(Change::Owed(Event { id, body: json!({ "event": name, "data": data }).to_string() }))
    }

    /// Writes changes to the journal, applies them, and starts their jobs. If they cannot be written, nothing changes.
    pub(super) fn commit(&self, records: &mut Records, changes: Vec<Change>) -> Result<(), ApiError> {
        if let Some(journal) = &mut records.journal {
            journal.append(&changes).map_err(|error| {
                tracing::error!(%error, "cannot write the sandbox's journal");
                ApiError::BROKEN
            })?;
        }
        for change in changes {
            self.follow_up(&change);
            records.ledger.apply(change);
        }
        Ok(())
    }

    /// A random code of 26 symbols with 5 bits each.
    pub(super) fn code(&self) -> String {
        const SYMBOLS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut bytes = [0; 26];
        self.config.random.fill(&mut bytes);
        bytes.iter().map(|byte| char::from(SYMBOLS[usize::from(byte & 31)])).collect()
    }

    /// Locks the records, even after a panic: a change is applied as a whole, after it was written.
    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        lock(&self.records)
    }
}

/// Without the secret key and personal data.
impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("config", &self.config).finish_non_exhaustive()
    }
}
