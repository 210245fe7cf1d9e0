//! Every variable, once: flags, help, `.env.example` and the check for unknown names all read this table.

/// Something that can be set.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name in the environment.
    pub name: &'static str,
    /// What holds where nothing is set; empty where nothing is.
    pub default: &'static str,
    /// Whether its value is a secret: then there is no flag, and no message shows it.
    pub secret: bool,
    /// What it does.
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
    open("PUBLIC_URL", "", "How others reach this server; without it http://HOST:PORT"),
    open("FRONTEND_URL", "http://localhost:3000", "Where buyers are sent back to after paying, with ?reference="),
    open("CORS_ORIGINS", "", "Web pages that may ask this server, by comma, or `none`; without it FRONTEND_URL's"),
    open("TRUSTED_PROXIES", "", "Networks whose X-Forwarded-For is believed, by comma: 10.0.0.0/8"),
    secret("DATABASE_URL", "sqlite:FILE, sqlite::memory: or postgres://…; without it the file ticketing.db"),
    secret("JWT_SECRET_KEY", "Signs sessions, 32 bytes or more; without it made once and kept beside the SQLite file"),
    open("TOKEN_TTL_SECONDS", "3600", "How long a session lasts"),
    secret("PAYSTACK_SECRET_KEY", "sk_test_… or sk_live_…; without it a sandbox in which no money moves"),
    open("PAYSTACK_PUBLIC_KEY", "", "pk_test_… or pk_live_…, of the same kind"),
    open("PAYSTACK_BASE_URL", "https://api.paystack.co", "Where Paystack's API is"),
    open(
        "SANDBOX_WEBHOOK_URL",
        "",
        "For the command `sandbox`: where it sends webhooks, http://…; without it none are sent",
    ),
    open("SMTP_HOST", "", "The mail server; without it mails become files in ./outbox"),
    open("SMTP_PORT", "587", "Its port"),
    open(
        "SMTP_SECURITY",
        "",
        "starttls, tls or plain; without it by port: tls for 465, plain for this machine, else starttls",
    ),
    open("SMTP_USER", "", "The account there"),
    secret("SMTP_PASSWORD", "Its password"),
    open("SMTP_FROM", "", "The sender of mails: Tickets <tickets@example.com>"),
    open("HOLD_SECONDS", "900", "How long places are held for a buyer who pays"),
    open("DEFAULT_CURRENCY", "NGN", "The currency of prices that name none"),
    open("ALLOW_ANONYMOUS_EVENTS", "off", "on: events may be made without an account"),
    open("RATE_LIMIT_REQUESTS", "100", "How many requests a client may send in the window; 0: as many as it likes"),
    open("RATE_LIMIT_WINDOW_SECONDS", "60", "The window"),
    open("REQUEST_TIMEOUT_SECONDS", "30", "How long a request may take"),
    open(
        "MAX_CONNECTIONS",
        "512",
        "How many connections there may be at once; a quarter of them for those who only look, an eighth for sales that begin",
    ),
    open("DRAIN_SECONDS", "0", "How long to serve on after being told to stop, while /ready says no"),
    open("DOCS", "on", "off: no pages at /docs and /redoc"),
    open(
        "METRICS",
        "local",
        "Who may read /metrics: local for this machine through no proxy, on for everybody, or off",
    ),
    secret(
        "METRICS_TOKEN",
        "Whoever shows it as a bearer token may read /metrics too, from anywhere; 16 bytes or more",
    ),
    open("LOG_FORMAT", "text", "text for people, json for machines"),
    open("RUST_LOG", "info", "What the log says: error, warn, info, debug, or by module"),
];

/// The variable of this name.
pub(super) fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().find(|variable| variable.name == name)
}
