use super::body::body;
use super::text::Text;
use poem_openapi::Object;
use ticketing_core::domain::event::{Category, NewCategory};

body! {
    /// A heading to list events under.
    struct CategoryBody {
        /// Unique without regard to case.
        name: Text<1, 50>,
        /// What belongs under it.
        description: Option<Text<0, 500>>,
    }
    example {"name": "Concerts", "description": "Live music"}
}

impl From<CategoryBody> for NewCategory {
    fn from(body: CategoryBody) -> Self {
        Self::new(body.name.0.trim()).with_description(body.description.map(|text| text.0))
    }
}

/// A heading to list events under.
#[derive(Object)]
pub(crate) struct CategoryView {
    /// What an event's `category_id` names.
    id: i64,
    /// What an event's `category` names.
    name: String,
    /// What belongs under it.
    #[oai(nullable)]
    description: Option<String>,
}

impl From<Category> for CategoryView {
    fn from(category: Category) -> Self {
        Self { id: category.id.0, name: category.name, description: category.description }
    }
}
