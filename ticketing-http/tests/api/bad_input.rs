//! Malformed requests to every operation: always a documented 4xx problem, never a panic or a 5xx.

use crate::document::{Operation, document, operations};
use crate::shop::{Answer, Call, Shop};
use serde_json::{Value, json};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// The path with plausible parameters.
fn path_of(operation: &Operation) -> String {
    operation
        .path
        .replace("{event_id}", "1")
        .replace("{reference}", "abc")
        .replace("{gateway}", "fake")
        .replace("{refund_id}", "1")
        .replace("{mail_id}", "1")
        .replace("{ticket}", "1")
        .replace("{ticket_code}", "abc")
}

/// Asserts that the response is a documented client error.
fn is_listed(operation: &Operation, what: &str, answer: &Answer) {
    let (status, code) = answer.problem();
    assert!((400..500).contains(&status), "{} with {what}: {answer:?}", operation.name());
    assert!(operation.lists(status, &code), "{} with {what}: {status} {code} is not in the document", operation.name());
}

/// The example of the operation's body.
fn example(operation: &Operation) -> Value {
    let schema = operation.value["requestBody"]["content"][JSON]["schema"]["$ref"].as_str().unwrap().to_owned();
    document()["components"]["schemas"][schema.rsplit('/').next().unwrap()]["example"].clone()
}

#[tokio::test]
async fn every_body_is_read_strictly() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    for operation in operations().iter().filter(|operation| operation.body_type().as_deref() == Some(JSON)) {
        let path = path_of(operation);
        let send = |body: Vec<u8>| shop.send(Call::new(&operation.method, &path).token(&ada).body(JSON, body));
        let required = operation.value["requestBody"]["required"] == true;
        if required {
            is_listed(operation, "no body", &shop.send(Call::new(&operation.method, &path).token(&ada)).await);
            is_listed(operation, "an empty body", &send(vec![]).await);
            is_listed(operation, "an empty object", &send(b"{}".to_vec()).await);
        }
        let deep = "[".repeat(50_000);
        let deep_object = "{\"a\":".repeat(5_000) + "1" + &"}".repeat(5_000);
        let not_json: [&[u8]; 10] = [
            b"{",
            b"nonsense",
            b"{'a': 1}",
            b"{\"a\": 01}",
            b"\xff\xfe\x00{",
            b"{\"email\": \"\xff\"}",
            b"{\"email\": \"\\ud800\"}",
            b"{} {}",
            deep.as_bytes(),
            b"{\"a\":",
        ];
        for body in not_json {
            let answer = send(body.to_vec()).await;
            is_listed(operation, "no JSON", &answer);
            assert_eq!(answer.status, 400, "{} with {body:?}", operation.name());
        }
        for body in ["null", "[]", "1", "\"text\"", "true", "1e999", &deep_object] {
            is_listed(operation, body, &send(body.as_bytes().to_vec()).await);
        }
        let plain = shop.send(Call::new(&operation.method, &path).token(&ada).body("text/plain", "{}")).await;
        assert_eq!(plain.problem(), (415, "media_type_unsupported".to_owned()));
        is_listed(operation, "text/plain", &plain);
        let untyped = shop.send(Call::new(&operation.method, &path).token(&ada).body("", "{}")).await;
        assert_eq!(untyped.status, 415, "{}", operation.name());
        let large = shop.send(Call::new(&operation.method, &path).token(&ada).body(JSON, vec![b' '; 3 << 20])).await;
        assert_eq!(large.problem(), (413, "body_too_large".to_owned()));
        is_listed(operation, "a large body", &large);
    }
}

/// Every field of every body, made invalid in many ways, and unknown fields.
#[tokio::test]
async fn every_field_is_read_strictly() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    for operation in operations().iter().filter(|operation| operation.body_type().as_deref() == Some(JSON)) {
        let path = path_of(operation);
        let example = example(operation);
        let send = |body: String| shop.send(Call::new(&operation.method, &path).token(&ada).body(JSON, body));
        for smuggled in ["role", "price_minor", "paid", "status", "org_id", "sold", "id", "is_admin", "__proto__", ""] {
            let mut body = example.clone();
            body[smuggled] = json!(1);
            let answer = send(body.to_string()).await;
            assert_eq!(answer.wrong_fields(), [smuggled], "{}", operation.name());
        }
        for (name, good) in example.as_object().unwrap() {
            for bad in ["[[]]", "[null]", "{}", "true", "-9223372036854775809", "1e400", "1.5"] {
                let mut body = example.clone();
                body[name] = json!("@");
                let body = body.to_string().replace("\"@\"", bad);
                // An amount is read once the currency of its order is known, and this order is not.
                if name == "amount" && ["1.5", "1e400", "-9223372036854775809"].contains(&bad) {
                    continue;
                }
                if (name.contains("price") || name.ends_with("_off")) && bad == "1.5" {
                    continue;
                }
                let answer = send(body).await;
                is_listed(operation, &format!("{name}: {bad}"), &answer);
                assert!(answer.wrong_fields().iter().any(|field| field.starts_with(name.as_str())), "{name}: {bad}");
            }
            let twice = example.to_string().replacen('{', &format!("{{\"{name}\":{good},"), 1);
            assert_eq!(send(twice).await.wrong_fields(), [name.as_str()], "{}", operation.name());
            for odd in [
                json!(null),
                json!(""),
                json!("\0"),
                json!("x".repeat(100_000)),
                json!(-1),
                json!(i64::MAX),
                json!("\u{202e}\u{1f3ab}\r\n"),
            ] {
                let mut body = example.clone();
                body[name] = odd;
                let answer = send(body.to_string()).await;
                assert!(answer.status < 500, "{} with {body}: {answer:?}", operation.name());
                if answer.status >= 400 {
                    is_listed(operation, &format!("{name}: odd"), &answer);
                }
            }
        }
    }
    shop.is_sound().await;
}

#[tokio::test]
async fn every_parameter_is_read_strictly() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let odd = [
        "-1",
        "0",
        "abc",
        "99999999999999999999",
        "1.5",
        "%00",
        "%ff",
        "%F0%9F%8E%AB",
        "..%2f..",
        "'%20or%201=1",
        "null",
        "true",
    ];
    for operation in operations() {
        let parameters = operation.value["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in parameters {
            for value in odd {
                let name = parameter["name"].as_str().unwrap();
                let mut call = match parameter["in"].as_str().unwrap() {
                    "path" => Call::new(
                        &operation.method,
                        &path_of(&Operation {
                            path: operation.path.replace(&format!("{{{name}}}"), value),
                            method: operation.method.clone(),
                            value: Value::Null,
                        }),
                    ),
                    "query" => {
                        Call::new(&operation.method, &format!("{}?{name}={value}&{name}={value}", path_of(&operation)))
                    }
                    _ => Call::new(&operation.method, &path_of(&operation)).header(name, value),
                };
                call = match operation.body_type().as_deref() {
                    Some(JSON) => call.json(&example(&operation)),
                    Some(other) => call.body(other, "ticket_type,email\n"),
                    None => call,
                };
                let answer = shop.send(call.token(&ada)).await;
                assert!(answer.status < 500, "{} with {name}={value}: {answer:?}", operation.name());
                if answer.status >= 400 {
                    is_listed(&operation, &format!("{name}={value}"), &answer);
                }
            }
        }
    }
}

#[tokio::test]
async fn forms_are_read_strictly() {
    let shop = Shop::new().await;
    let token = operations().into_iter().find(|operation| operation.path == "/token").unwrap();
    let long = format!("username={}&password=x", "x".repeat(100_000));
    for body in [
        "",
        "&&&",
        "=",
        "username",
        "username=a",
        "username=a&username=b&password=c",
        "username=%ff&password=%ff",
        &long,
    ] {
        is_listed(&token, body, &shop.send(Call::new("post", "/token").body(FORM, body)).await);
    }
    is_listed(&token, "no body", &shop.send(Call::new("post", "/token")).await);
}

#[tokio::test]
async fn invalid_event_is_rejected_with_all_field_errors() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let wrong = async |body: Value| shop.post("/events/", &ada, body).await.wrong_fields();
    let good = json!({"title": "Gala", "event_date": "2026-12-31T20:00:00Z", "location": "Lagos", "price": "5000.00"});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    assert_eq!(wrong(json!({})).await, ["title", "location"]);
    assert_eq!(wrong(json!({"title": "Gala", "location": "Lagos"})).await, ["event_date", "price"]);
    assert_eq!(wrong(with("date", json!("2026-12-30"))).await, ["date"]);
    assert_eq!(wrong(with("ticket_price", json!(1))).await, ["ticket_price"]);
    assert_eq!(wrong(with("ticket_types", json!([{"name": "VIP", "price": 1}]))).await, ["price"]);
    assert_eq!(wrong(with("currency", json!("XXX"))).await, ["currency"]);
    assert_eq!(wrong(with("price", json!("5000.001"))).await, ["price"]);
    assert_eq!(wrong(with("end_date", json!("2026-12-31T19:00:00Z"))).await, ["end_date"]);
    assert_eq!(wrong(with("image_url", json!("javascript:alert(1)"))).await, ["image_url"]);
    assert_eq!(wrong(with("capacity", json!(0))).await, ["capacity"]);
    assert_eq!(wrong(with("category", json!("x".repeat(51)))).await, ["category"]);
    let unknown = shop.post("/events/", &ada, with("category_id", json!(4711))).await;
    assert_eq!(unknown.problem(), (422, "category_unknown".to_owned()));
    for raw in ["5000.001", "1e3", "-1", "0.001", "90071992547409.92"] {
        let body = good.to_string().replace("\"5000.00\"", raw);
        let answer = shop.send(Call::new("post", "/events/").token(&ada).body(JSON, body)).await;
        assert_eq!(answer.wrong_fields(), ["price"], "{raw}");
    }
    for (raw, price) in
        [("1999.99", "1999.99"), ("0.1", "0.10"), ("0", "0.00"), ("90071992547409.91", "90071992547409.91")]
    {
        let body = good.to_string().replace("\"5000.00\"", raw);
        let answer = shop.send(Call::new("post", "/events/").token(&ada).body(JSON, body)).await;
        assert_eq!((answer.status, answer.text("price").as_str()), (201, price));
    }
    let many = json!([{"name": "VIP", "price": "x"}, {"name": 5, "price": 1}]);
    let body = json!({"title": "Gala", "date": "2026-12-31", "location": "Lagos", "ticket_types": many});
    assert_eq!(wrong(body).await, ["ticket_types.1.name"], "parse errors are reported before validation errors");
    let many = json!([{"name": "VIP", "price": "x"}, {"name": "vip", "price": "1.234"}]);
    let body = json!({"title": "Gala", "date": "2026-12-31", "location": "Lagos", "ticket_types": many});
    assert_eq!(wrong(body).await, ["ticket_types.0.price", "ticket_types.1.price", "ticket_types"]);
    // What cannot be read does not keep the rest from being checked.
    let body = json!({"title": " ", "currency": "ZZZ", "status": "sold", "location": "Lagos", "capacity": 0, "category": "x".repeat(51),
        "end_date": "2026-12-31", "ticket_types": [{"name": "", "price": "1", "visibility": "hidden"}, {"name": "VIP", "price": "1"}]});
    let mut fields = wrong(body).await;
    fields.sort_unstable();
    let all = [
        "capacity",
        "category",
        "currency",
        "event_date",
        "status",
        "ticket_types.0.name",
        "ticket_types.0.visibility",
        "title",
    ];
    assert_eq!(fields, all);
}

#[tokio::test]
async fn orders_without_tickets_or_with_too_many_are_rejected() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let event = shop.event(&ada, "5000", None).await;
    let lines = async |lines: Value| {
        shop.post("/orders", &ada, json!({"event_id": event, "lines": lines})).await.wrong_fields()
    };
    assert_eq!(lines(json!([])).await, ["quantity"]);
    assert_eq!(lines(json!([{"quantity": 0}])).await[0], "quantity");
    assert_eq!(lines(json!([{"quantity": 101}])).await, ["quantity"]);
    assert_eq!(lines(json!([{"quantity": 60}, {"quantity": 60}])).await, ["quantity"]);
    assert_eq!(lines(json!([{"quantity": 4294967295_u32}, {"quantity": 4294967295_u32}])).await, ["quantity"]);
    assert_eq!(
        lines(json!([{"quantity": -1}, {"quantity": 4294967296_i64}])).await,
        ["lines.0.quantity", "lines.1.quantity"]
    );
    let promo = json!({"event_id": event, "promo_code": "HALF"});
    let unknown = shop.post("/payments/initialize", &ada, promo).await;
    assert_eq!(unknown.problem(), (400, "code_unknown".to_owned()));
    let email = json!({"event_id": event, "email": "nobody"});
    assert_eq!(shop.post("/payments/initialize", &ada, email).await.wrong_fields(), ["email"]);
    for quantity in [0, 101] {
        let body = json!({"event_id": event, "quantity": quantity});
        assert_eq!(shop.post("/payments/initialize", &ada, body).await.wrong_fields()[0], "quantity");
    }
    let dear = shop.event(&ada, "90071992547409.91", None).await;
    let answer = shop.post("/payments/initialize", &ada, json!({"event_id": dear, "quantity": 2})).await;
    assert_eq!(answer.problem(), (422, "total_too_large".to_owned()));
    assert_eq!(shop.gateway.calls(), Default::default());
}

#[tokio::test]
async fn a_field_error_reads_the_same_alone_and_in_company() {
    let shop = Shop::new().await;
    let good = json!({"email": "ada@example.com", "name": "Ada", "password": "correct horse battery"});
    let bad = [
        ("name", json!(" "), "must be 1–200 characters (got 0)"),
        ("phone", json!("0".repeat(31)), "must be at most 30 characters (got 31)"),
        ("email", json!("nonsense"), "must be an e-mail address such as ada@example.com"),
        ("password", json!("short"), "must be at least 8 characters (got 5)"),
    ];
    let errors = async |body: Value| shop.post("/auth/register", "", body).await.json()["errors"].clone();
    let mut all = good.clone();
    for (field, value, message) in &bad {
        let mut alone = good.clone();
        alone[field] = value.clone();
        all[field] = value.clone();
        assert_eq!(errors(alone).await, json!([{"field": field, "message": message}]));
    }
    let together = errors(all).await;
    for (field, _, message) in &bad {
        let error = json!({"field": field, "message": message});
        assert!(together.as_array().unwrap().contains(&error), "{error} is not in {together}");
    }
}
