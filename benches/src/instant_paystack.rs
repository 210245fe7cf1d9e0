//! A payment gateway over HTTP that answers at once: every checkout is paid as soon as it stands open. It speaks as much of
//! Paystack's protocol as a sale needs, and costs as little as it can: what is measured is the shop.

use crate::Failure;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

type Amounts = Arc<Mutex<HashMap<String, Value>>>;

/// Opens it, and says where it is.
pub async fn open() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let amounts = Amounts::default();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream.set_nodelay(true));
            let amounts = Arc::clone(&amounts);
            let service = service_fn(move |request| answer(Arc::clone(&amounts), request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

async fn answer(amounts: Amounts, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Failure> {
    let path = request.uri().path().to_owned();
    let data = match path.strip_prefix("/transaction/verify/") {
        Some(reference) => {
            let amount = amounts.lock().unwrap_or_else(PoisonError::into_inner).get(reference).cloned();
            json!({
                "id": 1, "domain": "test", "status": "success", "reference": reference, "amount": amount,
                "requested_amount": amount, "currency": "NGN", "paid_at": "2026-01-01T00:00:00.000Z", "channel": "card",
            })
        }
        None => {
            let body: Value = serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?;
            let reference = body["reference"].as_str().ok_or("a reference is wanted")?.to_owned();
            // Paystack takes the amount as a number and as a text.
            let amount = body["amount"].as_str().and_then(|text| text.parse::<i64>().ok()).map(Value::from);
            let amount = amount.unwrap_or_else(|| body["amount"].clone());
            let url = format!("https://checkout.example.com/{reference}");
            let data = json!({"authorization_url": url, "access_code": "code", "reference": reference});
            amounts.lock().unwrap_or_else(PoisonError::into_inner).insert(reference, amount);
            data
        }
    };
    let body = json!({"status": true, "message": "ok", "data": data}).to_string();
    Ok(Response::builder().header("content-type", "application/json").body(Full::new(body.into()))?)
}
