//! Categories: headings to list events under.

use super::command::{Command, Query};
use super::id::CategoryId;
use super::list::List;
use super::load::LoadKeys;
use super::page::PageRequest;
use super::refusal::Refusal;
use super::table::{Lock, table};
use super::working_set::WorkingSet;
use jiff::Timestamp;

/// A heading to list events under.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Category {
    /// The category's id.
    pub id: CategoryId,
    /// 1 to 50 characters, unique without regard to case.
    pub name: String,
    /// What belongs under it.
    pub description: Option<String>,
}

/// A category to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCategory {
    /// 1 to 50 characters.
    pub name: String,
    /// What belongs under it.
    pub description: Option<String>,
}

table! {
    Category in "categories", lock Lock::Rank(5);
    numbered id: CategoryId, name, description;
    derived name_key = |category| Some(category.name.to_lowercase());
    index BY_NAME(name_key) unique;
}

/// Makes a category, unless its name is taken.
impl Command for NewCategory {
    type Outcome = Result<Category, Refusal>;
    const NAME: &'static str = "put_category";

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.find(BY_NAME, &self.name.to_lowercase());
    }

    fn apply(&self, rows: &mut WorkingSet, _now: Timestamp) -> Result<Category, Refusal> {
        if rows.categories.find(BY_NAME, &self.name.to_lowercase()).is_some() {
            return Err(Refusal::CategoryTaken);
        }
        let id = CategoryId(rows.categories.take_id());
        let category = Category { id, name: self.name.clone(), description: self.description.clone() };
        rows.categories.insert(category.clone());
        Ok(category)
    }
}

/// All categories, by name in code-point order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AllCategories;

impl AllCategories {
    const LIST: &'static str = "categories";
}

impl Query for AllCategories {
    type Found = Vec<Category>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        let all = PageRequest { limit: u32::MAX, ..PageRequest::default() };
        load.list(List::of::<Category>(Self::LIST, vec![]).page(all));
    }

    fn find(&self, rows: &WorkingSet) -> Vec<Category> {
        let listed = rows.listed::<CategoryId>(Self::LIST).items;
        let mut all: Vec<Category> = listed.iter().filter_map(|id| rows.categories.get(id)).cloned().collect();
        // Not by the database: collations differ.
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}
