//! What the files of `examples/deploy` set is known to the server, and good. That the files themselves can be read by what they are
//! for is in `tests/deploy.sh`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use ticketing_core::Organizers;
use ticketing_http::config::{Config, Database, Invocation, Source, VARIABLES};

/// Upper-case words in the files that are not for the server.
const OF_OTHERS: &[(&str, &str)] = &[
    ("POSTGRES_PASSWORD", "the database's, in docker-compose.yml"),
    ("POSTGRES_USER", "the database's, in docker-compose.yml"),
    ("POSTGRES_DB", "the database's, in docker-compose.yml"),
    ("AF_INET", "a kind of address, in ticketing.service"),
    ("AF_UNIX", "a kind of address, in ticketing.service"),
];

const SECRET: &str = "b7c1f0e2a95d4c68813f7e6a2d904b5c1e8f3a7d";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/deploy")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(folder().join(file)).unwrap()
}

/// Words such as `DATABASE_URL` in a text: capitals with an underscore in between.
fn names(text: &str) -> Vec<&str> {
    let is_of_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.chars().all(is_of_name) && word.trim_matches('_').contains('_')).collect()
}

fn is_known(name: &str) -> bool {
    VARIABLES.iter().any(|variable| variable.name == name)
}

#[test]
fn every_variable_that_a_file_names_is_one_that_the_server_knows() {
    let mut found = 0;
    for file in std::fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for name in names(&text) {
            found += 1;
            let is_of_others = OF_OTHERS.iter().any(|(other, _)| *other == name);
            assert!(is_known(name) || is_of_others, "{}: nobody knows {name}", path.display());
        }
    }
    assert!(found > 50, "only {found} names were found");
    assert_eq!(names("HOST=1 and SMTP_HOST, ${JWT_SECRET_KEY:?} Smtp_x A_"), ["SMTP_HOST", "JWT_SECRET_KEY"]);
}

/// What a file sets, with what its own people fill in. `pairs` finds names and values in it.
fn set_by(file: &str, pairs: impl Fn(&str) -> Option<(&str, &str)>) -> BTreeMap<String, String> {
    let text = read(file);
    let found: BTreeMap<_, _> = text
        .lines()
        .filter_map(|line| pairs(line.trim()))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for name in found.keys() {
        assert!(is_known(name), "{file}: the server does not know {name}");
    }
    found
}

fn config(file: &str, set: &BTreeMap<String, String>) -> Config {
    let pairs = set.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Config::read(&Source::of(pairs)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn the_image_listens_on_all_interfaces() {
    let text = read("Dockerfile");
    let line = text.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap();
    let set: BTreeMap<_, _> = line.split(' ').map(|pair| pair.split_once('=').unwrap()).collect();
    let config = Config::read(&Source::of(set)).unwrap();
    assert!(config.listen.ip().is_unspecified());
    assert!(text.contains(&format!("EXPOSE {}\n", config.listen.port())));
    let compose = read("docker-compose.yml");
    assert!(compose.contains(&format!("127.0.0.1:8000:{}\"", config.listen.port())));
    assert!(read("nginx.conf").contains("server 127.0.0.1:8000;") && read("Caddyfile").contains(" 127.0.0.1:8000 "));
}

#[test]
fn compose_reaches_its_database_and_believes_the_proxy_on_the_host() {
    let mut set = set_by("docker-compose.yml", |line| {
        let (name, value) = line.split_once(": ")?;
        (is_known(name) && !value.is_empty()).then_some((name, value))
    });
    assert_eq!(set.keys().collect::<Vec<_>>(), ["DATABASE_URL", "JWT_SECRET_KEY", "TRUSTED_PROXIES"]);
    for value in set.values_mut() {
        // As compose would fill it in: `${NAME:?…}` from .env, `${NAME:-…}` by its default.
        while let Some((before, rest)) = value.clone().split_once("${") {
            let (inside, after) = rest.split_once('}').unwrap();
            let filled = inside.split_once(":-").map_or(SECRET, |(_, default)| default);
            *value = format!("{before}{filled}{after}");
        }
    }
    let config = config("docker-compose.yml", &set);
    let Database::Postgres(url) = &config.database else { panic!("not PostgreSQL") };
    assert!(url.expose().ends_with("@database:5432/ticketing"));
    assert!(config.trusted_proxies.iter().any(|net| net.contains(&"172.17.0.1".parse::<std::net::IpAddr>().unwrap())));
}

#[test]
fn render_sets_what_the_server_requires() {
    let text = read("render.yaml");
    let mut set = BTreeMap::new();
    for entry in text.split("- key: ").skip(1) {
        let mut lines = entry.lines().map(str::trim);
        let name = lines.next().unwrap().to_owned();
        assert!(is_known(&name), "render.yaml: the server does not know {name}");
        let (kind, value) = lines.next().unwrap().split_once(':').unwrap();
        let value = match (kind, value.trim()) {
            ("value", value) => value.trim_matches('"').to_owned(),
            ("generateValue", "true") => "kJ3f+0aQ/9Zr7bTt1eXw2mPq8sVu4yLhCg6dNiRoEAM=".to_owned(),
            ("fromDatabase", _) => "postgresql://ticketing:password@dpg-abc123-a/ticketing".to_owned(),
            ("sync", "false") => String::new(),
            other => panic!("render.yaml, {name}: {other:?}"),
        };
        set.insert(name, value);
    }
    let config = config("render.yaml", &set);
    assert!(matches!(config.database, Database::Postgres(_)) && config.metrics_token.is_some());
    assert!(config.refuse_common_passwords && config.organizers == Organizers::Verified);
    assert!(config.trusted_proxies.len() == 16, "Render's own network, and Cloudflare's fifteen");
}

#[test]
fn the_other_files_set_what_the_server_understands() {
    let text = read("Procfile");
    let words: Vec<_> = text.split_whitespace().filter_map(|word| word.split_once('=')).collect();
    assert!(words.iter().all(|(name, _)| is_known(name)), "{words:?}");
    let config = Config::read(&Source::of(words)).unwrap();
    assert!(config.listen.ip().is_unspecified() && config.refuse_common_passwords);
    assert_eq!(config.organizers, Organizers::Verified);

    // Filled in as its comments say, and nothing in it is unknown.
    let example = std::env::temp_dir().join(format!("ticketing-deploy-{}.env", std::process::id()));
    let filled = read(".env.example").replace("JWT_SECRET_KEY=\n", &format!("JWT_SECRET_KEY={SECRET}\n"));
    std::fs::write(&example, filled.replace("#DATABASE_URL", "DATABASE_URL").replace("#TRUSTED", "TRUSTED")).unwrap();
    let invocation = Invocation::parse(["ticketing-http"]).unwrap();
    let source = Source::gather(invocation, |_| None, &example).unwrap();
    std::fs::remove_file(&example).unwrap();
    let config = Config::read(&source).unwrap();
    assert_eq!(config.unknown, ["POSTGRES_PASSWORD"]);
    assert!(config.refuse_common_passwords && config.organizers == Organizers::Verified);
    assert!(matches!(config.database, Database::Postgres(_)));

    // The commands that the files and their guide speak of.
    for arguments in [
        &["healthcheck"][..],
        &["check"],
        &["backup", "/data/backup.db"],
        &["admin", "promote", "ada@example.com"],
        &["admin", "disable", "id:7", "--reason", "Spam"],
    ] {
        Invocation::parse([&["ticketing-http"], arguments].concat()).unwrap();
    }
}

/// No file as it is starts a server: its operator decides whether money moves.
#[test]
fn no_deployment_sells_in_the_sandbox_unless_told_to() {
    let filled = |file: &str| -> Vec<(String, String)> {
        let text = read(file);
        let pairs = text.split_whitespace().chain(text.lines()).filter_map(|word| word.split_once('='));
        let known = pairs.filter(|(name, value)| is_known(name) && !value.contains(char::is_whitespace));
        known.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    for file in [".env.example", "Procfile", "Dockerfile"] {
        // The lines that are commented out begin with `#`, so they are not names of settings. The example of `docker run` is.
        let mut set: BTreeMap<String, String> = filled(file).into_iter().collect();
        if file == "Dockerfile" {
            assert_eq!(set.remove("SANDBOX").as_deref(), Some("on"), "docker run");
        }
        set.insert("JWT_SECRET_KEY".to_owned(), SECRET.to_owned());
        let sentence = config(file, &set).check_payments().unwrap_err().to_string();
        assert!(sentence.contains("SANDBOX=on") && sentence.contains("PAYMENTS=none"), "{file}: {sentence}");
        for (name, value) in
            [("SANDBOX", "on"), ("PAYMENTS", "none"), ("PAYSTACK_SECRET_KEY", "sk_test_b7c1f0e2a95d4c68813f7e6a")]
        {
            let mut set = set.clone();
            set.insert(name.to_owned(), value.to_owned());
            config(file, &set).check_payments().unwrap_or_else(|error| panic!("{file}: {error}"));
        }
    }
    for (file, way_out) in
        [("docker-compose.yml", "SANDBOX=on"), ("render.yaml", "PAYMENTS=none"), ("README.md", "PAYMENTS=none")]
    {
        assert!(read(file).contains(way_out), "{file}");
    }
}

#[test]
fn the_guide_has_a_row_for_every_file_and_its_links_lead_somewhere() {
    let guide = read("README.md");
    for file in std::fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let is_told = guide.contains(&format!("[`{name}`]({name})"));
        assert!(
            is_told || ["README.md", "Dockerfile.dockerignore"].contains(&name.as_str()),
            "{name} is not in the guide"
        );
    }
    let links = guide.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
    for link in links.filter(|link| !link.starts_with("http")) {
        assert!(folder().join(link).exists(), "{link} is not there");
    }
}
