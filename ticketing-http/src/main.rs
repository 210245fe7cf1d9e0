//! The server: reads its settings, builds the engine, serves until it is told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use ticketing_core::clock::{SystemClock, SystemRandom};
use ticketing_http::app::{VERSION, app};
use ticketing_http::config::{Command, Config, Database, Gateway, Invocation, LogFormat, Mail, Source, secret_beside};
use ticketing_http::{server, telemetry};
use tokio::net::TcpListener;

/// Why the server did not run, in one sentence.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let invocation = match Invocation::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        // Help and version come this way too.
        Err(error) => error.exit(),
    };
    let command = invocation.command;
    let config = Source::gather(invocation, |name| std::env::var_os(name), Path::new(".env"))
        .and_then(|source| Config::read(&source));
    match &config {
        Ok(config) => telemetry::install(config.log_format, &config.log_filter),
        Err(_) => telemetry::install(LogFormat::Text, "info"),
    }
    let outcome = config.map_err(Failure::from).and_then(|config| {
        let runtime = tokio::runtime::Runtime::new()?;
        match command {
            Command::Serve => runtime.block_on(serve(config)),
            // The sandbox's own server is wired in here.
            Command::Sandbox => Err("the sandbox cannot be started on its own yet".into()),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> Result<(), Failure> {
    let clock = Arc::new(SystemClock);
    let _jwt_secret = match (&config.jwt_secret, &config.database) {
        (Some(secret), _) => secret.clone(),
        (None, Database::File(path)) => secret_beside(path, &SystemRandom)?,
        (None, _) => ticketing_http::config::Secret::fresh(&SystemRandom),
    };

    // ---- The engine and the API are built here: storage, gateway, mailer, `Ticketing`, its worker, `Api`. ----
    let api = ();

    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| format!("HOST and PORT: {} cannot be listened on ({error}).", config.listen))?;
    announce(&config, listener.local_addr()?);
    let limits = server::Limits { max_connections: config.max_connections, ..server::Limits::default() };
    server::serve(listener, app(api, &config, clock), limits, server::stop_signal()).await;

    // ---- The engine's worker is stopped here, after the last request. ----
    tracing::info!("stopped");
    Ok(())
}

/// Says what was started, so that nobody has to guess.
fn announce(config: &Config, address: std::net::SocketAddr) {
    tracing::info!("Ticketing {VERSION} listens on http://{address}");
    if config.docs {
        tracing::info!("Its API is shown at {}/docs", config.public_url);
    }
    tracing::info!("Everything is kept in {}", config.database.in_words());
    match &config.gateway {
        Gateway::Sandbox => {
            tracing::warn!("SANDBOX: no money moves. Set PAYSTACK_SECRET_KEY to sell in earnest.");
        }
        Gateway::Paystack { live: false, .. } => tracing::warn!("Paystack with a TEST key: no money moves."),
        Gateway::Paystack { live: true, .. } => tracing::info!("Paystack takes real money"),
    }
    match &config.mail {
        Mail::Files(folder) => tracing::info!("Mails become files in {}", folder.display()),
        Mail::Smtp(smtp) => tracing::info!("Mails go to {}:{} ({:?})", smtp.host, smtp.port, smtp.security),
    }
    if config.rate_limit.is_none() {
        tracing::warn!("RATE_LIMIT_REQUESTS is 0: clients may ask as much as they like");
    }
    for name in &config.unknown {
        tracing::warn!("{name} in .env means nothing here");
    }
}
