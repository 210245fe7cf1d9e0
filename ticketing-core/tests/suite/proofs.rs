//! Proofs by mail through the engine: from the call to the mail, and from its token to the account.
#![cfg(all(feature = "testing", feature = "accounts"))]

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use ticketing_core::async_trait;
use ticketing_core::domain::access::Permission;
use ticketing_core::domain::account::Account;
use ticketing_core::domain::audit::Actor;
use ticketing_core::domain::id::OrganisationId;
use ticketing_core::domain::organisation::{MemberEvents, MemberRole};
use ticketing_core::domain::outbox::{ClaimMails, MailStatus};
use ticketing_core::domain::proof::{CodeFor, CodePurpose, ProofPurpose};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::domain::scope::Scope;
use ticketing_core::mailer::memory::MemoryMailer;
use ticketing_core::mailer::{Mail, MailError};
use ticketing_core::prelude::*;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::testing::ManualClock;
use ticketing_core::token::TokenKey;
use ticketing_core::{Error, MailLimits, ProofState};

const PASSWORD: &str = "a good long one";
const ANOTHER: &str = "another good one";
const PAGE: &str = "https://tickets.example.com/account/proof";

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
}

/// The scope of the operator.
async fn everything(office: &Office) -> Scope {
    office.engine.authorize(&Actor::Operator, Permission::Orders).await.unwrap()
}

impl Office {
    fn on(storage: Arc<dyn Storage>, page: Option<&str>) -> Self {
        let mailer = Arc::new(MemoryMailer::new());
        let clock = ManualClock::new(Timestamp::from_second(1_893_456_000).unwrap());
        let builder = Ticketing::builder_on(storage)
            .mailer(Mails(Arc::clone(&mailer)))
            .clock(Arc::new(clock.clone()))
            .weak_password_hashes()
            .token_key(TokenKey::new(&[7; 32]).unwrap())
            .mail_limits(MailLimits::default().with_per_recipient(1));
        let builder = match page {
            Some(page) => builder.proof_url(page),
            None => builder,
        };
        Self { engine: builder.build().unwrap(), mailer, clock }
    }

    fn open() -> Self {
        Self::on(Arc::new(MemoryStorage::new()), Some(PAGE))
    }

    async fn register(&self, email: &str) -> Account {
        let person = Registration::new(email, "Click www.evil.example", PASSWORD);
        let person = person.with_username("evil.example".to_owned()).with_phone("+234 1".to_owned());
        self.engine.register(person).await.unwrap()
    }

    async fn mails(&self) -> Vec<Mail> {
        while !self.engine.run_upkeep(Upkeep::default()).await.unwrap().is_idle() {}
        self.mailer.sent()
    }

    /// The token of the last mail.
    async fn token(&self) -> String {
        token_of(self.mails().await.last().unwrap())
    }

    async fn can_log_in(&self, email: &str, password: &str) -> bool {
        match self.engine.login(email, password).await {
            Ok(_) => true,
            Err(Error::Unauthenticated(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

fn token_of(mail: &Mail) -> String {
    let at = mail.text.find("tkp_").unwrap_or_else(|| panic!("{} has no token", mail.subject));
    mail.text[at..].split_whitespace().next().unwrap().to_owned()
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> &'static str {
    outcome.unwrap_err().code()
}

#[tokio::test]
async fn an_address_is_verified_by_the_token_that_was_mailed_to_it() {
    let office = Office::open();
    let ada = office.register("ada@example.com").await;
    office.engine.send_verification(ada.id).await.unwrap();
    let token = office.token().await;
    let open: ProofState = office.engine.proof(&token).await.unwrap().unwrap();
    assert_eq!((open.purpose, open.is_open), (ProofPurpose::VerifyEmail, true));
    assert_eq!(office.engine.proof(&token).await.unwrap(), Some(open), "looking changes nothing");
    assert!(office.engine.verify_email(&token).await.unwrap().is_verified);
    assert_eq!(code(office.engine.verify_email(&token).await), "proof_unknown");
    assert!(!office.engine.proof(&token).await.unwrap().unwrap().is_open);
    office.engine.send_verification(ada.id).await.unwrap();
    assert_eq!(office.mails().await.len(), 1, "it is verified");
    assert_eq!(code(office.engine.send_verification(404.into()).await), "not_found");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_and_every_session_ends() {
    let office = Office::open();
    office.register("ada@example.com").await;
    let session = office.engine.login("ada@example.com", PASSWORD).await.unwrap();
    office.engine.forgot_password(" ADA@example.com ").await.unwrap();
    let token = office.token().await;
    for bad in ["short", "password1", "ada@example.com"] {
        assert_eq!(code(office.engine.reset_password(&token, bad).await), "invalid", "{bad}");
    }
    assert!(office.engine.authenticate(&session.token).await.is_ok());
    let after = office.engine.reset_password(&token, ANOTHER).await.unwrap();
    assert!(after.is_verified && after.username.is_none() && after.phone.is_none(), "who registered is unknown");
    assert_eq!(code(office.engine.authenticate(&session.token).await), "unauthenticated");
    assert!(!office.can_log_in("ada@example.com", PASSWORD).await);
    assert!(office.can_log_in("ada@example.com", ANOTHER).await);
    assert_eq!(code(office.engine.reset_password(&token, PASSWORD).await), "proof_unknown");
    assert_eq!(office.mails().await.last().unwrap().subject, "Your password was changed");
    // An account whose address is verified keeps what its owner has chosen: nothing is left here, so only the proof counts.
    office.engine.forgot_password("ada@example.com").await.unwrap();
    assert!(office.engine.reset_password(&office.token().await, PASSWORD).await.unwrap().is_verified);
}

#[tokio::test]
async fn an_unknown_address_gets_the_same_answers_and_no_mail() {
    let office = Office::open();
    office.register("ada@example.com").await;
    let mut answers = vec![];
    for address in ["ada@example.com", "nobody@example.com"] {
        for _ in 0..3 {
            office.engine.forgot_password(address).await.unwrap();
        }
        answers.push(format!("{:?}", office.engine.forgot_password(address).await));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].contains("TooManyProofs"), "{answers:?}");
    // The newest has replaced the others before they were sent.
    assert_eq!(office.mails().await.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["ada@example.com"]);
    assert_eq!(code(office.engine.forgot_password("nobody").await), "invalid");
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let office = Office::open();
    let ada = office.register("ada@example.com").await;
    let before = office.engine.login("ada@example.com", PASSWORD).await.unwrap();
    office.engine.forgot_password("ada@example.com").await.unwrap();
    let reset = office.token().await;
    assert_eq!(code(office.engine.change_password(ada.id, "wrong", ANOTHER).await), "unauthenticated");
    assert_eq!(code(office.engine.change_password(ada.id, PASSWORD, "password1").await), "invalid");
    assert_eq!(code(office.engine.change_password(404.into(), PASSWORD, ANOTHER).await), "not_found");
    assert!(office.engine.authenticate(&before.token).await.is_ok());
    let after = office.engine.change_password(ada.id, PASSWORD, ANOTHER).await.unwrap();
    assert_eq!(code(office.engine.authenticate(&before.token).await), "unauthenticated");
    assert_eq!(office.engine.authenticate(&after.token).await.unwrap().id, ada.id);
    assert_eq!(code(office.engine.reset_password(&reset, PASSWORD).await), "proof_unknown");
    assert_eq!(code(office.engine.change_password(ada.id, PASSWORD, ANOTHER).await), "unauthenticated");
    office.engine.set_active(ada.id, false).await.unwrap();
    assert_eq!(code(office.engine.change_password(ada.id, ANOTHER, PASSWORD).await), "unauthenticated");
}

#[tokio::test]
async fn a_new_address_is_confirmed_and_can_be_undone() {
    let office = Office::open();
    let ada = office.register("ada@example.com").await;
    let change = async |password: &str, to: &str| office.engine.change_email(ada.id, password, to).await;
    office.register_other("taken@example.com").await;
    assert_eq!(code(change("wrong", "new@example.com").await), "unauthenticated");
    assert_eq!(code(change(PASSWORD, "taken@example.com").await), "email_taken");
    for same in ["ada@example.com", "nobody"] {
        assert_eq!(code(change(PASSWORD, same).await), "invalid");
    }
    change(PASSWORD, "new@example.com").await.unwrap();
    let mails = office.mails().await;
    assert_eq!(mails.last().unwrap().to.as_str(), "new@example.com");
    assert!(office.can_log_in("ada@example.com", PASSWORD).await);
    let session = office.engine.login("ada@example.com", PASSWORD).await.unwrap();
    let moved = office.engine.confirm_email(&token_of(mails.last().unwrap())).await.unwrap();
    assert_eq!((moved.email.as_str(), moved.is_verified), ("new@example.com", true));
    assert!(office.engine.authenticate(&session.token).await.is_ok(), "sessions go on");
    assert!(!office.can_log_in("ada@example.com", PASSWORD).await);
    let notice = office.mails().await.pop().unwrap();
    assert_eq!(
        (notice.to.as_str(), office.engine.proof(&token_of(&notice)).await.unwrap().unwrap().purpose),
        ("ada@example.com", ProofPurpose::UndoEmail)
    );
    // An attacker who knows the password cannot go on with it.
    let back = office.engine.undo_email_change(&token_of(&notice)).await.unwrap();
    assert_eq!(back.email.as_str(), "ada@example.com");
    assert_eq!(code(office.engine.authenticate(&session.token).await), "unauthenticated");
    for address in ["ada@example.com", "new@example.com"] {
        assert!(!office.can_log_in(address, PASSWORD).await, "{address}");
    }
    let fresh = office.mails().await.pop().unwrap();
    assert_eq!(fresh.to.as_str(), "ada@example.com");
    office.engine.reset_password(&token_of(&fresh), ANOTHER).await.unwrap();
    assert!(office.can_log_in("ada@example.com", ANOTHER).await);
}

impl Office {
    async fn register_other(&self, email: &str) -> Account {
        self.engine.register(Registration::new(email, "Other", PASSWORD)).await.unwrap()
    }
}

#[tokio::test]
async fn a_token_is_of_one_proof_one_purpose_and_one_key() {
    let office = Office::open();
    let ada = office.register("ada@example.com").await;
    office.engine.send_verification(ada.id).await.unwrap();
    let verify = office.token().await;
    office.engine.forgot_password("ada@example.com").await.unwrap();
    let reset = office.token().await;
    let engine = &office.engine;
    assert_eq!(code(engine.reset_password(&verify, ANOTHER).await), "proof_unknown");
    assert_eq!(code(engine.verify_email(&reset).await), "proof_unknown");
    assert_eq!(code(engine.confirm_email(&reset).await), "proof_unknown");
    assert_eq!(code(engine.undo_email_change(&reset).await), "proof_unknown");
    // The symbols of one, the id of the other.
    let (head, _) = verify.rsplit_once('_').unwrap();
    let (_, symbols) = reset.rsplit_once('_').unwrap();
    for wrong in [format!("{head}_{symbols}"), "tkp_404_".to_owned() + symbols, symbols.to_owned(), String::new()] {
        assert_eq!(code(engine.verify_email(&wrong).await), "proof_unknown", "{wrong}");
        assert_eq!(engine.proof(&wrong).await.unwrap(), None);
    }
    let other = Ticketing::builder_on(Arc::clone(engine.storage())).clock(Arc::new(office.clock.clone()));
    let other = other.weak_password_hashes().token_key(TokenKey::new(&[8; 32]).unwrap()).build().unwrap();
    assert_eq!(code(other.verify_email(&verify).await), "proof_unknown");
    // As typed from paper.
    assert!(engine.verify_email(&format!("  {}\n", verify.to_lowercase())).await.is_ok());
}

#[tokio::test]
async fn a_mail_whose_proof_is_of_no_use_any_more_is_not_sent() {
    let office = Office::open();
    let ada = office.register("ada@example.com").await;
    office.engine.send_verification(ada.id).await.unwrap();
    office.clock.advance(ProofPurpose::VerifyEmail.lasts());
    assert_eq!(office.mails().await.len(), 0);
    let dead =
        office.engine.storage().dead_mails(&everything(&office).await, PageRequest::default()).await.unwrap().items;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].last_error.as_deref(), Some("the proof was used or replaced, or has expired"));
    // One that is forgotten.
    office.engine.forgot_password("ada@example.com").await.unwrap();
    let claim = ClaimMails { lease: SignedDuration::from_hours(48), limit: 10 };
    office.engine.storage().apply_one(office.clock.now(), claim).await.unwrap();
    office.clock.advance(SignedDuration::from_hours(49));
    assert_eq!(office.mails().await.len(), 0);
    let dead =
        office.engine.storage().dead_mails(&everything(&office).await, PageRequest::default()).await.unwrap().items;
    assert!(dead.iter().all(|mail| mail.status == MailStatus::Dead) && dead.len() == 2, "{dead:?}");
}

/// The limit of one mail an hour for a recipient is about mails with an organiser's words.
#[tokio::test]
async fn mails_of_sales_delay_no_proof() {
    let office = Office::open();
    let ada = office.register("ada@example.com").await;
    let event = NewEvent::general_admission(
        "Jazz",
        office.clock.now() + SignedDuration::from_hours(48),
        "Lagos",
        Money::zero(Currency::NGN),
        None,
    );
    let event = office.engine.create_event(&Principal::from("organiser"), event).await.unwrap();
    let buyer = Buyer::new(Principal::Account(ada.id), ada.email.clone());
    for _ in 0..3 {
        let request = OrderRequest::tickets(event.id, 1);
        office.engine.buy(&buyer, request, PayOptions::default()).await.unwrap();
    }
    office.engine.send_verification(ada.id).await.unwrap();
    office.engine.forgot_password("ada@example.com").await.unwrap();
    let subjects: Vec<String> = office.mails().await.into_iter().map(|mail| mail.subject).collect();
    let proofs = subjects.iter().filter(|subject| !subject.starts_with("Your ticket"));
    assert_eq!((subjects.len(), proofs.count()), (3, 2), "{subjects:?}");
}

#[tokio::test]
async fn no_mail_about_an_account_has_words_that_a_person_chose() {
    for page in [Some(PAGE), None] {
        let office = Office::on(Arc::new(MemoryStorage::new()), page);
        let ada = office.register("victim+evil.example@example.com").await;
        office.engine.send_verification(ada.id).await.unwrap();
        office.mails().await;
        office.engine.change_email(ada.id, PASSWORD, "other+evil.example@example.com").await.unwrap();
        let change = office.token().await;
        office.engine.confirm_email(&change).await.unwrap();
        office.mails().await;
        office.engine.forgot_password("other+evil.example@example.com").await.unwrap();
        office.engine.reset_password(&office.token().await, ANOTHER).await.unwrap();
        let mails = office.mails().await;
        assert_eq!(mails.len(), 5);
        for mail in mails {
            let all = format!("{}\n{}\n{}", mail.subject, mail.text, mail.html);
            assert!(!all.contains("evil") && !all.contains("Click"), "{all}");
            // Every link is ours.
            assert_eq!(mail.text.matches("http").count(), usize::from(page.is_some() && mail.text.contains("tkp_")));
            assert_eq!(mail.text.contains(&format!("{PAGE}?token=tkp_")), page.is_some() && mail.text.contains("tkp_"));
        }
    }
}

/// A lost answer of the mail server: the mail comes again, with the same token, and by another process.
#[tokio::test]
async fn any_process_sends_the_same_mail_again() {
    let office = Office::open();
    office.register("ada@example.com").await;
    office.engine.forgot_password("ada@example.com").await.unwrap();
    office.mailer.lose_next_answer();
    assert_eq!(office.mails().await.len(), 1);
    let other = Office::on(Arc::clone(office.engine.storage()), Some(PAGE));
    other.clock.set(office.clock.now() + SignedDuration::from_mins(1));
    assert_eq!(other.mails().await, office.mailer.sent());
}

/// Who reads a copy of the database, log included, can do nothing with it.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn no_token_that_was_mailed_is_in_the_database() {
    let folder = ticketing_core::storage::conformance::TempFolder::new();
    let storage = SqliteStorage::open(folder.path().join("tickets.db")).await.unwrap();
    let office = Office::on(Arc::new(storage), Some(PAGE));
    let ada = office.register("ada@example.com").await;
    office.engine.send_verification(ada.id).await.unwrap();
    office.engine.change_email(ada.id, PASSWORD, "new@example.com").await.unwrap();
    office.engine.forgot_password("ada@example.com").await.unwrap();
    let mut confirmed = 0;
    for mail in office.mails().await {
        confirmed += usize::from(office.engine.confirm_email(&token_of(&mail)).await.is_ok());
    }
    assert_eq!(confirmed, 1);
    office.engine.undo_email_change(&office.token().await).await.unwrap();
    let tokens: Vec<String> = office.mails().await.iter().map(token_of).collect();
    assert_eq!(tokens.len(), 5);
    let mut read = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        read += bytes.len();
        let has = |text: &str| bytes.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text.as_bytes()));
        for token in &tokens {
            let symbols = token.rsplit('_').next().unwrap();
            assert!(!has(token) && !has(symbols) && !has(&symbols[..13]) && !has(&symbols[13..]), "{token}");
        }
    }
    let everything = folder.path().join("tickets.db-wal");
    let log = std::fs::read(everything).unwrap();
    let has = |text: &str| log.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(read > 10_000 && has("undo_email") && has("new@example.com"), "the search finds what is there");
}

impl Office {
    async fn organisation(&self, founder: &Account) -> OrganisationId {
        self.engine.mark_verified(founder.id).await.unwrap();
        self.engine.found_organisation(founder.id, "www.evil.example", None).await.unwrap().id
    }
}

fn by(account: &Account) -> Actor {
    Actor::Person(Principal::Account(account.id))
}

#[tokio::test]
async fn who_is_invited_joins_with_the_token_of_the_mail() {
    let office = Office::open();
    let ada = office.register_other("ada@example.com").await;
    let band = office.organisation(&ada).await;
    let address = "bob@example.com".parse().unwrap();
    let invite = async |role| office.engine.invite_member(&by(&ada), band, &address, role, MemberEvents::All).await;
    let made = invite(MemberRole::Door).await.unwrap();
    assert_eq!(office.engine.invitations(&by(&ada), band).await.unwrap(), std::slice::from_ref(&made));
    // There is no account yet, and the page says what the token is for.
    let mail = office.mails().await.pop().unwrap();
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        ("bob@example.com", "You are invited to help to sell tickets")
    );
    assert!(!mail.text.contains("evil") && !mail.html.contains("evil"), "no word that a person chose: {}", mail.text);
    let token = token_of(&mail);
    let state = office.engine.proof(&token).await.unwrap().unwrap();
    assert_eq!((state.purpose, state.is_open), (ProofPurpose::JoinOrganisation, true));
    let bob = office.register_other("bob@example.com").await;
    assert_eq!(code(office.engine.join_organisation(ada.id, &token).await), "proof_unknown", "another address");
    assert_eq!(code(office.engine.verify_email(&token).await), "proof_unknown", "another purpose");
    let (organisation, membership) = office.engine.join_organisation(bob.id, &token).await.unwrap();
    assert_eq!((organisation.id, membership.role), (band, MemberRole::Door));
    assert!(office.engine.find_account("bob@example.com").await.unwrap().unwrap().is_verified);
    assert_eq!(code(office.engine.join_organisation(bob.id, &token).await), "proof_unknown");
    assert!(!office.engine.proof(&token).await.unwrap().unwrap().is_open);
    assert_eq!(office.engine.invitations(&by(&ada), band).await.unwrap(), []);
    // Who may not manage, neither invites nor looks.
    let by_bob = office.engine.invite_member(&by(&bob), band, &address, MemberRole::Viewer, MemberEvents::All).await;
    assert_eq!(code(by_bob), "forbidden");
    assert_eq!(code(office.engine.invitations(&by(&bob), band).await), "forbidden");
    assert_eq!(code(office.engine.withdraw_invitation(&by(&bob), band, made.id).await), "forbidden");
    let stranger = office.register_other("eve@example.com").await;
    assert_eq!(code(office.engine.organisation_audit(&by(&stranger), band, PageRequest::default()).await), "not_found");
    assert_eq!(code(office.engine.organisation_audit(&by(&bob), band, PageRequest::default()).await), "forbidden");
    let audit = office.engine.organisation_audit(&by(&ada), band, PageRequest::default()).await.unwrap().items;
    let actions: Vec<&str> = audit.iter().map(|line| line.action.as_str()).collect();
    let expected = ["organisation.founded", "member.added", "invitation.made", "member.added", "invitation.accepted"];
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn the_mail_of_a_withdrawn_invitation_is_not_sent() {
    let office = Office::open();
    let ada = office.register_other("ada@example.com").await;
    let band = office.organisation(&ada).await;
    let address = "bob@example.com".parse().unwrap();
    let made =
        office.engine.invite_member(&by(&ada), band, &address, MemberRole::Door, MemberEvents::All).await.unwrap();
    for _ in 0..2 {
        office.engine.withdraw_invitation(&by(&ada), band, made.id).await.unwrap();
    }
    assert_eq!(office.mails().await.len(), 0);
    let nothing = office.engine.withdraw_invitation(&by(&ada), band, 4711.into()).await;
    assert_eq!(code(nothing), "invitation_unknown");
}

/// The code of the last mail.
async fn digits(office: &Office) -> String {
    let mail = office.mails().await.pop().unwrap();
    assert_eq!(mail.subject, "Your code", "it is not in the subject");
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    mail.text.lines().map(str::trim).find(is_code).unwrap_or_else(|| panic!("{}", mail.text)).to_owned()
}

/// Another code than this one.
fn wrong(digits: &str) -> String {
    if digits == "000000" { "000001".to_owned() } else { "000000".to_owned() }
}

#[tokio::test]
async fn an_address_is_verified_by_the_code_that_was_mailed_to_it() {
    let office = Office::open();
    let ada = office.register("ada@example.com").await;
    let engine = &office.engine;
    let asked = engine.send_code(CodeFor::VerifyEmail(ada.id)).await.unwrap().unwrap();
    assert!(asked.challenge.starts_with("tkc_") && !format!("{asked:?}").contains("tkc_"));
    let typed = digits(&office).await;
    let check =
        async |challenge: &str, typed: &str| engine.check_code(challenge, typed, CodePurpose::VerifyEmail).await;
    for bad in ["", "12345", "1234567", "abcdef"] {
        assert_eq!(code(check(&asked.challenge, bad).await), "invalid", "{bad}");
    }
    // A challenge of somebody else's, or a guess, is of no use and does not count.
    let bob = office.register_other("bob@example.com").await;
    let of_bob = engine.send_code(CodeFor::VerifyEmail(bob.id)).await.unwrap().unwrap();
    let symbols = of_bob.challenge.rsplit_once('_').unwrap().1;
    let guess = format!("{}_{symbols}", asked.challenge.rsplit_once('_').unwrap().0);
    for _ in 0..6 {
        for challenge in [guess.as_str(), "tkc_1", "", "tkp_1_7GQ4MK2ZR8C0P5V1X3YD6SJ9TW"] {
            assert_eq!(code(check(challenge, &typed).await), "proof_unknown", "{challenge}");
        }
    }
    let refused = check(&asked.challenge, &wrong(&typed)).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::MailCodeWrong { left: 4 }))), "{refused:?}");
    let spaced = format!(" {} {} ", &typed[..3], &typed[3..]);
    assert_eq!(check(&asked.challenge, &spaced).await.unwrap(), CodeFor::VerifyEmail(ada.id));
    assert!(engine.find_account("ada@example.com").await.unwrap().unwrap().is_verified);
    assert_eq!(code(check(&asked.challenge, &typed).await), "proof_unknown");
    assert_eq!(engine.send_code(CodeFor::VerifyEmail(ada.id)).await.unwrap(), None);
    assert_eq!(code(engine.send_code(CodeFor::VerifyEmail(404.into())).await), "not_found");
    let of_bob_typed = digits(&office).await;
    assert!(engine.verify_email_by_code(&of_bob.challenge, &of_bob_typed).await.unwrap().is_verified);
}

#[tokio::test]
async fn five_wrong_codes_end_the_right_one() {
    let office = Office::open();
    let ada = office.register("ada@example.com").await;
    let asked = office.engine.send_code(CodeFor::VerifyEmail(ada.id)).await.unwrap().unwrap();
    let typed = digits(&office).await;
    for _ in 0..5 {
        let refused = office.engine.verify_email_by_code(&asked.challenge, &wrong(&typed)).await;
        assert_eq!(code(refused), "mail_code_wrong");
    }
    let late = office.engine.verify_email_by_code(&asked.challenge, &typed).await;
    assert_eq!(code(late), "proof_unknown");
    // Neither does one that waits too long.
    let asked = office.engine.send_code(CodeFor::VerifyEmail(ada.id)).await.unwrap().unwrap();
    let typed = digits(&office).await;
    office.clock.advance(ProofPurpose::Code.lasts());
    let late = office.engine.verify_email_by_code(&asked.challenge, &typed).await;
    assert_eq!(code(late), "proof_unknown");
}
