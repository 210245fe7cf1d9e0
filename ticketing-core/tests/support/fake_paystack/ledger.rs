//! The gateway's books, and what it answers out of them.

use super::{Call, Fault, Notice};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How a payment stands at the gateway.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) id: u64,
    pub(crate) reference: String,
    pub(crate) order: String,
    pub(crate) asked: i64,
    pub(crate) currency: String,
    pub(crate) status: &'static str,
    /// How much really came, in which currency, and for what request.
    pub(crate) paid: Option<(i64, String, Option<i64>)>,
    /// The charge was taken back by the payer's bank.
    pub(crate) charged_back: bool,
    pub(crate) refunds: Vec<BankRefund>,
    /// The request as it came.
    pub(crate) request: Value,
}

impl Transaction {
    /// What has gone back, or is on its way.
    pub(crate) fn going_back(&self) -> i64 {
        self.refunds.iter().filter(|refund| refund.status != "failed").map(|refund| refund.amount).sum()
    }

    pub(crate) fn went_back(&self) -> i64 {
        self.refunds.iter().filter(|refund| refund.status == "processed").map(|refund| refund.amount).sum()
    }

    pub(super) fn data(&self) -> Value {
        let (amount, currency, requested) = self.paid.clone().unwrap_or((self.asked, self.currency.clone(), None));
        let mut data = json!({
            "id": self.id, "domain": "test", "status": self.status, "reference": self.reference, "amount": amount,
            "currency": currency, "gateway_response": "as it is", "channel": "card", "metadata": {"order": self.order},
            "customer": {"email": "buyer@example.com"}, "a_new_field": [1, 2],
        });
        if let Some(requested) = requested {
            data["requested_amount"] = requested.into();
        }
        data
    }
}

#[derive(Clone, Debug)]
pub(crate) struct BankRefund {
    pub(crate) id: u64,
    pub(crate) key: String,
    pub(crate) amount: i64,
    pub(crate) status: &'static str,
}

#[derive(Default)]
pub(super) struct Ledger {
    pub(super) transactions: BTreeMap<String, Transaction>,
    /// How often what was asked about which order.
    pub(super) calls: BTreeMap<(Call, String), u64>,
    /// What befell which order.
    pub(super) befell: Vec<(String, Call, Fault)>,
    pub(super) lines: Vec<String>,
    pub(super) notice: Vec<Notice>,
    pub(super) next_id: u64,
}

impl Ledger {
    pub(super) fn new(next_id: u64) -> Self {
        Self { next_id, ..Self::default() }
    }

    /// Which order a call is about: what befalls it hangs on nothing else.
    pub(super) fn about(&self, line: &str, body: &Value) -> (Call, String) {
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        let of = |reference: &str| self.transactions.get(reference).map_or(reference.to_owned(), |it| it.order.clone());
        if line.starts_with("POST /transaction/initialize") {
            (Call::Initialize, body["metadata"]["order"].as_str().unwrap_or_default().to_owned())
        } else if let Some(reference) = line.strip_prefix("GET /transaction/verify/") {
            (Call::Verify, of(reference))
        } else if line.starts_with("POST /refund") {
            (Call::Refund, of(&text("transaction")))
        } else {
            let wanted: u64 = line.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or_default();
            let listed = query(line, "transaction");
            let found = self
                .transactions
                .values()
                .find(|it| it.refunds.iter().any(|refund| refund.id == wanted) || it.id.to_string() == listed);
            (Call::FindRefund, found.map(|it| it.order.clone()).unwrap_or_default())
        }
    }

    pub(super) fn answer(&mut self, call: Call, line: &str, body: &Value, fault: Fault) -> (u16, Value) {
        match call {
            Call::Initialize => self.initialize(body),
            Call::Verify => match self.transactions.get(line.trim_start_matches("GET /transaction/verify/")) {
                None => no(404, "transaction_not_found"),
                Some(transaction) => {
                    let mut data = transaction.data();
                    match fault {
                        Fault::WrongReference => {
                            data["reference"] = "somebodyelses".into();
                            data["status"] = "success".into();
                        }
                        Fault::UnknownStatus => data["status"] = "hibernating".into(),
                        _ => {}
                    }
                    yes(data)
                }
            },
            Call::Refund => self.refund(body),
            Call::FindRefund if line.contains('?') => {
                let listed = query(line, "transaction");
                let transaction = self.transactions.values().find(|it| it.id.to_string() == listed);
                let page = transaction.filter(|_| query(line, "page") == "1");
                let rows: Vec<Value> = page.iter().flat_map(|it| it.refunds.iter().map(row)).collect();
                yes(rows.into())
            }
            Call::FindRefund => {
                let wanted = line.rsplit('/').next().unwrap_or_default();
                let mut all = self.transactions.values().flat_map(|transaction| &transaction.refunds);
                all.find(|refund| refund.id.to_string() == wanted).map_or(no(404, "no_such_refund"), |it| yes(row(it)))
            }
        }
    }

    fn initialize(&mut self, body: &Value) -> (u16, Value) {
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        let reference = text("reference");
        if self.transactions.contains_key(&reference) {
            return no(400, "duplicate_reference");
        }
        self.next_id += 10;
        let transaction = Transaction {
            id: self.next_id,
            reference: reference.clone(),
            order: body["metadata"]["order"].as_str().unwrap_or_default().to_owned(),
            asked: body["amount"].as_i64().unwrap_or(-1),
            currency: text("currency"),
            status: "abandoned",
            paid: None,
            charged_back: false,
            refunds: vec![],
            request: body.clone(),
        };
        self.transactions.insert(reference.clone(), transaction);
        yes(
            json!({"authorization_url": format!("http://pay.example/{reference}"), "access_code": "code", "reference": reference}),
        )
    }

    fn refund(&mut self, body: &Value) -> (u16, Value) {
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        self.next_id += 10;
        let id = self.next_id;
        let Some(transaction) = self.transactions.get_mut(&text("transaction")) else {
            return no(404, "transaction_not_found");
        };
        let paid = transaction.paid.as_ref().map_or(0, |(amount, ..)| *amount);
        let amount = body["amount"].as_i64().unwrap_or(-1);
        if amount <= 0 || transaction.charged_back || transaction.going_back() + amount > paid {
            return no(400, "refund_exceeds_transaction");
        }
        let refund = BankRefund { id, key: text("merchant_note"), amount, status: "pending" };
        let answer = yes(row(&refund));
        transaction.refunds.push(refund);
        let (order, reference) = (transaction.order.clone(), transaction.reference.clone());
        let data = json!({"status": "pending", "transaction_reference": reference, "refund_reference": id.to_string(),
            "amount": amount.to_string()});
        self.tell("refund.pending", &order, &reference, data);
        answer
    }

    pub(super) fn tell(&mut self, kind: &str, order: &str, reference: &str, data: Value) {
        let body = json!({"event": kind, "data": data}).to_string();
        self.notice.push(Notice {
            kind: kind.to_owned(),
            order: order.to_owned(),
            reference: reference.to_owned(),
            body,
        });
    }
}

fn row(refund: &BankRefund) -> Value {
    json!({"id": refund.id, "status": refund.status, "amount": refund.amount, "merchant_note": refund.key})
}

fn yes(data: Value) -> (u16, Value) {
    (200, json!({"status": true, "message": "ok", "data": data}))
}

fn no(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"status": false, "message": "upstream words", "code": code}))
}

fn query(line: &str, field: &str) -> String {
    let pairs = line.split_once('?').map_or("", |(_, query)| query).split('&');
    pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == field)
        .map_or("", |(_, value)| value)
        .to_owned()
}
