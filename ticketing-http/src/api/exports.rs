//! Exports: what an organiser downloads as a table, as a file that is written while the client reads it.

use super::Tag;
use super::bearer::Caller;
use super::dto::path::{Id, Name};
use super::problems::{MEMBER, PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use crate::problem::Problem;
use bytes::Bytes;
use futures_util::stream;
use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::{Binary, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiResponse, OpenApi};
#[cfg(feature = "xlsx")]
use ticketing_core::Export;
use ticketing_core::domain::audit::Actor;
use ticketing_core::{CsvExport, Error, ExportKind};

problems! {
    ExportProblems: PARAMETERS, TOKEN, MEMBER, &["forbidden", "not_found"];
}

const CSV: &str = "text/csv; charset=utf-8; header=present";
#[cfg(feature = "xlsx")]
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

#[cfg(feature = "xlsx")]
const TYPES: &[&str] = &[CSV, XLSX];
#[cfg(not(feature = "xlsx"))]
const TYPES: &[&str] = &[CSV];

/// A file to download.
struct Download {
    body: Body,
    content_type: &'static str,
    file_name: String,
}

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(self.content_type)
            .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", self.file_name))
            .header(header::CACHE_CONTROL, "no-store")
            .body(self.body)
    }
}

impl ApiResponse for Download {
    fn meta() -> MetaResponses {
        let content = |content_type| MetaMediaType {
            content_type,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary"))),
        };
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The file",
                status: Some(200),
                status_range: None,
                content: TYPES.iter().copied().map(content).collect(),
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        <Binary<Vec<u8>> as Payload>::register(registry);
    }
}

pub(crate) struct Exports(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Attendees")]
impl Exports {
    /// Export attendees, orders, refunds or check-ins
    ///
    /// For the event's organiser: `attendees` and `check-ins` for members with `attendees`, `orders` and `refunds` for members with
    /// `orders`. The file is written while you read it, so it can have any number of rows; if it breaks off, the connection does too. Times
    /// are in the event's time zone. Every export is in the event's audit log.
    ///
    /// CSV is UTF-8 with a byte order mark (RFC 4180). A text that a spreadsheet would compute begins with an apostrophe; `plain=true` leaves
    /// out both, for programs. In XLSX a text is a text. An XLSX file has at most 200,000 rows.
    #[oai(path = "/events/:event_id/exports/:kind", method = "get", operation_id = "exportEvent")]
    async fn export(
        &self,
        caller: Caller,
        /// The event's id.
        event_id: Path<Id>,
        /// `attendees`, `orders`, `refunds` or `check-ins`
        kind: Path<Name>,
        /// `csv` (default) or `xlsx`
        format: Query<Option<String>>,
        /// CSV for programs: no byte order mark, every text as it is.
        plain: Query<Option<bool>>,
    ) -> Result<Download, ExportProblems> {
        let id = event_id.0.get("event_id")?.into();
        let kind = ExportKind::from_name(&kind.0.0).ok_or(Error::NotFound("Export"))?;
        let format = Format::of(format.0.as_deref())?;
        let export = self.0.ticketing.export(&Actor::Person(caller.who()), id, kind).await?;
        let file_name = format!("event-{id}-{}.{}", kind.name(), format.extension());
        let (body, content_type) = match format {
            Format::Csv => {
                let csv = CsvExport::new(export).plain(plain.0 == Some(true));
                (csv_body(csv).await?, CSV)
            }
            #[cfg(feature = "xlsx")]
            Format::Xlsx => (xlsx_body(export).await?, XLSX),
        };
        Ok(Download { body, content_type, file_name })
    }
}

#[derive(Clone, Copy)]
enum Format {
    Csv,
    #[cfg(feature = "xlsx")]
    Xlsx,
}

impl Format {
    fn of(name: Option<&str>) -> Result<Self, Problem> {
        match name {
            None | Some("csv") => Ok(Self::Csv),
            #[cfg(feature = "xlsx")]
            Some("xlsx") => Ok(Self::Xlsx),
            Some(other) => Err(Problem::invalid_field("format", format!("must be csv or xlsx (got {other})"))),
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            #[cfg(feature = "xlsx")]
            Self::Xlsx => "xlsx",
        }
    }
}

/// Each piece is read when the client has taken the one before. Trouble with the first rows is still a problem of its own; later, all that is
/// left is to break off.
async fn csv_body(mut csv: CsvExport) -> Result<Body, Error> {
    let mut first = vec![];
    for _ in 0..2 {
        first.extend(csv.next_piece().await?.unwrap_or_default());
    }
    let rest = stream::unfold(Some(csv), async |csv| {
        let mut csv = csv?;
        match csv.next_piece().await {
            Ok(Some(piece)) => Some((Ok(Bytes::from(piece)), Some(csv))),
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "an export broke off");
                Some((Err(std::io::Error::other(error)), None))
            }
        }
    });
    let first = stream::once(std::future::ready(Ok(Bytes::from(first))));
    Ok(Body::from_bytes_stream(stream::StreamExt::chain(first, rest)))
}

/// The whole file is made first: it begins with where its parts are.
#[cfg(feature = "xlsx")]
async fn xlsx_body(export: Export) -> Result<Body, Problem> {
    use tokio::io::AsyncSeekExt as _;
    let file = crate::xlsx::written(export, |_| ()).await?;
    let mut file = tokio::fs::File::from_std(file);
    file.rewind().await.map_err(|error| {
        tracing::error!(%error, "an export cannot be read back");
        Problem::internal()
    })?;
    Ok(Body::from_async_read(file))
}
