//! Who may do what: every operation of the document, for every kind of caller. An operation without a row fails the test, and so does
//! a row without an operation.

use crate::authorization::World;
use crate::document::operations;
use crate::shop::{Call, PASSWORD};
use serde_json::{Value, json};
use ticketing_core::domain::account::Role;
use ticketing_core::domain::order::OrderKey;
use ticketing_core::domain::proof::ProofPurpose;
use ticketing_core::domain::ticket::TicketKey;
use ticketing_core::storage::StorageExt as _;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::token::TokenKey;
use ticketing_core::{Registration, Ticketing};

/// The callers, in the order of the columns.
const CALLERS: [&str; 7] = ["nobody", "forged", "stranger", "buyer", "other", "owner", "admin"];
const STRANGER: usize = 2;
const BUYER: usize = 3;

/// The status for each caller:
/// - nobody: no token
/// - forged: a token of the buyer's account, signed with another key
/// - stranger: an account that has nothing
/// - buyer: has bought what the request is about
/// - other: the organiser of another event
/// - owner: the organiser of the event that the request is about
/// - admin: an administrator
#[rustfmt::skip]
pub(crate) const TABLE: &[(&str, [u16; 7])] = &[
    // operation                                          nobody forged stranger buyer other owner admin
    ("get /",                                               [200, 200, 200, 200, 200, 200, 200]),
    ("get /health",                                         [200, 200, 200, 200, 200, 200, 200]),
    ("get /ready",                                          [200, 200, 200, 200, 200, 200, 200]),
    ("post /auth/register",                                 [201, 201, 201, 201, 201, 201, 201]),
    ("post /auth/login",                                    [200, 200, 200, 200, 200, 200, 200]),
    ("post /auth/logout",                                   [401, 401, 204, 204, 204, 204, 204]),
    ("get /auth/me",                                        [401, 401, 200, 200, 200, 200, 200]),
    ("post /auth/verify-email",                             [204, 204, 204, 204, 204, 204, 204]),
    ("post /auth/send-verification",                        [401, 401, 202, 202, 202, 202, 202]),
    ("post /auth/send-code",                                [401, 401, 202, 202, 202, 202, 202]),
    ("post /auth/forgot-password",                          [202, 202, 202, 202, 202, 202, 202]),
    ("post /auth/reset-password",                           [204, 204, 204, 204, 204, 204, 204]),
    ("post /auth/change-password",                          [401, 401, 200, 200, 200, 200, 200]),
    ("post /auth/change-email",                             [401, 401, 202, 202, 202, 202, 202]),
    ("post /auth/confirm-email",                            [204, 204, 204, 204, 204, 204, 204]),
    ("post /auth/undo-email-change",                        [204, 204, 204, 204, 204, 204, 204]),
    ("post /auth/second-factor",                            [200, 200, 200, 200, 200, 200, 200]),
    ("get /auth/totp",                                      [401, 401, 200, 200, 200, 200, 200]),
    ("post /auth/totp",                                     [401, 401, 200, 200, 200, 200, 200]),
    ("post /auth/totp/confirm",                             [401, 401, 200, 200, 200, 200, 200]),
    ("post /auth/totp/recovery-codes",                      [401, 401, 200, 200, 200, 200, 200]),
    ("post /auth/totp/remove",                              [401, 401, 204, 204, 204, 204, 204]),
    ("get /auth/sessions",                                  [401, 401, 200, 200, 200, 200, 200]),
    ("get /auth/export",                                    [401, 401, 200, 200, 200, 200, 200]),
    ("get /auth/erasure",                                   [401, 401, 200, 200, 200, 200, 200]),
    ("post /auth/erasure",                                  [401, 401, 200, 200, 200, 200, 200]),
    ("delete /auth/erasure",                                [401, 401, 204, 204, 204, 204, 204]),
    ("post /auth/sessions/end-others",                      [401, 401, 200, 200, 200, 200, 200]),
    // One of the stranger's.
    ("delete /auth/sessions/{session_id}",                  [401, 401, 204, 404, 404, 404, 404]),
    ("post /users",                                         [201, 201, 201, 201, 201, 201, 201]),
    ("get /users/me",                                       [401, 401, 200, 200, 200, 200, 200]),
    ("post /token",                                         [200, 200, 200, 200, 200, 200, 200]),
    ("get /categories",                                     [200, 200, 200, 200, 200, 200, 200]),
    ("post /categories",                                    [401, 401, 201, 201, 201, 201, 201]),
    ("get /events",                                         [200, 200, 200, 200, 200, 200, 200]),
    ("post /events",                                        [401, 401, 201, 201, 201, 201, 201]),
    ("get /events/{event_id}",                              [200, 200, 200, 200, 200, 200, 200]),
    ("post /events/{event_id}/cancel",                      [401, 401, 403, 403, 403, 200, 200]),
    ("get /events/{event_id}/settings",                     [401, 401, 403, 403, 403, 200, 200]),
    ("patch /events/{event_id}/settings",                   [401, 401, 403, 403, 403, 200, 200]),
    ("get /events/{event_id}/audit",                        [401, 401, 403, 403, 403, 200, 200]),
    ("get /events/{event_id}/attendees",                    [401, 401, 403, 403, 403, 200, 200]),
    ("get /events/{event_id}/orders",                       [401, 401, 403, 403, 403, 200, 200]),
    ("post /events/{event_id}/orders",                      [401, 401, 403, 403, 403, 201, 201]),
    ("get /events/{event_id}/exports/{kind}",               [401, 401, 403, 403, 403, 200, 200]),
    ("get /events/{event_id}/terms",                        [200, 200, 200, 200, 200, 200, 200]),
    ("get /events/{event_id}/messages",                     [401, 401, 403, 403, 403, 200, 200]),
    ("post /events/{event_id}/messages",                    [401, 401, 403, 403, 403, 201, 201]),
    ("get /events/{event_id}/messages/recipients",          [401, 401, 403, 403, 403, 200, 200]),
    ("post /events/{event_id}/messages/{message_id}/stop",  [401, 401, 403, 403, 403, 200, 200]),
    ("post /events/{event_id}/imports",                     [401, 401, 403, 403, 403, 200, 200]),
    ("get /orders/{reference}/details",                     [401, 401, 404, 200, 404, 200, 200]),
    ("patch /orders/{reference}/details",                   [401, 401, 404, 200, 404, 200, 200]),
    ("get /orders/{reference}/returns",                     [401, 401, 404, 200, 404, 404, 404]),
    ("get /tickets/{ticket}/transfers",                     [401, 401, 404, 200, 404, 404, 404]),
    ("post /tickets/{ticket}/transfers",                    [401, 401, 404, 201, 404, 404, 404]),
    ("delete /tickets/{ticket}/transfers",                  [401, 401, 404, 204, 404, 404, 404]),
    ("post /tickets/{ticket}/swap",                         [401, 401, 404, 403, 404, 200, 200]),
    ("get /transfers/{key}",                                [200, 200, 200, 200, 200, 200, 200]),
    ("post /transfers/{key}/take",                          [200, 401, 200, 200, 200, 200, 200]),
    ("get /attendees/{ticket_id}",                          [401, 401, 404, 200, 404, 200, 200]),
    ("patch /attendees/{ticket_id}",                        [401, 401, 404, 200, 404, 200, 200]),
    ("post /orders/{reference}/record-payment",             [401, 401, 404, 404, 404, 200, 200]),
    ("post /orders/{reference}/resend",                     [401, 401, 404, 200, 404, 200, 200]),
    ("post /payments/{reference}/refunds/{refund_id}/record",[401, 401, 404, 404, 404, 200, 200]),
    ("get /events/{event_id}/codes",                        [401, 401, 403, 403, 403, 200, 200]),
    ("post /events/{event_id}/codes",                       [401, 401, 403, 403, 403, 201, 201]),
    ("post /events/{event_id}/quote",                       [200, 401, 200, 200, 200, 200, 200]),
    ("get /codes/{code_id}",                                [401, 401, 404, 404, 404, 200, 200]),
    ("patch /codes/{code_id}",                              [401, 401, 404, 404, 404, 200, 200]),
    ("post /events/{event_id}/copies",                      [401, 401, 403, 403, 403, 201, 201]),
    ("post /events/{event_id}/publish",                     [401, 401, 403, 403, 403, 200, 200]),
    ("post /events/{event_id}/unpublish",                   [401, 401, 403, 403, 403, 200, 200]),
    ("post /events/{event_id}/pause",                       [401, 401, 403, 403, 403, 200, 200]),
    ("post /events/{event_id}/resume",                      [401, 401, 403, 403, 403, 200, 200]),
    ("post /orders",                                        [401, 401, 201, 201, 201, 201, 201]),
    ("get /orders",                                         [401, 401, 200, 200, 200, 200, 200]),
    ("get /orders/{reference}",                             [401, 401, 404, 200, 404, 404, 404]),
    ("delete /orders/{reference}",                          [401, 401, 404, 200, 404, 404, 404]),
    // Of an account that has verified its address. The buyer's order is no guest's.
    ("post /orders/claim",                                  [401, 401, 403, 403, 403, 200, 403]),
    ("put /orders/{reference}/buyer",                       [401, 401, 404, 404, 404, 404, 404]),
    ("post /orders/{reference}/pay",                        [401, 401, 404, 200, 404, 404, 404]),
    ("post /orders/{reference}/returns",                    [401, 401, 404, 201, 404, 404, 404]),
    ("post /payments/initialize",                           [401, 401, 200, 200, 200, 200, 200]),
    ("post /payments/pay",                                  [401, 401, 200, 200, 200, 200, 200]),
    ("get /payments/verify/{reference}",                    [401, 401, 404, 200, 404, 404, 404]),
    ("post /payments/verify/{reference}",                   [401, 401, 404, 200, 404, 404, 404]),
    ("get /payments/reviews",                               [401, 401, 200, 200, 200, 200, 200]),
    ("get /payments/webhooks",                              [401, 401, 403, 403, 403, 403, 200]),
    ("get /payments/{reference}",                           [401, 401, 404, 200, 404, 200, 200]),
    ("post /payments/{reference}/refunds",                  [401, 401, 404, 403, 404, 201, 201]),
    ("post /payments/{reference}/refunds/{refund_id}/retry", [401, 401, 404, 404, 404, 200, 200]),
    ("post /payments/{reference}/review",                   [401, 401, 404, 404, 404, 200, 200]),
    // Authorized by a signature, not by a token.
    ("post /payments/webhooks/{gateway}",                   [401, 401, 401, 401, 401, 401, 401]),
    ("get /tickets/my-tickets",                             [401, 401, 200, 200, 200, 200, 200]),
    // By id. A ticket's code is all that is needed to see it: the last row.
    ("get /tickets/{ticket}",                               [401, 401, 404, 200, 404, 404, 404]),
    ("get /tickets/{ticket_code}/qr.png",                   [200, 200, 200, 200, 200, 200, 200]),
    ("get /tickets/{ticket_code}/qr.svg",                   [200, 200, 200, 200, 200, 200, 200]),
    // At the door only the organiser decides.
    ("post /check-ins",                                     [401, 401, 403, 403, 403, 200, 403]),
    ("post /door/scans/{nonce}/annul",                      [401, 401, 404, 404, 404, 200, 404]),
    // Only administrators know which accounts there are.
    ("get /admin/accounts",                                 [401, 401, 403, 403, 403, 403, 200]),
    ("get /admin/accounts/{account_id}",                    [401, 401, 403, 403, 403, 403, 200]),
    ("patch /admin/accounts/{account_id}",                  [401, 401, 403, 403, 403, 403, 200]),
    ("delete /admin/accounts/{account_id}/sessions",        [401, 401, 403, 403, 403, 403, 204]),
    ("post /admin/accounts/{account_id}/erase",             [401, 401, 403, 403, 403, 403, 204]),
    ("get /admin/accounts/{account_id}/audit",              [401, 401, 403, 403, 403, 403, 200]),
    ("get /mails/undelivered",                              [401, 401, 200, 200, 200, 200, 200]),
    ("post /mails/{mail_id}/resend",                        [401, 401, 404, 404, 404, 200, 200]),
    (BY_CODE,                                               [200, 401, 200, 200, 200, 200, 200]),
    // The owner has founded the organisation that the requests are about.
    ("get /organisations",                                  [401, 401, 200, 200, 200, 200, 200]),
    ("post /organisations",                                 [401, 401, 403, 403, 403, 201, 403]),
    ("get /organisations/{organisation_id}",                [401, 401, 404, 404, 404, 200, 200]),
    ("patch /organisations/{organisation_id}",              [401, 401, 404, 404, 404, 200, 200]),
    ("get /organisations/{organisation_id}/members",        [401, 401, 404, 404, 404, 200, 200]),
    ("post /organisations/{organisation_id}/members",       [401, 401, 404, 404, 404, 201, 201]),
    ("patch /organisations/{organisation_id}/members/{account_id}", [401, 401, 404, 404, 404, 200, 200]),
    ("delete /organisations/{organisation_id}/members/{account_id}", [401, 401, 404, 404, 404, 204, 204]),
    ("get /organisations/{organisation_id}/invitations",    [401, 401, 404, 404, 404, 200, 200]),
    ("post /organisations/{organisation_id}/invitations",   [401, 401, 404, 404, 404, 201, 201]),
    ("delete /organisations/{organisation_id}/invitations/{invitation_id}", [401, 401, 404, 404, 404, 204, 204]),
    // The invitation of somebody else.
    ("post /organisations/join",                            [401, 401, 404, 404, 404, 404, 404]),
    ("get /organisations/{organisation_id}/audit",          [401, 401, 404, 404, 404, 200, 200]),
    (FOR_ORGANISATION,                                      [401, 401, 404, 404, 404, 201, 201]),
    (MINE,                                                  [401, 401, 200, 200, 200, 200, 200]),
    (MOVED,                                                 [401, 401, 403, 403, 403, 200, 200]),
    // Keys of the organisation that the owner has made.
    ("get /keys",                                           [401, 401, 200, 200, 200, 200, 200]),
    ("post /keys",                                          [401, 401, 201, 201, 201, 201, 201]),
    ("get /keys/current",                                   [401, 401, 404, 404, 404, 404, 404]),
    ("delete /keys/{key_id}",                               [401, 401, 404, 404, 404, 204, 204]),
    ("post /keys/{key_id}/take-over",                       [401, 401, 404, 404, 404, 200, 403]),
    (KEYS_OF_ORGANISATION,                                  [401, 401, 404, 404, 404, 200, 200]),
    (KEY_FOR_ORGANISATION,                                  [401, 401, 404, 404, 404, 201, 404]),
];

/// The same operation as by id.
pub(crate) const BY_CODE: &str = "get /tickets/{ticket} by code";
/// The same operations for the organisation of the world.
pub(crate) const FOR_ORGANISATION: &str = "post /events for the organisation";
pub(crate) const MINE: &str = "get /events that are the caller's";
pub(crate) const MOVED: &str = "patch /events/{event_id}/settings to the caller";
pub(crate) const KEYS_OF_ORGANISATION: &str = "get /keys of the organisation";
pub(crate) const KEY_FOR_ORGANISATION: &str = "post /keys for the organisation";

pub(crate) fn is_another_way(operation: &str) -> bool {
    [BY_CODE, FOR_ORGANISATION, MINE, MOVED, KEYS_OF_ORGANISATION, KEY_FOR_ORGANISATION].contains(&operation)
}

/// Lists answer everybody. What the caller has no part in is not in them: who finds the row's own resource in the list.
#[rustfmt::skip]
const LISTS: &[(&str, [bool; 7])] = &[
    // operation                 nobody forged stranger buyer  other  owner  admin
    ("get /orders",             [false, false, false,   true,  false, false, false]),
    ("get /tickets/my-tickets", [false, false, false,   true,  false, false, false]),
    ("get /payments/reviews",   [false, false, false,   false, false, true,  true]),
    ("get /organisations",      [false, false, false,   false, false, true,  false]),
    (MINE,                      [false, false, false,   false, false, true,  false]),
];

/// Callers who have to do with the organisation that runs the event, in the order of the columns:
/// - owner to viewer: members with this role for all events
/// - elsewhere: the owner of another organisation
/// - another_event: a manager of this organisation for another of its events
/// - disabled: an owner whose account was disabled
const MEMBERS: [&str; 9] =
    ["owner", "manager", "box_office", "door", "finance", "viewer", "elsewhere", "another_event", "disabled"];

/// Who has the permission, by role: owner, manager, box office, door, finance, viewer.
const VIEW: [bool; 6] = [true; 6];
const EDIT: [bool; 6] = [true, true, false, false, false, false];
const ORDERS: [bool; 6] = [true, true, true, false, true, false];
const ATTENDEES: [bool; 6] = [true, true, true, false, false, false];
const DOOR: [bool; 6] = [true, true, true, true, false, false];
const MANAGE: [bool; 6] = [true, true, false, false, false, false];
const OWNER: [bool; 6] = [true, false, false, false, false, false];
const NOBODY: [bool; 6] = [false; 6];

/// The statuses of those who have the permission and of those who lack it.
const fn row(of: [bool; 6], yes: u16, no: u16) -> [u16; 9] {
    let mut statuses = [no, no, no, no, no, no, no, no, 401];
    let mut role = 0;
    while role < 6 {
        if of[role] {
            statuses[role] = yes;
        }
        role += 1;
    }
    statuses
}

/// Everybody whose account is enabled.
const fn all(status: u16) -> [u16; 9] {
    [status, status, status, status, status, status, status, status, 401]
}

/// What is done to the organisation itself: those who have a role for some of its events see it, and others do not.
const fn itself(of: [bool; 6], yes: u16, to_members: u16) -> [u16; 9] {
    let mut statuses = row(of, yes, 403);
    statuses[6] = 404;
    statuses[7] = to_members;
    statuses
}

/// The status for each caller, of an event that an organisation runs.
#[rustfmt::skip]
const ROLES: &[(&str, [u16; 9])] = &[
    ("get /",                                               [200; 9]),
    ("get /health",                                         [200; 9]),
    ("get /ready",                                          [200; 9]),
    ("post /auth/register",                                 [201; 9]),
    ("post /auth/login",                                    [200; 9]),
    ("post /auth/logout",                                   all(204)),
    ("get /auth/me",                                        all(200)),
    ("post /auth/verify-email",                             [204; 9]),
    ("post /auth/send-verification",                        all(202)),
    ("post /auth/send-code",                                all(202)),
    ("post /auth/forgot-password",                          [202; 9]),
    ("post /auth/reset-password",                           [204; 9]),
    ("post /auth/change-password",                          all(200)),
    ("post /auth/change-email",                             all(202)),
    ("post /auth/confirm-email",                            [204; 9]),
    ("post /auth/undo-email-change",                        [204; 9]),
    ("post /auth/second-factor",                            [200; 9]),
    ("get /auth/totp",                                      all(200)),
    ("post /auth/totp",                                     all(200)),
    ("post /auth/totp/confirm",                             all(200)),
    ("post /auth/totp/recovery-codes",                      all(200)),
    ("post /auth/totp/remove",                              all(204)),
    ("get /auth/sessions",                                  all(200)),
    ("get /auth/export",                                    all(200)),
    ("get /auth/erasure",                                   all(200)),
    ("post /auth/erasure",                                  all(200)),
    ("delete /auth/erasure",                                all(204)),
    ("post /auth/sessions/end-others",                      all(200)),
    // The session of somebody else.
    ("delete /auth/sessions/{session_id}",                  all(404)),
    ("post /users",                                         [201; 9]),
    ("get /users/me",                                       all(200)),
    ("post /token",                                         [200; 9]),
    ("get /categories",                                     [200; 9]),
    ("post /categories",                                    all(201)),
    ("get /events",                                         [200; 9]),
    ("post /events",                                        all(201)),
    ("get /events/{event_id}",                              [200; 9]),
    ("post /events/{event_id}/cancel",                      row(MANAGE, 200, 403)),
    ("get /events/{event_id}/settings",                     row(VIEW, 200, 403)),
    ("patch /events/{event_id}/settings",                   row(EDIT, 200, 403)),
    ("get /events/{event_id}/audit",                        row(EDIT, 200, 403)),
    ("get /events/{event_id}/attendees",                    row(ATTENDEES, 200, 403)),
    ("get /events/{event_id}/orders",                       row(ORDERS, 200, 403)),
    ("post /events/{event_id}/orders",                      row(ORDERS, 201, 403)),
    ("get /events/{event_id}/exports/{kind}",               row(ATTENDEES, 200, 403)),
    ("get /events/{event_id}/terms",                        [200; 9]),
    ("get /events/{event_id}/messages",                     row(ATTENDEES, 200, 403)),
    ("post /events/{event_id}/messages",                    row(ATTENDEES, 201, 403)),
    ("get /events/{event_id}/messages/recipients",          row(ATTENDEES, 200, 403)),
    ("post /events/{event_id}/messages/{message_id}/stop",  row(ATTENDEES, 200, 403)),
    ("post /events/{event_id}/imports",                     row(ORDERS, 200, 403)),
    ("get /orders/{reference}/details",                     row(ORDERS, 200, 404)),
    ("patch /orders/{reference}/details",                   row(ORDERS, 200, 404)),
    ("get /orders/{reference}/returns",                     all(404)),
    ("get /tickets/{ticket}/transfers",                     all(404)),
    ("post /tickets/{ticket}/transfers",                    all(404)),
    ("delete /tickets/{ticket}/transfers",                  all(404)),
    ("post /tickets/{ticket}/swap",                         row(ORDERS, 200, 404)),
    ("get /transfers/{key}",                                [200; 9]),
    ("post /transfers/{key}/take",                          all(200)),
    ("get /attendees/{ticket_id}",                          row(ATTENDEES, 200, 404)),
    ("patch /attendees/{ticket_id}",                        row(ATTENDEES, 200, 404)),
    ("post /orders/{reference}/record-payment",             row(ORDERS, 200, 404)),
    ("post /orders/{reference}/resend",                     row(ORDERS, 200, 404)),
    ("post /payments/{reference}/refunds/{refund_id}/record",row(ORDERS, 200, 404)),
    ("get /events/{event_id}/codes",                        row(EDIT, 200, 403)),
    ("post /events/{event_id}/codes",                       row(EDIT, 201, 403)),
    ("post /events/{event_id}/quote",                       all(200)),
    ("get /codes/{code_id}",                                row(EDIT, 200, 404)),
    ("patch /codes/{code_id}",                              row(EDIT, 200, 404)),
    ("post /events/{event_id}/copies",                      row(EDIT, 201, 403)),
    ("post /events/{event_id}/publish",                     row(EDIT, 200, 403)),
    ("post /events/{event_id}/unpublish",                   row(EDIT, 200, 403)),
    ("post /events/{event_id}/pause",                       row(EDIT, 200, 403)),
    ("post /events/{event_id}/resume",                      row(EDIT, 200, 403)),
    ("post /orders",                                        all(201)),
    ("get /orders",                                         all(200)),
    ("get /orders/{reference}",                             all(404)),
    ("delete /orders/{reference}",                          all(404)),
    ("post /orders/claim",                                  all(200)),
    ("put /orders/{reference}/buyer",                       all(404)),
    ("post /orders/{reference}/pay",                        all(404)),
    ("post /orders/{reference}/returns",                    all(404)),
    ("post /payments/initialize",                           all(200)),
    ("post /payments/pay",                                  all(200)),
    ("get /payments/verify/{reference}",                    all(404)),
    ("post /payments/verify/{reference}",                   all(404)),
    ("get /payments/reviews",                               all(200)),
    ("get /payments/webhooks",                              row(NOBODY, 200, 403)),
    ("get /payments/{reference}",                           row(ORDERS, 200, 404)),
    ("post /payments/{reference}/refunds",                  row(ORDERS, 201, 404)),
    ("post /payments/{reference}/refunds/{refund_id}/retry", row(ORDERS, 200, 404)),
    ("post /payments/{reference}/review",                   row(ORDERS, 200, 404)),
    ("post /payments/webhooks/{gateway}",                   [401; 9]),
    ("get /tickets/my-tickets",                             all(200)),
    ("get /tickets/{ticket}",                               all(404)),
    ("get /tickets/{ticket_code}/qr.png",                   [200; 9]),
    ("get /tickets/{ticket_code}/qr.svg",                   [200; 9]),
    ("post /check-ins",                                     row(DOOR, 200, 403)),
    ("post /door/scans/{nonce}/annul",                      row(DOOR, 200, 404)),
    ("get /admin/accounts",                                 row(NOBODY, 200, 403)),
    ("get /admin/accounts/{account_id}",                    row(NOBODY, 200, 403)),
    ("patch /admin/accounts/{account_id}",                  row(NOBODY, 200, 403)),
    ("delete /admin/accounts/{account_id}/sessions",        row(NOBODY, 204, 403)),
    ("post /admin/accounts/{account_id}/erase",             row(NOBODY, 204, 403)),
    ("get /admin/accounts/{account_id}/audit",              row(NOBODY, 200, 403)),
    ("get /mails/undelivered",                              all(200)),
    ("post /mails/{mail_id}/resend",                        row(ORDERS, 200, 404)),
    (BY_CODE,                                               all(200)),
    ("get /organisations",                                  all(200)),
    ("post /organisations",                                 all(201)),
    ("get /organisations/{organisation_id}",                itself(VIEW, 200, 200)),
    ("patch /organisations/{organisation_id}",              itself(MANAGE, 200, 403)),
    ("get /organisations/{organisation_id}/members",        itself(MANAGE, 200, 403)),
    ("post /organisations/{organisation_id}/members",       itself(MANAGE, 201, 403)),
    ("patch /organisations/{organisation_id}/members/{account_id}", itself(MANAGE, 200, 403)),
    ("delete /organisations/{organisation_id}/members/{account_id}", itself(MANAGE, 204, 403)),
    ("get /organisations/{organisation_id}/invitations",    itself(MANAGE, 200, 403)),
    ("post /organisations/{organisation_id}/invitations",   itself(MANAGE, 201, 403)),
    ("delete /organisations/{organisation_id}/invitations/{invitation_id}", itself(MANAGE, 204, 403)),
    // The invitation of somebody else.
    ("post /organisations/join",                            all(404)),
    ("get /organisations/{organisation_id}/audit",          itself(MANAGE, 200, 403)),
    (FOR_ORGANISATION,                                      itself(EDIT, 201, 403)),
    (MINE,                                                  all(200)),
    // Who gets the event gets its money too.
    (MOVED,                                                 row(OWNER, 200, 403)),
    ("get /keys",                                           all(200)),
    ("post /keys",                                          all(201)),
    ("get /keys/current",                                   all(404)),
    ("delete /keys/{key_id}",                               row(MANAGE, 204, 404)),
    ("post /keys/{key_id}/take-over",                       row(MANAGE, 200, 404)),
    (KEYS_OF_ORGANISATION,                                  itself(MANAGE, 200, 403)),
    (KEY_FOR_ORGANISATION,                                  itself(MANAGE, 201, 403)),
];

/// Who finds what belongs to the organisation in a list.
#[rustfmt::skip]
const ROLES_LISTS: &[(&str, [bool; 9])] = &[
    ("get /orders",             [false; 9]),
    ("get /tickets/my-tickets", [false; 9]),
    ("get /payments/reviews",   [true, true, true, false, true, false, false, false, false]),
    ("get /organisations",      [true, true, true, true, true, true, false, true, false]),
    (MINE,                      [true, true, true, true, true, true, false, false, false]),
];

/// A request about a resource of its own, which no other cell of the table has changed.
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) body: Value,
    /// What a list shows to those who have a part in it.
    shown: String,
}

pub(crate) async fn request(world: &World, operation: &str, number: usize) -> Option<Request> {
    let with = |path: &str, body: Value| Request { path: path.to_owned(), body, shown: String::new() };
    let to = |path: String| with(&path, Value::Null);
    let email = format!("new-{number}@example.com");
    let log_in = json!({"email": "stranger@example.com", "password": PASSWORD});
    Some(match operation {
        "get /"
        | "get /health"
        | "get /ready"
        | "get /auth/me"
        | "get /users/me"
        | "get /categories"
        | "get /events"
        | "post /auth/logout"
        | "get /auth/totp"
        | "get /auth/sessions"
        | "get /auth/export"
        | "get /auth/erasure"
        | "delete /auth/erasure"
        | "get /admin/accounts"
        | "get /keys"
        | "get /keys/current"
        | "get /mails/undelivered" => to(operation.split(' ').nth(1)?.to_owned()),
        "post /auth/register" => {
            with("/auth/register", json!({"email": email, "name": "New Person", "password": PASSWORD}))
        }
        "post /users" => {
            with("/users", json!({"email": email, "username": format!("new{number}"), "password": PASSWORD}))
        }
        "post /auth/login" => with("/auth/login", log_in),
        "post /token" => with("/token", json!(format!("username=stranger%40example.com&password={PASSWORD}"))),
        "post /auth/verify-email" => {
            let token = world.shop.proof(ProofPurpose::VerifyEmail, &email).await;
            with("/auth/verify-email", json!({"token": token}))
        }
        "post /auth/reset-password" => {
            let token = world.shop.proof(ProofPurpose::ResetPassword, &email).await;
            with("/auth/reset-password", json!({"token": token, "password": "another good one"}))
        }
        "post /auth/confirm-email" => {
            let token = world.shop.proof(ProofPurpose::ChangeEmail, &email).await;
            with("/auth/confirm-email", json!({"token": token}))
        }
        "post /auth/undo-email-change" => {
            let token = world.shop.proof(ProofPurpose::UndoEmail, &email).await;
            with("/auth/undo-email-change", json!({"token": token}))
        }
        // A client may request ten mails an hour.
        "post /auth/send-verification" => {
            world.shop.minutes_pass(6);
            with("/auth/send-verification", json!({}))
        }
        "post /auth/send-code" => {
            world.shop.minutes_pass(6);
            with("/auth/send-code", json!({}))
        }
        "post /auth/forgot-password" => {
            world.shop.minutes_pass(6);
            with("/auth/forgot-password", json!({"email": email}))
        }
        "post /auth/change-email" => {
            world.shop.minutes_pass(6);
            with("/auth/change-email", json!({"email": email, "password": PASSWORD}))
        }
        "post /auth/change-password" => {
            with("/auth/change-password", json!({"current_password": PASSWORD, "new_password": "another good one"}))
        }
        "get /organisations" => {
            Request { shown: "Lagos Jazz Collective".to_owned(), ..to("/organisations".to_owned()) }
        }
        "post /organisations" => with("/organisations", json!({"name": format!("Band {number}")})),
        "get /organisations/{organisation_id}" => to(format!("/organisations/{}", world.organisation)),
        "patch /organisations/{organisation_id}" => {
            with(&format!("/organisations/{}", world.organisation), json!({"name": "Lagos Jazz Collective"}))
        }
        "get /organisations/{organisation_id}/members" => to(format!("/organisations/{}/members", world.organisation)),
        "post /organisations/{organisation_id}/members" => {
            let email = world.verified(&format!("joins-{number}")).await.1;
            let body = json!({"email": email, "role": "viewer"});
            with(&format!("/organisations/{}/members", world.organisation), body)
        }
        "patch /organisations/{organisation_id}/members/{account_id}" => {
            let (_, id) = world.member(&format!("changes-{number}"), "viewer", Value::Null).await;
            with(&format!("/organisations/{}/members/{id}", world.organisation), json!({"role": "door"}))
        }
        "delete /organisations/{organisation_id}/members/{account_id}" => {
            let (_, id) = world.member(&format!("leaves-{number}"), "viewer", Value::Null).await;
            to(format!("/organisations/{}/members/{id}", world.organisation))
        }
        "get /organisations/{organisation_id}/invitations" => {
            to(format!("/organisations/{}/invitations", world.organisation))
        }
        "post /organisations/{organisation_id}/invitations" => {
            // A client may send thirty in an hour.
            world.shop.minutes_pass(4);
            let body = json!({"email": email, "role": "viewer"});
            with(&format!("/organisations/{}/invitations", world.organisation), body)
        }
        "delete /organisations/{organisation_id}/invitations/{invitation_id}" => {
            let id = world.invited(&email).await;
            to(format!("/organisations/{}/invitations/{id}", world.organisation))
        }
        "post /organisations/join" => {
            world.invited(&email).await;
            let token = world.shop.token_mailed_to(&email).await;
            with("/organisations/join", json!({"token": token}))
        }
        "get /organisations/{organisation_id}/audit" => to(format!("/organisations/{}/audit", world.organisation)),
        FOR_ORGANISATION => {
            let event = json!({"title": "Jazz", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": 1,
                "organisation_id": world.organisation});
            with("/events", event)
        }
        "post /keys" => with("/keys", json!({"name": "Gate", "password": PASSWORD, "permissions": ["door"]})),
        KEY_FOR_ORGANISATION => {
            let key = json!({"name": "Gate", "password": PASSWORD, "permissions": ["view"], "organisation_id": world.organisation});
            with("/keys", key)
        }
        KEYS_OF_ORGANISATION => to(format!("/keys?organisation={}", world.organisation)),
        "delete /keys/{key_id}" | "post /keys/{key_id}/take-over" => {
            let key = json!({"name": "Gate", "password": PASSWORD, "permissions": ["view"], "organisation_id": world.organisation});
            let id = world.key(&world.organizer, key).await.0;
            let path = operation.split(' ').nth(1)?.replace("{key_id}", &id.to_string());
            if operation.starts_with("delete") { to(path) } else { with(&path, json!({"password": PASSWORD})) }
        }
        MINE => {
            let shown = format!("\"id\":{},", world.event().await);
            Request { shown, ..to("/events?mine=true&limit=1000".to_owned()) }
        }
        MOVED => {
            let id = world.organisations_event().await;
            with(&format!("/events/{id}/settings"), json!({"organisation_id": null}))
        }
        "post /auth/second-factor" => {
            let name = format!("factor-{number}");
            let owner = world.shop.with_factor(&name).await;
            let ticket = world.shop.ticket(&name).await;
            with("/auth/second-factor", json!({"ticket": ticket, "code": owner.recovery[0]}))
        }
        "post /auth/erasure" => with("/auth/erasure", json!({"password": PASSWORD})),
        "post /auth/totp" => with("/auth/totp", json!({"password": PASSWORD})),
        // With the code of the account that asks: see `factor_for`.
        "post /auth/totp/confirm" => with("/auth/totp/confirm", json!({"code": "000000"})),
        "post /auth/totp/recovery-codes" | "post /auth/totp/remove" => {
            with(operation.split(' ').nth(1)?, json!({"password": PASSWORD, "code": "000000"}))
        }
        "post /auth/sessions/end-others" => with("/auth/sessions/end-others", json!({})),
        "delete /auth/sessions/{session_id}" => {
            world.shop.login("stranger").await;
            let sessions = world.shop.get("/auth/sessions", &world.stranger).await.json();
            to(format!("/auth/sessions/{}", sessions[0]["id"]))
        }
        "post /categories" => with("/categories", json!({"name": format!("Category {number}")})),
        "post /events" => {
            let event = json!({"title": "Jazz", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": 1});
            with("/events", event)
        }
        "get /events/{event_id}" => to(format!("/events/{}", world.event().await)),
        "post /events/{event_id}/cancel" => to(format!("/events/{}/cancel", world.event().await)),
        "get /events/{event_id}/settings"
        | "get /events/{event_id}/audit"
        | "post /events/{event_id}/publish"
        | "post /events/{event_id}/unpublish"
        | "post /events/{event_id}/pause"
        | "post /events/{event_id}/resume" => {
            to(operation.split(' ').nth(1)?.replace("{event_id}", &world.event().await.to_string()))
        }
        "get /events/{event_id}/attendees" => to(format!("/events/{}/attendees", world.event().await)),
        "get /events/{event_id}/exports/{kind}" => to(format!("/events/{}/exports/attendees", world.event().await)),
        "get /events/{event_id}/orders" => to(format!("/events/{}/orders", world.event().await)),
        "post /events/{event_id}/orders" => with(
            &format!("/events/{}/orders", world.event().await),
            json!({"lines": [{"quantity": 1}], "payment": "cash"}),
        ),
        "get /events/{event_id}/terms" => to(format!("/events/{}/terms", world.event().await)),
        "get /events/{event_id}/messages" => to(format!("/events/{}/messages", world.event().await)),
        "get /events/{event_id}/messages/recipients" => {
            to(format!("/events/{}/messages/recipients", world.event().await))
        }
        "post /events/{event_id}/messages" => {
            let message = json!({"subject": "Doors open at 18:00", "text": "See you tonight."});
            with(&format!("/events/{}/messages", world.event().await), message)
        }
        "post /events/{event_id}/messages/{message_id}/stop" => {
            let messages = format!("/events/{}/messages", world.event().await);
            let message = json!({"subject": "Doors open at 18:00", "text": "See you tonight."});
            let id = world.shop.post(&messages, &world.organizer, message).await.json()["id"].clone();
            with(&format!("{messages}/{id}/stop"), json!({}))
        }
        "post /events/{event_id}/imports" => {
            with(&format!("/events/{}/imports?note=Guests", world.event().await), json!("name\nAda Lovelace\n"))
        }
        "get /orders/{reference}/details" => to(format!("/orders/{}/details", world.held_order().await)),
        "patch /orders/{reference}/details" => with(
            &format!("/orders/{}/details", world.held_order().await),
            json!({"attendees": [{"name": "Ada Lovelace"}]}),
        ),
        "get /orders/{reference}/returns" => to(format!("/orders/{}/returns", world.held_order().await)),
        "get /tickets/{ticket}/transfers" | "delete /tickets/{ticket}/transfers" => {
            to(format!("/tickets/{}/transfers", world.paid().await.1["id"]))
        }
        "post /tickets/{ticket}/transfers" => {
            with(&format!("/tickets/{}/transfers", world.paid().await.1["id"]), json!({"to": email}))
        }
        "post /tickets/{ticket}/swap" => {
            let (ticket, ticket_type) = world.swappable().await;
            with(&format!("/tickets/{ticket}/swap"), json!({"ticket_type_id": ticket_type}))
        }
        "get /transfers/{key}" => to(format!("/transfers/{}", world.offered(&email).await)),
        "post /transfers/{key}/take" => {
            with(&format!("/transfers/{}/take", world.offered(&email).await), json!({"name": "Ada"}))
        }
        "get /attendees/{ticket_id}" => to(format!("/attendees/{}", world.paid().await.1["id"])),
        "patch /attendees/{ticket_id}" => {
            with(&format!("/attendees/{}", world.paid().await.1["id"]), json!({"name": "Ada"}))
        }
        "post /orders/{reference}/record-payment" => {
            let order = world.held_order().await;
            with(&format!("/orders/{order}/record-payment"), json!({"method": "cash", "amount": "1000"}))
        }
        "post /orders/{reference}/resend" => {
            let payment = world.shop.get(&format!("/payments/{}", world.paid().await.0), &world.organizer).await.json();
            with(&format!("/orders/{}/resend", payment["order"]["reference"].as_str()?), json!({}))
        }
        "post /payments/{reference}/refunds/{refund_id}/record" => {
            let orders = format!("/events/{}/orders", world.event().await);
            let sold = json!({"lines": [{"quantity": 1}], "payment": "cash"});
            let order = world.shop.post(&orders, &world.organizer, sold).await.json()["order"]["reference"].clone();
            let refunds = format!("/payments/{}/refunds", order.as_str()?);
            let refund = world.shop.post(&refunds, &world.organizer, json!({})).await.json()["id"].clone();
            to(format!("{refunds}/{refund}/record"))
        }
        "get /events/{event_id}/codes" => to(format!("/events/{}/codes", world.event().await)),
        "post /events/{event_id}/codes" => {
            with(&format!("/events/{}/codes", world.event().await), json!({"code": format!("CODE-{number}")}))
        }
        "post /events/{event_id}/quote" => {
            with(&format!("/events/{}/quote", world.event().await), json!({"lines": [{"quantity": 1}]}))
        }
        "get /codes/{code_id}" | "patch /codes/{code_id}" => {
            let path = format!("/events/{}/codes", world.event().await);
            let made = world.shop.post(&path, &world.organizer, json!({"code": format!("CODE-{number}")})).await;
            with(&format!("/codes/{}", made.json()[0]["id"]), json!({"note": "Seen"}))
        }
        "post /events/{event_id}/copies" => {
            let starts_at = json!({"starts_at": ["2099-12-31T20:00:00Z"]});
            with(&format!("/events/{}/copies", world.event().await), starts_at)
        }
        "patch /events/{event_id}/settings" => {
            with(&format!("/events/{}/settings", world.event().await), json!({"capacity": 1000}))
        }
        "post /orders" => with("/orders", json!({"event_id": world.event().await, "lines": [{"quantity": 1}]})),
        "get /orders" => {
            let shown = world.held_order().await;
            Request { shown, ..to("/orders".to_owned()) }
        }
        "get /orders/{reference}" | "delete /orders/{reference}" => to(format!("/orders/{}", world.held_order().await)),
        "post /orders/claim" => with("/orders/claim", json!({})),
        "put /orders/{reference}/buyer" => {
            with(&format!("/orders/{}/buyer", world.held_order().await), json!({"email": "guest@example.com"}))
        }
        "post /orders/{reference}/pay" => with(&format!("/orders/{}/pay", world.held_order().await), json!({})),
        "post /orders/{reference}/returns" => with(&format!("/orders/{}/returns", world.returnable().await), json!({})),
        "post /payments/initialize" => with("/payments/initialize", json!({"event_id": world.event().await})),
        "post /payments/pay" => with("/payments/pay", json!({"event_id": world.event().await})),
        "get /payments/verify/{reference}" | "post /payments/verify/{reference}" => {
            to(format!("/payments/verify/{}", world.paid().await.0))
        }
        "get /payments/reviews" => {
            let shown = world.in_review().await;
            Request { shown, ..to("/payments/reviews".to_owned()) }
        }
        "get /payments/{reference}" => to(format!("/payments/{}", world.paid().await.0)),
        "post /payments/{reference}/refunds" => with(&format!("/payments/{}/refunds", world.paid().await.0), json!({})),
        "post /payments/{reference}/refunds/{refund_id}/retry" => {
            let path = format!("/payments/{}/refunds", world.paid().await.0);
            let refund = world.shop.post(&path, &world.organizer, json!({})).await.json()["id"].clone();
            to(format!("{path}/{refund}/retry"))
        }
        "post /payments/{reference}/review" => {
            let decision = json!({"verdict": "refund", "note": "Not what was asked for"});
            with(&format!("/payments/{}/review", world.in_review().await), decision)
        }
        "get /payments/webhooks" => to("/payments/webhooks".to_owned()),
        "post /payments/webhooks/{gateway}" => to("/payments/webhooks/fake".to_owned()),
        "get /tickets/my-tickets" => {
            let shown = world.paid().await.1["ticket_code"].as_str()?.to_owned();
            Request { shown, ..to("/tickets/my-tickets".to_owned()) }
        }
        "get /tickets/{ticket}" => to(format!("/tickets/{}", world.paid().await.1["id"])),
        BY_CODE => to(format!("/tickets/{}", world.paid().await.1["ticket_code"].as_str()?)),
        "get /tickets/{ticket_code}/qr.png" | "get /tickets/{ticket_code}/qr.svg" => {
            let end = operation.rsplit('/').next()?;
            to(format!("/tickets/{}/{end}", world.paid().await.1["ticket_code"].as_str()?))
        }
        "post /check-ins" => {
            with("/check-ins", json!({"code": world.paid().await.1["ticket_code"], "nonce": format!("scan-{number}")}))
        }
        "post /door/scans/{nonce}/annul" => {
            let nonce = format!("undone-{number}");
            let scan = json!({"code": world.paid().await.1["ticket_code"], "nonce": nonce});
            assert_eq!(world.shop.post("/check-ins", &world.organizer, scan).await.status, 200);
            with(&format!("/door/scans/{nonce}/annul"), json!({}))
        }
        "get /admin/accounts/{account_id}"
        | "delete /admin/accounts/{account_id}/sessions"
        | "post /admin/accounts/{account_id}/erase"
        | "get /admin/accounts/{account_id}/audit" => {
            to(operation.split(' ').nth(1)?.replace("{account_id}", &world.account(number).await.to_string()))
        }
        "patch /admin/accounts/{account_id}" => {
            with(&format!("/admin/accounts/{}", world.account(number).await), json!({"is_active": false}))
        }
        "post /mails/{mail_id}/resend" => {
            let id = world.paid().await.1["id"].as_i64()?.into();
            let ticket = world.shop.ticketing.storage().ticket(&TicketKey::Id(id)).await.unwrap()?;
            let mails = world.shop.ticketing.storage().mails(&OrderKey::Id(ticket.order_id)).await.unwrap();
            to(format!("/mails/{}/resend", mails[0].id))
        }
        _ => return None,
    })
}

/// The type of a body that is a text.
pub(crate) fn type_of(path: &str) -> &'static str {
    if path.contains("/imports") { "text/csv" } else { "application/x-www-form-urlencoded" }
}

/// A token that names the buyer's account, which is the second one, and is signed with another key.
async fn forged() -> String {
    let key = TokenKey::new(&[8; 32]).unwrap();
    let elsewhere = Ticketing::builder(MemoryStorage::new()).token_key(key).build().unwrap();
    for name in ["organizer", "buyer"] {
        elsewhere.register(Registration::new(format!("{name}@example.com"), name, PASSWORD)).await.unwrap();
    }
    elsewhere.login("buyer@example.com", PASSWORD).await.unwrap().token
}

/// The token of each caller.
async fn tokens(world: &World) -> [String; 7] {
    let shop = &world.shop;
    let (other, admin) = (shop.somebody("other").await, shop.somebody("admin").await);
    shop.event(&other, "1000", None).await;
    let id = shop.get("/auth/me", &admin).await.json()["id"].as_i64().unwrap();
    shop.ticketing.set_role(id.into(), Role::Admin).await.unwrap();
    let (buyer, owner) = (world.buyer.clone(), world.organizer.clone());
    [String::new(), forged().await, world.stranger.clone(), buyer, other, owner, admin]
}

/// The token of a new account whose second factor is as far as an operation needs it, and a code.
async fn factor_for(world: &World, operation: &str, name: &str) -> (String, Option<String>) {
    if operation.ends_with("/auth/totp") {
        return (world.shop.verified(name).await.0, None);
    }
    if operation.ends_with("confirm") {
        let (token, _) = world.shop.verified(name).await;
        let secret = world.shop.post("/auth/totp", &token, json!({"password": PASSWORD})).await.text("secret");
        return (token, Some(world.shop.app_shows(&secret)));
    }
    let owner = world.shop.with_factor(name).await;
    (owner.token, Some(owner.recovery[0].clone()))
}

/// Makes the requests of the table, as every caller or only as one. Returns what was answered otherwise than the table says.
pub(crate) async fn differences<const N: usize>(
    world: &World,
    callers: [&str; N],
    table: &[(&str, [u16; N])],
    lists: &[(&str, [bool; N])],
    tokens: &[String; N],
    only: Option<&str>,
) -> Vec<String> {
    let mut found = vec![];
    for (row, (operation, statuses)) in table.iter().enumerate() {
        let shown_to = lists.iter().find(|(list, _)| list == operation).map(|(_, shown_to)| shown_to);
        for (column, caller) in
            callers.iter().enumerate().filter(|(_, caller)| only.is_none_or(|only| only == **caller))
        {
            let made = request(world, operation, row * N + column).await;
            let Request { path, mut body, shown } = made.unwrap_or_else(|| panic!("no request for {operation}"));
            // Logging out and a new password end the caller's sessions: it is done by a session of somebody who has no other.
            let token = match *operation {
                "post /auth/logout" if statuses[column] == 204 => world.shop.somebody(&format!("once-{column}")).await,
                "post /auth/change-password" if statuses[column] == 200 => {
                    world.shop.somebody(&format!("changing-{column}")).await
                }
                operation if operation.contains("/auth/totp") && statuses[column] < 300 => {
                    // Of an account of its own, whose factor is as far as the operation needs it.
                    let name = format!("totp-{row}-{column}");
                    let (token, code) = factor_for(world, operation, &name).await;
                    if let Some(code) = code {
                        body["code"] = json!(code);
                    }
                    token
                }
                // Nothing of theirs is in the way.
                "post /auth/erasure" if statuses[column] == 200 => {
                    world.shop.somebody(&format!("leaving-{column}")).await
                }
                "post /auth/sessions/end-others" if statuses[column] == 200 => {
                    world.shop.somebody(&format!("alone-{column}")).await
                }
                _ => tokens[column].clone(),
            };
            let call = Call::new(operation.split(' ').next().unwrap(), &path).token(&token).header("if-match", "*");
            let answer = match &body {
                Value::Null => world.shop.send(call).await,
                Value::String(text) => world.shop.send(call.body(type_of(&path), text.as_str())).await,
                body => world.shop.send(call.json(body)).await,
            };
            if answer.status != statuses[column] {
                found.push(format!("{operation} for {caller}: {} instead of {}", answer.status, statuses[column]));
            }
            if answer.status >= 400 {
                answer.problem();
            }
            let text = String::from_utf8_lossy(&answer.bytes);
            if let Some(shown_to) = shown_to.filter(|shown_to| text.contains(&shown) != shown_to[column]) {
                let not = if shown_to[column] { "not " } else { "" };
                found.push(format!("{operation} for {caller}: {shown} is {not}in the list"));
            }
        }
    }
    found
}

async fn of_callers(world: &World, tokens: &[String; 7], only: Option<&str>) -> Vec<String> {
    differences(world, CALLERS, TABLE, LISTS, tokens, only).await
}

async fn of_members(world: &World, tokens: &[String; 9], only: Option<&str>) -> Vec<String> {
    differences(world, MEMBERS, ROLES, ROLES_LISTS, tokens, only).await
}

/// The token of each of [`MEMBERS`].
async fn tokens_of_members(world: &World) -> [String; 9] {
    let mut tokens = vec![world.organizer.clone()];
    for role in &MEMBERS[1..6] {
        tokens.push(world.member(role, role, Value::Null).await.0);
    }
    let (elsewhere, _) = world.verified("elsewhere").await;
    let founded = world.shop.post("/organisations", &elsewhere, json!({"name": "Somebody Else"})).await;
    assert_eq!(founded.status, 201, "{founded:?}");
    let theirs = json!({"title": "Theirs", "event_date": "2026-12-31T20:00:00", "location": "Lagos", "price": 1,
        "organisation_id": founded.json()["id"]});
    assert_eq!(world.shop.post("/events/", &elsewhere, theirs).await.status, 201);
    let another = json!([world.organisations_event().await]);
    let (another_event, _) = world.member("another", "manager", another).await;
    let (disabled, id) = world.member("disabled", "owner", Value::Null).await;
    world.shop.ticketing.set_active(id.into(), false).await.unwrap();
    tokens.extend([elsewhere, another_event, disabled]);
    tokens.try_into().unwrap()
}

#[test]
fn every_operation_has_a_row_and_every_row_an_operation() {
    let operations = operations();
    let mut expected: Vec<String> = operations.iter().map(crate::document::Operation::name).collect();
    expected.sort_unstable();
    for rows in [
        TABLE.iter().map(|(operation, _)| *operation).collect::<Vec<_>>(),
        ROLES.iter().map(|(operation, _)| *operation).collect(),
    ] {
        let mut rows: Vec<&str> = rows.into_iter().filter(|row| !is_another_way(row)).collect();
        rows.sort_unstable();
        assert_eq!(rows, expected);
    }
    // The document says which operations need a token.
    for operation in operations {
        let (_, statuses) = TABLE.iter().find(|(row, _)| *row == operation.name()).unwrap();
        let needs_token = operation.value["security"].as_array().is_some_and(|all| !all.contains(&json!({})));
        let is_webhook = operation.path.contains("webhooks");
        let takes_token = operation.value["security"].is_array();
        assert!(!needs_token || statuses[..2] == [401, 401], "{} needs a token", operation.name());
        assert!(!takes_token || statuses[1] == 401, "{} reads the token", operation.name());
        assert!(takes_token || is_webhook || statuses.iter().all(|status| *status < 300), "{}", operation.name());
    }
}

#[tokio::test]
async fn every_caller_may_do_what_the_table_says() {
    let world = World::new().await;
    let tokens = tokens(&world).await;
    assert_eq!(of_callers(&world, &tokens, None).await, Vec::<String>::new());
    world.shop.is_sound().await;
}

/// The control: a stranger who is taken for the buyer is seen in every row that is about the buyer.
#[tokio::test]
async fn the_table_finds_a_stranger_who_is_taken_for_the_buyer() {
    let world = World::new().await;
    let mut tokens = tokens(&world).await;
    tokens[STRANGER] = tokens[BUYER].clone();
    let found = of_callers(&world, &tokens, Some(CALLERS[STRANGER])).await;
    let differ = TABLE.iter().filter(|(_, statuses)| statuses[STRANGER] != statuses[BUYER]).count();
    let lists = LISTS.iter().filter(|(_, shown_to)| shown_to[STRANGER] != shown_to[BUYER]).count();
    assert_eq!(found.len(), differ + lists, "{found:?}");
    assert!(found.len() >= 10, "{found:?}");
}

#[tokio::test]
async fn every_role_may_do_what_the_table_says() {
    let world = World::of_organisation().await;
    let tokens = tokens_of_members(&world).await;
    assert_eq!(of_members(&world, &tokens, None).await, Vec::<String>::new());
    world.shop.is_sound().await;
}

/// The control: the owner of another organisation who is taken for a viewer of this one.
#[tokio::test]
async fn the_table_finds_a_stranger_who_is_taken_for_a_member() {
    let world = World::of_organisation().await;
    let mut tokens = tokens_of_members(&world).await;
    let (viewer, elsewhere) = (5, 6);
    tokens[elsewhere] = tokens[viewer].clone();
    let found = of_members(&world, &tokens, Some(MEMBERS[elsewhere])).await;
    let differ = ROLES.iter().filter(|(_, statuses)| statuses[viewer] != statuses[elsewhere]).count();
    let lists = ROLES_LISTS.iter().filter(|(_, shown_to)| shown_to[viewer] != shown_to[elsewhere]).count();
    assert_eq!(found.len(), differ + lists, "{found:?}");
    assert!(found.len() >= 5, "{found:?}");
}
