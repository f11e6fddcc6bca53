//! `load-postgres`, run as its users run it, against a real server.

mod arrays;
mod columns;
mod commit;
mod connectors;
mod emit;
mod errors;
mod exact;
mod guards;
mod help;
mod kinds;
mod limits;
mod meanwhile;
mod memory;
mod modes;
mod once;
mod print_runs;
mod privileges;
mod proxies;
mod replace;
mod shared;
mod signals;
mod special;
mod support;
mod tables;
mod texts;
mod types;
