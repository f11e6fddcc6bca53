//! What an input says of its streams.

use std::sync::Arc;

use super::Format;
use crate::control::{SchemaRef, Values};

/// One of the streams of an input. They are numbered from 0 in the order in which they are first seen, so that everyone
/// who reads the same events gets the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(pub(super) usize);

impl StreamId {
    /// Its number, to index a list with.
    #[inline]
    pub fn index(self) -> usize {
        self.0
    }
}

/// What the input says of a stream's records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Declared {
    /// Their schema. That of a connector is a JSON Schema of any draft.
    pub schema: Option<SchemaRef>,
    /// How their values are written.
    pub values: Values,
    /// What the connector says of the stream; `None` in NDJSON.
    pub stream: Option<Arc<Stream>>,
}

/// A stream of a Singer tap or an Airbyte source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Whose stream it is.
    pub format: Format,
    /// Airbyte's namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// The names of the fields of its key.
    pub key: Vec<String>,
    /// What an Airbyte catalog asks of the target; a Singer tap leaves that to the target.
    pub write: Option<Write>,
    /// Which generation of the stream the records are, if a catalog says it.
    pub generation: Option<Generation>,
}

/// A generation of a stream: each refresh begins another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation {
    /// That of the records.
    pub id: i64,
    /// The least one whose rows stay.
    pub least: i64,
}

impl Generation {
    /// Whether rows of some earlier generations go, and those of others stay.
    pub fn is_partial(self) -> bool {
        0 < self.least && self.least < self.id
    }
}

impl Stream {
    /// Whether another description is of the same stream.
    pub fn is(&self, other: &Stream) -> bool {
        (&self.namespace, &self.name) == (&other.namespace, &other.name)
    }

    /// How messages name it.
    pub fn label(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("stream {namespace}.{}", self.name),
            None => format!("stream {}", self.name),
        }
    }
}

/// How the records of a stream meet the rows that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    /// Every record becomes a row.
    Append,
    /// A record replaces the row with the same key.
    Upsert,
    /// The records replace all rows.
    Replace,
}
