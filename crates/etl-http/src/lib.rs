//! The HTTP client's policy, shared by every component that talks HTTP.
//!
//! ureq moves the bytes; this crate decides: how long to wait ([`HttpArgs`]), whether to try again ([`decide`]), where
//! a redirect may lead, what is too large, and what may be printed. Secrets are marked on the [`Request`], so that no
//! URL, error or cassette shows one.
//!
//! That of an extractor ([`SourceArgs`]) can record every final reply into a directory and replay it without network or key.

mod args;
mod cassette;
mod client;
mod error;
pub mod json;
mod policy;
mod proxy;
mod quote;
mod reply;
mod request;
mod transport;
mod url;

pub use args::{HttpArgs, SourceArgs};
pub use client::Client;
pub use error::Error;
pub use policy::{Decision, Failure, Outcome, Terms, Verdict, decide, retry_after};
pub use quote::{quote, quote_up_to};
pub use reply::Reply;
pub use request::Request;
pub use url::{BaseUrl, base_url, secret_url};

#[cfg(test)]
mod tests;
