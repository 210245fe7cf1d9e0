//! Administration: finding accounts, making administrators, stopping abusers.

use crate::shop::{Answer, Call, PASSWORD, Shop};
use serde_json::{Value, json};
use std::sync::Arc;
use ticketing_core::domain::account::Role;
use ticketing_core::domain::id::AccountId;

struct Person {
    id: i64,
    token: String,
}

impl Shop {
    async fn person(&self, name: &str) -> Person {
        let token = self.somebody(name).await;
        let id = self.get("/auth/me", &token).await.json()["id"].as_i64().unwrap();
        Person { id, token }
    }

    /// The first administrator, as the command `admin promote` makes one.
    async fn root(&self) -> Person {
        let root = self.person("root").await;
        self.ticketing.set_role(AccountId(root.id), Role::Admin).await.unwrap();
        root
    }

    async fn change_account(&self, by: &Person, id: i64, patch: Value) -> Answer {
        self.send(Call::new("patch", &format!("/admin/accounts/{id}")).token(&by.token).json(&patch)).await
    }

    async fn end_sessions(&self, by: &Person, id: i64) -> Answer {
        self.send(Call::new("delete", &format!("/admin/accounts/{id}/sessions")).token(&by.token)).await
    }

    async fn ids_found(&self, by: &Person, query: &str) -> Vec<i64> {
        let answer = self.get(&format!("/admin/accounts?{query}"), &by.token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().as_array().unwrap().iter().map(|account| account["id"].as_i64().unwrap()).collect()
    }

    async fn audit_of(&self, by: &Person, id: i64) -> Vec<Value> {
        self.get(&format!("/admin/accounts/{id}/audit"), &by.token).await.json().as_array().unwrap().clone()
    }
}

/// The fields at fault, sorted.
fn fields(answer: &Answer) -> Vec<String> {
    let mut fields = answer.wrong_fields();
    fields.sort_unstable();
    fields
}

#[tokio::test]
async fn an_administrator_finds_accounts_and_sees_no_password_hash() {
    let shop = Shop::new().await;
    let (root, ada) = (shop.root().await, shop.person("ada").await);
    let user = json!({"email": "bob@example.org", "username": "Bobby", "password": PASSWORD});
    let bob = shop.post("/users/", "", user).await.json()["id"].as_i64().unwrap();
    assert_eq!(shop.change_account(&root, bob, json!({"is_active": false})).await.status, 200);
    for (query, expected) in [
        ("", &[root.id, ada.id, bob][..]),
        ("query=ADA%40", &[ada.id]),
        ("query=bobb", &[bob]),
        ("query=of+Lagos", &[root.id, ada.id]),
        ("query=%25", &[]),
        ("query=+", &[root.id, ada.id, bob]),
        ("role=admin", &[root.id]),
        ("role=member&active=true", &[ada.id]),
        ("active=false", &[bob]),
        ("limit=1&offset=1", &[ada.id]),
    ] {
        assert_eq!(shop.ids_found(&root, query).await, expected, "{query}");
    }
    let page = shop.get("/admin/accounts?role=member&limit=1&count=true", &root.token).await;
    assert_eq!(page.header("x-total-count"), "2");
    assert_eq!(page.header("link"), "</admin/accounts?offset=1&limit=1&role=member&count=true>; rel=\"next\"");
    let one = shop.get(&format!("/admin/accounts/{bob}"), &root.token).await;
    assert_eq!(one.header("cache-control"), "no-store");
    let (of, is_verified) = (one.json(), json!(false));
    let seen = [&of["email"], &of["username"], &of["role"], &of["is_active"], &of["is_verified"], &of["reason"]];
    assert_eq!(
        seen,
        [&json!("bob@example.org"), &json!("Bobby"), &json!("member"), &json!(false), &is_verified, &Value::Null]
    );
    for answer in [&page, &one, &shop.get("/admin/accounts", &root.token).await] {
        let text = String::from_utf8_lossy(&answer.bytes);
        assert!(!text.contains("argon2") && !text.contains("password") && !text.contains("sessions_ended"), "{text}");
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("offset=-1", "offset"),
        ("query=a%00b", "query"),
        ("role=owner", "role"),
        ("active=maybe", "active"),
    ] {
        let answer = shop.get(&format!("/admin/accounts?{query}"), &root.token).await;
        assert_eq!(fields(&answer), [field], "{query}");
    }
}

#[tokio::test]
async fn nobody_else_administers_or_learns_which_accounts_there_are() {
    let shop = Shop::new().await;
    let (root, ada) = (shop.root().await, shop.person("ada").await);
    for id in [ada.id, root.id, 999] {
        for (method, path) in [("get", ""), ("patch", ""), ("delete", "/sessions"), ("get", "/audit")]
            .map(|(m, p)| (m, format!("/admin/accounts/{id}{p}")))
        {
            let send = async |token: &str| {
                let call = Call::new(method, &path).token(token);
                // A wrong body is not explained to those who may not send it.
                let body = json!({"role": "owner"});
                shop.send(if method == "patch" { call.json(&body) } else { call }).await
            };
            assert_eq!(send("").await.problem(), (401, "unauthenticated".to_owned()), "{method} {path}");
            let refused = send(&ada.token).await;
            assert_eq!(refused.problem(), (403, "forbidden".to_owned()), "{method} {path}");
        }
    }
    assert_eq!(shop.get("/admin/accounts", &ada.token).await.problem(), (403, "forbidden".to_owned()));
    // For an administrator, there is no such account.
    for answer in [
        shop.get("/admin/accounts/999", &root.token).await,
        shop.change_account(&root, 999, json!({"is_active": false})).await,
        shop.end_sessions(&root, 999).await,
        shop.get("/admin/accounts/999/audit", &root.token).await,
    ] {
        assert_eq!(answer.problem(), (404, "not_found".to_owned()));
    }
    assert_eq!(fields(&shop.get("/admin/accounts/ada", &root.token).await), ["account_id"]);
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_and_for_good() {
    let shop = Shop::new().await;
    let (root, abuser) = (shop.root().await, shop.person("abuser").await);
    let reason = "Sells tickets for events that do not exist";
    let off = shop.change_account(&root, abuser.id, json!({"is_active": false, "reason": reason})).await;
    assert_eq!((off.status, off.header("cache-control")), (200, "no-store"));
    assert_eq!((&off.json()["is_active"], &off.json()["reason"]), (&json!(false), &json!(reason)));
    assert_eq!(shop.get("/auth/me", &abuser.token).await.status, 401);
    let log_in = json!({"email": "abuser@example.com", "password": PASSWORD});
    assert_eq!(shop.post("/auth/login", "", log_in).await.status, 401);
    // A repeat changes nothing.
    let again = shop.change_account(&root, abuser.id, json!({"is_active": false})).await;
    assert_eq!((again.status, again.json()), (200, off.json()));
    let on = shop.change_account(&root, abuser.id, json!({"is_active": true})).await;
    assert_eq!((&on.json()["is_active"], &on.json()["reason"]), (&json!(true), &Value::Null));
    assert_eq!(shop.get("/auth/me", &abuser.token).await.status, 401, "the old session does not come back");
    let token = shop.login("abuser").await;
    assert_eq!(shop.get("/auth/me", &token).await.status, 200);
    assert_eq!(shop.end_sessions(&root, abuser.id).await.status, 204);
    assert_eq!(shop.get("/auth/me", &token).await.status, 401);
    assert_eq!(shop.get("/auth/me", &shop.login("abuser").await).await.status, 200);

    let lines = shop.audit_of(&root, abuser.id).await;
    let told: Vec<_> = lines.iter().map(|line| (&line["action"], &line["before"], &line["after"])).collect();
    let expected = [
        ("account.disabled", "active", "disabled"),
        ("account.enabled", "disabled", "active"),
        ("account.sessions_ended", "1", "2"),
    ]
    .map(|(action, before, after)| (json!(action), json!(before), json!(after)));
    assert_eq!(told, expected.iter().map(|(action, before, after)| (action, before, after)).collect::<Vec<_>>());
    assert!(lines.iter().all(|line| line["actor"] == format!("account {}", root.id)));
    let text = serde_json::to_string(&lines).unwrap();
    assert!(!text.contains("Sells") && !text.contains("abuser") && !text.contains("example.com"), "{text}");
    let page = shop.get(&format!("/admin/accounts/{}/audit?limit=1&offset=1&count=true", abuser.id), &root.token).await;
    assert_eq!((page.json()[0]["action"].as_str(), page.header("x-total-count")), (Some("account.enabled"), "3"));
    shop.is_sound().await;
}

#[tokio::test]
async fn a_demoted_administrator_loses_the_rights_with_the_next_request() {
    let shop = Shop::new().await;
    let (root, deputy) = (shop.root().await, shop.person("deputy").await);
    assert_eq!(shop.get("/payments/webhooks", &deputy.token).await.status, 403);
    let promoted = shop.change_account(&root, deputy.id, json!({"role": "admin"})).await;
    assert_eq!(promoted.json()["role"], "admin");
    // The session that there was already has the rights.
    assert_eq!(shop.get("/payments/webhooks", &deputy.token).await.status, 200);
    assert_eq!(shop.ids_found(&deputy, "role=admin").await, [root.id, deputy.id]);
    assert_eq!(shop.change_account(&root, deputy.id, json!({"role": "member"})).await.status, 200);
    for answer in [
        shop.get("/payments/webhooks", &deputy.token).await,
        shop.get("/admin/accounts", &deputy.token).await,
        shop.change_account(&deputy, deputy.id, json!({"role": "admin"})).await,
        shop.end_sessions(&deputy, root.id).await,
    ] {
        assert_eq!(answer.problem(), (403, "forbidden".to_owned()));
    }
    assert_eq!(shop.get("/auth/me", &deputy.token).await.status, 200, "the session goes on");
    let actions: Vec<Value> = shop.audit_of(&root, deputy.id).await.iter().map(|line| line["action"].clone()).collect();
    assert_eq!(actions, ["account.promoted", "account.demoted"]);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let shop = Shop::new().await;
    let (root, deputy) = (shop.root().await, shop.person("deputy").await);
    for patch in [json!({"role": "member"}), json!({"is_active": false}), json!({"role": "member", "is_active": false})]
    {
        assert_eq!(shop.change_account(&root, root.id, patch).await.problem(), (409, "last_admin".to_owned()));
    }
    assert_eq!(shop.audit_of(&root, root.id).await.len(), 1, "the first promotion, and nothing that was refused");
    assert_eq!(shop.change_account(&root, deputy.id, json!({"role": "admin"})).await.status, 200);
    // Two administrators who demote each other at once: one stays.
    let shop = Arc::new(shop);
    let demote = |by: &Person, id: i64| {
        let (shop, by) = (Arc::clone(&shop), Person { id: by.id, token: by.token.clone() });
        tokio::spawn(async move { shop.change_account(&by, id, json!({"role": "member"})).await.status })
    };
    let statuses = [demote(&root, deputy.id), demote(&deputy, root.id)];
    let mut statuses =
        futures_util::future::join_all(statuses).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    statuses.sort_unstable();
    // The second one may be too late to be an administrator at all.
    assert!(statuses == [200, 409] || statuses == [200, 403], "{statuses:?}");
    let left = if shop.get("/admin/accounts", &root.token).await.status == 200 { &root } else { &deputy };
    assert_eq!(shop.ids_found(left, "role=admin&active=true").await, [left.id]);
}

#[tokio::test]
async fn every_wrong_field_is_reported_at_once() {
    let shop = Shop::new().await;
    let (root, ada) = (shop.root().await, shop.person("ada").await);
    for (patch, expected) in [
        (
            json!({"role": 5, "is_active": "no", "reason": 7, "is_verified": true}),
            &["is_active", "is_verified", "reason", "role"][..],
        ),
        (json!({"role": null, "is_active": null}), &["is_active", "role"]),
        (json!({"role": "owner", "reason": "x".repeat(501), "is_active": false}), &["reason", "role"]),
        (json!({"role": "owner", "reason": "a\u{7}b", "is_active": false}), &["reason", "role"]),
        (json!({"reason": "Spam"}), &["reason"]),
        (json!({"reason": "Spam", "is_active": true}), &["reason"]),
        (json!([]), &["body"]),
    ] {
        assert_eq!(fields(&shop.change_account(&root, ada.id, patch.clone()).await), expected, "{patch}");
    }
    let path = format!("/admin/accounts/{}", ada.id);
    let no_json = shop.send(Call::new("patch", &path).token(&root.token).body("text/plain", "x")).await;
    assert_eq!(no_json.problem(), (415, "media_type_unsupported".to_owned()));
    // Nothing was changed, and what says nothing changes nothing.
    for patch in [json!({}), json!({"reason": null}), json!({"role": "member", "is_active": true, "reason": " "})] {
        assert_eq!(shop.change_account(&root, ada.id, patch).await.status, 200);
    }
    assert!(shop.audit_of(&root, ada.id).await.is_empty());
    assert_eq!(shop.get("/auth/me", &ada.token).await.status, 200);
    // A reason can be replaced and emptied.
    for (patch, reason) in [
        (json!({"is_active": false, "reason": " Spam "}), json!("Spam")),
        (json!({"is_active": false, "reason": "Fraud"}), json!("Fraud")),
        (json!({"is_active": false}), json!("Fraud")),
        (json!({"reason": null}), Value::Null),
    ] {
        assert_eq!(shop.change_account(&root, ada.id, patch).await.json()["reason"], reason);
    }
    assert_eq!(shop.audit_of(&root, ada.id).await.len(), 1);
}
