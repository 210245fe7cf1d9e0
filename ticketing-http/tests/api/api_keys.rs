//! API keys: bearer tokens for programs and scanners. What each may do is in [`authorization_keys`](crate::authorization_keys).

use crate::authorization::World;
use crate::shop::{Call, PASSWORD, Shop};
use serde_json::{Value, json};
use ticketing_core::domain::access::Permissions;
use ticketing_core::token::KeyMode;
use ticketing_core::{Caller, NewApiKey};
use ticketing_http::api::ApiSettings;

impl Shop {
    pub(crate) async fn delete(&self, path: &str, token: &str) -> u16 {
        self.send(Call::new("delete", path).token(token)).await.status
    }

    async fn key(&self, maker: &str, body: Value) -> (i64, String) {
        let made = self.post("/keys", maker, body).await;
        assert_eq!((made.status, made.header("cache-control")), (201, "no-store"), "{made:?}");
        (made.json()["key"]["id"].as_i64().unwrap(), made.text("token"))
    }
}

fn unauthenticated() -> (u16, String) {
    (401, "unauthenticated".to_owned())
}

#[tokio::test]
async fn a_scanner_needs_no_password() {
    let shop = Shop::new().await;
    let (organizer, buyer) = (shop.somebody("organizer").await, shop.somebody("buyer").await);
    let (event, other) = (shop.event(&organizer, "0", None).await, shop.event(&organizer, "0", None).await);
    let body = json!({"name": "North gate", "password": PASSWORD, "permissions": ["door"], "event_ids": [event]});
    let (id, token) = shop.key(&organizer, body).await;
    assert!(token.starts_with(&format!("tk_live_{id}_")), "{token}");
    let (_, tickets) = shop.buy(&buyer, event, 1).await;
    let scan = json!({"code": tickets[0]["ticket_code"], "nonce": "north-1", "gate": "north"});
    let admitted = shop.post("/check-ins", &token, scan.clone()).await;
    assert_eq!(admitted.status, 200, "{admitted:?}");
    assert_eq!(shop.post("/check-ins", &token, scan).await.json(), admitted.json(), "a retry gets the same answer");
    let (_, others) = shop.buy(&buyer, other, 1).await;
    let scan = json!({"code": others[0]["ticket_code"], "nonce": "north-2"});
    assert_eq!(shop.post("/check-ins", &token, scan).await.problem(), (403, "ticket_foreign".to_owned()));
    assert_eq!(shop.post("/door/scans/north-1/annul", &token, json!({})).await.status, 200);
    // It says what it is, and ends a day after the event.
    let current = shop.get("/keys/current", &token).await.json();
    assert_eq!((&current["name"], &current["permissions"]), (&json!("North gate"), &json!(["door"])));
    assert_eq!((&current["event_ids"], &current["maker"]), (&json!([event]), &json!("organizer of Lagos")));
    assert_eq!(current["expires_at"], "2027-01-02T20:00:00Z", "an event without an end ends a day after its start");
    shop.is_sound().await;
}

#[tokio::test]
async fn the_token_of_a_key_is_shown_once_and_is_no_session() {
    let shop = Shop::new().await;
    let organizer = shop.somebody("organizer").await;
    let (id, token) =
        shop.key(&organizer, json!({"name": "Shop", "password": PASSWORD, "permissions": ["edit", "view"]})).await;
    let listed = shop.get("/keys", &organizer).await;
    assert_eq!(listed.json().as_array().unwrap().len(), 1);
    assert!(!String::from_utf8_lossy(&listed.bytes).contains(&token[12..]), "{listed:?}");
    assert_eq!(listed.json()[0]["id"], id);
    assert_eq!(listed.json()[0]["permissions"], json!(["view", "edit"]));
    // What needs a person is refused, also buying.
    for (method, path) in
        [("get", "/auth/me"), ("get", "/orders"), ("get", "/keys"), ("delete", "/keys/1"), ("get", "/tickets/1")]
    {
        let answer = shop.send(Call::new(method, path).token(&token)).await;
        assert_eq!(answer.problem(), (403, "forbidden".to_owned()), "{method} {path}");
    }
    for (path, body) in [
        ("/orders", json!({"event_id": 1, "lines": [{"quantity": 1}]})),
        ("/keys", json!({"name": "Another", "password": PASSWORD, "permissions": ["view"]})),
        ("/auth/change-password", json!({"current_password": "x", "new_password": "another good one"})),
    ] {
        assert_eq!(shop.post(path, &token, body).await.problem(), (403, "forbidden".to_owned()), "{path}");
    }
    let event = json!({"title": "Jazz", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": 1});
    let made = shop.post("/events", &token, event).await;
    assert_eq!(made.status, 201, "{made:?}");
    let mine = shop.get("/events?mine=true", &organizer).await.json();
    assert_eq!(mine[0]["id"], made.json()["id"], "the maker runs it");
}

#[tokio::test]
async fn all_tokens_that_do_not_work_get_the_same_answer() {
    let shop = Shop::new().await;
    let organizer = shop.somebody("organizer").await;
    let body = json!({"name": "Gate", "password": PASSWORD, "permissions": ["door"]});
    let (id, revoked) = shop.key(&organizer, body.clone()).await;
    assert_eq!(shop.delete(&format!("/keys/{id}"), &organizer).await, 204);
    assert_eq!(shop.delete(&format!("/keys/{id}"), &organizer).await, 204, "a repeat changes nothing");
    let mut short = body.clone();
    short["expires_at"] = json!((shop.now() + jiff::SignedDuration::from_hours(1)).to_string());
    let (_, expired) = shop.key(&organizer, short).await;
    let (_, works) = shop.key(&organizer, body).await;
    let mut mistyped = works.clone();
    let last = if mistyped.pop() == Some('0') { '1' } else { '0' };
    mistyped.push(last);
    let wrong_id = works.replacen("tk_live_", "tk_live_9", 1);
    shop.minutes_pass(61);
    assert_eq!(shop.get("/keys/current", &works).await.status, 200);
    let first = shop.get("/keys/current", &revoked).await;
    assert_eq!(first.problem(), unauthenticated());
    for token in [
        &expired,
        &mistyped,
        &wrong_id,
        &works.replacen("live", "test", 1),
        &works.to_uppercase(),
        "tk_",
        "tk_live_1_x",
    ] {
        let answer = shop.get("/keys/current", token).await;
        assert_eq!((answer.problem(), answer.json()), (unauthenticated(), first.json()), "{token}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let id = shop.get("/auth/me", &organizer).await.json()["id"].as_i64().unwrap();
    shop.ticketing.set_active(id.into(), false).await.unwrap();
    assert_eq!(shop.get("/keys/current", &works).await.json(), first.json(), "its maker was disabled");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_at_new_keys() {
    let shop = Shop::new().await;
    let ada = shop.with_factor("ada").await;
    let mut body = json!({"name": "Gate", "password": PASSWORD, "permissions": ["door"]});
    assert_eq!(shop.post("/keys", &ada.token, body.clone()).await.wrong_fields(), ["code"]);
    body["code"] = json!("000000");
    assert_eq!(shop.post("/keys", &ada.token, body.clone()).await.problem(), (403, "second_factor_wrong".to_owned()));
    body["code"] = json!(shop.app_shows(&ada.secret));
    shop.key(&ada.token, body.clone()).await;
    let again = shop.post("/keys", &ada.token, body).await;
    assert_eq!(again.problem(), (403, "second_factor_wrong".to_owned()), "a code works once");
}

#[tokio::test]
async fn a_session_alone_makes_no_key() {
    let shop = Shop::new().await;
    let organizer = shop.somebody("organizer").await;
    let body = json!({"name": "Gate", "password": "not the right one", "permissions": ["door"]});
    assert_eq!(shop.post("/keys", &organizer, body.clone()).await.problem(), unauthenticated());
    assert_eq!(shop.get("/keys", &organizer).await.json(), json!([]));
    // A wrong password counts like one at a log-in.
    for _ in 0..4 {
        shop.post("/keys", &organizer, body.clone()).await;
    }
    let right = json!({"name": "Gate", "password": PASSWORD, "permissions": ["door"]});
    assert_eq!(shop.post("/keys", &organizer, right).await.problem(), (429, "too_many_logins".to_owned()));
}

#[tokio::test]
async fn a_key_of_somebody_who_left_is_taken_over_with_the_password() {
    let world = World::of_organisation().await;
    let shop = &world.shop;
    let event = world.event().await;
    let (manager, id) = world.member("manager", "manager", Value::Null).await;
    let (_, key) = world.key(
        &manager,
        json!({"name": "Bot", "password": PASSWORD, "permissions": ["view"], "organisation_id": world.organisation}),
    )
    .await;
    let settings = format!("/events/{event}/settings");
    assert_eq!(shop.get(&settings, &key).await.status, 200);
    assert_eq!(
        shop.delete(&format!("/organisations/{}/members/{id}", world.organisation), &world.organizer).await,
        204
    );
    assert_eq!(shop.get(&settings, &key).await.problem(), (403, "forbidden".to_owned()));
    let keys = shop.get(&format!("/keys?organisation={}", world.organisation), &world.organizer).await.json();
    let path = format!("/keys/{}/take-over", keys[0]["id"]);
    let take = async |body: Value| shop.post(&path, &world.organizer, body).await;
    assert_eq!(take(json!({})).await.wrong_fields(), ["password"]);
    assert_eq!(take(json!({"password": "not the right one"})).await.problem(), unauthenticated());
    assert_eq!(shop.get(&settings, &key).await.status, 403);
    let taken = take(json!({"password": PASSWORD})).await;
    assert_eq!((taken.status, &taken.json()["maker"]), (200, &json!("organizer of Lagos")));
    assert_eq!(take(json!({"password": PASSWORD})).await.json(), taken.json(), "a repeat changes nothing");
    assert_eq!(shop.get(&settings, &key).await.status, 200);
}

#[tokio::test]
async fn a_key_for_one_event_makes_no_other_events() {
    let world = World::of_organisation().await;
    let event = world.event().await;
    let body = json!({"name": "Bot", "password": PASSWORD, "permissions": ["edit"], "organisation_id": world.organisation,
        "event_ids": [event]});
    let (_, key) = world.key(&world.organizer, body).await;
    let copies = json!({"starts_at": ["2099-12-31T20:00:00Z"]});
    let made = world.shop.post(&format!("/events/{event}/copies"), &key, copies).await;
    assert_eq!(made.problem(), (403, "forbidden".to_owned()));
}

#[tokio::test]
async fn every_fault_of_a_new_key_is_named() {
    let shop = Shop::new().await;
    let organizer = shop.somebody("organizer").await;
    let theirs = shop.event(&shop.somebody("other").await, "0", None).await;
    let wrong = async |body: Value| shop.post("/keys", &organizer, body).await.wrong_fields();
    assert_eq!(wrong(json!({})).await, ["name", "password", "permissions"]);
    let fields =
        wrong(json!({"name": "x", "password": PASSWORD, "permissions": ["door", "everything"], "expires": 1})).await;
    assert_eq!(fields, ["expires"], "a body that cannot be read is looked at no further");
    assert_eq!(
        wrong(json!({"name": "x", "password": PASSWORD, "permissions": ["door", "everything"]})).await,
        ["permissions.1"]
    );
    let fields =
        wrong(json!({"name": "x", "password": PASSWORD, "permissions": [], "event_ids": [], "expires_at": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(fields, ["permissions", "event_ids", "expires_at"]);
    let foreign = json!({"name": "x", "password": PASSWORD, "permissions": ["door"], "event_ids": [theirs]});
    assert_eq!(shop.post("/keys", &organizer, foreign).await.problem(), (404, "event_unknown".to_owned()));
    let nowhere = json!({"name": "x", "password": PASSWORD, "permissions": ["door"], "organisation_id": 4711});
    assert_eq!(shop.post("/keys", &organizer, nowhere).await.problem(), (404, "organisation_unknown".to_owned()));
}

#[tokio::test]
async fn a_retry_with_an_idempotency_key_is_of_the_api_key_and_not_of_its_maker() {
    let shop = Shop::new().await;
    let organizer = shop.somebody("organizer").await;
    let body = json!({"name": "Shop", "password": PASSWORD, "permissions": ["edit"]});
    let ((_, first), (_, second)) = (shop.key(&organizer, body.clone()).await, shop.key(&organizer, body).await);
    let event = json!({"title": "Jazz", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": 1});
    let create = async |token: &str| {
        let call = Call::new("post", "/events").token(token).header("idempotency-key", "once").json(&event);
        shop.send(call).await.json()["id"].clone()
    };
    let made = create(&first).await;
    assert_eq!(create(&first).await, made);
    assert_ne!(create(&second).await, made);
    assert_ne!(create(&organizer).await, made);
}

#[tokio::test]
async fn the_use_of_a_key_is_shown_to_the_hour() {
    let shop = Shop::new().await;
    let organizer = shop.somebody("organizer").await;
    let (_, token) = shop.key(&organizer, json!({"name": "Shop", "password": PASSWORD, "permissions": ["view"]})).await;
    let last_used = async || shop.get("/keys", &organizer).await.json()[0]["last_used_at"].clone();
    assert_eq!(last_used().await, Value::Null);
    // It is written in the background.
    let is_noted = async || {
        shop.get("/events?mine=true", &token).await;
        for _ in 0..2000 {
            if last_used().await == json!(shop.now().to_string()) {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        false
    };
    assert!(is_noted().await);
    // If the use after 59 minutes were written, the one a minute later would not be.
    shop.minutes_pass(59);
    shop.get("/events?mine=true", &token).await;
    shop.minutes_pass(1);
    assert!(is_noted().await);
}

#[tokio::test]
async fn a_key_of_a_sandbox_does_not_work_for_real_money() {
    let sandbox = Shop::built(ApiSettings::default(), |builder| builder.key_mode(KeyMode::Test)).await;
    let organizer = sandbox.somebody("organizer").await;
    let (_, token) =
        sandbox.key(&organizer, json!({"name": "Shop", "password": PASSWORD, "permissions": ["view"]})).await;
    assert!(token.starts_with("tk_test_"), "{token}");
    assert_eq!(sandbox.get("/keys/current", &token).await.status, 200);
    // The same storage, with real money.
    let live = ticketing_core::Ticketing::builder_on(std::sync::Arc::clone(sandbox.ticketing.storage()))
        .clock(std::sync::Arc::new(sandbox.clock.clone()))
        .weak_password_hashes()
        .token_key(ticketing_core::token::TokenKey::new(&[7; 32]).unwrap())
        .build()
        .unwrap();
    assert!(live.authenticate_caller(&token).await.is_err());
    let id = sandbox.get("/auth/me", &organizer).await.json()["id"].as_i64().unwrap();
    let (_, real) = live.make_api_key(id.into(), PASSWORD, NewApiKey::new("Shop", Permissions::ALL)).await.unwrap();
    assert!(matches!(live.authenticate_caller(&real.0).await, Ok(Caller::Key(_))));
    assert_eq!(sandbox.get("/keys/current", &real.0).await.problem(), unauthenticated());
}
