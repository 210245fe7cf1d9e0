//! JSON that is written already.

use bytes::Bytes;
use poem::{Body, IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use std::marker::PhantomData;

/// A `T` as JSON. In the document it is like a `Json<T>`.
pub(crate) struct Written<T> {
    json: Bytes,
    of: PhantomData<fn() -> T>,
}

impl<T: ToJSON> Written<T> {
    pub(crate) const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    /// What `json` says must be a `T`.
    pub(crate) fn new(json: Bytes) -> Self {
        Self { json, of: PhantomData }
    }

    pub(crate) fn into_body(self) -> Body {
        Body::from_bytes(self.json)
    }
}

impl<T> Clone for Written<T> {
    fn clone(&self) -> Self {
        Self { json: self.json.clone(), of: PhantomData }
    }
}

impl<T> std::fmt::Debug for Written<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Written").field(&self.json.len()).finish()
    }
}

impl<T: Type> Payload for Written<T> {
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

impl<T: ToJSON> IntoResponse for Written<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(<Self as Payload>::CONTENT_TYPE).body(self.into_body())
    }
}
