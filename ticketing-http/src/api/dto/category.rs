use super::body::body;
use super::text::Text;
use poem_openapi::Object;
use ticketing_core::domain::category::{Category, NewCategory};

body! {
    /// A category of events.
    struct CategoryBody {
        /// Unique without regard to case.
        name: Text<1, 50>,
        /// A description.
        description: Option<Text<0, 500>>,
    }
    example {"name": "Concerts", "description": "Live music"}
}

impl From<CategoryBody> for NewCategory {
    fn from(body: CategoryBody) -> Self {
        Self::new(body.name.0.trim()).with_description(body.description.map(|text| text.0))
    }
}

/// A category of events.
#[derive(Object)]
pub(crate) struct CategoryView {
    /// The category's id: an event's `category_id`.
    id: i64,
    /// The category's name: an event's `category`.
    name: String,
    /// A description.
    #[oai(nullable)]
    description: Option<String>,
}

impl From<Category> for CategoryView {
    fn from(category: Category) -> Self {
        Self { id: category.id.0, name: category.name, description: category.description }
    }
}
