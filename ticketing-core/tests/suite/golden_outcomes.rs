//! What the rules decide must not change by accident. For twenty lists of random commands, the SHA-256 of all outcomes and reads is
//! kept in `golden_outcomes.txt`, as recorded before commands became values.
//!
//! The other proofs compare storages with each other; as all of them run the same rules, a rule that changes would change them all.
//! This one compares with the past. A change of the rules that is meant changes the file: `GOLDEN_OUTCOMES=write cargo test ...`
//! writes it anew, and the commit says why.
#![cfg(feature = "testing")]

use crate::support::later_fields::remove_later_fields;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use ticketing_core::storage::conformance::model;

const SEEDS: std::ops::Range<u64> = 100..120;
/// Long enough that most kinds of outcome come up in every list.
const COMMANDS: usize = 300;

/// Why something was decided is said in words for people, which may be worded better.
fn remove_wording(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(remove_wording),
        Value::Object(fields) => {
            if fields.contains_key("actor") && fields.contains_key("action") {
                fields.remove("reason");
            }
            fields.values_mut().for_each(remove_wording);
        }
        _ => {}
    }
}

/// The same text for the same value, whatever order a map keeps its fields in.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            text.push('{');
            for name in names {
                write!(text, "{name:?}:").unwrap();
                canonical(&fields[name], text);
                text.push(',');
            }
            text.push('}');
        }
        plain => write!(text, "{plain}").unwrap(),
    }
}

async fn line(seed: u64) -> String {
    let mut hash = Sha256::new();
    let mut count = 0;
    for mut outcome in model::outcomes_in_memory(seed, COMMANDS).await {
        remove_later_fields(&mut outcome);
        remove_wording(&mut outcome);
        let mut text = String::new();
        canonical(&outcome, &mut text);
        hash.update(&text);
        hash.update(b"\n");
        count += 1;
    }
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{seed} {count} {hex}\n")
}

#[tokio::test]
async fn random_commands_have_the_recorded_outcomes() {
    let mut found = String::from("# seed, number of outcomes, SHA-256 of them: see golden_outcomes.rs\n");
    for seed in SEEDS {
        found.push_str(&line(seed).await);
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/golden_outcomes.txt");
    if std::env::var_os("GOLDEN_OUTCOMES").is_some_and(|value| value == "write") {
        std::fs::write(file, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(file).unwrap());
}
