//! What the READMEs show is true: programs are the ones that are run, tables are those of the sources, commands work.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use ticketing_http::config::VARIABLES;
use ticketing_tests::server::Server;

const README: &str = include_str!("../../README.md");
const CORE_README: &str = include_str!("../../ticketing-core/README.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What stands in the first block of this kind after `mark`.
fn block<'a>(text: &'a str, mark: &str, kind: &str) -> &'a str {
    let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("no {mark:?}"));
    let (_, rest) = rest.split_once(&format!("```{kind}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_rust_program_is_the_one_that_is_run() {
    let program = include_str!("../../examples/examples/quickstart.rs");
    assert_eq!(block(README, "## The same in Rust", "rust"), program);
    assert_eq!(block(CORE_README, "# ticketing-core", "rust,ignore"), program);
    assert!(program.lines().count() <= 20, "quick is what it says");
}

#[test]
fn every_setting_is_in_the_table_as_the_server_knows_it() {
    let mut table = "| Name | If not set | What it does |\n|---|---|---|\n".to_owned();
    for variable in VARIABLES {
        let default = if variable.default.is_empty() { String::new() } else { format!("`{}`", variable.default) };
        table += &format!("| `{}` | {default} | {} |\n", variable.name, variable.help);
    }
    assert!(README.contains(&table), "the table in README.md should be:\n{table}");
}

#[test]
fn every_feature_is_in_the_tables_as_its_manifest_explains_it() {
    let manifest = include_str!("../../ticketing-core/Cargo.toml");
    let (_, features) = manifest.split_once("[features]\n").unwrap();
    let (features, _) = features.split_once("\n\n").unwrap();
    let mut lines = features.lines();
    let default = lines.next().unwrap();
    assert!(default.starts_with("default = "));
    let mut table = "| Feature | Default | What it brings |\n|---|---|---|\n".to_owned();
    while let (Some(comment), Some(line)) = (lines.next(), lines.next()) {
        let name = line.split_once(" = ").unwrap().0;
        let state = if default.contains(&format!("\"{name}\"")) { "on" } else { "off" };
        table += &format!("| `{name}` | {state} | {} |\n", comment.strip_prefix("# ").unwrap());
    }
    assert!(README.contains(&table), "the table in README.md should be:\n{table}");
    assert!(CORE_README.contains(&table), "the table in ticketing-core/README.md should be:\n{table}");
}

#[test]
fn links_lead_somewhere() {
    let mut followed = 0;
    for file in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.starts_with("http")) {
            assert!(root().join(link).exists(), "{file} leads to {link}, which is not there");
            followed += 1;
        }
    }
    assert!(followed > 5);
}

/// Each promise says how it is proved, with links to files that are there, and what it does not cover.
#[test]
fn every_promise_has_its_proofs_and_its_limits() {
    let (_, section) = README.split_once("## What is promised and how it is proved\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let promises: Vec<&str> = section.split("\n### ").skip(1).collect();
    assert_eq!(promises.len(), 6);
    for promise in promises {
        let title = promise.lines().next().unwrap();
        let (_, rest) = promise.split_once("\n- **Proof**: ").unwrap_or_else(|| panic!("{title}: no proof"));
        let (proof, limits) = rest.split_once("\n- **Limits**: ").unwrap_or_else(|| panic!("{title}: no limits"));
        let links: Vec<&str> = proof.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect();
        for link in &links {
            assert!(root().join(link).is_file(), "{title}: {link} is not there");
            assert!(link.ends_with(".rs"), "{title}: {link} proves nothing");
        }
        assert!(!links.is_empty() && limits.len() > 40, "{title}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_purchase_in_the_readme_works_as_pasted() {
    let server = Server::start(&[]).await;
    let script = block(README, "## Buy a ticket", "sh");
    let here = "http://localhost:8000";
    assert!(script.contains(here));
    let script = script.replace(here, &server.url());
    let mut shell = Command::new("sh");
    shell.arg("-e").arg("-c").arg(&script).current_dir(&server.folder).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
    let (said, cried) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && cried.is_empty(), "{said}{cried}");
    assert!(!said.contains("correct horse battery"), "{said}");
    let last = said.lines().last().unwrap();
    let code = last.strip_prefix("Ticket ").and_then(|rest| rest.strip_suffix(" is in ticket.png")).unwrap_or_default();
    assert!(code.parse::<ticketing_core::domain::code::TicketCode>().is_ok(), "{said}");
    let image = std::fs::read(server.folder.join("ticket.png")).unwrap();
    assert!(image.starts_with(b"\x89PNG\r\n\x1a\n"));
}
