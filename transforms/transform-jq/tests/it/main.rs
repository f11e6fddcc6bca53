//! `transform-jq` as its users run it.

mod connectors;
mod filters;
mod functions;
mod help;
mod numbers;
mod readme;
mod streams;
mod support;
