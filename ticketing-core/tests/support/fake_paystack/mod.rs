//! A payment gateway of our own that speaks Paystack's wire format over loopback HTTP and keeps the truth about the money.
//! It does what it is told to with every call: answer, answer nonsense, or leave the caller in the dark.
#![allow(dead_code, reason = "shared by tests that need different parts of it")]

mod fault;
mod ledger;
mod wire;

pub(crate) use fault::{Call, Fault};
pub(crate) use ledger::Transaction;

use hmac::{Hmac, KeyInit, Mac};
use ledger::Ledger;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const KEY: &str = "sk_test_hostile";

/// Decides what becomes of the `nth` call of its kind about an order.
pub(crate) type FaultPlan = dyn Fn(Call, &str, u64) -> Fault + Send + Sync;

/// What the gateway has to send as a webhook.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) kind: String,
    pub(crate) order: String,
    pub(crate) reference: String,
    pub(crate) body: String,
}

#[derive(Clone)]
pub(crate) struct FakePaystack {
    pub(crate) url: String,
    ledger: Arc<Mutex<Ledger>>,
    plan: Arc<Mutex<Arc<FaultPlan>>>,
}

impl FakePaystack {
    /// Open for business, and without faults.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calm: Arc<FaultPlan> = Arc::new(|_, _, _| Fault::None);
        // Ids beyond 32 bits, as Paystack's are.
        let ledger = Arc::new(Mutex::new(Ledger::new(5_000_000_000)));
        let fake_paystack = Self { url, ledger, plan: Arc::new(Mutex::new(calm)) };
        let serving = fake_paystack.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        fake_paystack
    }

    pub(crate) fn set_mood(&self, plan: impl Fn(Call, &str, u64) -> Fault + Send + Sync + 'static) {
        *self.plan.lock().unwrap() = Arc::new(plan);
    }

    pub(crate) fn calm_down(&self) {
        self.set_mood(|_, _, _| Fault::None);
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    // The payer.

    /// The payer pays what was asked for. Says whether there was anything to pay.
    pub(crate) fn pay(&self, reference: &str) -> bool {
        let asked = self.transaction(reference).map(|it| (it.asked, it.currency));
        asked.is_some_and(|(amount, currency)| self.pay_this(reference, amount, &currency, None))
    }

    /// The payer pays something else. Nobody pays twice for one reference.
    pub(crate) fn pay_this(&self, reference: &str, amount: i64, currency: &str, requested: Option<i64>) -> bool {
        let mut ledger = self.ledger();
        let Some(transaction) = ledger.transactions.get_mut(reference).filter(|it| it.paid.is_none()) else {
            return false;
        };
        transaction.paid = Some((amount, currency.to_owned(), requested));
        transaction.status = "success";
        let (order, data) = (transaction.order.clone(), transaction.data());
        ledger.tell("charge.success", &order, reference, data);
        true
    }

    pub(crate) fn set_status(&self, reference: &str, status: &'static str) {
        if let Some(transaction) = self.ledger().transactions.get_mut(reference).filter(|it| it.paid.is_none()) {
            transaction.status = status;
        }
    }

    /// The payer's bank takes the money back, unless it is on its way back already.
    pub(crate) fn charge_back(&self, reference: &str) -> bool {
        let mut ledger = self.ledger();
        let Some(transaction) = ledger.transactions.get_mut(reference) else { return false };
        if transaction.paid.is_none() || transaction.going_back() > 0 {
            return false;
        }
        transaction.charged_back = true;
        transaction.status = "reversed";
        let (id, order) = (transaction.id, transaction.order.clone());
        let data = json!({"id": id + 1, "status": "resolved", "transaction": {"id": id, "reference": reference}});
        ledger.tell("charge.dispute.create", &order, reference, data.clone());
        ledger.tell("charge.dispute.resolve", &order, reference, data);
        true
    }

    /// A refund ends.
    pub(crate) fn end_refund(&self, id: u64, status: &'static str) {
        let mut ledger = self.ledger();
        let found = ledger.transactions.values_mut().find_map(|transaction| {
            let refund = transaction.refunds.iter_mut().find(|refund| refund.id == id)?;
            refund.status = status;
            let data = json!({"status": status, "transaction_reference": transaction.reference, "refund_reference": id.to_string(),
                "amount": refund.amount.to_string(), "currency": transaction.currency});
            let all_back = transaction.paid.as_ref().is_some_and(|(paid, ..)| *paid == transaction.went_back());
            if all_back {
                transaction.status = "reversed";
            }
            Some((transaction.order.clone(), transaction.reference.clone(), data))
        });
        if let Some((order, reference, data)) = found {
            ledger.tell(&format!("refund.{status}"), &order, &reference, data);
        }
    }

    // What is known.

    pub(crate) fn transaction(&self, reference: &str) -> Option<Transaction> {
        self.ledger().transactions.get(reference).cloned()
    }

    pub(crate) fn transactions(&self) -> Vec<Transaction> {
        self.ledger().transactions.values().cloned().collect()
    }

    /// What would be told by webhook since the last time.
    pub(crate) fn take_news(&self) -> Vec<Notice> {
        std::mem::take(&mut self.ledger().notice)
    }

    /// What befell which order, with which call.
    pub(crate) fn befell(&self) -> Vec<(String, Call, Fault)> {
        self.ledger().befell.clone()
    }

    /// Method and path of every call.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.ledger().lines.clone()
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some((line, body)) = wire::read(&mut stream).await {
            let (fault, answer) = self.decide(&line, &body);
            if wire::act(&mut stream, fault, answer).await.is_none() {
                return;
            }
        }
    }

    fn decide(&self, line: &str, body: &Value) -> (Fault, (u16, Value)) {
        let plan = Arc::clone(&self.plan.lock().unwrap());
        let mut ledger = self.ledger();
        ledger.lines.push(line.to_owned());
        let (call, order) = ledger.about(line, body);
        let nth = ledger.calls.entry((call, order.clone())).or_default();
        *nth += 1;
        let fault = plan(call, &order, *nth);
        if fault != Fault::None {
            ledger.befell.push((order, call, fault));
        }
        let answer = if fault.is_applied() { ledger.answer(call, line, body, fault) } else { (500, Value::Null) };
        (fault, answer)
    }
}

/// The header that makes a body the gateway's.
pub(crate) fn signature(key: &str, body: &str) -> String {
    let mac = Hmac::<sha2::Sha512>::new_from_slice(key.as_bytes()).unwrap().chain_update(body).finalize();
    mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
