//! Sessions with a real server.

mod copy_in;
mod copy_out;
mod session;
mod support;
