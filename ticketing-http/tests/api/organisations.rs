//! Organisations: several people run events together, each with a role.

use crate::authorization::World;
use crate::shop::{Answer, Call, PASSWORD, Shop, reference_of};
use serde_json::{Value, json};
use ticketing_core::domain::id::AccountId;
use ticketing_core::domain::money::{Currency, Money};
use ticketing_http::api::ApiSettings;

async fn send(world: &World, method: &str, path: &str, token: &str, body: Value) -> Answer {
    world.shop.send(Call::new(method, path).token(token).header("if-match", "*").json(&body)).await
}

#[tokio::test]
async fn an_organisation_has_a_name_and_the_callers_role() {
    let world = World::new().await;
    let path = format!("/organisations/{}", world.organisation);
    let found = world.shop.get(&path, &world.organizer).await;
    let all = ["view", "edit", "attendees", "orders", "money", "door", "manage"];
    assert_eq!(
        (&found.json()["name"], &found.json()["role"], &found.json()["permissions"]),
        (&json!("Lagos Jazz Collective"), &json!("owner"), &json!(all))
    );
    assert_eq!(world.shop.get("/organisations", &world.organizer).await.json(), json!([found.json()]));
    assert_eq!(world.shop.get("/organisations", &world.stranger).await.json(), json!([]));
    let renamed = send(&world, "patch", &path, &world.organizer, json!({"name": "  Lagos Blues "})).await;
    assert_eq!((renamed.status, &renamed.json()["name"]), (200, &json!("Lagos Blues")));
    assert_eq!(send(&world, "patch", &path, &world.organizer, json!({"name": " "})).await.wrong_fields(), ["name"]);
}

#[tokio::test]
async fn founding_an_organisation_again_with_its_key_finds_the_same_one() {
    let world = World::new().await;
    let call = || {
        let call = Call::new("post", "/organisations").token(&world.organizer).header("idempotency-key", "band-1");
        call.json(&json!({"name": "Band"}))
    };
    let (first, again) = (world.shop.send(call()).await, world.shop.send(call()).await);
    assert_eq!((first.status, again.status, first.json()), (201, 201, again.json()));
    assert_eq!(first.header("location"), format!("/organisations/{}", first.json()["id"]));
    assert_eq!(world.shop.get("/organisations", &world.organizer).await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn members_are_added_by_the_verified_address_of_an_account() {
    let world = World::new().await;
    let path = format!("/organisations/{}/members", world.organisation);
    let add = |email: &str| {
        let body = json!({"email": email, "role": "door"});
        send(&world, "post", &path, &world.organizer, body)
    };
    // Whether there is an account that is not verified is not said.
    let (unknown, unverified) = (add("nobody@example.com").await, add("buyer@example.com").await);
    assert_eq!(unknown.problem(), (404, "account_unknown".to_owned()));
    assert_eq!(unknown.json(), unverified.json());
    let (grace, email) = world.verified("grace").await;
    let added = add(&email.to_uppercase()).await;
    assert_eq!((added.status, &added.json()["email"], &added.json()["role"]), (201, &json!(email), &json!("door")));
    assert_eq!(add(&email).await.json(), added.json(), "a repeat changes nothing");
    let listed = world.shop.get(&path, &world.organizer).await.json();
    let roles: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["owner", "door"]);
    let own = world.shop.get("/organisations", &grace).await.json();
    assert_eq!(own[0]["permissions"], json!(["view", "door"]));
    for (body, wrong) in [
        (json!({"email": "x", "role": "door"}), vec!["email"]),
        (json!({"email": email, "role": "emperor"}), vec!["role"]),
        (json!({"email": "x", "role": "emperor"}), vec!["email", "role"]),
        (json!({"email": email, "role": "door", "event_ids": []}), vec!["event_ids"]),
        (json!({"email": email, "role": "owner", "event_ids": [world.organisations_event().await]}), vec!["event_ids"]),
    ] {
        assert_eq!(send(&world, "post", &path, &world.organizer, body.clone()).await.wrong_fields(), wrong, "{body}");
    }
    // Somebody without the right hears nothing about addresses.
    for email in ["nobody@example.com", "grace@example.com"] {
        let body = json!({"email": email, "role": "viewer"});
        let (theirs, strangers) = (
            send(&world, "post", &path, &grace, body.clone()).await,
            send(&world, "post", &path, &world.stranger, body).await,
        );
        assert_eq!(theirs.problem(), (403, "forbidden".to_owned()));
        assert_eq!(strangers.problem(), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn a_sandbox_asks_for_no_proof() {
    let shop = Shop::built(ApiSettings::default(), |builder| builder.unproved_members(true)).await;
    let (ada, _) = (shop.somebody("ada").await, shop.somebody("bob").await);
    let founded = shop.post("/organisations", &ada, json!({"name": "Band"})).await;
    assert_eq!(founded.status, 201, "{founded:?}");
    let path = format!("/organisations/{}/members", founded.json()["id"]);
    assert_eq!(shop.post(&path, &ada, json!({"email": "bob@example.com", "role": "viewer"})).await.status, 201);
}

#[tokio::test]
async fn a_role_is_changed_and_taken_away_with_the_next_request() {
    let world = World::of_organisation().await;
    let event = world.event().await;
    let (grace, id) = world.member("grace", "viewer", json!([event])).await;
    let path = format!("/organisations/{}/members/{id}", world.organisation);
    let pause = format!("/events/{event}/pause");
    assert_eq!(world.shop.post(&pause, &grace, json!({})).await.status, 403);
    let changed = send(&world, "patch", &path, &world.organizer, json!({"role": "manager"})).await;
    assert_eq!((changed.status, &changed.json()["event_ids"]), (200, &json!([event])), "the events stay");
    assert_eq!(world.shop.post(&pause, &grace, json!({})).await.status, 200);
    let other = world.event().await;
    assert_eq!(world.shop.post(&format!("/events/{other}/pause"), &grace, json!({})).await.status, 403);
    let changed = send(&world, "patch", &path, &world.organizer, json!({"event_ids": null})).await;
    assert!(changed.json()["event_ids"].is_null(), "{changed:?}");
    assert_eq!(world.shop.post(&format!("/events/{other}/pause"), &grace, json!({})).await.status, 200);
    let remove = || world.shop.send(Call::new("delete", &path).token(&world.organizer));
    assert_eq!((remove().await.status, remove().await.status), (204, 204));
    assert_eq!(world.shop.post(&pause, &grace, json!({})).await.status, 403);
    let gone = send(&world, "patch", &path, &world.organizer, json!({"role": "viewer"})).await;
    assert_eq!(gone.problem(), (404, "account_unknown".to_owned()));
}

#[tokio::test]
async fn the_last_owner_stays_and_everybody_else_may_leave() {
    let world = World::new().await;
    let (grace, id) = world.member("grace", "manager", Value::Null).await;
    let owner = world.shop.get("/auth/me", &world.organizer).await.json()["id"].clone();
    let members = format!("/organisations/{}/members", world.organisation);
    let leave = async |token: &str, id: &Value| {
        world.shop.send(Call::new("delete", &format!("{members}/{id}")).token(token)).await
    };
    assert_eq!(leave(&world.organizer, &owner).await.problem(), (409, "last_owner".to_owned()));
    // A manager lacks a permission of owners.
    assert_eq!(leave(&grace, &owner).await.problem(), (403, "not_granted".to_owned()));
    let own = send(&world, "patch", &format!("{members}/{id}"), &grace, json!({"role": "owner"})).await;
    assert_eq!(own.problem(), (403, "not_granted".to_owned()));
    let finance = json!({"email": world.verified("fay").await.1, "role": "finance"});
    assert_eq!(send(&world, "post", &members, &grace, finance).await.problem(), (403, "not_granted".to_owned()));
    assert_eq!(leave(&grace, &json!(id)).await.status, 204);
    assert_eq!(leave(&grace, &json!(id)).await.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn an_event_moves_to_an_organisation_with_one_edit_and_back() {
    let world = World::new().await;
    let event = world.shop.event(&world.organizer, "5000", None).await;
    let (_, tickets) = world.shop.buy(&world.buyer, event, 2).await;
    let settings = format!("/events/{event}/settings");
    let (viewer, _) = world.member("viewer", "viewer", Value::Null).await;
    let (door, _) = world.member("door", "door", Value::Null).await;
    let to = json!({"organisation_id": world.organisation});
    let scan = |nonce: &str, index: usize| json!({"code": tickets[index]["ticket_code"], "nonce": nonce});
    assert_eq!(world.shop.post("/check-ins", &door, scan("a", 0)).await.problem().1, "ticket_foreign");
    // The right is needed on both sides.
    assert_eq!(send(&world, "patch", &settings, &viewer, to.clone()).await.status, 403);
    let (band, _) = world.verified("elsewhere").await;
    let theirs = world.shop.post("/organisations", &band, json!({"name": "Theirs"})).await.json()["id"].clone();
    let refused = send(&world, "patch", &settings, &world.organizer, json!({"organisation_id": theirs})).await;
    assert_eq!(refused.problem(), (404, "not_found".to_owned()));
    let before = world.shop.get(&settings, &world.organizer).await.json();
    assert!(before["organisation_id"].is_null());
    let moved = send(&world, "patch", &settings, &world.organizer, to.clone()).await;
    assert_eq!((moved.status, &moved.json()["organisation_id"]), (200, &json!(world.organisation)));
    let public = world.shop.get(&format!("/events/{event}"), "").await.json();
    assert_eq!(public["organisation_id"], json!(world.organisation));
    assert!(public["organizer_id"].is_null());
    assert_eq!(send(&world, "patch", &settings, &world.organizer, to).await.header("etag"), moved.header("etag"));
    assert_eq!(world.shop.post("/check-ins", &door, scan("b", 0)).await.status, 200);
    let list = format!("/events?organisation={}", world.organisation);
    assert_eq!(world.shop.get(&list, "").await.json()[0]["id"], json!(event));
    // Back to the caller; what is sent back as it was read moves nothing.
    let back = send(&world, "patch", &settings, &world.organizer, json!({"organisation_id": null})).await;
    assert_eq!(back.status, 200, "{back:?}");
    let same = send(&world, "patch", &settings, &world.organizer, json!({"organisation_id": null})).await;
    assert_eq!(same.header("etag"), back.header("etag"));
    assert_eq!(world.shop.post("/check-ins", &door, scan("c", 1)).await.problem().1, "ticket_foreign");
    world.shop.is_sound().await;
}

/// An administrator who sends settings back as they were read does not take the event over.
#[tokio::test]
async fn settings_that_are_sent_back_move_nothing() {
    let world = World::new().await;
    let event = world.shop.event(&world.organizer, "5000", None).await;
    let admin = world.shop.somebody("admin").await;
    let id = world.shop.get("/auth/me", &admin).await.json()["id"].as_i64().unwrap();
    let role = ticketing_core::domain::account::Role::Admin;
    world.shop.ticketing.set_role(AccountId(id), role).await.unwrap();
    let settings = format!("/events/{event}/settings");
    assert_eq!(send(&world, "patch", &settings, &admin, json!({"organisation_id": null})).await.status, 200);
    let owner = world.shop.get("/auth/me", &world.organizer).await.json()["id"].clone();
    assert_eq!(world.shop.get(&format!("/events/{event}"), "").await.json()["organizer_id"], owner);
}

/// What a member of one organisation can read at all, as one text.
async fn everything(shop: &Shop, token: &str, organisation: &Value, events: &[Value], payments: &[String]) -> String {
    let mut paths: Vec<String> = [
        "/auth/me",
        "/users/me",
        "/organisations",
        "/events?mine=true",
        "/orders",
        "/tickets/my-tickets",
        "/payments/reviews",
        "/payments/webhooks",
        "/mails/undelivered",
        "/admin/accounts",
    ]
    .map(str::to_owned)
    .into();
    paths.extend([format!("/organisations/{organisation}"), format!("/organisations/{organisation}/members")]);
    for event in events {
        paths.extend([format!("/events/{event}/settings"), format!("/events/{event}/codes")]);
    }
    paths.extend(payments.iter().map(|payment| format!("/payments/{payment}")));
    let mut all = String::new();
    for path in paths {
        let answer = shop.get(&path, token).await;
        all.push_str(&format!("{path} {}\n", String::from_utf8_lossy(&answer.bytes)));
    }
    all
}

/// An organisation with all that one has, whose every text names it.
struct Side {
    owner: String,
    id: Value,
    events: Vec<Value>,
    payments: Vec<String>,
    /// What nobody else may read.
    secrets: Vec<String>,
}

impl Side {
    async fn new(shop: &Shop, name: &str) -> Self {
        let verified = async |who: &str| {
            let token = shop.somebody(&format!("{who}-{name}")).await;
            let id = shop.get("/auth/me", &token).await.json()["id"].as_i64().unwrap();
            shop.ticketing.mark_verified(AccountId(id)).await.unwrap();
            token
        };
        let (owner, buyer) = (verified("owner").await, shop.somebody(&format!("buyer-{name}")).await);
        verified("staff").await;
        let id =
            shop.post("/organisations", &owner, json!({"name": format!("Band {name}")})).await.json()["id"].clone();
        let member = json!({"email": format!("staff-{name}@example.com"), "role": "door"});
        let added = shop.post(&format!("/organisations/{id}/members"), &owner, member).await;
        assert_eq!(added.status, 201, "{added:?}");
        let create = async |status: &str| {
            let body = json!({"title": format!("{status} {name}"), "event_date": "2026-12-31T20:00:00Z",
                "location": "Lagos", "price": "5000", "status": status, "organisation_id": id});
            shop.post("/events/", &owner, body).await.json()["id"].clone()
        };
        let events = vec![create("active").await, create("draft").await];
        let code = json!({"code": format!("CODE-{name}"), "note": format!("note {name}")});
        assert_eq!(shop.post(&format!("/events/{}/codes", events[0]), &owner, code).await.status, 201);
        let (paid, tickets) = shop.buy(&buyer, events[0].as_i64().unwrap(), 1).await;
        let review = shop.initialize(&buyer, events[0].as_i64().unwrap(), 1).await;
        shop.gateway.pay_amount(&reference_of(&review), Money::new(1, Currency::NGN).unwrap());
        shop.get(&format!("/payments/verify/{review}"), &buyer).await;
        let secrets = vec![
            format!("draft {name}"),
            format!("Band {name}"),
            format!("owner-{name}"),
            format!("staff-{name}"),
            format!("buyer-{name}"),
            format!("CODE-{name}").to_uppercase(),
            format!("note {name}"),
            review.clone(),
            tickets[0]["ticket_code"].as_str().unwrap().to_owned(),
        ];
        Self { owner, id, events, payments: vec![paid, review], secrets }
    }
}

#[tokio::test]
async fn two_organisations_with_equal_data_read_no_byte_of_each_other() {
    let shop = Shop::new().await;
    let sides = [Side::new(&shop, "alpha").await, Side::new(&shop, "omega").await];
    for (own, other) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
        let read = everything(&shop, &own.owner, &own.id, &own.events, &own.payments).await;
        // The control: it does read all of its own, but for the buyer's address and the ticket's code.
        let seen: Vec<&String> = own.secrets.iter().filter(|secret| read.contains(*secret)).collect();
        assert!(seen.len() == own.secrets.len() - 2, "only {seen:?} of {:?}", own.secrets);
        let tried = everything(&shop, &own.owner, &other.id, &other.events, &other.payments).await;
        for secret in &other.secrets {
            let leaks = |text: &str| {
                let lines =
                    text.lines().filter(|line| line.split_once(' ').is_some_and(|(_, body)| body.contains(secret)));
                lines.map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!((leaks(&read), leaks(&tried)), (vec![], vec![]), "{secret}");
        }
    }
}

#[tokio::test]
async fn eight_owners_who_leave_at_once_leave_one() {
    let world = World::new().await;
    let id = world.shop.get("/auth/me", &world.organizer).await.json()["id"].as_i64().unwrap();
    let mut owners = vec![(world.organizer.clone(), id)];
    for number in 1..8 {
        owners.push(world.member(&format!("owner-{number}"), "owner", Value::Null).await);
    }
    let leave = owners.iter().map(|(token, id)| {
        let path = format!("/organisations/{}/members/{id}", world.organisation);
        world.shop.send(Call::new("delete", &path).token(token))
    });
    let statuses: Vec<u16> = futures_util::future::join_all(leave).await.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 7, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 1, "{statuses:?}");
    world.shop.is_sound().await;
}

#[tokio::test]
async fn an_organisation_may_require_a_second_factor() {
    let world = World::of_organisation().await;
    let shop = &world.shop;
    let required = (403, "second_factor_required".to_owned());
    let path = format!("/organisations/{}", world.organisation);
    let patch = async |token: &str, body: Value| shop.send(Call::new("patch", &path).token(token).json(&body)).await;
    // Who has none cannot require one.
    assert_eq!(patch(&world.organizer, json!({"requires_second_factor": true})).await.problem(), required);
    let owner = shop.with_factor("strict").await;
    let added = json!({"email": "strict@example.com", "role": "owner"});
    assert_eq!(shop.post(&format!("{path}/members"), &world.organizer, added).await.status, 201);
    let (event, paid, review) = (world.event().await, world.paid().await, world.in_review().await);
    let key = json!({"name": "Key", "password": PASSWORD, "permissions": ["view", "door"], "organisation_id": world.organisation});
    let (_, key) = world.key(&world.organizer, key).await;
    assert_eq!(shop.get(&format!("/events/{event}/settings"), &key).await.status, 200);
    let strict = patch(&owner.token, json!({"requires_second_factor": true})).await;
    assert_eq!((strict.status, &strict.json()["requires_second_factor"]), (200, &json!(true)), "{strict:?}");
    // The founder has none: all that is done with the organisation is refused, and says why.
    let founder = &world.organizer;
    for (method, path, body) in [
        ("get", format!("/events/{event}/settings"), Value::Null),
        ("post", format!("/events/{event}/pause"), json!({})),
        ("get", format!("/payments/{}", paid.0), Value::Null),
        ("post", format!("/payments/{}/refunds", paid.0), json!({})),
        ("post", format!("/payments/{review}/review"), json!({"verdict": "refund", "note": "x"})),
        ("get", format!("{path}/members"), Value::Null),
        ("patch", path.clone(), json!({"name": "Another"})),
        ("get", format!("/keys?organisation={}", world.organisation), Value::Null),
    ] {
        let call = Call::new(method, &path).token(founder);
        let call = if body.is_null() { call } else { call.json(&body) };
        assert_eq!(shop.send(call).await.problem(), required, "{method} {path}");
    }
    let scan = json!({"code": paid.1["ticket_code"], "nonce": "gate-1"});
    for token in [founder, &key] {
        assert_eq!(shop.post("/check-ins", token, scan.clone()).await.problem(), (403, "ticket_foreign".to_owned()));
        assert_eq!(shop.get("/events?mine=true", token).await.json(), json!([]));
    }
    assert_eq!(shop.get(&format!("/events/{event}/settings"), &key).await.problem(), required);
    // They see that they belong to it, and that a factor is required; buying and the rest of the account go on.
    assert_eq!(shop.get(&path, founder).await.json()["requires_second_factor"], true);
    assert_eq!(shop.get("/organisations", founder).await.json().as_array().unwrap().len(), 1);
    assert_eq!(shop.get("/auth/me", founder).await.status, 200);
    // With a factor everything works again, with the same session and the same key.
    let begun = shop.post("/auth/totp", founder, json!({"password": PASSWORD})).await;
    let code = shop.app_shows(&begun.text("secret"));
    assert_eq!(shop.post("/auth/totp/confirm", founder, json!({"code": code})).await.status, 200);
    assert_eq!(shop.get(&format!("/events/{event}/settings"), founder).await.status, 200);
    assert_eq!(shop.get(&format!("/events/{event}/settings"), &key).await.status, 200);
    assert_eq!(shop.post("/check-ins", &key, scan).await.status, 200);
    shop.is_sound().await;
}
