//! Which stream of a connector is taken.

use std::sync::Arc;

use etl_stream::{Decoder, Fault, Stream, StreamId, counted};

/// The stream of `--stream`, or the only one.
#[derive(Default)]
pub struct Chosen {
    name: Option<String>,
    /// Whether each stream that was seen is the one, by the streams' numbers.
    wanted: Vec<Option<bool>>,
    /// The stream that it is.
    found: Option<Arc<Stream>>,
    /// The names of the others, and how many records they had.
    others: Vec<String>,
    left_out: u64,
}

impl Chosen {
    /// The stream of this name; of none, the only one there is.
    pub fn new(name: Option<String>) -> Chosen {
        Chosen { name, ..Chosen::default() }
    }

    /// The records of input that is not a connector's are of no stream.
    ///
    /// # Errors
    /// 2 if one is named.
    pub fn none(&self) -> Result<(), Fault> {
        match &self.name {
            Some(name) => Err(Fault::usage(format!(
                "--stream {name} names a stream of a Singer tap or an Airbyte source, but the input has records (--format says otherwise)"
            ))),
            None => Ok(()),
        }
    }

    /// Whether a stream is the one.
    ///
    /// # Errors
    /// 2 if it is another one, and none was named.
    #[inline]
    pub fn is(&mut self, stream: StreamId, decoder: &Decoder) -> Result<bool, Fault> {
        match self.wanted.get(stream.index()) {
            Some(Some(wanted)) => Ok(*wanted),
            _ => self.look(stream, decoder),
        }
    }

    /// A record of another stream.
    pub fn leave_out(&mut self) {
        self.left_out += 1;
    }

    #[cold]
    fn look(&mut self, stream: StreamId, decoder: &Decoder) -> Result<bool, Fault> {
        let Some(this) = decoder.declared(stream).stream else { return Ok(true) };
        let is_named = self.name.as_ref().is_none_or(|name| *name == this.name || *name == full_name(&this));
        let wanted = match &self.found {
            Some(found) if found.is(&this) => true,
            Some(found) if is_named => {
                return Err(Fault::usage(format!(
                    "the input has several streams, {} and {}: --stream NAME takes one of them",
                    full_name(found),
                    full_name(&this)
                )));
            }
            None if is_named => true,
            _ => false,
        };
        if wanted {
            self.found.get_or_insert(this);
        } else if !self.others.contains(&this.name) {
            self.others.push(this.name.clone());
        }
        if self.wanted.len() <= stream.index() {
            self.wanted.resize(stream.index() + 1, None);
        }
        self.wanted[stream.index()] = Some(wanted);
        Ok(wanted)
    }

    /// The input has ended.
    ///
    /// # Errors
    /// 2 if it did not have the stream that was named.
    pub fn check_found(&self) -> Result<(), Fault> {
        match &self.name {
            Some(name) if self.found.is_none() && !self.others.is_empty() => Err(Fault::usage(format!(
                "--stream {name}: the input has no such stream; it has {}",
                self.others.join(", ")
            ))),
            _ => {
                if self.left_out > 0 {
                    log::info!(
                        "{} of other streams left out ({})",
                        counted(self.left_out, "record", "records"),
                        self.others.join(", ")
                    );
                }
                Ok(())
            }
        }
    }
}

/// How `--stream` can name a stream that shares its name with one of another namespace.
fn full_name(stream: &Stream) -> String {
    match &stream.namespace {
        Some(namespace) => format!("{namespace}.{}", stream.name),
        None => stream.name.clone(),
    }
}
