//! The wire of Standpipe: newline-delimited JSON with a seal.
//!
//! A stream is a sequence of JSON objects, one per line. Lines that start with `{"_etl":` are *control lines*
//! ([`control`]); every other line is a record. A producer writes `begin`, its records and, as its last act that can
//! fail, `end`, which carries the count, the length and the SHA-256 of everything between. [`Reader`] accepts nothing
//! as complete that was not verified; [`Writer`] writes `end` only when told to. [`decode`] says which stream a line
//! belongs to, and [`json`] reads one record.
//!
//! The crate knows `Read` and `Write` and nothing else: no files, no environment, no logging. The wire is specified
//! for other languages in `docs/contract.md`.

pub mod control;
pub mod decode;
pub mod digest;
pub mod fault;
pub mod foreign;
pub mod json;
pub mod reader;
pub mod writer;

pub use control::{Begin, MAX_SCHEMA, SchemaRef, Values};
pub use decode::{
    About, Declared, Decoder, Envelope, Format, Message, Seen, Status, Stream, StreamId, Write,
};
pub use digest::Digest;
pub use fault::{Class, Details, Fault, counted, listed};
pub use foreign::Foreign;
pub use reader::{Event, Line, Origin, Reader, Seal, Segment};
pub use writer::Writer;
