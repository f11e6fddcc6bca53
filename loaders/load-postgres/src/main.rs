//! `load-postgres`: loads a verified stream into PostgreSQL at the speed of COPY, exactly once.

mod encode;
mod settings;
mod tls;

fn main() {}
