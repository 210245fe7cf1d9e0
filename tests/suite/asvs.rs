//! The table of OWASP ASVS is sound: each requirement has a verdict, and the tests that it names exist.

use std::path::Path;

const DOCUMENT: &str = include_str!("../../ticketing-http/docs/asvs.md");
const VERDICTS: [&str; 4] = ["yes", "partly", "no", "n/a"];

/// Whether the repository has the test `path::function`.
fn exists(name: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let Some((path, function)) = name.split_once("::") else { return false };
    let Ok(text) = std::fs::read_to_string(root.join(path)) else { return false };
    ["(", "<"].iter().any(|after| text.contains(&format!("fn {function}{after}")))
}

/// The chapters: their number, and their text.
fn chapters(document: &str) -> Vec<(u32, &str)> {
    let chapters = document.split("\n## V").skip(1);
    chapters.map(|chapter| (chapter.split(' ').next().unwrap().parse().unwrap(), chapter)).collect()
}

/// The number of a row's requirement, or what is wrong with the row.
fn read(row: &str) -> Result<[u32; 3], String> {
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    let [number, requirement, verdict, how, tests] = cells[..] else { return Err("not five cells".to_owned()) };
    let number = number.strip_suffix(" L1").or_else(|| number.strip_suffix(" L2")).ok_or("neither level 1 nor 2")?;
    let parts: Vec<u32> = number.split('.').filter_map(|part| part.parse().ok()).collect();
    let [chapter, section, requirement_number] = parts[..] else { return Err("no number".to_owned()) };
    if requirement.is_empty() || how.is_empty() {
        return Err("an empty cell".to_owned());
    }
    if !VERDICTS.contains(&verdict) {
        return Err(format!("an unknown verdict {verdict:?}"));
    }
    match tests.strip_prefix('-') {
        // Why something is not met, or does not apply, is in the cell before.
        Some("") if verdict == "yes" || verdict == "partly" => return Err("neither a test nor a reason".to_owned()),
        Some(_) => {}
        None => {
            for name in tests.split(", ").map(|name| name.trim_matches('`')) {
                if !exists(name) {
                    return Err(format!("{name} does not exist"));
                }
            }
        }
    }
    Ok([chapter, section, requirement_number])
}

fn faults(document: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, chapter) in chapters(document) {
        let mut before = [0; 3];
        // Below the header of the table and the line under it.
        for row in chapter.lines().filter(|line| line.starts_with('|')).skip(2) {
            match read(row) {
                Ok(found) if found[0] == number && found > before => before = found,
                Ok(_) => faults.push(format!("not in order: {row}")),
                Err(fault) => faults.push(format!("{fault}: {row}")),
            }
        }
    }
    faults
}

#[test]
fn every_requirement_has_a_verdict_and_tests_that_exist() {
    let found = faults(DOCUMENT);
    assert!(found.is_empty(), "{}", found.join("\n"));
    let numbers: Vec<u32> = chapters(DOCUMENT).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=17).collect::<Vec<u32>>());
    let rows = DOCUMENT.lines().filter(|line| line.contains(" L1 | ") || line.contains(" L2 | ")).count();
    assert!(rows > 200, "{rows}");
}

#[test]
fn mistakes_in_the_table_are_found() {
    for (right, wrong) in [
        ("| 6.2.2 L1 |", "| 6.2.1 L1 |"),
        ("| 6.2.2 L1 |", "| 7.2.2 L1 |"),
        ("| 6.2.2 L1 |", "| 6.2.2 L3 |"),
        ("| 6.2.2 L1 |", "| 6.2 L1 |"),
        ("| yes | 8, wherever", "| mostly | 8, wherever"),
        ("| yes | 8, wherever", "| yes | | 8, wherever"),
        ("bad_input.rs::a_field_error", "bad_input.rs::another_field_error"),
        ("api/bad_input.rs::a_field_error", "api/no_input.rs::a_field_error"),
        ("| - (there is nothing to test) |", "| - |"),
    ] {
        let planted = DOCUMENT.replacen(right, wrong, 1);
        assert!(planted != DOCUMENT, "{right} is not in the document");
        assert_eq!(faults(&planted).len(), 1, "{wrong}");
    }
}
