//! Addresses that are verified, passwords that are forgotten or changed, addresses that are changed; and the page that mails link to.

use crate::shop::{Answer, Call, Mails, PASSWORD, PROOF_URL, Shop, state};
use poem::http::HeaderMap;
use poem::test::TestClient;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::organisation::{MemberEvents, MemberRole};
use ticketing_core::domain::principal::Principal;
use ticketing_core::domain::proof::ProofPurpose;
use ticketing_core::mailer::memory::MemoryMailer;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::testing::ManualClock;
use ticketing_core::token::TokenKey;
use ticketing_core::{Registration, Ticketing, Upkeep};
use ticketing_http::api::ApiSettings;
use ticketing_http::config::{Config, Source};

const ANOTHER: &str = "another good one";

impl Shop {
    /// A token of this purpose, of a new account with this address.
    pub(crate) async fn proof(&self, purpose: ProofPurpose, email: &str) -> String {
        let account = self.ticketing.register(Registration::new(email, "New Person", PASSWORD)).await.unwrap();
        match purpose {
            ProofPurpose::VerifyEmail => self.ticketing.send_verification(account.id).await.unwrap(),
            ProofPurpose::ResetPassword => self.ticketing.forgot_password(email).await.unwrap(),
            _ => {
                let to = format!("moved-{email}");
                self.ticketing.change_email(account.id, PASSWORD, &to).await.unwrap();
                let change = self.token_mailed_to(&to).await;
                if purpose == ProofPurpose::ChangeEmail {
                    return change;
                }
                self.ticketing.confirm_email(&change).await.unwrap();
            }
        }
        self.token_mailed_to(email).await
    }

    async fn ask(&self, path: &str, body: Value) -> Answer {
        self.post(path, "", body).await
    }

    async fn log_in(&self, email: &str, password: &str) -> u16 {
        self.ask("/auth/login", json!({"email": email, "password": password})).await.status
    }

    async fn mails(&self) -> usize {
        while !self.ticketing.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {}
        self.mailer.sent().len()
    }
}

fn unknown() -> (u16, String) {
    (404, "proof_unknown".to_owned())
}

#[tokio::test]
async fn a_new_account_is_asked_to_confirm_its_address() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    assert_eq!(shop.get("/auth/me", &ada).await.json()["is_verified"], false);
    let token = shop.token_mailed_to("ada@example.com").await;
    let verify = async |token: &str| shop.ask("/auth/verify-email", json!({"token": token})).await;
    assert_eq!(verify(&token.to_lowercase()).await.status, 204);
    assert_eq!(shop.get("/auth/me", &ada).await.json()["is_verified"], true);
    assert_eq!(verify(&token).await.problem(), unknown());
    assert_eq!(verify("tkp_1_nonsense").await.problem(), unknown());
    // There is nothing to confirm any more.
    let mails = shop.mails().await;
    assert_eq!(shop.post("/auth/send-verification", &ada, json!({})).await.status, 202);
    assert_eq!(shop.mails().await, mails);
    shop.is_sound().await;
}

#[tokio::test]
async fn the_verification_mail_is_sent_again_three_times_an_hour() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let again = async || shop.post("/auth/send-verification", &ada, json!({})).await;
    // The first was sent when the account was created.
    assert_eq!([again().await.status, again().await.status], [202, 202]);
    let refused = again().await;
    assert_eq!(refused.problem(), (429, "too_many_proofs".to_owned()));
    assert_eq!(refused.header("retry-after"), "3600");
    assert!(refused.json()["again_at"].is_string());
    shop.minutes_pass(60);
    assert_eq!(again().await.status, 202);
}

#[tokio::test]
async fn no_mail_is_sent_where_the_settings_say_so_or_too_many_register() {
    let quiet = Shop::with(ApiSettings { verify_emails: false, ..ApiSettings::default() }).await;
    quiet.somebody("ada").await;
    assert_eq!(quiet.mails().await, 0);
    let shop = Shop::new().await;
    for number in 0..102 {
        let body =
            json!({"email": format!("a{number}@example.com"), "username": format!("a{number}"), "password": PASSWORD});
        assert_eq!(shop.ask("/users/", body).await.status, 201, "no registration fails because of it");
    }
    assert_eq!(shop.mails().await, 100);
}

#[tokio::test]
async fn a_forgotten_password_is_replaced() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let answer = shop.ask("/auth/forgot-password", json!({"email": "ADA@example.com"})).await;
    assert_eq!(answer.status, 202);
    let token = shop.token_mailed_to("ada@example.com").await;
    let reset = async |token: &str, password: &str| {
        shop.ask("/auth/reset-password", json!({"token": token, "password": password})).await
    };
    assert_eq!(reset(&token, "password1").await.wrong_fields(), ["password"]);
    assert_eq!(reset(&token, "short").await.wrong_fields(), ["password"]);
    assert_eq!(shop.get("/auth/me", &ada).await.status, 200);
    assert_eq!(reset(&token, ANOTHER).await.status, 204);
    assert_eq!(shop.get("/auth/me", &ada).await.problem(), (401, "unauthenticated".to_owned()), "old sessions end");
    assert_eq!(
        (shop.log_in("ada@example.com", PASSWORD).await, shop.log_in("ada@example.com", ANOTHER).await),
        (401, 200)
    );
    assert_eq!(reset(&token, PASSWORD).await.problem(), unknown());
    shop.mails().await;
    let mails = shop.mailer.sent_to(&"ada@example.com".parse().unwrap());
    assert_eq!(mails.last().unwrap().subject, "Your password was changed");
    // After half an hour.
    shop.ask("/auth/forgot-password", json!({"email": "ada@example.com"})).await;
    let late = shop.token_mailed_to("ada@example.com").await;
    shop.minutes_pass(30);
    assert_eq!(reset(&late, PASSWORD).await.problem(), unknown());
    shop.is_sound().await;
}

#[tokio::test]
async fn every_address_gets_the_same_answer() {
    let shop = Shop::new().await;
    shop.somebody("ada").await;
    let mails = shop.mails().await;
    let mut answers = vec![];
    for email in ["ada@example.com", "nobody@example.com"] {
        let mut of_one = vec![];
        for _ in 0..4 {
            let began = std::time::Instant::now();
            let answer = shop.ask("/auth/forgot-password", json!({"email": email})).await;
            assert!(began.elapsed() >= std::time::Duration::from_millis(100), "longer than the database takes");
            let headers: Vec<String> =
                answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
            let mut headers: Vec<String> =
                headers.into_iter().filter(|line| !line.starts_with("x-request-id")).collect();
            headers.sort_unstable();
            of_one.push((answer.status, headers, answer.bytes));
        }
        assert_eq!(of_one.iter().map(|answer| answer.0).collect::<Vec<_>>(), [202, 202, 202, 429]);
        answers.push(of_one);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(shop.mails().await, mails + 1, "the newest replaces the others, and the other address gets none");
    assert_eq!(shop.ask("/auth/forgot-password", json!({"email": "nobody"})).await.wrong_fields(), ["email"]);
}

#[tokio::test]
async fn a_client_requests_ten_mails_an_hour() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let forgot = async |number: usize| {
        shop.ask("/auth/forgot-password", json!({"email": format!("a{number}@example.com")})).await
    };
    for number in 0..10 {
        assert_eq!(forgot(number).await.status, 202);
    }
    let refused = forgot(10).await;
    assert_eq!(refused.problem(), (429, "too_many_proofs".to_owned()));
    assert_eq!(refused.header("retry-after"), "360");
    assert_eq!(shop.post("/auth/send-verification", &ada, json!({})).await.status, 429);
    let change = json!({"email": "new@example.com", "password": PASSWORD});
    assert_eq!(shop.post("/auth/change-email", &ada, change).await.status, 429);
    shop.minutes_pass(6);
    assert_eq!(forgot(10).await.status, 202);
}

#[tokio::test]
async fn a_password_is_changed_and_the_answer_has_a_new_session() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let change = async |session: &str, current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        shop.post("/auth/change-password", session, body).await
    };
    assert_eq!(change("", PASSWORD, ANOTHER).await.status, 401);
    assert_eq!(change(&ada, "wrong", ANOTHER).await.problem(), (401, "unauthenticated".to_owned()));
    assert_eq!(change(&ada, PASSWORD, "password1").await.wrong_fields(), ["new_password"]);
    let changed = change(&ada, PASSWORD, ANOTHER).await;
    assert_eq!((changed.status, changed.header("cache-control")), (200, "no-store"));
    assert_eq!(shop.get("/auth/me", &ada).await.status, 401);
    let fresh = changed.text("access_token");
    assert_eq!(shop.get("/auth/me", &fresh).await.status, 200);
    assert_eq!(
        (shop.log_in("ada@example.com", PASSWORD).await, shop.log_in("ada@example.com", ANOTHER).await),
        (401, 200)
    );
}

/// A thief of a session cannot find out the password with it.
#[tokio::test]
async fn a_stolen_session_does_not_allow_guessing() {
    for path in ["/auth/change-password", "/auth/change-email"] {
        let shop = Shop::new().await;
        let ada = shop.somebody("ada").await;
        let guess = async |password: &str| {
            let body = match path {
                "/auth/change-password" => json!({"current_password": password, "new_password": ANOTHER}),
                _ => json!({"password": password, "email": "new@example.com"}),
            };
            shop.post(path, &ada, body).await.problem()
        };
        for number in 0..5 {
            assert_eq!(guess(&format!("guess {number}")).await, (401, "unauthenticated".to_owned()));
        }
        assert_eq!(guess(PASSWORD).await, (429, "too_many_logins".to_owned()), "{path}");
        assert_eq!(shop.log_in("ada@example.com", PASSWORD).await, 429, "it is one count");
    }
}

#[tokio::test]
async fn an_address_is_changed_and_the_change_undone() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    shop.somebody("bob").await;
    let change = async |password: &str, email: &str| {
        shop.post("/auth/change-email", &ada, json!({"password": password, "email": email})).await
    };
    assert_eq!(change("wrong", "new@example.com").await.problem(), (401, "unauthenticated".to_owned()));
    assert_eq!(change(PASSWORD, "bob@example.com").await.problem(), (400, "email_taken".to_owned()));
    assert_eq!(change(PASSWORD, "ada@example.com").await.wrong_fields(), ["email"]);
    assert_eq!(change(PASSWORD, "new@example.com").await.status, 202);
    let email = async || shop.get("/auth/me", &ada).await.text("email");
    assert_eq!(email().await, "ada@example.com", "until it is confirmed");
    let confirm = shop.token_mailed_to("new@example.com").await;
    let use_at = async |path: &str, token: &str| shop.ask(path, json!({"token": token})).await;
    assert_eq!(use_at("/auth/undo-email-change", &confirm).await.problem(), unknown(), "it is for something else");
    assert_eq!(use_at("/auth/confirm-email", &confirm).await.status, 204);
    assert_eq!(email().await, "new@example.com", "sessions go on");
    assert_eq!(use_at("/auth/confirm-email", &confirm).await.problem(), unknown());
    let undo = shop.token_mailed_to("ada@example.com").await;
    // Nobody else gets the old address meanwhile.
    let thief = json!({"email": "ada@example.com", "name": "Thief", "password": PASSWORD});
    assert_eq!(shop.ask("/auth/register", thief).await.problem(), (400, "email_taken".to_owned()));
    assert_eq!(use_at("/auth/undo-email-change", &undo).await.status, 204);
    assert_eq!(shop.get("/auth/me", &ada).await.status, 401);
    assert_eq!(shop.log_in("ada@example.com", PASSWORD).await, 401, "the thief may know the password");
    let reset = shop.token_mailed_to("ada@example.com").await;
    let body = json!({"token": reset, "password": ANOTHER});
    assert_eq!(shop.ask("/auth/reset-password", body).await.status, 204);
    assert_eq!(
        (shop.log_in("ada@example.com", ANOTHER).await, shop.log_in("new@example.com", ANOTHER).await),
        (200, 401)
    );
    shop.is_sound().await;
}

#[tokio::test]
async fn a_new_address_that_is_registered_first_is_refused() {
    let shop = Shop::new().await;
    let token = shop.proof(ProofPurpose::ChangeEmail, "ada@example.com").await;
    shop.ticketing.register(Registration::new("moved-ada@example.com", "Other", PASSWORD)).await.unwrap();
    let refused = shop.ask("/auth/confirm-email", json!({"token": token})).await;
    assert_eq!(refused.problem(), (400, "email_taken".to_owned()));
}

/// The address is a victim's, and the account was made by somebody else.
#[tokio::test]
async fn a_squatted_address_goes_back_to_its_owner_with_its_tickets() {
    let shop = Shop::new().await;
    let squatter = json!({"email": "ada@example.com", "username": "squatter", "password": PASSWORD});
    assert_eq!(shop.ask("/users/", squatter).await.status, 201);
    let theirs = shop.login("ada").await;
    let organizer = shop.somebody("organizer").await;
    let event = shop.event(&organizer, "0", None).await;
    let order = shop.post("/orders", &theirs, json!({"event_id": event, "lines": [{"quantity": 1}]})).await;
    assert_eq!(order.status, 201);
    shop.ask("/auth/forgot-password", json!({"email": "ada@example.com"})).await;
    let token = shop.token_mailed_to("ada@example.com").await;
    assert_eq!(shop.ask("/auth/reset-password", json!({"token": token, "password": ANOTHER})).await.status, 204);
    assert_eq!(shop.get("/auth/me", &theirs).await.status, 401);
    assert_eq!(shop.log_in("squatter", ANOTHER).await, 401, "the name is gone");
    let own = shop.ask("/auth/login", json!({"email": "ada@example.com", "password": ANOTHER})).await;
    let own = own.text("access_token");
    assert_eq!(shop.get("/orders", &own).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_given_again_to_the_same_key() {
    let shop = Shop::new().await;
    let token = shop.proof(ProofPurpose::ResetPassword, "ada@example.com").await;
    let reset = async || {
        let call = Call::new("post", "/auth/reset-password").header("idempotency-key", "k1");
        shop.send(call.json(&json!({"token": token, "password": ANOTHER}))).await
    };
    assert_eq!(reset().await.status, 204);
    let again = reset().await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (204, "true"));
}

/// The whole server with its page, and what it logs.
struct Site {
    client: TestClient<ticketing_http::stack::MiddlewareStack<ticketing_http::app::Routes>>,
    ticketing: Ticketing,
    mailer: Arc<MemoryMailer>,
}

struct Page {
    status: u16,
    headers: HeaderMap,
    html: String,
}

impl Site {
    fn open() -> Self {
        let (mailer, clock) = (Arc::new(MemoryMailer::new()), ManualClock::default());
        let ticketing = Ticketing::builder(MemoryStorage::new())
            .clock(Arc::new(clock.clone()))
            .mailer(Mails(Arc::clone(&mailer)))
            .proof_url(PROOF_URL)
            .weak_password_hashes()
            .token_key(TokenKey::new(&[7; 32]).unwrap())
            .build()
            .unwrap();
        let config = Config::read(&Source::of([("RATE_LIMIT_REQUESTS", "0")])).unwrap();
        let settings = ticketing_http::app::settings(&config);
        let app = ticketing_http::app::app(state(ticketing.clone(), clock, settings), None, &config);
        Self { client: TestClient::new(app), ticketing, mailer }
    }

    async fn token_mailed_to(&self, email: &str) -> String {
        while !self.ticketing.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {}
        let mails = self.mailer.sent_to(&email.parse().unwrap());
        let (_, link) = mails.last().unwrap().text.split_once("?token=").unwrap();
        link.split_whitespace().next().unwrap().to_owned()
    }

    async fn show(&self, token: &str) -> Page {
        page(self.client.get(format!("/account/proof?token={token}")).send().await.0).await
    }

    /// As a browser sends the form of the page: to the page's own address, without a referrer and so without an origin.
    async fn press(&self, token: &str, fields: &str) -> Page {
        let request = self.client.post(format!("/account/proof?token={token}")).header("origin", "null");
        let request = request.content_type("application/x-www-form-urlencoded");
        page(request.body(format!("token={token}{fields}")).send().await.0).await
    }
}

/// A page, with what every one of them must have.
async fn page(response: poem::Response) -> Page {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let html = response.into_body().into_string().await.unwrap();
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!((header("cache-control"), header("referrer-policy")), ("no-store".to_owned(), "no-referrer".to_owned()));
    assert_eq!((header("x-robots-tag"), header("x-frame-options")), ("noindex".to_owned(), "DENY".to_owned()));
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("form-action 'self'"));
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert!(html.contains("<html lang=\"en\">") && html.contains("name=\"viewport\"") && !html.contains("<script"));
    Page { status, headers, html }
}

#[tokio::test]
async fn a_link_shows_what_it_is_for_and_only_its_button_does_it() {
    let site = Site::open();
    let ada = site.ticketing.register(Registration::new("ada@example.com", "Ada", PASSWORD)).await.unwrap();
    site.ticketing.send_verification(ada.id).await.unwrap();
    let token = site.token_mailed_to("ada@example.com").await;
    for _ in 0..3 {
        let shown = site.show(&token).await;
        assert_eq!((shown.status, shown.html.matches("<button").count()), (200, 1));
        assert!(shown.html.contains("Confirm your e-mail address") && shown.html.contains("method=\"post\""));
    }
    let is_verified = async || site.ticketing.find_account("ada@example.com").await.unwrap().unwrap().is_verified;
    assert!(!is_verified().await, "programs that check mails follow links");
    let head = site.client.head(format!("/account/proof?token={token}")).send().await;
    head.assert_status_is_ok();
    assert!(!is_verified().await);
    let done = site.press(&token, "").await;
    assert!(done.status == 200 && done.html.contains("Your address is confirmed") && is_verified().await);
    // Wrong, used, expired: one page.
    let used = site.press(&token, "").await;
    for other in [site.show(&token).await, site.show("tkp_7_wrong").await, site.show("").await] {
        assert_eq!((other.status, &other.html), (404, &used.html));
        assert!(other.html.contains("newest mail") && !other.html.contains("<form"));
    }
    for body in ["", "token=%FF", "other=1"] {
        let request = site.client.post("/account/proof").content_type("application/x-www-form-urlencoded").body(body);
        assert_eq!(page(request.send().await.0).await.status, 404, "{body}");
    }
    site.client.put("/account/proof").send().await.assert_status(poem::http::StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_new_password_is_chosen_on_the_page() {
    let site = Site::open();
    site.ticketing.register(Registration::new("ada@example.com", "Ada", PASSWORD)).await.unwrap();
    let session = site.ticketing.login("ada@example.com", PASSWORD).await.unwrap();
    site.ticketing.forgot_password("ada@example.com").await.unwrap();
    let token = site.token_mailed_to("ada@example.com").await;
    let shown = site.show(&token).await;
    for part in
        ["<label for=\"password\">", "id=\"password\"", "autocomplete=\"new-password\"", "aria-describedby=\"hint\""]
    {
        assert!(shown.html.contains(part), "{part}");
    }
    assert!(!shown.html.contains("role=\"alert\""));
    for (fields, says) in
        [("&password=short", "at least 8 characters"), ("", "at least 8"), ("&password=password1", "most common")]
    {
        let refused = site.press(&token, fields).await;
        assert_eq!(refused.status, 422);
        // Next to the field, announced, and named by it.
        for part in [
            "id=\"error\" role=\"alert\">The password must",
            says,
            "aria-describedby=\"hint error\" aria-invalid=\"true\"",
        ] {
            assert!(refused.html.contains(part), "{part} in {}", refused.html);
        }
        assert!(refused.html.contains("<title>Error: ") && !refused.html.contains("short"), "no password is repeated");
    }
    assert!(site.ticketing.authenticate(&session.token).await.is_ok());
    let done = site.press(&token, "&password=another+good+one").await;
    assert!(done.status == 200 && done.html.contains("You have a new password"), "{}", done.html);
    assert!(site.ticketing.authenticate(&session.token).await.is_err());
    assert!(site.ticketing.login("ada@example.com", ANOTHER).await.is_ok());
    assert_eq!(site.press(&token, "&password=yet+another+one").await.status, 404);
    assert!(site.ticketing.login("ada@example.com", ANOTHER).await.is_ok());
}

#[tokio::test]
async fn an_address_is_changed_and_given_back_on_the_page() {
    let site = Site::open();
    let ada = site.ticketing.register(Registration::new("ada@example.com", "Ada", PASSWORD)).await.unwrap();
    site.ticketing.change_email(ada.id, PASSWORD, "new@example.com").await.unwrap();
    let change = site.token_mailed_to("new@example.com").await;
    assert!(site.show(&change).await.html.contains("Use this address"));
    assert_eq!(site.press(&change, "").await.status, 200);
    let undo = site.token_mailed_to("ada@example.com").await;
    assert!(site.show(&undo).await.html.contains("Undo the change"));
    let done = site.press(&undo, "").await;
    assert!(done.status == 200 && done.html.contains("We are mailing you a link"), "{}", done.html);
    let reset = site.token_mailed_to("ada@example.com").await;
    assert_eq!(site.press(&reset, "&password=another+good+one").await.status, 200);
    assert!(site.ticketing.login("ada@example.com", ANOTHER).await.is_ok());
    // Taken meanwhile.
    let bob = site.ticketing.register(Registration::new("bob@example.com", "Bob", PASSWORD)).await.unwrap();
    site.ticketing.change_email(bob.id, PASSWORD, "free@example.com").await.unwrap();
    let late = site.token_mailed_to("free@example.com").await;
    site.ticketing.register(Registration::new("free@example.com", "Cy", PASSWORD)).await.unwrap();
    let taken = site.press(&late, "").await;
    assert_eq!(taken.status, 400);
    assert!(taken.html.contains("belongs to another account") && taken.headers.contains_key("content-security-policy"));
}

/// Where the log goes, to be read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_tells_of_every_step_and_has_no_token_and_no_address() {
    let log = Log::default();
    let to = log.clone();
    // Without times: six digits of one could be those of the code.
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).without_time();
    let subscriber = subscriber.with_writer(move || to.clone()).finish();
    // With one subscriber alone, tracing asks the thread that reaches a line first, which may be another test's without one.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let _guard = tracing::subscriber::set_default(subscriber);
    let site = Site::open();
    let post = async |path: &str, session: &str, body: Value| {
        let request = site.client.post(path).header("authorization", format!("Bearer {session}"));
        let response = request.body_json(&body).send().await.0;
        let status = response.status().as_u16();
        assert!(status < 300, "{path}: {status}");
        response.into_body().into_json::<Value>().await.unwrap_or_default()
    };
    let person = json!({"email": "ada@example.com", "name": "Ada", "password": PASSWORD});
    post("/auth/register", "", person).await;
    let mut tokens = vec![site.token_mailed_to("ada@example.com").await];
    site.show(&tokens[0]).await;
    site.press(&tokens[0], "").await;
    post("/auth/forgot-password", "", json!({"email": "ada@example.com"})).await;
    tokens.push(site.token_mailed_to("ada@example.com").await);
    site.show(&tokens[1]).await;
    site.press(&tokens[1], "&password=another+good+one").await;
    let session = post("/auth/login", "", json!({"email": "ada@example.com", "password": ANOTHER})).await;
    let session = session["access_token"].as_str().unwrap().to_owned();
    let passwords = json!({"current_password": ANOTHER, "new_password": PASSWORD});
    let session = post("/auth/change-password", &session, passwords).await["access_token"].as_str().unwrap().to_owned();
    post("/auth/change-email", &session, json!({"password": PASSWORD, "email": "new@example.com"})).await;
    tokens.push(site.token_mailed_to("new@example.com").await);
    post("/auth/confirm-email", "", json!({"token": tokens[2]})).await;
    tokens.push(site.token_mailed_to("ada@example.com").await);
    post("/auth/undo-email-change", "", json!({"token": tokens[3]})).await;
    site.show(&tokens[3]).await;
    let person = json!({"email": "bob@example.com", "name": "Bob", "password": PASSWORD});
    post("/auth/register", "", person).await;
    let session = post("/auth/login", "", json!({"email": "bob@example.com", "password": PASSWORD})).await;
    let asked = post("/auth/send-code", session["access_token"].as_str().unwrap(), json!({})).await;
    tokens.push(asked["challenge"].as_str().unwrap().to_owned());
    let code = code_mailed_to(&site.ticketing, &site.mailer, "bob@example.com").await;
    post("/auth/verify-email", "", json!({"challenge": tokens[4], "code": code})).await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for event in [
        "proof_requested",
        "email_verified",
        "password_reset",
        "password_changed",
        "email_changed",
        "email_change_undone",
    ] {
        assert!(text.contains(&format!("event=\"{event}\"")), "{event} in {text}");
    }
    assert!(text.contains("path=\"/account/proof\""), "{text}");
    for token in &tokens {
        let symbols = token.rsplit('_').next().unwrap();
        assert!(!text.contains(token) && !text.contains(symbols), "{token}");
    }
    for secret in
        [PASSWORD, ANOTHER, "another+good+one", "ada@example.com", "new@example.com", "bob@example.com", &code]
    {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_page_says_how_an_invitation_is_accepted() {
    let site = Site::open();
    let ada = site.ticketing.register(Registration::new("ada@example.com", "Ada", PASSWORD)).await.unwrap();
    site.ticketing.mark_verified(ada.id).await.unwrap();
    let band = site.ticketing.found_organisation(ada.id, "Evil <b> name", None).await.unwrap();
    let (by, address) = (Actor::Person(Principal::Account(ada.id)), "bob@example.com".parse().unwrap());
    let invite = site.ticketing.invite_member(&by, band.id, &address, MemberRole::Door, MemberEvents::All);
    let invitation = invite.await.unwrap();
    let token = site.token_mailed_to("bob@example.com").await;
    for shown in [site.show(&token).await, site.press(&token, "").await] {
        assert_eq!((shown.status, shown.html.matches("<button").count()), (200, 0));
        assert!(shown.html.contains(&token) && shown.html.contains("Log in") && !shown.html.contains("Evil"));
    }
    assert_eq!(
        site.ticketing.invitations(&by, band.id).await.unwrap(),
        [invitation],
        "nobody joins without an account"
    );
    let bob = site.ticketing.register(Registration::new("bob@example.com", "Bob", PASSWORD)).await.unwrap();
    site.ticketing.join_organisation(bob.id, &token).await.unwrap();
    assert_eq!(site.show(&token).await.status, 404);
}

/// The code of the last mail to this address.
async fn code_mailed_to(ticketing: &Ticketing, mailer: &MemoryMailer, email: &str) -> String {
    while !ticketing.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {}
    let mail = mailer.sent_to(&email.parse().unwrap()).pop().unwrap();
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    mail.text.lines().map(str::trim).find(is_code).unwrap_or_else(|| panic!("{}", mail.text)).to_owned()
}

#[tokio::test]
async fn an_address_is_confirmed_by_a_code() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let asked = shop.post("/auth/send-code", &ada, json!({})).await;
    assert_eq!((asked.status, asked.header("cache-control")), (202, "no-store"));
    let challenge = asked.text("challenge");
    let code = code_mailed_to(&shop.ticketing, &shop.mailer, "ada@example.com").await;
    assert!(challenge.starts_with("tkc_") && asked.json()["expires_at"].is_string());
    assert!(!String::from_utf8_lossy(&asked.bytes).contains(&code), "only the mail has it");
    let verify = async |body: Value| shop.ask("/auth/verify-email", body).await;
    for body in [
        json!({}),
        json!({"challenge": challenge}),
        json!({"code": code}),
        json!({"token": "tkp_1_x", "challenge": challenge, "code": code}),
    ] {
        assert_eq!(verify(body.clone()).await.wrong_fields(), ["token"], "{body}");
    }
    assert_eq!(verify(json!({"challenge": challenge, "code": "12345"})).await.wrong_fields(), ["code"]);
    // Who reads the mail alone, or has the challenge alone, has nothing.
    let others = "tkc_1_7GQ4MK2ZR8C0P5V1X3YD6SJ9TW";
    assert_eq!(verify(json!({"challenge": others, "code": code})).await.problem(), unknown());
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let refused = verify(json!({"challenge": challenge, "code": wrong})).await;
    assert_eq!((refused.problem(), &refused.json()["left"]), ((403, "mail_code_wrong".to_owned()), &json!(4)));
    assert_eq!(verify(json!({"challenge": challenge, "code": code})).await.status, 204);
    assert_eq!(shop.get("/auth/me", &ada).await.json()["is_verified"], true);
    assert_eq!(verify(json!({"challenge": challenge, "code": code})).await.problem(), unknown());
    // There is nothing to confirm any more.
    let mails = shop.mails().await;
    let asked = shop.post("/auth/send-code", &ada, json!({})).await;
    assert_eq!((asked.status, &asked.json()["challenge"]), (202, &Value::Null));
    assert_eq!(shop.mails().await, mails);
    shop.is_sound().await;
}

#[tokio::test]
async fn five_wrong_codes_end_a_code() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let challenge = shop.post("/auth/send-code", &ada, json!({})).await.text("challenge");
    let code = code_mailed_to(&shop.ticketing, &shop.mailer, "ada@example.com").await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let verify = async |code: &str| shop.ask("/auth/verify-email", json!({"challenge": challenge, "code": code})).await;
    for left in (0..5).rev() {
        assert_eq!(verify(wrong).await.json()["left"], left);
    }
    assert_eq!(verify(&code).await.problem(), unknown());
    assert_eq!(shop.get("/auth/me", &ada).await.json()["is_verified"], false);
    // Three an hour.
    let again = async || shop.post("/auth/send-code", &ada, json!({})).await;
    assert_eq!([again().await.status, again().await.status], [202, 202]);
    let refused = again().await;
    assert_eq!((refused.problem(), refused.header("retry-after")), ((429, "too_many_proofs".to_owned()), "3600"));
}
