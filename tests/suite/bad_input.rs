//! What no client should send, on a real socket: the server answers with a clear no or hangs up, and lives.
//!
//! What well-formed HTTP with bad contents is answered with, operation by operation, is tested in ticketing-http.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use ticketing_tests::client::Client;
use ticketing_tests::random::Random;
use ticketing_tests::server::Server;
use ticketing_tests::stored_state::StoredState;
use ticketing_tests::users::User;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What may come of bytes that are no request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    /// Exactly this status.
    Status(u16),
    /// Any 4xx, or nothing and the end of the connection.
    No,
}

fn repeated(count: usize, piece: &str) -> String {
    piece.repeat(count)
}

/// Bytes, and what may come of them.
fn oddities() -> Vec<(&'static str, Vec<u8>, Wanted)> {
    use Wanted::{No, Status};
    let post = |headers: &str, body: &str| format!("POST /auth/login HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}");
    let many_headers: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    let text = |text: String| text.into_bytes();
    vec![
        ("nothing but a line end", text("\r\n\r\n".into()), No),
        ("zeroes", vec![0; 4096], No),
        ("a TLS client", vec![0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3, 7, 7, 7, 7], No),
        ("an HTTP/2 client", text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into()), No),
        ("an SSH client", text("SSH-2.0-OpenSSH_9.6\r\n".into()), No),
        ("no version", text("GET /\r\n\r\n".into()), No),
        ("an unknown version", text("GET / HTTP/9.9\r\nHost: x\r\n\r\n".into()), No),
        ("a method in lower case letters", text("get /health HTTP/1.1\r\nHost: x\r\n\r\n".into()), Status(405)),
        ("a method that nobody knows", text("FROB /health HTTP/1.1\r\nHost: x\r\n\r\n".into()), Status(405)),
        ("TRACE", text("TRACE /events HTTP/1.1\r\nHost: x\r\n\r\n".into()), Status(405)),
        ("a tunnel", text("CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n".into()), No),
        ("a proxy request", text("GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n".into()), Status(200)),
        ("a path of 60 KB", text(format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", repeated(60_000, "a"))), No),
        ("a path out of the tree", text("GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n".into()), Status(404)),
        ("a path that is not UTF-8", text("GET /tickets/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n".into()), No),
        ("a path with a zero in it", text("GET /tickets/%00 HTTP/1.1\r\nHost: x\r\n\r\n".into()), Status(404)),
        ("bytes of no text in the path", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), No),
        (
            "a header without an end",
            text(format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", repeated(100_000, "y"))),
            Status(431),
        ),
        ("200 headers", text(format!("GET / HTTP/1.1\r\nHost: x\r\n{many_headers}\r\n")), Status(431)),
        ("a header without a colon", text("GET / HTTP/1.1\r\nHost x\r\n\r\n".into()), No),
        ("a header folded over lines", text("GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n".into()), No),
        ("a negative length", text(post("Content-Length: -1\r\n", "")), No),
        ("a length that is no number", text(post("Content-Length: 1e3\r\n", "")), No),
        ("a length beyond all numbers", text(post("Content-Length: 99999999999999999999999\r\n", "{}")), No),
        ("two lengths", text(post("Content-Length: 2\r\nContent-Length: 4\r\n", "{}{}")), No),
        ("a length and chunks", text(post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")), No),
        ("an encoding that nobody knows", text(post("Transfer-Encoding: gzip\r\n", "{}")), No),
        (
            "chunks of no size",
            text(post("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", "zz\r\n\r\n")),
            No,
        ),
        (
            "a body that says it is too long",
            text(post("Content-Type: application/json\r\nContent-Length: 10000000\r\n", "{")),
            Status(413),
        ),
        (
            "a body in chunks that is too long",
            text(post(
                "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
                &repeated(100, &format!("1000\r\n{}\r\n", repeated(0x1000, "x"))),
            )),
            Status(413),
        ),
        (
            "no token but a colon",
            text("GET /auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer :\r\n\r\n".into()),
            Status(401),
        ),
        (
            "a token of 20 KB",
            text(format!(
                "GET /auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
                repeated(20_000, "a")
            )),
            Status(401),
        ),
        (
            "a token in bytes of no text",
            b"GET /auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n".to_vec(),
            Status(401),
        ),
    ]
}

/// Sends bytes, and gives the status line's number, if one came, and all that came. Where nothing comes, it says that it will
/// not send more, and waits for the end.
async fn say(address: SocketAddr, bytes: &[u8]) -> (Option<u16>, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may answer and hang up before it has read all of it.
    let _ = stream.write_all(bytes).await;
    let (mut heard, mut piece, since) = (Vec::new(), vec![0; 64 * 1024], Instant::now());
    loop {
        match tokio::time::timeout(Duration::from_millis(300), stream.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(read)) => heard.extend_from_slice(&piece[..read]),
            Err(_) if !heard.is_empty() => break,
            Err(_) => drop(stream.shutdown().await),
        }
        assert!(since.elapsed() < Duration::from_secs(20), "neither an answer nor the end after 20 seconds");
    }
    let heard = String::from_utf8_lossy(&heard).into_owned();
    let status = heard.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|status| status.parse().ok());
    (status, heard)
}

async fn assert_alive(server: &Server, after: &str) {
    let answer = Client::new(server.address).get("/health", None).await;
    assert!(answer.is_ok_and(|answer| answer.status == 200), "dead after {after}:\n{}", server.log());
    assert!(!server.log().contains("panicked"), "something panicked after {after}:\n{}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_get_a_clear_error_and_affect_no_one_else() {
    let server = Server::start(&[]).await;
    for (what, bytes, wanted) in oddities() {
        let (status, heard) = say(server.address, &bytes).await;
        let is_fine = match wanted {
            Wanted::Status(wanted) => status == Some(wanted),
            Wanted::No => status.is_none_or(|status| (400..500).contains(&status)),
        };
        assert!(is_fine, "{what}: must be {wanted:?} (got {heard:?})");
        let lower = heard.to_lowercase();
        for leak in ["panicked", "src/", ".rs:", "sqlx", "hyper", "select "] {
            assert!(!lower.contains(leak), "{what}: {leak} in {heard:?}");
        }
        assert_alive(&server, what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_bytes_do_not_stop_the_server() {
    let server = Server::start(&[]).await;
    let mut random = Random::default();
    let sample = b"POST /events/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"title\": \"Jazz\"}";
    for _ in 0..300 {
        let mut bytes = sample.to_vec();
        for _ in 0..=random.below(6) {
            let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            bytes[at] = u8::try_from(random.below(256)).unwrap();
        }
        if random.percent(30) {
            bytes.truncate(usize::try_from(random.below(bytes.len() as u64)).unwrap());
        }
        let (status, heard) = say(server.address, &bytes).await;
        assert!(
            status.is_none_or(|status| (400..500).contains(&status)),
            "{:?}: {heard:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
    assert_alive(&server, "noise").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_before_junk_is_answered_and_the_junk_is_not_taken_for_one() {
    let server = Server::start(&[]).await;
    let both =
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n\x01\x02 junk\r\n\r\nGET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
    let (status, heard) = say(server.address, both).await;
    assert_eq!(status, Some(200), "{heard}");
    assert!(heard.contains("healthy") && !heard.contains("openapi"), "{heard}");
    assert_alive(&server, "junk behind a request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_do_not_block_others_and_are_disconnected() {
    let server = Server::start(&[]).await;
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nHo").await.unwrap();
        waiting.push(stream);
    }
    assert_alive(&server, "a hundred half requests").await;
    // Others were answered before the slow ones were given up, and did not wait for that.
    let is_open = |stream: &TcpStream| {
        stream.try_read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    assert!(waiting.iter().any(is_open), "others waited until the slow clients were disconnected");
    for mut stream in waiting {
        let mut heard = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut heard)).await;
        assert!(end.is_ok(), "still connected after half a minute");
    }
    // Gone in the middle of a body, by reset: nothing was read, so nothing may come of it.
    for _ in 0..50 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let half = b"POST /auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"em";
        stream.write_all(half).await.unwrap();
        stream.set_zero_linger().unwrap();
    }
    assert_alive(&server, "fifty resets").await;
}

/// JSON, and texts that claim to be, none of which is what any operation wants.
fn bad_bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "",
        "{",
        "[]",
        "null",
        "true",
        "1e999",
        "\"text\"",
        "{\"a\":1,\"a\":2}",
        "{\"x\":\"\\ud800\"}",
        "{}}",
        "\u{feff}{}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    bodies.push(vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}']);
    bodies.push(repeated(5_000, "[").into_bytes());
    bodies.push(format!("{}1{}", repeated(5_000, "{\"a\":"), repeated(5_000, "}")).into_bytes());
    bodies.push(json!({"unknown_field": 1}).to_string().into_bytes());
    bodies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_rejects_bad_bodies_as_problem_json_and_writes_nothing() {
    let mut server = Server::start(&[]).await;
    let mut person = User::join(server.address, "mallory").await;
    let document = person.get("/openapi.json").await.unwrap().json();
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let takes_json = operation["requestBody"]["content"]["application/json"].is_object();
            let is_needed = operation["requestBody"]["required"] == true;
            // A webhook is signed as it is, and read afterwards.
            if !takes_json || path.contains("webhooks") {
                continue;
            }
            let target = path.replace("{event_id}", "1").replace(['{', '}'], "");
            for body in bad_bodies() {
                if body.is_empty() && !is_needed {
                    continue;
                }
                let method = method.to_uppercase().parse().unwrap();
                let sent = ("application/json", body.clone().into());
                let token = person.token.clone();
                let answer = person.client.send(method, &target, Some(&token), Some(sent)).await.unwrap();
                let shown: String = String::from_utf8_lossy(&body).chars().take(40).collect();
                let problem = answer.json();
                let what = format!("{path} with {shown:?}: {}", answer.in_words());
                assert!((400..500).contains(&answer.status), "{what}");
                assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
                assert_eq!(problem["status"], Value::from(answer.status), "{what}");
                for field in ["type", "title", "detail", "code"] {
                    assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "no {field} in {what}");
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "only {tried} bad bodies were sent");
    server.stop().await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
    let stored = StoredState::open(&server.copy_of_database()).await;
    stored.assert_sound().await;
    assert_eq!(stored.count("select count(*) from accounts").await, 1);
    for nothing in ["select count(*) from events", "select count(*) from orders", "select count(*) from categories"] {
        assert_eq!(stored.count(nothing).await, 0, "{nothing}");
    }
    stored.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn common_passwords_are_refused_where_the_setting_says_so() {
    for (setting, status) in [("refuse", 422), ("accept", 201)] {
        let mut server = Server::start(&[("COMMON_PASSWORDS", setting)]).await;
        let mut client = Client::new(server.address);
        let system_a = json!({"email": "ada@example.com", "name": "Ada", "password": "password123"});
        let system_b = json!({"email": "ben@example.com", "username": "ben", "password": "ben@example.com"});
        for (path, body) in [("/auth/register", &system_a), ("/users/", &system_b)] {
            let answer = client.post(path, None, body).await.unwrap();
            assert_eq!(answer.status, status, "{path}: {}", answer.in_words());
        }
        server.stop().await;
    }
}
