//! Why there is no good reply, as callers may ask for it.

use std::fmt;

use etl_component::{Class, Fault};
use jiff::Timestamp;

/// A request that came to nothing. As a [`Fault`] (which `?` makes of it) it keeps its exit code and its message; what a
/// caller decides by is asked of the error itself.
#[derive(Debug)]
pub struct Error {
    fault: Fault,
    status: Option<u16>,
    later: Later,
}

/// Whether another run may fare better, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {
    No,
    Yes,
    At(Timestamp),
}

impl Error {
    /// What ends with 75, after a reply of this status if there was one.
    pub(crate) fn passing(message: String, status: Option<u16>, retry_at: Option<Timestamp>) -> Error {
        let later = retry_at.map_or(Later::Yes, Later::At);
        Error { fault: Fault::new(Class::Transient, message), status, later }
    }

    /// What trying again does not mend.
    pub(crate) fn lasting(class: Class, message: String, status: Option<u16>) -> Error {
        Error { fault: Fault::new(class, message), status, later: Later::No }
    }

    /// The HTTP status of the reply it failed with; without one no reply came, or none was asked for.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Whether the same request may succeed later: the retries, the deadline or a quota are used up.
    pub fn is_transient(&self) -> bool {
        self.later != Later::No
    }

    /// When to come back, as the server, the API's rule or the quota says; it is in the message, too.
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

/// Its source is the fault of the same message, in which whoever has an `anyhow::Error` finds the exit code; a text that
/// is said already is not said again.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.fault)
    }
}
