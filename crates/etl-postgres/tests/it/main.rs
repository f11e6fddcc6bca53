//! Sessions with a real server.

mod copy_in;
mod copy_out;
mod reader;
mod session;
mod support;
