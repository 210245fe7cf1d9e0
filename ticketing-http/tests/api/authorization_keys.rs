//! What API keys may do: every operation of the document, for keys of every kind. An operation without a row fails the test.

use crate::authorization::World;
use crate::authorization_table::{
    BY_CODE, FOR_ORGANISATION, KEY_FOR_ORGANISATION, KEYS_OF_ORGANISATION, MINE, MOVED, differences, is_another_way,
};
use crate::document::operations;
use crate::shop::PASSWORD;
use serde_json::{Value, json};

/// The keys, in the order of the columns:
/// - full: every permission for all events of the organisation
/// - view to manage: this permission alone
/// - others: the permissions of which no operation asks so far
/// - another_event: every permission for another event of the organisation
/// - elsewhere: every permission for another organisation
/// - orphan: every permission that a manager has, who is no member any more
/// - revoked, expired, and disabled: of a maker whose account was disabled
const KEYS: [&str; 14] = [
    "full",
    "view",
    "edit",
    "orders",
    "door",
    "manage",
    "attendees",
    "others",
    "another_event",
    "elsewhere",
    "orphan",
    "revoked",
    "expired",
    "disabled",
];

const ONE_EACH: [&[&str]; 7] = [&["view"], &["edit"], &["orders"], &["door"], &["manage"], &["attendees"], &["money"]];

/// What an operation asks of a key.
enum Asks {
    /// It reads no token.
    Nothing(u16),
    /// A person who is logged in.
    Person,
    /// Any key.
    Key(u16),
    /// A permission for the event: the statuses of those who have it and of those who lack it.
    For(&'static str, u16, u16),
    /// A permission for all events of the organisation that the key is for.
    Organiser(&'static str, u16),
    /// The same, of the organisation of the world.
    Organisation(&'static str, u16),
}
use Asks::{For, Key, Nothing, Organisation, Organiser, Person};

#[rustfmt::skip]
const TABLE: &[(&str, Asks)] = &[
    ("get /",                                               Nothing(200)),
    ("get /health",                                         Nothing(200)),
    ("get /ready",                                          Nothing(200)),
    ("post /auth/register",                                 Nothing(201)),
    ("post /auth/login",                                    Nothing(200)),
    ("post /auth/logout",                                   Person),
    ("get /auth/me",                                        Person),
    ("post /auth/verify-email",                             Nothing(204)),
    ("post /auth/send-verification",                        Person),
    ("post /auth/send-code",                                Person),
    ("post /auth/forgot-password",                          Nothing(202)),
    ("post /auth/reset-password",                           Nothing(204)),
    ("post /auth/change-password",                          Person),
    ("post /auth/change-email",                             Person),
    ("post /auth/confirm-email",                            Nothing(204)),
    ("post /auth/undo-email-change",                        Nothing(204)),
    ("post /auth/second-factor",                            Nothing(200)),
    ("get /auth/totp",                                      Person),
    ("post /auth/totp",                                     Person),
    ("post /auth/totp/confirm",                             Person),
    ("post /auth/totp/recovery-codes",                      Person),
    ("post /auth/totp/remove",                              Person),
    ("get /auth/sessions",                                  Person),
    ("get /auth/export",                                    Person),
    ("get /auth/erasure",                                   Person),
    ("post /auth/erasure",                                  Person),
    ("delete /auth/erasure",                                Person),
    ("post /auth/sessions/end-others",                      Person),
    ("delete /auth/sessions/{session_id}",                  Person),
    ("post /users",                                         Nothing(201)),
    ("get /users/me",                                       Person),
    ("post /token",                                         Nothing(200)),
    ("get /categories",                                     Nothing(200)),
    ("post /categories",                                    Person),
    ("get /events",                                         Nothing(200)),
    ("post /events",                                        Organiser("edit", 201)),
    ("get /events/{event_id}",                              Nothing(200)),
    ("post /events/{event_id}/cancel",                      For("manage", 200, 403)),
    ("get /events/{event_id}/settings",                     For("view", 200, 403)),
    ("patch /events/{event_id}/settings",                   For("edit", 200, 403)),
    ("get /events/{event_id}/audit",                        For("edit", 200, 403)),
    ("get /events/{event_id}/attendees",                    For("attendees", 200, 403)),
    ("get /events/{event_id}/orders",                       For("orders", 200, 403)),
    ("post /events/{event_id}/orders",                      For("orders", 201, 403)),
    ("get /events/{event_id}/exports/{kind}",               For("attendees", 200, 403)),
    ("get /events/{event_id}/terms",                        Nothing(200)),
    ("get /events/{event_id}/messages",                     For("attendees", 200, 403)),
    ("post /events/{event_id}/messages",                    For("attendees", 201, 403)),
    ("get /events/{event_id}/messages/recipients",          For("attendees", 200, 403)),
    ("post /events/{event_id}/messages/{message_id}/stop",  For("attendees", 200, 403)),
    ("post /events/{event_id}/imports",                     For("orders", 200, 403)),
    ("get /orders/{reference}/details",                     For("orders", 200, 404)),
    ("patch /orders/{reference}/details",                   For("orders", 200, 404)),
    ("get /orders/{reference}/returns",                     Person),
    ("get /tickets/{ticket}/transfers",                     Person),
    ("post /tickets/{ticket}/transfers",                    Person),
    ("delete /tickets/{ticket}/transfers",                  Person),
    ("post /tickets/{ticket}/swap",                         For("orders", 200, 404)),
    ("get /transfers/{key}",                                Nothing(200)),
    ("post /transfers/{key}/take",                          Person),
    ("get /attendees/{ticket_id}",                          For("attendees", 200, 404)),
    ("patch /attendees/{ticket_id}",                        For("attendees", 200, 404)),
    ("post /orders/{reference}/record-payment",             For("orders", 200, 404)),
    ("post /orders/{reference}/resend",                     For("orders", 200, 404)),
    ("post /payments/{reference}/refunds/{refund_id}/record",For("orders", 200, 404)),
    ("get /events/{event_id}/codes",                        For("edit", 200, 403)),
    ("post /events/{event_id}/codes",                       For("edit", 201, 403)),
    ("post /events/{event_id}/quote",                       Person),
    ("get /codes/{code_id}",                                For("edit", 200, 404)),
    ("patch /codes/{code_id}",                              For("edit", 200, 404)),
    ("post /events/{event_id}/copies",                      For("edit", 201, 403)),
    ("post /events/{event_id}/publish",                     For("edit", 200, 403)),
    ("post /events/{event_id}/unpublish",                   For("edit", 200, 403)),
    ("post /events/{event_id}/pause",                       For("edit", 200, 403)),
    ("post /events/{event_id}/resume",                      For("edit", 200, 403)),
    ("post /orders",                                        Person),
    ("get /orders",                                         Person),
    ("get /orders/{reference}",                             Person),
    ("delete /orders/{reference}",                          Person),
    ("post /orders/claim",                                  Person),
    ("put /orders/{reference}/buyer",                       Person),
    ("post /orders/{reference}/pay",                        Person),
    ("post /orders/{reference}/returns",                    Person),
    ("post /payments/initialize",                           Person),
    ("post /payments/pay",                                  Person),
    ("get /payments/verify/{reference}",                    Person),
    ("post /payments/verify/{reference}",                   Person),
    ("get /payments/reviews",                               Key(200)),
    ("get /payments/webhooks",                              Person),
    ("get /payments/{reference}",                           For("orders", 200, 404)),
    ("post /payments/{reference}/refunds",                  For("orders", 201, 404)),
    ("post /payments/{reference}/refunds/{refund_id}/retry", For("orders", 200, 404)),
    ("post /payments/{reference}/review",                   For("orders", 200, 404)),
    ("post /payments/webhooks/{gateway}",                   Nothing(401)),
    ("get /tickets/my-tickets",                             Person),
    ("get /tickets/{ticket}",                               Person),
    ("get /tickets/{ticket_code}/qr.png",                   Nothing(200)),
    ("get /tickets/{ticket_code}/qr.svg",                   Nothing(200)),
    ("post /check-ins",                                     For("door", 200, 403)),
    ("post /door/scans/{nonce}/annul",                      For("door", 200, 404)),
    ("get /admin/accounts",                                 Person),
    ("get /admin/accounts/{account_id}",                    Person),
    ("patch /admin/accounts/{account_id}",                  Person),
    ("delete /admin/accounts/{account_id}/sessions",        Person),
    ("post /admin/accounts/{account_id}/erase",             Person),
    ("get /admin/accounts/{account_id}/audit",              Person),
    ("get /mails/undelivered",                              Key(200)),
    ("post /mails/{mail_id}/resend",                        For("orders", 200, 404)),
    (BY_CODE,                                               Person),
    ("get /organisations",                                  Person),
    ("post /organisations",                                 Person),
    ("get /organisations/{organisation_id}",                Person),
    ("patch /organisations/{organisation_id}",              Person),
    ("get /organisations/{organisation_id}/members",        Person),
    ("post /organisations/{organisation_id}/members",       Person),
    ("patch /organisations/{organisation_id}/members/{account_id}", Person),
    ("delete /organisations/{organisation_id}/members/{account_id}", Person),
    ("get /organisations/{organisation_id}/invitations",    Person),
    ("post /organisations/{organisation_id}/invitations",   Person),
    ("delete /organisations/{organisation_id}/invitations/{invitation_id}", Person),
    ("post /organisations/join",                            Person),
    ("get /organisations/{organisation_id}/audit",          Person),
    (FOR_ORGANISATION,                                      Organisation("edit", 201)),
    (MINE,                                                  Key(200)),
    // Not to the key, nor to its maker.
    (MOVED,                                                 For("nothing", 200, 403)),
    ("get /keys",                                           Person),
    ("post /keys",                                          Person),
    ("get /keys/current",                                   Key(200)),
    ("delete /keys/{key_id}",                               Person),
    ("post /keys/{key_id}/take-over",                       Person),
    (KEYS_OF_ORGANISATION,                                  Person),
    (KEY_FOR_ORGANISATION,                                  Person),
];

/// Which keys find what belongs to the organisation in a list.
const LISTS: &[(&str, &str)] = &[("get /payments/reviews", "orders"), (MINE, "view")];

/// Whether a key has a permission for all events of the organisation.
fn has(key: &str, permission: &str) -> bool {
    (key == "full" && permission != "nothing") || key == permission
}

impl Asks {
    /// The status for a key.
    fn status(&self, key: &str) -> u16 {
        let is_good = !["revoked", "expired", "disabled"].contains(&key);
        match self {
            Nothing(status) => *status,
            _ if !is_good => 401,
            Person => 403,
            Key(status) => *status,
            For(permission, yes, _) | Organiser(permission, yes) | Organisation(permission, yes)
                if has(key, permission) =>
            {
                *yes
            }
            For(_, _, no) => *no,
            Organiser(_, yes) if key == "elsewhere" => *yes,
            Organisation(..) if key == "elsewhere" => 404,
            Organiser(..) | Organisation(..) => 403,
        }
    }
}

async fn tokens(world: &World) -> [String; 14] {
    let organisation = world.organisation;
    let all = json!(["view", "edit", "attendees", "orders", "money", "door", "manage"]);
    let key = |permissions: Value| json!({"name": "Key", "password": PASSWORD, "permissions": permissions, "organisation_id": organisation});
    let owner = &world.organizer;
    let mut tokens = vec![world.key(owner, key(all.clone())).await.1];
    for permissions in ONE_EACH {
        tokens.push(world.key(owner, key(json!(permissions))).await.1);
    }
    let mut another = key(all.clone());
    another["event_ids"] = json!([world.organisations_event().await]);
    tokens.push(world.key(owner, another).await.1);
    let (elsewhere, _) = world.verified("elsewhere").await;
    let founded = world.shop.post("/organisations", &elsewhere, json!({"name": "Somebody Else"})).await.json();
    let theirs = json!({"name": "Key", "password": PASSWORD, "permissions": all, "organisation_id": founded["id"]});
    tokens.push(world.key(&elsewhere, theirs).await.1);
    let managed = json!(["view", "edit", "attendees", "orders", "door", "manage"]);
    let (leaves, leaver) = world.member("leaves", "manager", Value::Null).await;
    tokens.push(world.key(&leaves, key(managed.clone())).await.1);
    assert_eq!(world.shop.delete(&format!("/organisations/{organisation}/members/{leaver}"), owner).await, 204);
    let (id, revoked) = world.key(owner, key(all.clone())).await;
    assert_eq!(world.shop.delete(&format!("/keys/{id}"), owner).await, 204);
    let mut short = key(all);
    short["expires_at"] = json!((world.shop.now() + jiff::SignedDuration::from_mins(1)).to_string());
    let expired = world.key(owner, short).await.1;
    let (goes, disabled) = world.member("goes", "manager", Value::Null).await;
    let of_disabled = world.key(&goes, key(managed)).await.1;
    world.shop.ticketing.set_active(disabled.into(), false).await.unwrap();
    world.shop.minutes_pass(2);
    tokens.extend([revoked, expired, of_disabled]);
    tokens.try_into().unwrap()
}

#[test]
fn every_operation_has_a_row() {
    let mut expected: Vec<String> = operations().iter().map(crate::document::Operation::name).collect();
    expected.sort_unstable();
    let mut rows: Vec<&str> =
        TABLE.iter().map(|(operation, _)| *operation).filter(|row| !is_another_way(row)).collect();
    rows.sort_unstable();
    assert_eq!(rows, expected);
}

async fn of_keys(world: &World, tokens: &[String; 14], only: Option<&str>) -> Vec<String> {
    let table: Vec<(&str, [u16; 14])> =
        TABLE.iter().map(|(operation, asks)| (*operation, KEYS.map(|key| asks.status(key)))).collect();
    let lists: Vec<(&str, [bool; 14])> =
        LISTS.iter().map(|(operation, permission)| (*operation, KEYS.map(|key| has(key, permission)))).collect();
    differences(world, KEYS, &table, &lists, tokens, only).await
}

#[tokio::test]
async fn every_key_may_do_what_the_table_says() {
    let world = World::of_organisation().await;
    let tokens = tokens(&world).await;
    assert_eq!(of_keys(&world, &tokens, None).await, Vec::<String>::new());
    world.shop.is_sound().await;
}

/// The control: a key for another event that is taken for one for all events.
#[tokio::test]
async fn the_table_finds_a_key_for_another_event_that_is_taken_for_one_for_all() {
    let world = World::of_organisation().await;
    let mut tokens = tokens(&world).await;
    let another = KEYS.iter().position(|key| *key == "another_event").unwrap();
    tokens[another] = tokens[0].clone();
    let found = of_keys(&world, &tokens, Some("another_event")).await;
    let differ = TABLE.iter().filter(|(_, asks)| asks.status("full") != asks.status("another_event")).count();
    assert_eq!(found.len(), differ + LISTS.len(), "{found:?}");
    assert!(found.len() >= 15, "{found:?}");
}
