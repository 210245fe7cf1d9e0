use super::client_name::described;
use super::state::ApiState;
use crate::middleware::client_address::ClientAddress;
use crate::middleware::login_throttle::{Attempt, Throttled};
use crate::middleware::shared_throttle::{SharedAttempt, SharedThrottle};
use crate::problem::Problem;
use crate::security_log::Subject;
use poem::Request;
use poem::http::header;
use std::net::{IpAddr, Ipv6Addr};
use ticketing_core::Error;
use ticketing_core::Session;
use ticketing_core::domain::account::{Account, login_name};
use ticketing_core::domain::refusal::Refusal;

/// A session that has just begun.
pub(crate) struct NewSession {
    pub(crate) session: Session,
    /// How many wrong passwords were tried since the account's last log-in, so that its owner learns of an attack.
    pub(crate) failed_attempts: u32,
}

/// Logs in by address or user name, unless there were too many wrong passwords: see
/// [`login_throttle`](crate::middleware::login_throttle).
pub(crate) async fn login(
    state: &ApiState,
    request: &Request,
    name: &str,
    password: &str,
) -> Result<NewSession, Problem> {
    // No name contains control characters, and some databases cannot store them.
    if name.chars().any(char::is_control) || name.len() > 254 {
        return Err(Error::Unauthenticated("Incorrect email or password").into());
    }
    let account = state.ticketing.find_account(name).await?;
    // An account counts as one under each of its names.
    let key = match &account {
        Some(account) => key_of(account),
        None => format!("name {}", login_name(name)),
    };
    let client = client_of(request);
    let subject = Subject::new(state.key_mac(), &key, client);
    let attempts = Attempts::begin(state, &key, client, &subject).await?;
    let session = state.ticketing.login_from(name, password, client_name(request).as_deref()).await;
    let mut failed_attempts = 0;
    match &session {
        Ok(_) => {
            failed_attempts = attempts.succeeded(state).await;
            subject.logged_in();
        }
        Err(Error::Unauthenticated(_)) => {
            attempts.failed(state).await;
            subject.login_failed(match &account {
                None => "unknown_account",
                Some(account) if !account.is_active => "account_switched_off",
                Some(_) => "wrong_password",
            });
        }
        // The attempt is taken back. What was wrong before counts until the code is right.
        Err(Error::Refused(Refusal::SecondFactorWanted { .. })) => subject.event("second_factor_wanted"),
        Err(_) => {}
    }
    Ok(NewSession { session: session?, failed_attempts })
}

/// Continues a log-in that wanted a code of the second factor. Wrong codes are counted by the engine, for each account.
pub(crate) async fn login_with_code(
    state: &ApiState,
    request: &Request,
    ticket: &str,
    code: &str,
) -> Result<NewSession, Error> {
    let session = state.ticketing.login_with_code(ticket, code, client_name(request).as_deref()).await?;
    let (key, client) = (key_of(&session.account), client_of(request));
    let subject = Subject::new(state.key_mac(), &key, client);
    let failed_attempts = match Attempts::begin(state, &key, client, &subject).await {
        Ok(attempts) => attempts.succeeded(state).await,
        // Somebody else tries passwords at this moment, and this person has shown that they are not the one.
        Err(_) => 0,
    };
    subject.logged_in();
    Ok(NewSession { session, failed_attempts })
}

/// A short name of the program that has sent a request, for the list of sessions.
pub(crate) fn client_name(request: &Request) -> Option<String> {
    described(request.header(header::USER_AGENT)?)
}

/// Does work that needs the password of a session's account once more. It counts like a log-in: a thief of a session cannot
/// guess the password with it. The outer error says that it was not done.
pub(crate) async fn with_password<T>(
    state: &ApiState,
    request: &Request,
    account: &Account,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<Result<T, Error>, Problem> {
    let (key, client) = (key_of(account), client_of(request));
    let subject = Subject::new(state.key_mac(), &key, client);
    let attempts = Attempts::begin(state, &key, client, &subject).await?;
    let done = work.await;
    match &done {
        Ok(_) => drop(attempts.succeeded(state).await),
        Err(Error::Unauthenticated(_)) => {
            attempts.failed(state).await;
            subject.login_failed("wrong_password");
        }
        Err(_) => {}
    }
    Ok(done)
}

/// An attempt at a password: in this process, and where limits are shared, in all. An attempt that ends without a verdict on the password
/// takes both back.
struct Attempts<'a> {
    own: Attempt<'a>,
    together: Option<SharedAttempt>,
}

impl<'a> Attempts<'a> {
    async fn begin(state: &'a ApiState, key: &str, client: ClientAddress, subject: &Subject) -> Result<Self, Problem> {
        let too_many = |throttled: Throttled| {
            subject.login_throttled(throttled.by.name(), throttled.wait);
            let detail = "Too many login attempts. Please try again later.";
            Problem::new("too_many_logins", detail).retry_after(throttled.wait)
        };
        let (throttle, now) = (&state.login_throttle, state.clock.now());
        let own = throttle.begin(key, client, now).map_err(too_many)?;
        let together = match shared(state, key, client) {
            Some(together) => Some(together.begin(throttle.is_known(key, client, now), now).await.map_err(too_many)?),
            None => None,
        };
        Ok(Self { own, together })
    }

    /// Returns how many wrong passwords were tried since the account's last log-in.
    async fn succeeded(self, state: &ApiState) -> u32 {
        let failed_attempts = self.own.succeeded(state.clock.now());
        if let Some(together) = self.together {
            together.succeeded().await;
        }
        failed_attempts
    }

    async fn failed(self, state: &ApiState) {
        self.own.failed(state.clock.now());
        if let Some(together) = self.together {
            together.failed().await;
        }
    }
}

/// Notes that a new account's owner is at this client: an attacker at the same address will not keep them from logging in.
pub(crate) async fn registered(state: &ApiState, request: &Request, account: &Account) {
    let (key, client) = (key_of(account), client_of(request));
    state.login_throttle.remember(&key, client, state.clock.now());
    if let Some(together) = shared(state, &key, client) {
        together.remember().await;
    }
    Subject::new(state.key_mac(), &key, client).event("registered");
}

/// An account and its client, for the log of security events.
pub(crate) fn subject_of(state: &ApiState, request: &Request, account: &Account) -> Subject {
    Subject::new(state.key_mac(), &key_of(account), client_of(request))
}

/// A person who typed this name, which may be of no account, and their client, for the log of security events.
pub(crate) fn subject_named(state: &ApiState, request: &Request, name: &str, account: Option<&Account>) -> Subject {
    match account {
        Some(account) => subject_of(state, request, account),
        None => Subject::new(state.key_mac(), &format!("name {}", login_name(name)), client_of(request)),
    }
}

/// Notes in the log that an account's sessions were ended.
pub(crate) fn logged_out(state: &ApiState, request: &Request, account: &Account) {
    subject_of(state, request, account).event("logout");
}

fn key_of(account: &Account) -> String {
    format!("account {}", account.id)
}

/// The middleware sets the address; without it, as in tests, the client is this machine.
pub(crate) fn client_of(request: &Request) -> ClientAddress {
    request.data().copied().unwrap_or(ClientAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)))
}

fn shared(state: &ApiState, key: &str, client: ClientAddress) -> Option<SharedThrottle> {
    let new = || SharedThrottle::new(state.ticketing.clone(), state.key_mac(), key, client);
    state.has_shared_limits.then(new)
}
