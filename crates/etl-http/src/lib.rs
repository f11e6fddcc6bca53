//! The HTTP client's policy, shared by every component that talks HTTP.
//!
//! ureq moves the bytes; this crate decides how long to wait ([`HttpArgs`]), whether to try again ([`decide`]), where
//! a redirect may lead, what is too large, and what may be printed. Secrets are marked on the [`Request`], so that no
//! URL, error or cassette shows one.
//!
//! A source is asked through a [`Service`], which knows its key and its rules, page by page through [`Pages`]; its
//! replies are read with [`json`].
//!
//! The client of an extractor ([`SourceArgs`]) can record every final reply into a directory and replay it without
//! network or key.

mod agent;
mod args;
mod cassette;
mod client;
mod error;
mod file;
pub mod json;
mod link;
mod pages;
mod policy;
mod proxy;
mod quota;
mod quote;
mod reply;
mod request;
mod service;
mod transport;
mod url;

pub use args::{HttpArgs, SourceArgs};
pub use client::Client;
pub use error::Error;
pub use pages::Pages;
pub use policy::{Decision, Failure, Outcome, Terms, Verdict, decide, retry_after};
pub use quota::{Per, Quota};
pub use quote::{quote, quote_up_to};
pub use reply::{Redirect, Reply};
pub use request::{Judge, Request};
pub use service::{Api, Key, Place, Service};
pub use url::{BaseUrl, base_url, secret_address, secret_url, whole_url};

#[cfg(test)]
mod tests;
