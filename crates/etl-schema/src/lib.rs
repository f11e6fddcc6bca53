//! Schemas of Standpipe: the accepted subset of JSON Schema 2020-12, compiled into typed columns and checks.
//!
//! A [`Schema`] comes from a document ([`Schema::named`], [`Schema::from_path`], [`Schema::from_json`]), from
//! a connector ([`Schema::from_foreign`]) or from the columns of a table ([`Schema::from_columns`]). A [`Checker`] turns a scanned record into a [`Row`] of typed values
//! or says which field is wrong and why. [`ddl`] writes the statements that create the table. A keyword or annotation
//! that is not understood is a fault: nothing in a schema is silently ignored.

mod cell;
mod check;
mod compile;
mod ddl;
mod digits;
mod dropped;
mod encoding;
mod foreign;
mod lenient;
mod number;
mod quick;
mod read;
mod reading;
pub mod registry;
mod rules;
mod schema;
mod singer;
mod spelled;
mod straight;
mod texts;
pub mod time;
mod types;
mod value;

pub use cell::Scratch;
pub use check::{Checker, Row, UnknownFields, Violation};
pub use ddl::{Dialect, column_comment, comments, create_table, ddl, name_parts, quote_ident, quote_table};
pub use digits::Short;
pub use dropped::Dropped;
pub use encoding::{format_uuid, parse_uuid};
pub use foreign::{Difference, Layout, Names};
pub use read::array_elements;
pub use schema::{Column, Influx, InfluxType, Role, Schema, Source};
pub use spelled::declared;
pub use straight::{Number, Take};
pub use texts::number_of;
pub use types::Type;
pub use value::Value;
