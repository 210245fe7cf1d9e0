//! The documents are true: programs are the ones that tests run, tables match the sources, commands work, links lead somewhere.
//!
//! `UPDATE_DOCS=1 cargo test -p ticketing-tests --test suite readme` rewrites the tables and `.env.example` from the sources.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use ticketing_http::config::VARIABLES;
use ticketing_tests::server::Server;

const README: &str = include_str!("../../README.md");
const CORE_README: &str = include_str!("../../ticketing-core/README.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The content of the first block of this kind after `mark`.
fn block<'a>(text: &'a str, mark: &str, kind: &str) -> &'a str {
    let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("no {mark:?}"));
    let (_, rest) = rest.split_once(&format!("```{kind}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// Checks that the table with this header in a document has exactly these rows. With `UPDATE_DOCS`, writes them instead.
fn check_table(document: &str, header: &str, rows: &str) {
    let path = root().join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(header).unwrap_or_else(|| panic!("{document}: no table {header:?}"));
    let end = rest.split_inclusive('\n').take_while(|line| line.starts_with('|')).map(str::len).sum();
    let (found, after) = rest.split_at(end);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{header}{rows}{after}")).unwrap();
    } else {
        assert_eq!(found, rows, "{document} is out of date: run this test with UPDATE_DOCS=1");
    }
}

#[test]
fn the_readme_is_a_front_page() {
    assert!(README.lines().count() <= 200);
    // Two commands are all that it takes to run it and to work on it.
    assert!(README.contains("\ncargo run -p ticketing-http\n") && README.contains("`tests/run.sh` runs every test"));
}

#[test]
fn the_rust_program_is_the_one_that_is_run() {
    let program = include_str!("../../examples/examples/quickstart.rs");
    assert_eq!(block(README, "## Use it from Rust", "rust"), program);
    // rustdoc hides lines that begin with `# `.
    let shown = block(CORE_README, "# ticketing-core", "rust,no_run").split_inclusive('\n');
    assert_eq!(shown.filter(|line| !line.starts_with("# ")).collect::<String>(), program);
    assert!(program.lines().count() <= 20, "too long for a quick start");
}

/// Both READMEs name features that exist, and with the default ones they are those that the program needs.
#[test]
fn the_dependency_lines_name_features_that_exist() {
    let manifest: toml::Table = include_str!("../../ticketing-core/Cargo.toml").parse().unwrap();
    let known = manifest["features"].as_table().unwrap();
    let default: Vec<&str> = known["default"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
    for text in [README, CORE_README] {
        let lines: toml::Table = block(text, "# ", "toml").parse().unwrap();
        let features = lines["dependencies"]["ticketing-core"]["features"].as_array().unwrap();
        let on: Vec<&str> = features.iter().filter_map(toml::Value::as_str).chain(default.iter().copied()).collect();
        assert!(on.iter().all(|feature| known.contains_key(*feature)), "{on:?}");
        assert!(["qr", "sqlite", "testing"].iter().all(|needed| on.contains(needed)), "{on:?}");
        assert!(lines["dependencies"]["tokio"]["features"].as_array().is_some());
    }
}

#[test]
fn every_setting_is_in_the_table_as_the_server_knows_it() {
    let mut rows = String::new();
    for variable in VARIABLES {
        let default = if variable.default.is_empty() { String::new() } else { format!("`{}`", variable.default) };
        rows += &format!("| `{}` | {default} | {} |\n", variable.name, variable.help);
    }
    check_table("ticketing-http/docs/configuration.md", "| Name | Default | Description |\n|---|---|---|\n", &rows);
}

/// The line above each setting in `.env.example` is its help text.
#[test]
fn every_setting_is_explained_in_the_example_file() {
    let path = root().join(".env.example");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for variable in VARIABLES {
        let setting = format!("#{}={}", variable.name, variable.default);
        let at = lines.iter().position(|line| *line == setting).unwrap_or_else(|| panic!("no {setting}"));
        lines[at - 1] = format!("# {}.", variable.help);
    }
    let expected = lines.join("\n") + "\n";
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).unwrap();
    } else {
        assert_eq!(text, expected, ".env.example is out of date: run this test with UPDATE_DOCS=1");
    }
}

#[test]
fn every_feature_is_in_the_tables_as_its_manifest_explains_it() {
    let manifest = include_str!("../../ticketing-core/Cargo.toml");
    let (_, features) = manifest.split_once("[features]\n").unwrap();
    let (features, _) = features.split_once("\n\n").unwrap();
    let mut lines = features.lines();
    let default = lines.next().unwrap();
    assert!(default.starts_with("default = "));
    let mut rows = String::new();
    while let (Some(comment), Some(line)) = (lines.next(), lines.next()) {
        let name = line.split_once(" = ").unwrap().0;
        let state = if default.contains(&format!("\"{name}\"")) { "on" } else { "off" };
        rows += &format!("| `{name}` | {state} | {} |\n", comment.strip_prefix("# ").unwrap());
    }
    for document in ["ticketing-core/docs/features.md", "ticketing-core/README.md"] {
        check_table(document, "| Feature | Default | Description |\n|---|---|---|\n", &rows);
    }
}

/// The overview of the API has one row for each operation of the OpenAPI document, and for `/metrics`, which is not in it.
#[test]
fn every_operation_is_in_the_overview_of_the_api() {
    let document: serde_json::Value = serde_json::from_str(include_str!("../../ticketing-http/openapi.json")).unwrap();
    let mut operations = vec!["GET /metrics".to_owned()];
    for (path, methods) in document["paths"].as_object().unwrap() {
        operations
            .extend(methods.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let overview = include_str!("../../ticketing-http/docs/api.md");
    let rows = overview.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once("` | ")?.0.to_owned()));
    // The table of roles begins its rows with code, too.
    let mut rows: Vec<String> = rows.filter(|row| row.contains(" /")).collect();
    rows.sort();
    operations.sort();
    assert_eq!(rows, operations);
}

/// Every Markdown document, relative to the root.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in
        ["", "examples/deploy", "ticketing-core", "ticketing-core/docs", "ticketing-http/docs", "ticketing-py"]
    {
        let files = std::fs::read_dir(root().join(folder)).unwrap().map(|file| file.unwrap().file_name());
        let files = files.map(|name| Path::new(folder).join(name));
        found.extend(files.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    found
}

/// The anchor that GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let mut followed = 0;
    for document in documents() {
        // In the crate's front page, links lead to items: rustdoc checks them.
        if document == Path::new("ticketing-core/README.md") {
            continue;
        }
        let text = std::fs::read_to_string(root().join(&document)).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        for link in links.filter(|link| !link.starts_with("http")) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => root().join(&document),
                file => root().join(document.parent().unwrap()).join(file),
            };
            assert!(target.exists(), "{}: {link} does not exist", document.display());
            if !fragment.is_empty() {
                let target = std::fs::read_to_string(target).unwrap();
                let headings = target.lines().filter(|line| line.starts_with('#'));
                let mut anchors = headings.map(|line| anchor(line.trim_start_matches('#').trim()));
                assert!(anchors.any(|found| found == fragment), "{}: no heading for {link}", document.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 50, "{followed}");
}

/// Each promise has a proof, with links to tests that exist, and says what it does not cover.
#[test]
fn every_promise_has_its_proofs_and_its_limits() {
    let folder = root().join("ticketing-core/docs");
    let text = std::fs::read_to_string(folder.join("promises.md")).unwrap();
    let promises: Vec<&str> = text.split("\n## ").skip(1).collect();
    assert_eq!(promises.len(), 6);
    for promise in promises {
        let title = promise.lines().next().unwrap();
        let (_, rest) = promise.split_once("\n- **Proof**: ").unwrap_or_else(|| panic!("{title}: no proof"));
        let (proof, limits) = rest.split_once("\n- **Limits**: ").unwrap_or_else(|| panic!("{title}: no limits"));
        let links: Vec<&str> = proof.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect();
        for link in &links {
            assert!(folder.join(link).is_file(), "{title}: {link} does not exist");
            assert!(link.ends_with(".rs"), "{title}: {link} proves nothing");
        }
        assert!(!links.is_empty() && limits.len() > 40, "{title}");
        // The front page has each promise in a line, with a link to it.
        assert!(README.contains(&format!("(ticketing-core/docs/promises.md#{})", anchor(title))), "{title}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_bought_by_pasting() {
    let server = Server::start(&[]).await;
    let script = block(README, "## Buy a ticket", "sh");
    let here = "http://localhost:8000";
    assert!(script.contains(here));
    let script = script.replace(here, &server.url());
    let mut shell = Command::new("sh");
    shell.arg("-e").arg("-c").arg(&script).current_dir(&server.folder).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stderr.is_empty(), "{stdout}{stderr}");
    assert!(!stdout.contains("correct horse battery"), "{stdout}");
    let last = stdout.lines().last().unwrap();
    let code = last.strip_prefix("Ticket ").and_then(|rest| rest.strip_suffix(" is in ticket.png")).unwrap_or_default();
    assert!(code.parse::<ticketing_core::domain::code::TicketCode>().is_ok(), "{stdout}");
    let image = std::fs::read(server.folder.join("ticket.png")).unwrap();
    assert!(image.starts_with(b"\x89PNG\r\n\x1a\n"));
}

/// The examples of the overview of the API continue those of the front page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_edited_and_repeated_by_pasting() {
    let server = Server::start(&[]).await;
    let overview = include_str!("../../ticketing-http/docs/api.md");
    let (start, _) = block(README, "## Buy a ticket", "sh").split_once("# Create an event").unwrap();
    let examples = ["## Drafts", "## Editing an event", "## Promo codes", "## Series"];
    let examples = examples.map(|section| block(overview, section, "sh"));
    // A response that is an error ends the script.
    let strict = "curl() { command curl --fail-with-body \"$@\"; }\n";
    let script = format!("{strict}{start}{}", examples.concat()).replace("http://localhost:8000", &server.url());
    let mut shell = Command::new("sh");
    shell.arg("-e").arg("-c").arg(&script).current_dir(&server.folder).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && stderr.is_empty(), "{stdout}{stderr}");
    assert!(stdout.to_ascii_lowercase().contains("etag: \"v2\"") && stdout.contains("\"Balcony\""), "{stdout}");
    assert!(stdout.contains("\"total\":\"16.00\"") && stdout.contains("\"code\":\"GUEST-"), "{stdout}");
    // 51 copies, and the list of them with the event itself.
    assert_eq!(stdout.matches("\"series_id\":1,").count(), 51 + 52, "{stdout}");
}
