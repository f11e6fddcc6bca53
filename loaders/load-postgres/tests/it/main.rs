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
mod privileges;
mod proxies;
mod replace;
mod set_aside;
mod shared;
mod signals;
mod special;
mod support;
mod tables;
mod texts;
mod types;
