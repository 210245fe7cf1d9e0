//! Who uses the server: they register, make events, buy.

use crate::client::{Answer, Client, Lost};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Somebody with an account, a token and a connection of their own.
#[derive(Debug)]
pub struct User {
    /// Their connection.
    pub client: Client,
    /// What proves who they are.
    pub token: String,
}

impl User {
    /// Registers and logs in.
    pub async fn join(address: SocketAddr, name: &str) -> Self {
        let mut client = Client::new(address);
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "name": name, "password": "correct horse battery"});
        let answer = client.post("/auth/register", None, &body).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.in_words());
        let body = json!({"email": email, "password": "correct horse battery"});
        let answer = client.post("/auth/login", None, &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.in_words());
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        Self { client, token }
    }

    /// Asks for something, as themselves.
    pub async fn get(&mut self, path: &str) -> Result<Answer, Lost> {
        self.client.get(path, Some(&self.token)).await
    }

    /// Sends JSON, as themselves.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Answer, Lost> {
        self.client.post(path, Some(&self.token), body).await
    }

    /// Makes an event with so many places, and gives its id.
    pub async fn make_event(&mut self, title: &str, capacity: usize) -> i64 {
        let body = json!({
            "title": title, "description": "A test", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos",
            "price": "5000.00", "capacity": capacity,
        });
        let answer = self.post("/events/", &body).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.in_words());
        answer.json()["id"].as_i64().unwrap()
    }

    /// Takes places and begins to pay.
    pub async fn begin(&mut self, event_id: i64, quantity: u64) -> Result<Answer, Lost> {
        self.post("/payments/initialize", &json!({"event_id": event_id, "quantity": quantity})).await
    }

    /// Asks whether the payment has come.
    pub async fn verify(&mut self, reference: &str) -> Result<Answer, Lost> {
        self.get(&format!("/payments/verify/{reference}")).await
    }
}

/// The reference in the answer to a payment that has begun.
pub fn reference_of(answer: &Answer) -> String {
    answer.json()["reference"].as_str().unwrap_or_else(|| panic!("no reference in {}", answer.in_words())).to_owned()
}

/// The codes of all tickets in the answer to a verification.
pub fn codes_of(answer: &Answer) -> BTreeSet<String> {
    let body = answer.json();
    let tickets = body["tickets"].as_array().unwrap_or_else(|| panic!("no tickets in {}", answer.in_words()));
    tickets.iter().map(|ticket| ticket["ticket_code"].as_str().unwrap().to_owned()).collect()
}
