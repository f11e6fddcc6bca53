//! What is said of loads: the receipts that loaders print, and the runs that their ledgers have.

use std::io::Read;

use etl_component::{Fault, Relay};
use etl_stream::json::Scanner;
use etl_stream::{Event, Reader, SchemaRef};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// The schema of receipts.
pub(crate) const RECEIPT: &str = "etl.receipt";
/// The schema of what `--print-runs` prints.
pub(crate) const RUN: &str = "etl.run";

/// A load that is committed. A loader may leave out what it does not count, or set it to null.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Load {
    /// The table or measurement.
    pub(crate) target: String,
    pub(crate) pipeline: Option<String>,
    pub(crate) load_id: Option<String>,
    /// Records read, including rejected ones.
    pub(crate) records: u64,
    pub(crate) inserted: Option<u64>,
    pub(crate) updated: Option<u64>,
    pub(crate) rejected: Option<u64>,
    /// Time from start to commit.
    pub(crate) seconds: Option<f64>,
    /// When it was committed; receipts of earlier versions do not say it.
    pub(crate) loaded_at: Option<Timestamp>,
    /// Whether an earlier run had committed it, so that the counts are all 0.
    #[serde(default)]
    pub(crate) already_loaded: bool,
    /// The last state of the stream.
    #[serde(default)]
    pub(crate) state: Value,
}

/// Reads a stream to its verified end and hands each load to `each`. The stream is passed on through `relay`, which has still
/// to be ended.
///
/// # Errors
/// Those of the stream; 3 for a segment of another schema, and for a record that is not a load.
pub(crate) fn read(
    reader: &mut Reader<impl Read>,
    schemas: &[&str],
    mut relay: Option<&mut Relay>,
    mut each: impl FnMut(Load),
) -> Result<(), Fault> {
    let mut scanner = Scanner::new();
    loop {
        if reader.is_drained() {
            relay.as_mut().map_or(Ok(()), |relay| relay.flush())?;
        }
        match reader.next()? {
            Some(Event::Begin(begin)) => {
                if let Some(schema) = &begin.schema
                    && !matches!(schema, SchemaRef::Name(name) if schemas.contains(&name.as_str()))
                {
                    let (id, schemas) = (&begin.id, schemas.join(" or "));
                    return Err(Fault::data(format!("segment {id} is not of schema {schemas}")));
                }
                relay.as_mut().map_or(Ok(()), |relay| relay.begin(begin.schema.as_ref(), begin.values))?;
            }
            Some(Event::Record(line)) => {
                let record = etl_component::scan(line, &mut scanner)?;
                let load = serde_json::from_str(record.text());
                each(load.map_err(|error| Fault::data("not a receipt").because(error).at(&line.place()))?);
                relay.as_mut().map_or(Ok(()), |relay| relay.record(line.bytes))?;
            }
            Some(Event::State(value)) => relay.iter_mut().for_each(|relay| relay.state(value.clone())),
            Some(Event::End(_)) => (),
            None => return Ok(()),
        }
    }
}
