//! Categories of events.

use super::Tag;
use super::bearer::Session;
use super::dto::body::Body;
use super::dto::category::{CategoryBody, CategoryView};
use super::dto::list::{List, page};
use super::problems::{BODY, KEYED, PARAMETERS, TOKEN, problems};
use super::state::ApiState;
use poem::http::Uri;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use ticketing_core::domain::page::MAX_PAGE;

problems! {
    ListProblems: PARAMETERS;
    CreateProblems: BODY, KEYED, TOKEN, &["category_taken"];
}

#[derive(ApiResponse)]
enum Created {
    /// The new category.
    #[oai(status = 201)]
    Created(Json<CategoryView>),
}

pub(crate) struct Categories(pub(crate) ApiState);

#[OpenApi(tag = "Tag::Events")]
impl Categories {
    /// List categories
    ///
    /// By name.
    #[oai(path = "/categories/", method = "get", operation_id = "listCategories")]
    async fn list(
        &self,
        uri: &Uri,
        /// Number of items to skip.
        skip: Query<Option<u64>>,
        /// Page size, 1–1000 (default 1000).
        limit: Query<Option<u32>>,
        /// Return the total count in `X-Total-Count`.
        count: Query<Option<bool>>,
    ) -> Result<List<CategoryView>, ListProblems> {
        // Older clients expect all of them at once.
        let request = page(skip.0, Some(limit.0.unwrap_or(MAX_PAGE)), count.0);
        let found = self.0.ticketing.categories(request).await?;
        Ok(List::new(found, request, uri, &self.0.settings, Into::into))
    }

    /// Create a category
    ///
    /// Seldom needed: an event may name a category that does not exist yet, and creates it.
    #[oai(path = "/categories/", method = "post", operation_id = "createCategory")]
    async fn create(&self, _session: Session, body: Body<CategoryBody>) -> Result<Created, CreateProblems> {
        let category = self.0.ticketing.create_category(body.0.into()).await?;
        Ok(Created::Created(Json(category.into())))
    }
}
