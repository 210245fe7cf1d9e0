//! A payment gateway of our own that speaks Paystack's wire format over loopback HTTP and keeps the truth about the money.
//! It does what it is told to with every call: answer, answer nonsense, or leave the caller in the dark.
#![allow(dead_code, reason = "shared by tests that need different parts of it")]

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const KEY: &str = "sk_test_hostile";

/// What a call wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Initialize,
    Verify,
    Refund,
    FindRefund,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Done, and answered.
    None,
    /// Done, and answered after a while that the caller still waits for.
    Slow,
    /// Not done, and never answered.
    TimeoutLost,
    /// Done, and never answered.
    TimeoutApplied,
    /// Not done; the connection is closed.
    DropBefore,
    /// Done; the connection is closed.
    DropAfter,
    /// Done; the connection is reset.
    Reset,
    /// Not done, and a 500 in Paystack's own words.
    Error500,
    /// Done, and a 500 all the same.
    Error500Applied,
    /// Not done, and a web page from a machine in front.
    Html502,
    /// Done, and half of the answer.
    Truncated,
    /// Not done, and told to come again later.
    TooMany,
    /// The answer to a question is about somebody else's payment.
    WrongReference,
    /// The answer to a question is a word that nobody knows.
    UnknownStatus,
}

impl Fault {
    /// What may become of a call that changes something.
    pub(crate) const OF_WRITES: [Self; 11] = [
        Self::Slow,
        Self::TimeoutLost,
        Self::TimeoutApplied,
        Self::DropBefore,
        Self::DropAfter,
        Self::Reset,
        Self::Error500,
        Self::Error500Applied,
        Self::Html502,
        Self::Truncated,
        Self::TooMany,
    ];
    /// What may become of a question about a payment.
    pub(crate) const OF_VERIFIES: [Self; 9] = [
        Self::Slow,
        Self::TimeoutLost,
        Self::Reset,
        Self::Error500,
        Self::Html502,
        Self::Truncated,
        Self::TooMany,
        Self::WrongReference,
        Self::UnknownStatus,
    ];

    fn is_applied(self) -> bool {
        !matches!(self, Self::TimeoutLost | Self::DropBefore | Self::Error500 | Self::Html502 | Self::TooMany)
    }
}

/// How a payment stands at the bank.
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

    fn data(&self) -> Value {
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

/// Decides what becomes of the `nth` call of its kind about an order.
pub(crate) type Mood = dyn Fn(Call, &str, u64) -> Fault + Send + Sync;

/// Something that the bank would tell by webhook.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) kind: String,
    pub(crate) order: String,
    pub(crate) reference: String,
    pub(crate) body: String,
}

#[derive(Default)]
struct Books {
    transactions: BTreeMap<String, Transaction>,
    /// How often what was asked about which order.
    calls: BTreeMap<(Call, String), u64>,
    /// What befell which order.
    befell: Vec<(String, Call, Fault)>,
    lines: Vec<String>,
    news: Vec<News>,
    next_id: u64,
}

#[derive(Clone)]
pub(crate) struct Bank {
    pub(crate) url: String,
    books: Arc<Mutex<Books>>,
    mood: Arc<Mutex<Arc<Mood>>>,
}

impl Bank {
    /// Open for business, and in a good mood.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calm: Arc<Mood> = Arc::new(|_, _, _| Fault::None);
        // Ids beyond 32 bits, as Paystack's are.
        let books = Arc::new(Mutex::new(Books { next_id: 5_000_000_000, ..Books::default() }));
        let bank = Self { url, books, mood: Arc::new(Mutex::new(calm)) };
        let serving = bank.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        bank
    }

    pub(crate) fn set_mood(&self, mood: impl Fn(Call, &str, u64) -> Fault + Send + Sync + 'static) {
        *self.mood.lock().unwrap() = Arc::new(mood);
    }

    pub(crate) fn calm_down(&self) {
        self.set_mood(|_, _, _| Fault::None);
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    // The payer.

    /// The payer pays what was asked for. Says whether there was anything to pay.
    pub(crate) fn pay(&self, reference: &str) -> bool {
        let asked = self.transaction(reference).map(|it| (it.asked, it.currency));
        asked.is_some_and(|(amount, currency)| self.pay_this(reference, amount, &currency, None))
    }

    /// The payer pays something else. Nobody pays twice for one reference.
    pub(crate) fn pay_this(&self, reference: &str, amount: i64, currency: &str, requested: Option<i64>) -> bool {
        let mut books = self.books();
        let Some(transaction) = books.transactions.get_mut(reference).filter(|it| it.paid.is_none()) else {
            return false;
        };
        transaction.paid = Some((amount, currency.to_owned(), requested));
        transaction.status = "success";
        let (order, data) = (transaction.order.clone(), transaction.data());
        books.tell("charge.success", &order, reference, data);
        true
    }

    pub(crate) fn set_status(&self, reference: &str, status: &'static str) {
        if let Some(transaction) = self.books().transactions.get_mut(reference).filter(|it| it.paid.is_none()) {
            transaction.status = status;
        }
    }

    /// The payer's bank takes the money back, unless it is on its way back already.
    pub(crate) fn charge_back(&self, reference: &str) -> bool {
        let mut books = self.books();
        let Some(transaction) = books.transactions.get_mut(reference) else { return false };
        if transaction.paid.is_none() || transaction.going_back() > 0 {
            return false;
        }
        transaction.charged_back = true;
        transaction.status = "reversed";
        let (id, order) = (transaction.id, transaction.order.clone());
        let data = json!({"id": id + 1, "status": "resolved", "transaction": {"id": id, "reference": reference}});
        books.tell("charge.dispute.create", &order, reference, data.clone());
        books.tell("charge.dispute.resolve", &order, reference, data);
        true
    }

    /// A refund ends.
    pub(crate) fn end_refund(&self, id: u64, status: &'static str) {
        let mut books = self.books();
        let found = books.transactions.values_mut().find_map(|transaction| {
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
            books.tell(&format!("refund.{status}"), &order, &reference, data);
        }
    }

    // What is known.

    pub(crate) fn transaction(&self, reference: &str) -> Option<Transaction> {
        self.books().transactions.get(reference).cloned()
    }

    pub(crate) fn transactions(&self) -> Vec<Transaction> {
        self.books().transactions.values().cloned().collect()
    }

    /// What would be told by webhook since the last time.
    pub(crate) fn take_news(&self) -> Vec<News> {
        std::mem::take(&mut self.books().news)
    }

    /// What befell which order, with which call.
    pub(crate) fn befell(&self) -> Vec<(String, Call, Fault)> {
        self.books().befell.clone()
    }

    /// Method and path of every call.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.books().lines.clone()
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some((line, body)) = read(&mut stream).await {
            let (fault, answer) = self.decide(&line, &body);
            if act(&mut stream, fault, answer).await.is_none() {
                return;
            }
        }
    }

    fn decide(&self, line: &str, body: &Value) -> (Fault, (u16, Value)) {
        let mood = Arc::clone(&self.mood.lock().unwrap());
        let mut books = self.books();
        books.lines.push(line.to_owned());
        let (call, order) = books.about(line, body);
        let nth = books.calls.entry((call, order.clone())).or_default();
        *nth += 1;
        let fault = mood(call, &order, *nth);
        if fault != Fault::None {
            books.befell.push((order, call, fault));
        }
        let answer = if fault.is_applied() { books.answer(call, line, body, fault) } else { (500, Value::Null) };
        (fault, answer)
    }
}

impl Books {
    /// Which order a call is about: what befalls it hangs on nothing else.
    fn about(&self, line: &str, body: &Value) -> (Call, String) {
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

    fn answer(&mut self, call: Call, line: &str, body: &Value, fault: Fault) -> (u16, Value) {
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
                let rows: Vec<Value> = transaction.iter().flat_map(|it| it.refunds.iter().map(row)).collect();
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

    fn tell(&mut self, kind: &str, order: &str, reference: &str, data: Value) {
        let body = json!({"event": kind, "data": data}).to_string();
        self.news.push(News { kind: kind.to_owned(), order: order.to_owned(), reference: reference.to_owned(), body });
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

/// The header that makes a body the bank's.
pub(crate) fn signature(key: &str, body: &str) -> String {
    let mac = Hmac::<sha2::Sha512>::new_from_slice(key.as_bytes()).unwrap().chain_update(body).finalize();
    mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Does it; `None` where the connection is gone.
async fn act(stream: &mut TcpStream, fault: Fault, (status, body): (u16, Value)) -> Option<()> {
    let head = |status: u16, kind: &str, length: usize| {
        format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n")
    };
    let body = body.to_string();
    let (status, kind, body) = match fault {
        Fault::None | Fault::WrongReference | Fault::UnknownStatus => (status, "application/json", body),
        Fault::Slow => {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            (status, "application/json", body)
        }
        Fault::TimeoutLost | Fault::TimeoutApplied => {
            // Until the caller has had enough.
            let _ = stream.read(&mut [0]).await;
            return None;
        }
        Fault::DropBefore | Fault::DropAfter => return None,
        Fault::Reset => {
            let _ = stream.set_zero_linger();
            return None;
        }
        Fault::Error500 | Fault::Error500Applied => {
            (500, "application/json", r#"{"status":false,"message":"oops"}"#.to_owned())
        }
        Fault::Html502 => (502, "text/html", "<html><h1>502 Bad Gateway</h1></html>".to_owned()),
        Fault::Truncated => {
            let half = body.get(..body.len() / 2).unwrap_or_default();
            let _ = stream.write_all((head(status, "application/json", body.len()) + half).as_bytes()).await;
            return None;
        }
        Fault::TooMany => (429, "application/json", r#"{"status":false,"code":"rate_limited"}"#.to_owned()),
    };
    stream.write_all((head(status, kind, body.len()) + &body).as_bytes()).await.ok()
}

/// Method, path and query, and the body.
async fn read(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let lower = head.to_lowercase();
    let length =
        lower.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(Some(0), |it| it.parse().ok())?;
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    Some((line, serde_json::from_slice(&bytes[end..]).unwrap_or_default()))
}
