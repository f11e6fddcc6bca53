//! How a stream is read.

use crate::fault::Class;

/// What is required of the seal (`--seal`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seal {
    /// Plain NDJSON is accepted, with a warning; once a `begin` is seen, its verified `end` is obligatory.
    #[default]
    Auto,
    /// No record outside a verified segment.
    Required,
    /// The end of the input is the end of the stream; control lines are refused.
    Off,
    /// As `Auto`, for the output of a program that is about to be sealed: where no `begin` is seen, `state` lines may
    /// stand among the records.
    Bare,
}

/// Where the stream comes from, which decides whether another run is worth it when the stream was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A pipe or a socket: the producer died, and running again may cure it (75).
    Pipe,
    /// A file: it stays cut (3).
    File,
}

impl Origin {
    /// The class of a stream that ends too early.
    pub fn cut(self) -> Class {
        match self {
            Origin::Pipe => Class::Transient,
            Origin::File => Class::Data,
        }
    }
}

/// How to read.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What is required of the seal.
    pub seal: Seal,
    /// The longest line accepted, in bytes without its newline.
    pub max_line_bytes: usize,
    /// Whether an input without a single line is a success.
    pub allow_empty: bool,
    /// Where the stream comes from.
    pub origin: Origin,
    /// Is called for the few things that are odd but accepted.
    pub warn: fn(&str),
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seal: Seal::Auto,
            max_line_bytes: 16 << 20,
            allow_empty: false,
            origin: Origin::Pipe,
            warn: |_| (),
        }
    }
}
