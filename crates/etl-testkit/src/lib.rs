//! Servers and helpers for Standpipe's own tests; no shipped binary links this crate.
//!
//! Everything here panics when it cannot work: a test has no better answer.

use std::time::Duration;

pub mod connectors;
pub mod docker;
pub mod examples;
pub mod extract;
pub mod help;
pub mod history;
pub mod http;
pub mod influx;
pub mod load;
pub mod need;
pub mod partial;
pub mod pgbouncer;
pub mod postgres;
pub mod prometheus;
pub mod proxy;
pub mod run;
pub mod screen;
pub mod transform;

/// How long anything may take before it counts as hanging: minutes, because a machine may be busy with other builds. No
/// test passes or fails by being faster than this.
pub const DEADLINE: Duration = Duration::from_secs(5 * 60);
