use std::net::SocketAddr;
use std::time::Duration;
use ticketing_tests::number;
use ticketing_tests::onlookers::{Onlookers, Seen};
use ticketing_tests::proof::told;
use ticketing_tests::server::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const ASKED: &[&str] = &["/health", "/events", "/ready"];

/// How one connection of the attacker keeps its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// It asks for something small now and then, and is never quite idle.
    KeepAlive,
    /// It never ends its head.
    SlowHead,
    /// It never ends its body.
    SlowBody,
    /// It asks for much and reads nothing.
    Unread,
    /// It says nothing.
    Silent,
}

/// Holds a connection as long as the server lets it, and then takes another.
async fn hold(server: SocketAddr, how: Hold) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(server).await {
            let _ = keep(&mut stream, how).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn keep(stream: &mut TcpStream, how: Hold) -> std::io::Result<()> {
    let mut heard = [0; 4096];
    match how {
        Hold::KeepAlive => loop {
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await?;
            if stream.read(&mut heard).await? == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        },
        Hold::SlowHead => {
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n").await?;
            loop {
                stream.write_all(b"X-A: b\r\n").await?;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Hold::SlowBody => {
            let head = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n";
            stream.write_all(head).await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        Hold::Unread => {
            for _ in 0..50 {
                stream.write_all(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n").await?;
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        Hold::Silent => stream.read(&mut heard).await.map(drop),
    }
}

async fn attack(how: Hold, connections: usize) -> Seen {
    let server = Server::start(&[]).await;
    let mut attackers = JoinSet::new();
    for _ in 0..connections {
        attackers.spawn(hold(server.address, how));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let onlookers = Onlookers::ask(server.address, ASKED);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let seen = onlookers.stop().await;
    attackers.abort_all();
    println!("abuse: {connections} connections of one address, {how:?}; others: {}", seen.in_words());
    told("abuse", &format!("connections of one address ({how:?})"), connections, "all others are answered");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_with_every_connection_keeps_nobody_waiting() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let connections = number("ABUSE_CONNECTIONS", 600);
    for how in [Hold::KeepAlive, Hold::SlowHead, Hold::SlowBody, Hold::Unread] {
        let seen = attack(how, connections).await;
        assert_eq!(seen.refused(), Vec::<&Result<u16, String>>::new(), "{how:?}");
    }
    let silent = number("ABUSE_SILENT", 2_000);
    let seen = attack(Hold::Silent, silent).await;
    assert_eq!(seen.refused(), Vec::<&Result<u16, String>>::new());
}
