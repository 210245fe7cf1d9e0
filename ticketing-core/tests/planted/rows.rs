//! How rows are read, right or wrong.

use super::Bug;
use ticketing_core::domain::id::EventId;
use ticketing_core::domain::list::{Condition, List, select};
use ticketing_core::domain::load::{LoadKeys, Lookup, Needs};
use ticketing_core::domain::page::{Page, PageRequest};
use ticketing_core::domain::row::{Field as _, RowError, Value};
use ticketing_core::domain::working_set::WorkingSet;

/// Copies what is needed, round by round.
pub(super) fn read(
    all: &WorkingSet,
    mut load: LoadKeys,
    needs: &(impl Needs + ?Sized),
    bug: Bug,
) -> Result<WorkingSet, RowError> {
    let mut rows = WorkingSet::default();
    while let Some(round) = load.next_round(needs, &rows)? {
        for mut claim in round.claims {
            if bug == Bug::OfAlternativesOnlyTheLastIsClaimed {
                claim.all.iter_mut().for_each(only_the_last);
            }
            let keys = listed(all, &claim).items;
            all.shelf(claim.noun).copy(0, &keys, rows.shelf_mut(claim.noun));
            rows.shelf_mut(claim.noun).mark_complete(0, &keys, true);
            rows.keep_claim(claim.name, keys);
        }
        for list in round.lists {
            let (name, noun) = (list.name, list.noun);
            let page = page(all, list, bug);
            all.shelf(noun).copy(0, &page.items, rows.shelf_mut(noun));
            rows.shelf_mut(noun).mark_complete(0, &page.items, false);
            rows.keep_page(name, page);
        }
        let last = round.lookups.len().saturating_sub(1);
        for (at, lookup) in round.lookups.into_iter().enumerate() {
            if bug != Bug::OfSeveralLookupsOneIsMade || at == last {
                look_up(all, &lookup, bug, &mut rows);
            }
            rows.shelf_mut(lookup.noun).mark_complete(lookup.index, &lookup.keys, lookup.is_to_change);
        }
    }
    if bug == Bug::RowsHaveOnePart {
        for mut order in super::all(&rows.orders) {
            order.lines.truncate(1);
            rows.orders.load_record(order);
        }
        for mut event in super::all(&rows.events) {
            event.ticket_types.truncate(1);
            rows.events.load_record(event);
        }
    }
    Ok(rows)
}

fn look_up(all: &WorkingSet, lookup: &Lookup, bug: Bug, rows: &mut WorkingSet) {
    let keys = match bug {
        Bug::OfSeveralKeysOneIsFound => &lookup.keys[..1],
        _ => lookup.keys.as_slice(),
    };
    let (from, index) = (all.shelf(lookup.noun), lookup.index);
    if bug != Bug::AKeyFindsOneRow {
        return from.copy(index, keys, rows.shelf_mut(lookup.noun));
    }
    for key in keys {
        let mut found = WorkingSet::default();
        from.copy(index, std::slice::from_ref(key), found.shelf_mut(lookup.noun));
        let mut own: Vec<Value> = vec![];
        found.shelf(lookup.noun).scan(&[0], &mut |values| own.extend_from_slice(values));
        own.truncate(1);
        from.copy(0, &own, rows.shelf_mut(lookup.noun));
    }
}

fn only_the_last(condition: &mut Condition) {
    if let Condition::Any(each) | Condition::Union(each) = condition {
        each.drain(..each.len() - 1);
    }
}

/// Leaves conditions out, however deep.
fn forget(conditions: &mut Vec<Condition>, which: &dyn Fn(&Condition) -> bool) {
    conditions.retain(|condition| !which(condition));
    for condition in conditions {
        match condition {
            Condition::Parent(.., inner) | Condition::ParentFirst(.., inner) | Condition::Child(.., inner) => {
                forget(inner, which);
            }
            Condition::Any(each) | Condition::Union(each) => each.iter_mut().for_each(|inner| forget(inner, which)),
            _ => {}
        }
    }
}

fn is_about_an_organizer(condition: &Condition) -> bool {
    matches!(condition, Condition::Is(column, _) if column.starts_with("organizer_"))
}

fn page(all: &WorkingSet, mut list: List, bug: Bug) -> Page<Value> {
    match bug {
        Bug::SearchHasWildcards => {
            for condition in &mut list.all {
                if let Condition::Contains(_, text) = condition {
                    text.retain(|letter| !['%', '_'].contains(&letter));
                }
            }
        }
        Bug::SearchKnowsAsciiOnly => return in_ascii(all, list),
        Bug::ListsForgetACondition => drop(list.all.pop()),
        Bug::ReadsIgnoreOnly => forget(&mut list.all, &|condition| matches!(condition, Condition::OneOf(..))),
        Bug::ReadsIgnoreTheScope => forget(&mut list.all, &is_about_an_organizer),
        _ => {}
    }
    let mut page = listed(all, &list);
    page.more &= bug != Bug::PagesAreTheLast;
    page
}

/// A page of the rows that are found if only ASCII has upper and lower case.
fn in_ascii(all: &WorkingSet, mut list: List) -> Page<Value> {
    let is_searched = |condition: &Condition| matches!(condition, Condition::Contains(..));
    let Some(at) = list.all.iter().position(is_searched) else { return listed(all, &list) };
    let Condition::Contains(_, text) = list.all.remove(at) else { return listed(all, &list) };
    let wanted = std::mem::replace(&mut list.page, PageRequest::default().with_limit(u32::MAX));
    let has = |field: &str| field.to_ascii_lowercase().contains(&text.to_ascii_lowercase());
    let found: Vec<Value> = super::all(&all.events)
        .into_iter()
        .filter(|event| has(&event.title) || has(&event.location) || event.description.as_deref().is_some_and(has))
        .map(|event| EventId::value(&event.id))
        .collect();
    Page::of(listed(all, &list).items.into_iter().filter(|key| found.contains(key)), wanted)
}

/// A working set can always be read.
fn listed(all: &WorkingSet, list: &List) -> Page<Value> {
    let Ok(page) = select(all, list);
    page
}
