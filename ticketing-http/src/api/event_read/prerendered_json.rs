//! This is an optimisation; delete it if it stops paying. A payload whose JSON exists already; it saves writing it once more.

use bytes::Bytes;
use poem::{Body, IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use std::marker::PhantomData;

/// A `T` as JSON. The OpenAPI document shows it as a `Json<T>`.
pub(in crate::api) struct PrerenderedJson<T> {
    json: Bytes,
    of: PhantomData<fn() -> T>,
}

impl<T: ToJSON> PrerenderedJson<T> {
    pub(in crate::api) const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    /// `json` must be a `T`.
    pub(in crate::api) fn new(json: Bytes) -> Self {
        Self { json, of: PhantomData }
    }

    pub(in crate::api) fn into_body(self) -> Body {
        Body::from_bytes(self.json)
    }
}

impl<T> Clone for PrerenderedJson<T> {
    fn clone(&self) -> Self {
        Self { json: self.json.clone(), of: PhantomData }
    }
}

impl<T> std::fmt::Debug for PrerenderedJson<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PrerenderedJson").field(&self.json.len()).finish()
    }
}

impl<T: Type> Payload for PrerenderedJson<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn check_content_type(content_type: &str) -> bool {
        Json::<T>::check_content_type(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ToJSON> IntoResponse for PrerenderedJson<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(<Self as Payload>::CONTENT_TYPE).body(self.into_body())
    }
}
