//! Categories: headings to list events under.

use super::command::{Command, Query};
use super::id::CategoryId;
use super::list::{List, Sort};
use super::load::LoadKeys;
use super::page::{Page, PageRequest};
use super::refusal::Refusal;
use super::table::{Lock, table};
use super::text;
use super::working_set::WorkingSet;
use crate::setters::setters;
use jiff::Timestamp;

/// A category of events.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Category {
    /// The category's id.
    pub id: CategoryId,
    /// 1–50 characters. Unique, in any case and spelling.
    pub name: String,
    /// What belongs to it.
    pub description: Option<String>,
}

/// A category to create.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewCategory {
    /// 1–50 characters.
    pub name: String,
    /// What belongs to it.
    pub description: Option<String>,
}

impl NewCategory {
    /// Creates a category without a description.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), description: None }
    }
}

setters!(NewCategory {
    with_description => description: impl Into<Option<String>>,
});

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
        text::spellings(&self.name).iter().for_each(|key| load.find(BY_NAME, key));
    }

    fn apply(&self, rows: &mut WorkingSet, _now: Timestamp) -> Result<Category, Refusal> {
        if rows.category_named(&self.name).is_some() {
            return Err(Refusal::CategoryTaken);
        }
        let id = CategoryId(rows.categories.take_id());
        let category = Category { id, name: self.name.clone(), description: self.description.clone() };
        rows.categories.insert(category.clone());
        Ok(category)
    }
}

impl WorkingSet {
    /// The category with this name, in any case and spelling.
    pub fn category_named(&self, name: &str) -> Option<&Category> {
        text::spellings(name).iter().find_map(|key| self.categories.find(BY_NAME, key))
    }
}

/// Finds a category by its name, in any case and spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindCategory(pub String);

impl Query for FindCategory {
    type Found = Option<Category>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        text::spellings(&self.0).iter().for_each(|key| load.find(BY_NAME, key));
    }

    fn find(&self, rows: &WorkingSet) -> Option<Category> {
        rows.category_named(&self.0).cloned()
    }
}

/// Finds a category by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindCategoryById(pub CategoryId);

impl Query for FindCategoryById {
    type Found = Option<Category>;
    const ONE_MOMENT: bool = false;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Category>(&self.0);
    }

    fn find(&self, rows: &WorkingSet) -> Option<Category> {
        rows.categories.get(&self.0).cloned()
    }
}

/// Lists categories, by name in code-point order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListCategories(pub PageRequest);

const LIST: &str = "categories";

impl Query for ListCategories {
    type Found = Page<Category>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut LoadKeys) {
        load.list(List::of::<Category>(LIST, vec![]).by("name", Sort::Ascending).page(self.0));
    }

    fn find(&self, rows: &WorkingSet) -> Page<Category> {
        let page = rows.listed::<CategoryId>(LIST);
        let total = if self.0.count { Some(page.total.unwrap_or(0)) } else { None };
        let categories = page.items.iter().filter_map(|id| rows.categories.get(id));
        Page { items: categories.cloned().collect(), more: page.more, total }
    }
}
