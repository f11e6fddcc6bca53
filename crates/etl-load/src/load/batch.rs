//! Records of a tap that are in files: BATCH messages.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use etl_component::{Class, Fault};
use etl_stream::decode::Batch;
use etl_stream::{Envelope, Line, StreamId};
use flate2::bufread::MultiGzDecoder;

use super::attempt::Attempt;
use crate::sink::Sink;

impl<S: Sink> Attempt<'_, '_, S> {
    /// Reads the files of a batch, each line of which is a record. An attempt that comes again reads them again.
    ///
    /// # Errors
    /// 66 for a file that is missing; 3 for one that is not what the message says; those of a record.
    pub(super) fn batch(&mut self, stream: StreamId, batch: &Batch, message: Line<'_>) -> Result<(), Fault> {
        let most = self.settings.input.max_line_bytes as u64;
        // Records of one message are told apart by how far they are in its files.
        let (mut passed, mut line) = (0, Vec::new());
        for path in &batch.files {
            let name = path.display();
            let file = File::open(path).map_err(|error| {
                let what = format!("{}: cannot read {name}, a file of the BATCH", message.place());
                Fault::new(Class::NoInput, what).because(error)
            })?;
            let file = BufReader::new(file);
            let mut reader: Box<dyn BufRead> = match batch.gzip {
                true => Box::new(BufReader::new(MultiGzDecoder::new(file))),
                false => Box::new(file),
            };
            for number in 1_u64.. {
                let at = |fault: Fault| fault.within(format!("{name}, line {number}"));
                line.clear();
                let read = reader.by_ref().take(most + 2).read_until(b'\n', &mut line);
                let read = read.map_err(|error| at(Fault::data("cannot be read").because(error)))?;
                if read == 0 {
                    break;
                }
                let bytes = line.strip_suffix(b"\n").unwrap_or(&line);
                if bytes.len() as u64 > most {
                    return Err(at(Fault::data(format!("longer than --max-line-bytes {most}"))));
                }
                passed += read as u64;
                if bytes.trim_ascii().is_empty() {
                    continue;
                }
                let record = Line { offset: message.offset + passed, bytes, ..message };
                self.record(stream, record, Envelope::NONE).map_err(at)?;
            }
        }
        Ok(())
    }
}
