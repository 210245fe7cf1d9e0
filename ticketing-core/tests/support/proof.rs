//! The table of proofs: what was injected, how often, and what was found. Written by tests, printed by `tests/run.sh`.

use std::io::Write as _;

/// Adds a line to the file that `PROOF_TABLE` names; without it, nothing.
#[allow(clippy::expect_used, reason = "a table that cannot be written would look like one without proofs")]
#[allow(unreachable_pub, reason = "the tests of the whole share it")]
pub fn told(proof: &str, injected: &str, times: usize, found: &str) {
    let Some(path) = std::env::var_os("PROOF_TABLE") else { return };
    let mut file = std::fs::File::options().create(true).append(true).open(path).expect("PROOF_TABLE");
    // One write: many tests append at once.
    let line = format!("{proof}\t{injected}\t{times}\t{found}\n");
    file.write_all(line.as_bytes()).expect("PROOF_TABLE");
}
