//! The operator's commands beside running servers, as processes: the first administrator is made without SQL, an abuser is stopped, and
//! every server sees it with the next request. And who may sell, in the sandbox and with a payment gateway.

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use ticketing_tests::client::Client;
use ticketing_tests::cluster::Cluster;
use ticketing_tests::fleet::Fleet;
use ticketing_tests::server::Server;
use ticketing_tests::users::User;

/// An operator's shell, in the folder of a server.
struct Shell<'a> {
    program: &'a Path,
    folder: &'a Path,
    environment: Vec<(&'static str, String)>,
}

impl Shell<'_> {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.program);
        command.args(arguments).env_clear().current_dir(self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    }

    /// What a command that must succeed has written. Nothing is said on standard error.
    fn done(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.run(arguments);
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(0), ""), "{arguments:?}");
        String::from_utf8(stdout).unwrap()
    }

    /// The sentence of a command that must be refused.
    fn refused(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.run(arguments);
        assert_eq!((status.code(), stdout.as_slice()), (Some(1), &b""[..]), "{arguments:?}");
        String::from_utf8(stderr).unwrap()
    }
}

async fn status(user: &mut User, path: &str) -> u16 {
    user.get(path).await.unwrap().status
}

/// What holds on every database. The two may use different servers.
async fn stop_an_abuser(shell: &Shell<'_>, ada: &mut User, mallory: &mut User) {
    assert_eq!(status(ada, "/admin/accounts").await, 403);
    let promoted = shell.done(&["admin", "promote", "ADA@example.com"]);
    assert!(promoted.starts_with("id:") && promoted.contains("\tada@example.com\t-\tadmin\tactive\t"), "{promoted}");
    assert_eq!(status(ada, "/admin/accounts").await, 200, "with the session that there was already");
    assert_eq!(status(mallory, "/admin/accounts").await, 403);

    // Over and over, while somebody else writes: each time the next request is refused, and no command fails.
    let id = mallory.get("/auth/me").await.unwrap().json()["id"].as_i64().unwrap();
    for _ in 0..5 {
        let off = shell.done(&["admin", "disable", &format!("id:{id}"), "--reason", "Sells spam", "--json"]);
        let off: Value = serde_json::from_str(&off).unwrap();
        assert_eq!((&off["id"], &off["is_active"], &off["reason"]), (&json!(id), &json!(false), &json!("Sells spam")));
        assert_eq!(status(mallory, "/auth/me").await, 401);
        shell.done(&["admin", "enable", "mallory@example.com"]);
        assert_eq!(status(mallory, "/auth/me").await, 401, "the old session does not come back");
        let log_in = json!({"email": "mallory@example.com", "password": "correct horse battery"});
        let session = mallory.client.post("/auth/login", None, &log_in).await.unwrap().json();
        mallory.token = session["access_token"].as_str().unwrap().to_owned();
        assert_eq!(status(mallory, "/auth/me").await, 200);
        shell.done(&["admin", "end-sessions", "mallory@example.com"]);
        assert_eq!(status(mallory, "/auth/me").await, 401);
        let session = mallory.client.post("/auth/login", None, &log_in).await.unwrap().json();
        mallory.token = session["access_token"].as_str().unwrap().to_owned();
    }

    let last = shell.refused(&["admin", "demote", "ada@example.com"]);
    assert!(last.starts_with("This is the last active administrator."), "{last}");
    assert_eq!(shell.refused(&["admin", "disable", "nobody@example.com"]), "There is no account nobody@example.com.\n");
    assert_eq!(shell.run(&["admin", "burn", "mallory@example.com"]).status.code(), Some(2), "no such command");
    let admins: Value = serde_json::from_str(&shell.done(&["admin", "list", "--role", "admin", "--json"])).unwrap();
    assert_eq!((admins[0]["email"].as_str(), admins.as_array().unwrap().len()), (Some("ada@example.com"), 1));
    assert_eq!(shell.done(&["admin", "list", "--inactive"]), "");
    assert_eq!(shell.done(&["admin", "list", "--query", "MALL"]).lines().count(), 1);
    let audit = ada.get(&format!("/admin/accounts/{id}/audit?count=true")).await.unwrap().json();
    let lines = audit.as_array().unwrap();
    assert_eq!(lines.len(), 15);
    assert!(lines.iter().all(|line| line["actor"] == "operator" && line["reason"] == ""), "{audit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abuser_is_stopped_beside_a_server_that_writes_to_its_file() {
    let _turn = ticketing_tests::one_at_a_time().await;
    // In the sandbox, everybody may sell whatever the setting says.
    let server = Server::start(&[("ORGANISERS", "verified")]).await;
    let mut ada = User::join(server.address, "ada").await;
    let mut mallory = User::join(server.address, "mallory").await;
    let mut writer = User::join(server.address, "writer").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let is_over = Arc::clone(&is_over);
        async move {
            let mut made = 0;
            while !is_over.load(Ordering::Relaxed) {
                let event =
                    json!({"title": "Jazz", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": 1});
                let answer = writer.post("/events/", &event).await.unwrap();
                assert_eq!((answer.status, answer.json()["status"].as_str()), (201, Some("active")));
                made += 1;
            }
            made
        }
    });
    let shell = Shell { program: server.program(), folder: &server.folder, environment: vec![] };
    stop_an_abuser(&shell, &mut ada, &mut mallory).await;
    is_over.store(true, Ordering::Relaxed);
    let made = writing.await.unwrap();
    assert!(made > 10, "the server has written all the time: {made}");
    assert!(String::from_utf8_lossy(&shell.run(&["check"]).stdout).contains("No inconsistencies"));
    let folder = server.folder.join("elsewhere");
    std::fs::create_dir(&folder).unwrap();
    let elsewhere = Shell { folder: &folder, ..shell };
    assert!(elsewhere.refused(&["admin", "list"]).contains("there is no file"));
    assert!(!folder.join("ticketing.db").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abuser_is_stopped_on_every_server_of_a_database() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let Some(cluster) = Cluster::start() else { return };
    let url = cluster.create("shop");
    let mut fleet = Fleet::prepare(&url, 2, &[("ORGANISERS", "verified")]).await;
    fleet.start().await;
    let mut ada = User::join(fleet.address(0), "ada").await;
    let mut mallory = User::join(fleet.address(1), "mallory").await;
    let environment =
        vec![("DATABASE_URL", url.clone()), ("JWT_SECRET_KEY", "the same 32 bytes for every server here".to_owned())];
    let shell = Shell { program: fleet.servers[0].program(), folder: &fleet.servers[0].folder, environment };
    stop_an_abuser(&shell, &mut ada, &mut mallory).await;
    fleet.check().unwrap();

    // With a payment gateway, nobody sells without a verified address.
    let event = json!({"title": "Jazz", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": 1});
    let made = mallory.post("/events/", &event).await.unwrap().json();
    assert_eq!((made["status"].as_str(), made["notice"]["code"].as_str()), (Some("draft"), Some("email_unverified")));
    let mut anywhere = Client::new(fleet.address(0));
    let publish = format!("/events/{}/publish", made["id"]);
    let refused = anywhere.post(&publish, Some(&mallory.token), &Value::Null).await.unwrap();
    assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("email_unverified")));
}
