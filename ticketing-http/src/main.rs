//! The server: reads the configuration, builds the engine, serves until it is stopped.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use ticketing_core::Organizers;
use ticketing_http::app::{VERSION, app, settings};
use ticketing_http::config::{
    Command, Config, Gateway, Invocation, LogFormat, Mail, MetricsAccess, SandboxAccess, Secret, Source,
};
use ticketing_http::engine::{Engine, Failure};
use ticketing_http::middleware::client_address::TrustedProxies;
use ticketing_http::sandbox::{self, Sandbox, SandboxConfig};
use ticketing_http::stack::{StackConfig, stack};
use ticketing_http::{admin_commands, server, telemetry};
use tokio::net::TcpListener;

fn main() -> ExitCode {
    let invocation = match Invocation::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        // Help and version are errors of clap, too.
        Err(error) => error.exit(),
    };
    let command = invocation.command.clone();
    let is_admin = matches!(command, Command::Admin(_) | Command::Export(_));
    let config = Source::gather(invocation, |name| std::env::var_os(name), Path::new(".env"))
        .and_then(|source| Config::read(&source));
    let _log = match &config {
        // The answer of `admin` and `export` is for a terminal or a script: no lines of the log in between.
        Ok(_) if is_admin => telemetry::install(LogFormat::Text, "error"),
        Ok(config) => telemetry::install(config.log_format, &config.log_filter),
        Err(_) => telemetry::install(LogFormat::Text, "info"),
    };
    let outcome = config.map_err(Failure::from).and_then(|config| {
        let runtime = tokio::runtime::Runtime::new()?;
        match command {
            Command::Serve => runtime.block_on(serve(config)),
            Command::Sandbox => runtime.block_on(serve_sandbox(config)),
            Command::Check => runtime.block_on(admin_commands::check(&config.database)),
            Command::Admin(command) => {
                let mut out = std::io::stdout().lock();
                runtime.block_on(admin_commands::administer(&config.database, &command, &mut out))
            }
            Command::Export(command) => {
                let rows = runtime.block_on(admin_commands::export(&config.database, &command))?;
                writeln!(std::io::stdout(), "{}", admin_commands::written(rows, &command.output))?;
                Ok(())
            }
            Command::HealthCheck => runtime.block_on(admin_commands::health_check(config.listen)),
            Command::BackUp(file) => runtime.block_on(admin_commands::back_up(&config.database, &file)),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_admin => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(mut config: Config) -> Result<(), Failure> {
    let listener = listen(&mut config).await?;
    let engine = Engine::start(&config, listener.local_addr()?).await?;
    let state = engine.api(settings(&config));
    let app = app(state.clone(), engine.sandbox.clone(), &config);
    announce(&config, listener.local_addr()?);
    let drain = config.drain;
    let stop = async move {
        server::stop_signal().await;
        state.stop_soon();
        tokio::time::sleep(drain).await;
    };
    server::serve(listener, app, limits(&config), stop).await;
    engine.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Runs the sandbox gateway alone: for several servers that share one, or for other programs.
async fn serve_sandbox(mut config: Config) -> Result<(), Failure> {
    let listener = listen(&mut config).await?;
    let key = match &config.gateway {
        Gateway::Paystack { secret_key, live: false, .. } => secret_key.clone(),
        Gateway::Paystack { live: true, .. } => {
            return Err("PAYSTACK_SECRET_KEY: found a live key, expected sk_test_….".into());
        }
        Gateway::Sandbox | Gateway::None => Secret::new("sk_test_0123456789abcdef0123456789abcdef01234567"),
    };
    let mut sandbox = SandboxConfig::new(key.expose(), config.public_url.clone());
    sandbox.webhook_url = config.sandbox_webhook_url.clone();
    sandbox.journal = Some(config.database.directory().join("ticketing-sandbox.jsonl"));
    let sandbox = Sandbox::open(sandbox).await?;
    tracing::warn!("SANDBOX: a payment gateway that moves no money, at {}", config.public_url);
    if !matches!(config.gateway, Gateway::Paystack { .. }) {
        tracing::info!("Secret key: {}", key.expose());
    }
    let app = stack(
        sandbox::routes(sandbox),
        StackConfig { request_timeout: config.request_timeout, ..StackConfig::default() },
    );
    server::serve(listener, app, limits(&config), server::stop_signal()).await;
    tracing::info!("stopped");
    Ok(())
}

/// If the port is 0, the system chooses one: only then the public URL is known.
async fn listen(config: &mut Config) -> Result<TcpListener, Failure> {
    let listener = server::listen(config.listen)
        .map_err(|error| format!("HOST and PORT: cannot listen on {} ({error}).", config.listen))?;
    let address = listener.local_addr()?;
    if config.listen.port() == 0 && config.public_url.ends_with(":0") {
        config.public_url = config.public_url.trim_end_matches('0').to_owned() + &address.port().to_string();
    }
    Ok(listener)
}

fn limits(config: &Config) -> server::Limits {
    server::Limits {
        max_connections: config.max_connections,
        max_per_address: config.max_connections_per_address,
        trusted_proxies: TrustedProxies::new(config.trusted_proxies.clone()),
        header_timeout: config.header_timeout,
        ..server::Limits::default()
    }
}

/// Logs what was started.
fn announce(config: &Config, address: std::net::SocketAddr) {
    tracing::info!("Ticketing {VERSION} listens on http://{address}");
    if config.docs {
        tracing::info!("API documentation: {}/docs", config.public_url);
    }
    tracing::info!("Database: {}", config.database.in_words());
    match &config.gateway {
        Gateway::None => tracing::info!("Payments: none, so there are free events only"),
        Gateway::Sandbox if config.sandbox == SandboxAccess::Everybody => {
            tracing::warn!("SANDBOX: no money moves, and everybody who reaches this server can pay for any ticket");
        }
        Gateway::Sandbox => {
            tracing::warn!("SANDBOX: no money moves. Set PAYSTACK_SECRET_KEY in production.");
        }
        Gateway::Paystack { live: false, .. } => tracing::warn!("Payments: Paystack with a TEST key, no money moves"),
        Gateway::Paystack { live: true, .. } => tracing::info!("Payments: Paystack with a live key"),
    }
    match &config.mail {
        Mail::Files(folder) => tracing::info!("Mails: written to files in {}", folder.display()),
        Mail::Smtp(smtp) => tracing::info!("Mails: sent through {}:{} ({:?})", smtp.host, smtp.port, smtp.security),
    }
    if config.organizers == Organizers::Verified && config.gateway == Gateway::Sandbox {
        tracing::info!("ORGANISERS: every account may sell tickets in the sandbox");
    }
    if config.rate_limit.is_none() {
        tracing::warn!("RATE_LIMIT_REQUESTS is 0: rate limiting is disabled");
    }
    if config.metrics_access() == MetricsAccess::WithToken && config.metrics_token.is_none() {
        tracing::warn!(
            "METRICS: nobody can read /metrics, because PUBLIC_URL is not this machine and TRUSTED_PROXIES names no proxy. Name it, \
            or set METRICS_TOKEN"
        );
    }
    for name in &config.unknown {
        tracing::warn!("unknown setting {name} in .env ignored");
    }
}
