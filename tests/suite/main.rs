//! The tests of the whole, in one program: real servers over real sockets, killed, cut off and fed nonsense. `tests/README.md` maps the
//! promises to these modules. To run one: `cargo test -p ticketing-tests --test suite kill_nine:: -- --nocapture`.
//!
//! What is killed or limited are child processes, so the modules do not disturb each other. Those that load the whole machine for long
//! take turns: see [`ticketing_tests::one_at_a_time`].
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "says what happened: how much was tested is part of the result")]

mod abuse;
mod administration;
mod asvs;
mod bad_input;
mod dependencies;
mod deploy;
mod fail_over;
mod guide;
mod io_errors;
mod kill_nine;
mod kill_points;
mod kill_storage;
mod log_privacy;
mod many_processes;
mod network;
mod postgres_crashes;
mod power_cut;
mod programs;
mod readme;
mod rolling_upgrade;
mod sale_race;
mod slow_gateway;
