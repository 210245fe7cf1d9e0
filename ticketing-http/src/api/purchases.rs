//! What begins a purchase counts against the limits of its account and its address.

use super::bearer::Session;
use super::state::ApiState;
use crate::middleware::client_address::ClientAddress;
use crate::problem::Problem;
use poem::Request;
use std::net::{IpAddr, Ipv6Addr};
use ticketing_core::Error;

/// Does the work that begins a purchase. If it fails, no purchase was begun, and none is counted. A request that is replayed by its
/// idempotency key does not come here.
pub(crate) async fn begin<T>(
    state: &ApiState,
    request: &Request,
    session: &Session,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Problem> {
    // The middleware sets the address; without it, as in tests, the client is this machine.
    let client = request.data().copied().unwrap_or(ClientAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    let takes = state.purchase_limit.takes(session.0.id, client);
    let together = state.has_shared_limits.then_some(&state.ticketing);
    state.purchase_limit.begin(&takes, together, state.clock.now()).await?;
    match work.await {
        Ok(done) => Ok(done),
        // The places are kept: it may be paid.
        Err(Error::Gateway(error)) if !error.was_not_sent() => Err(Error::Gateway(error).into()),
        Err(error) => {
            state.purchase_limit.give_back(&takes, together, state.clock.now()).await;
            Err(state.purchase_problem(error))
        }
    }
}
