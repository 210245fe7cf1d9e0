//! The page that links in mails about accounts open, and those to whom a ticket is offered. It needs no script, loads nothing, and works on a phone.
//!
//! A `GET` shows what the link is for, and changes nothing: programs that check mails follow links. The `POST` of its one button uses the
//! token. An invitation has no button: it is accepted by an account, and nobody is logged in to this page. The token is in the address, because the mail is a link: nothing of this page is cached, sent to others as a referrer, or
//! written to the log.

mod page;
mod transfer;

use crate::api::{ApiState, proofs};
use crate::problem::Problem;
use page::{Page, error, form, invitation, outcome, unusable};
use poem::endpoint::make;
use poem::http::header;
use poem::web::{Form, Query};
use poem::{FromRequest, Request, RequestBody, Response, RouteMethod};
use serde::Deserialize;
use ticketing_core::Error;
use ticketing_core::domain::proof::ProofPurpose;
use ticketing_core::domain::refusal::Refusal;

/// What the mail's link has.
#[derive(Debug, Default, Deserialize)]
struct Link {
    #[serde(default)]
    token: String,
}

/// What the form sends.
#[derive(Deserialize)]
struct Sent {
    token: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    name: String,
}

/// The page.
pub(crate) fn endpoint(state: ApiState) -> RouteMethod {
    let shown = state.clone();
    let show = make(move |request: Request| {
        let state = shown.clone();
        async move { answered(show(&state, &request).await) }
    });
    let act = make(move |request: Request| {
        let state = state.clone();
        async move { answered(act(&state, request).await) }
    });
    RouteMethod::new().get(show).post(act)
}

async fn show(state: &ApiState, request: &Request) -> Result<Page, Error> {
    let Query(link) = Query::<Link>::from_request_without_body(request).await.unwrap_or_default();
    if transfer::is_key(&link.token) {
        return transfer::show(state, &link.token).await;
    }
    let found = state.ticketing.proof(&link.token).await?;
    Ok(match found.filter(|found| found.is_open) {
        Some(found) if found.purpose == ProofPurpose::JoinOrganisation => invitation(&link.token),
        // A code is typed where it was asked for.
        Some(found) if found.purpose == ProofPurpose::Code => unusable(),
        Some(found) => form(found.purpose, &link.token, None),
        None => unusable(),
    })
}

async fn act(state: &ApiState, mut request: Request) -> Result<Page, Error> {
    let mut body = RequestBody::new(request.take_body());
    let Ok(Form(sent)) = Form::<Sent>::from_request(&request, &mut body).await else { return Ok(unusable()) };
    if transfer::is_key(&sent.token) {
        return transfer::take(state, &sent.token, &sent.name).await;
    }
    let Some(found) = state.ticketing.proof(&sent.token).await?.filter(|found| found.is_open) else {
        return Ok(unusable());
    };
    let (token, purpose) = (sent.token.as_str(), found.purpose);
    let done = match purpose {
        ProofPurpose::VerifyEmail => proofs::verify_email(state, &request, token).await,
        ProofPurpose::ResetPassword => proofs::reset_password(state, &request, token, &sent.password).await,
        ProofPurpose::ChangeEmail => proofs::confirm_email(state, &request, token).await,
        ProofPurpose::UndoEmail => proofs::undo_email_change(state, &request, token).await,
        // Accepted by an account, through the API.
        ProofPurpose::JoinOrganisation => return Ok(invitation(token)),
        _ => return Ok(unusable()),
    };
    match done {
        Ok(()) => Ok(outcome(purpose)),
        Err(Error::Invalid(fields)) => {
            let messages: Vec<&str> = fields.iter().map(|field| field.message.as_str()).collect();
            Ok(form(purpose, token, Some(&format!("The password {}.", messages.join(", and ")))))
        }
        Err(Error::Refused(Refusal::ProofUnknown)) => Ok(unusable()),
        Err(error) => Err(error),
    }
}

fn answered(page: Result<Page, Error>) -> Response {
    let page = page.unwrap_or_else(|problem| error(&Problem::from(problem)));
    let builder = Response::builder()
        .status(page.status)
        .content_type("text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, page::policy())
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header("x-robots-tag", "noindex");
    match page.retry_after {
        Some(seconds) => builder.header(header::RETRY_AFTER, seconds).body(page.html),
        None => builder.body(page.html),
    }
}
