//! The checkout page, as in a browser.

use super::world::{World, order};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use ticketing_core::clock::Clock;

/// Opens a transaction and returns the URL of its page.
async fn page(world: &World, reference: &str) -> String {
    world.open(reference).await["authorization_url"].as_str().unwrap().to_owned()
}

/// Submits a form, and returns where the browser is redirected.
async fn press(world: &World, page: &str, form: &str) -> (u16, String) {
    let request = world.client.post(page).header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(form.to_owned()).send().await.unwrap();
    let location = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
    (answer.status().as_u16(), location.unwrap_or_default())
}

#[tokio::test]
async fn every_button_redirects_the_payer_with_the_reference() {
    let world = World::new().await;
    for (button, status, amount) in [
        ("action=pay", "success", 199_900),
        ("action=decline", "failed", 199_900),
        ("action=abandon", "abandoned", 199_900),
        ("after_seconds=1200&action=pay_late", "pending", 199_900),
        ("action=pay_wrong_amount", "success", 99_950),
        ("action=pay_two_webhooks", "success", 199_900),
        ("action=pay_no_webhook", "success", 199_900),
    ] {
        let reference = button.replace(['&', '_'], "-");
        let page = page(&world, &reference).await;
        let encoded = reference.replace('=', "%3D");
        let back = format!("https://shop.example/done?order=7&trxref={encoded}&reference={encoded}#end");
        assert_eq!(press(&world, &page, button).await, (303, back), "{button}");
        let data = world.verify(&reference).await;
        assert_eq!((&data["status"], &data["amount"]), (&json!(status), &json!(amount)), "{button}");
        assert_eq!(data["requested_amount"], 199_900);
    }
}

#[tokio::test]
async fn without_a_callback_the_page_shows_the_result() {
    let world = World::new().await;
    let mut body = order("alone");
    body["callback_url"] = Value::Null;
    let (_, answer) = world.post("/transaction/initialize", body).await;
    let page = answer["data"]["authorization_url"].as_str().unwrap();
    let path = page.split_once("/sandbox").unwrap().1;
    assert_eq!(press(&world, page, "action=decline").await, (303, format!("/sandbox{path}")));
    let read = async || world.client.get(page).send().await.unwrap().text().await.unwrap();
    let declined = read().await;
    assert!(declined.contains("The card was declined") && declined.contains("value=\"pay\""));
    press(&world, page, "action=pay").await;
    let paid = read().await;
    assert!(paid.contains("Paid to Ticketing") && !paid.contains("<button"));
}

#[tokio::test]
async fn a_late_payment_arrives() {
    let world = World::new().await;
    let page = page(&world, "late").await;
    press(&world, &page, "action=pay_late&after_seconds=1").await;
    assert_eq!(world.verify("late").await["status"], "pending");
    press(&world, &page, "action=abandon").await;
    world.verify_until("late", "success").await;

    self::page(&world, "stopped").await;
    world.simulate("stopped", json!({ "action": "pay_late", "after_seconds": 1 })).await;
    world.simulate("stopped", json!({ "action": "decline" })).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(world.verify("stopped").await["status"], "failed");
}

/// A clock that is advanced by hand.
#[derive(Debug)]
struct Stopped(Mutex<Timestamp>);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn a_late_payment_waits_for_the_clock() {
    let clock = Arc::new(Stopped(Mutex::new("2026-11-05T18:00:00Z".parse().unwrap())));
    let given: Arc<dyn Clock> = Arc::clone(&clock) as _;
    let world = World::with(|config| config.clock = given).await;
    page(&world, "patient").await;
    world.simulate("patient", json!({ "action": "pay_late", "after_seconds": 1 })).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(world.verify("patient").await["status"], "pending");
    *clock.0.lock().unwrap() = "2026-11-05T18:00:01.5Z".parse().unwrap();
    assert_eq!(world.verify_until("patient", "success").await["paid_at"], "2026-11-05T18:00:01.500Z");
}

#[tokio::test]
async fn any_button_after_paying_redirects_as_paid() {
    let world = World::new().await;
    let page = page(&world, "twice").await;
    press(&world, &page, "action=pay").await;
    assert_eq!(press(&world, &page, "action=decline").await.0, 303);
    assert_eq!(world.verify("twice").await["status"], "success");
}

#[tokio::test]
async fn the_page_shows_the_purchase_and_runs_no_script() {
    let world = World::with(|config| config.merchant = "Tom & <Jerry>".to_owned()).await;
    let mut body = order("shown");
    body["metadata"] = json!({
        "seat": "<script>alert(1)</script>",
        "{{&buttons}}": "\"'><img src=x onerror=alert(2)>",
        "long": "x".repeat(5000),
        "custom_fields": [{ "display_name": "Show <b>", "variable_name": "show", "value": "Hamlet & co" }],
    });
    let (_, answer) = world.post("/transaction/initialize", body).await;
    let url = answer["data"]["authorization_url"].as_str().unwrap();
    let page = world.client.get(url).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    for (header, value) in
        [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin")]
    {
        assert_eq!(page.headers()[header], value);
    }
    let page = page.text().await.unwrap();
    for text in [
        "NGN 1,999.00",
        "ada@example.com",
        "shown",
        "<strong>Sandbox</strong> — no money moves",
        "Tom &amp; &lt;Jerry&gt;",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "{{&amp;buttons}}",
        "Show &lt;b&gt;",
        "Hamlet &amp; co",
    ] {
        assert!(page.contains(text), "{text} is not on the page");
    }
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains(&"x".repeat(200)));
    let nonce = policy.split_once("'nonce-").unwrap().1.split_once('\'').unwrap().0;
    assert!(page.contains(&format!("<style nonce=\"{nonce}\">")));
}

#[tokio::test]
async fn unknown_pages_and_actions_are_error_pages() {
    let world = World::new().await;
    let unknown = format!("{}/checkout/0000000000000000000000000000", world.base);
    let answer = world.client.get(&unknown).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    assert!(answer.text().await.unwrap().contains("Transaction not found"));
    assert_eq!(press(&world, &unknown, "action=pay").await.0, 404);
    let page = page(&world, "known").await;
    assert_eq!(press(&world, &page, "action=steal").await.0, 400);
    assert_eq!(press(&world, &page, "").await.0, 400);
    // A page of another origin can post text without a preflight; that must not act as the payer.
    let forged = world.client.post(format!("{}/simulate/known", world.base)).body("{\"action\":\"pay\"}");
    assert_eq!(forged.send().await.unwrap().status(), 400);
    assert_eq!(world.verify("known").await["status"], "abandoned");
}
