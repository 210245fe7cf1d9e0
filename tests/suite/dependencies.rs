//! What is depended on is allowed: licences and banned crates, as `.deny.toml` has them.
//!
//! cargo-deny looks at more, but is not on every machine. This is the part without which nothing may be merged.

use serde::Deserialize;
use spdx::{Expression, ParseMode};
use std::collections::BTreeMap;
use std::process::Command;

#[derive(Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    package: String,
}

/// A package in the lock file, over all features and platforms.
#[derive(Deserialize)]
struct Package {
    name: String,
    license: Option<String>,
    /// Absent for our own.
    source: Option<String>,
}

fn rules() -> Rules {
    toml::from_str(include_str!("../../.deny.toml")).unwrap()
}

fn packages() -> Vec<Package> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--all-features"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Metadata>(&output.stdout).unwrap().packages
}

/// What is wrong with these packages under these rules.
fn faults(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let banned: Vec<&str> = rules.bans.deny.iter().map(|banned| banned.package.as_str()).collect();
    let exceptions: BTreeMap<&str, &Vec<String>> =
        rules.licenses.exceptions.iter().map(|exception| (exception.package.as_str(), &exception.allow)).collect();
    let mut faults = Vec::new();
    for Package { name, license, source } in packages {
        if banned.contains(&name.as_str()) {
            faults.push(format!("{name} is banned: cargo tree -i {name} --all-features shows by which way it comes"));
        }
        if source.as_deref().is_some_and(|source| source != "registry+https://github.com/rust-lang/crates.io-index") {
            faults.push(format!("{name} comes from {source:?}"));
        }
        let Some(license) = license else {
            faults.push(format!("{name} names no licence"));
            continue;
        };
        let Ok(expression) = Expression::parse_mode(license, ParseMode::LAX) else {
            faults.push(format!("{name}: the licence {license:?} cannot be read"));
            continue;
        };
        let is_allowed = expression.evaluate(|wanted| {
            let wanted = wanted.to_string();
            rules.licenses.allow.contains(&wanted)
                || exceptions.get(name.as_str()).is_some_and(|allow| allow.contains(&wanted))
        });
        if !is_allowed {
            faults.push(format!("{name}: the licence {license} is not among the allowed ones"));
        }
    }
    faults
}

#[test]
fn every_dependency_has_an_allowed_licence_and_none_is_banned() {
    let packages = packages();
    assert!(packages.len() > 100, "cargo told of {} packages only", packages.len());
    assert_eq!(faults(&rules(), &packages), Vec::<String>::new());
}

#[test]
fn forbidden_dependencies_are_found() {
    let package = |name: &str, license: Option<&str>, source: &str| Package {
        name: name.to_owned(),
        license: license.map(str::to_owned),
        source: Some(source.to_owned()),
    };
    let home = "registry+https://github.com/rust-lang/crates.io-index";
    let good = [
        package("a", Some("MIT OR GPL-3.0-only"), home),
        package("b", Some("MIT/Apache-2.0"), home),
        package("sse-codec", Some("MPL-2.0"), home),
    ];
    assert_eq!(faults(&rules(), &good), Vec::<String>::new());
    for bad in [
        package("c", Some("GPL-3.0-only"), home),
        package("d", Some("MIT AND MPL-2.0"), home),
        package("e", None, home),
        package("f", Some("Whatever I say"), home),
        package("g", Some("MIT"), "git+https://example.com/g"),
        package("openssl-sys", Some("MIT"), home),
    ] {
        let name = bad.name.clone();
        assert_eq!(faults(&rules(), &[bad]).len(), 1, "{name}");
    }
}
