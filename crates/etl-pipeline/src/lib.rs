//! Pipeline files: one file for every scheduler.
//!
//! [`parse`] reads a file into a [`Pipeline`], [`plan`] checks it against the cards of its components, and
//! [`render`] writes what a scheduler is told. All of it is text in, text out: nothing here starts a process, reads a
//! file or knows a cluster.

mod card;
mod cron;
mod matrix;
mod model;
mod parse;
mod plan;
mod problem;
mod render;
mod words;
mod yaml;

pub use card::{Card, CardVariable, Cards, Command, Flag, Stream, StreamKind, When, is_component_name};
pub use cron::{Cron, Field};
pub use matrix::{Item, Matrix};
pub use model::{Override, Pipeline, Reference, Retry, Settings, Step, Target, Variable, WINDOW};
pub use parse::parse;
pub use plan::{Plan, Stage, plan};
pub use problem::{Problem, Problems};
pub use render::{HEADER, Operator, Options, Rendered, Rendering, Steps, pipe, render};

/// The JSON Schema of pipeline files.
pub const SCHEMA: &str = include_str!("../pipeline.schema.json");

pub use words::{Piece, Text, quote, split};
