//! What the mails say, word for word, and that other people's text in them stays text.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use ticketing_core::domain::code::{Seed, TicketCode};
use ticketing_core::domain::event::{Event, EventStatus, Stock};
use ticketing_core::domain::id::{EventId, OrderId, RefundId, TicketId, TicketTypeId};
use ticketing_core::domain::money::{Currency, Money};
use ticketing_core::domain::notice::{Notice, NoticeStatus};
use ticketing_core::domain::order::{Order, OrderStatus};
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::domain::proof::{Proof, ProofPurpose};
use ticketing_core::domain::refund::{Refund, RefundReason, RefundStatus};
use ticketing_core::domain::ticket::{Ticket, TicketStatus};
use ticketing_core::mailer::Mail;
use ticketing_core::mailer::render::{
    CodeMail, EventCancelledMail, EventChangedMail, FactorMail, FactorNews, PasswordChangedMail, ProofMail, RefundMail,
    Renderer, TicketsMail,
};

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn naira(major: i64) -> Money {
    Money::new(major * 100, Currency::NGN).unwrap()
}

/// Rows are made by the engine; from outside they are read, as a storage reads them.
fn row<T: serde::de::DeserializeOwned>(columns: Value) -> T {
    serde_json::from_value(columns).unwrap()
}

fn event() -> Event {
    let id = EventId(7);
    let ticket_type = |n: i64, name: &str, price: Money| {
        json!({
            "id": TicketTypeId(n), "event_id": id, "name": name, "price": price, "stock": Stock::of_capacity(None),
        })
    };
    row(json!({
        "id": id,
        "organizer": Principal::from("box"),
        "title": "Jazz at Freedom Park & Friends",
        "starts_at": "2026-12-05T18:30:00Z",
        "location": "Freedom Park, Lagos",
        "address": "Old Prison Ground, Broad St",
        "currency": Currency::NGN,
        "stock": Stock::of_capacity(Some(200)),
        "status": EventStatus::Active,
        "ticket_types": [ticket_type(1, "Regular", naira(5000)), ticket_type(2, "VIP <table>", naira(20_000))],
        "created_at": now(),
        "updated_at": now(),
    }))
}

fn order(tickets: u32) -> Order {
    let unit_price = naira(5000);
    row(json!({
        "id": OrderId(41),
        "reference": "7gq4mk2zr8c0p5v1x3yd6sj9tw",
        "event_id": EventId(7),
        "buyer": Buyer::new("ada", "ada@example.com".parse().unwrap()),
        "lines": [{ "ticket_type_id": TicketTypeId(1), "quantity": tickets, "unit_price": unit_price }],
        "total": unit_price.checked_mul(tickets).unwrap(),
        "status": OrderStatus::Paid,
        "hold_extended": false,
        "created_at": now(),
        "updated_at": now(),
    }))
}

fn tickets(count: u32) -> Vec<Ticket> {
    let ticket = |n: u32| {
        row(json!({
            "id": TicketId(i64::from(n)),
            "code": TicketCode::derive(&Seed([3; 32]), n),
            "order_id": OrderId(41),
            "line": 0,
            "ordinal": n,
            "event_id": EventId(7),
            "ticket_type_id": TicketTypeId(if n == 1 { 2 } else { 1 }),
            "holder": Principal::from("ada"),
            "price": naira(5000),
            "status": TicketStatus::Active,
            "issued_at": now(),
            "updated_at": now(),
        }))
    };
    (0..count).map(ticket).collect()
}

fn refund(reason: RefundReason) -> Refund {
    row(json!({
        "id": RefundId(5),
        "key": "refund-1.a",
        "order_id": OrderId(41),
        "attempt": "attempt-1",
        "amount": naira(10_000),
        "reason": reason,
        "note": "buyer was rude",
        "tickets": [TicketId(0), TicketId(1)],
        "status": RefundStatus::Due,
        "tries": 0,
        "created_at": now(),
        "updated_at": now(),
    }))
}

fn renderer() -> Renderer {
    Renderer::new("tickets.example.com").unwrap()
}

fn tickets_mail(event: &Event, tickets: &[Ticket]) -> Mail {
    let order = order(u32::try_from(tickets.len()).unwrap());
    let public_url = Some("https://tickets.example.com/orders/7gq4mk2zr8c0p5v1x3yd6sj9tw");
    renderer().tickets_mail(&TicketsMail::new(&order, event, tickets).with_public_url(public_url)).unwrap()
}

/// Compares with `tests/suite/snapshots/<name>`; with `UPDATE_SNAPSHOTS` set, writes it.
fn assert_snapshot(name: &str, found: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/snapshots").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    assert_eq!(found, wanted, "{name} differs; UPDATE_SNAPSHOTS=1 cargo test takes the new text");
}

#[cfg(feature = "qr")]
#[test]
fn the_tickets_mail_is_worded_like_this() {
    let mail = tickets_mail(&event(), &tickets(2));
    assert_eq!(mail.message_id, "tickets.7gq4mk2zr8c0p5v1x3yd6sj9tw@tickets.example.com");
    assert_eq!(mail.subject, "Your tickets: Jazz at Freedom Park & Friends");
    assert_eq!(mail.to.as_str(), "ada@example.com");
    assert_snapshot("tickets.txt", &mail.text);
    assert_snapshot("tickets.html", &mail.html);
}

#[test]
fn the_refund_mail_is_worded_like_this() {
    let (order, event, refund) = (order(2), event(), refund(RefundReason::Requested));
    let mail = renderer().refund_mail(&RefundMail::new(&order, &event, &refund)).unwrap();
    assert_eq!(mail.message_id, "refund.refund-1_a@tickets.example.com");
    assert_eq!(mail.subject, "Refund of NGN 10000.00: Jazz at Freedom Park & Friends");
    assert_snapshot("refund.txt", &mail.text);
    assert_snapshot("refund.html", &mail.html);
}

#[test]
fn the_event_cancelled_mail_is_worded_like_this() {
    let (order, event) = (order(2), event());
    let mail = renderer().event_cancelled_mail(&EventCancelledMail::new(&order, &event)).unwrap();
    assert_eq!(mail.message_id, "event-cancelled.7gq4mk2zr8c0p5v1x3yd6sj9tw@tickets.example.com");
    assert_eq!(mail.subject, "Cancelled: Jazz at Freedom Park & Friends");
    assert_snapshot("event_cancelled.txt", &mail.text);
    assert_snapshot("event_cancelled.html", &mail.html);
}

fn proof(purpose: ProofPurpose) -> Proof {
    row(json!({
        "id": 9,
        "purpose": purpose,
        "account_id": 4,
        "address": "ada@example.com",
        "nth": 1,
        "was_verified": false,
        "used_at": null,
        "expires_at": "2026-11-27T10:00:00Z",
        "created_at": now(),
    }))
}

#[test]
fn the_mails_with_proofs_are_worded_like_this() {
    let token = "tkp_9_7GQ4MK2ZR8C0P5V1X3YD6SJ9TW";
    for purpose in ProofPurpose::ALL.iter().filter(|purpose| **purpose != ProofPurpose::Code) {
        let proof = proof(*purpose);
        let mail = ProofMail::new(&proof, token).with_page("https://tickets.example.com/account/proof");
        assert!(!format!("{mail:?}").contains(token));
        let mail = renderer().proof_mail(&mail).unwrap();
        assert_eq!((mail.message_id.as_str(), mail.to.as_str()), ("proof.9@tickets.example.com", "ada@example.com"));
        assert_snapshot(&format!("proof_{}.txt", purpose.name()), &mail.text);
        assert_snapshot(&format!("proof_{}.html", purpose.name()), &mail.html);
    }
    // Without a page, and with one that is no link.
    for page in [None, Some("javascript:alert(1)")] {
        let proof = proof(ProofPurpose::VerifyEmail);
        let mail = renderer().proof_mail(&ProofMail::new(&proof, token).with_page(page)).unwrap();
        assert_snapshot("proof_as_text.txt", &mail.text);
        assert_snapshot("proof_as_text.html", &mail.html);
    }
}

#[test]
fn the_mail_with_a_code_is_worded_like_this() {
    let proof = proof(ProofPurpose::Code);
    let mail = CodeMail::new(&proof, "070123".parse().unwrap());
    assert!(!format!("{mail:?}").contains("070123"));
    let mail = renderer().code_mail(&mail).unwrap();
    assert_eq!((mail.message_id.as_str(), mail.subject.as_str()), ("code.9@tickets.example.com", "Your code"));
    assert_snapshot("code.txt", &mail.text);
    assert_snapshot("code.html", &mail.html);
}

#[test]
fn the_mails_about_second_factors_are_worded_like_this() {
    let to = "ada@example.com".parse().unwrap();
    let all = [
        (FactorNews::Added, "second_factor_added"),
        (FactorNews::Removed, "second_factor_removed"),
        (FactorNews::RecoveryCodeUsed, "recovery_code_used"),
    ];
    for (news, name) in all {
        let mail = renderer().factor_mail(&FactorMail::new(4.into(), news, 2, &to, now())).unwrap();
        assert_eq!(mail.message_id, "second-factor.4-2@tickets.example.com");
        assert_snapshot(&format!("{name}.txt"), &mail.text);
        assert_snapshot(&format!("{name}.html"), &mail.html);
    }
}

#[test]
fn the_password_changed_mail_is_worded_like_this() {
    let to = "ada@example.com".parse().unwrap();
    let mail = renderer().password_changed_mail(&PasswordChangedMail::new(4.into(), 2, &to, now())).unwrap();
    assert_eq!(mail.message_id, "password-changed.4-2@tickets.example.com");
    assert_eq!(mail.subject, "Your password was changed");
    assert_snapshot("password_changed.txt", &mail.text);
    assert_snapshot("password_changed.html", &mail.html);
}

fn notice(more: Value) -> Notice {
    let mut columns = json!({
        "id": 3,
        "event_id": EventId(7),
        "version": 2,
        "before": {
            "starts_at": "2026-12-04T18:30:00Z", "ends_at": null, "time_zone": "UTC",
            "location": "Freedom Park & Garden, Lagos", "address": null,
        },
        "refund_until": "2026-11-23T10:00:00Z",
        "first_at": now(),
        "changed_at": now(),
        "is_undone": false,
        "due_at": now(),
        "last_order_id": null,
        "status": NoticeStatus::Waiting,
        "updated_at": now(),
    });
    columns.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row(columns)
}

#[test]
fn the_event_changed_mail_is_worded_like_this() {
    let (order, mut event, notice) = (order(2), event(), notice(json!({})));
    event.time_zone = "Africa/Lagos".parse().unwrap();
    event.ends_at = Some("2026-12-05T21:30:00Z".parse().unwrap());
    let public_url = Some("https://tickets.example.com/orders/7gq4mk2zr8c0p5v1x3yd6sj9tw");
    let mail = EventChangedMail::new(&order, &event, &notice).with_public_url(public_url);
    let mail = renderer().event_changed_mail(&mail).unwrap();
    assert_eq!(mail.message_id, "event-changed-v2.7gq4mk2zr8c0p5v1x3yd6sj9tw@tickets.example.com");
    assert_eq!(mail.subject, "Changed: Jazz at Freedom Park & Friends");
    assert_snapshot("event_changed.txt", &mail.text);
    assert_snapshot("event_changed.html", &mail.html);
}

#[test]
fn a_mail_about_a_change_says_what_its_buyer_can_use() {
    let (mut order, event) = (order(1), event());
    let text = |order: &Order, notice: &Notice| {
        let mail = renderer().event_changed_mail(&EventChangedMail::new(order, &event, notice)).unwrap();
        assert_eq!(mail.text.contains("Before: "), mail.html.contains("Before: "), "{}", mail.html);
        mail.text
    };
    let never = text(&order, &notice(json!({"refund_until": null})));
    assert!(never.contains("Before: ") && !never.contains("return tickets"), "{never}");
    // Only what has changed is told.
    let before = json!({
        "starts_at": event.starts_at, "ends_at": null, "time_zone": "UTC", "location": event.location, "address": null,
    });
    let place = text(&order, &notice(json!({"before": before})));
    assert!(place.contains("Place: Freedom Park, Lagos, Old") && !place.contains("Start: "), "{place}");
    // Who ordered between two changes knows nothing of the first date.
    order.created_at = "2026-11-20T10:00:01Z".parse().unwrap();
    let between = text(&order, &notice(json!({})));
    assert!(!between.contains("Before: ") && between.contains("return tickets"), "{between}");
}

#[test]
fn every_refund_mail_gives_the_reason_and_hides_the_note() {
    for (reason, words) in [
        (RefundReason::Late, "the places had gone to others"),
        (RefundReason::Duplicate, "second payment"),
        (RefundReason::EventCancelled, "cancelled by its organiser"),
        (RefundReason::EventChanged, "have returned tickets"),
        (RefundReason::Requested, "has asked us"),
        (RefundReason::Review, "looked into your payment"),
    ] {
        let (order, event, refund) = (order(2), event(), refund(reason));
        let mail = renderer().refund_mail(&RefundMail::new(&order, &event, &refund)).unwrap();
        for body in [&mail.text, &mail.html] {
            assert!(body.contains(words) && body.contains("NGN 10000.00") && body.contains("on its way"), "{body}");
            assert!(!body.contains("rude"), "{body}");
        }
    }
}

#[test]
fn times_are_those_of_the_event_with_their_offset() {
    let (order, mut event) = (order(1), event());
    let text = |event: &Event| renderer().event_cancelled_mail(&EventCancelledMail::new(&order, event)).unwrap();
    let utc = text(&event);
    assert!(utc.text.contains("When: Saturday, 5 December 2026, 18:30 (UTC+00:00)"), "{}", utc.text);
    event.time_zone = "Africa/Lagos".parse().unwrap();
    let lagos = text(&event);
    assert!(lagos.text.contains("19:30 (UTC+01:00)") && lagos.html.contains("19:30 (UTC+01:00)"), "{}", lagos.text);
    // In summer the clocks of Berlin are two hours ahead, in winter one.
    event.time_zone = "Europe/Berlin".parse().unwrap();
    assert!(text(&event).text.contains("19:30 (UTC+01:00)"));
    event.starts_at = "2027-07-01T18:30:00Z".parse().unwrap();
    assert!(text(&event).text.contains("When: Thursday, 1 July 2027, 20:30 (UTC+02:00)"));
}

#[cfg(feature = "qr")]
#[test]
fn each_ticket_brings_its_image_twice() {
    let tickets = tickets(3);
    let mail = tickets_mail(&event(), &tickets);
    assert_eq!(mail.attachments.len(), 6);
    for (n, ticket) in tickets.iter().enumerate() {
        let images: Vec<_> =
            mail.attachments.iter().filter(|image| image.file_name == format!("ticket-{}.png", n + 1)).collect();
        assert_eq!(images.len(), 2);
        assert!(images.iter().all(|image| image.content == ticketing_core::qr::png(&ticket.code)));
        let content_id = images[0].content_id.as_ref().unwrap();
        assert!(
            images[1].content_id.is_none() && mail.html.contains(&format!("src=\"cid:{content_id}\"")),
            "{content_id}"
        );
        assert!(mail.text.contains(&ticket.code.grouped()) && mail.html.contains(&ticket.code.grouped()));
    }
}

#[test]
fn void_tickets_are_left_out() {
    let mut tickets = tickets(3);
    tickets[0].status = TicketStatus::Refunded;
    tickets[1].status = TicketStatus::Used;
    let mail = tickets_mail(&event(), &tickets);
    assert!(!mail.text.contains(&tickets[0].code.grouped()) && mail.text.contains(&tickets[1].code.grouped()));
    assert!(mail.text.contains("Ticket 1 of 2: VIP <table>"), "{}", mail.text);
    tickets.truncate(1);
    let mail = tickets_mail(&event(), &tickets);
    assert!(mail.text.contains("No ticket of this order is valid any more.") && mail.attachments.is_empty());
}

#[cfg(feature = "qr")]
#[test]
fn a_mail_with_many_tickets_stays_small() {
    let size = |count| {
        let mail = tickets_mail(&event(), &tickets(count));
        let images: usize = mail.attachments.iter().map(|image| image.content.len() * 4 / 3 + 300).sum();
        (mail.text.len() + mail.html.len() + images, mail.html.len())
    };
    assert!(size(10).0 < 40_000, "{:?}", size(10));
    // From 102 kB on, Gmail cuts the HTML of a mail off.
    assert!(size(100).0 < 350_000 && size(100).1 < 102_000, "{:?}", size(100));
}

#[test]
fn only_a_web_address_becomes_a_link() {
    let (order, event, tickets) = (order(1), event(), tickets(1));
    let html = |url| {
        let mail = TicketsMail::new(&order, &event, &tickets).with_public_url(url);
        renderer().tickets_mail(&mail).unwrap().html
    };
    assert!(html(Some("https://x.example/a?b=1&c=2")).contains("b=1&amp;c=2\""));
    assert!(!html(Some("javascript:alert(1)")).contains("href") && !html(None).contains("href"));
}

#[test]
fn free_tickets_cost_nothing() {
    let mut order = order(1);
    order.total = naira(0);
    let event = event();
    let mail = renderer().event_cancelled_mail(&EventCancelledMail::new(&order, &event)).unwrap();
    assert!(
        mail.text.contains("Paid: nothing, it is free") && mail.text.contains("nothing to pay back"),
        "{}",
        mail.text
    );
}

/// CVE-2026-2415 in pretix: placeholders in an organiser's text were expanded.
#[test]
fn what_looks_like_a_template_stays_as_it_was_typed() {
    let probes = ["{{ 7*7 }}", "{% for x in range(9) %}a{% endfor %}", "{{ event.__class__.__init__ }}", "{# c #}"];
    for probe in probes {
        let mut event = event();
        event.title = probe.to_owned();
        event.location = probe.to_owned();
        event.ticket_types[0].name = probe.to_owned();
        let mail = tickets_mail(&event, &tickets(1));
        assert_eq!(mail.subject, format!("Your ticket: {probe}"));
        assert_eq!((mail.text.matches(probe).count(), mail.html.matches(probe).count()), (3, 4), "{}", mail.html);
    }
}

#[test]
fn an_invalid_mail_domain_is_rejected() {
    for bad in ["", "a b", "x@y", "a..b", ".", "a\r\nb", "exämple.de"] {
        assert!(Renderer::new(bad).is_err(), "{bad:?}");
    }
    assert!(Renderer::new("localhost").is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    /// OWASP ASVS 5.0, 1.2.1: nobody's text opens a tag, leaves an attribute or breaks a line.
    #[test]
    fn user_text_in_mails_is_escaped(text in "(\\PC|[<>&\"'/\r\n\0\u{2028}{}%]){1,40}") {
        let plain = tickets_mail(&event(), &tickets(1));
        let mut event = event();
        event.title = text.clone();
        event.location = text.clone();
        event.address = Some(text.clone());
        event.ticket_types[0].name = text;
        let mail = tickets_mail(&event, &tickets(1));
        let marks = |body: &str| ["<", ">", "\"", "\n"].map(|mark| body.matches(mark).count());
        prop_assert_eq!(marks(&mail.html), marks(&plain.html));
        prop_assert_eq!(mail.text.lines().count(), plain.text.lines().count());
        let broken = mail.subject.contains(|c: char| c.is_control() || c == '\u{2028}');
        prop_assert!(!broken);
    }
}
