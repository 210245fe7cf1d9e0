use super::*;

const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const SK_TEST: &str = "sk_test_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";
const SK_LIVE: &str = "sk_live_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";
const PK_TEST: &str = "pk_test_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";

fn read<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config, ConfigError> {
    Config::read(&Source::of(pairs))
}

#[test]
fn every_setting_has_a_default() {
    let config = read([]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.public_url, "http://127.0.0.1:8000");
    assert_eq!(config.frontend_url, "http://localhost:3000");
    assert_eq!(config.cors_origins, ["http://localhost:3000"]);
    assert_eq!(config.database, Database::File("ticketing.db".into()));
    assert_eq!(config.database.directory(), PathBuf::from("."));
    assert_eq!(config.jwt_secret, None);
    assert_eq!(config.gateway, Gateway::Sandbox);
    assert_eq!(config.mail, Mail::Files("./outbox".into()));
    assert_eq!(config.rate_limit, Some(Quota { requests: 100, window: Duration::from_secs(60) }));
    assert!(config.trusted_proxies.is_empty() && config.docs && !config.allow_anonymous_events);
    assert_eq!(config.buyer_limits, BuyerLimits::default().with_open_holds(5).with_free_tickets(100));
    assert_eq!(config.purchase_limits, PurchaseLimits { per_account: Some(30), per_address: Some(100) });
    // The examples of the older clients have a common password.
    assert!(!config.refuse_common_passwords);
    assert!(read([("COMMON_PASSWORDS", "refuse")]).unwrap().refuse_common_passwords);
    // Older clients sell without a verified address.
    assert_eq!(config.organizers, Organizers::Anyone);
    assert_eq!(read([("ORGANISERS", "verified")]).unwrap().organizers, Organizers::Verified);
    assert_eq!(config.mail_limits, MailLimits::default().with_per_recipient(10).with_per_sender(1000));
    assert_eq!((config.hold, config.default_currency), (Duration::from_secs(900), Currency::NGN));
}

#[test]
fn every_wrong_value_is_reported_in_one_sentence() {
    let rows = [
        ("HOST", "example.com", "an address such as"),
        ("PORT", "65536", "a port from 0 to 65535"),
        ("PUBLIC_URL", "tickets.example", "a URL such as"),
        ("PUBLIC_URL", "https://a:b@tickets.example", "without a password"),
        ("FRONTEND_URL", "ftp://tickets.example", "a URL such as"),
        ("FRONTEND_URL", "https://tickets.example/?a=b", "without"),
        ("CORS_ORIGINS", "*", "exact origins"),
        ("CORS_ORIGINS", "null", "exact origins"),
        ("CORS_ORIGINS", "https://shop.example/path", "exact origins"),
        ("TRUSTED_PROXIES", "0.0.0.0/0", "never all addresses"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "networks, comma-separated"),
        ("TOKEN_TTL_SECONDS", "59", "from 60 to"),
        ("HOLD_SECONDS", "forever", "whole seconds"),
        ("PAYSTACK_PAYS_WITHIN_SECONDS", "3601", "whole seconds from 0 to 3600"),
        ("MAX_OPEN_HOLDS", "five", "a whole number from 0"),
        ("MAX_FREE_TICKETS", "-1", "a whole number from 0"),
        ("MAILS_PER_RECIPIENT", "many", "a whole number from 0"),
        ("PURCHASES_PER_ACCOUNT", "1.5", "a whole number from 0"),
        ("PURCHASES_PER_ADDRESS", "1000001", "a whole number from 0 to 1000000"),
        ("DEFAULT_CURRENCY", "naira", "three capital letters"),
        ("DEFAULT_TIME_ZONE", "Lagos", "IANA time zone"),
        ("ALLOW_ANONYMOUS_EVENTS", "maybe", "on or off"),
        ("COMMON_PASSWORDS", "on", "refuse or accept"),
        ("ORGANISERS", "everybody", "anyone or verified"),
        ("RATE_LIMIT_REQUESTS", "-1", "a whole number from 0"),
        ("RATE_LIMIT_WINDOW_SECONDS", "0", "a whole number from 1"),
        ("REQUEST_TIMEOUT_SECONDS", "0", "whole seconds from 1"),
        ("MAX_CONNECTIONS", "0", "a whole number from 1"),
        ("DOCS", "sometimes", "on or off"),
        ("LOG_FORMAT", "xml", "text or json"),
        ("RUST_LOG", "ticketing=loud", "a filter"),
        ("PAYSTACK_BASE_URL", "api.paystack.co", "a URL"),
        ("PAYSTACK_SECRET_KEY", "sk_9f86d081884c7d659a2feaa0c55ad015", "sk_test_…"),
        ("PAYSTACK_SECRET_KEY", PK_TEST, "sk_test_…"),
        ("PAYSTACK_SECRET_KEY", "sk_test_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "not a sample"),
        ("PAYSTACK_SECRET_KEY", "sk_test_yourSecretKeyGoesHere123456", "not a sample"),
        ("DATABASE_URL", "mysql://hunter2@host/db", "sqlite:FILE"),
        ("DATABASE_URL", "postgres://user:hunter2@/db", "special characters"),
        ("DATABASE_URL", "sqlite:tickets.db?cache=shared", "sqlite:FILE"),
        ("JWT_SECRET_KEY", "hunter2hunter2", "at least 32"),
        ("JWT_SECRET_KEY", "tiny", "at least 32"),
        ("JWT_SECRET_KEY", "your-secret-key-change-in-production", "not a sample"),
        ("JWT_SECRET_KEY", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "not a sample"),
        ("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef", "not a sample"),
        ("SMTP_PORT", "smtp", "a port"),
        ("SMTP_HOST", "smtp.example.com:587", "without a port"),
        ("SMTP_SECURITY", "ssl", "starttls, tls or plain"),
    ];
    for (name, value, expected) in rows {
        let error = read([(name, value)]).unwrap_err();
        let sentence = error.to_string();
        assert_eq!(error.variable, name, "{sentence}");
        assert!(sentence.contains(expected) && sentence.ends_with('.') && !sentence.contains('\n'), "{sentence}");
        let is_secret = VARIABLES.iter().any(|variable| variable.name == name && variable.secret);
        assert_eq!(sentence.contains(value), !is_secret, "{sentence}");
        assert!(!sentence.contains("hunter2"), "{sentence}");
    }
}

#[test]
fn nobody_sells_without_an_account_where_accounts_must_be_verified() {
    let error = read([("ORGANISERS", "verified"), ("ALLOW_ANONYMOUS_EVENTS", "on")]).unwrap_err();
    assert_eq!(error.variable, "ALLOW_ANONYMOUS_EVENTS");
    assert!(error.to_string().contains("ORGANISERS"), "{error}");
    assert!(read([("ORGANISERS", "anyone"), ("ALLOW_ANONYMOUS_EVENTS", "on")]).is_ok());
}

#[test]
fn live_and_test_keys_do_not_mix() {
    let keys = |secret, public| read([("PAYSTACK_SECRET_KEY", secret), ("PAYSTACK_PUBLIC_KEY", public)]);
    assert!(matches!(keys(SK_TEST, PK_TEST).unwrap().gateway, Gateway::Paystack { live: false, .. }));
    let error = keys(SK_LIVE, PK_TEST).unwrap_err();
    assert_eq!(error.variable, "PAYSTACK_PUBLIC_KEY");
    assert!(error.expected.contains("a live key"));
    assert_eq!(read([("PAYSTACK_PUBLIC_KEY", PK_TEST)]).unwrap_err().variable, "PAYSTACK_SECRET_KEY");
}

#[test]
fn the_secret_key_is_only_sent_over_https() {
    let at = |key, url| read([("PAYSTACK_SECRET_KEY", key), ("PAYSTACK_BASE_URL", url)]);
    assert!(at(SK_TEST, "http://127.0.0.1:9000/").is_ok());
    assert!(at(SK_TEST, "http://[::1]:9000").is_ok());
    assert_eq!(at(SK_TEST, "http://api.paystack.co").unwrap_err().variable, "PAYSTACK_BASE_URL");
    assert_eq!(at(SK_LIVE, "http://localhost:9000").unwrap_err().variable, "PAYSTACK_BASE_URL");
}

#[test]
fn strangers_can_pay_in_the_sandbox_only_where_an_operator_says_so() {
    let started = |pairs: &[(&str, &str)]| {
        let config = Config::read(&Source::of(pairs.iter().copied())).unwrap();
        config.check_payments().map(|()| config)
    };
    for pairs in [
        &[][..],
        &[("PAYSTACK_SECRET_KEY", "")],
        &[("HOST", "::1")],
        &[("HOST", "127.0.0.2"), ("PUBLIC_URL", "http://127.0.0.2:8000")],
        &[("PUBLIC_URL", "http://LOCALHOST:8000/")],
        &[("PUBLIC_URL", "http://shop.localhost.:8000")],
        &[("PUBLIC_URL", "http://[::1]:8000")],
        &[("HOST", "0.0.0.0"), ("PUBLIC_URL", "https://tickets.example"), ("PAYSTACK_SECRET_KEY", SK_TEST)],
        &[("HOST", "0.0.0.0"), ("SANDBOX", "on")],
        &[("PUBLIC_URL", "https://tickets.example"), ("SANDBOX", "on")],
        &[("PUBLIC_URL", "https://tickets.example"), ("PAYMENTS", "none")],
        &[("SANDBOX", "off"), ("PAYMENTS", "none")],
    ] {
        assert!(started(pairs).is_ok(), "{pairs:?}");
    }
    for pairs in [
        &[("PUBLIC_URL", "https://tickets.example")][..],
        &[("PUBLIC_URL", "https://tickets.example"), ("PAYSTACK_SECRET_KEY", " ")],
        &[("PUBLIC_URL", "https://localhost.tickets.example")],
        &[("PUBLIC_URL", "http://192.168.1.7:8000")],
        &[("PUBLIC_URL", "http://0.0.0.0:8000")],
        &[("PUBLIC_URL", "http://[fd00::1]")],
        &[("HOST", "0.0.0.0")],
        &[("HOST", "::")],
        &[("HOST", "10.1.2.3")],
        &[("HOST", "0.0.0.0"), ("PUBLIC_URL", "http://localhost:8000")],
        &[("SANDBOX", "off")],
    ] {
        let sentence = started(pairs).unwrap_err().to_string();
        for way_out in ["PAYSTACK_SECRET_KEY: found nothing", "SANDBOX=on", "PAYMENTS=none"] {
            assert!(sentence.contains(way_out) && sentence.ends_with('.') && !sentence.contains('\n'), "{sentence}");
        }
    }
    let wrong = |pairs: &[(&str, &str)]| Config::read(&Source::of(pairs.iter().copied())).unwrap_err().variable;
    assert_eq!(wrong(&[("PAYMENTS", "sometimes")]), "PAYMENTS");
    assert_eq!(wrong(&[("PAYMENTS", "none"), ("PAYSTACK_SECRET_KEY", SK_TEST)]), "PAYMENTS");
    assert_eq!(wrong(&[("SANDBOX", "maybe")]), "SANDBOX");
    assert_eq!(wrong(&[("SANDBOX", "on"), ("PAYMENTS", "none")]), "SANDBOX");
    assert_eq!(wrong(&[("SANDBOX", "on"), ("PAYSTACK_SECRET_KEY", SK_LIVE)]), "SANDBOX");
}

#[test]
fn metrics_need_a_token_where_an_unnamed_proxy_may_forward_requests() {
    let access = |pairs: &[(&str, &str)]| Config::read(&Source::of(pairs.iter().copied())).unwrap().metrics_access();
    let public = ("PUBLIC_URL", "https://tickets.example");
    assert_eq!(access(&[]), MetricsAccess::ThisMachine);
    assert_eq!(access(&[("HOST", "0.0.0.0")]), MetricsAccess::ThisMachine);
    assert_eq!(access(&[public, ("TRUSTED_PROXIES", "127.0.0.1")]), MetricsAccess::ThisMachine);
    assert_eq!(access(&[public]), MetricsAccess::WithToken);
    assert_eq!(access(&[public, ("METRICS", "on")]), MetricsAccess::Everybody);
    assert_eq!(access(&[public, ("METRICS", "off")]), MetricsAccess::Nobody);
}

#[test]
fn database_urls_are_parsed() {
    let database = |url| read([("DATABASE_URL", url), ("JWT_SECRET_KEY", SECRET)]).unwrap().database;
    assert_eq!(database("sqlite:data/t.db"), Database::File("data/t.db".into()));
    assert_eq!(database("sqlite:///var/t.db?mode=rwc"), Database::File("/var/t.db".into()));
    assert_eq!(database("sqlite://t.db"), Database::File("t.db".into()));
    assert_eq!(database("sqlite:///var/t.db").directory(), PathBuf::from("/var"));
    assert_eq!(database("sqlite::memory:"), Database::Memory);
    assert!(matches!(database("postgres://user:hunter2@db:5432/t"), Database::Postgres(_)));
    assert!(matches!(database("postgresql://db/t"), Database::Postgres(_)));
    let error = read([("DATABASE_URL", "postgres://db/t")]).unwrap_err();
    assert_eq!((error.variable.as_str(), error.found.as_str()), ("JWT_SECRET_KEY", "nothing"));
}

#[test]
fn smtp_security_defaults_by_port() {
    let smtp = |host, port| {
        let pairs = [("SMTP_HOST", host), ("SMTP_PORT", port), ("SMTP_FROM", "Tickets <t@example.com>")];
        match read(pairs).unwrap().mail {
            Mail::Smtp(smtp) => smtp.security,
            Mail::Files(_) => panic!("files"),
        }
    };
    assert_eq!(smtp("smtp.example.com", "587"), SmtpSecurity::StartTls);
    assert_eq!(smtp("smtp.example.com", "465"), SmtpSecurity::Tls);
    assert_eq!(smtp("localhost", "1025"), SmtpSecurity::Plain);
    assert_eq!(smtp("::1", "25"), SmtpSecurity::Plain);
    let wrong = |name, value| {
        let pairs = [("SMTP_HOST", "smtp.example.com"), ("SMTP_FROM", "t@example.com"), (name, value)];
        read(pairs).unwrap_err().variable
    };
    assert_eq!(wrong("SMTP_USER", "ada"), "SMTP_PASSWORD");
    assert_eq!(wrong("SMTP_PASSWORD", "hunter2"), "SMTP_USER");
    assert_eq!(wrong("SMTP_FROM", "tickets"), "SMTP_FROM");
    assert_eq!(read([("SMTP_HOST", "smtp.example.com")]).unwrap_err().variable, "SMTP_FROM");
    assert_eq!(read([("SMTP_USER", "ada")]).unwrap_err().variable, "SMTP_HOST");
}

#[test]
fn each_limit_of_buyers_can_be_disabled() {
    let off = read([("MAX_OPEN_HOLDS", "0"), ("MAX_FREE_TICKETS", "0"), ("PURCHASES_PER_ACCOUNT", "0")]).unwrap();
    assert_eq!(off.buyer_limits, BuyerLimits::default());
    assert_eq!(off.purchase_limits, PurchaseLimits { per_account: None, per_address: Some(100) });
    let without_rate_limit = read([("RATE_LIMIT_REQUESTS", "0")]).unwrap();
    assert_eq!(without_rate_limit.purchase_limits, PurchaseLimits::default());
    assert_eq!(without_rate_limit.buyer_limits, BuyerLimits::default().with_open_holds(5).with_free_tickets(100));
}

#[test]
fn rate_limit_cors_and_docs_can_be_disabled() {
    let config = read([("RATE_LIMIT_REQUESTS", "0"), ("CORS_ORIGINS", "none"), ("DOCS", "off")]).unwrap();
    assert!(config.rate_limit.is_none() && config.cors_origins.is_empty() && !config.docs);
    let config = read([("FRONTEND_URL", "https://Shop.example/app/"), ("HOST", "0.0.0.0")]).unwrap();
    assert_eq!(config.cors_origins, ["https://shop.example"]);
    assert_eq!(
        (config.frontend_url.as_str(), config.public_url.as_str()),
        ("https://Shop.example/app", "http://127.0.0.1:8000")
    );
    let config = read([("CORS_ORIGINS", "https://a.example, http://localhost:3000/")]).unwrap();
    assert_eq!(config.cors_origins, ["https://a.example", "http://localhost:3000"]);
}

#[test]
fn debug_output_shows_no_secret() {
    let source = Source::of([
        ("DATABASE_URL", "postgres://user:hunter2@db/t"),
        ("JWT_SECRET_KEY", SECRET),
        ("PAYSTACK_SECRET_KEY", SK_TEST),
        ("SMTP_HOST", "smtp.example.com"),
        ("SMTP_USER", "ada"),
        ("SMTP_PASSWORD", "hunter2"),
        ("SMTP_FROM", "t@example.com"),
    ]);
    let text = format!(
        "{source:?} {:?} {}",
        Config::read(&source).unwrap(),
        Config::read(&source).unwrap().database.in_words()
    );
    for secret in ["hunter2", SECRET, SK_TEST] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn flags_take_precedence_and_secrets_have_none() {
    let invocation = Invocation::parse(["ticketing-http", "--port", "9000"]).unwrap();
    assert_eq!(invocation.command, Command::Serve);
    let environment = |name: &str| (name == "PORT" || name == "HOST").then(|| "8001".into());
    let error = Config::read(&Source::gather(invocation, environment, std::path::Path::new("/nowhere/.env")).unwrap());
    assert_eq!(error.unwrap_err().to_string().split(',').next(), Some("HOST: found `8001`"));
    let invocation = Invocation::parse(["ticketing-http", "--port", "9000"]).unwrap();
    let environment = |name: &str| (name == "PORT").then(|| "8001".into());
    let source = Source::gather(invocation, environment, std::path::Path::new("/nowhere/.env")).unwrap();
    assert_eq!(Config::read(&source).unwrap().listen.port(), 9000);
    assert_eq!(Invocation::parse(["ticketing-http", "sandbox", "--port", "1"]).unwrap().command, Command::Sandbox);
    assert_eq!(Invocation::parse(["ticketing-http", "--port", "1", "serve"]).unwrap().command, Command::Serve);
    assert!(Invocation::parse(["ticketing-http", "--jwt-secret-key", SECRET]).is_err());
}

#[test]
fn env_example_lists_every_variable_with_its_default() {
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../.env.example");
    let text = std::fs::read_to_string(&example).unwrap();
    let mut named = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let (name, value) =
            line.trim_start_matches('#').split_once('=').unwrap_or_else(|| panic!("not a setting: {line}"));
        let variable =
            VARIABLES.iter().find(|variable| variable.name == name).unwrap_or_else(|| panic!("unknown: {name}"));
        assert_eq!(value, variable.default, "{name} has another default");
        named.push(name.to_owned());
    }
    let known: Vec<_> = VARIABLES.iter().map(|variable| variable.name.to_owned()).collect();
    assert_eq!(named, known);
    // Unchanged, it sets nothing.
    let invocation = Invocation::parse(["ticketing-http"]).unwrap();
    let config = Config::read(&Source::gather(invocation, |_| None, &example).unwrap()).unwrap();
    assert_eq!(config.unknown, Vec::<String>::new());
}

#[test]
fn an_unreadable_env_file_is_reported_without_its_content() {
    let path = std::env::temp_dir().join(format!("ticketing-{}.env", std::process::id()));
    let gather = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Source::gather(Invocation::parse(["ticketing-http"]).unwrap(), |_| None, &path)
    };
    let error = gather("SMTP_PASSWORD='hunter2\n").unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let config = Config::read(&gather("PORT=8100\nACCESS_TOKEN_EXPIRE_MINUTES=30\n").unwrap()).unwrap();
    assert_eq!((config.listen.port(), config.unknown), (8100, vec!["ACCESS_TOKEN_EXPIRE_MINUTES".to_owned()]));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn admin_commands_are_parsed() {
    let command = |arguments: &[&str]| Invocation::parse([&["ticketing-http"], arguments].concat()).unwrap().command;
    assert_eq!(command(&["check"]), Command::Check);
    assert_eq!(command(&["healthcheck"]), Command::HealthCheck);
    assert_eq!(command(&["backup", "a/b.db"]), Command::BackUp("a/b.db".into()));
    assert_eq!(command(&[]), Command::Serve);
    assert!(Invocation::parse(["ticketing-http", "backup"]).is_err());
}
