//! The proof of the conformance kit: each planted bug makes the cases fail that are there for it, and the same storage without
//! a bug passes them all.
#![cfg(feature = "testing")]

use crate::planted::{Bug, DecidesTwice, Planted};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use ticketing_core::storage::conformance::{cases, model};

/// Which cases find which bug. Where there are several, each alone does.
const FOUND_BY: &[(Bug, &[&str])] = &[
    (
        Bug::HoldLooksThenTakes,
        &[
            "races::the_last_place_goes_to_one_buyer",
            "races::sixty_four_buyers_get_ten_places_of_two_types",
            "races::concurrent_holds_of_a_buyer_stay_within_the_limits",
        ],
    ),
    (
        Bug::HoldForgetsItsKey,
        &["orders::a_repeated_hold_finds_the_same_order", "races::a_hold_requested_eight_times_at_once_is_one_order"],
    ),
    (Bug::PastEventsAreMade, &["events::an_event_in_the_past_is_refused"]),
    (Bug::SalesNeverEnd, &["orders::tickets_are_sold_until_the_end_or_for_a_day_after_the_start"]),
    (Bug::HoldBelievesAnyContent, &["orders::a_reference_used_for_something_else_is_refused"]),
    (Bug::BatchStopsAtTheFirstNo, &["batches::later_holds_see_the_places_that_earlier_ones_took"]),
    (
        Bug::BatchItemsAreBlind,
        &[
            "batches::later_holds_see_the_places_that_earlier_ones_took",
            "batches::later_holds_see_the_open_holds_of_their_buyer",
        ],
    ),
    (Bug::BatchInPieces, &["races::a_dropped_call_is_done_or_not_done"]),
    (Bug::ExpireInTwoSteps, &["races::a_payment_at_the_deadline_becomes_tickets_or_a_refund"]),
    (
        Bug::SettleIssuesAgain,
        &[
            "settle::the_same_success_again_changes_nothing",
            "races::a_success_reported_eight_times_at_once_issues_the_tickets_once",
        ],
    ),
    (Bug::SettleTakesAnyAmount, &["settle::a_mismatched_payment_goes_to_review"]),
    (Bug::LateMoneyTakesPlacesUnasked, &["settle::a_late_payment_for_a_sold_out_event_is_refunded"]),
    (
        Bug::SecondSuccessIsForgotten,
        &["settle::a_second_attempt_that_succeeds_is_refunded", "races::two_attempts_that_succeed_at_once_buy_once"],
    ),
    (Bug::FailedIsFinal, &["settle::a_success_after_a_failure_buys_the_tickets"]),
    (Bug::HoldIsExtendedForEver, &["settle::a_payment_in_progress_extends_the_hold_once"]),
    (Bug::ReversalsAreIgnored, &["settle::a_reversed_payment_voids_the_tickets"]),
    (Bug::ScanLooksThenLetsIn, &["races::a_ticket_scanned_sixteen_times_at_once_admits_one_person"]),
    (
        Bug::ScanForgetsItsNonce,
        &["tickets::a_ticket_admits_one_person", "races::a_scan_repeated_eight_times_at_once_gets_one_answer"],
    ),
    (Bug::RefundForgetsItsKey, &["refunds::a_repeated_refund_is_the_same_refund"]),
    (Bug::RefundsBeyondWhatCame, &["refunds::refunds_never_exceed_the_capture"]),
    (Bug::ClaimedRefundsStayDue, &["refunds::a_claimed_refund_is_marked_unknown_and_belongs_to_one_worker"]),
    (Bug::ProcessedRefundsFail, &["refunds::a_processed_refund_stays_processed"]),
    (Bug::OfAlternativesOnlyTheLastIsClaimed, &["cancellations::every_order_of_a_cancelled_event_is_undone_once"]),
    (
        Bug::ClaimsAreShared,
        &[
            "races::eight_workers_never_take_the_same_mail",
            "races::eight_workers_never_take_the_same_refund_poll_or_webhook",
        ],
    ),
    (
        Bug::MailsWithoutLease,
        &[
            "outbox::a_claimed_mail_belongs_to_one_worker_until_the_lease_ends",
            "races::eight_workers_never_take_the_same_mail",
        ],
    ),
    (Bug::MailsAreSentBeforeTheyAre, &["outbox::a_claimed_mail_belongs_to_one_worker_until_the_lease_ends"]),
    (Bug::StaleReportsCount, &["outbox::a_stale_report_changes_nothing_unless_the_mail_was_sent_by_it"]),
    (Bug::PollsAreNotPostponed, &["polls::an_open_attempt_is_polled_with_backoff_until_it_lapses"]),
    (Bug::WebhooksAreNotDeduplicated, &["webhooks::a_webhook_is_stored_byte_for_byte_once"]),
    (
        Bug::ProofsWorkTwice,
        &[
            "proofs::a_verified_address_needs_no_proof",
            "proofs::a_reset_ends_sessions_and_other_proofs_and_is_told",
            "proofs::a_proof_used_eight_times_at_once_works_once",
        ],
    ),
    (
        Bug::StepsAreNotKept,
        &[
            "factors::a_code_works_once_and_no_earlier_one_after_it",
            "factors::a_code_used_eight_times_at_once_works_once",
        ],
    ),
    (
        Bug::RecoveryCodesStay,
        &["factors::a_recovery_code_works_once_and_is_told", "factors::a_code_used_eight_times_at_once_works_once"],
    ),
    (Bug::EndedSessionsWork, &["sessions::a_session_that_was_ended_is_not_open_any_more"]),
    (
        Bug::CodesAreCheckedThenUsed,
        &[
            "factors::a_code_used_eight_times_at_once_works_once",
            "factors::eight_wrong_codes_at_once_close_the_way_once",
        ],
    ),
    (Bug::ProofsAreCountedThenBegun, &["proofs::eight_begun_at_once_stay_within_the_limit"]),
    (Bug::LastOwnersLeave, &["organisations::the_last_owner_stays"]),
    (Bug::MembersGrantWhatTheyLack, &["organisations::nobody_grants_what_they_lack"]),
    (
        Bug::OwnersAreCountedThenRemoved,
        &[
            "organisations::of_two_owners_who_remove_each_other_one_stays",
            "organisations::of_eight_owners_who_demote_each_other_one_stays",
        ],
    ),
    (
        Bug::KeysGetWhatTheirMakersLack,
        &["api_keys::nobody_gives_a_key_what_they_lack", "api_keys::a_key_is_for_events_of_its_organiser"],
    ),
    (
        Bug::RevokedKeysWork,
        &[
            "api_keys::a_key_works_until_it_is_revoked_or_expires",
            "api_keys::a_key_is_revoked_by_those_who_may_and_unknown_to_others",
        ],
    ),
    (Bug::KeysAreCountedThenMade, &["api_keys::keys_made_at_once_stay_within_the_limit"]),
    (
        Bug::ReadsIgnoreOnly,
        &[
            "scopes::reviews_are_those_of_the_scope",
            "scopes::dead_mails_are_those_of_the_scope",
            "scopes::events_are_those_of_the_scope",
            "scopes::promo_codes_are_those_of_the_scope",
            "scopes::the_audit_log_of_an_event_is_that_of_the_scope",
        ],
    ),
    (
        Bug::ReadsIgnoreTheScope,
        &[
            "scopes::reviews_are_those_of_the_scope",
            "scopes::dead_mails_are_those_of_the_scope",
            "scopes::events_are_those_of_the_scope",
            "scopes::promo_codes_are_those_of_the_scope",
        ],
    ),
    (Bug::ScansIgnoreTheScope, &["scopes::at_the_door_the_scope_is_that_of_the_scan"]),
    (Bug::AddressesHaveCase, &["accounts::a_taken_address_or_user_name_is_refused_in_any_case"]),
    (Bug::SearchHasWildcards, &["filters::search_text_has_no_wildcards"]),
    (Bug::SearchKnowsAsciiOnly, &["filters::events_are_found_by_text_in_any_case_and_any_script"]),
    (
        Bug::PagesAreTheLast,
        &["paging::events_come_in_pages", "paging::orders_come_in_pages", "paging::tickets_come_in_pages"],
    ),
    (
        Bug::ListsForgetACondition,
        &[
            "filters::events_are_filtered_by_category_time_and_organiser",
            "filters::orders_are_listed_by_buyer_and_event_the_newest_first",
            "paging::orders_come_in_pages",
        ],
    ),
    (Bug::TalliesCountEverything, &["watch::open_work_is_counted_and_finished_work_is_not"]),
    (
        Bug::OfSeveralKeysOneIsFound,
        &[
            "orders::orders_are_found_together_each_with_its_tickets",
            "attempts::attempts_are_found_together_each_with_its_order",
        ],
    ),
    (Bug::OfSeveralLookupsOneIsMade, &["accounts::accounts_are_found_together_by_any_key"]),
    (Bug::AKeyFindsOneRow, &["orders::orders_are_found_together_each_with_its_tickets"]),
    (
        Bug::RowsHaveOnePart,
        &["events::an_event_reads_back_as_it_was_made", "orders::a_hold_takes_places_of_its_types_and_of_the_event"],
    ),
    (
        Bug::DecidesAgainOnTheSameRows,
        &[
            "outbox::a_claimed_mail_belongs_to_one_worker_until_the_lease_ends",
            "polls::an_open_attempt_is_polled_with_backoff_until_it_lapses",
            "settle::the_same_success_again_changes_nothing",
        ],
    ),
    (Bug::FirstDecisionIsAnswered, &["races::the_last_place_goes_to_one_buyer"]),
    (Bug::NounsAreWrittenApart, &["races::readers_never_see_half_a_write"]),
    (
        Bug::TimesInMilliseconds,
        &["events::an_event_reads_back_as_it_was_made", "orders::a_hold_takes_places_of_its_types_and_of_the_event"],
    ),
    (Bug::ReadsInPieces, &["races::readers_never_see_half_a_write"]),
];

/// Bugs that random commands find by themselves.
const FOUND_BY_CHANCE: &[Bug] = &[
    Bug::HoldForgetsItsKey,
    Bug::BatchItemsAreBlind,
    Bug::SettleIssuesAgain,
    Bug::SettleTakesAnyAmount,
    Bug::LateMoneyTakesPlacesUnasked,
    Bug::SecondSuccessIsForgotten,
    Bug::ReversalsAreIgnored,
    Bug::ScanForgetsItsNonce,
    Bug::RefundForgetsItsKey,
    Bug::MailsWithoutLease,
    Bug::SearchHasWildcards,
    Bug::ListsForgetACondition,
    Bug::AKeyFindsOneRow,
    Bug::RowsHaveOnePart,
    Bug::ProofsWorkTwice,
    Bug::StepsAreNotKept,
    Bug::RecoveryCodesStay,
    Bug::EndedSessionsWork,
    Bug::LastOwnersLeave,
    Bug::MembersGrantWhatTheyLack,
    Bug::KeysGetWhatTheirMakersLack,
    Bug::RevokedKeysWork,
];

/// Plays a part of the kit on threads of its own. Gives what it panics with.
fn failure<F: Future<Output = ()>>(play: impl FnOnce() -> F) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| runtime.block_on(play()))).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

#[test]
fn a_storage_without_a_bug_passes_every_case() {
    for case in cases() {
        assert_eq!(failure(|| case.run(Arc::new(Planted::with(Bug::None)))), None, "{case:?}");
    }
    assert_eq!(failure(|| model::act_as_in_memory(async || Planted::with(Bug::None), 0..8, 200)), None);
}

/// A storage may let work decide again, on rows that were loaded afresh.
#[test]
fn a_storage_that_decides_everything_twice_passes_every_case() {
    for case in cases() {
        assert_eq!(failure(|| case.run(Arc::new(DecidesTwice::default()))), None, "{case:?}");
    }
    assert_eq!(failure(|| model::act_as_in_memory(async || DecidesTwice::default(), 0..8, 200)), None);
}

#[test]
fn every_planted_bug_is_found_by_the_cases_that_are_there_for_it() {
    let cases = cases();
    let mut missed = vec![];
    for (bug, found_by) in FOUND_BY {
        for name in *found_by {
            let case =
                cases.iter().find(|case| case.name == *name).unwrap_or_else(|| panic!("there is no case {name}"));
            let found = failure(|| case.run(Arc::new(Planted::with(*bug))));
            if found.is_none() {
                missed.push(format!("{bug:?} was planted and {name} passes"));
            }
        }
    }
    assert_eq!(missed, Vec::<String>::new());
}

#[test]
fn random_commands_find_bugs_and_print_the_few_that_show_them() {
    for bug in FOUND_BY_CHANCE {
        let found = failure(|| model::act_as_in_memory(async || Planted::with(*bug), 0..400, 200));
        let found = found.unwrap_or_else(|| panic!("{bug:?} was planted and random commands pass"));
        let commands =
            found.lines().take_while(|line| !line.ends_with(':')).filter(|line| line.starts_with("  ")).count();
        assert!((1..=14).contains(&commands), "{bug:?} takes few commands to show:\n{found}");
    }
}
