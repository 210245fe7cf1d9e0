//! The memberships of an account, as they are kept with it: so the look-up that every request makes finds them too.

use super::{MemberEvents, MemberRole};
use crate::domain::access::Permissions;
use crate::domain::id::OrganisationId;
use crate::domain::row::{Field, Kind, RowError, Sink, Source};

/// The organisations that an account is a member of, by id. A copy of its [members](super::Member) that is written with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Memberships(Vec<Membership>);

/// What an account may do in an organisation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Membership {
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// The role.
    pub role: MemberRole,
    /// For which events.
    pub events: MemberEvents,
}

impl Memberships {
    /// All of them, by the organisation's id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Membership> {
        self.0.iter()
    }

    /// The membership in this organisation.
    pub fn of(&self, id: OrganisationId) -> Option<&Membership> {
        self.0.iter().find(|of| of.organisation_id == id)
    }

    /// What is allowed for all events of this organisation. A role for some of them gives no rights in the organisation itself.
    pub fn rights_in(&self, id: OrganisationId) -> Permissions {
        let whole = self.of(id).filter(|of| of.events == MemberEvents::All);
        whole.map_or(Permissions::NONE, |of| of.role.permissions())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All but those in these organisations.
    pub(crate) fn without(&self, ids: &[OrganisationId]) -> Self {
        Self(self.0.iter().filter(|of| !ids.contains(&of.organisation_id)).cloned().collect())
    }

    /// Sets or ends the membership in an organisation.
    pub(super) fn set(&mut self, id: OrganisationId, to: Option<(MemberRole, MemberEvents)>) {
        self.0.retain(|of| of.organisation_id != id);
        if let Some((role, events)) = to {
            let at = self.0.partition_point(|of| of.organisation_id < id);
            self.0.insert(at, Membership { organisation_id: id, role, events });
        }
    }

    fn parsed(text: &str) -> Result<Self, RowError> {
        let broken = || RowError(format!("memberships cannot be read: {text:?}"));
        let one = |entry: &str| {
            let mut fields = entry.splitn(3, ':');
            let mut next = || fields.next().ok_or_else(broken);
            let (id, role, events) = (next()?, next()?, next()?);
            Ok(Membership {
                organisation_id: OrganisationId(id.parse().map_err(RowError::of)?),
                role: MemberRole::from_name(role).ok_or_else(broken)?,
                events: MemberEvents::parsed((events != "*").then_some(events))?,
            })
        };
        let entries = text.split(';').filter(|entry| !entry.is_empty());
        Ok(Self(entries.map(one).collect::<Result<_, RowError>>()?))
    }
}

/// As text: `;5:door:1,2;` for each (`*`: all events), which a database can compare with its members. Null if there are none.
impl Field for Memberships {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        let one = |of: &Membership| {
            let events = of.events.text();
            format!(";{}:{}:{};", of.organisation_id, of.role.name(), events.as_deref().unwrap_or("*"))
        };
        let text: String = self.0.iter().map(one).collect();
        to.text((!text.is_empty()).then_some(text.as_str()));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        from.text()?.map_or(Ok(Self::default()), |text| Self::parsed(&text)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::EventId;
    use crate::domain::row::Value;

    #[test]
    fn memberships_are_text_that_reads_back() {
        let mut all = Memberships::default();
        all.set(OrganisationId(7), Some((MemberRole::Owner, MemberEvents::All)));
        let some = MemberEvents::Only([EventId(2), EventId(1)].into());
        all.set(OrganisationId(5), Some((MemberRole::BoxOffice, some)));
        let mut row: Vec<Value> = vec![];
        all.store(&mut row);
        assert_eq!(row, [Value::Text(";5:box_office:1,2;;7:owner:*;".to_owned())]);
        assert_eq!(Memberships::read(&mut row.into_iter()).unwrap(), Some(all.clone()));
        all.set(OrganisationId(5), None);
        assert_eq!(all.iter().map(|of| of.organisation_id).collect::<Vec<_>>(), [OrganisationId(7)]);
        assert_eq!(Memberships::read(&mut vec![Value::Null].into_iter()).unwrap(), Some(Memberships::default()));
        assert!(Memberships::read(&mut vec![Value::Text(";5:emperor:*;".to_owned())].into_iter()).is_err());
    }
}
