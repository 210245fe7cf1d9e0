//! Pagination.

use crate::setters::setters;

/// The maximum page size.
pub const MAX_PAGE: u32 = 1000;

/// Which page of a list to return. Default: the first 100 items, without their total number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRequest {
    /// The number of items to skip.
    pub skip: u64,
    /// The page size: at most [`MAX_PAGE`].
    pub limit: u32,
    /// Whether to count all items, which costs more than the page itself.
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

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Whether more items follow.
    pub more: bool,
    /// The total number of items, if requested.
    pub total: Option<u64>,
}

impl<T> Page<T> {
    /// Creates a page from its parts. [`Page::of`] cuts one from a whole list.
    pub fn new(items: Vec<T>, more: bool, total: Option<u64>) -> Self {
        Self { items, more, total }
    }

    /// Cuts the requested page from all items.
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

    /// The same page with every item mapped.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), more: self.more, total: self.total }
    }
}
