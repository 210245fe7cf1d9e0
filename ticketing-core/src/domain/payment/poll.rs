use super::{Attempt, POLL_FOR, Poll};
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// Claims open attempts that are due to be polled, the most overdue first, and schedules their next poll. No other caller gets them
/// until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimPolls {
    /// The maximum number of attempts.
    pub limit: u32,
}

impl Command for ClaimPolls {
    type Outcome = Vec<Attempt>;
    const NAME: &'static str = "claim_polls";
    const CLAIMS: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        let due = vec![Condition::AtMost("poll_at", load.now().as_microsecond())];
        let due = List::of::<Attempt>(Self::NAME, due).by("poll_at", Sort::Ascending);
        load.claim(due.at_most(self.limit));
        rows.claimed::<Reference>(Self::NAME).iter().for_each(|reference| load.row::<Attempt>(reference));
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Vec<Attempt> {
        let due = rows.claimed::<Reference>(Self::NAME);
        due.iter().filter_map(|reference| claim_poll(rows, now, reference)).collect()
    }
}

/// An attempt that has been open for [`POLL_FOR`] lapses only when this poll is answered: see [`Settle`](super::Settle).
fn claim_poll(rows: &mut WorkingSet, now: Timestamp, reference: &Reference) -> Option<Attempt> {
    let attempt = rows.attempts.get(reference)?.clone();
    let poll = attempt.poll.filter(|poll| poll.at <= now)?;
    if now.duration_since(attempt.created_at) >= POLL_FOR && attempt.status.has_captured() {
        rows.attempts.update(reference, |row| row.poll = None);
        return None;
    }
    rows.attempts
        .update(reference, |row| row.poll = Some(Poll { at: now + interval(poll.count + 1), count: poll.count + 1 }));
    rows.attempts.get(reference).cloned()
}

/// The delay before the next poll: 30 seconds, doubling, at most an hour. That is about 100 polls in 96 hours.
pub(super) fn interval(count: u32) -> SignedDuration {
    SignedDuration::from_secs((30_i64 << count.min(7)).min(3600))
}
