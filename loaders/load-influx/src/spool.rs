//! Batches that wait in an unlinked temporary file until the stream has ended (`--spool`).

use std::io::{BufRead, ErrorKind};
use std::path::Path;

use etl_component::Fault;
use etl_component::spool::Unread;

use crate::batch::{Batch, Origin, Point};

/// For each batch: the number of points, the number of bytes, the end, key and origin of each point, and then the bytes.
pub(crate) struct Spool(etl_component::Spool);

impl Spool {
    /// Creates an empty one in this folder.
    ///
    /// # Errors
    /// 74 if no file can be created there.
    pub(crate) fn create(folder: &Path) -> Result<Spool, Fault> {
        etl_component::Spool::in_folder("--spool", folder, "points").map(Spool)
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub(crate) fn push(&mut self, batch: &Batch) -> Result<(), Fault> {
        let points = batch.points.iter().flat_map(|&Point { end, key, origin }| {
            [end as u64, key, origin.table as u64, origin.position, origin.line]
        });
        let mut numbers = [batch.points.len() as u64, batch.body.len() as u64].into_iter().chain(points);
        numbers.try_for_each(|number| self.0.push(&number.to_le_bytes()))?;
        self.0.push(&batch.body)
    }

    /// Passes all batches to `each`, in order, which returns an empty one for the next; the spool is empty afterwards.
    ///
    /// # Errors
    /// 74 if it cannot be read; those of `each`.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(Batch) -> Result<Batch, Fault>) -> Result<(), Fault> {
        self.0.drain(|bytes| {
            let mut batch = Batch::default();
            while read(bytes, &mut batch)? {
                batch = each(batch).map_err(Unread::Other)?;
            }
            Ok(())
        })
    }

    /// Forgets all batches.
    ///
    /// # Errors
    /// 74 if the file cannot be emptied.
    pub(crate) fn clear(&mut self) -> Result<(), Fault> {
        self.0.clear()
    }
}

/// Reads the next batch into an empty one; false at the end.
fn read(reader: &mut dyn BufRead, batch: &mut Batch) -> std::io::Result<bool> {
    let mut number = [0; 8];
    match reader.read_exact(&mut number) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
        other => other?,
    }
    let points = u64::from_le_bytes(number);
    let mut next = |reader: &mut dyn BufRead| {
        reader.read_exact(&mut number)?;
        std::io::Result::Ok(u64::from_le_bytes(number))
    };
    let bytes = next(reader)? as usize;
    let mut numbers = Vec::with_capacity(points as usize);
    for _ in 0..points {
        let (end, key) = (next(reader)? as usize, next(reader)?);
        let (table, position, line) = (next(reader)? as usize, next(reader)?, next(reader)?);
        numbers.push((end, key, Origin { table, position, line }));
    }
    let mut body = vec![0; bytes];
    reader.read_exact(&mut body)?;
    let mut start = 0;
    for (end, key, origin) in numbers {
        batch.push(&body[start..end], origin, key);
        start = end;
    }
    Ok(true)
}
