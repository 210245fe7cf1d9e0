use super::{KEEP_PROOFS, Proof};
use crate::domain::account::Account;
use crate::domain::command::Query;
use crate::domain::id::ProofId;
use crate::domain::list::{Condition, List, Sort};
use crate::domain::load::LoadKeys;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Finds a proof with its account, as of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindProof(pub ProofId);

impl Query for FindProof {
    type Found = Option<(Proof, Option<Account>)>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Proof>(&self.0);
        if let Some(account) = rows.proofs.loaded_row(&self.0).and_then(|proof| proof.account_id) {
            load.look::<Account>(&account);
        }
    }

    fn find(&self, rows: &WorkingSet) -> Self::Found {
        let proof = rows.proofs.get(&self.0)?.clone();
        let account = proof.account_id.and_then(|id| rows.accounts.get(&id)).cloned();
        Some((proof, account))
    }
}

/// The proofs that need not be kept any longer, the oldest first, to be forgotten.
pub fn outdated(now: Timestamp, limit: u32) -> List {
    let before = Condition::AtMost("expires_at", (now - KEEP_PROOFS).as_microsecond());
    List::of::<Proof>("outdated_proofs", vec![before]).by("expires_at", Sort::Ascending).at_most(limit)
}
