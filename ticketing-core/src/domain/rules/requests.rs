use crate::domain::book::Book;
use crate::domain::request::{Answer, BeginRequest, Begun, KEEP_ANSWERS, StoredRequest};
use jiff::Timestamp;

/// Begins a request that names a key, or says what to do instead.
pub fn begin_request(book: &mut Book, now: Timestamp, begin: &BeginRequest) -> Begun {
    let fresh = StoredRequest {
        scope: begin.scope.clone(),
        content: begin.content.clone(),
        answer: None,
        locked_until: now + begin.lease,
        created_at: now,
    };
    match book.requests.get(&begin.scope) {
        None => {
            book.add_request(fresh);
            Begun::Work { since: now }
        }
        // Too old to be kept: as if it had never been.
        Some(known) if now.duration_since(known.created_at) >= KEEP_ANSWERS => {
            book.requests.update(&begin.scope, |row| *row = fresh);
            Begun::Work { since: now }
        }
        Some(known) if known.content != begin.content => Begun::OtherContent,
        Some(StoredRequest { answer: Some(answer), .. }) => Begun::Repeat(answer.clone()),
        Some(known) if known.locked_until > now => Begun::InProgress { until: known.locked_until },
        Some(known) => {
            let since = known.created_at;
            book.requests.update(&begin.scope, |row| row.locked_until = now + begin.lease);
            Begun::Work { since }
        }
    }
}

/// Keeps the answer of a request; without one, lets the request be made again at once. The first answer stays.
pub fn finish_request(book: &mut Book, now: Timestamp, scope: &str, answer: Option<&Answer>) {
    book.requests.update(&scope.to_owned(), |row| match answer {
        Some(answer) => {
            row.answer.get_or_insert_with(|| answer.clone());
        }
        None => row.locked_until = now,
    });
}
