//! The pure machine: examples, and random interleavings held against a model.

use super::super::config::BreakerConfig;
use super::super::state::{Machine, Permit, StateName, Verdict};
use super::start;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::time::Duration;

const MIDDLE: u32 = 200;

fn fresh() -> Machine {
    Machine::new(BreakerConfig::default(), start())
}

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn call(machine: &mut Machine, verdict: Verdict, now: Timestamp) {
    let permit = machine.acquire(now).unwrap();
    machine.report(permit, verdict, now, MIDDLE);
}

#[test]
fn half_of_ten_calls_trip_it_and_nine_do_not() {
    for first in [Verdict::Success, Verdict::Failure] {
        let mut machine = fresh();
        for index in 0..10 {
            assert_eq!(machine.name(), StateName::Closed, "after {index} calls");
            let other = if first == Verdict::Success { Verdict::Failure } else { Verdict::Success };
            call(&mut machine, if index % 2 == 0 { first } else { other }, after(index));
        }
        assert_eq!(machine.name(), StateName::Open);
    }
}

#[test]
fn failures_older_than_the_window_do_not_count() {
    let mut machine = fresh();
    for index in 0..100 {
        let verdict = if index % 2 == 0 { Verdict::Failure } else { Verdict::Success };
        call(&mut machine, verdict, after(index * 4)); // at most eight within 30 seconds
    }
    assert_eq!(machine.name(), StateName::Closed);
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_it_open() {
    let mut machine = fresh();
    for _ in 0..5 {
        call(&mut machine, Verdict::Failure, after(3600));
    }
    assert_eq!(machine.acquire(after(0)).unwrap_err(), Duration::from_secs(60));
    assert!(machine.acquire(after(60)).is_ok());
}

#[test]
fn a_neutral_probe_lets_the_next_one_through() {
    let mut machine = fresh();
    for _ in 0..5 {
        call(&mut machine, Verdict::Failure, after(0));
    }
    for _ in 0..3 {
        call(&mut machine, Verdict::Neutral, after(60));
        assert_eq!(machine.name(), StateName::HalfOpen);
    }
    call(&mut machine, Verdict::Success, after(60));
    call(&mut machine, Verdict::Success, after(60));
    assert_eq!(machine.name(), StateName::Closed);
}

#[derive(Clone, Debug)]
enum Step {
    Acquire,
    Report { which: prop::sample::Index, verdict: Verdict, draw: u32 },
    Wait { millis: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let verdict = prop_oneof![
        4 => Just(Verdict::Failure),
        4 => Just(Verdict::Success),
        1 => Just(Verdict::Neutral),
        1 => Just(Verdict::Abandoned),
    ];
    let report = (any::<prop::sample::Index>(), verdict, any::<u32>());
    let step = prop_oneof![
        6 => Just(Step::Acquire),
        6 => report.prop_map(|(which, verdict, draw)| Step::Report { which, verdict, draw }),
        2 => (0..5_000_i64).prop_map(|millis| Step::Wait { millis }),
        1 => (0..100_000_i64).prop_map(|millis| Step::Wait { millis }),
    ];
    prop::collection::vec(step, 1..200)
}

/// What the breaker must do, said as plainly as can be: every result of the era is kept.
#[derive(Debug)]
struct Model {
    name: StateName,
    era: u32,
    results: Vec<(Timestamp, bool)>,
    probes_well: u32,
    opened: Timestamp,
}

impl Model {
    fn turn(&mut self, name: StateName, now: Timestamp) {
        self.name = name;
        self.era += 1;
        self.results.clear();
        self.probes_well = 0;
        self.opened = now;
    }

    fn should_trip(&self, now: Timestamp) -> bool {
        let row = self.results.iter().rev().take_while(|(_, failed)| *failed).count();
        let recent: Vec<bool> = self
            .results
            .iter()
            .filter(|(at, _)| now.as_second() - at.as_second() < 30)
            .map(|(_, failed)| *failed)
            .collect();
        let failures = recent.iter().filter(|failed| **failed).count();
        row >= 5 || (recent.len() >= 10 && failures * 2 >= recent.len())
    }

    fn report(&mut self, era: u32, verdict: Verdict, now: Timestamp) {
        match (self.name, verdict) {
            _ if era != self.era => {}
            (StateName::Closed, Verdict::Success | Verdict::Failure) => {
                self.results.push((now, verdict == Verdict::Failure));
                if self.should_trip(now) {
                    self.turn(StateName::Open, now);
                }
            }
            (StateName::HalfOpen, Verdict::Success) => {
                self.probes_well += 1;
                if self.probes_well == 2 {
                    self.turn(StateName::Closed, now);
                }
            }
            (StateName::HalfOpen, Verdict::Failure | Verdict::Abandoned) => self.turn(StateName::Open, now),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_keeps_the_rules(steps in steps()) {
        let mut now = start();
        let mut machine = fresh();
        let mut model = Model { name: StateName::Closed, era: 0, results: Vec::new(), probes_well: 0, opened: now };
        let mut out: Vec<(Permit, u32)> = Vec::new();
        for step in steps {
            match step {
                Step::Wait { millis } => now += SignedDuration::from_millis(millis),
                Step::Acquire => {
                    let probes = out.iter().filter(|(_, era)| *era == model.era).count();
                    let waited = now.duration_since(model.opened);
                    match machine.acquire(now) {
                        Ok(permit) => {
                            if model.name == StateName::Open {
                                prop_assert!(waited >= SignedDuration::from_secs(48), "too early: {waited:?}");
                                model.turn(StateName::HalfOpen, now);
                            } else if model.name == StateName::HalfOpen {
                                prop_assert_eq!(probes, 0, "a second probe");
                            }
                            out.push((permit, model.era));
                        }
                        Err(retry_after) => {
                            prop_assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(720));
                            match model.name {
                                StateName::Closed => prop_assert!(false, "refused while closed"),
                                StateName::HalfOpen => prop_assert_eq!(probes, 1, "refused without a probe in flight"),
                                StateName::Open => prop_assert!(waited < SignedDuration::from_secs(720), "open for too long"),
                            }
                        }
                    }
                }
                Step::Report { which, verdict, draw } => {
                    if out.is_empty() {
                        continue;
                    }
                    let (permit, era) = out.swap_remove(which.index(out.len()));
                    let before = machine.clone();
                    machine.report(permit, verdict, now, draw);
                    if era != model.era {
                        prop_assert_eq!(&machine, &before, "an older era's result changed something");
                    }
                    model.report(era, verdict, now);
                }
            }
            prop_assert_eq!(machine.name(), model.name);
        }
    }
}
