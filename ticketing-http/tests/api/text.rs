//! Names of every length and script, and text that looks the same.

use crate::shop::{Answer, PASSWORD, Shop};
use serde_json::{Value, json};

async fn register(shop: &Shop, fields: &Value) -> Answer {
    let mut body = json!({"email": "ada@example.com", "name": "Ada", "password": PASSWORD});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    shop.post("/auth/register", "", body).await
}

async fn event(shop: &Shop, token: &str, fields: &Value) -> Answer {
    let mut body = json!({"title": "Gala", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": "5000"});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    if body["ticket_types"].is_array() {
        body.as_object_mut().unwrap().remove("price");
    }
    shop.post("/events/", token, body).await
}

/// Longer than most, and real.
const LONG_NAME: &str = "Pedro de Alcântara Francisco António João Carlos Xavier de Paula Miguel Rafael Joaquim José Gonzaga \
                         Pascoal Cipriano Serafim de Bragança e Bourbon";
const LONG_TITLE: &str = "The Persecution and Assassination of Jean-Paul Marat as Performed by the Inmates of the Asylum of \
                          Charenton Under the Direction of the Marquis de Sade";
const LONG_PLACE: &str = "Krung Thep Mahanakhon Amon Rattanakosin Mahinthara Yuthaya Mahadilok Phop Noppharat Ratchathani \
                          Burirom Udomratchaniwet Mahasathan Amon Piman Awatan Sathit Sakkathattiya Witsanukam Prasit";

#[tokio::test]
async fn names_titles_and_addresses_that_people_have_are_accepted() {
    let shop = Shop::new().await;
    for (number, name) in ["李", "O", "Ø", "Ọ", "หนึ่ง", "हिन्दी", "O'Neil-Łukasz", LONG_NAME].into_iter().enumerate()
    {
        let answer = register(&shop, &json!({"email": format!("n{number}@example.com"), "name": name})).await;
        assert_eq!((answer.status, answer.text("name").as_str()), (201, name));
    }
    for (number, username) in ["x", "李", "หนึ่ง", "हिन्दी"].into_iter().enumerate() {
        let body = json!({"email": format!("u{number}@example.com"), "username": username, "password": PASSWORD});
        let answer = shop.post("/users/", "", body).await;
        assert_eq!((answer.status, answer.text("username").as_str()), (201, username));
    }
    let ada = shop.somebody("ada").await;
    for title in ["M", "Up", "π", "李", "1", LONG_TITLE] {
        let answer = event(&shop, &ada, &json!({"title": title, "location": LONG_PLACE, "category": "舞"})).await;
        assert_eq!((answer.status, answer.text("title").as_str()), (201, title));
    }
    let address = "Eko Hotel\nPlot 1415 Adetokunbo Ademola Street\r\nVictoria Island\nLagos";
    let types = json!([{"name": "A", "price": "1"}, {"name": "李", "price": "1"}]);
    let answer = event(&shop, &ada, &json!({"location": "Ø", "address": address, "ticket_types": types})).await;
    assert_eq!((answer.status, answer.text("address").as_str()), (201, address));
}

#[tokio::test]
async fn a_name_that_cannot_be_seen_is_rejected() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    for blank in ["", " ", "\u{a0}\u{3000}", "\u{200b}", "\u{2060}\u{feff}", "\u{3164}", "\u{301}", "\u{202e}"] {
        let answer = register(&shop, &json!({"email": "new@example.com", "name": blank})).await;
        assert_eq!(answer.wrong_fields(), ["name"], "{blank:?}");
        assert_eq!(answer.json()["errors"][0]["message"], "must be 1–200 characters (got 0)");
        let body = json!({"email": "new@example.com", "username": blank, "password": PASSWORD});
        let wrong = shop.post("/users/", "", body).await.wrong_fields();
        assert!(wrong.iter().any(|field| field == "username"), "{blank:?}: {wrong:?}");
        assert_eq!(event(&shop, &ada, &json!({"title": blank})).await.wrong_fields(), ["title"], "{blank:?}");
        assert_eq!(event(&shop, &ada, &json!({"location": blank})).await.wrong_fields(), ["location"], "{blank:?}");
        let types = json!([{"name": blank, "price": "1"}]);
        let answer = event(&shop, &ada, &json!({"ticket_types": types})).await;
        assert_eq!(answer.wrong_fields(), ["ticket_types.0.name"], "{blank:?}");
        assert_eq!(shop.post("/categories/", &ada, json!({"name": blank})).await.wrong_fields(), ["name"], "{blank:?}");
    }
    for (field, most) in [("title", 200), ("location", 200), ("address", 500)] {
        let long = json!({field: "x".repeat(most + 1)});
        assert_eq!(event(&shop, &ada, &long).await.wrong_fields(), [field]);
        assert_eq!(event(&shop, &ada, &json!({field: "x".repeat(most)})).await.status, 201);
    }
    assert_eq!(event(&shop, &ada, &json!({"title": "two\nlines"})).await.wrong_fields(), ["title"]);
    assert_eq!(event(&shop, &ada, &json!({"address": "a\0b"})).await.wrong_fields(), ["address"]);
}

#[tokio::test]
async fn one_mailbox_has_one_account_and_is_logged_in_by_every_spelling() {
    let shop = Shop::new().await;
    let spellings = [
        ["twin@example.com", "twin@ｅxample.com", "twin@example。com"],
        ["Zoe@exämple.de", "zoe@xn--exmple-cua.de", "zoe@EXA\u{308}MPLE.de"],
        ["zoë@example.com", "zoe\u{308}@example.com", "ZOË@EXAMPLE.com"],
    ];
    for [first, others @ ..] in spellings {
        let made = register(&shop, &json!({"email": first})).await;
        assert_eq!((made.status, made.text("email").as_str()), (201, first));
        for other in others {
            let again = register(&shop, &json!({"email": other})).await;
            assert_eq!(again.problem(), (400, "email_taken".to_owned()), "{other}");
            let login = shop.post("/auth/login", "", json!({"email": other, "password": PASSWORD})).await;
            assert_eq!(login.json()["user"]["id"], made.json()["id"], "{other}");
        }
    }
}

#[tokio::test]
async fn all_spellings_of_a_name_share_the_count_of_failed_logins() {
    let shop = Shop::new().await;
    register(&shop, &json!({"email": "zoë@exämple.de"})).await;
    let spellings = [
        "zoë@exämple.de",
        "zoe\u{308}@exämple.de",
        "zoë@xn--exmple-cua.de",
        "ZOË@EXÄMPLE.DE",
        " zoë@exa\u{308}mple.de",
    ];
    for spelling in spellings {
        let answer = shop.post("/auth/login", "", json!({"email": spelling, "password": "wrong"})).await;
        assert_eq!(answer.status, 401, "{spelling}");
    }
    let answer = shop.post("/auth/login", "", json!({"email": "Zoë@exämple.de", "password": PASSWORD})).await;
    assert_eq!(answer.problem(), (429, "too_many_logins".to_owned()));
}

#[tokio::test]
async fn a_password_fits_however_its_letters_were_typed() {
    let shop = Shop::new().await;
    register(&shop, &json!({"password": "mot de passé"})).await;
    for typed in ["mot de passé", "mot de passe\u{301}", "mot\u{a0}de\u{3000}passe\u{301}"] {
        let answer = shop.post("/auth/login", "", json!({"email": "ada@example.com", "password": typed})).await;
        assert_eq!(answer.status, 200, "{typed:?}");
    }
}

#[tokio::test]
async fn search_and_categories_find_text_in_every_spelling() {
    let shop = Shop::new().await;
    let ada = shop.somebody("ada").await;
    let one = event(&shop, &ada, &json!({"title": "Cafe\u{301} Nero", "category": "The\u{301}âtre"})).await;
    assert_eq!((one.text("title").as_str(), one.text("category").as_str()), ("Café Nero", "Théâtre"));
    let two = event(&shop, &ada, &json!({"title": "Soirée", "location": "CAFÉ Noir", "category": "THÉÂTRE"})).await;
    assert_eq!(one.json()["category_id"], two.json()["category_id"]);
    for list in
        ["q=caf%C3%A9", "q=cafe%CC%81", "q=CAF%C3%89", "category=th%C3%A9%C3%A2tre", "category=the%CC%81a%CC%82tre"]
    {
        let found = shop.get(&format!("/events/?{list}"), "").await.json();
        assert_eq!(found.as_array().unwrap().len(), 2, "{list}");
    }
    assert_eq!(shop.get("/events/?q=cafe", "").await.json(), json!([]));
    let again = shop.post("/categories/", &ada, json!({"name": "the\u{301}a\u{302}tre"})).await;
    assert_eq!(again.problem(), (400, "category_taken".to_owned()));
    let types = json!([{"name": "Étage", "price": "1"}, {"name": "E\u{301}tage", "price": "2"}]);
    assert_eq!(event(&shop, &ada, &json!({"ticket_types": types})).await.wrong_fields(), ["ticket_types"]);
}
