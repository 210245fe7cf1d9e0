//! Converts poem's own errors (unknown paths, unreadable bodies, missing tokens, …) to problems.

use super::codes::code_of;
use super::{FieldError, Problem};
use poem::error::{
    CorsError, MethodNotAllowedError, NotFoundError, ParseFormError, ParseJsonError, ParseQueryError, ReadBodyError,
    SizedLimitError,
};
use poem::http::{StatusCode, header};
use poem::{Error, Response};
use poem_openapi::error::{
    AuthorizationError, ContentTypeError, ParseParamError, ParsePathError, ParseRequestPayloadError,
};

/// The response to an uncaught error: for the root's `catch_all_error`.
///
/// The [`stack`](crate::stack::stack) knows the request too, and adds `Allow` to a 405.
pub async fn as_problem(error: Error) -> Response {
    to_response(error, |problem| problem)
}

/// The response to an error; `improve` may add what is known of the request. Responses that are problems already are unchanged.
pub(crate) fn to_response(error: Error, improve: impl FnOnce(Problem) -> Problem) -> Response {
    if error.is_from_response() {
        let response = error.into_response();
        let is_problem = response.content_type() == Some(super::CONTENT_TYPE);
        return match response.status() {
            status if (status.is_client_error() || status.is_server_error()) && !is_problem => {
                let mut problem = improve(of_status(status)).to_response();
                // Keep the challenge: its scheme may be another one.
                if let Some(challenge) = response.headers().get(header::WWW_AUTHENTICATE) {
                    problem.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.clone());
                }
                problem
            }
            _ => response,
        };
    }
    let problem = Problem::from_poem(&error);
    if problem.status().is_server_error() && error.downcast_ref::<Problem>().is_none() {
        tracing::error!(%error, "internal error");
    }
    improve(problem).to_response()
}

impl Problem {
    /// Converts an error of poem.
    pub(crate) fn from_poem(error: &Error) -> Self {
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(error) = error.downcast_ref::<ticketing_core::Error>() {
            return Self::of_core(error);
        }
        if error.is::<NotFoundError>() {
            return Self::new("path_unknown", "Path not found.");
        }
        if error.is::<MethodNotAllowedError>() {
            return of_status(StatusCode::METHOD_NOT_ALLOWED);
        }
        if error.is::<AuthorizationError>() {
            return of_status(StatusCode::UNAUTHORIZED);
        }
        if error.is::<ContentTypeError>() {
            return of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        if error.is::<CorsError>() {
            return Self::new("origin_refused", "Origin not allowed.");
        }
        if let Some(error) = error.downcast_ref::<ParseRequestPayloadError>() {
            return of_payload(&error.reason);
        }
        if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
            return Self::invalid_field(*name, plain_reason(reason));
        }
        if let Some(ParsePathError { name, reason }) = error.downcast_ref() {
            return Self::invalid_field(*name, plain_reason(reason));
        }
        if error.is::<ParseQueryError>() {
            return Self::invalid_field("query", "cannot be read");
        }
        match error.downcast_ref::<ReadBodyError>() {
            Some(ReadBodyError::BodyHasBeenTaken) => return Self::internal(),
            Some(ReadBodyError::PayloadTooLarge) => return of_status(StatusCode::PAYLOAD_TOO_LARGE),
            Some(_) => return unreadable("The body is incomplete."),
            None => {}
        }
        match error.downcast_ref::<ParseJsonError>() {
            Some(ParseJsonError::Parse(_)) => return unreadable("The body is not valid JSON."),
            Some(_) => return of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            None => {}
        }
        match error.downcast_ref::<ParseFormError>() {
            Some(ParseFormError::UrlDecode(error)) => return of_payload(&error.to_string()),
            Some(_) => return of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            None => {}
        }
        if error.is::<SizedLimitError>() {
            return of_status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        of_status(error.status())
    }
}

fn unreadable(detail: &str) -> Problem {
    Problem::new("body_unreadable", detail)
}

/// A problem of which only the status is known. Any text that came with it is dropped.
fn of_status(status: StatusCode) -> Problem {
    let detail = match status.as_u16() {
        401 => "Not authenticated",
        403 => "You may not do this.",
        404 => "Not found.",
        405 => "Method not allowed.",
        406 => "None of the accepted media types is available.",
        408 => "The request took too long to arrive.",
        413 => "The body is too large.",
        415 => "The Content-Type of the body must be application/json.",
        429 => "Too many requests. Please try again later.",
        503 => super::BUSY,
        400..=499 => "Bad request.",
        _ => return Problem::internal(),
    };
    Problem::with_status(status, code_of(status), detail)
}

/// A body that could not be parsed, judged by the library's message.
fn of_payload(reason: &str) -> Problem {
    // serde_json ends its own complaints with where it stumbled: the body is no JSON at all.
    if reason.contains(" at line ") && reason.contains(" column ") {
        return unreadable("The body is not valid JSON.");
    }
    let field = named_field(reason).unwrap_or("body");
    Problem::invalid(vec![FieldError::new(field, plain_reason(reason))])
}

/// The field in a message such as "unknown field `x`".
fn named_field(reason: &str) -> Option<&str> {
    let (_, after) = ["missing field `", "unknown field `", "duplicate field `", "field `", "properties `"]
        .iter()
        .find_map(|before| reason.split_once(before))?;
    after.split_once('`').map(|(field, _)| field)
}

/// A library's message as a short sentence about the field. The value found is left out: it may be a password.
fn plain_reason(reason: &str) -> String {
    if reason.contains("expects an input value") || reason.contains("missing field") {
        return "is required".to_owned();
    }
    if reason.contains("unknown field") {
        return "is not a known field".to_owned();
    }
    if reason.contains("is read only") {
        return "cannot be set".to_owned();
    }
    if let Some((_, rule)) = reason.split_once("verification failed. ") {
        let rule = rule.split(" (occurred while").next().unwrap_or(rule);
        return format!("must satisfy {rule}");
    }
    match expected_type(reason) {
        Some(expected) => format!("must be {expected}"),
        None => "is invalid".to_owned(),
    }
}

/// The expected type in `Expected input type "integer_int64", found …` and `failed to parse "integer_int64": …`.
fn expected_type(reason: &str) -> Option<&'static str> {
    let (_, after) =
        ["Expected input type \"", "failed to parse \""].iter().find_map(|before| reason.split_once(before))?;
    let (name, _) = after.split_once('"')?;
    let name = name.trim_start_matches("optional_");
    Some(match name.split(['_', '(']).next()? {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" | "bool" => "true or false",
        "string" if name.contains("date-time") => "a date and time such as 2099-12-31T20:00:00Z",
        "string" => "a string",
        "list" | "set" => "a list",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(reason: &str) -> Problem {
        Problem::from_poem(&ParseRequestPayloadError { reason: reason.to_owned() }.into())
    }

    #[test]
    fn poems_own_errors_have_stable_codes() {
        let code = |error: Error| Problem::from_poem(&error).code().to_owned();
        assert_eq!(code(NotFoundError.into()), "path_unknown");
        assert_eq!(code(MethodNotAllowedError.into()), "method_not_allowed");
        assert_eq!(code(AuthorizationError.into()), "unauthenticated");
        assert_eq!(code(ContentTypeError::ExpectContentType.into()), "media_type_unsupported");
        assert_eq!(code(ReadBodyError::PayloadTooLarge.into()), "body_too_large");
        assert_eq!(code(Error::from_status(StatusCode::IM_A_TEAPOT)), "bad_request");
        assert_eq!(code(Error::from_status(StatusCode::BAD_GATEWAY)), "internal");
        assert_eq!(code(Problem::new("sold_out", "Event sold out").into()), "sold_out");
    }

    #[test]
    fn malformed_json_is_400_and_an_invalid_field_is_422() {
        let problem = payload("expected value at line 1 column 5");
        assert_eq!((problem.status().as_u16(), problem.code()), (400, "body_unreadable"));
        let problem = payload("failed to parse \"NewEvent\": unknown field `prise`.");
        assert_eq!(problem.status(), 422);
        assert_eq!(problem.errors(), [FieldError::new("prise", "is not a known field")]);
        let problem =
            payload("failed to parse \"NewEvent\": field `price` verification failed. minimum(0, exclusive: false)");
        assert_eq!(problem.errors(), [FieldError::new("price", "must satisfy minimum(0, exclusive: false)")]);
        let problem = payload("missing field `username`");
        assert_eq!(problem.errors(), [FieldError::new("username", "is required")]);
    }

    #[test]
    fn values_of_the_request_are_not_repeated() {
        let problem =
            payload("Expected input type \"integer_int64\", found \"hunter2\". (occurred while parsing \"X\")");
        assert!(!format!("{problem:?}").contains("hunter2"));
        assert_eq!(problem.errors(), [FieldError::new("body", "must be a whole number")]);
        let error: Error = Error::from_string("hunter2", StatusCode::BAD_REQUEST);
        assert!(!format!("{:?}", Problem::from_poem(&error)).contains("hunter2"));
    }

    #[tokio::test]
    async fn error_responses_become_problems() {
        let plain = Response::builder().status(StatusCode::FORBIDDEN).body("hunter2");
        let response = as_problem(Error::from_response(plain)).await;
        assert_eq!(response.content_type(), Some(super::super::CONTENT_TYPE));
        let moved = Response::builder().status(StatusCode::FOUND).header("location", "/docs").finish();
        assert_eq!(as_problem(Error::from_response(moved)).await.status(), StatusCode::FOUND);
    }
}
