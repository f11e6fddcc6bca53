//! `load-postgres`: loads a verified stream into PostgreSQL at the speed of COPY, exactly once.

mod encode;
mod fault;
mod session;
mod settings;
mod tls;

fn main() {}
