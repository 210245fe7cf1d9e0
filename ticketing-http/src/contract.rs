//! What the OpenAPI document promises, for better errors: which methods an address understands (`Allow` on a 405), and
//! which fields of a body are not what is wanted.
//!
//! poem-openapi stops at the first wrong field and often does not name it. Whether a body is good is its decision alone;
//! this is asked only after it said no.

use crate::problem::FieldError;
use poem::http::Method;
use serde_json::Value;
use std::collections::HashMap;

/// How many wrong fields are listed: enough for any form, too few to be a lever.
const MOST_ERRORS: usize = 20;

/// Addresses, their methods, and the bodies they want.
#[derive(Clone, Debug, Default)]
pub struct Contract {
    routes: Vec<Route>,
    /// What the router's patterns are called here.
    names: HashMap<String, String>,
    schemas: Value,
}

#[derive(Clone, Debug)]
struct Route {
    segments: Vec<Segment>,
    operations: Vec<Operation>,
}

#[derive(Clone, Debug)]
struct Operation {
    method: Method,
    body: Option<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Fixed(String),
    /// `{event_id}`, or with fixed text around it.
    Any {
        before: String,
        after: String,
    },
}

impl Contract {
    /// Reads an OpenAPI document. What it does not understand, it leaves out.
    pub fn of_document(document: &str) -> Self {
        let mut document: Value = serde_json::from_str(document).unwrap_or_default();
        let schemas = document.pointer_mut("/components/schemas").map(Value::take).unwrap_or_default();
        let mut contract = Self { schemas, ..Self::default() };
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            let (pattern, name) = pattern_of(path);
            contract.names.insert(pattern, name);
            for (method, operation) in operations.as_object().into_iter().flatten() {
                if let Ok(method) = Method::from_bytes(method.to_ascii_uppercase().as_bytes()) {
                    contract.add(path, method, json_body(operation));
                }
            }
        }
        contract
    }

    /// Adds an address that is not in the document, such as a page.
    #[must_use]
    pub fn with_route(mut self, path: &str, methods: &[Method]) -> Self {
        for method in methods {
            self.add(path, method.clone(), None);
        }
        self
    }

    fn add(&mut self, path: &str, method: Method, body: Option<Value>) {
        let segments: Vec<Segment> = segments(path).map(Segment::of).collect();
        let operation = Operation { method, body };
        match self.routes.iter_mut().find(|route| route.segments == segments) {
            Some(route) => route.operations.push(operation),
            None => self.routes.push(Route { segments, operations: vec![operation] }),
        }
    }

    /// The methods that `path` understands, in the order of `Allow`; empty where it is unknown.
    pub fn methods(&self, path: &str) -> Vec<Method> {
        let mut methods: Vec<Method> = self.operations(path).map(|operation| operation.method.clone()).collect();
        if methods.contains(&Method::GET) {
            methods.push(Method::HEAD);
        }
        if !methods.is_empty() {
            methods.push(Method::OPTIONS);
        }
        methods.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        methods.dedup();
        methods
    }

    /// The fields of a JSON body that are not what the document wants; empty where nothing is found.
    pub fn wrong_fields(&self, method: &Method, path: &str, body: &Value) -> Vec<FieldError> {
        let mut found = Vec::new();
        let schema =
            self.operations(path).filter(|operation| operation.method == *method).find_map(|o| o.body.as_ref());
        if let Some(schema) = schema {
            self.check(schema, body, "", &mut found, 0);
        }
        found.truncate(MOST_ERRORS);
        found
    }

    /// A pattern of the router by its name in the document: `/tickets/:code` for `/tickets/:param0`. Others stay as they are.
    pub fn name_of<'a>(&'a self, pattern: &'a str) -> &'a str {
        self.names.get(pattern).map_or(pattern, String::as_str)
    }

    fn operations<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Operation> {
        self.routes.iter().filter(|route| route.matches(path)).flat_map(|route| &route.operations)
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<FieldError>, depth: usize) {
        if depth > 16 || found.len() >= MOST_ERRORS {
            return;
        }
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/")) {
            return self.check(&self.schemas[name], value, at, found, depth + 1);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check(part, value, at, found, depth + 1);
        }
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        let mut wrong = |message: String| found.push(FieldError::new(if at.is_empty() { "body" } else { at }, message));
        if let Some(kind) = schema["type"].as_str()
            && !is_a(kind, value)
        {
            return wrong(format!("must be {}", in_words(kind, schema["format"].as_str())));
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
            return wrong(format!("must be one of {}", allowed.join(", ")));
        }
        match value {
            Value::Number(_) => check_number(schema, value, &mut wrong),
            Value::String(text) => check_length(schema, text.chars().count(), "Length", "characters", &mut wrong),
            Value::Array(items) => {
                check_length(schema, items.len(), "Items", "entries", &mut wrong);
                for (index, item) in items.iter().enumerate() {
                    self.check(&schema["items"], item, &inside(at, &index.to_string()), found, depth + 1);
                }
            }
            Value::Object(fields) => {
                for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if fields.get(name).is_none_or(Value::is_null) {
                        found.push(FieldError::new(inside(at, name), "is required"));
                    }
                }
                for (name, field) in fields.iter().filter(|(_, field)| !field.is_null()) {
                    match schema["properties"].get(name) {
                        Some(schema) => self.check(schema, field, &inside(at, name), found, depth + 1),
                        None if schema["additionalProperties"] == false => {
                            found.push(FieldError::new(inside(at, &clipped(name)), "is not known here"));
                        }
                        None => {}
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

impl Route {
    fn matches(&self, path: &str) -> bool {
        let mut given = segments(path);
        self.segments.iter().all(|segment| given.next().is_some_and(|given| segment.matches(given)))
            && given.next().is_none()
    }
}

impl Segment {
    fn of(text: &str) -> Self {
        let braces = text.split_once('{').and_then(|(before, rest)| Some((before, rest.rsplit_once('}')?.1)));
        match braces {
            Some((before, after)) => Self::Any { before: before.to_owned(), after: after.to_owned() },
            None => Self::Fixed(text.to_owned()),
        }
    }

    fn matches(&self, given: &str) -> bool {
        match self {
            Self::Fixed(text) => text == given,
            Self::Any { before, after } => {
                given.len() > before.len() + after.len() && given.starts_with(before) && given.ends_with(after)
            }
        }
    }
}

/// The router's pattern for a path of the document, as poem-openapi makes it: parameters have numbers. And the same with their
/// names.
fn pattern_of(path: &str) -> (String, String) {
    let (mut pattern, mut name, mut rest, mut count) = (String::new(), String::new(), path, 0);
    while let Some((before, parameter, after)) =
        rest.split_once('{').and_then(|(before, rest)| rest.split_once('}').map(|(name, after)| (before, name, after)))
    {
        pattern += &format!("{before}:param{count}");
        name += &format!("{before}:{parameter}");
        (rest, count) = (after, count + 1);
    }
    (pattern + rest, name + rest)
}

/// The parts of a path; a slash at the end makes no difference.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}

fn json_body(operation: &Value) -> Option<Value> {
    let content = operation["requestBody"]["content"].as_object()?;
    let (_, media) = content.iter().find(|(media_type, _)| media_type.starts_with("application/json"))?;
    Some(media["schema"].clone())
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn in_words(kind: &str, format: Option<&str>) -> &'static str {
    match (kind, format) {
        ("integer", _) => "a whole number",
        ("number", _) => "a number",
        ("boolean", _) => "true or false",
        ("array", _) => "a list",
        ("object", _) => "an object",
        (_, Some("date-time")) => "a date and time such as 2026-12-31T20:00:00Z",
        (_, Some("email")) => "an e-mail address",
        _ => "a text",
    }
}

fn check_number(schema: &Value, value: &Value, wrong: &mut impl FnMut(String)) {
    let Some(number) = value.as_f64() else { return };
    if let Some(least) = schema["minimum"].as_f64() {
        let exclusive = schema["exclusiveMinimum"] == true;
        if number < least || (exclusive && number <= least) {
            wrong(format!("must be {} {least}", if exclusive { "greater than" } else { "at least" }));
        }
    }
    if let Some(most) = schema["maximum"].as_f64() {
        let exclusive = schema["exclusiveMaximum"] == true;
        if number > most || (exclusive && number >= most) {
            wrong(format!("must be {} {most}", if exclusive { "less than" } else { "at most" }));
        }
    }
}

fn check_length(schema: &Value, length: usize, what: &str, unit: &str, wrong: &mut impl FnMut(String)) {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    if let Some(least) = schema[format!("min{what}")].as_u64()
        && length < least
    {
        wrong(format!("must have at least {least} {unit}"));
    }
    if let Some(most) = schema[format!("max{what}")].as_u64()
        && length > most
    {
        wrong(format!("must have at most {most} {unit}"));
    }
}

fn inside(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// A field's name as somebody else made it up.
fn clipped(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contract() -> Contract {
        let document = json!({
            "paths": {
                "/events": {"get": {}, "post": {"requestBody": {"content": {"application/json; charset=utf-8": {
                    "schema": {"$ref": "#/components/schemas/NewEvent"}}}}}},
                "/tickets/{code}/qr.{kind}": {"get": {}},
            },
            "components": {"schemas": {
                "NewEvent": {"type": "object", "required": ["title", "price"], "additionalProperties": false,
                    "properties": {
                        "title": {"type": "string", "minLength": 3, "maxLength": 5},
                        "price": {"type": "number", "minimum": 0.0},
                        "capacity": {"type": "integer", "minimum": 0.0, "exclusiveMinimum": true},
                        "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
                    }},
                "Line": {"type": "object", "required": ["quantity"], "properties": {"quantity": {"type": "integer"}}},
            }},
        });
        Contract::of_document(&document.to_string()).with_route("/docs", &[Method::GET])
    }

    fn wrong(body: Value) -> Vec<(String, String)> {
        let found = contract().wrong_fields(&Method::POST, "/events/", &body);
        found.into_iter().map(|error| (error.field, error.message)).collect()
    }

    #[test]
    fn an_address_tells_its_methods_with_and_without_a_slash() {
        let methods = |path: &str| contract().methods(path).iter().map(Method::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(methods("/events"), "GET HEAD OPTIONS POST");
        assert_eq!(methods("/events/"), "GET HEAD OPTIONS POST");
        assert_eq!(methods("/tickets/ABC/qr.png"), "GET HEAD OPTIONS");
        assert_eq!(methods("/docs"), "GET HEAD OPTIONS");
        assert_eq!(methods("/nowhere"), "");
    }

    #[test]
    fn the_routers_patterns_are_called_as_in_the_document() {
        assert_eq!(contract().name_of("/tickets/:param0/qr.:param1"), "/tickets/:code/qr.:kind");
        assert_eq!(contract().name_of("/events"), "/events");
        assert_eq!(contract().name_of("/sandbox/:reference"), "/sandbox/:reference");
    }

    #[test]
    fn every_wrong_field_is_named() {
        let found = wrong(json!({"title": "ab", "capacity": 0, "prise": 1, "lines": [{"quantity": "two"}, 7]}));
        let expected = [
            ("price", "is required"),
            ("capacity", "must be greater than 0"),
            ("lines.0.quantity", "must be a whole number"),
            ("lines.1", "must be an object"),
            ("prise", "is not known here"),
            ("title", "must have at least 3 characters"),
        ];
        assert_eq!(found, expected.map(|(field, message)| (field.to_owned(), message.to_owned())));
    }

    #[test]
    fn a_good_body_and_an_unknown_address_have_no_wrong_fields() {
        assert!(wrong(json!({"title": "abc", "price": 0})).is_empty());
        assert!(contract().wrong_fields(&Method::POST, "/nowhere", &json!(1)).is_empty());
        assert_eq!(wrong(json!([])), [("body".to_owned(), "must be an object".to_owned())]);
    }
}
