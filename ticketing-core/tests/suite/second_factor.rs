//! Second factors and sessions through the engine: from the password to the token, and what a copy of the database tells.
#![cfg(all(feature = "testing", feature = "accounts"))]

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use ticketing_core::async_trait;
use ticketing_core::domain::access::{Permission, Permissions};
use ticketing_core::domain::account::{Account, AccountWants};
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::command::Work;
use ticketing_core::domain::limit::{Take, Taken};
use ticketing_core::domain::list::{List, Tallied, Tally};
use ticketing_core::domain::load::Needs;
use ticketing_core::domain::page::PageRequest;
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::domain::working_set::WorkingSet;
use ticketing_core::mailer::memory::MemoryMailer;
use ticketing_core::mailer::{Mail, MailError};
use ticketing_core::prelude::*;
use ticketing_core::storage::StorageError;
use ticketing_core::testing::ManualClock;
use ticketing_core::token::{TokenKey, code_at};
use ticketing_core::{Error, NewApiKey, Session, TicketingBuilder};

const PASSWORD: &str = "a good long one";
const STEP: SignedDuration = SignedDuration::from_secs(30);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[derive(Clone, Debug)]
struct Mails(Arc<MemoryMailer>);

#[async_trait]
impl Mailer for Mails {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.send(mail).await
    }
}

struct Office {
    engine: Ticketing,
    mailer: Arc<MemoryMailer>,
    clock: ManualClock,
    ada: Account,
}

/// An account with a factor.
struct Owner {
    secret: String,
    recovery: Vec<String>,
}

impl Office {
    async fn open() -> Self {
        Self::on(Arc::new(MemoryStorage::new()), |builder| builder).await
    }

    async fn on(storage: Arc<dyn Storage>, more: impl FnOnce(TicketingBuilder) -> TicketingBuilder) -> Self {
        let mailer = Arc::new(MemoryMailer::new());
        let clock = ManualClock::new(Timestamp::from_second(1_893_456_000).unwrap());
        let builder = Ticketing::builder_on(storage)
            .mailer(Mails(Arc::clone(&mailer)))
            .clock(Arc::new(clock.clone()))
            .weak_password_hashes()
            .token_key(TokenKey::new(&[7; 32]).unwrap());
        let engine = more(builder).build().unwrap();
        let ada = engine.register(Registration::new("ada@example.com", "Ada", PASSWORD)).await.unwrap();
        let ada = engine.mark_verified(ada.id).await.unwrap();
        Self { engine, mailer, clock, ada }
    }

    fn code(&self, secret: &str) -> String {
        code_at(secret, self.clock.now())
    }

    /// Adds a factor, and lets its code be over.
    async fn with_factor(&self) -> Owner {
        let begun = self.engine.begin_second_factor(self.ada.id, PASSWORD, "Ada & Sons").await.unwrap();
        let recovery = self.engine.confirm_second_factor(self.ada.id, &self.code(&begun.secret)).await.unwrap().0;
        self.clock.advance(STEP);
        Owner { secret: begun.secret, recovery }
    }

    async fn login(&self) -> Result<Session, Error> {
        self.engine.login("ada@example.com", PASSWORD).await
    }

    /// The ticket of a log-in that wants a code.
    async fn ticket(&self) -> String {
        match self.login().await {
            Err(Error::Refused(Refusal::SecondFactorWanted { ticket, until })) => {
                assert_eq!(until, self.clock.now() + SignedDuration::from_mins(5));
                assert_eq!(format!("{ticket:?}"), "FactorTicket(..)");
                ticket.0
            }
            other => panic!("{other:?}"),
        }
    }

    async fn mails(&self) -> Vec<Mail> {
        while !self.engine.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {}
        self.mailer.sent()
    }
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> &'static str {
    outcome.unwrap_err().code()
}

#[tokio::test]
async fn a_code_is_asked_for_once_the_factor_is_confirmed() {
    let office = Office::open().await;
    let (engine, id) = (&office.engine, office.ada.id);
    let session = office.login().await.unwrap();
    assert_eq!(code(engine.begin_second_factor(id, "wrong", "Tickets").await), "unauthenticated");
    assert_eq!(code(engine.begin_second_factor(id, PASSWORD, "").await), "invalid");
    assert_eq!(code(engine.confirm_second_factor(id, "123456").await), "second_factor_off");
    let begun = engine.begin_second_factor(id, PASSWORD, "Ada & Sons").await.unwrap();
    let uri = format!(
        "otpauth://totp/Ada%20%26%20Sons:ada%40example.com?secret={}&issuer=Ada%20%26%20Sons&algorithm=SHA1&digits=6&period=30",
        begun.secret
    );
    assert_eq!((begun.uri.as_str(), begun.secret.len()), (uri.as_str(), 32));
    assert_eq!(format!("{begun:?}"), "NewSecondFactor(..)");
    assert!(office.login().await.is_ok(), "nothing asks for a code yet");
    assert_eq!(engine.second_factor(id).await.unwrap().since, None);
    let typed = office.code(&begun.secret);
    let recovery = engine.confirm_second_factor(id, &format!(" {} {} ", &typed[..3], &typed[3..])).await.unwrap();
    assert_eq!((recovery.0.len(), format!("{recovery:?}").as_str()), (8, "RecoveryCodes(8)"));
    let state = engine.second_factor(id).await.unwrap();
    assert_eq!((state.since, state.recovery_codes_left), (Some(office.clock.now()), 8));
    assert!(engine.authenticate(&session.token).await.is_ok(), "sessions go on");
    assert_eq!(code(engine.begin_second_factor(id, PASSWORD, "Tickets").await), "second_factor_on");
    // A wrong password is still wrong, and tells nothing of a factor.
    assert_eq!(code(engine.login("ada@example.com", "wrong one").await), "unauthenticated");
    let ticket = office.ticket().await;
    assert_eq!(code(engine.authenticate(&ticket).await), "unauthenticated", "it is no session");
    assert_eq!(code(engine.login_with_code(&session.token, "123456", None).await), "unauthenticated");
    // The code that confirmed it is used up.
    assert_eq!(code(engine.login_with_code(&ticket, &typed, None).await), "second_factor_wrong");
    office.clock.advance(STEP);
    let session = engine.login_with_code(&ticket, &office.code(&begun.secret), Some("curl")).await.unwrap();
    assert_eq!(engine.authenticate(&session.token).await.unwrap().id, id);
    let told: Vec<String> = office.mails().await.into_iter().map(|mail| mail.subject).collect();
    assert_eq!(told, ["A second factor was added to your account"]);
}

#[tokio::test]
async fn a_ticket_is_good_for_five_minutes_and_one_password() {
    let office = Office::open().await;
    let owner = office.with_factor().await;
    let ticket = office.ticket().await;
    office.clock.advance(SignedDuration::from_mins(5) + SignedDuration::from_secs(5));
    let late = office.engine.login_with_code(&ticket, &office.code(&owner.secret), None).await;
    assert_eq!(code(late), "unauthenticated");
    let ticket = office.ticket().await;
    office.engine.set_password(office.ada.id, "another good one").await.unwrap();
    let stale = office.engine.login_with_code(&ticket, &office.code(&owner.secret), None).await;
    assert_eq!(code(stale), "unauthenticated");
    for junk in ["", "a.b.c", &ticket[1..]] {
        assert_eq!(code(office.engine.login_with_code(junk, "123456", None).await), "unauthenticated");
    }
    // None of these used the code up, nor counted as a wrong one.
    assert!(office.engine.check_second_factor(office.ada.id, &office.code(&owner.secret)).await.is_ok());
}

#[tokio::test]
async fn five_wrong_codes_close_the_way_in_every_process() {
    let office = Office::open().await;
    let owner = office.with_factor().await;
    let ticket = office.ticket().await;
    let other = Ticketing::builder_on(Arc::clone(office.engine.storage()))
        .clock(Arc::new(office.clock.clone()))
        .weak_password_hashes()
        .token_key(TokenKey::new(&[7; 32]).unwrap())
        .build()
        .unwrap();
    for left in [4, 3, 2, 1] {
        let engine = if left % 2 == 0 { &office.engine } else { &other };
        match engine.login_with_code(&ticket, "000000", None).await {
            Err(Error::Refused(refusal)) => assert_eq!(refusal, Refusal::SecondFactorWrong { left }),
            other => panic!("{other:?}"),
        }
    }
    let until = office.clock.now() + SignedDuration::from_mins(15);
    for typed in ["not a code", &office.code(&owner.secret), &owner.recovery[0]] {
        match office.engine.login_with_code(&ticket, typed, None).await {
            Err(Error::Refused(refusal)) => assert_eq!(refusal, Refusal::SecondFactorClosed { again_at: until }),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(office.engine.second_factor(office.ada.id).await.unwrap().closed_until, Some(until));
    office.clock.advance(SignedDuration::from_mins(15));
    let ticket = office.ticket().await;
    assert!(other.login_with_code(&ticket, &office.code(&owner.secret), None).await.is_ok());
}

#[tokio::test]
async fn a_recovery_code_works_once_and_its_owner_is_told() {
    let office = Office::open().await;
    let owner = office.with_factor().await;
    let (engine, id) = (&office.engine, office.ada.id);
    let typed = owner.recovery[3].to_lowercase().replace('-', " ");
    assert!(engine.login_with_code(&office.ticket().await, &typed, None).await.is_ok());
    let again = engine.login_with_code(&office.ticket().await, &owner.recovery[3], None).await;
    assert_eq!(code(again), "second_factor_wrong");
    assert_eq!(engine.second_factor(id).await.unwrap().recovery_codes_left, 7);
    let new = engine.renew_recovery_codes(id, PASSWORD, &office.code(&owner.secret)).await.unwrap().0;
    assert!(new.iter().all(|code| !owner.recovery.contains(code)));
    assert_eq!(code(engine.check_second_factor(id, &owner.recovery[0]).await), "second_factor_wrong");
    assert_eq!(code(engine.renew_recovery_codes(id, "wrong one", &new[0]).await), "unauthenticated");
    assert_eq!(code(engine.remove_second_factor(id, "wrong one", &new[0]).await), "unauthenticated");
    // Who has lost the app removes it with a recovery code.
    assert!(!engine.remove_second_factor(id, PASSWORD, &new[0]).await.unwrap().has_second_factor);
    assert!(office.login().await.is_ok());
    assert_eq!(code(engine.remove_second_factor(id, PASSWORD, &new[1]).await), "second_factor_off");
    let told: Vec<String> = office.mails().await.into_iter().map(|mail| mail.subject).collect();
    let (used, removed) = ("A recovery code of your account was used", "The second factor of your account was removed");
    assert_eq!(told, ["A second factor was added to your account", used, used, removed]);
}

#[tokio::test]
async fn a_new_password_leaves_the_factor_and_an_administrator_removes_it() {
    let office = Office::open().await;
    let owner = office.with_factor().await;
    office.engine.forgot_password("ada@example.com").await.unwrap();
    let mails = office.mails().await;
    let text = &mails.last().unwrap().text;
    let token = text[text.find("tkp_").unwrap()..].split_whitespace().next().unwrap();
    assert!(office.engine.reset_password(token, PASSWORD).await.unwrap().has_second_factor);
    let ticket = office.ticket().await;
    let wants = AccountWants::default().with_removes_second_factor(true);
    let account = office.engine.administer_account(&Actor::Operator, office.ada.id, wants).await.unwrap();
    assert!(!account.has_second_factor);
    assert!(office.login().await.is_ok());
    let late = office.engine.login_with_code(&ticket, &office.code(&owner.secret), None).await;
    assert_eq!(code(late), "unauthenticated", "log in again: no code is needed");
    let audit = office.engine.account_audit(&Actor::Operator, office.ada.id, PageRequest::default()).await.unwrap();
    assert_eq!(audit.items.last().unwrap().action, "account.second_factor_removed");
    assert_eq!(office.mails().await.last().unwrap().subject, "The second factor of your account was removed");
}

#[tokio::test]
async fn an_address_that_is_not_verified_gets_no_factor() {
    let office = Office::open().await;
    let bola = office.engine.register(Registration::new("bola@example.com", "Bola", PASSWORD)).await.unwrap();
    assert_eq!(code(office.engine.begin_second_factor(bola.id, PASSWORD, "Tickets").await), "email_unverified");
}

#[tokio::test]
async fn with_another_key_no_code_is_right() {
    let office = Office::open().await;
    let owner = office.with_factor().await;
    let other = Ticketing::builder_on(Arc::clone(office.engine.storage()))
        .clock(Arc::new(office.clock.clone()))
        .weak_password_hashes()
        .token_key(TokenKey::new(&[8; 32]).unwrap())
        .build()
        .unwrap();
    for typed in [&office.code(&owner.secret), &owner.recovery[0]] {
        assert_eq!(code(other.check_second_factor(office.ada.id, typed).await), "second_factor_wrong");
    }
    assert!(office.engine.check_second_factor(office.ada.id, &office.code(&owner.secret)).await.is_ok());
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let office = Office::open().await;
    let (engine, id) = (&office.engine, office.ada.id);
    let page = PageRequest::default();
    let long = "x".repeat(300);
    let mut sessions = vec![];
    for client in [None, Some("Firefox on\nWindows"), Some(long.as_str())] {
        sessions.push(engine.login_from("ada@example.com", PASSWORD, client).await.unwrap());
        office.clock.advance(STEP);
    }
    let list = engine.sessions(id, page).await.unwrap().items;
    let clients: Vec<Option<usize>> = list.iter().map(|session| session.client.as_ref().map(String::len)).collect();
    assert_eq!(clients, [Some(100), Some(18), None]);
    assert_eq!(list[1].client.as_deref(), Some("Firefox on Windows"));
    let known = engine.authenticate_session(&sessions[1].token).await.unwrap();
    assert_eq!((known.session, known.account.id), (Some(list[1].id), id));
    engine.end_session(id, list[1].id).await.unwrap();
    engine.end_session(id, list[1].id).await.unwrap();
    assert_eq!(code(engine.authenticate(&sessions[1].token).await), "unauthenticated");
    assert!(engine.authenticate(&sessions[0].token).await.is_ok());
    let bola = engine.register(Registration::new("bola@example.com", "Bola", PASSWORD)).await.unwrap();
    assert_eq!(code(engine.end_session(bola.id, list[0].id).await), "not_found");
    assert_eq!(engine.end_other_sessions(id, Some(list[0].id)).await.unwrap(), 1);
    assert_eq!(code(engine.authenticate(&sessions[0].token).await), "unauthenticated");
    assert!(engine.authenticate(&sessions[2].token).await.is_ok());
    assert_eq!(engine.sessions(id, page).await.unwrap().items.len(), 1);
    engine.end_sessions(id).await.unwrap();
    assert_eq!(code(engine.authenticate(&sessions[2].token).await), "unauthenticated");
    assert!(engine.sessions(id, page).await.unwrap().items.is_empty());
    let new = engine.change_password(id, PASSWORD, "another good one").await.unwrap();
    assert!(engine.authenticate(&new.token).await.is_ok());
    // Expired ones go with upkeep.
    office.clock.advance(HOUR * 26);
    office.mails().await;
    assert!(engine.authenticate(&new.token).await.is_err());
}

/// Tokens that older versions have issued name no session.
#[tokio::test]
async fn a_token_without_a_session_goes_on_until_all_are_ended() {
    // {"iss":"ticketing","aud":"ticketing-api","sub":"1","typ":"access","jti":"00","iat":1893456000,"nbf":1893456000,"exp":1893459600,"ended":0}
    // signed with 32 bytes of value 7, by the version before there were sessions.
    let old = concat!(
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.",
        "eyJpc3MiOiJ0aWNrZXRpbmciLCJhdWQiOiJ0aWNrZXRpbmctYXBpIiwic3ViIjoiMSIsInR5cCI6ImFjY2VzcyIsImp0aSI6IjAwIiwiaWF0IjoxODkzNDU2MDAwLCJuYmYiOjE4OTM0NTYwMDAsImV4cCI6MTg5MzQ1OTYwMCwiZW5kZWQiOjB9.",
        "g2FhIG6yS6uLQpu0_IKLj8Tee7J2tOJE5KJfndW4CQc"
    );
    let office = Office::open().await;
    let engine = &office.engine;
    let known = engine.authenticate_session(old).await.unwrap();
    assert_eq!((known.account.id, known.session), (office.ada.id, None));
    assert!(engine.sessions(office.ada.id, PageRequest::default()).await.unwrap().items.is_empty());
    engine.end_other_sessions(office.ada.id, None).await.unwrap();
    assert!(engine.authenticate(old).await.is_ok(), "it is none of these");
    engine.end_sessions(office.ada.id).await.unwrap();
    assert_eq!(code(engine.authenticate(old).await), "unauthenticated");
}

#[tokio::test]
async fn a_session_that_is_not_used_ends_where_the_setting_says_so() {
    let lasts = |builder: TicketingBuilder| builder.token_lifetime(HOUR * 24).session_idle(HOUR * 2);
    let office = Office::on(Arc::new(MemoryStorage::new()), lasts).await;
    let (used, idle) = (office.login().await.unwrap(), office.login().await.unwrap());
    for _ in 0..4 {
        office.clock.advance(HOUR - STEP);
        assert!(office.engine.authenticate(&used.token).await.is_ok());
        // Its use is noted in the background.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(code(office.engine.authenticate(&idle.token).await), "unauthenticated");
    assert_eq!(office.engine.sessions(office.ada.id, PageRequest::default()).await.unwrap().items.len(), 1);
    let wrong = |idle| Ticketing::builder(MemoryStorage::new()).session_idle(idle).build();
    assert!(wrong(HOUR - STEP).is_err() && wrong(HOUR * 24 * 31).is_err() && wrong(HOUR).is_ok());
}

/// Counts reads and writes, and fails writes if told so.
#[derive(Debug)]
struct Counting {
    inner: MemoryStorage,
    reads: AtomicUsize,
    writes: AtomicUsize,
    fails: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl Storage for Counting {
    async fn transact(&self, now: Timestamp, work: Arc<dyn Work>) -> Result<(), StorageError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        match self.fails.load(Ordering::SeqCst) {
            true => Err(StorageError::Unavailable("it only reads".into())),
            false => self.inner.transact(now, work).await,
        }
    }

    async fn load(&self, needs: &dyn Needs) -> Result<WorkingSet, StorageError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.load(needs).await
    }

    async fn tally(&self, tallies: &[Tally]) -> Result<Vec<Tallied>, StorageError> {
        self.inner.tally(tallies).await
    }

    async fn forget(&self, list: &List) -> Result<u32, StorageError> {
        self.inner.forget(list).await
    }

    async fn take_tokens(&self, now: Timestamp, takes: &[Take]) -> Result<Taken, StorageError> {
        self.inner.take_tokens(now, takes).await
    }

    async fn forget_tokens(&self, now: Timestamp, limit: u32) -> Result<u32, StorageError> {
        self.inner.forget_tokens(now, limit).await
    }

    async fn ready(&self) -> Result<(), StorageError> {
        self.inner.ready().await
    }

    async fn check(&self) -> Result<Vec<String>, StorageError> {
        self.inner.check().await
    }
}

#[tokio::test]
async fn a_token_costs_one_read_and_a_write_an_hour_that_may_fail() {
    let storage = Arc::new(Counting {
        inner: MemoryStorage::new(),
        reads: AtomicUsize::new(0),
        writes: AtomicUsize::new(0),
        fails: false.into(),
    });
    let office = Office::on(Arc::<Counting>::clone(&storage), |builder| builder.token_lifetime(HOUR * 24)).await;
    let session = office.login().await.unwrap();
    let counts = || (storage.reads.load(Ordering::SeqCst), storage.writes.load(Ordering::SeqCst));
    let uses = async |times: usize| {
        let before = counts();
        for _ in 0..times {
            assert!(office.engine.authenticate(&session.token).await.is_ok());
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
        (counts().0 - before.0, counts().1 - before.1)
    };
    assert_eq!(uses(5).await, (5, 0));
    office.clock.advance(HOUR - STEP);
    assert_eq!(uses(5).await, (5, 0));
    office.clock.advance(STEP);
    assert_eq!(uses(5).await, (5, 1), "the use is noted once");
    office.clock.advance(HOUR);
    storage.fails.store(true, Ordering::SeqCst);
    assert_eq!(uses(2).await.0, 2, "and where it cannot be noted, nobody is kept out");
}

#[tokio::test]
async fn a_request_with_an_api_key_costs_one_read_and_a_write_an_hour_that_may_fail() {
    let storage = Arc::new(Counting {
        inner: MemoryStorage::new(),
        reads: AtomicUsize::new(0),
        writes: AtomicUsize::new(0),
        fails: false.into(),
    });
    let office = Office::on(Arc::<Counting>::clone(&storage), |builder| builder).await;
    let new = NewApiKey::new("Gate", Permissions::of(&[Permission::Door]));
    let (_, token) = office.engine.make_api_key(office.ada.id, PASSWORD, new).await.unwrap();
    let counts = || (storage.reads.load(Ordering::SeqCst), storage.writes.load(Ordering::SeqCst));
    let uses = async |times: usize| {
        let before = counts();
        for _ in 0..times {
            let caller = office.engine.authenticate_caller(&token.0).await.unwrap();
            // What it may do is known with that.
            assert!(
                office.engine.authorize(&caller, Permission::Door).await.unwrap().covers_all_of(&office.ada.id.into())
            );
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
        (counts().0 - before.0, counts().1 - before.1)
    };
    assert_eq!(uses(5).await, (5, 1), "the first use is noted");
    office.clock.advance(HOUR - STEP);
    assert_eq!(uses(5).await, (5, 0));
    office.clock.advance(STEP);
    storage.fails.store(true, Ordering::SeqCst);
    assert_eq!(uses(2).await.0, 2, "where it cannot be noted, nobody is kept out");
    // A mistyped one costs nothing.
    let before = counts();
    assert!(office.engine.authenticate_caller(&token.0.replace("tk_live_1", "tk_live_2")).await.is_err());
    assert_eq!(counts(), before);
}

/// Every text and every byte string of a database, one after the other.
#[cfg(feature = "sqlite")]
async fn dump(path: &std::path::Path) -> Vec<u8> {
    let mut all = vec![];
    for end in ["", "-wal"] {
        all.extend(std::fs::read(format!("{}{end}", path.display())).unwrap_or_default());
    }
    all
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_copy_of_the_database_has_no_secret_no_recovery_code_and_no_ticket() {
    use ticketing_core::Reauthentication;
    use ticketing_core::storage::sqlite::SqliteStorage;
    let folder = ticketing_core::storage::conformance::TempFolder::new();
    let path = folder.path().join("tickets.db");
    let storage = SqliteStorage::open(&path).await.unwrap();
    let office = Office::on(Arc::new(storage), |builder| builder).await;
    let owner = office.with_factor().await;
    let ticket = office.ticket().await;
    let session = office.engine.login_with_code(&ticket, &office.code(&owner.secret), Some("a client")).await.unwrap();
    office.engine.check_second_factor(office.ada.id, &owner.recovery[0]).await.unwrap();
    let by = Reauthentication::new(PASSWORD, Some(&owner.recovery[1]));
    let key = NewApiKey::new("North gate", Permissions::ALL);
    let (_, key) = office.engine.make_api_key(office.ada.id, by, key).await.unwrap();
    office.engine.authenticate_caller(&key.0).await.unwrap();
    office.mails().await;
    let all = dump(&path).await;
    let has = |bytes: &[u8]| all.windows(bytes.len()).any(|window| window == bytes);
    assert!(has(b"ada@example.com") && has(b"a client") && has(b"North gate"), "this finds what is there");
    let mut secrets: Vec<String> = vec![owner.secret.clone(), owner.secret.to_lowercase(), ticket, session.token];
    let symbols = key.0.rsplit('_').next().unwrap();
    secrets.extend([key.0.clone(), symbols.to_owned(), symbols[..13].to_owned(), symbols[13..26].to_owned()]);
    for code in &owner.recovery {
        secrets.extend([code.clone(), code.replace('-', ""), code.to_lowercase()]);
    }
    for secret in &secrets {
        assert!(!has(secret.as_bytes()), "{secret}");
    }
    // Nor the bytes that the secret stands for.
    let mut raw = vec![];
    let (mut bits, mut left) = (0_u32, 0);
    for symbol in owner.secret.bytes() {
        let value = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == symbol).unwrap();
        bits = (bits << 5) | u32::try_from(value).unwrap();
        left += 5;
        if left >= 8 {
            left -= 8;
            raw.push(u8::try_from((bits >> left) & 255).unwrap());
        }
    }
    assert_eq!(raw.len(), 20);
    assert!(!has(&raw) && !has(&raw[..8]));
}
