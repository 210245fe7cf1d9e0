//! Second factors and sessions: logging in with a code, recovery codes, and the list of sessions.

use crate::shop::{Answer, Call, PASSWORD, Shop};
use serde_json::{Value, json};
use ticketing_core::domain::account::Role;
use ticketing_core::token::code_at;

/// A person with a second factor.
pub(crate) struct Owner {
    pub(crate) token: String,
    pub(crate) id: i64,
    pub(crate) secret: String,
    pub(crate) recovery: Vec<String>,
}

impl Shop {
    /// Registers an account whose address is verified. Returns its token and its id.
    pub(crate) async fn verified(&self, name: &str) -> (String, i64) {
        let token = self.somebody(name).await;
        let id = self.get("/auth/me", &token).await.json()["id"].as_i64().unwrap();
        self.ticketing.mark_verified(id.into()).await.unwrap();
        (token, id)
    }

    /// The code that the app shows now. Lets it be over afterwards: it works once.
    pub(crate) fn app_shows(&self, secret: &str) -> String {
        self.clock.advance(jiff::SignedDuration::from_secs(30));
        code_at(secret, self.now())
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        ticketing_core::clock::Clock::now(&self.clock)
    }

    /// Registers an account with a second factor.
    pub(crate) async fn with_factor(&self, name: &str) -> Owner {
        let (token, id) = self.verified(name).await;
        let begun = self.post("/auth/totp", &token, json!({"password": PASSWORD})).await;
        assert_eq!((begun.status, begun.header("cache-control")), (200, "no-store"));
        let secret = begun.text("secret");
        let confirmed = self.post("/auth/totp/confirm", &token, json!({"code": self.app_shows(&secret)})).await;
        assert_eq!((confirmed.status, confirmed.header("cache-control")), (200, "no-store"));
        let recovery: Vec<String> = serde_json::from_value(confirmed.json()["recovery_codes"].clone()).unwrap();
        assert_eq!(recovery.len(), 8);
        Owner { token, id, secret, recovery }
    }

    async fn password(&self, name: &str) -> Answer {
        let email = format!("{name}@example.com");
        self.post("/auth/login", "", json!({"email": email, "password": PASSWORD})).await
    }

    /// The ticket of a log-in that wants a code.
    pub(crate) async fn ticket(&self, name: &str) -> String {
        let answer = self.password(name).await;
        assert_eq!(answer.problem(), (403, "second_factor_wanted".to_owned()));
        assert!(answer.json()["until"].is_string());
        answer.text("ticket")
    }

    async fn with_code(&self, ticket: &str, code: &str) -> Answer {
        self.post("/auth/second-factor", "", json!({"ticket": ticket, "code": code})).await
    }

    async fn subjects(&self) -> Vec<String> {
        while !self.ticketing.run_upkeep(ticketing_core::Upkeep::default()).await.unwrap().is_idle() {}
        self.mailer.sent().into_iter().map(|mail| mail.subject).collect()
    }
}

fn wrong() -> (u16, String) {
    (403, "second_factor_wrong".to_owned())
}

#[tokio::test]
async fn a_log_in_with_a_second_factor_takes_two_steps() {
    let shop = Shop::new().await;
    let ada = shop.with_factor("ada").await;
    let state = shop.get("/auth/totp", &ada.token).await.json();
    assert_eq!((&state["enabled"], &state["recovery_codes_left"]), (&json!(true), &json!(8)));
    assert!(state["since"].is_string() && state["closed_until"].is_null());
    let ticket = shop.ticket("ada").await;
    for path in ["/auth/me", "/auth/totp", "/auth/sessions", "/orders"] {
        assert_eq!(shop.get(path, &ticket).await.status, 401, "a ticket is no token: {path}");
    }
    assert_eq!(shop.with_code(&ticket, "000000").await.problem(), wrong());
    let code = shop.app_shows(&ada.secret);
    let done = shop.with_code(&ticket, &code).await;
    assert_eq!((done.status, done.header("cache-control")), (200, "no-store"));
    assert_eq!(done.members(), ["access_token", "message", "token_type", "user"]);
    assert_eq!(shop.get("/auth/me", &done.text("access_token")).await.status, 200);
    assert_eq!(shop.with_code(&ticket, &code).await.problem(), wrong(), "a code works once");
    // The OAuth2 form, which older clients use, asks for it too.
    let form = format!("username=ada%40example.com&password={}", PASSWORD.replace(' ', "+"));
    let call = Call::new("post", "/token").body("application/x-www-form-urlencoded", form);
    assert_eq!(shop.send(call).await.problem(), (403, "second_factor_wanted".to_owned()));
    shop.is_sound().await;
}

#[tokio::test]
async fn without_a_second_factor_nothing_changes() {
    let shop = Shop::new().await;
    let (token, _) = shop.verified("ada").await;
    let state = shop.get("/auth/totp", &token).await.json();
    let none = json!({"enabled": false, "since": null, "recovery_codes_left": 0, "closed_until": null});
    assert_eq!(state, none);
    // Begun, and not confirmed.
    let begun = shop.post("/auth/totp", &token, json!({"password": PASSWORD})).await;
    assert!(begun.text("uri").starts_with("otpauth://totp/"), "{begun:?}");
    assert!(begun.text("qr_svg").starts_with("<svg "));
    assert_eq!(shop.get("/auth/totp", &token).await.json(), none);
    let answer = shop.password("ada").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.members(), ["access_token", "message", "token_type", "user"]);
    let off = (409, "second_factor_off".to_owned());
    let both = json!({"password": PASSWORD, "code": "123456"});
    for path in ["/auth/totp/recovery-codes", "/auth/totp/remove"] {
        assert_eq!(shop.post(path, &token, both.clone()).await.problem(), off, "{path}");
    }
    // A wrong password counts like one at a log-in.
    for _ in 0..5 {
        let refused = shop.post("/auth/totp", &token, json!({"password": "wrong one"})).await;
        assert_eq!(refused.status, 401);
    }
    let refused = shop.post("/auth/totp", &token, json!({"password": PASSWORD})).await;
    assert_eq!(refused.problem(), (429, "too_many_logins".to_owned()));
}

#[tokio::test]
async fn a_second_factor_needs_a_verified_address_and_is_added_once() {
    let shop = Shop::new().await;
    let bola = shop.somebody("bola").await;
    let refused = shop.post("/auth/totp", &bola, json!({"password": PASSWORD})).await;
    assert_eq!(refused.problem(), (403, "email_unverified".to_owned()));
    let ada = shop.with_factor("ada").await;
    let on = (409, "second_factor_on".to_owned());
    assert_eq!(shop.post("/auth/totp", &ada.token, json!({"password": PASSWORD})).await.problem(), on);
    let again = shop.post("/auth/totp/confirm", &ada.token, json!({"code": shop.app_shows(&ada.secret)})).await;
    assert_eq!(again.problem(), on);
}

#[tokio::test]
async fn five_wrong_codes_close_the_way_for_fifteen_minutes() {
    let shop = Shop::new().await;
    let ada = shop.with_factor("ada").await;
    let ticket = shop.ticket("ada").await;
    for left in [4, 3, 2, 1] {
        let refused = shop.with_code(&ticket, "000000").await;
        assert_eq!((refused.problem(), &refused.json()["left"]), (wrong(), &json!(left)));
    }
    let closed = (429, "second_factor_closed".to_owned());
    let refused = shop.with_code(&ticket, "no code at all").await;
    assert_eq!((refused.problem(), refused.header("retry-after")), (closed.clone(), "900"));
    assert!(refused.json()["again_at"].is_string());
    assert_eq!(shop.with_code(&ticket, &shop.app_shows(&ada.secret)).await.problem(), closed);
    assert!(shop.get("/auth/totp", &ada.token).await.json()["closed_until"].is_string());
    // The password was right, so these count against nobody's log-in.
    let ticket = shop.ticket("ada").await;
    shop.minutes_pass(15);
    let late = shop.with_code(&ticket, &shop.app_shows(&ada.secret)).await;
    assert_eq!(late.status, 401, "the ticket is too old");
    let ticket = shop.ticket("ada").await;
    assert_eq!(shop.with_code(&ticket, &shop.app_shows(&ada.secret)).await.status, 200);
}

#[tokio::test]
async fn wrong_passwords_before_a_code_are_told() {
    let shop = Shop::new().await;
    let ada = shop.with_factor("ada").await;
    let wrong = json!({"email": "ada@example.com", "password": "wrong one"});
    for _ in 0..2 {
        assert_eq!(shop.post("/auth/login", "", wrong.clone()).await.status, 401);
    }
    let ticket = shop.ticket("ada").await;
    let done = shop.with_code(&ticket, &shop.app_shows(&ada.secret)).await;
    assert_eq!(done.json()["failed_attempts"], 2);
}

#[tokio::test]
async fn recovery_codes_work_once_and_are_renewed() {
    let shop = Shop::new().await;
    let ada = shop.with_factor("ada").await;
    let ticket = shop.ticket("ada").await;
    assert_eq!(shop.with_code(&ticket, &ada.recovery[0].to_lowercase()).await.status, 200);
    assert_eq!(shop.with_code(&ticket, &ada.recovery[0]).await.problem(), wrong());
    assert_eq!(shop.get("/auth/totp", &ada.token).await.json()["recovery_codes_left"], 7);
    let renew = async |password: &str, code: &str| {
        let body = json!({"password": password, "code": code});
        shop.post("/auth/totp/recovery-codes", &ada.token, body).await
    };
    assert_eq!(renew("wrong one", &ada.recovery[1]).await.status, 401);
    assert_eq!(renew(PASSWORD, "000000").await.problem(), wrong());
    let renewed = renew(PASSWORD, &ada.recovery[1]).await;
    assert_eq!((renewed.status, renewed.header("cache-control")), (200, "no-store"));
    let new: Vec<String> = serde_json::from_value(renewed.json()["recovery_codes"].clone()).unwrap();
    assert_eq!(shop.with_code(&ticket, &ada.recovery[2]).await.problem(), wrong());
    let remove = json!({"password": PASSWORD, "code": new[0]});
    assert_eq!(shop.post("/auth/totp/remove", &ada.token, remove).await.status, 204);
    assert_eq!(shop.password("ada").await.status, 200);
    let subjects = shop.subjects().await;
    let count = |subject: &str| subjects.iter().filter(|found| *found == subject).count();
    assert_eq!(count("A second factor was added to your account"), 1);
    assert_eq!(count("A recovery code of your account was used"), 3);
    assert_eq!(count("The second factor of your account was removed"), 1);
}

#[tokio::test]
async fn a_code_and_a_recovery_code_sent_eight_times_at_once_log_in_once() {
    let shop = Shop::new().await;
    for (name, is_app) in [("ada", true), ("bola", false)] {
        let owner = shop.with_factor(name).await;
        let ticket = shop.ticket(name).await;
        let code = if is_app { shop.app_shows(&owner.secret) } else { owner.recovery[0].clone() };
        let all: [Answer; 8] = {
            let send = || shop.with_code(&ticket, &code);
            let (a, b, c, d, e, f, g, h) = tokio::join!(send(), send(), send(), send(), send(), send(), send(), send());
            [a, b, c, d, e, f, g, h]
        };
        assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1, "{name}");
        assert!(all.iter().all(|answer| matches!(answer.status, 200 | 403 | 429)), "{name}");
    }
}

#[tokio::test]
async fn an_administrator_removes_a_factor_that_was_lost() {
    let shop = Shop::new().await;
    let ada = shop.with_factor("ada").await;
    let admin = shop.somebody("admin").await;
    let admin_id = shop.get("/auth/me", &admin).await.json()["id"].as_i64().unwrap();
    shop.ticketing.set_role(admin_id.into(), Role::Admin).await.unwrap();
    let path = format!("/admin/accounts/{}", ada.id);
    assert_eq!(shop.get(&path, &admin).await.json()["has_second_factor"], true);
    let patch = async |token: &str, value: Value| {
        shop.send(Call::new("patch", &path).token(token).json(&json!({"remove_second_factor": value}))).await
    };
    assert_eq!(patch(&ada.token, json!(true)).await.status, 403);
    assert_eq!(patch(&admin, json!(false)).await.json()["has_second_factor"], true);
    let removed = patch(&admin, json!(true)).await;
    assert_eq!((removed.status, &removed.json()["has_second_factor"]), (200, &json!(false)));
    assert_eq!(shop.password("ada").await.status, 200);
    let audit = shop.get(&format!("{path}/audit"), &admin).await.json();
    assert_eq!(audit.as_array().unwrap().last().unwrap()["action"], "account.second_factor_removed");
    assert_eq!(shop.subjects().await.last().unwrap(), "The second factor of your account was removed");
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let shop = Shop::new().await;
    let (first, _) = shop.verified("ada").await;
    let log_in = json!({"email": "ada@example.com", "password": PASSWORD});
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let call = Call::new("post", "/auth/login").header("user-agent", agent).json(&log_in);
    let second = shop.send(call).await.text("access_token");
    let third = shop.login("ada").await;
    let list = shop.get("/auth/sessions?count=true", &second).await;
    assert_eq!(list.header("x-total-count"), "3");
    let list = list.json();
    let clients: Vec<&Value> = list.as_array().unwrap().iter().map(|session| &session["client"]).collect();
    assert_eq!(clients, [&Value::Null, &json!("Firefox on Windows"), &Value::Null]);
    let current: Vec<&Value> = list.as_array().unwrap().iter().map(|session| &session["current"]).collect();
    assert_eq!(current, [&json!(false), &json!(true), &json!(false)]);
    let end = async |id: &Value, token: &str| {
        shop.send(Call::new("delete", &format!("/auth/sessions/{id}")).token(token)).await
    };
    let stranger = shop.somebody("stranger").await;
    assert_eq!(end(&list[0]["id"], &stranger).await.status, 404);
    assert_eq!(end(&list[0]["id"], &second).await.status, 204);
    assert_eq!(end(&list[0]["id"], &second).await.status, 204, "a repeat changes nothing");
    assert_eq!(shop.get("/auth/me", &third).await.status, 401, "with the next request");
    assert_eq!(shop.get("/auth/me", &first).await.status, 200);
    assert_eq!(end(&json!("x"), &second).await.wrong_fields(), ["session_id"]);
    let others = shop.post("/auth/sessions/end-others", &second, json!({})).await;
    assert_eq!((others.status, &others.json()["ended"]), (200, &json!(1)));
    assert_eq!(shop.get("/auth/me", &first).await.status, 401);
    assert_eq!(shop.get("/auth/me", &second).await.status, 200);
    assert_eq!(shop.get("/auth/me", &stranger).await.status, 200);
    assert_eq!(shop.post("/auth/sessions/end-others", &second, json!({})).await.json()["ended"], 0);
    // Logging out ends this one too.
    assert_eq!(shop.post("/auth/logout", &second, json!({})).await.status, 204);
    assert_eq!(shop.get("/auth/me", &second).await.status, 401);
    shop.is_sound().await;
}

#[tokio::test]
async fn no_answer_with_a_secret_is_kept_for_repeats() {
    let shop = Shop::new().await;
    let (token, _) = shop.verified("ada").await;
    let keyed = |path: &str, token: &str, body: Value| {
        shop.send(Call::new("post", path).token(token).header("idempotency-key", "one").json(&body))
    };
    let first = keyed("/auth/totp", &token, json!({"password": PASSWORD})).await.text("secret");
    let begun = keyed("/auth/totp", &token, json!({"password": PASSWORD})).await;
    assert_ne!(begun.text("secret"), first);
    let code = shop.app_shows(&begun.text("secret"));
    assert_eq!(keyed("/auth/totp/confirm", &token, json!({"code": code})).await.status, 200);
    assert_eq!(keyed("/auth/totp/confirm", &token, json!({"code": code})).await.status, 409);
}

#[tokio::test]
async fn a_code_is_asked_for_at_a_new_password_and_a_new_address() {
    let shop = Shop::new().await;
    let ada = shop.with_factor("ada").await;
    let mut codes = ada.recovery.iter();
    for (path, body) in [
        ("/auth/change-email", json!({"email": "ada@example.org", "password": PASSWORD})),
        ("/auth/change-password", json!({"current_password": PASSWORD, "new_password": "another good one"})),
    ] {
        let with = |code: &str| {
            let mut body = body.clone();
            body["code"] = json!(code);
            body
        };
        assert_eq!(shop.post(path, &ada.token, body.clone()).await.wrong_fields(), ["code"], "{path}");
        assert_eq!(shop.post(path, &ada.token, with("000000")).await.problem(), wrong(), "{path}");
        let done = shop.post(path, &ada.token, with(codes.next().unwrap())).await;
        assert!(done.status < 300, "{path}: {done:?}");
    }
    // A fault of the request uses up no code.
    let (bola, code) = (shop.with_factor("bola").await, json!("000000"));
    let weak = json!({"current_password": PASSWORD, "new_password": "password1", "code": code});
    assert_eq!(shop.post("/auth/change-password", &bola.token, weak).await.wrong_fields(), ["new_password"]);
    let same = json!({"email": "bola@example.com", "password": PASSWORD, "code": code});
    assert_eq!(shop.post("/auth/change-email", &bola.token, same).await.wrong_fields(), ["email"]);
}
