//! The conformance kit: tests that every storage must pass, also one of your own.
//!
//! ```
//! use ticketing_core::storage::memory::MemoryStorage;
//!
//! ticketing_core::storage_conformance!(memory, async || MemoryStorage::new());
//! ```
//!
//! generates a module `memory` with one `#[tokio::test]` per case. This requires the dev-dependency tokio with the features `macros`
//! and `rt-multi-thread`. The second argument is called once per case and returns an empty storage: a [`Storage`], an
//! `Arc<dyn Storage>`, or a tuple of either and a guard that is dropped after the case, such as `(storage, TempFolder)`.
//!
//! A case is an async function that takes a storage. It panics if the storage does not do what the case's name says. After every
//! case, the storage's own [`check`](Storage::check) must find no violation. To add a case, write the function and add its name to
//! the list below. `tests/suite/planted_bugs.rs` proves that the cases find bugs.

#![allow(missing_docs, reason = "a case's name says what it is")]
#![allow(clippy::unwrap_used, reason = "a kit fails a case by panicking")]

pub mod accounts;
pub mod api_keys;
pub mod attempts;
pub mod attendees;
pub mod batches;
pub mod box_office;
pub mod cancellations;
pub mod codes;
mod commands;
pub mod copies;
pub mod disputes;
pub mod edits;
pub mod erasures;
pub mod events;
pub mod factors;
pub mod filters;
pub mod guests;
pub mod invitations;
pub mod limits;
pub mod mailed_codes;
pub mod messages;
pub mod model;
pub mod notices;
pub mod order_details;
pub mod orders;
pub mod organisations;
pub mod outbox;
mod outcomes;
pub mod paging;
pub mod polls;
pub mod proofs;
pub mod races;
pub mod refunds;
pub mod requests;
pub mod returns;
pub mod reviews;
pub mod sales;
pub mod scopes;
pub mod sessions;
pub mod settle;
pub mod shop;
pub mod swaps;
pub mod tickets;
pub mod till;
pub mod transfers;
pub mod watch;
pub mod webhooks;

mod folder;

pub use folder::TempFolder;

use super::Storage;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Tests a storage against its contract: see [`storage::conformance`](crate::storage::conformance).
#[macro_export]
macro_rules! storage_conformance {
    // The list of all cases, by file.
    (@cases $($then:tt)*) => {
        $crate::storage_conformance! { @$($then)*
            accounts {
                an_account_is_found_by_id_address_and_user_name
                accounts_are_found_together_by_any_key
                a_taken_address_or_user_name_is_refused_in_any_case
                the_spellings_of_an_address_and_of_a_user_name_are_one_account
                accounts_whose_addresses_are_spellings_of_one_mailbox_keep_working
                disabling_an_account_ends_its_sessions_for_good
                an_administrator_is_made_and_demoted
                the_last_active_administrator_is_neither_demoted_nor_disabled
                later_items_see_which_administrators_are_left
                what_is_so_already_is_no_change_and_no_line_of_the_audit_log
                each_change_of_an_account_is_a_line_of_the_audit_log_without_free_text
                an_account_that_does_not_exist_is_not_administered
                accounts_are_found_by_text_role_and_status
                an_address_is_verified_once
                of_two_administrators_who_demote_each_other_one_stays
                of_eight_administrators_who_take_each_others_rights_one_stays
                a_password_changes_only_if_no_other_call_changed_it
                sessions_are_ended_by_a_new_password_and_on_request
            }
            proofs {
                a_proof_reads_back_and_owes_one_mail
                a_verified_address_needs_no_proof
                the_fourth_proof_within_an_hour_is_refused
                new_addresses_of_one_account_count_together
                nobody_learns_who_has_an_account
                a_proof_is_used_until_it_expires_and_for_its_purpose_only
                a_reset_ends_sessions_and_other_proofs_and_is_told
                the_owner_of_a_squatted_address_takes_the_account_over
                a_new_password_ends_proofs_of_a_password_and_of_an_address
                a_new_address_is_proved_and_told_to_the_old_one
                a_changed_address_is_undone
                undoing_the_first_change_ends_the_later_ones
                nobody_else_gets_an_address_while_its_change_can_be_undone
                an_address_that_is_taken_meanwhile_is_refused
                proofs_are_kept_for_a_day_after_they_expire
                a_proof_used_eight_times_at_once_works_once
                of_two_resets_at_once_the_password_is_of_one_that_worked
                an_address_that_is_registered_at_once_has_one_account
                eight_begun_at_once_stay_within_the_limit
            }
            mailed_codes {
                a_code_reads_back_and_owes_one_mail
                a_right_code_verifies_the_address_once
                five_wrong_codes_close_it
                a_code_is_for_its_purpose_its_proof_and_its_time
                a_new_code_replaces_the_one_before
                what_else_verifies_the_address_ends_its_code
                the_fourth_code_within_an_hour_is_refused
                a_right_code_used_eight_times_at_once_works_once
                eight_wrong_codes_at_once_use_five_tries
            }
            erasures {
                an_erasure_is_asked_for_told_and_cancelled
                an_erased_account_keeps_nothing_but_its_id
                an_account_whose_address_was_never_verified_leaves_the_proofs_of_its_owner
                what_is_left_of_an_account_is_looked_for_for_a_day
                what_needs_the_person_stands_in_the_way
                an_owner_leaves_others_an_owner
                a_blocked_erasure_is_tried_again_a_day_later
                a_buyer_is_erased_once_the_order_is_finished
                a_buyer_whose_money_moves_is_left_alone
                money_that_comes_for_an_erased_buyer_goes_back
                who_proves_the_address_cancels_an_erasure
                once_its_time_has_come_nothing_cancels_an_erasure
                a_mail_whose_recipient_was_erased_goes_to_the_buyer_again
                what_is_erasable_is_listed_in_slices
                a_mail_that_waits_is_erased_only_if_it_is_given_up
                an_account_erased_eight_times_at_once_is_erased_once
                of_administrators_who_are_erased_at_once_one_stays
                of_an_erasure_and_a_payment_at_once_the_payment_is_told
            }
            organisations {
                an_organisation_reads_back_and_its_founder_owns_it
                only_active_accounts_with_a_verified_address_join
                a_member_is_added_changed_and_removed
                what_is_so_already_is_no_change
                an_account_keeps_its_memberships_in_order
                nobody_grants_what_they_lack
                a_role_for_some_events_gives_no_rights_in_the_organisation
                the_last_owner_stays
                there_are_limits
                who_requires_a_second_factor_has_one_and_so_have_those_who_act
                each_change_of_a_member_is_a_line_of_the_audit_log
                what_happens_to_an_organisation_is_in_its_audit_log
                an_event_moves_to_an_organisation_and_back
                an_event_of_an_organisation_reads_back
                of_two_owners_who_remove_each_other_one_stays
                of_eight_owners_who_demote_each_other_one_stays
                eight_found_at_once_stay_within_the_limit
                a_manager_who_is_removed_at_once_grants_nothing_afterwards
            }
            invitations {
                an_invitation_reads_back_and_owes_one_mail
                who_has_the_address_joins_once_and_is_verified
                only_an_active_account_with_the_address_joins
                the_last_invitation_of_an_address_counts
                invitations_have_limits
                nobody_invites_to_what_they_lack
                an_inviter_who_may_not_grant_any_more_invites_nobody
                an_invitation_changes_a_member_as_its_inviter_could
                listed_events_count_while_the_organisation_runs_them
                an_invitation_is_withdrawn_by_those_who_could_make_it
                what_becomes_of_an_invitation_is_in_the_audit_log
                an_unused_invitation_is_forgotten_a_day_after_it_expires
                an_invitation_used_eight_times_at_once_works_once
                of_withdrawing_and_accepting_at_once_one_works
                invitations_made_at_once_stay_within_the_limit
            }
            api_keys {
                a_key_reads_back_with_its_maker
                a_key_works_until_it_is_revoked_or_expires
                a_key_is_revoked_by_those_who_may_and_unknown_to_others
                nobody_gives_a_key_what_they_lack
                a_key_is_for_events_of_its_organiser
                a_key_may_what_it_was_given_and_its_maker_may
                a_key_that_is_taken_over_outlives_its_makers_membership
                the_use_of_a_key_is_noted_once_an_hour
                keys_made_at_once_stay_within_the_limit
                a_scan_by_a_key_names_the_key
                what_becomes_of_a_key_is_in_the_audit_log
            }
            scopes {
                a_scope_sees_its_events_only
                a_role_gives_its_permissions_only
                a_role_for_some_events_ends_when_they_move
                reviews_are_those_of_the_scope
                dead_mails_are_those_of_the_scope
                events_are_those_of_the_scope
                promo_codes_are_those_of_the_scope
                the_audit_log_of_an_event_is_that_of_the_scope
                the_audit_log_of_an_organisation_is_that_of_the_scope
                members_are_those_of_the_scope
                at_the_door_the_scope_is_that_of_the_scan
                money_moves_within_the_scope_only
                of_a_scan_and_a_move_at_once_the_event_decides
            }
            sessions {
                a_session_reads_back_with_its_account
                a_session_that_was_ended_is_not_open_any_more
                all_other_sessions_of_an_account_are_ended
                ending_all_sessions_ends_those_that_are_kept
                the_use_of_a_session_is_noted_once_an_hour
                expired_sessions_are_forgotten_in_slices
                sessions_begun_and_ended_at_once_are_ended_or_go_on
            }
            factors {
                a_factor_reads_back_and_is_on_once_it_is_confirmed
                a_factor_is_begun_with_the_password_by_who_owns_the_address
                a_code_works_once_and_no_earlier_one_after_it
                the_fifth_wrong_code_closes_the_way_for_a_while
                beginning_again_does_not_open_the_way
                a_recovery_code_works_once_and_is_told
                a_factor_is_removed_with_password_and_code
                an_administrator_removes_a_factor_that_was_lost
                a_new_password_leaves_the_factor
                undoing_a_changed_address_removes_a_factor_that_was_added_since
                a_code_used_eight_times_at_once_works_once
                eight_wrong_codes_at_once_close_the_way_once
                a_factor_confirmed_eight_times_at_once_is_added_once
            }
            events {
                an_event_reads_back_as_it_was_made
                creating_an_event_again_with_its_key_finds_the_same_event
                an_event_of_an_unknown_category_is_refused
                an_event_in_the_past_is_refused
                category_names_ignore_case_and_are_listed_in_order
                accounts_and_identities_of_applications_organise_and_buy
                a_cancelled_event_sells_nothing_and_stays_cancelled
                times_are_as_precise_as_they_are_stored
            }
            edits {
                an_edit_changes_what_it_names_and_nothing_else
                a_repeated_edit_changes_nothing
                an_edit_of_an_old_version_is_refused
                a_capacity_is_never_below_what_is_taken
                a_new_price_applies_to_new_holds_only
                ticket_types_are_added_renamed_reordered_and_removed
                a_published_event_keeps_a_public_type
                a_secret_type_is_sold_to_nobody_who_guesses_it
                a_hold_that_named_no_type_is_found_again_after_one_was_added
                the_currency_is_fixed_once_there_is_an_order
                a_draft_is_not_sold_and_an_event_with_orders_is_no_draft
                only_the_texts_of_an_event_that_is_over_change
                sales_rules_apply_to_new_holds
                a_buyer_has_no_more_tickets_than_the_organiser_allows
                late_money_needs_places_and_no_rules
                places_that_are_held_can_be_paid_whatever_the_rules_say
                every_changed_field_is_a_line_of_the_audit_log
                events_are_listed_by_phase
                lowering_the_capacity_while_everybody_buys
                of_two_edits_of_one_version_one_wins
                an_event_is_paused_while_everybody_buys_and_pays
            }
            notices {
                each_paid_order_gets_one_mail_per_change
                a_change_that_is_neither_date_nor_place_is_no_notice
                a_further_change_before_it_is_due_replaces_it
                a_change_that_is_undone_is_told_to_those_who_ordered_in_between
                a_notice_that_has_begun_to_go_out_is_finished
                an_order_that_was_made_after_the_change_gets_none
                a_cancelled_event_sends_none
                a_worker_that_dies_is_followed_by_the_next
                eight_workers_enqueue_each_mail_once
            }
            returns {
                returns_are_open_by_default_where_much_has_changed
                a_wish_about_returns_overrides_the_default
                unused_tickets_are_returned_until_a_date
                a_return_is_repeated_and_refused_to_others
                tickets_are_returned_as_the_event_allows
                what_is_kept_is_rounded_down
                a_change_of_the_event_returns_the_whole_price
                what_is_not_the_buyers_is_neither_quoted_nor_returned
                a_swapped_ticket_is_returned_for_what_it_counts
                a_ticket_returned_eight_times_at_once_is_paid_back_once
            }
            copies {
                a_copy_has_everything_but_what_was_sold
                a_copy_has_its_own_promo_codes
                times_of_a_copy_keep_their_distance_in_wall_time
                a_repeated_copy_is_the_same_event
            }
            codes {
                a_code_reads_back_and_a_repeat_finds_it
                a_code_takes_its_discount_off_each_ticket
                a_code_that_is_not_good_is_unknown
                uses_that_run_short_go_to_the_dearest_tickets
                a_hold_that_ends_gives_its_uses_back_once
                late_money_takes_uses_again_or_goes_back
                a_code_has_limits_for_an_order_and_for_a_buyer
                a_code_gives_access_to_its_secret_types_only
                an_edit_of_a_code_leaves_orders_alone
                a_free_order_by_a_code_counts_against_the_limits
                sixty_four_buyers_share_ten_uses
                expiry_against_payment_counts_a_use_once
                a_code_for_a_type_that_was_removed_is_for_the_others
            }
            orders {
                a_hold_takes_places_of_its_types_and_of_the_event
                a_hold_beyond_a_capacity_is_sold_out_and_says_what_is_left
                a_repeated_hold_finds_the_same_order
                a_reference_used_for_something_else_is_refused
                a_hold_of_what_is_not_for_sale_is_refused
                tickets_are_sold_until_the_end_or_for_a_day_after_the_start
                a_total_that_overflows_is_refused
                a_buyer_has_no_more_open_holds_than_allowed
                a_buyer_has_no_more_free_tickets_than_allowed
                free_tickets_of_paid_orders_count_and_an_order_that_costs_something_is_not_refused
                a_released_order_gives_its_places_back_once
                only_a_held_order_is_released
                holds_expire_at_their_deadline_and_not_before
                the_most_overdue_holds_expire_first
                an_order_keeps_the_price_it_was_made_at
                orders_are_found_together_each_with_its_tickets
            }
            guests {
                a_guest_holds_places_and_gives_an_address_later
                a_named_guest_buys_at_once
                an_address_never_revives_a_hold
                an_address_stays_once_a_checkout_is_opened
                only_orders_of_guests_get_an_address
                guests_are_limited_by_their_address
                a_guest_sees_one_order_and_its_tickets
                an_account_claims_the_orders_of_its_address
                a_guest_returns_tickets_of_a_claimed_order
                naming_and_expiry_at_once_keep_or_free_the_places
                claiming_while_a_payment_arrives_gives_the_account_all_tickets
                the_uses_of_a_code_are_limited_by_the_address_of_a_guest
            }
            attendees {
                nothing_is_known_until_somebody_says_it
                an_edit_that_changes_nothing_is_no_edit
                an_old_version_of_an_attendee_is_refused
                of_two_edits_of_one_version_one_wins
                the_holder_edits_all_but_the_note_and_only_while_the_ticket_is_valid
                who_gets_an_address_gets_the_ticket_there
                attendees_of_foreign_events_are_neither_listed_nor_edited
                every_page_size_lists_every_attendee_once
                a_cursor_stays_where_it_is_while_tickets_are_sold
                attendees_are_found_by_what_is_known_of_them
                orders_are_found_whatever_became_of_them
                an_erased_buyer_leaves_no_attendee
                an_attendee_is_erased_by_address_and_after_the_event
                who_comes_is_in_the_audit_log_without_the_data
            }
            attempts {
                an_attempt_reads_back_and_a_repeat_finds_it
                attempts_are_found_together_each_with_its_order
                an_order_that_cannot_be_paid_gets_no_attempt
                a_checkout_that_was_opened_is_kept
                a_checkout_that_was_not_opened_releases_places_if_requested
                an_attempt_that_may_still_be_paid_keeps_the_places
                a_payment_may_arrive_before_the_checkout_response
                a_payment_is_found_by_its_order_and_by_each_attempt
                a_free_order_is_settled_like_any_other
                the_first_checkout_extends_the_hold_to_the_time_to_pay
            }
            sales {
                a_sale_begins_with_its_order_and_its_attempt_at_once
                a_sale_that_is_refused_leaves_neither_order_nor_attempt
                the_attempt_of_a_free_sale_is_at_no_gateway
                a_sale_whose_order_has_ended_does_not_begin_again
                the_last_place_goes_to_one_sale
            }
            settle {
                an_exact_payment_buys_exactly_the_tickets_of_the_order
                the_same_success_again_changes_nothing
                later_observations_do_not_undo_a_success
                an_overpayment_is_accepted_if_the_gateway_confirms_the_requested_amount
                a_mismatched_payment_goes_to_review
                a_capture_of_another_payment_goes_to_review
                undecided_observations_leave_the_payment_open
                a_success_after_a_failure_buys_the_tickets
                a_payment_in_progress_extends_the_hold_once
                a_late_payment_takes_places_again
                a_late_payment_for_a_sold_out_event_is_refunded
                a_late_payment_for_an_event_that_is_over_is_refunded
                money_for_an_event_without_an_end_buys_its_tickets_after_sales_have_ended
                an_overdue_hold_that_has_not_expired_yet_still_gets_its_tickets
                a_second_attempt_that_succeeds_is_refunded
                a_payment_for_an_event_cancelled_meanwhile_is_refunded
                a_reversed_payment_voids_the_tickets
                our_own_refund_is_not_mistaken_for_a_reversal
                a_payment_reversed_before_it_was_seen_buys_nothing
                a_capture_of_a_dropped_attempt_is_not_lost
                a_capture_of_an_unknown_reference_is_refused
            }
            reviews {
                an_accepted_review_buys_the_tickets_once
                a_refunded_review_returns_the_whole_capture
                a_review_is_not_accepted_if_the_places_are_gone
                a_review_accepted_for_an_order_paid_meanwhile_is_refunded
                only_attempts_in_review_are_decided
                reviews_are_listed_by_organiser_the_oldest_first
            }
            disputes {
                a_dispute_voids_the_tickets_and_one_that_is_won_restores_them
                tickets_that_are_restored_are_mailed_to_their_holders
                a_dispute_that_is_lost_leaves_them_void
                a_dispute_over_a_part_voids_what_a_person_says
                a_dispute_that_is_won_without_places_waits_for_a_person
                a_dispute_that_is_won_for_a_cancelled_event_returns_the_money
                reports_about_a_dispute_may_be_late_and_repeated
            }
            refunds {
                refunded_tickets_are_void_and_their_places_free
                a_repeated_refund_is_the_same_refund
                a_ticket_named_twice_is_refunded_once
                what_was_not_bought_is_not_refunded
                refunds_never_exceed_the_capture
                a_claimed_refund_is_marked_unknown_and_belongs_to_one_worker
                a_processed_refund_stays_processed
                a_failed_refund_is_retried_by_hand
                refunds_named_by_a_webhook_are_looked_up_at_once
                every_refund_is_sent
                a_refund_made_at_the_gateway_counts
                a_refund_that_was_not_sent_makes_room_for_one_made_at_the_gateway
                the_place_of_a_used_ticket_is_not_sold_again
            }
            box_office {
                an_order_that_is_issued_has_its_tickets_at_once
                an_order_that_is_issued_again_is_found
                capacity_binds_those_who_issue_and_sales_rules_do_not
                everybody_issues_the_last_places_at_once
                prices_are_what_the_organiser_sets
                drafts_cancelled_and_foreign_events_issue_nothing
                who_buys_at_a_counter_needs_no_address
                who_comes_is_said_with_the_order
                places_are_kept_until_somebody_pays
                another_amount_than_was_asked_for_is_in_review
                a_late_payment_gets_tickets_only_if_there_are_places
                a_person_pays_back_what_a_person_has_received
                a_refund_may_be_a_part_nothing_or_an_amount_alone
                amounts_alone_never_exceed_what_was_paid
                tickets_are_sent_again_a_few_times_a_day
                tickets_are_sent_again_to_those_who_may_have_them
                many_orders_are_issued_at_once
                many_orders_are_issued_all_or_none
                places_are_counted_over_all_orders_of_an_import
                a_dry_run_writes_nothing
                a_repeated_import_finds_the_same_orders
                nobody_is_told_of_orders_that_are_not_mailed
                two_imports_at_once_never_oversell
            }
            transfers {
                an_offer_changes_nothing_about_the_ticket
                taking_makes_the_old_ticket_void_and_issues_another_one
                a_ticket_of_a_sold_out_event_is_transferred
                a_repeat_finds_what_the_first_call_made
                an_offer_to_another_address_replaces_the_open_one
                an_offer_is_taken_back
                a_transfer_is_found_with_what_it_is_about
                a_ticket_taken_eight_times_at_once_is_one_ticket
                of_taking_and_scanning_at_once_one_wins
                of_taking_and_refunding_at_once_one_wins
                only_the_holder_offers_a_ticket
                an_offer_ends_after_a_week_and_when_the_event_starts
                a_ticket_that_is_not_valid_is_neither_offered_nor_taken
                the_event_says_how_often_tickets_are_transferred
                the_event_says_until_when_tickets_are_transferred
                a_ticket_is_offered_a_few_times_a_day
                offers_made_at_once_stay_within_the_limit
                everybody_is_told_of_a_transfer
                the_old_code_opens_nothing
                the_money_of_a_transferred_ticket_stays_with_its_order
                a_cancelled_event_voids_tickets_that_were_transferred
                who_gave_a_ticket_away_is_not_sent_it_again
                a_ticket_that_was_transferred_is_not_the_buyers_to_return
                an_erased_buyer_leaves_no_address_in_transfers
                guests_see_the_tickets_that_they_hold
            }
            swaps {
                a_cheaper_type_returns_the_difference
                the_difference_may_be_kept
                a_type_of_the_same_price_moves_no_money
                a_type_that_is_not_on_sale_takes_swapped_tickets
                a_swap_is_possible_if_the_event_is_full
                uses_of_a_promo_code_stay_as_they_are
                a_repeated_swap_finds_the_same_ticket
                a_swap_is_told_to_the_holder
                a_swap_does_not_make_a_ticket_new_to_its_holder
                refunds_after_a_swap_never_exceed_what_came
                a_reversed_charge_voids_a_swapped_ticket
                a_ticket_swapped_eight_times_at_once_is_swapped_once
                the_last_place_of_a_type_goes_to_one_swap
                a_dearer_type_is_refused_with_the_difference
                a_type_that_is_none_of_the_others_is_refused
                a_ticket_that_is_not_valid_is_not_swapped
                tickets_of_foreign_events_are_not_swapped
            }
            order_details {
                nothing_is_known_of_an_order_until_somebody_says_it
                the_buyer_says_all_but_the_note
                orders_of_others_are_unknown_to_those_who_say_something
                what_is_said_already_is_no_edit_and_an_old_version_is_refused
                of_two_edits_of_one_version_of_an_order_one_wins
                who_comes_is_said_until_the_order_is_paid
                those_who_come_are_attendees_once_the_order_is_paid
                a_late_payment_finds_who_comes
                of_saying_who_comes_and_paying_at_once_nothing_is_lost
                erasing_a_buyer_empties_what_is_known_of_the_order
                what_must_be_answered_is_answered_before_paying
                a_sale_at_once_has_answered_nothing
                what_must_be_answered_is_answered_before_entry
                those_who_issue_tickets_are_not_bound_by_questions
            }
            messages {
                each_address_gets_a_message_once
                attendees_with_an_address_of_their_own_get_their_mail
                the_audience_is_a_type_and_who_is_in
                a_message_goes_on_where_it_stopped
                a_message_is_stopped
                who_was_erased_gets_no_message
                who_pays_while_a_message_is_sent_gets_it
                eight_workers_send_a_message_once
                a_repeated_message_is_the_same_one
                an_event_has_three_messages_a_day
                drafts_and_foreign_events_send_no_message
                messages_sent_at_once_stay_within_the_limit
            }
            cancellations {
                every_order_of_a_cancelled_event_is_undone_once
                an_order_that_was_not_paid_in_full_does_not_stop_the_others
            }
            tickets {
                a_ticket_is_found_by_id_and_code
                tickets_are_listed_by_holder_and_by_order
                a_ticket_admits_one_person
                a_nonce_belongs_to_one_scan
                a_scan_without_a_valid_ticket_is_refused
                a_ticket_of_another_event_stays_unused
                an_undone_scan_lets_its_ticket_in_again
                undoing_the_scan_of_a_refunded_ticket_frees_its_place
            }
            outbox {
                a_mail_is_queued_with_the_change_that_it_reports
                a_claimed_mail_belongs_to_one_worker_until_the_lease_ends
                a_mail_that_was_sent_is_not_sent_again
                a_stale_report_changes_nothing_unless_the_mail_was_sent_by_it
                a_mail_is_retried_with_backoff_and_given_up_in_the_end
                a_permanently_refused_mail_is_not_retried
                mails_that_were_given_up_are_listed_by_organiser_the_oldest_first
                a_mail_is_sent_again_on_request
                a_mail_that_is_postponed_waits_for_its_turn_and_is_not_tried_by_that
            }
            polls {
                an_open_attempt_is_polled_with_backoff_until_it_lapses
                an_attempt_is_polled_whatever_the_status_of_its_order
                a_decided_attempt_is_not_polled
                the_most_overdue_attempts_are_polled_first
            }
            webhooks {
                a_webhook_is_stored_byte_for_byte_once
                a_claimed_webhook_belongs_to_one_worker_until_the_lease_ends
                a_webhook_is_retried_until_it_is_applied_or_needs_a_person
                a_webhook_that_the_gateway_contradicts_is_in_the_audit_log
                a_payment_that_the_gateway_does_not_confirm_needs_a_person
                webhooks_that_need_a_person_are_listed
            }
            requests {
                a_repeated_request_gets_the_first_response
                a_request_of_an_earlier_version_is_known_by_its_older_hash
                a_request_whose_worker_died_is_done_by_the_next
                responses_are_kept_for_a_day_and_then_forgotten
                a_request_that_did_nothing_is_forgotten_while_its_lease_lasts
            }
            watch {
                an_open_storage_is_ready
                the_version_changes_with_every_commit
                open_work_is_counted_and_finished_work_is_not
            }
            limits {
                a_quota_may_be_spent_at_once_and_refills_evenly
                several_quotas_give_all_or_nothing
                tokens_are_returned_and_full_quotas_forgotten
                a_hundred_concurrent_calls_share_the_quota
            }
            filters {
                events_are_found_by_text_in_any_case_and_any_script
                text_and_categories_are_found_in_any_spelling
                search_text_has_no_wildcards
                events_are_filtered_by_category_time_and_organiser
                events_are_sorted_with_ties_by_id
                orders_are_listed_by_buyer_and_event_the_newest_first
            }
            paging {
                events_come_in_pages
                categories_come_in_pages
                orders_come_in_pages
                tickets_come_in_pages
            }
            batches {
                an_empty_batch_does_nothing
                later_accounts_see_earlier_ones
                later_events_see_earlier_ones
                later_holds_see_the_places_that_earlier_ones_took
                later_holds_see_the_open_holds_of_their_buyer
                a_batch_may_be_about_many_events
                later_settlements_see_earlier_ones
                later_refunds_and_scans_see_earlier_ones
                later_reports_see_earlier_ones
            }
            races {
                the_last_place_goes_to_one_buyer
                sixty_four_buyers_get_ten_places_of_two_types
                concurrent_holds_of_a_buyer_stay_within_the_limits
                a_hold_requested_eight_times_at_once_is_one_order
                a_success_reported_eight_times_at_once_issues_the_tickets_once
                two_attempts_that_succeed_at_once_buy_once
                a_ticket_scanned_sixteen_times_at_once_admits_one_person
                a_scan_repeated_eight_times_at_once_gets_one_answer
                a_payment_at_the_deadline_becomes_tickets_or_a_refund
                cancelling_while_a_payment_arrives_loses_nothing
                a_refund_requested_eight_times_at_once_is_one_refund
                a_ticket_is_refunded_or_used
                eight_workers_never_take_the_same_mail
                eight_workers_never_take_the_same_refund_poll_or_webhook
                creating_with_one_key_eight_times_at_once_creates_once
                a_review_is_decided_once
                cancelling_an_event_while_people_buy_undoes_every_order
                readers_never_see_half_a_write
                a_dropped_call_is_done_or_not_done
                a_dropped_read_leaves_nothing_behind
            }
        }
    };
    (@tests [$maker:expr] $($noun:ident { $($case:ident)* })*) => {
        $(
            mod $noun {
                #[allow(unused_imports)]
                use super::*;
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                    async fn $case() {
                        $crate::storage::conformance::run($maker, $crate::storage::conformance::$noun::$case).await;
                    }
                )*
            }
        )*
        mod model {
            #[allow(unused_imports)]
            use super::*;
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn random_commands_act_as_in_memory() {
                $crate::storage::conformance::model::act_as_in_memory($maker, 0..8, 200).await;
            }
        }
    };
    (@list [] $($noun:ident { $($case:ident)* })*) => {
        vec![$($(
            $crate::storage::conformance::Case {
                name: concat!(stringify!($noun), "::", stringify!($case)),
                play: |storage| Box::pin($crate::storage::conformance::$noun::$case(storage)),
            },
        )*)*]
    };
    ($name:ident, $maker:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $crate::storage_conformance! { @cases tests [$maker] }
        }
    };
}

#[doc(hidden)]
pub type Play = fn(Arc<dyn Storage>) -> Pin<Box<dyn Future<Output = ()>>>;

/// A case of the kit.
pub struct Case {
    /// File and function: `orders::a_repeated_hold_finds_the_same_order`.
    pub name: &'static str,
    #[doc(hidden)]
    pub play: Play,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Case {
    /// Runs the case on an empty storage.
    ///
    /// # Panics
    /// If the storage does not do what the case's name says, or its `check` finds a violation afterwards.
    pub async fn run(&self, storage: Arc<dyn Storage>) {
        run(async || Arc::clone(&storage), self.play).await;
    }
}

/// All cases, in the order of the list.
pub fn cases() -> Vec<Case> {
    crate::storage_conformance! { @cases list [] }
}

/// Runs a case on an empty storage, and then the storage's `check`.
///
/// # Panics
/// If the storage does not do what the case's name says, or its `check` finds a violation afterwards.
pub async fn run<M: Made, F: Future<Output = ()>>(
    maker: impl AsyncFnOnce() -> M,
    case: impl FnOnce(Arc<dyn Storage>) -> F,
) {
    let (storage, _guard) = maker().await.made();
    // The slowest case takes a second or two on a slow disk. A storage that deadlocks must fail, not hang.
    tokio::time::timeout(Duration::from_secs(120), Box::pin(case(Arc::clone(&storage)))).await.unwrap();
    assert_eq!(storage.check().await.unwrap(), Vec::<String>::new(), "the storage finds itself unsound");
}

/// What the function that creates storages may return.
pub trait Made {
    /// Dropped after the case.
    type Guard;

    /// The storage and its guard.
    fn made(self) -> (Arc<dyn Storage>, Self::Guard);
}

impl<S: Storage> Made for S {
    type Guard = ();

    fn made(self) -> (Arc<dyn Storage>, ()) {
        (Arc::new(self), ())
    }
}

impl Made for Arc<dyn Storage> {
    type Guard = ();

    fn made(self) -> (Arc<dyn Storage>, ()) {
        (self, ())
    }
}

impl<M: Made, G> Made for (M, G) {
    type Guard = (M::Guard, G);

    fn made(self) -> (Arc<dyn Storage>, Self::Guard) {
        let (storage, guard) = self.0.made();
        (storage, (guard, self.1))
    }
}
