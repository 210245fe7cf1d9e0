//! The checkout page: shows it, handles its buttons, redirects the payer back to the merchant.

use super::gateway::Sandbox;
use super::page;
use super::request::BODY_LIMIT;
use super::response::ApiError;
use super::simulate::SimulateRequest;
use super::transaction::Transaction;
use poem::http::{StatusCode, header};
use poem::web::{Data, Form};
use poem::{Body, FromRequest, Request, RequestBody, Response, handler};
use reqwest::Url;
use std::sync::Arc;

#[handler]
pub(super) fn show(request: &Request, sandbox: Data<&Arc<Sandbox>>) -> Response {
    match found(request, &sandbox) {
        Some(transaction) => {
            let nonce = sandbox.code();
            html(
                StatusCode::OK,
                &nonce,
                page::checkout(&transaction, &sandbox.config.merchant, back(&transaction), &nonce),
            )
        }
        None => sorry(&sandbox, &ApiError::TRANSACTION_NOT_FOUND),
    }
}

#[handler]
pub(super) async fn act(request: &Request, body: Body, sandbox: Data<&Arc<Sandbox>>) -> Response {
    match try_act(request, body, &sandbox).await {
        Ok(response) => response,
        Err(error) => sorry(&sandbox, &error),
    }
}

async fn try_act(request: &Request, body: Body, sandbox: &Sandbox) -> Result<Response, ApiError> {
    let transaction = found(request, sandbox).ok_or(ApiError::TRANSACTION_NOT_FOUND)?;
    let bytes = body.into_bytes_limit(BODY_LIMIT).await.map_err(|_| ApiError::TOO_LARGE)?;
    let mut body = RequestBody::new(Body::from_bytes(bytes));
    let Form(action) = Form::<SimulateRequest>::from_request(request, &mut body)
        .await
        .map_err(|_| ApiError::invalid("Unknown action"))?;
    let play = action.play(transaction.requested, sandbox.config.clock.now())?;
    match sandbox.play(&transaction.reference, play) {
        // A payer who has paid in another tab returns as one who has paid.
        Ok(_) | Err(ApiError::ALREADY_PAID) => {}
        Err(error) => return Err(error),
    }
    // Without a callback, the checkout page itself shows the result. A path, so that it works with any host name.
    let to = back(&transaction).map_or_else(|| request.original_uri().path().to_owned(), String::from);
    Ok(Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(header::LOCATION, to)
        .header(header::CACHE_CONTROL, "no-store")
        .finish())
}

fn found(request: &Request, sandbox: &Sandbox) -> Option<Transaction> {
    sandbox.by_access_code(&request.path_params::<String>().ok()?)
}

/// Where the payer returns to: the merchant's callback with the reference added, as Paystack adds it.
pub(super) fn back(transaction: &Transaction) -> Option<Url> {
    let mut url = Url::parse(transaction.callback_url.as_deref()?).ok()?;
    url.query_pairs_mut()
        .append_pair("trxref", &transaction.reference)
        .append_pair("reference", &transaction.reference);
    Some(url)
}

fn sorry(sandbox: &Sandbox, error: &ApiError) -> Response {
    let nonce = sandbox.code();
    html(error.status, &nonce, page::sorry(error.message, &nonce))
}

/// A page that runs no script, loads nothing, and cannot be framed.
///
/// `form-action` allows schemes, not the merchant's origin: browsers apply it to every redirect after a form, and a merchant's
/// callback may redirect to another origin.
/// `Referrer-Policy` is not `no-referrer`: a browser would then send `Origin: null` with our own forms.
fn html(status: StatusCode, nonce: &str, page: String) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self' http: https:; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    Response::builder()
        .status(status)
        .content_type("text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::REFERRER_POLICY, "same-origin")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header("cross-origin-opener-policy", "same-origin")
        .body(page)
}
