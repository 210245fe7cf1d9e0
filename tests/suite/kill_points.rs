//! The server is killed at the exact moments at which something is done and not yet written down, or written down and not yet
//! said: when the payment gateway receives a question, when it has answered, when a buyer is about to be answered, when the mail
//! server has the whole mail. It starts again, people do what people do, and in the end each payment has bought its tickets once
//! or has gone back once, and each mail has come.

use serde_json::json;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use ticketing_tests::breakpoints::{Breakpoint, When};
use ticketing_tests::client::{Answer, Client, Lost};
use ticketing_tests::proof::told;
use ticketing_tests::sandbox_gateway::{SECRET_KEY, SandboxGateway};
use ticketing_tests::server::Server;
use ticketing_tests::stored_state::StoredState;
use ticketing_tests::users::{User, codes_of, reference_of};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// Between whom the trap stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// The server asks.
    ServerAndGateway,
    /// The server is asked, by buyers and by webhooks.
    PeopleAndServer,
    /// The mail server has a mail, and has not said so.
    ServerAndPost,
}

/// What is done and not known at each moment.
const POINTS: &[(&str, Between, &str, When)] = &[
    ("held, not asked for a checkout", Between::ServerAndGateway, "POST /transaction/initialize", When::Received),
    ("checkout open, not written down", Between::ServerAndGateway, "POST /transaction/initialize", When::Answered),
    ("checkout written down, not told", Between::PeopleAndServer, "POST /payments/initialize", When::Answered),
    ("paid, not asked", Between::ServerAndGateway, "GET /transaction/verify/", When::Received),
    ("paid and told, not settled", Between::ServerAndGateway, "GET /transaction/verify/", When::Answered),
    ("settled, tickets not told", Between::PeopleAndServer, "GET /payments/verify/", When::Answered),
    ("webhook here, not taken", Between::PeopleAndServer, "POST /payments/webhooks/", When::Received),
    ("webhook taken, not acknowledged", Between::PeopleAndServer, "POST /payments/webhooks/", When::Answered),
    ("refund decided, not told", Between::PeopleAndServer, "POST /payments/", When::Answered),
    ("refund decided, not sent", Between::ServerAndGateway, "POST /refund", When::Received),
    ("refund sent, not written down", Between::ServerAndGateway, "POST /refund", When::Answered),
    ("mail sent, not written down", Between::ServerAndPost, "", When::Received),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_at_each_breakpoint_keeps_every_promise() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let mut recoveries = Vec::new();
    let at_once = POINTS.iter().map(|(name, between, begins, when)| {
        (name, tokio::spawn(async move { die_at(name, *between, begins, *when).await }))
    });
    for (name, recovery) in at_once.collect::<Vec<_>>() {
        let recovery = recovery.await.unwrap();
        println!("kill_points: {name}: ready again after {recovery:.1?}");
        recoveries.push(recovery);
    }
    recoveries.sort();
    let slowest = recoveries[recoveries.len() - 1];
    told(
        "kill_points",
        "SIGKILL at a named moment",
        POINTS.len(),
        &format!("0 lost, 0 twice; ready after max {slowest:.1?}"),
    );
}

/// A server that is killed from within a trap.
#[derive(Clone)]
struct Victim(Arc<Mutex<Server>>, Arc<AtomicBool>);

impl Victim {
    fn killer(&self) -> impl Fn() + Send + Sync + 'static + use<> {
        let victim = self.clone();
        move || {
            victim.0.lock().unwrap().kill();
            victim.1.store(true, Ordering::SeqCst);
        }
    }

    /// Starts it again where it is dead.
    async fn revive(&self) -> Option<Duration> {
        if !self.1.swap(false, Ordering::SeqCst) {
            return None;
        }
        let (began, address) = {
            let mut server = self.0.lock().unwrap();
            server.spawn();
            (Instant::now(), server.address)
        };
        let mut client = Client::new(address);
        while !client.get("/health", None).await.is_ok_and(|answer| answer.status == 200) {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", self.0.lock().unwrap().log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Some(began.elapsed())
    }
}

async fn die_at(name: &str, between: Between, begins: &'static str, when: When) -> Duration {
    let (to_gateway, to_server) = (Arc::default(), Arc::default());
    let before_gateway = Breakpoint::open(Arc::clone(&to_gateway)).await;
    let before_server = Breakpoint::open(Arc::clone(&to_server)).await;
    let post = PostOffice::open().await;
    let mut server = Server::prepare(&[
        ("PAYSTACK_SECRET_KEY", SECRET_KEY),
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_SECURITY", "plain"),
        ("SMTP_FROM", "Tickets <tickets@example.com>"),
    ]);
    server.set("SMTP_PORT", post.address.port().to_string());
    server.set("PAYSTACK_BASE_URL", format!("http://{}", before_gateway.address));
    let gateway = SandboxGateway::open(before_server.address).await;
    *to_gateway.lock().unwrap() = Some(gateway.address);
    *to_server.lock().unwrap() = Some(server.address);
    server.restart().await;
    let mut organizer = User::join(before_server.address, "organizer").await;
    let event = organizer.make_event("At the worst moment", 100).await;
    let mut buyer = User::join(before_server.address, "ada").await;
    let victim = Victim(Arc::new(Mutex::new(server)), Arc::default());
    let mut recovery = None;

    let breakpoint = if between == Between::ServerAndGateway { &before_gateway } else { &before_server };
    let is_refund = name.starts_with("refund");
    if between == Between::ServerAndPost {
        *post.kill.lock().unwrap() = Some(Box::new(victim.killer()));
    } else if !is_refund {
        breakpoint.set(begins, when, victim.killer());
    }

    // She begins, again where she hears nothing, and pays.
    let reference = loop {
        let answer = buyer.begin(event, 2).await;
        recovery = recovery.or(victim.revive().await);
        if let Some(answer) = good(answer) {
            break reference_of(&answer);
        }
    };
    // A buyer may also pay at a checkout page whose response was lost.
    let caught =
        before_gateway.caught().iter().chain(&before_server.caught()).find_map(|request| reference_in(request));
    let mut bank = Client::new(gateway.address);
    if let Some(lost) = caught.filter(|lost| *lost != reference)
        && gateway.status_of(&mut bank, &lost).await.is_some()
    {
        gateway.play(&lost, "pay_no_webhook").await.unwrap();
    }
    let action = if begins.contains("webhooks") { "pay" } else { "pay_no_webhook" };
    gateway.play(&reference, action).await.unwrap();
    if begins.contains("webhooks") {
        while before_server.caught().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        recovery = recovery.or(victim.revive().await);
    }
    let codes = loop {
        let answer = buyer.verify(&reference).await;
        recovery = recovery.or(victim.revive().await);
        if let Some(answer) = good(answer) {
            break codes_of(&answer);
        }
    };
    assert_eq!(codes.len(), 2, "{name}");
    if is_refund {
        breakpoint.set(begins, when, victim.killer());
        let path = format!("/payments/{reference}/refunds");
        let key = [("Idempotency-Key", "all-of-it")];
        loop {
            let body = Some(("application/json", json!({}).to_string().into()));
            let token = organizer.token.clone();
            let answer = organizer.client.send_with(hyper::Method::POST, &path, Some(&token), body, &key).await;
            recovery = recovery.or(victim.revive().await);
            // The server may be killed after the refund was decided and before the response was kept. The key then stays in progress
            // until its lease ends. What counts is below: exactly one refund.
            let in_progress = |answer: &Answer| answer.status == 409 && answer.json()["code"] == "request_in_progress";
            if recovery.is_some() && answer.as_ref().is_ok_and(in_progress) {
                break;
            }
            if good(answer).is_some() {
                break;
            }
        }
    }
    // Whatever goes on behind the buyer's back gets there by itself.
    let waiting = Instant::now();
    while recovery.is_none() {
        assert!(waiting.elapsed() < Duration::from_secs(30), "{name} never came");
        recovery = victim.revive().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The gateway takes its time with refunds.
    tokio::time::sleep(Duration::from_millis(700)).await;

    let server = Arc::clone(&victim.0);
    let copy = {
        let mut server = server.lock().unwrap();
        server.kill();
        server.copy_of_database()
    };
    let stored = StoredState::open(&copy).await;
    let sent_later = stored.let_time_pass(&gateway).await;
    stored.assert_sound().await;
    for (attempt, status) in stored.attempts().await {
        let said = gateway.status_of(&mut bank, &attempt).await;
        let refunds = gateway.refunds_of(&mut bank, &attempt).await;
        let was_paid = matches!(said.as_deref(), Some("success" | "reversed"));
        assert_eq!(was_paid, status == "fulfilled", "{name}: {attempt} is {said:?} there, {status} here");
        let wanted = usize::from(is_refund && attempt == reference);
        assert_eq!(refunds.len(), wanted, "{name}: {attempt} went back: {refunds:?}");
    }
    let active = stored.texts("select code from tickets where status = 'active'").await;
    let kept = codes.iter().filter(|code| active.contains(code)).count();
    assert_eq!(kept, if is_refund { 0 } else { 2 }, "{name}: tickets that were told");
    let owed = stored.count("select count(*) from mails").await;
    let mut came: BTreeSet<String> = post.taken.lock().unwrap().iter().cloned().collect();
    came.extend(sent_later);
    // Behind the @ stands the sender's domain, of which the engine that ends the test knows nothing.
    let came: BTreeSet<&str> = came.iter().map(|id| id.split('@').next().unwrap()).collect();
    assert_eq!(i64::try_from(came.len()), Ok(owed), "{name}: each mail comes, and twice only as the same: {came:?}");
    stored.close().await;
    let log = server.lock().unwrap().log();
    assert!(!log.contains("panicked"), "{name}: {log}");
    recovery.unwrap()
}

/// What is worth going on with; people try again after anything else.
fn good(answer: Result<Answer, Lost>) -> Option<Answer> {
    let answer = answer.ok()?;
    assert!(answer.status < 400 || [502, 503].contains(&answer.status), "{}", answer.in_words());
    (answer.status < 400).then_some(answer)
}

fn reference_in(request: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    let (_, body) = text.split_once("\r\n\r\n")?;
    let json: serde_json::Value = serde_json::from_str(body).ok()?;
    json["reference"].as_str().map(str::to_owned)
}

type Kill = Box<dyn Fn() + Send + Sync>;

/// A mail server that takes everything, and may do something when it has the first mail.
struct PostOffice {
    address: SocketAddr,
    /// The Message-IDs of what it has.
    taken: Arc<Mutex<Vec<String>>>,
    kill: Arc<Mutex<Option<Kill>>>,
}

impl PostOffice {
    async fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let office = Self { address, taken: Arc::default(), kill: Arc::default() };
        let (taken, kill) = (Arc::clone(&office.taken), Arc::clone(&office.kill));
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                tokio::spawn(serve(client, Arc::clone(&taken), Arc::clone(&kill)));
            }
        });
        office
    }
}

async fn serve(
    client: tokio::net::TcpStream,
    taken: Arc<Mutex<Vec<String>>>,
    kill: Arc<Mutex<Option<Kill>>>,
) -> Option<()> {
    let (read, mut write) = client.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 post.example.com\r\n").await.ok()?;
    let mut is_mail = false;
    while let Some(line) = lines.next_line().await.ok()? {
        if is_mail {
            if let Some(id) = line.strip_prefix("Message-ID: <").and_then(|rest| rest.strip_suffix('>')) {
                taken.lock().unwrap().push(id.to_owned());
            }
            if line != "." {
                continue;
            }
            is_mail = false;
            if let Some(kill) = kill.lock().unwrap().take() {
                kill();
            }
        } else if line.eq_ignore_ascii_case("DATA") {
            is_mail = true;
            write.write_all(b"354 go on\r\n").await.ok()?;
            continue;
        }
        write.write_all(b"250 yes\r\n").await.ok()?;
    }
    Some(())
}
