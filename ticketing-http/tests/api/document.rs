//! The OpenAPI document.

use crate::shop::state;
use serde_json::Value;
use std::path::Path;
use std::sync::LazyLock;
use ticketing_core::Ticketing;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::testing::ManualClock;
use ticketing_http::api::{self, ApiSettings};

/// The document that the server generates.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let ticketing = Ticketing::builder(MemoryStorage::new()).build().unwrap();
    let state = state(ticketing, ManualClock::default(), ApiSettings::default());
    serde_json::from_str(&api::service(&state).spec()).unwrap()
});

pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// An operation of the document.
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) value: Value,
}

impl Operation {
    /// `get /events/{event_id}`
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The media type of its body.
    pub(crate) fn body_type(&self) -> Option<String> {
        self.value["requestBody"]["content"].as_object()?.keys().next().cloned()
    }

    /// Whether it documents this error.
    pub(crate) fn lists(&self, status: u16, code: &str) -> bool {
        let description = self.value["responses"][status.to_string()]["description"].as_str();
        description.is_some_and(|codes| codes.contains(&format!("`{code}`")))
    }
}

pub(crate) fn operations() -> Vec<Operation> {
    let document = document();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, value) in methods.as_object().unwrap() {
            all.push(Operation { method: method.clone(), path: path.clone(), value: value.clone() });
        }
    }
    all
}

/// Whether an answer is what the document says: each member is described, those that are required are there, all are of their types, and
/// the operation lists the code of a problem. What every operation may answer is not listed there.
pub(crate) fn check_answer(method: &str, path: &str, status: u16, body: &[u8]) {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    let is_its = |pattern: &str| {
        let (pattern, path) = (pattern.trim_end_matches('/').split('/'), path.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern.zip(path).all(|(expected, found)| expected == found || expected.starts_with('{'))
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    // A path of its own comes before one with parameters.
    let operations = paths.iter().filter(|(pattern, _)| is_its(pattern));
    let found = operations.min_by_key(|(pattern, _)| pattern.matches('{').count());
    let Some(operation) = found.and_then(|(_, methods)| methods.get(method.to_lowercase())) else { return };
    let response = &operation["responses"][status.to_string()];
    if let Some(code) = code_of(body) {
        let is_listed = response["description"].as_str().is_some_and(|codes| codes.contains(&format!("`{code}`")));
        assert!(
            is_listed || OF_ALL.contains(&code.as_str()),
            "{method} {path} answers {status} {code}, which is not listed"
        );
    }
    let content = &response["content"];
    let json = ["application/json", "application/json; charset=utf-8", "application/problem+json"];
    let Some(schema) = json.iter().find_map(|kind| content.get(kind)?.get("schema")) else { return };
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return };
    let mut faults = vec![];
    compare(schema, &body, "", &mut faults);
    assert_eq!(
        faults,
        Vec::<String>::new(),
        "{method} {path} answers {status} otherwise than the document says: {body}"
    );
}

/// The codes that need not be listed: an API key gets `forbidden` from every operation that only a person may call.
const OF_ALL: &[&str] = &["forbidden"];

fn code_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let is_problem = body.get("type").is_some() && body.get("status").is_some();
    body["code"].as_str().filter(|_| is_problem).map(str::to_owned)
}

fn compare(schema: &Value, found: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return compare(DOCUMENT.pointer(name.trim_start_matches('#')).unwrap(), found, at, faults);
    }
    let is_of_type = match (schema["type"].as_str(), found) {
        (_, Value::Null) => schema["nullable"] == true,
        (Some("string"), Value::String(word)) => {
            schema["enum"].as_array().is_none_or(|words| words.iter().any(|known| known == word))
        }
        (Some("integer"), Value::Number(number)) => number.is_i64() || number.is_u64(),
        (Some("number"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) | (None, _) => true,
        (Some("array"), Value::Array(items)) => {
            let each = items.iter().enumerate();
            each.for_each(|(index, item)| compare(&schema["items"], item, &format!("{at}/{index}"), faults));
            true
        }
        (Some("object"), Value::Object(members)) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            faults.extend(
                required.filter(|name| !members.contains_key(*name)).map(|name| format!("{at}/{name} is missing")),
            );
            for (name, member) in members {
                let of_any_name = schema.get("additionalProperties").filter(|of| of.is_object());
                match schema["properties"].get(name).or(of_any_name) {
                    Some(schema) => compare(schema, member, &format!("{at}/{name}"), faults),
                    None => faults.push(format!("{at}/{name} is not described")),
                }
            }
            true
        }
        _ => false,
    };
    if !is_of_type {
        faults.push(format!("{at} must be {} (got {found})", schema["type"]));
    }
}

#[test]
fn the_document_matches_its_snapshot() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let written = format!("{}\n", serde_json::to_string_pretty(document()).unwrap());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == reviewed,
        "the API changed: review it with UPDATE_SNAPSHOTS=1 cargo test -p ticketing-http --test api"
    );
}

#[test]
fn every_operation_is_described() {
    let mut names = Vec::new();
    for operation in operations() {
        let (name, value) = (operation.name(), &operation.value);
        assert!(value["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name} has no summary");
        assert_eq!(value["tags"].as_array().map(Vec::len), Some(1), "{name}");
        names.push(value["operationId"].as_str().unwrap_or_else(|| panic!("{name} has no operationId")).to_owned());
        for parameter in value["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}: {}", parameter["name"]);
        }
        if operation.body_type().is_some_and(|body_type| body_type == "application/json") {
            let schema = value["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
            let schema = &document()["components"]["schemas"][schema.rsplit('/').next().unwrap()];
            assert!(schema["example"].is_object(), "{name}: the body has no example");
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "every operationId is used once");
}

/// Every schema of the document, with where it is.
fn schemas(value: &Value, at: &str, see: &mut impl FnMut(&str, &Value)) {
    see(at, value);
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| schemas(item, &format!("{at}/{index}"), see))
        }
        Value::Object(fields) => fields.iter().for_each(|(name, field)| schemas(field, &format!("{at}/{name}"), see)),
        _ => {}
    }
}

/// A reference with a description of its own would be wrapped in `allOf`, and generators of clients drop operations with such a
/// schema: describe the type that is referred to.
#[test]
fn no_schema_is_wrapped_in_all_of() {
    let mut wrapped = vec![];
    schemas(document(), "", &mut |at, schema| {
        if schema.get("allOf").is_some() {
            wrapped.push(at.to_owned());
        }
    });
    assert_eq!(wrapped, Vec::<String>::new());
}

#[test]
fn a_problem_has_only_the_members_that_every_problem_has() {
    let document = document();
    let required = document["components"]["schemas"]["Problem"]["required"].as_array().unwrap();
    let mut required: Vec<&str> = required.iter().map(|name| name.as_str().unwrap()).collect();
    required.sort_unstable();
    assert_eq!(required, ["code", "detail", "status", "title", "type"]);
}

#[test]
fn no_amount_is_a_binary_fraction() {
    let text = document().to_string();
    assert!(!text.contains("\"double\"") && !text.contains("\"float\""));
}

#[test]
fn every_path_parameter_is_named_in_its_path() {
    for operation in operations() {
        for parameter in operation.value["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            if parameter["in"] == "path" {
                assert!(operation.path.contains(&format!("{{{name}}}")), "{}: {name}", operation.name());
            }
        }
    }
}
