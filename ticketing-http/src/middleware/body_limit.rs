//! The largest body of a request. The body is read here, once and whole, before anything else looks at it.

use crate::problem::Problem;
use poem::error::ReadBodyError;
use poem::http::header;
use poem::{Body, Request};

/// 64 KiB: a hundred times the largest body that the API needs.
pub const DEFAULT_LIMIT: usize = 64 * 1024;

/// Reads the body into memory and leaves it in the request. A body of more than `limit` bytes is rejected: at once where
/// `Content-Length` says so, else as soon as the limit is passed.
pub async fn read(request: &mut Request, limit: usize) -> Result<(), Problem> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large(limit));
    }
    let body = request.take_body();
    if body.is_empty() {
        return Ok(());
    }
    // Boxed: the future holds a buffer, and most requests have no body.
    let bytes = match Box::pin(body.into_bytes_limit(limit)).await {
        Ok(bytes) => bytes,
        Err(ReadBodyError::PayloadTooLarge) => return Err(too_large(limit)),
        Err(_) => return Err(Problem::new("body_unreadable", "The body is incomplete.")),
    };
    request.set_body(Body::from_bytes(bytes));
    Ok(())
}

fn too_large(limit: usize) -> Problem {
    Problem::new("body_too_large", format!("The body is too large: the limit is {limit} bytes."))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn outcome(request: Request) -> Result<usize, String> {
        let mut request = request;
        read(&mut request, 10).await.map_err(|problem| problem.code().to_owned())?;
        Ok(request.into_body().into_bytes().await.unwrap().len())
    }

    fn unannounced(length: usize) -> Body {
        Body::from_async_read(std::io::Cursor::new(vec![b'x'; length]))
    }

    #[tokio::test]
    async fn the_limit_holds_with_and_without_content_length() {
        let too_large = Err("body_too_large".to_owned());
        assert_eq!(outcome(Request::builder().body("0123456789")).await, Ok(10));
        assert_eq!(outcome(Request::builder().body("0123456789a")).await, too_large);
        assert_eq!(outcome(Request::builder().body(unannounced(10))).await, Ok(10));
        assert_eq!(outcome(Request::builder().body(unannounced(1 << 20))).await, too_large);
        assert_eq!(outcome(Request::builder().header("content-length", "11").body("")).await, too_large);
        assert_eq!(outcome(Request::builder().finish()).await, Ok(0));
    }
}
