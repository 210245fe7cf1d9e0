//! Long lists come in pages.

use crate::setters::setters;

/// The largest page.
pub const MAX_PAGE: u32 = 1000;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRequest {
    /// How many to leave out at the start.
    pub skip: u64,
    /// How many are wanted: at most [`MAX_PAGE`].
    pub limit: u32,
    /// Whether the number of all is wanted too, which costs more than the page.
    pub count: bool,
}

setters!(PageRequest {
    with_skip => skip: u64,
    with_limit => limit: u32,
    with_count => count: bool,
});

impl Default for PageRequest {
    fn default() -> Self {
        Self { skip: 0, limit: 100, count: false }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// What was wanted.
    pub items: Vec<T>,
    /// Whether there is more behind it.
    pub more: bool,
    /// How many there are in all, if asked for.
    pub total: Option<u64>,
}

impl<T> Page<T> {
    /// A page of which everything is known already. See [`Page::of`] for one that is cut from the whole list.
    pub fn new(items: Vec<T>, more: bool, total: Option<u64>) -> Self {
        Self { items, more, total }
    }

    /// The wanted part of everything that `all` yields.
    pub fn of(all: impl Iterator<Item = T>, wanted: PageRequest) -> Self {
        let mut items = Vec::new();
        let mut seen: u64 = 0;
        for item in all {
            if seen >= wanted.skip && items.len() < wanted.limit as usize {
                items.push(item);
            }
            seen += 1;
        }
        let more = seen > wanted.skip.saturating_add(items.len() as u64);
        Self { items, more, total: wanted.count.then_some(seen) }
    }

    /// The same page of something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), more: self.more, total: self.total }
    }
}
