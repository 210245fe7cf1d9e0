//! What goes wrong on the way, for a read (`fetch`) and for calls that change something.

use super::*;
use std::time::Instant;
use ticketing_core::gateway::{GatewayError, PaymentGateway};
use tokio::net::TcpListener;

const PAID: &str = r#"{"reference":"attempt-1","status":"success","amount":100,"currency":"NGN","domain":"test"}"#;

fn attempt() -> Reference {
    reference("attempt-1")
}

#[tokio::test]
async fn a_refused_connection_is_not_sent_for_any_call() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let gateway = PaystackGateway::new(config(&url)).unwrap();
    assert_eq!(gateway.open_checkout(&a_charge()).await, Err(GatewayError::NotSent));
    assert_eq!(gateway.fetch(&attempt()).await, Err(GatewayError::NotSent));
    assert_eq!(gateway.refund(&a_refund()).await, Err(GatewayError::NotSent));
    assert_eq!(gateway.find_refund(&a_refund()).await, Err(GatewayError::NotSent));
}

#[tokio::test]
async fn a_checkout_that_was_not_sent_is_sent_again_and_a_refund_is_not() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let gateway = PaystackGateway::new(config(&format!("http://{address}"))).unwrap();
    let (owed, charge) = (a_refund(), a_charge());
    let (refund, checkout, server) = tokio::join!(gateway.refund(&owed), gateway.open_checkout(&charge), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Server::start_on(&address, [Step::data(r#"{"authorization_url":"https://checkout.paystack.com/abc"}"#)]).await
    });
    // The retries come 100 and 300 ms after the first try.
    assert_eq!(refund, Err(GatewayError::NotSent));
    assert_eq!(checkout.unwrap().url, "https://checkout.paystack.com/abc");
    assert_eq!(server.lines(), ["POST /transaction/initialize"]);
}

#[tokio::test]
async fn a_host_without_an_address_is_not_sent() {
    let gateway = PaystackGateway::new(config("http://does-not-exist.invalid")).unwrap();
    assert_eq!(gateway.refund(&a_refund()).await, Err(GatewayError::NotSent));
}

#[tokio::test]
async fn a_failed_tls_handshake_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    // A machine without root certificates cannot make such a client; that is an error of its own.
    let Ok(gateway) = PaystackGateway::new(config(&url)) else { return };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    assert_eq!(gateway.refund(&a_refund()).await, Err(GatewayError::NotSent));
}

#[tokio::test]
async fn a_read_is_repeated_twice_and_no_more() {
    for step in [Step::Close, Step::Reset, Step::answer(502, "<html>"), Step::CutShort(r#"{"status":tr"#)] {
        let (gateway, server) = against([step.clone(), step.clone(), Step::data(PAID)]).await;
        assert!(gateway.fetch(&attempt()).await.unwrap().is_some(), "{step:?}");
        assert_eq!(server.seen().len(), 3);

        let (gateway, server) = against([step.clone(), step.clone(), step.clone(), Step::data(PAID)]).await;
        let wanted =
            if matches!(step, Step::Answer { .. }) { GatewayError::Unavailable } else { GatewayError::OutcomeUnknown };
        assert_eq!(gateway.fetch(&attempt()).await, Err(wanted), "{step:?}");
        assert_eq!(server.seen().len(), 3);
    }
}

#[tokio::test]
async fn a_write_that_was_sent_is_never_sent_again() {
    for step in [
        Step::Close,
        Step::Reset,
        Step::CutShort(r#"{"status":tr"#),
        Step::Endless,
        Step::Raw("this is not HTTP\r\n\r\n"),
        Step::answer(500, r#"{"status":false,"message":"upstream words"}"#),
        Step::answer(502, "<html>Bad Gateway</html>"),
        Step::answer(200, r#"{"status":true,"message":"ok","da"#),
        Step::answer(200, "<html>welcome</html>"),
        Step::answer(200, r#"{"status":false,"message":"upstream words"}"#),
        Step::answer(404, "<html>nginx</html>"),
        Step::data("{}"),
        Step::data("null"),
    ] {
        // An answer of Paystack's own that says too little is about this payment only.
        let is_own = [Step::data("{}"), Step::data("null")].iter().any(|own| format!("{own:?}") == format!("{step:?}"));
        let unknown = || if is_own { GatewayError::Unreadable } else { GatewayError::OutcomeUnknown };
        let (gateway, server) = against([step.clone()]).await;
        assert_eq!(gateway.open_checkout(&a_charge()).await, Err(unknown()), "{step:?}");
        assert_eq!(server.seen().len(), 1, "{step:?}");

        let (gateway, server) = against([step.clone()]).await;
        assert_eq!(gateway.refund(&a_refund()).await, Err(unknown()), "{step:?}");
        assert_eq!(server.seen().len(), 1, "{step:?}");
    }
}

#[tokio::test]
async fn a_silent_gateway_times_out_with_an_unknown_outcome() {
    for step in [Step::Hang, Step::Drip(format!("{:200}", "{"))] {
        let started = Instant::now();
        let (gateway, server) = impatient([step.clone()]).await;
        assert_eq!(gateway.open_checkout(&a_charge()).await, Err(GatewayError::OutcomeUnknown));
        assert_eq!(server.seen().len(), 1);
        let (gateway, _server) = impatient([step.clone()]).await;
        assert_eq!(gateway.fetch(&attempt()).await, Err(GatewayError::OutcomeUnknown));
        let (gateway, _server) = impatient([step.clone()]).await;
        assert_eq!(gateway.refund(&a_refund()).await, Err(GatewayError::OutcomeUnknown));
        assert!(started.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn retries_do_not_outlast_the_timeout() {
    let started = Instant::now();
    let (gateway, server) = impatient([Step::answer(502, ""), Step::answer(502, ""), Step::answer(502, "")]).await;
    // 100 ms and 200 ms of pauses do not fit into 300 ms.
    assert_eq!(gateway.fetch(&attempt()).await, Err(GatewayError::OutcomeUnknown));
    assert_eq!(server.seen().len(), 2);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn an_answer_that_is_not_paystacks_is_malformed_and_one_about_the_payment_is_unreadable() {
    use GatewayError::{Malformed, Unreadable};
    for (step, wanted) in [
        (Step::answer(200, r#"{"status":true,"message":"ok","da"#), Malformed),
        (Step::answer(200, "<html>welcome</html>"), Malformed),
        (Step::answer(200, r#"{"status":false,"message":"upstream words"}"#), Malformed),
        (Step::answer(404, "<html>nginx</html>"), Malformed),
        (Step::data("{}"), Unreadable),
        (Step::data(r#"{"reference":"somebody-elses","status":"failed"}"#), Unreadable),
        (Step::data(r#"{"reference":"attempt-1","status":"success","currency":"NGN","domain":"test"}"#), Unreadable),
        (Step::Endless, Unreadable),
    ] {
        let (gateway, server) = against([step.clone()]).await;
        assert_eq!(gateway.fetch(&attempt()).await, Err(wanted), "{step:?}");
        assert_eq!(server.seen().len(), 1, "not repeated: {step:?}");
    }
}

#[tokio::test]
async fn odd_text_in_fields_that_are_not_needed_hides_nothing() {
    for odd in [r#""Ada \ud83d""#, r#""\udfff""#, "1e999", "\"a\tb\""] {
        let data = format!(
            r#"{{"reference":"attempt-1","status":"success","currency":"NGN","domain":"test","amount":199990,"id":1,"customer":{{"first_name":{odd}}},"log":{odd}}}"#
        );
        let (gateway, _server) = against([Step::data(data)]).await;
        let fetched = gateway.fetch(&attempt()).await.unwrap().unwrap();
        assert_eq!(fetched.raw_status, "success", "{odd}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 307, 308] {
        let elsewhere = Server::start([]).await;
        let headers: &'static str = Box::leak(format!("location: {}/stolen\r\n", elsewhere.url()).into_boxed_str());
        let redirect = Step::Answer { status, headers, body: String::new() };
        let (gateway, _server) = against([redirect.clone(), redirect]).await;
        assert_eq!(gateway.fetch(&attempt()).await, Err(GatewayError::Malformed));
        assert_eq!(gateway.refund(&a_refund()).await, Err(GatewayError::OutcomeUnknown));
        assert_eq!(elsewhere.connections(), 0);
    }
}

#[tokio::test]
async fn a_wrong_key_and_too_many_calls_are_told_apart() {
    let (gateway, server) = against([Step::no(401, "invalid_Key"), Step::answer(403, "<html>")]).await;
    assert_eq!(gateway.fetch(&attempt()).await, Err(GatewayError::Auth));
    assert_eq!(gateway.refund(&a_refund()).await, Err(GatewayError::Auth));
    assert_eq!(server.seen().len(), 2);

    let busy = Step::Answer {
        status: 429,
        headers: "x-ratelimit-reset: 17\r\n",
        body: r#"{"status":false,"message":"upstream words","code":"rate_limited"}"#.into(),
    };
    let (gateway, server) = against([busy.clone(), busy, Step::answer(429, "")]).await;
    let wanted = Err(GatewayError::RateLimited { retry_after: Some(Duration::from_secs(17)) });
    assert_eq!(gateway.fetch(&attempt()).await, wanted);
    assert_eq!(gateway.open_checkout(&a_charge()).await, wanted.map(|_| unreachable!()));
    assert_eq!(gateway.refund(&a_refund()).await, Err(GatewayError::RateLimited { retry_after: None }));
    assert_eq!(server.seen().len(), 3, "none of them is repeated");
}

#[tokio::test]
async fn connections_are_kept_and_a_dropped_one_is_replaced() {
    let (gateway, server) = against([Step::data(PAID), Step::data(PAID), Step::Close, Step::data(PAID)]).await;
    for _ in 0..3 {
        assert!(gateway.fetch(&attempt()).await.unwrap().is_some());
    }
    assert_eq!((server.seen().len(), server.connections()), (4, 2));
}

#[tokio::test]
async fn the_key_is_sent_and_never_shown() {
    let (gateway, server) = against([Step::no(422, "words")]).await;
    let error = gateway.fetch(&attempt()).await.unwrap_err();
    assert!(server.seen()[0].head.contains("authorization: bearer sk_test_s3cr3t\r\n"));
    assert!(!format!("{gateway:?} {error:?} {error}").contains("s3cr3t"));
    assert!(!format!("{error:?} {error}").contains("upstream"), "Paystack's own words stay in the log");
    assert_eq!((gateway.name(), gateway.mode()), ("paystack", ticketing_core::domain::payment::Mode::Test));
}

#[tokio::test]
async fn a_base_url_may_have_a_path() {
    let server = Server::start([Step::data(PAID)]).await;
    let gateway = PaystackGateway::new(config(&format!("{}/sim/paystack/", server.url()))).unwrap();
    assert!(gateway.fetch(&attempt()).await.unwrap().is_some());
    assert_eq!(server.lines(), ["GET /sim/paystack/transaction/verify/attempt-1"]);
}
