//! What begins a purchase counts against the limits of its account, if there is one, and its address.

use super::dto::order::expected;
use super::dto::price::GivenPrice;
use super::state::ApiState;
use crate::middleware::client_address::ClientAddress;
use crate::problem::Problem;
use poem::Request;
use std::net::{IpAddr, Ipv6Addr};
use ticketing_core::domain::event::Event;
use ticketing_core::domain::id::{AccountId, TicketTypeId};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::{Error, OrderRequest};

fn client_of(request: &Request) -> ClientAddress {
    // The middleware sets the address; without it, as in tests, the client is this machine.
    request.data().copied().unwrap_or(ClientAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)))
}

/// Does work that may name a promo code. Who names too many that are none has to wait.
pub(crate) async fn naming_a_code<T>(
    state: &ApiState,
    request: &Request,
    has_code: bool,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Problem> {
    if has_code {
        state.code_guesses.check(client_of(request), state.clock.now())?;
    }
    let done = work.await;
    if let Err(Error::Refused(Refusal::CodeUnknown)) = done {
        state.code_guesses.wrong(client_of(request), state.clock.now());
    }
    Ok(done?)
}

/// Does the work that begins a purchase, by an account or a guest. If it fails, no purchase was begun, and none is counted. A request that is
/// replayed by its idempotency key does not come here; a guest's retry does, because no response of it is kept.
pub(crate) async fn begin<T>(
    state: &ApiState,
    request: &Request,
    account: Option<AccountId>,
    has_code: bool,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Problem> {
    let client = client_of(request);
    if has_code {
        state.code_guesses.check(client, state.clock.now())?;
    }
    let takes = state.purchase_limit.takes(account, client);
    let together = state.has_shared_limits.then_some(&state.ticketing);
    state.purchase_limit.begin(&takes, together, state.clock.now()).await?;
    match work.await {
        Ok(done) => Ok(done),
        // The places are kept: it may be paid.
        Err(Error::Gateway(error)) if !error.was_not_sent() => Err(Error::Gateway(error).into()),
        Err(error) => {
            if let Error::Refused(Refusal::CodeUnknown) = error {
                state.code_guesses.wrong(client, state.clock.now());
            }
            state.purchase_limit.give_back(&takes, together, state.clock.now()).await;
            Err(state.purchase_problem(error))
        }
    }
}

/// The secret ticket types that a code gives access to, which may be none.
pub(crate) async fn unlocked(
    state: &ApiState,
    request: &Request,
    event: &Event,
    code: &str,
) -> Result<Vec<TicketTypeId>, Problem> {
    let find = async {
        let unlocked = state.ticketing.unlocked_types(event, code).await?;
        unlocked.ok_or(Error::Refused(Refusal::CodeUnknown))
    };
    naming_a_code(state, request, true, find).await
}

/// The request with the total that the buyer was shown, if that was given: in the event's currency.
pub(crate) async fn expecting(
    state: &ApiState,
    request: OrderRequest,
    total: Option<GivenPrice>,
) -> Result<OrderRequest, Problem> {
    let Some(total) = total else { return Ok(request) };
    let event_id = request.event_id;
    let unknown = || Error::Refused(Refusal::EventUnknown { event_id });
    let event = match state.ticketing.shared_event(event_id).await {
        // A draft is not there for anybody else.
        Ok(event) if event.is_hidden() => return Err(unknown().into()),
        Err(Error::NotFound(_)) => return Err(unknown().into()),
        event => event?,
    };
    let total = expected(Some(total), event.currency)?;
    Ok(request.with_expect_total(total))
}
