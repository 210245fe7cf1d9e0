//! Pagination.

use super::id::{OrderId, TicketId};
use crate::setters::setters;
use std::fmt;
use std::str::FromStr;

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

/// A place in a list: where the page before it has ended. Rows that are added or removed meanwhile do not move it, so that no row is
/// skipped or listed twice. It is opaque: what is in it may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    pub(crate) first: i64,
    second: i64,
}

impl Cursor {
    /// After this ticket of this order, in a list that is sorted by orders, the newest first, and their tickets, the oldest first.
    pub(crate) fn new(order: OrderId, ticket: TicketId) -> Self {
        Self { first: order.0, second: ticket.0 }
    }

    /// Whether the ticket is before it.
    pub(crate) fn covers(self, order: OrderId, ticket: TicketId) -> bool {
        order.0 > self.first || (order.0 == self.first && ticket.0 <= self.second)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.second)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0).ok_or(CursorError);
        let (first, second) = text.split_once('-').ok_or(CursorError)?;
        Ok(Self { first: number(first)?, second: number(second)? })
    }
}

/// The text is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the cursor of an earlier page")]
pub struct CursorError;

/// Which page of a list with cursors to return. Default: the first 100 items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CursorRequest {
    /// Where the page before it has ended. `None`: the first page.
    pub after: Option<Cursor>,
    /// The page size: at most [`MAX_PAGE`].
    pub limit: u32,
}

setters!(CursorRequest {
    with_after => after: impl Into<Option<Cursor>>,
    with_limit => limit: u32,
});

impl Default for CursorRequest {
    fn default() -> Self {
        Self { after: None, limit: 100 }
    }
}

/// A page of a list with cursors.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CursorPage<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Where the next page begins. `None` if no more items follow. A page may have fewer items than asked for although others follow.
    pub next: Option<Cursor>,
}

impl<T> CursorPage<T> {
    /// The same page with every item mapped.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> CursorPage<U> {
        CursorPage { items: self.items.into_iter().map(f).collect(), next: self.next }
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
