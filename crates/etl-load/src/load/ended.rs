//! Rows of the ledger that wait for the end of the load.

use etl_component::{Class, Fault, Spool};
use etl_stream::Segment;

/// How much of them waits in memory, in bytes; the rest is in a temporary file, since a load may have millions of
/// segments.
const IN_MEMORY: usize = 1 << 20;

/// A row of the ledger that this load has claimed, for its load id or for the segment at hand.
pub(super) struct Claim {
    pub(super) table: usize,
    pub(super) load_id: String,
    /// How many records the table had before.
    pub(super) before: u64,
}

/// The rows of segments that have ended, each as a line of JSON: table, load id, digest, number of records.
pub(super) struct Ended(Spool);

impl Default for Ended {
    fn default() -> Ended {
        Ended(Spool::new("the ids of segments").keeping(IN_MEMORY))
    }
}

/// A row of the ledger with what completes it.
pub(super) struct Row {
    pub(super) table: usize,
    pub(super) load_id: String,
    pub(super) digest: String,
    pub(super) records: u64,
}

impl Ended {
    /// The segment of a claim has ended, with so many records of its table.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be written.
    pub(super) fn push(&mut self, claim: Claim, segment: &Segment, records: u64) -> Result<(), Fault> {
        let row = (claim.table, claim.load_id, segment.digest.to_string(), records);
        self.0.push_line(serde_json::json!(row).to_string().as_bytes())
    }

    /// Hands all rows to `each`, in their order. None is left afterwards.
    ///
    /// # Errors
    /// 74 if the temporary file cannot be read; those of `each`.
    pub(super) fn drain(&mut self, mut each: impl FnMut(Row) -> Result<(), Fault>) -> Result<(), Fault> {
        self.0.drain_lines(|line| {
            let (table, load_id, digest, records) = serde_json::from_slice(line).map_err(|error| {
                Fault::new(Class::Io, "cannot read the ids of segments back from their temporary file")
                    .because(error)
            })?;
            each(Row { table, load_id, digest, records })
        })
    }
}
