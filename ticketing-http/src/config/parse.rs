//! Parsers of the values. The error of each is what it expects.

use super::{
    ConfigError, Database, Gateway, LogFormat, Mail, MetricsAccess, SandboxAccess, Secret, Smtp, SmtpSecurity, Source,
};
use ipnet::IpNet;
use jiff::SignedDuration;
use poem::http::Uri;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ticketing_core::Organizers;
use ticketing_core::domain::money::Currency;
use ticketing_core::domain::time_zone::TimeZoneName;
use tracing_subscriber::filter::Targets;

type Parsed<T> = Result<T, String>;

fn expected<T>(what: &str) -> Parsed<T> {
    Err(what.to_owned())
}

pub(super) fn host(text: &str) -> Parsed<IpAddr> {
    match text {
        "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
        _ => text.parse().or_else(|_| expected("an address such as 127.0.0.1, 0.0.0.0 or ::1")),
    }
}

pub(super) fn port(text: &str) -> Parsed<u16> {
    text.parse().or_else(|_| expected("a port from 0 to 65535"))
}

pub(super) fn number(range: RangeInclusive<u64>) -> impl FnOnce(&str) -> Parsed<u64> {
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("a whole number from {} to {}", range.start(), range.end())),
    }
}

/// A limit that 0 disables.
pub(super) fn limit(source: &Source, name: &str) -> Result<Option<u32>, ConfigError> {
    let number = source.read(name, number(0..=1_000_000))?;
    Ok(u32::try_from(number).ok().filter(|number| *number > 0))
}

pub(super) fn seconds(range: RangeInclusive<u64>) -> impl FnOnce(&str) -> Parsed<Duration> {
    let expected = format!("whole seconds from {} to {}", range.start(), range.end());
    move |text| number(range)(text).map(Duration::from_secs).map_err(|_| expected)
}

/// Days, of which 0 are none: never.
pub(super) fn days(text: &str) -> Parsed<Option<SignedDuration>> {
    let days = number(0..=36_500)(text)?;
    Ok(i64::try_from(days).ok().filter(|days| *days > 0).map(|days| SignedDuration::from_hours(24 * days)))
}

/// No time: never.
pub(super) fn idle(text: &str) -> Parsed<Option<Duration>> {
    let found = number(0..=2_592_000)(text).ok().filter(|seconds| *seconds == 0 || *seconds >= 3_600);
    let seconds = found.ok_or_else(|| "0, or whole seconds from 3600 to 2592000".to_owned())?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

pub(super) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => expected("on or off"),
    }
}

pub(super) fn common_passwords(text: &str) -> Parsed<bool> {
    match text {
        "refuse" => Ok(true),
        "accept" => Ok(false),
        _ => expected("refuse or accept"),
    }
}

pub(super) fn organizers(text: &str) -> Parsed<Organizers> {
    match text {
        "anyone" => Ok(Organizers::Anyone),
        "verified" => Ok(Organizers::Verified),
        _ => expected("anyone or verified"),
    }
}

pub(super) fn access(text: &str) -> Parsed<MetricsAccess> {
    match (text, switch(text)) {
        ("local", _) => Ok(MetricsAccess::ThisMachine),
        (_, Ok(true)) => Ok(MetricsAccess::Everybody),
        (_, Ok(false)) => Ok(MetricsAccess::Nobody),
        _ => expected("local, on or off"),
    }
}

pub(super) fn metrics_token(text: &str) -> Parsed<Secret> {
    match text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Secret::new(text)),
        false => expected("at least 16 printable ASCII characters (such as from `openssl rand -hex 32`)"),
    }
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => expected("text or json"),
    }
}

pub(super) fn log_filter(text: &str) -> Parsed<String> {
    match text.parse::<Targets>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => expected("a filter such as info, or warn,ticketing_http=debug"),
    }
}

pub(super) fn currency(text: &str) -> Parsed<Currency> {
    text.parse().or_else(|_| expected("a currency's three capital letters, such as NGN"))
}

pub(super) fn time_zone(text: &str) -> Parsed<TimeZoneName> {
    text.parse().or_else(|_| expected("the name of an IANA time zone, such as Africa/Lagos"))
}

/// An http(s) URL to which a path can be appended.
pub(super) fn url(text: &str) -> Parsed<String> {
    let is_plain = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.query().is_none()
            && !text.contains('#')
    };
    match text.parse::<Uri>() {
        Ok(uri) if is_plain(&uri) => Ok(text.trim_end_matches('/').to_owned()),
        _ => expected("a URL such as https://tickets.example, without a password, a query or a fragment"),
    }
}

/// The origin of this URL.
pub(super) fn origin_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    Some(origin.to_ascii_lowercase())
}

pub(super) fn origins(text: &str) -> Parsed<Vec<String>> {
    if text == "none" {
        return Ok(Vec::new());
    }
    let each = text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(|origin| {
        let origin = origin.strip_suffix('/').unwrap_or(origin).to_ascii_lowercase();
        match url(&origin).ok().and_then(|url| origin_of(&url)) {
            Some(exact) if exact == origin => Ok(exact),
            _ => expected(
                "exact origins, comma-separated, such as https://shop.example,http://localhost:3000 (never * or null), or none",
            ),
        }
    });
    each.collect()
}

pub(super) fn networks(text: &str) -> Parsed<Vec<IpNet>> {
    let each = text.split(',').map(str::trim).filter(|network| !network.is_empty()).map(|text| {
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        match network.filter(|network| network.prefix_len() > 0) {
            Some(network) => Ok(network.trunc()),
            None => expected("networks, comma-separated, such as 10.0.0.0/8,192.168.1.7 (never all addresses)"),
        }
    });
    each.collect()
}

pub(super) fn database(text: &str) -> Parsed<Database> {
    let text = if text.is_empty() { "sqlite:ticketing.db" } else { text };
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        let is_whole = text.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
        return match is_whole {
            true => Ok(Database::Postgres(Secret::new(text))),
            false => expected(
                "a PostgreSQL URL such as postgres://user:password@host:5432/database, special characters as %XX",
            ),
        };
    }
    let path = text.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
    let path = path.map(|path| path.strip_suffix("?mode=rwc").unwrap_or(path));
    match path {
        Some(":memory:") => Ok(Database::Memory),
        Some(path) if !path.is_empty() && !path.contains('?') && !path.ends_with('/') => {
            Ok(Database::File(PathBuf::from(path)))
        }
        _ => expected("sqlite:FILE, sqlite::memory: or postgres://…"),
    }
}

/// What placeholders and made-up secrets contain, in lower case.
const SAMPLES: &[&str] =
    &["secret", "change", "example", "your", "placeholder", "password", "replace", "sample", "default", "xxxx", "todo"];

/// Whether a secret is a placeholder, or easy to guess.
fn is_sample(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let mut different: Vec<char> = text.chars().collect();
    different.sort_unstable();
    different.dedup();
    different.len() < 8 || SAMPLES.iter().any(|sample| text.contains(sample)) || text.starts_with("0123456789")
}

pub(super) fn jwt_secret(text: &str) -> Parsed<Secret> {
    match text.len() >= 32 && !is_sample(text) {
        true => Ok(Secret::new(text)),
        false => expected("at least 32 random bytes, and not a sample: such as from `openssl rand -hex 32`"),
    }
}

/// The gateway, and who may use it if it is the sandbox.
pub(super) fn gateway(source: &Source) -> Result<(Gateway, SandboxAccess), ConfigError> {
    let gateway = match source.read_if_set("PAYMENTS", no_payments)? {
        Some(()) if source.is_set("PAYSTACK_SECRET_KEY") => {
            return Err(source.wrong("PAYMENTS", "nothing, because PAYSTACK_SECRET_KEY is set"));
        }
        Some(()) => Gateway::None,
        None => paystack_or_sandbox(source)?,
    };
    let access = match (source.read_if_set("SANDBOX", switch)?, &gateway) {
        (Some(true), Gateway::Sandbox) => SandboxAccess::Everybody,
        (Some(true), Gateway::None) => return Err(source.wrong("SANDBOX", "off, because PAYMENTS is none")),
        (Some(true), Gateway::Paystack { .. }) => {
            return Err(source.wrong("SANDBOX", "off, because PAYSTACK_SECRET_KEY is set"));
        }
        (Some(false), _) => SandboxAccess::Nobody,
        (None, _) => SandboxAccess::ThisMachine,
    };
    Ok((gateway, access))
}

fn no_payments(text: &str) -> Parsed<()> {
    if text == "none" { Ok(()) } else { expected("none, or nothing") }
}

fn paystack_or_sandbox(source: &Source) -> Result<Gateway, ConfigError> {
    let base_url = source.read("PAYSTACK_BASE_URL", url)?;
    let Some((secret_key, live)) = source
        .read_if_set("PAYSTACK_SECRET_KEY", |text| paystack_key("sk", text).map(|live| (Secret::new(text), live)))?
    else {
        return match source.is_set("PAYSTACK_PUBLIC_KEY") {
            true => Err(source.wrong("PAYSTACK_SECRET_KEY", "the secret key that belongs to PAYSTACK_PUBLIC_KEY")),
            false => Ok(Gateway::Sandbox),
        };
    };
    let public_key = source.read_if_set("PAYSTACK_PUBLIC_KEY", |text| match paystack_key("pk", text)? == live {
        true => Ok(text.to_owned()),
        false => Err(format!("a {} key, like PAYSTACK_SECRET_KEY", if live { "live" } else { "test" })),
    })?;
    if base_url.starts_with("http:")
        && (live || !is_this_machine(base_url.parse::<Uri>().ok().as_ref().and_then(Uri::host).unwrap_or("")))
    {
        return Err(source.wrong(
            "PAYSTACK_BASE_URL",
            "an https URL: the secret key is sent there (http only to this machine, with a test key)",
        ));
    }
    Ok(Gateway::Paystack { secret_key, public_key, base_url, live })
}

/// Whether a key is live. Keys are `sk_live_` and some forty letters and digits.
fn paystack_key(kind: &str, text: &str) -> Parsed<bool> {
    let rest = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('_'));
    let (live, random) = match rest.and_then(|rest| rest.split_once('_')) {
        Some(("live", random)) => (true, random),
        Some(("test", random)) => (false, random),
        _ => (false, ""),
    };
    let is_key = random.len() >= 16 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !is_sample(random);
    match is_key {
        true => Ok(live),
        false => {
            Err(format!("a key such as {kind}_test_… or {kind}_live_…, from Paystack's dashboard, and not a sample"))
        }
    }
}

pub(super) fn mail(source: &Source, directory: PathBuf) -> Result<Mail, ConfigError> {
    let port = source.read("SMTP_PORT", port)?;
    let security = source.read_if_set("SMTP_SECURITY", smtp_security)?;
    let password = source.read_if_set("SMTP_PASSWORD", |text| Ok(Secret::new(text)))?;
    let user = source.read_if_set("SMTP_USER", |text| Ok(text.to_owned()))?;
    let Some(host) = source.read_if_set("SMTP_HOST", smtp_host)? else {
        return match user.is_some() || password.is_some() {
            true => Err(source.wrong("SMTP_HOST", "the mail server that SMTP_USER and SMTP_PASSWORD belong to")),
            false => Ok(Mail::Files(directory.join("outbox"))),
        };
    };
    let login = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        (Some(_), None) => return Err(source.wrong("SMTP_PASSWORD", "the password of SMTP_USER")),
        (None, Some(_)) => return Err(source.wrong("SMTP_USER", "the account that SMTP_PASSWORD belongs to")),
    };
    let from = source.read("SMTP_FROM", mailbox)?;
    let security = security.unwrap_or(match port {
        465 => SmtpSecurity::Tls,
        _ if is_this_machine(&host) => SmtpSecurity::Plain,
        _ => SmtpSecurity::StartTls,
    });
    Ok(Mail::Smtp(Smtp { host, port, security, login, from }))
}

fn smtp_security(text: &str) -> Parsed<SmtpSecurity> {
    match text {
        "starttls" => Ok(SmtpSecurity::StartTls),
        "tls" => Ok(SmtpSecurity::Tls),
        "plain" => Ok(SmtpSecurity::Plain),
        _ => expected("starttls, tls or plain"),
    }
}

fn smtp_host(text: &str) -> Parsed<String> {
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
    match is_name && (!text.contains(':') || text.parse::<IpAddr>().is_ok()) {
        true => Ok(text.to_owned()),
        false => expected("a host's name, such as smtp.example.com, without a port"),
    }
}

/// `tickets@example.com` or `Tickets <tickets@example.com>`.
fn mailbox(text: &str) -> Parsed<String> {
    let address = match text.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or(""),
        None => text,
    };
    let is_address = address.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.len() > 2)
        && !address.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;".contains(c))
        && !text.contains(|c: char| c.is_control());
    match is_address {
        true => Ok(text.to_owned()),
        false => expected("a sender such as Tickets <tickets@example.com>"),
    }
}

pub(super) fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(is_loopback)
}

/// The name of a file, for messages.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
