//! Fields that later migrations added or replaced. Answers recorded by older versions do not have them, so they are left out on
//! both sides before comparing.

use serde_json::Value;

/// How each noun is recognised (a combination of fields that only it has), and which of its fields are left out. To add a field to
/// what is stored, name it here; everything else must still be as it was recorded.
const LATER: [(&str, &[&str], &[&str]); 11] = [
    // The category's id beside the category itself; then what an organiser can edit.
    (
        "event",
        &["starts_at", "ticket_types"],
        &["category_id", "published_at", "rules", "series_id", "terms", "time_zone", "version"],
    ),
    ("ticket type", &["price", "stock"], &["removed_at", "rules", "visibility"]),
    // What a total is made of.
    ("order line", &["unit_price", "quantity"], &["parts", "promo_code_id"]),
    ("order", &["hold_extended", "lines"], &["has_details", "promo_code_id"]),
    // Mails and audit lines may be about other things than orders.
    ("mail", &["due_at", "kind"], &["order_id", "subject"]),
    ("audit line", &["actor", "action"], &["item", "order_id", "organisation_id", "subject"]),
    // Disputes and other reasons for a person to look at a payment.
    ("attempt", &["gateway", "mode", "poll"], &["attention", "disputes", "note", "recorded_by"]),
    ("webhook", &["dedupe_key", "action"], &["dispute"]),
    // Void tickets whose holders went in before or that were replaced, and scans that were undone.
    ("ticket", &["holder", "ordinal"], &["keeps_place", "replaces"]),
    ("check-in", &["nonce", "gate"], &["annulled", "annulled_at"]),
    // Why an account is disabled, whether it has a second factor, and what it may do in organisations.
    (
        "account",
        &["email", "sessions_ended"],
        &["disabled_reason", "erase_at", "erased_at", "has_second_factor", "memberships"],
    ),
];

/// Removes the later fields, however deep.
pub(crate) fn remove_later_fields(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(remove_later_fields),
        Value::Object(fields) => {
            for (_, known_by, later) in LATER {
                if known_by.iter().all(|field| fields.contains_key(*field)) {
                    later.iter().for_each(|field| drop(fields.remove(*field)));
                }
            }
            fields.values_mut().for_each(remove_later_fields);
        }
        _ => {}
    }
}
