//! The benchmarks. Each returns a table.
//!
//! | File | Content |
//! |---|---|
//! | [`cost`] | CPU time per sale, by part |
//! | [`engine`] | holds, sales and check-ins per second |
//! | [`http`] | purchases and reads per second over HTTP |
//! | [`full`] | the same on a database with millions of tickets |
//! | [`organiser`] | lists and exports of an event with many attendees |
//! | [`overload`] | throughput, rejections and recovery under overload |
//! | [`footprint`] | start-up time and memory |
//! | [`timing`] | whether the time of an answer tells who has an account |

pub mod cost;
pub mod engine;
pub mod footprint;
pub mod full;
pub mod http;
pub mod organiser;
pub mod overload;
pub mod timing;
