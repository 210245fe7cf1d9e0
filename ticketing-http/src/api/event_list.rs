//! The body of a list of events, written a few events at a time, as the client reads it. A page of a thousand events with long texts
//! is many megabytes, and a client that does not read them must not make the server keep them.

use super::dto::event::EventView;
use bytes::Bytes;
use futures_util::stream;
use poem::Body;
use poem_openapi::types::ToJSON as _;
use ticketing_core::Ticketing;
use ticketing_core::domain::event::Event;
use ticketing_core::domain::id::EventId;

/// How many events are read first. Then as many as their size allows.
const FIRST_READ: usize = 2;
/// The most events that are read at once.
const MOST_READ: usize = 64;
/// What a read should have in bytes: all of the texts, of which a list shows a part.
const READ_BYTES: usize = 128 * 1024;
/// A piece of the body ends with the event that passes this size.
const PIECE: usize = 32 * 1024;

/// A JSON array of events in the making.
struct Writer {
    ticketing: Ticketing,
    ids: Vec<EventId>,
    /// How many of them are written.
    written: usize,
    /// How many are read next.
    read: usize,
}

/// The events with these ids, as a list shows them. Complete where they fit into one piece.
pub(super) async fn body(ticketing: Ticketing, ids: Vec<EventId>) -> Result<Body, ticketing_core::Error> {
    let mut writer = Writer { ticketing, ids, written: 0, read: FIRST_READ };
    // Trouble with the first piece is still a problem of its own. Later, all that is left is to break off.
    let first = writer.next().await?;
    if writer.is_done() {
        return Ok(Body::from_bytes(first));
    }
    let rest = stream::unfold(writer, async |mut writer| {
        if writer.is_done() {
            return None;
        }
        let piece = writer.next().await.map_err(std::io::Error::other);
        Some((piece, writer))
    });
    let first = stream::once(std::future::ready(Ok(first)));
    Ok(Body::from_bytes_stream(stream::StreamExt::chain(first, rest)))
}

impl Writer {
    fn is_done(&self) -> bool {
        self.written >= self.ids.len()
    }

    /// The next piece.
    async fn next(&mut self) -> Result<Bytes, ticketing_core::Error> {
        let mut piece = String::new();
        loop {
            self.add_to(&mut piece).await?;
            if self.is_done() || piece.len() >= PIECE {
                return Ok(piece.into());
            }
        }
    }

    /// Writes the events of one read, or those of them that fit. The others are read again.
    async fn add_to(&mut self, piece: &mut String) -> Result<(), ticketing_core::Error> {
        let ids: Vec<EventId> = self.ids.iter().skip(self.written).take(self.read).copied().collect();
        let events = self.ticketing.events_of(&ids).await?;
        if self.written == 0 {
            piece.push('[');
        }
        for event in &events {
            if self.written > 0 {
                piece.push(',');
            }
            piece.push_str(&EventView::in_list(event).to_json_string());
            self.written += 1;
            if piece.len() >= PIECE {
                break;
            }
        }
        if events.len() < ids.len() {
            // Events are never deleted. If one is missing all the same, the list must end.
            self.written = self.ids.len();
        }
        if self.is_done() {
            piece.push(']');
        }
        let bytes: usize = events.iter().map(size).sum();
        self.read = (READ_BYTES * events.len() / bytes.max(1)).clamp(1, MOST_READ);
        Ok(())
    }
}

/// About how much memory an event takes.
fn size(event: &Event) -> usize {
    let texts = event.description.as_ref().map_or(0, String::len);
    1_024 + texts + event.ticket_types.iter().map(|kind| 128 + kind.name.len()).sum::<usize>()
}
