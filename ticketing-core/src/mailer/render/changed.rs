//! The mail about a changed date or place.

use super::{Letter, Renderer, link, place, written};
use crate::domain::event::Event;
use crate::domain::notice::{DateAndPlace, Notice};
use crate::domain::order::Order;
use crate::mailer::Mail;
use jiff::Timestamp;
use serde::Serialize;

/// The data of the mail about a changed date or place.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EventChangedMail<'a> {
    /// The paid order.
    pub order: &'a Order,
    /// The event, as it is now.
    pub event: &'a Event,
    /// What it was before, and until when tickets can be returned.
    pub notice: &'a Notice,
    /// The `https` or `http` URL where the buyer finds the order, linked as it is.
    pub public_url: Option<&'a str>,
}

impl<'a> EventChangedMail<'a> {
    /// Creates one without a link to the order.
    pub const fn new(order: &'a Order, event: &'a Event, notice: &'a Notice) -> Self {
        Self { order, event, notice, public_url: None }
    }

    /// Sets [`public_url`](Self::public_url).
    #[must_use]
    pub fn with_public_url(mut self, public_url: impl Into<Option<&'a str>>) -> Self {
        self.public_url = public_url.into();
        self
    }
}

impl Renderer {
    /// The mail about a changed date or place: what it was, what it is now, and until when tickets can be returned.
    pub fn event_changed_mail(&self, mail: &EventChangedMail<'_>) -> crate::error::Result<Mail> {
        let EventChangedMail { order, event, notice, public_url } = *mail;
        let version = format!("v{}", notice.version);
        // What it was before the first of several changes is nothing to somebody who ordered after it.
        let changes = if order.created_at <= notice.first_at { changes(&notice.before, event) } else { Vec::new() };
        let view = EventChangedView {
            changes,
            returns_until: notice.refund_until.map(|until| written(&event.time_zone.local(until))),
            link: link(public_url),
        };
        let letter = Letter {
            again: Some(&version),
            ..Letter::to_buyer("event_changed", order.reference.as_str(), "Changed", order, event)
        };
        self.mail(&letter, Vec::new(), view)
    }
}

/// What has changed, by the clocks that the event has now: two times are only compared by the same clocks.
fn changes(before: &DateAndPlace, event: &Event) -> Vec<ChangeView> {
    let at = |at: Timestamp| written(&event.time_zone.local(at));
    let end = |end: Option<Timestamp>| end.map_or("not given".to_owned(), at);
    let all = [
        ("Start", at(before.starts_at), at(event.starts_at)),
        ("End", end(before.ends_at), end(event.ends_at)),
        ("Place", place(&before.location, before.address.as_deref()), place(&event.location, event.address.as_deref())),
    ];
    let changed = all.into_iter().filter(|(_, before, now)| before != now);
    changed.map(|(what, before, now)| ChangeView { what, before, now }).collect()
}

#[derive(Serialize)]
struct EventChangedView<'a> {
    changes: Vec<ChangeView>,
    returns_until: Option<String>,
    link: Option<&'a str>,
}

#[derive(Serialize)]
struct ChangeView {
    what: &'static str,
    before: String,
    now: String,
}
