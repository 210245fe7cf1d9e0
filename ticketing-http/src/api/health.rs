//! Whether we are here.

use super::Tag;
use super::problems::problems;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

problems! {
    IndexProblems: &[];
}

pub(crate) struct Health;

/// That the server is up.
#[derive(Object)]
pub(crate) struct HealthView {
    /// `healthy`
    status: String,
}

/// What this is.
#[derive(Object)]
pub(crate) struct IndexView {
    /// Its name.
    message: String,
    /// Its version.
    version: String,
    /// Where it is described.
    docs: String,
}

#[OpenApi(tag = "Tag::Service")]
impl Health {
    /// What this is
    #[oai(path = "/", method = "get", operation_id = "index")]
    async fn index(&self) -> Result<Json<IndexView>, IndexProblems> {
        Ok(Json(IndexView {
            message: "Welcome to Ticketing".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            docs: "/docs".to_owned(),
        }))
    }

    /// Whether the server is up
    ///
    /// Asks nothing else, so that a slow database does not look like a dead server. `/ready` asks more.
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(&self) -> Json<HealthView> {
        Json(HealthView { status: "healthy".to_owned() })
    }
}
