//! The table of all settings. Flags, help, `.env.example` and the check for unknown names read it.

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name in the environment.
    pub name: &'static str,
    /// Its default; empty if it has none.
    pub default: &'static str,
    /// Whether it is a secret: secrets have no flag, and no message shows them.
    pub secret: bool,
    /// Its help text.
    pub help: &'static str,
}

const fn open(name: &'static str, default: &'static str, help: &'static str) -> Variable {
    Variable { name, default, secret: false, help }
}

const fn secret(name: &'static str, help: &'static str) -> Variable {
    Variable { name, default: "", secret: true, help }
}

/// Every variable, in the order of `.env.example`.
pub const VARIABLES: &[Variable] = &[
    open("HOST", "127.0.0.1", "The address to listen on; 0.0.0.0 for every address of the machine"),
    open("PORT", "8000", "The port to listen on"),
    open("PUBLIC_URL", "", "The public URL of this server. Default: http://HOST:PORT"),
    open("FRONTEND_URL", "http://localhost:3000", "Where buyers return after paying, with ?reference= added"),
    open("CORS_ORIGINS", "", "Allowed CORS origins, comma-separated, or `none`. Default: the origin of FRONTEND_URL"),
    open("TRUSTED_PROXIES", "", "Proxies whose X-Forwarded-For is trusted, as comma-separated networks: 10.0.0.0/8"),
    secret("DATABASE_URL", "sqlite:FILE, sqlite::memory: or postgres://…. Default: the file ticketing.db"),
    secret(
        "JWT_SECRET_KEY",
        "Signs sessions, at least 32 bytes. Default: generated once and kept beside the SQLite file",
    ),
    open("TOKEN_TTL_SECONDS", "3600", "Lifetime of a session, in seconds"),
    open(
        "SESSION_IDLE_SECONDS",
        "0",
        "Ends a session that is not used for so long (3600 or more; up to an hour later). 0: only when it expires",
    ),
    open("COMMON_PASSWORDS", "accept", "refuse: new accounts must not have one of the 3,000 commonest passwords"),
    open("VERIFY_EMAILS", "on", "off: new accounts are sent no mail that asks them to confirm their address"),
    secret(
        "PAYSTACK_SECRET_KEY",
        "sk_test_… or sk_live_…. Default: a sandbox gateway that moves no money, if only this machine can reach it",
    ),
    open("PAYSTACK_PUBLIC_KEY", "", "pk_test_… or pk_live_…, matching the secret key"),
    open("PAYSTACK_BASE_URL", "https://api.paystack.co", "Base URL of Paystack's API"),
    open(
        "PAYSTACK_PAYS_WITHIN_SECONDS",
        "1800",
        "How long a buyer may take to pay; the first checkout extends the hold to it. 0: it does not, for accounts without bank transfers",
    ),
    open("PAYMENTS", "", "none: no payments, only free events. Default: Paystack with its key, the sandbox without"),
    open(
        "SANDBOX",
        "",
        "on: everybody may pay in the sandbox; off: no sandbox. Default: on if HOST and PUBLIC_URL are this machine, for it alone",
    ),
    open("SANDBOX_WEBHOOK_URL", "", "Webhook target of the command `sandbox`, http://…. Default: no webhooks are sent"),
    open("SMTP_HOST", "", "SMTP server. Default: mails are written to files in ./outbox"),
    open("SMTP_PORT", "587", "SMTP port"),
    open(
        "SMTP_SECURITY",
        "",
        "starttls, tls or plain. Default: tls for port 465, plain for this machine, else starttls",
    ),
    open("SMTP_USER", "", "SMTP user name"),
    secret("SMTP_PASSWORD", "SMTP password"),
    open("SMTP_FROM", "", "Sender of mails: Tickets <tickets@example.com>"),
    open(
        "MAILS_PER_RECIPIENT",
        "10",
        "How many mails go to one address in an hour; the others wait for their turn. 0 disables the limit",
    ),
    open(
        "MAILS_PER_ORGANIZER",
        "1000",
        "How many mails about the events of one organiser are sent in an hour; the others wait for their turn. 0 disables the limit",
    ),
    open(
        "MAIL_RETENTION_DAYS",
        "90",
        "Erases the recipients of mails this many days after they were sent or given up. 0: never",
    ),
    open(
        "WEBHOOK_RETENTION_DAYS",
        "180",
        "Erases the bodies of the gateway's webhooks, which name buyers, after this many days, unless a person has to look at one. 0: never",
    ),
    open(
        "RETENTION_DAYS",
        "0",
        "Erases the addresses of buyers this many days after the event; tickets and amounts stay. 0: never",
    ),
    open("HOLD_SECONDS", "900", "How long tickets are held for a buyer, in seconds"),
    open(
        "NAMING_SECONDS",
        "300",
        "How long tickets are held for a guest who has not given an address yet, in seconds; at most HOLD_SECONDS",
    ),
    open("MAX_OPEN_HOLDS", "5", "How many unpaid orders one buyer may have for one event; 0 disables the limit"),
    open(
        "MAX_FREE_TICKETS",
        "100",
        "How many free tickets one buyer may have for one event; 0 disables the limit. Tickets with a price are not limited",
    ),
    open(
        "ORGANISERS",
        "anyone",
        "verified: only accounts with a verified address publish events and sell tickets; not with the sandbox gateway",
    ),
    open("DEFAULT_CURRENCY", "NGN", "Currency of events that name none"),
    open("DEFAULT_TIME_ZONE", "UTC", "Time zone of events that name none (IANA name)"),
    open("ALLOW_ANONYMOUS_EVENTS", "off", "on: events may be created without an account"),
    open("RATE_LIMIT_REQUESTS", "100", "Rate limit: requests per client and window; 0 disables it"),
    open("RATE_LIMIT_WINDOW_SECONDS", "60", "Rate limit: length of the window, in seconds"),
    open(
        "PURCHASES_PER_ACCOUNT",
        "30",
        "How many purchases one account may begin in 15 minutes; 0 disables the limit, and so does RATE_LIMIT_REQUESTS=0",
    ),
    open(
        "PURCHASES_PER_ADDRESS",
        "100",
        "How many purchases one client address may begin in 15 minutes; 0 disables the limit, and so does RATE_LIMIT_REQUESTS=0",
    ),
    open("REQUEST_TIMEOUT_SECONDS", "30", "Timeout of a request, in seconds"),
    open("MAX_CONNECTIONS", "512", "Maximum number of connections. A quarter of it limits concurrent reads"),
    open(
        "MAX_CONNECTIONS_PER_ADDRESS",
        "",
        "Maximum number of connections of one address; TRUSTED_PROXIES are exempt. Default: half of MAX_CONNECTIONS",
    ),
    open(
        "HEADER_TIMEOUT_SECONDS",
        "10",
        "How long the head of a request may take to arrive, in seconds, and how long a connection may be idle",
    ),
    open("DRAIN_SECONDS", "0", "How long to keep serving after a stop signal, in seconds, while /ready returns 503"),
    open("DOCS", "on", "off: disables the pages /docs and /redoc"),
    open("METRICS", "local", "Who may read /metrics: local (this machine, not through a proxy), on (everybody) or off"),
    secret("METRICS_TOKEN", "Bearer token that gives access to /metrics from anywhere, at least 16 bytes"),
    open("LOG_FORMAT", "text", "text (for people) or json (for machines)"),
    open("RUST_LOG", "info", "Log filter: error, warn, info, debug, or per module"),
];

/// The variable of this name.
pub(super) fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}
