//! Why there is no good reply, in a form that callers can ask about.

use std::fmt;

use etl_component::{Class, Fault};
use jiff::Timestamp;

/// A request that failed. As a [`Fault`], into which `?` turns it, it keeps its exit code and its message; what a caller
/// decides by is asked of the error itself.
#[derive(Debug)]
pub struct Error {
    fault: Fault,
    status: Option<u16>,
    later: Later,
}

/// Whether the request may succeed later, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    No,
    Yes,
    At(Timestamp),
}

impl Error {
    /// A failure that may pass (75), after a reply with this status if there was one.
    pub(crate) fn passing(message: String, status: Option<u16>, retry_at: Option<Timestamp>) -> Error {
        let later = retry_at.map_or(Later::Yes, Later::At);
        Error { fault: Fault::new(Class::Transient, message), status, later }
    }

    /// A failure that trying again does not cure.
    pub(crate) fn lasting(class: Class, message: String, status: Option<u16>) -> Error {
        Error { fault: Fault::new(class, message), status, later: Later::No }
    }

    /// The HTTP status of the reply that it failed with; `None` if no reply came, or none was asked for.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Whether the same request may succeed later: the retries, the deadline or a quota are used up.
    pub fn is_transient(&self) -> bool {
        self.later != Later::No
    }

    /// When to come back, according to the server, the API's rule or the quota; the message says it, too.
    pub fn retry_at(&self) -> Option<Timestamp> {
        match self.later {
            Later::At(at) => Some(at),
            Later::No | Later::Yes => None,
        }
    }
}

/// A failure on this side of the network, such as a missing cassette.
impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error { fault, status: None, later: Later::No }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        error.fault
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

/// Its source is the fault with the same message, so that the exit code is found in the chain of an `anyhow::Error`; the
/// message is still printed only once.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.fault)
    }
}
