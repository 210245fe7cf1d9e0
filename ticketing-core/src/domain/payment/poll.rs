use super::{Attempt, POLL_FOR, Poll};
use crate::domain::code::Reference;
use crate::domain::command::Command;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::working_set::WorkingSet;
use jiff::{SignedDuration, Timestamp};

/// Takes open attempts that the gateway is due to be asked about, the most overdue first, and plans the next time: no other
/// caller takes them until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimPolls {
    /// How many at most.
    pub limit: u32,
}

impl Command for ClaimPolls {
    type Outcome = Vec<Attempt>;
    const NAME: &'static str = "claim_polls";

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

/// An attempt that has been open for [`POLL_FOR`] lapses only when this question is answered: see [`Settle`](super::Settle).
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

/// 30 s, doubling, at most an hour: some 100 questions in 96 hours.
pub(super) fn interval(count: u32) -> SignedDuration {
    SignedDuration::from_secs((30_i64 << count.min(7)).min(3600))
}
