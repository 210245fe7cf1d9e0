use super::*;
use crate::stack::{StackConfig, stack};
use poem::endpoint::make;
use poem::{Route, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

const TEST_TIMEOUT: Duration = Duration::from_secs(10);

async fn start(limits: Limits) -> Server {
    let slow = make(|_| async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        "slow but done"
    });
    let echo = make(|request: Request| async move { request.into_body().into_string().await });
    let who = make(|request: Request| async move { request.remote_addr().to_string() });
    let large = make(|_| async { "x".repeat(64 << 20) });
    let api = Route::new().at("/slow", slow).at("/echo", post(echo)).at("/who", who).at("/large", large);
    let api = stack(api, StackConfig::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve(listener, api, limits, async { drop(stopped.await) }));
    Server { address, stop, task }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server hangs up.
    async fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = timeout(TEST_TIMEOUT, stream.read_to_end(&mut answer)).await.expect("the server hangs up");
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n")
}

#[tokio::test]
async fn a_request_knows_its_peer() {
    let server = start(Limits::default()).await;
    let answer = server.ask(head("/who", "").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("127.0.0.1:"), "{answer}");
    let answer = server.ask(b"HEAD /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn slow_headers_time_out() {
    let server = start(Limits { header_timeout: Duration::from_millis(300), ..Limits::default() }).await;
    let began = Instant::now();
    let mut stream = server.connect().await;
    stream.write_all(b"GET /who HTTP/1.1\r\n").await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let trickle = async {
        while writer.write_all(b"X-A: b\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = trickle => {}
        outcome = timeout(TEST_TIMEOUT, reader.read_to_end(&mut answer)) => drop(outcome.expect("the server hangs up")),
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // So is a connection that says nothing after its first request.
    let mut idle = server.connect().await;
    idle.write_all(b"POST /who HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn header_size_and_count_are_limited() {
    let server = start(Limits::default()).await;
    let long = head("/who", &format!("X-A: {}\r\n", "b".repeat(40_000)));
    assert!(server.ask(long.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let many = head("/who", &"X-A: b\r\n".repeat(100));
    assert!(server.ask(many.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let enough = head("/who", &"X-A: b\r\n".repeat(60));
    assert!(server.ask(enough.as_bytes()).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_chunked_body_is_limited_while_it_arrives() {
    let server = start(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(head("/echo", "Transfer-Encoding: chunked\r\n").as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    // Endless: the server must answer before the end, since there is none.
    let (mut reader, mut writer) = stream.split();
    let endless = async {
        while writer.write_all(chunk.as_bytes()).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    let mut answer = [0; 20];
    tokio::select! {
        () = endless => {}
        outcome = timeout(TEST_TIMEOUT, reader.read_exact(&mut answer)) => drop(outcome.expect("an answer").unwrap()),
    }
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    let small = format!("{}3\r\nabc\r\n0\r\n\r\n", head("/echo", "Transfer-Encoding: chunked\r\n"));
    assert!(server.ask(small.as_bytes()).await.ends_with("abc"));
}

#[tokio::test]
async fn a_body_with_length_and_chunks_is_rejected() {
    let server = start(Limits::default()).await;
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\ncontent-length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: gzip\r\n",
    ] {
        let answer = server.ask(format!("{}0\r\n\r\n", head("/echo", headers)).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{headers}: {answer}");
    }
}

#[tokio::test]
async fn every_request_on_a_connection_is_scanned() {
    let server = start(Limits::default()).await;
    let mut stream = server.connect().await;
    let one = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 21\r\n\r\n\nContent-Length: 5\n\nx";
    stream.write_all(one.as_bytes()).await.unwrap();
    let mut seen = String::new();
    while !seen.ends_with("\n\nx") {
        let mut bytes = [0; 4096];
        let read = timeout(TEST_TIMEOUT, stream.read(&mut bytes)).await.unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    let chunked = format!("{}2\r\nok\r\n0\r\n\r\n", head("/echo", "Transfer-Encoding: chunked\r\n"));
    stream.write_all(chunked.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.ends_with("ok"));
}

#[tokio::test]
async fn shutdown_finishes_requests_in_flight_and_accepts_no_more() {
    let server = start(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let idle = server.connect().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.send(()).unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("slow but done"), "{answer}");
    timeout(TEST_TIMEOUT, server.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn requests_beyond_the_grace_period_are_dropped() {
    let server = start(Limits { grace: Duration::from_millis(50), ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.send(()).unwrap();
    timeout(Duration::from_millis(300), server.task).await.unwrap().unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_requests_in_progress() {
    let server = start(Limits { max_connections: 1, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.write_all(SLOW).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut second = server.connect().await;
    second.write_all(head("/who", "").as_bytes()).await.unwrap();
    let answer = rest(&mut first).await;
    assert!(answer.ends_with("slow but done"), "it is not cut off: {answer}");
    assert!(answer.contains("connection: close"), "it makes room: {answer}");
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 200"));
}

/// A client at another address of this machine.
async fn connect_from(last: u8, server: &Server) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    socket.connect(server.address).await.unwrap()
}

/// Some take a long time with their heads, some with their bodies, some only say nothing.
async fn hold_connections(server: &Server, count: usize) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for number in 0..count {
        let mut stream = server.connect().await;
        let begun: &[u8] = match number % 4 {
            0 => b"",
            1 => b"GET /who HTTP/1.1\r\nHost: a\r\nX-A: ",
            2 => b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbut",
            _ => b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n",
        };
        let _ = stream.write_all(begun).await;
        held.push(stream);
    }
    held
}

#[tokio::test]
async fn one_address_cannot_take_every_connection() {
    let limits = Limits { max_connections: 16, max_per_address: 8, ..Limits::default() };
    let server = start(limits).await;
    let _held = hold_connections(&server, 64).await;
    for round in 0..20 {
        for last in [2, 1] {
            let mut honest = connect_from(last, &server).await;
            honest.write_all(head("/who", "").as_bytes()).await.unwrap();
            let answer = rest(&mut honest).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{round}: {answer}");
        }
    }
}

/// Nothing but requests in progress at one address: others do not wait for them.
#[tokio::test]
async fn an_address_at_its_limit_keeps_nobody_else_waiting() {
    let limits = Limits { max_connections: 16, max_per_address: 8, ..Limits::default() };
    let server = start(limits).await;
    let mut busy = Vec::new();
    for _ in 0..32 {
        let mut stream = server.connect().await;
        stream.write_all(head("/slow", "").as_bytes()).await.unwrap();
        busy.push(stream);
    }
    let mut honest = connect_from(2, &server).await;
    honest.write_all(head("/who", "").as_bytes()).await.unwrap();
    assert!(rest(&mut honest).await.starts_with("HTTP/1.1 200"));
    // Eight at once, eight that wait; the others are closed, because they are too many.
    let mut served = 0;
    for mut stream in busy {
        served += usize::from(rest(&mut stream).await.ends_with("slow but done"));
    }
    assert!((8..=16).contains(&served), "{served}");
}

#[tokio::test]
async fn a_trusted_proxy_is_not_limited() {
    let trusted_proxies = TrustedProxies::new(vec!["127.0.0.1/32".parse().unwrap()]);
    let limits = Limits { max_connections: 16, max_per_address: 2, trusted_proxies, ..Limits::default() };
    let server = start(limits).await;
    let mut kept = Vec::new();
    for _ in 0..10 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        kept.push(stream);
    }
    for stream in &mut kept {
        stream.write_all(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0, "none was replaced");
    }
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    let server = start(Limits::default()).await;
    let ask = async |version: &str, hosts: &str| {
        let request = format!("GET /who HTTP/{version}\r\nConnection: close\r\n{hosts}\r\n");
        server.ask(request.as_bytes()).await.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    for good in ["a", "a:80", "127.0.0.1:8000", "[::1]:8000", "tickets.example.com", ""] {
        assert_eq!(ask("1.1", &format!("Host: {good}\r\n")).await, "200", "{good:?}");
    }
    assert_eq!(ask("1.0", "").await, "200", "health checks of load balancers");
    assert_eq!(ask("1.0", "Host: a\r\n").await, "200");
    for bad in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nhost: a\r\n",
        "Host: a b\r\n",
        "Host: u@a\r\n",
        "Host: a/b\r\n",
        "Host: \u{e9}\r\n",
    ] {
        assert_eq!(ask("1.1", bad).await, "400", "{bad:?}");
    }
    assert_eq!(ask("1.0", "Host: a\r\nHost: b\r\n").await, "400");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let limits = Limits { max_connections: 1, write_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = start(limits).await;
    let mut deaf = server.connect().await;
    deaf.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Its place becomes free although it keeps its end open.
    assert!(server.ask(head("/who", "").as_bytes()).await.starts_with("HTTP/1.1 200"));
    drop(deaf);
}
