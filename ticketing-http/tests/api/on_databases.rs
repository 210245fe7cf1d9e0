//! Runs all tests of this program on each database.

use crate::storages::STORAGE;
use std::process::{Command, Stdio};

/// Runs this program again, on another storage.
fn all_stories_on(storage: &str) {
    if std::env::var_os(STORAGE).is_some() {
        return;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--skip", "every_story_on_"]).env(STORAGE, storage).stdin(Stdio::null());
    let output = again.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("test result: ok. "), "{said}");
    assert!(!said.contains("running 0 tests"), "{said}");
}

#[test]
fn every_story_on_sqlite() {
    all_stories_on("sqlite");
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn every_story_on_postgres() {
    // Without PostgreSQL nothing is tested here, which is a failure in CI.
    if crate::postgres::database().await.is_some() {
        all_stories_on("postgres");
    }
}
