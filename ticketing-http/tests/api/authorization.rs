//! Authorization beside the [table](crate::authorization_table): what a refusal shows, and tokens that are none.

use crate::shop::{Call, Shop, reference_of};
use serde_json::{Value, json};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::organisation::{MemberEvents, MemberRole};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::ticket::TicketKey;

/// Resources of several accounts.
pub(crate) struct World {
    pub(crate) shop: Shop,
    pub(crate) organizer: String,
    pub(crate) buyer: String,
    pub(crate) stranger: String,
    /// An organisation that the organiser has founded.
    pub(crate) organisation: i64,
    /// Whether it runs the events.
    is_organisations: bool,
}

impl World {
    pub(crate) async fn new() -> Self {
        let shop = Shop::new().await;
        let organizer = shop.somebody("organizer").await;
        let (buyer, stranger) = (shop.somebody("buyer").await, shop.somebody("stranger").await);
        let id = shop.get("/auth/me", &organizer).await.json()["id"].as_i64().unwrap();
        shop.ticketing.mark_verified(id.into()).await.unwrap();
        let founded = shop.post("/organisations", &organizer, json!({"name": "Lagos Jazz Collective"})).await;
        assert_eq!(founded.status, 201, "{founded:?}");
        let organisation = founded.json()["id"].as_i64().unwrap();
        Self { shop, organizer, buyer, stranger, organisation, is_organisations: false }
    }

    /// A world whose events an organisation runs.
    pub(crate) async fn of_organisation() -> Self {
        Self { is_organisations: true, ..Self::new().await }
    }

    /// An account with a verified address: its token and the address.
    pub(crate) async fn verified(&self, name: &str) -> (String, String) {
        let token = self.shop.somebody(name).await;
        let id = self.shop.get("/auth/me", &token).await.json()["id"].as_i64().unwrap();
        self.shop.ticketing.mark_verified(id.into()).await.unwrap();
        (token, format!("{name}@example.com"))
    }

    /// A member of the organisation: the token and the id of the account.
    pub(crate) async fn member(&self, name: &str, role: &str, event_ids: Value) -> (String, i64) {
        let (token, email) = self.verified(name).await;
        let mut body = json!({"email": email, "role": role});
        if !event_ids.is_null() {
            body["event_ids"] = event_ids;
        }
        let path = format!("/organisations/{}/members", self.organisation);
        let added = self.shop.post(&path, &self.organizer, body).await;
        assert_eq!(added.status, 201, "{added:?}");
        (token, added.json()["account_id"].as_i64().unwrap())
    }

    /// The id of an invitation of this address, by the operator.
    pub(crate) async fn invited(&self, email: &str) -> i64 {
        let (role, events, address) = (MemberRole::Viewer, MemberEvents::All, email.parse().unwrap());
        let ticketing = &self.shop.ticketing;
        ticketing.invite_member(&Actor::Operator, self.organisation.into(), &address, role, events).await.unwrap().id.0
    }

    /// An API key: its id and its token.
    pub(crate) async fn key(&self, maker: &str, body: Value) -> (i64, String) {
        let made = self.shop.post("/keys", maker, body).await;
        assert_eq!(made.status, 201, "{made:?}");
        (made.json()["key"]["id"].as_i64().unwrap(), made.text("token"))
    }

    /// An event that the organisation runs.
    pub(crate) async fn organisations_event(&self) -> i64 {
        let body = json!({"title": "Lagos Jazz Night", "event_date": "2026-12-31T20:00:00", "location": "Lagos",
            "price": "5000", "organisation_id": self.organisation});
        let answer = self.shop.post("/events/", &self.organizer, body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_i64().unwrap()
    }

    /// An account that nobody else uses.
    pub(crate) async fn account(&self, number: usize) -> i64 {
        let token = self.shop.somebody(&format!("account-{number}")).await;
        self.shop.get("/auth/me", &token).await.json()["id"].as_i64().unwrap()
    }

    pub(crate) async fn event(&self) -> i64 {
        if self.is_organisations {
            return self.organisations_event().await;
        }
        self.shop.event(&self.organizer, "5000", None).await
    }

    pub(crate) async fn held_order(&self) -> String {
        let body = json!({"event_id": self.event().await, "lines": [{"quantity": 1}]});
        self.shop.post("/orders", &self.buyer, body).await.text("reference")
    }

    pub(crate) async fn paid(&self) -> (String, Value) {
        let (reference, tickets) = self.shop.buy(&self.buyer, self.event().await, 1).await;
        (reference, tickets[0].clone())
    }

    /// A ticket, and the id of a cheaper type that it can be swapped for.
    pub(crate) async fn swappable(&self) -> (i64, i64) {
        let event = self.event().await;
        let (_, tickets) = self.shop.buy(&self.buyer, event, 1).await;
        let path = format!("/events/{event}/settings");
        let known = self.shop.get(&path, &self.organizer).await.json()["ticket_types"][0]["id"].clone();
        let types = json!({"ticket_types": [{"id": known}, {"name": "Standing", "price": "1000"}]});
        let call = Call::new("patch", &path).token(&self.organizer).header("if-match", "*");
        let added = self.shop.send(call.json(&types)).await;
        assert_eq!(added.status, 200, "{added:?}");
        (tickets[0]["id"].as_i64().unwrap(), added.json()["ticket_types"][1]["id"].as_i64().unwrap())
    }

    /// The key of a ticket of the buyer's that is offered to this address.
    pub(crate) async fn offered(&self, to: &str) -> String {
        let ticket = self.paid().await.1["id"].as_i64().unwrap();
        let id = self.shop.get("/auth/me", &self.buyer).await.json()["id"].as_i64().unwrap();
        let (buyer, ticket) = (Principal::Account(id.into()), TicketKey::Id(ticket.into()));
        let offered = self.shop.ticketing.offer_transfer(&buyer, &ticket, to.parse().unwrap()).await.unwrap();
        self.shop.ticketing.transfer_key(&offered).unwrap().as_str().to_owned()
    }

    /// An order whose tickets its buyer may return.
    pub(crate) async fn returnable(&self) -> String {
        let event = self.event().await;
        let (reference, _) = self.shop.buy(&self.buyer, event, 1).await;
        let call = Call::new("patch", &format!("/events/{event}/settings")).token(&self.organizer);
        let moved = self.shop.send(call.header("if-match", "*").json(&json!({"location": "Elsewhere"}))).await;
        assert_eq!(moved.status, 200, "{moved:?}");
        self.shop.get(&format!("/payments/{reference}"), &self.buyer).await.json()["order"]["reference"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn in_review(&self) -> String {
        let reference = self.shop.initialize(&self.buyer, self.event().await, 1).await;
        let one = ticketing_core::domain::money::Money::new(1, ticketing_core::domain::money::Currency::NGN).unwrap();
        self.shop.gateway.pay_amount(&reference_of(&reference), one);
        self.shop.get(&format!("/payments/verify/{reference}"), &self.buyer).await;
        reference
    }
}

#[tokio::test]
async fn resources_of_others_look_like_missing_ones() {
    let world = World::new().await;
    let (reference, ticket) = world.paid().await;
    let order = world.held_order().await;
    let review = world.in_review().await;
    let decision = json!({"verdict": "accept", "note": "x"});
    for (method, theirs, nothing, body) in [
        ("get", format!("/orders/{order}"), "/orders/0000000000".to_owned(), json!(null)),
        ("delete", format!("/orders/{order}"), "/orders/0000000000".to_owned(), json!(null)),
        ("post", format!("/orders/{order}/pay"), "/orders/0000000000/pay".to_owned(), json!({})),
        ("get", format!("/payments/verify/{reference}"), "/payments/verify/000".to_owned(), json!(null)),
        ("post", format!("/payments/verify/{reference}"), "/payments/verify/%00".to_owned(), json!(null)),
        ("get", format!("/payments/{reference}"), "/payments/a_b".to_owned(), json!(null)),
        ("post", format!("/payments/{reference}/refunds"), "/payments/000/refunds".to_owned(), json!({})),
        ("post", format!("/payments/{review}/review"), "/payments/000/review".to_owned(), decision),
        ("get", format!("/tickets/{}", ticket["id"]), "/tickets/4711".to_owned(), json!(null)),
    ] {
        let send = |path: &str| {
            let call = Call::new(method, path).token(&world.stranger);
            world.shop.send(if body.is_null() { call } else { call.json(&body) })
        };
        let (theirs, nothing) = (send(&theirs).await, send(&nothing).await);
        assert_eq!(theirs.problem(), (404, "not_found".to_owned()));
        assert_eq!(theirs.json(), nothing.json());
    }
}

#[tokio::test]
async fn references_of_others_are_not_sent_to_the_gateway() {
    let world = World::new().await;
    let reference = world.shop.initialize(&world.buyer, world.event().await, 1).await;
    world.shop.gateway.pay(&reference_of(&reference));
    let before = world.shop.gateway.calls();
    let long = "x".repeat(51);
    for forged in [reference.as_str(), "4711", "..%2F..%2Fbalance", "a%20b", "%F0%9F%8E%AB", &long] {
        let answer = world.shop.get(&format!("/payments/verify/{forged}"), &world.stranger).await;
        assert_eq!(answer.problem(), (404, "not_found".to_owned()), "{forged}");
    }
    assert_eq!(world.shop.gateway.calls(), before);
}

#[tokio::test]
async fn a_public_ticket_does_not_identify_its_holder() {
    let world = World::new().await;
    let (_, ticket) = world.paid().await;
    let code = ticket["ticket_code"].as_str().unwrap();
    let answer = world.shop.get(&format!("/tickets/{code}"), "").await;
    let text = answer.json().to_string();
    for secret in ["buyer", "example.com", "holder", "email", "name", "reference", "order"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // The response is the same with and without a token.
    assert_eq!(world.shop.get(&format!("/tickets/{code}"), &world.stranger).await.json(), answer.json());
}

#[tokio::test]
async fn invalid_tokens_are_rejected_everywhere() {
    let world = World::new().await;
    let spoilt = format!("{}x", world.buyer);
    for token in ["a", "a.b.c", spoilt.as_str(), "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."] {
        for path in ["/auth/me", "/users/me", "/orders", "/tickets/my-tickets", "/payments/reviews", "/tickets/1"] {
            let answer = world.shop.get(path, token).await;
            assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()), "{path} {token}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    let basic = Call::new("get", "/auth/me").header("authorization", "Basic YWRhOmFkYQ==");
    assert_eq!(world.shop.send(basic).await.problem(), (401, "unauthenticated".to_owned()));
    world.shop.minutes_pass(25 * 60);
    assert_eq!(world.shop.get("/auth/me", &world.buyer).await.status, 401, "the session has ended");
}
