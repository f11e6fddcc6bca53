//! What the subcommands share for reading records.

use etl_stream::reader::Options;
use etl_stream::{Origin, Seal};

/// How the output of a program is read: sealed or not, as `seal` says, and possibly empty.
pub(crate) fn output_of_program(max_line_bytes: usize, seal: Seal) -> Options {
    Options { seal, max_line_bytes, allow_empty: true, origin: Origin::Pipe, warn: |_| () }
}
