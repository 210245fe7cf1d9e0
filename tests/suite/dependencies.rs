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
    /// The oldest Rust that it says it can be built with.
    rust_version: Option<String>,
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
    for Package { name, license, source, .. } in packages {
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
        rust_version: None,
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

/// `1.94` or `1.94.0` as numbers.
fn version(text: &str) -> Vec<u32> {
    let mut numbers: Vec<u32> = text.split('.').map(|number| number.parse().unwrap()).collect();
    numbers.resize(3, 0);
    numbers
}

/// Dependencies that need a newer Rust than `ours`.
fn too_new(ours: &str, packages: &[Package]) -> Vec<String> {
    let is_newer =
        |package: &&Package| package.rust_version.as_deref().is_some_and(|theirs| version(theirs) > version(ours));
    packages
        .iter()
        .filter(is_newer)
        .map(|package| format!("{} needs {:?}", package.name, package.rust_version))
        .collect()
}

/// The oldest supported Rust (MSRV) is `rust-version` in the workspace's manifest. This finds a dependency that needs a newer one. What
/// our own code uses of the standard library is checked by clippy (`incompatible_msrv`), which reads the same number. Only a newer feature
/// of the language is not found here.
///
/// There is no `rust-toolchain.toml`: naming a version there makes rustup download that very version, so a machine that has one newer toolchain
/// and no network could not build at all.
#[test]
fn no_dependency_needs_a_newer_rust_than_the_manifest_says() {
    let packages = packages();
    let ours = packages.iter().find(|package| package.name == "ticketing-core").unwrap().rust_version.clone().unwrap();
    assert!(packages.iter().filter(|package| package.source.is_some() && package.rust_version.is_some()).count() > 100);
    assert_eq!(too_new(&ours, &packages), Vec::<String>::new());
    assert!(!too_new("1.60", &packages).is_empty(), "the check finds nothing");
    let clippy = include_str!("../../.clippy.toml");
    assert!(!clippy.contains("msrv"), "clippy takes it from the manifest");
}
