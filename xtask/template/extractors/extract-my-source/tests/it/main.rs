//! The binary against a scripted server.

mod extractor;
mod help;
mod readme;
