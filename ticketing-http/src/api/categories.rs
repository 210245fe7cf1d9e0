//! Categories of events.

use super::Tag;
use super::bearer::Session;
use super::dto::body::Body;
use super::dto::category::{CategoryBody, CategoryView};
use super::problems::{BODY, KEYED, TOKEN, problems};
use super::state::ApiState;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

problems! {
    ListProblems: &[];
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
    #[oai(path = "/categories/", method = "get", operation_id = "listCategories")]
    async fn list(&self) -> Result<Json<Vec<CategoryView>>, ListProblems> {
        let categories = self.0.ticketing.categories().await?;
        Ok(Json(categories.into_iter().map(Into::into).collect()))
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
