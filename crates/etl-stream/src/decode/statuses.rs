//! Whether an Airbyte source has sent all of its streams.

use super::{Decoder, Status, StreamId};
use crate::fault::{Class, Fault};

/// How far a source is with each of its streams, as far as it says so.
#[derive(Default)]
pub struct Statuses(Vec<Option<Status>>);

impl Statuses {
    /// The source says how far it is with a stream. One that has failed with it does not say later that it is complete.
    pub fn put(&mut self, stream: StreamId, status: Status) {
        if self.0.len() <= stream.index() {
            self.0.resize(stream.index() + 1, None);
        }
        if self.0[stream.index()] != Some(Status::Incomplete) {
            self.0[stream.index()] = Some(status);
        }
    }

    /// Whether the source says how far it is.
    pub fn are_said(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// Whether all of each stream was sent, once the input has ended: only then does anything of any of them count. `read` says
    /// whether a stream had records. A source that sends no status is complete if its input is sealed, or need not be (`required`).
    ///
    /// # Errors
    /// `cut` if it was not, which is 75 where another run may cure it; 3 if nothing says so and that is required.
    pub fn check(
        &self,
        decoder: &Decoder,
        read: impl Fn(usize) -> bool,
        sealed: bool,
        required: bool,
        cut: Class,
    ) -> Result<(), Fault> {
        let said = |stream: StreamId| self.0.get(stream.index()).copied().flatten();
        let streams = || decoder.streams();
        if !self.are_said() {
            return if sealed || !required {
                Ok(())
            } else {
                Err(Fault::data(
                    "the source never says whether a stream is complete, so only a seal shows it: `standpipe seal -- SOURCE read …`",
                ))
            };
        }
        let unfinished = |stream: &StreamId| match said(*stream) {
            Some(status) => status != Status::Complete,
            None => read(stream.index()),
        };
        // One that says it is not complete before one that says nothing.
        let first = streams().filter(|stream| said(*stream).is_some()).find(unfinished);
        match first.or_else(|| streams().find(unfinished)) {
            None => Ok(()),
            Some(stream) => {
                let name = decoder.label(stream);
                Err(Fault::new(
                    cut,
                    format!("the source did not send all of {name}: it has not said COMPLETE"),
                ))
            }
        }
    }
}
