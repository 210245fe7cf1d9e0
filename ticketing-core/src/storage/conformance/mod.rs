//! What every storage must do, as tests: for people who write their own.
//!
//! ```
//! use ticketing_core::storage::memory::MemoryStorage;
//!
//! ticketing_core::storage_conformance!(memory, async || MemoryStorage::new());
//! ```
//!
//! makes a module `memory` with one `#[tokio::test]` for each case (tokio with `macros` and `rt-multi-thread` is needed among the
//! dev-dependencies). The second argument makes an empty storage, as often as it is asked. It gives a [`Storage`], an `Arc<dyn Storage>`,
//! or either with a guard that is kept until the case has ended: `(storage, TempFolder)`.
//!
//! A case is an async function on a storage. It panics where the storage does not do what its name says, and after every
//! case the storage's own [`check`](Storage::check) must find nothing wrong. To add a case, write the function and name it in the one list
//! below. That the cases find what they are for is proved by planting bugs, in `tests/suite/planted_bugs.rs`.

#![allow(missing_docs, reason = "a case's name says what it is")]
#![allow(clippy::unwrap_used, reason = "a kit fails a case by panicking")]

pub mod accounts;
pub mod attempts;
pub mod batches;
pub mod cancellations;
mod commands;
pub mod events;
pub mod filters;
pub mod limits;
pub mod model;
pub mod orders;
pub mod outbox;
mod outcomes;
pub mod paging;
pub mod polls;
pub mod races;
pub mod refunds;
pub mod requests;
pub mod reviews;
pub mod settle;
pub mod shop;
pub mod tickets;
pub mod till;
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
    // The one list of cases, by the file that they are in.
    (@cases $($then:tt)*) => {
        $crate::storage_conformance! { @$($then)*
            accounts {
                an_account_is_found_by_id_address_and_user_name
                accounts_are_found_together_by_whatever_key
                a_taken_address_or_user_name_is_refused_in_any_case
                an_account_is_switched_off_and_given_a_role
                a_password_changes_only_where_nobody_else_changed_it
                sessions_are_ended_by_a_new_password_and_on_request
            }
            events {
                an_event_reads_back_as_it_was_made
                an_event_made_again_under_its_key_is_the_same_event
                an_event_of_an_unknown_category_is_refused
                categories_are_told_apart_without_regard_to_case_and_listed_by_name
                accounts_and_identities_of_applications_organise_and_buy
                a_called_off_event_sells_nothing_and_stays_called_off
            }
            orders {
                a_hold_takes_places_of_its_types_and_of_the_event
                a_hold_beyond_a_capacity_is_sold_out_and_says_what_is_left
                a_repeated_hold_finds_the_same_order
                a_reference_used_for_something_else_is_refused
                a_hold_of_what_is_not_for_sale_is_refused
                a_total_beyond_what_can_be_counted_is_refused
                a_released_order_gives_its_places_back_once
                an_order_that_is_not_merely_held_is_not_released
                holds_end_when_they_have_run_out_and_not_before
                the_holds_longest_overdue_end_first
                an_order_keeps_the_price_it_was_made_at
                orders_are_found_together_each_with_its_tickets
            }
            attempts {
                an_attempt_reads_back_and_a_repeat_finds_it
                attempts_are_found_together_each_with_its_buyer
                an_order_that_cannot_be_paid_gets_no_attempt
                a_checkout_that_was_opened_is_kept
                a_checkout_that_was_not_opened_gives_places_back_where_wanted
                an_attempt_that_may_still_bring_money_keeps_the_places
                money_may_be_faster_than_the_answer_with_the_checkout
                a_payment_is_found_by_its_order_and_by_each_attempt
                a_free_order_takes_the_same_road
            }
            settle {
                an_exact_payment_buys_exactly_the_tickets_of_the_order
                the_same_success_again_changes_nothing
                what_comes_after_success_is_ignored
                more_than_was_asked_for_is_enough_where_the_gateway_says_what_was_asked
                money_that_is_not_what_was_asked_for_goes_to_review
                money_of_another_payment_goes_to_review
                what_is_undecided_leaves_the_payment_open
                a_success_after_a_failure_buys_the_tickets
                a_payment_in_progress_extends_the_hold_once
                a_late_payment_takes_places_again
                a_late_payment_for_a_sold_out_event_is_refunded
                a_late_payment_for_an_event_that_is_over_is_refunded
                an_overdue_hold_that_nobody_has_ended_still_gets_its_tickets
                a_second_attempt_that_succeeds_is_refunded
                a_payment_for_an_event_called_off_meanwhile_is_refunded
                a_reversed_payment_voids_the_tickets
                our_own_refund_is_not_mistaken_for_a_reversal
                a_payment_reversed_before_it_was_seen_buys_nothing
                money_for_a_dropped_attempt_is_not_lost
                money_of_an_unknown_reference_is_refused
            }
            reviews {
                an_accepted_review_buys_the_tickets_once
                a_refused_review_sends_back_what_came
                a_review_is_not_accepted_where_the_places_are_gone
                a_review_accepted_for_an_order_paid_meanwhile_is_refunded
                only_what_is_in_review_is_decided
                reviews_are_listed_by_organiser_the_oldest_first
            }
            refunds {
                refunded_tickets_are_void_and_their_places_free
                a_repeated_refund_is_the_same_refund
                a_ticket_named_twice_is_refunded_once
                what_was_not_bought_is_not_refunded
                never_more_goes_back_than_came
                a_claimed_refund_is_marked_unknown_and_is_one_workers_only
                a_processed_refund_stays_processed
                a_refund_that_failed_is_tried_again_by_hand
                refunds_that_something_is_said_of_are_looked_up_at_once
                every_refund_is_sent
            }
            cancellations {
                every_order_of_a_called_off_event_is_undone_once
                an_order_that_was_not_paid_in_full_does_not_stop_the_others
            }
            tickets {
                a_ticket_is_found_by_id_and_code
                tickets_are_listed_by_holder_and_by_order
                a_ticket_lets_one_person_in
                a_nonce_belongs_to_one_scan
                who_has_no_valid_ticket_does_not_get_in
            }
            outbox {
                a_mail_is_owed_from_the_moment_of_what_it_tells
                a_claimed_mail_is_one_workers_only_until_the_lease_ends
                a_mail_that_was_sent_is_not_sent_again
                a_stale_report_changes_nothing_unless_the_mail_was_sent_by_it
                a_mail_is_tried_less_and_less_often_and_given_up_in_the_end
                a_mail_that_is_refused_for_good_is_not_tried_again
                mails_that_were_given_up_are_listed_by_organiser_the_oldest_first
                a_mail_is_sent_again_on_request
            }
            polls {
                an_open_attempt_is_asked_about_less_and_less_often_until_it_lapses
                an_attempt_is_asked_about_whatever_became_of_its_order
                what_is_decided_is_not_asked_about
                the_attempts_longest_overdue_are_asked_about_first
            }
            webhooks {
                a_webhook_is_kept_byte_for_byte_once
                a_claimed_webhook_is_one_workers_only_until_the_lease_ends
                a_webhook_is_tried_until_it_is_applied_or_given_to_a_person
                a_webhook_that_the_gateway_denies_is_in_the_audit_log
            }
            requests {
                a_request_gets_its_first_answer_again
                a_request_whose_worker_is_gone_is_done_by_the_next
                answers_are_kept_for_a_day_and_then_forgotten
            }
            watch {
                an_open_storage_is_ready
                what_is_under_way_is_counted_and_what_is_done_is_not
            }
            limits {
                a_quota_is_spent_at_once_and_comes_back_evenly
                several_quotas_give_all_or_nothing
                tokens_are_given_back_and_full_quotas_forgotten
                a_hundred_at_once_get_what_there_is
            }
            filters {
                events_are_found_by_text_in_any_case_and_any_script
                every_letter_of_a_searched_text_means_itself
                events_are_filtered_by_category_time_and_organiser
                events_are_sorted_and_equal_ones_by_id
                orders_are_listed_by_buyer_and_event_the_newest_first
            }
            paging {
                events_come_in_pages
                orders_come_in_pages
                tickets_come_in_pages
            }
            batches {
                an_empty_batch_does_nothing
                later_accounts_see_earlier_ones
                later_events_see_earlier_ones
                later_holds_see_the_places_that_earlier_ones_took
                a_batch_may_be_about_many_events
                later_settlements_see_earlier_ones
                later_refunds_and_scans_see_earlier_ones
                later_reports_see_earlier_ones
            }
            races {
                the_last_place_goes_to_one_buyer
                sixty_four_buyers_get_ten_places_of_two_types
                one_hold_asked_for_eight_times_is_one_order
                one_success_told_eight_times_issues_the_tickets_once
                two_attempts_that_succeed_at_once_buy_once
                a_ticket_scanned_sixteen_times_at_once_lets_one_in
                one_scan_told_eight_times_gets_one_answer
                money_at_the_deadline_becomes_tickets_or_goes_back
                giving_up_while_money_comes_loses_nothing
                one_refund_asked_for_eight_times_is_one_refund
                a_ticket_is_refunded_or_used
                eight_workers_never_take_the_same_mail
                eight_workers_never_take_the_same_refund_poll_or_webhook
                what_is_made_under_one_key_eight_times_at_once_is_made_once
                a_review_is_decided_once
                calling_off_while_everybody_buys_leaves_nobody_behind
                who_reads_while_others_write_never_sees_a_half
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
                $crate::storage::conformance::model::act_as_in_memory($maker, 0..8, 150).await;
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

/// One case of the kit.
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
    /// Plays the case on an empty storage.
    ///
    /// # Panics
    /// Where the storage does not do what the case's name says, or finds itself unsound afterwards.
    pub async fn run(&self, storage: Arc<dyn Storage>) {
        run(async || Arc::clone(&storage), self.play).await;
    }
}

/// All cases, in the order of the list.
pub fn cases() -> Vec<Case> {
    crate::storage_conformance! { @cases list [] }
}

/// Plays a case on a fresh storage, and asks the storage afterwards whether it is sound.
///
/// # Panics
/// Where the storage does not do what the case's name says, or finds itself unsound afterwards.
pub async fn run<M: Made, F: Future<Output = ()>>(
    maker: impl AsyncFnOnce() -> M,
    case: impl FnOnce(Arc<dyn Storage>) -> F,
) {
    let (storage, _guard) = maker().await.made();
    // The slowest takes a second or two on a slow disk. A storage that waits for itself must fail, not hang.
    tokio::time::timeout(Duration::from_secs(120), Box::pin(case(Arc::clone(&storage)))).await.unwrap();
    assert_eq!(storage.check().await.unwrap(), Vec::<String>::new(), "the storage finds itself unsound");
}

/// What a maker of storages may give.
pub trait Made {
    /// Is kept until the case has ended.
    type Guard;

    /// The storage and what guards it.
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
