//! Restarts with the journal.

use super::super::{Sandbox, SandboxConfig, SandboxError};
use super::world::{KEY, Merchant, TemporaryFile, World};
use serde_json::json;
use std::io::Write;
use std::time::Duration;

async fn world(journal: &TemporaryFile) -> World {
    World::with(|config| config.journal = Some(journal.0.clone())).await
}

#[tokio::test]
async fn transactions_and_refunds_survive_an_incomplete_last_line() {
    let journal = TemporaryFile::new("survive");
    let first = world(&journal).await;
    first.open("paid").await;
    first.open("open").await;
    first.simulate("paid", json!({ "action": "pay" })).await;
    let (_, refund) =
        first.post("/refund", json!({ "transaction": "paid", "amount": 5, "merchant_note": "r-1" })).await;
    let refund = &refund["data"]["id"];
    first.refund_until(refund, "processed").await;
    let before = (first.verify("paid").await, first.verify("open").await);
    first.kill().await;

    let torn = b"[{\"transaction\":{\"id\":17,\"refer";
    std::fs::OpenOptions::new().append(true).open(&journal.0).unwrap().write_all(torn).unwrap();
    for _ in 0..2 {
        let again = world(&journal).await;
        assert_eq!((again.verify("paid").await, again.verify("open").await), before);
        assert_eq!(again.get("/refund?transaction=paid").await.1["data"][0]["id"], *refund);
        let (_, answer) = again.post("/transaction/initialize", super::world::order("paid")).await;
        assert_eq!(answer["code"], "duplicate_reference");
        again.kill().await;
    }
    let last = world(&journal).await;
    last.simulate("open", json!({ "action": "pay" })).await;
    last.kill().await;
    assert_eq!(world(&journal).await.verify("open").await["status"], "success");
}

#[tokio::test]
async fn unfinished_work_resumes() {
    let journal = TemporaryFile::new("goes-on");
    let merchant = Merchant::listening().await;
    let first = World::with(|config| {
        config.journal = Some(journal.0.clone());
        config.refund_step = Duration::from_secs(600);
        config.webhook_url = Some("http://127.0.0.1:9/nobody-listens".to_owned());
        config.webhook_retries = vec![Duration::from_secs(600)];
    })
    .await;
    first.open("late").await;
    first.simulate("late", json!({ "action": "pay_late", "after_seconds": 1 })).await;
    first.open("told").await;
    first.simulate("told", json!({ "action": "pay" })).await;
    let (_, refund) = first.post("/refund", json!({ "transaction": "told", "amount": 5 })).await;
    first.kill().await;

    let again = World::with(|config| {
        config.journal = Some(journal.0.clone());
        config.webhook_url = Some(merchant.url.clone());
    })
    .await;
    again.verify_until("late", "success").await;
    again.refund_until(&refund["data"]["id"], "processed").await;
    let mut names: Vec<String> =
        merchant.events(5).await.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    assert_eq!(names, ["charge.success", "charge.success", "refund.pending", "refund.processed", "refund.processing"]);
}

#[tokio::test]
async fn an_unreadable_or_locked_journal_is_rejected() {
    let journal = TemporaryFile::new("refused");
    let first = world(&journal).await;
    let open = async || {
        let mut config = SandboxConfig::new(KEY, "http://127.0.0.1:1");
        config.journal = Some(journal.0.clone());
        Sandbox::open(config).await
    };
    let second = open().await;
    assert!(matches!(&second, Err(SandboxError::Journal { source, .. }) if source.to_string().contains("in use")));
    first.open("kept").await;
    first.kill().await;
    std::fs::OpenOptions::new().append(true).open(&journal.0).unwrap().write_all(b"garbage\n").unwrap();
    assert!(matches!(open().await, Err(SandboxError::Journal { source, .. }) if source.to_string().contains("line 2")));
}
