//! Loads through the binary, and the points that are stored then.

mod cut_short;
mod flush;
mod help;
mod order;
mod output;
mod points;
mod refused;
mod rejects;
mod retries;
mod settings;
mod support;
mod too_old;
mod victoria;
