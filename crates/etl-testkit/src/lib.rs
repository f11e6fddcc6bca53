//! Servers and helpers for Standpipe's own tests; no shipped binary links this crate.
//!
//! Everything here panics when it cannot work: a test has no better answer.

pub mod docker;
pub mod http;
pub mod influx;
pub mod load;
pub mod pgbouncer;
pub mod postgres;
pub mod proxy;
pub mod run;
