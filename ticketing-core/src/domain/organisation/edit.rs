use super::Organisation;
use crate::domain::command::Command;
use crate::domain::id::OrganisationId;
use crate::domain::load::LoadKeys;
use crate::domain::refusal::Refusal;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;

/// Renames an organisation. A repeat changes nothing. The caller has validated the name, and knows that it may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditOrganisation {
    /// The organisation.
    pub id: OrganisationId,
    /// Its new name.
    pub name: String,
}

impl Command for EditOrganisation {
    type Outcome = Result<Organisation, Refusal>;
    const NAME: &'static str = "edit_organisation";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.row::<Organisation>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> Result<Organisation, Refusal> {
        let known = rows.organisations.get(&self.id).ok_or(Refusal::OrganisationUnknown)?;
        if known.name != self.name {
            rows.organisations.update(&self.id, |row| {
                row.name.clone_from(&self.name);
                row.updated_at = now;
            });
        }
        rows.organisations.get(&self.id).cloned().ok_or(Refusal::OrganisationUnknown)
    }
}
