//! Batches that wait in an unlinked temporary file until the stream has ended (`--spool`).

use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use etl_component::{Class, Fault};

use crate::batch::Batch;

/// Of each batch: how many points and bytes it has, of each point its end, line and key, and then the bytes.
pub(crate) struct Spool {
    folder: PathBuf,
    file: BufWriter<File>,
}

impl Spool {
    /// # Errors
    /// 74 if the folder takes no file.
    pub(crate) fn create(folder: &Path) -> Result<Spool, Fault> {
        let folder = folder.to_owned();
        let file = tempfile::tempfile_in(&folder).map_err(|error| failed(&folder, error))?;
        Ok(Spool { folder, file: BufWriter::new(file) })
    }

    /// # Errors
    /// 74 if it cannot be written.
    pub(crate) fn push(&mut self, batch: &Batch) -> Result<(), Fault> {
        let points = batch.points.iter().flat_map(|point| [point.end as u64, point.line, point.key]);
        let numbers = [batch.points.len() as u64, batch.body.len() as u64].into_iter().chain(points);
        let written = numbers
            .into_iter()
            .try_for_each(|number| self.file.write_all(&number.to_le_bytes()))
            .and_then(|()| self.file.write_all(&batch.body));
        written.map_err(|error| failed(&self.folder, error))
    }

    /// Hands all batches to `each`, in order, which gives back an empty one for the next; the spool is empty afterwards.
    ///
    /// # Errors
    /// 74 if it cannot be read; those of `each`.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(Batch) -> Result<Batch, Fault>) -> Result<(), Fault> {
        let failed = |error| failed(&self.folder, error);
        self.file.flush().map_err(failed)?;
        let file = self.file.get_mut();
        file.rewind().map_err(failed)?;
        let mut reader = BufReader::with_capacity(1 << 20, &*file);
        let mut batch = Batch::default();
        while read(&mut reader, &mut batch).map_err(failed)? {
            batch = each(batch)?;
        }
        let file = self.file.get_mut();
        file.rewind().and_then(|()| file.set_len(0)).map_err(failed)
    }

    /// Forgets all batches.
    ///
    /// # Errors
    /// 74 if there can be no new file.
    pub(crate) fn clear(&mut self) -> Result<(), Fault> {
        *self = Spool::create(&self.folder)?;
        Ok(())
    }
}

/// Reads the next batch into an empty one; false at the end.
fn read(reader: &mut impl Read, batch: &mut Batch) -> std::io::Result<bool> {
    let mut number = [0; 8];
    match reader.read_exact(&mut number) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
        other => other?,
    }
    let points = u64::from_le_bytes(number);
    let mut next = |reader: &mut dyn Read| {
        reader.read_exact(&mut number)?;
        std::io::Result::Ok(u64::from_le_bytes(number))
    };
    let bytes = next(reader)? as usize;
    let mut numbers = Vec::with_capacity(points as usize);
    for _ in 0..points {
        numbers.push((next(reader)? as usize, next(reader)?, next(reader)?));
    }
    let mut body = vec![0; bytes];
    reader.read_exact(&mut body)?;
    let mut start = 0;
    for (end, line, key) in numbers {
        batch.push(&body[start..end], line, key);
        start = end;
    }
    Ok(true)
}

fn failed(folder: &Path, error: std::io::Error) -> Fault {
    Fault::new(Class::Io, format!("--spool {}: points cannot be kept there", folder.display())).because(error)
}
