use hyper::Method;
use serde_json::json;
use ticketing_tests::client::Client;
use ticketing_tests::server::Server;
use ticketing_tests::users::User;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The status of the answer to these bytes.
async fn say(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8_lossy(&heard).split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_not_for_those_who_come_through_an_unnamed_proxy() {
    let server = Server::start(&[]).await;
    let mut client = Client::new(server.address);
    assert_eq!(client.get("/metrics", None).await.unwrap().status, 200);
    for header in ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "Via", "X-Real-IP"] {
        let answer = client.send_with(Method::GET, "/metrics", None, None, &[(header, "https")]).await.unwrap();
        assert_eq!(answer.status, 404, "{header}");
    }
    let rebound = "GET /metrics HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n";
    assert_eq!(say(&server, rebound).await, "404");
    assert!(server.log().contains("TRUSTED_PROXIES does not name"), "an operator hears of the unnamed proxy");
    // A proxy that adds nothing at all.
    let public = Server::start(&[("PUBLIC_URL", "https://tickets.example.com"), ("SANDBOX", "on")]).await;
    assert_eq!(Client::new(public.address).get("/metrics", None).await.unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_names_one_host() {
    let server = Server::start(&[]).await;
    for (request, status) in [
        ("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200"),
        ("GET /health HTTP/1.0\r\n\r\n", "200"),
        ("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", "400"),
        ("GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n", "400"),
        ("GET /health HTTP/1.1\r\nHost: x y\r\nConnection: close\r\n\r\n", "400"),
    ] {
        assert_eq!(say(&server, request).await, status, "{request:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_log_out_ends_the_new_session_too() {
    super::on_each_database(&[], async |server, _| {
        let mut user = User::join(server.address, "ada").await;
        for round in 0..3 {
            let headers = [("Idempotency-Key", "the same")];
            let log_out = user.client.send_with(Method::POST, "/auth/logout", Some(&user.token), None, &headers);
            assert_eq!(log_out.await.unwrap().status, 204, "{round}");
            assert_eq!(user.get("/auth/me").await.unwrap().status, 401, "{round}");
            let body = json!({"email": "ada@example.com", "password": "correct horse battery"});
            let answer = user.client.post("/auth/login", None, &body).await.unwrap();
            user.token = answer.json()["access_token"].as_str().unwrap().to_owned();
        }
    })
    .await;
}
