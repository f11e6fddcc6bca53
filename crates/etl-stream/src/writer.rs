//! Writes a stream.
//!
//! Nothing here happens in `Drop`: what was not flushed is lost, and without [`Writer::end`] there is no `end` line,
//! so that a producer which fails, panics or is killed leaves a stream that its reader refuses.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::control::{self, Begin, End};
use crate::digest::Hasher;
use crate::fault::{Class, Fault};
use crate::reader::Segment;

/// How much is gathered before it is written.
const BUFFER: usize = 64 * 1024;

/// Writes sealed segments into any `Write`; the target needs no buffer of its own.
pub struct Writer<W> {
    target: W,
    buf: Vec<u8>,
    /// `buf[..hashed]` is in the digest already, or belongs to no segment.
    hashed: usize,
    hasher: Hasher,
    open: Option<(String, u64)>,
}

impl<W: Write> Writer<W> {
    /// A writer into this target.
    pub fn new(target: W) -> Writer<W> {
        Writer {
            target,
            buf: Vec::with_capacity(BUFFER + 4096),
            hashed: 0,
            hasher: Hasher::default(),
            open: None,
        }
    }

    /// Opens a segment and shows it to the reader at once, which can then prepare itself.
    ///
    /// # Panics
    /// If a segment is open.
    pub fn begin(&mut self, begin: &Begin) -> io::Result<()> {
        assert!(self.open.is_none(), "a segment is open already");
        control::write_begin(&mut self.buf, begin);
        self.hashed = self.buf.len();
        self.hasher = Hasher::default();
        self.open = Some((begin.id.clone(), 0));
        self.flush()
    }

    /// Writes a record.
    ///
    /// # Errors
    /// 70 if it does not serialize to an object without the key `_etl` in front; else as [`Writer::line`].
    pub fn record(&mut self, record: &impl Serialize) -> Result<(), Fault> {
        let from = self.buf.len();
        let bug = |reason: String| Fault::new(Class::Bug, format!("a record that is none: {reason}"));
        serde_json::to_writer(&mut self.buf, record).map_err(|error| bug(error.to_string()))?;
        if self.buf.get(from) != Some(&b'{') || control::is_control(&self.buf[from..]) {
            self.buf.truncate(from);
            return Err(bug("it is no object, or starts with `_etl`".to_owned()));
        }
        self.count().and_then(|()| self.finish_line()).map_err(io_fault)
    }

    /// Writes a record that is JSON already: one object, without its newline.
    pub fn line(&mut self, record: &[u8]) -> io::Result<()> {
        self.count()?;
        self.buf.extend_from_slice(record);
        self.finish_line()
    }

    /// Writes a cursor that covers the records before it.
    pub fn state(&mut self, value: &RawValue) -> io::Result<()> {
        control::write_state(&mut self.buf, value);
        self.drain_if_full()
    }

    /// Closes the segment: the source is complete. Flushes.
    ///
    /// # Panics
    /// If no segment is open.
    pub fn end(&mut self) -> io::Result<Segment> {
        let (id, records) = self.open.take().expect("a segment is open");
        self.hash();
        let (bytes, digest) = (self.hasher.bytes(), self.hasher.finish());
        let end = End { id: id.clone(), records, bytes: Some(bytes), sha256: Some(digest.to_string()) };
        control::write_end(&mut self.buf, end);
        self.hashed = self.buf.len();
        self.flush()?;
        Ok(Segment { id, records, bytes, digest })
    }

    /// Says that the source failed, in the place of `end` or before any `begin`. Flushes.
    pub fn abort(&mut self, class: Class, message: &str) -> io::Result<()> {
        self.open = None;
        control::write_abort(&mut self.buf, class, message);
        self.flush()
    }

    /// Passes on what was gathered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.target.flush()
    }

    /// Whether a segment is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The target; what was not flushed is lost.
    pub fn into_inner(self) -> W {
        self.target
    }

    fn count(&mut self) -> io::Result<()> {
        match &mut self.open {
            Some((_, records)) => *records += 1,
            None => return Err(io::Error::other("a record outside a segment")),
        }
        Ok(())
    }

    fn finish_line(&mut self) -> io::Result<()> {
        self.buf.push(b'\n');
        self.drain_if_full()
    }

    fn drain_if_full(&mut self) -> io::Result<()> {
        if self.buf.len() >= BUFFER { self.drain() } else { Ok(()) }
    }

    fn drain(&mut self) -> io::Result<()> {
        self.hash();
        let result = self.target.write_all(&self.buf);
        // Also after an error: half a buffer written twice would be worse than one that is cut.
        self.buf.clear();
        self.hashed = 0;
        result
    }

    fn hash(&mut self) {
        if self.open.is_some() || self.hashed < self.buf.len() {
            self.hasher.update(&self.buf[self.hashed..]);
        }
        self.hashed = self.buf.len();
    }
}

/// A failed read or write as a fault: a reader that went away is 141, anything else 74.
pub fn io_fault(error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Fault::new(Class::Closed, "the reader of the output went away"),
        _ => Fault::new(Class::Io, "writing the output failed").because(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::{Event, Options, Reader};

    #[test]
    fn a_segment_reads_back_with_the_digest_it_was_written_with() {
        let mut writer = Writer::new(Vec::new());
        writer.begin(&Begin { id: "one".into(), ..Begin::default() }).unwrap();
        for n in 0..20_000 {
            writer.record(&serde_json::json!({ "n": n, "text": "twelve bytes" })).unwrap();
        }
        writer.state(&RawValue::from_string("{\"cursor\":7}".into()).unwrap()).unwrap();
        writer.line(br#"{"n":-1}"#).unwrap();
        let written = writer.end().unwrap();
        assert_eq!(written.records, 20_001);

        let stream = writer.into_inner();
        let mut reader = Reader::new(stream.as_slice(), Options::default());
        let mut read = None;
        while let Some(event) = reader.next().unwrap() {
            if let Event::End(segment) = event {
                read = Some(segment);
            }
        }
        assert_eq!(read, Some(written));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let mut writer = Writer::new(Vec::new());
        writer.begin(&Begin { id: "one".into(), ..Begin::default() }).unwrap();
        for bad in [serde_json::json!([1]), serde_json::json!({ "_etl": 1 })] {
            assert_eq!(writer.record(&bad).unwrap_err().class(), Class::Bug);
        }
        assert_eq!(writer.end().unwrap().records, 0);
    }

    #[test]
    fn a_dropped_writer_writes_nothing() {
        let mut target = Vec::new();
        let mut writer = Writer::new(&mut target);
        writer.begin(&Begin { id: "one".into(), ..Begin::default() }).unwrap();
        writer.line(b"{}").unwrap();
        drop(writer);
        assert_eq!(
            String::from_utf8(target).unwrap(),
            "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"one\"}}\n"
        );
    }
}
