//! How far earlier runs have read (`--state`).

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use etl_component::{Class, Fault};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::stream::Stream;

/// What earlier runs have said of each part of the source: an object whose keys are the parts.
///
/// It is read from a file that whatever stores the records writes, once they are stored. This run's own goes into the
/// stream, with what it does not touch as it was.
#[derive(Debug, Default)]
pub struct State {
    file: String,
    parts: Map<String, Value>,
}

impl State {
    /// Reads the file, if there is to be one. A file that does not exist yet, or holds nothing, is a start.
    ///
    /// # Errors
    /// 66 if it cannot be read, 3 if it is not a JSON object.
    pub fn read(path: Option<&Path>) -> Result<State, Fault> {
        let Some(path) = path else { return Ok(State::default()) };
        let file = path.display().to_string();
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                log::info!("the state {file} does not exist yet: everything is new");
                String::new()
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(Fault::data(format!("the state {file} is not UTF-8")));
            }
            Err(error) => {
                return Err(
                    Fault::new(Class::NoInput, format!("cannot read the state {file}")).because(error)
                );
            }
        };
        if text.trim().is_empty() {
            return Ok(State { file, parts: Map::new() });
        }
        match serde_json::from_str(&text) {
            Ok(parts) => Ok(State { file, parts }),
            Err(error) => {
                let why =
                    "is not a JSON object, which is what a loader writes as --state-out or --print-state";
                Err(Fault::data(format!("the state {file} {why}")).because(error))
            }
        }
    }

    /// What earlier runs have said of a part; `None` if they have not read it.
    ///
    /// # Errors
    /// 3 if it is something else, such as the state of another extractor.
    pub fn of<T: DeserializeOwned>(&self, part: &str) -> Result<Option<T>, Fault> {
        let Some(value) = self.parts.get(part) else { return Ok(None) };
        let read = T::deserialize(value).map(Some);
        read.map_err(|error| {
            let (file, value) = (&self.file, etl_stream::json::shorten(&value.to_string(), 80).into_owned());
            Fault::data(format!("the state {file} has {value} for {part:?}, which is not of this extractor"))
                .because(error)
        })
    }

    /// Says how far a part has now been read, all of whose records are in the stream.
    ///
    /// # Errors
    /// 70 if it does not serialize to JSON.
    pub fn put(&mut self, stream: &mut Stream, part: &str, value: &impl Serialize) -> Result<(), Fault> {
        let value = serde_json::to_value(value);
        let value = value.map_err(|error| Fault::new(Class::Bug, "not a state").because(error))?;
        self.parts.insert(part.to_owned(), value);
        stream.state(&self.parts)
    }
}
