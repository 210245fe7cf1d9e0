//! Invitations to organisations, and what happened to one.

use crate::authorization::World;
use crate::shop::{Answer, Call};
use serde_json::{Value, json};

impl World {
    fn invitations(&self) -> String {
        format!("/organisations/{}/invitations", self.organisation)
    }

    async fn invite(&self, token: &str, email: &str, role: &str) -> Answer {
        self.shop.post(&self.invitations(), token, json!({"email": email, "role": role})).await
    }

    async fn join(&self, session: &str, token: &str) -> Answer {
        self.shop.post("/organisations/join", session, json!({"token": token})).await
    }
}

fn unknown() -> (u16, String) {
    (404, "proof_unknown".to_owned())
}

#[tokio::test]
async fn who_is_invited_registers_and_joins() {
    let world = World::new().await;
    let event = world.organisations_event().await;
    let body = json!({"email": " Grace@example.com ", "role": "door", "event_ids": [event]});
    let invited = world.shop.post(&world.invitations(), &world.organizer, body).await;
    assert_eq!(invited.status, 201, "{invited:?}");
    let invitation = invited.json();
    assert_eq!(
        (&invitation["email"], &invitation["role"], &invitation["event_ids"], &invitation["permissions"]),
        (&json!("Grace@example.com"), &json!("door"), &json!([event]), &json!(["view", "door"]))
    );
    assert!(invitation["inviter_id"].is_i64() && invitation["expires_at"].is_string());
    assert_eq!(world.shop.get(&world.invitations(), &world.organizer).await.json(), json!([invitation]));
    let token = world.shop.token_mailed_to("Grace@example.com").await;
    let mail = world.shop.mailer.sent_to(&"Grace@example.com".parse().unwrap()).pop().unwrap();
    for chosen in ["Lagos", "Jazz", "organizer", "Organizer"] {
        assert!(!mail.text.contains(chosen) && !mail.html.contains(chosen), "no word that a person chose: {chosen}");
    }
    // The address is not verified before.
    let grace = world.shop.somebody("grace").await;
    assert_eq!(world.join(&world.stranger, &token).await.problem(), unknown(), "another address");
    assert_eq!(world.join("", &token).await.status, 401);
    let joined = world.join(&grace, &token.to_lowercase()).await;
    assert_eq!(
        (joined.status, &joined.json()["id"], &joined.json()["role"]),
        (200, &json!(world.organisation), &json!("door"))
    );
    assert_eq!(world.shop.get("/auth/me", &grace).await.json()["is_verified"], true);
    assert_eq!(world.shop.get("/organisations", &grace).await.json()[0]["event_ids"], json!([event]));
    assert_eq!(world.join(&grace, &token).await.problem(), unknown());
    assert_eq!(world.shop.get(&world.invitations(), &world.organizer).await.json(), json!([]));
    let accepted = format!("{}/{}", world.invitations(), invitation["id"]);
    let gone = world.shop.send(Call::new("delete", &accepted).token(&world.organizer)).await;
    assert_eq!(gone.problem(), (404, "invitation_unknown".to_owned()));
    world.shop.is_sound().await;
}

#[tokio::test]
async fn an_invitation_is_withdrawn() {
    let world = World::new().await;
    let (grace, email) = world.verified("grace").await;
    let id = world.invite(&world.organizer, &email, "viewer").await.json()["id"].clone();
    let token = world.shop.token_mailed_to(&email).await;
    let path = format!("{}/{id}", world.invitations());
    assert_eq!(world.shop.delete(&path, &world.stranger).await, 404);
    for _ in 0..2 {
        assert_eq!(world.shop.delete(&path, &world.organizer).await, 204);
    }
    assert_eq!(world.join(&grace, &token).await.problem(), unknown());
    assert_eq!(world.shop.delete(&format!("{}/4711", world.invitations()), &world.organizer).await, 404);
}

#[tokio::test]
async fn what_is_wrong_with_an_invitation_is_said() {
    let world = World::new().await;
    let event = world.organisations_event().await;
    for (body, wrong) in [
        (json!({"email": "x", "role": "door"}), vec!["email"]),
        (json!({"email": "x", "role": "emperor"}), vec!["email", "role"]),
        (json!({"role": "door"}), vec!["email"]),
        (json!({"email": "grace@example.com", "role": "door", "event_ids": []}), vec!["event_ids"]),
        (json!({"email": "grace@example.com", "role": "owner", "event_ids": [event]}), vec!["event_ids"]),
    ] {
        let refused = world.shop.post(&world.invitations(), &world.organizer, body.clone()).await;
        assert_eq!(refused.wrong_fields(), wrong, "{body}");
    }
    let (manager, _) = world.member("manager", "manager", Value::Null).await;
    let refused = world.invite(&manager, "grace@example.com", "owner").await;
    assert_eq!(refused.problem(), (403, "not_granted".to_owned()));
    // Three an hour for one address, whether or not there is an account.
    let (_, known) = world.verified("known").await;
    for email in [known.as_str(), "nobody@example.com"] {
        let mut statuses = vec![];
        for _ in 0..4 {
            statuses.push(world.invite(&world.organizer, email, "viewer").await.status);
        }
        assert_eq!(statuses, [201, 201, 201, 429], "{email}");
    }
    let refused = world.invite(&world.organizer, "nobody@example.com", "viewer").await;
    assert_eq!((refused.problem(), refused.header("retry-after")), ((429, "too_many_proofs".to_owned()), "3600"));
}

#[tokio::test]
async fn a_client_invites_thirty_people_an_hour() {
    let world = World::new().await;
    let (manager, _) = world.member("manager", "manager", Value::Null).await;
    let mut refused = None;
    for number in 0..31 {
        // Of one account, twenty.
        let by = if number % 2 == 0 { &world.organizer } else { &manager };
        let answer = world.invite(by, &format!("a{number}@example.com"), "viewer").await;
        if answer.status != 201 {
            refused = Some((number, answer.problem()));
            break;
        }
    }
    assert_eq!(refused, Some((30, (429, "too_many_proofs".to_owned()))));
}

#[tokio::test]
async fn the_audit_log_of_an_organisation_names_ids_only() {
    let world = World::new().await;
    let path = format!("/organisations/{}/audit", world.organisation);
    let rename = json!({"name": "Lagos Blues"});
    let organisation = format!("/organisations/{}", world.organisation);
    world.shop.send(Call::new("patch", &organisation).token(&world.organizer).json(&rename)).await;
    let event = world.organisations_event().await;
    world.invite(&world.organizer, "grace@example.com", "door").await;
    let audit = world.shop.get(&path, &world.organizer).await;
    let lines = audit.json();
    let actions: Vec<&str> = lines.as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    let expected = ["organisation.founded", "member.added", "organisation.renamed", "event.came", "invitation.made"];
    assert_eq!(actions, expected);
    assert_eq!(lines[3]["subject"], format!("event {event}"));
    let text = lines.to_string();
    assert!(!text.contains("Lagos") && !text.contains('@'), "{text}");
    let page = world.shop.get(&format!("{path}?skip=1&limit=2&count=true"), &world.organizer).await;
    assert_eq!((page.json(), page.header("x-total-count")), (json!([lines[1], lines[2]]), "5"));
    let (viewer, _) = world.member("viewer", "viewer", Value::Null).await;
    assert_eq!(world.shop.get(&path, &viewer).await.problem(), (403, "forbidden".to_owned()));
    assert_eq!(world.shop.get(&path, &world.stranger).await.problem(), (404, "not_found".to_owned()));
}
