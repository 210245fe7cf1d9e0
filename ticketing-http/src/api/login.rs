use super::state::ApiState;
use crate::middleware::client_address::ClientAddress;
use crate::middleware::shared_throttle::SharedThrottle;
use crate::problem::Problem;
use poem::Request;
use std::net::{IpAddr, Ipv6Addr};
use ticketing_core::Error;
use ticketing_core::Session;

/// Logs in by address or user name, unless there were too many failed attempts for this account from this client.
pub(crate) async fn login(state: &ApiState, request: &Request, name: &str, password: &str) -> Result<Session, Problem> {
    // No name contains control characters, and some databases cannot store them.
    if name.chars().any(char::is_control) || name.len() > 254 {
        return Err(Error::Unauthenticated("Incorrect email or password").into());
    }
    let key = name.trim().to_lowercase();
    // The middleware sets the address; without it, as in tests, the client is this machine.
    let client = request.data().copied().unwrap_or(ClientAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    let throttle = &state.login_throttle;
    let too_many =
        |wait| Problem::new("too_many_logins", "Too many login attempts. Please try again later.").retry_after(wait);
    throttle.check(&key, client, state.clock.now()).map_err(too_many)?;
    let together = state.has_shared_limits.then(|| SharedThrottle::new(state.key_mac(), &key, client));
    if let Some(together) = &together {
        together.check(&state.ticketing, state.clock.now()).await.map_err(too_many)?;
    }
    let session = state.ticketing.login(name, password).await;
    match &session {
        Ok(_) => {
            throttle.succeeded(&key, client, state.clock.now());
            if let Some(together) = &together {
                together.succeeded(&state.ticketing).await;
            }
        }
        Err(Error::Unauthenticated(_)) => throttle.failed(&key, client, state.clock.now()),
        Err(_) => {}
    }
    Ok(session?)
}
