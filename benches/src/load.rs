//! Buyers over HTTP.
