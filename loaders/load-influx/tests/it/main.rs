//! Loads through the binary, and which points are then there.

mod cut_short;
mod flush;
mod order;
mod output;
mod points;
mod refused;
mod retries;
mod settings;
mod support;
mod victoria;
