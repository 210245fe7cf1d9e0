//! What can be measured: each gives a table.
//!
//! | file | answers |
//! |---|---|
//! | [`engine`] | holds, sales and check-ins a second |
//! | [`http`] | purchases and reads a second over HTTP |
//! | [`full`] | the same on a database with millions of tickets |
//! | [`overload`] | what is done when many more come than can be served |
//! | [`footprint`] | how long it takes to start, and how much memory it has |

pub mod engine;
pub mod footprint;
pub mod full;
pub mod http;
pub mod overload;
