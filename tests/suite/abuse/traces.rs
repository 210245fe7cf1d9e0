use hyper::Method;
use serde_json::json;
use std::collections::BTreeSet;
use ticketing_tests::client::Client;
use ticketing_tests::server::Server;
use ticketing_tests::users::User;

/// Whatever the server keeps is for its owner alone, at an ordinary umask.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start(&[]).await;
    User::join(server.address, "ada").await;
    let mut seen = BTreeSet::new();
    for file in std::fs::read_dir(&server.folder).unwrap().flatten() {
        let name = file.file_name().into_string().unwrap();
        let metadata = file.metadata().unwrap();
        if metadata.is_file() && name != "server.log" {
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{name}");
            seen.insert(name);
        }
    }
    for name in ["ticketing.db", "ticketing.db-wal", "ticketing.db-shm", "ticketing.db.jwt-secret"] {
        assert!(seen.contains(name), "{name} is not in {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attack_on_passwords_is_in_the_log() {
    super::on_each_database(&[("TRUSTED_PROXIES", "127.0.0.1")], async |server, _| {
        let mut client = Client::new(server.address);
        User::join(server.address, "ada").await;
        let mut guess = async |name: &str, from: &str| {
            let body = json!({"email": format!("{name}@example.com"), "password": "password1"}).to_string();
            let body = Some(("application/json", body.into()));
            let headers = [("X-Forwarded-For", from)];
            client.send_with(Method::POST, "/auth/login", None, body, &headers).await.unwrap();
        };
        for _ in 0..6 {
            guess("ada", "203.0.113.9").await;
        }
        guess("ada", "203.0.113.10").await;
        guess("nobody", "203.0.113.9").await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let log = server.log();
        let of = |event: &str, more: &str| -> Vec<String> {
            let has = |line: &&str| line.contains(&format!("event=\"{event}\"")) && line.contains(more);
            log.lines().filter(has).map(str::to_owned).collect()
        };
        assert_eq!(of("registered", "").len(), 1, "{log}");
        assert_eq!(of("login", "127.0.0.1").len(), 1, "{log}");
        assert_eq!(of("login_failed", "reason=\"wrong_password\"").len(), 6, "{log}");
        assert_eq!(of("login_failed", "reason=\"unknown_account\"").len(), 1, "{log}");
        assert_eq!(of("login_failed", "client=203.0.113.10").len(), 1, "{log}");
        assert_eq!(of("login_throttled", "limit=\"pair\"").len(), 1, "{log}");
        // One account is one hash, which names nobody.
        let hash =
            |line: &String| line.split("account=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        let failed = of("login_failed", "");
        assert_eq!(failed.iter().map(hash).collect::<BTreeSet<_>>().len(), 2, "{failed:?}");
        assert!(!log.contains("example.com") && !log.contains("password1"), "{log}");
    })
    .await;
}
