//! `tests/README.md` maps promises to tests. A map that names what is not there would be worse than none.

use std::collections::BTreeSet;
use std::path::Path;

const GUIDE: &str = include_str!("../README.md");

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The functions in the files of a folder.
fn functions(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let name = |rest: &str| rest.split(['(', '<']).next().unwrap().to_owned();
    files.flat_map(|text| text.split("fn ").skip(1).map(name).collect::<Vec<_>>()).collect()
}

#[test]
fn links_in_the_guide_lead_somewhere() {
    let links: Vec<&str> = GUIDE.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect();
    assert!(links.len() > 50, "{}", links.len());
    for link in links {
        assert!(folder().join(link).exists(), "{link}");
    }
}

#[test]
fn both_tables_about_money_name_tests_that_there_are() {
    let there = functions(&folder().join("../ticketing-core/tests/suite/money"));
    let (_, tables) = GUIDE.split_once("## Twenty cases about money").unwrap();
    let rows: Vec<&str> = tables.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #")).collect();
    assert_eq!(rows.len(), 20 + 16);
    for row in rows {
        let mut named = row.split('`').skip(1).step_by(2).peekable();
        assert!(named.peek().is_some(), "{row}");
        named.for_each(|name| assert!(there.contains(name), "{name}"));
    }
}

#[test]
fn every_file_of_real_server_tests_is_in_the_guide() {
    for file in std::fs::read_dir(folder().join("suite")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(name == "guide.rs" || GUIDE.contains(&format!("suite/{name}")), "{name}");
    }
}
