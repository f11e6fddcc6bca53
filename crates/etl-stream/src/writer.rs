//! Writes a stream.
//!
//! Nothing here happens in `Drop`: what was not flushed is lost, and without [`Writer::end`] there is no `end` line,
//! so that a producer which fails, panics or is killed leaves a stream that its reader refuses.

mod singer;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::control::{self, Begin, End};
use crate::digest::Hasher;
use crate::fault::{Class, Details, Fault};
use crate::reader::Segment;

pub use self::singer::Singer;

/// How much is gathered before it is written.
const BUFFER: usize = 64 * 1024;

/// Writes sealed segments into any `Write`; the target needs no buffer of its own.
///
/// A failed write is 74, or 141 if the reader of the output went away.
pub struct Writer<W> {
    target: W,
    /// What messages call the target, if it is not the component's output.
    name: Option<&'static str>,
    buf: Vec<u8>,
    /// `buf[..hashed]` is in the digest already, or belongs to no segment.
    hashed: usize,
    hasher: Hasher,
    open: Option<(String, u64)>,
    /// The stream of a Singer target, if that is what reads.
    singer: Option<Singer>,
}

impl<W: Write> Writer<W> {
    /// A writer into this target.
    pub fn new(target: W) -> Writer<W> {
        Writer {
            target,
            name: None,
            buf: Vec::with_capacity(BUFFER + 4096),
            hashed: 0,
            hasher: Hasher::default(),
            open: None,
            singer: None,
        }
    }

    /// A writer into a target that messages call by this name, such as `the rejects`. It is not the component's output,
    /// so if its reader goes away, that is a failure like any other (74).
    pub fn named(name: &'static str, target: W) -> Writer<W> {
        Writer { name: Some(name), ..Writer::new(target) }
    }

    /// Opens a segment. Flushes, so that its reader can prepare for it at once.
    ///
    /// # Errors
    /// 141 or 74, see [`Writer`].
    ///
    /// # Panics
    /// If a segment is open.
    pub fn begin(&mut self, begin: &Begin) -> Result<(), Fault> {
        assert!(self.open.is_none(), "a segment is open already");
        control::write_begin(&mut self.buf, begin);
        self.hashed = self.buf.len();
        self.hasher = Hasher::default();
        self.open = Some((begin.id.clone(), 0));
        self.flush()
    }

    /// Opens a stream of a Singer target in place of a segment: what follows are its messages. They have no seal, so
    /// nothing tells their reader of an end or a failure but the exit code.
    ///
    /// # Errors
    /// 141 or 74, see [`Writer`].
    ///
    /// # Panics
    /// If a segment is open.
    pub fn begin_singer(&mut self, stream: Singer) -> Result<(), Fault> {
        assert!(self.open.is_none(), "a segment is open already");
        self.buf.extend_from_slice(&stream.opening);
        self.hashed = self.buf.len();
        self.open = Some((String::new(), 0));
        self.singer = Some(stream);
        self.flush()
    }

    /// Writes a record.
    ///
    /// # Errors
    /// 70 if it does not serialize to an object, or if that starts with the key `_etl`; otherwise as [`Writer::line`].
    pub fn record(&mut self, record: &impl Serialize) -> Result<(), Fault> {
        let from = self.buf.len();
        self.start_line();
        if let Err(fault) = to_line(record, &mut self.buf) {
            self.buf.truncate(from);
            return Err(fault);
        }
        self.count()?;
        self.finish_line()
    }

    /// Writes a record that is already JSON: one object, without its newline.
    ///
    /// # Errors
    /// 70 outside a segment; 141 or 74, see [`Writer`].
    pub fn line(&mut self, record: &[u8]) -> Result<(), Fault> {
        self.count()?;
        self.start_line();
        self.buf.extend_from_slice(record);
        self.finish_line()
    }

    /// Writes a cursor that covers the records before it.
    ///
    /// # Errors
    /// 141 or 74, see [`Writer`].
    pub fn state(&mut self, value: &RawValue) -> Result<(), Fault> {
        match self.singer {
            None => control::write_state(&mut self.buf, value),
            Some(_) => singer::write_state(&mut self.buf, value),
        }
        self.drain_if_full()
    }

    /// Closes the segment: the source is complete. Flushes.
    ///
    /// # Errors
    /// 141 or 74, see [`Writer`].
    ///
    /// # Panics
    /// If no segment is open.
    pub fn end(&mut self) -> Result<Segment, Fault> {
        let (id, records) = self.open.take().expect("a segment is open");
        self.hash();
        let (bytes, digest) = (self.hasher.bytes(), self.hasher.finish());
        if self.singer.take().is_none() {
            let end = End { id: id.clone(), records, bytes: Some(bytes), sha256: Some(digest.to_string()) };
            control::write_end(&mut self.buf, end);
        }
        self.hashed = self.buf.len();
        self.flush()?;
        Ok(Segment { id, records, bytes, digest })
    }

    /// Says that the source failed, in place of `end` or before any `begin`. Flushes.
    ///
    /// # Errors
    /// 141 or 74, see [`Writer`].
    pub fn abort(&mut self, class: Class, message: &str, details: &Details) -> Result<(), Fault> {
        self.open = None;
        control::write_abort(&mut self.buf, class, message, details);
        self.flush()
    }

    /// Writes what was gathered to the target, and flushes it.
    ///
    /// # Errors
    /// 141 or 74, see [`Writer`].
    pub fn flush(&mut self) -> Result<(), Fault> {
        self.drain()?;
        self.target.flush().map_err(|error| self.fault(error))
    }

    /// Whether a segment is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The target; what was not flushed is lost.
    pub fn into_inner(self) -> W {
        self.target
    }

    #[inline]
    fn start_line(&mut self) {
        if let Some(singer) = &self.singer {
            self.buf.extend_from_slice(&singer.record);
        }
    }

    fn count(&mut self) -> Result<(), Fault> {
        match &mut self.open {
            Some((_, records)) => *records += 1,
            None => return Err(Fault::new(Class::Bug, "a record outside a segment")),
        }
        Ok(())
    }

    fn finish_line(&mut self) -> Result<(), Fault> {
        if self.singer.is_some() {
            self.buf.push(b'}');
        }
        self.buf.push(b'\n');
        self.drain_if_full()
    }

    fn drain_if_full(&mut self) -> Result<(), Fault> {
        if self.buf.len() >= BUFFER { self.drain() } else { Ok(()) }
    }

    fn drain(&mut self) -> Result<(), Fault> {
        self.hash();
        let result = self.target.write_all(&self.buf);
        // Also after an error: half a buffer written twice would be worse than one that is cut short.
        self.buf.clear();
        self.hashed = 0;
        result.map_err(|error| self.fault(error))
    }

    fn fault(&self, error: io::Error) -> Fault {
        match self.name {
            Some(name) => Fault::new(Class::Io, format!("cannot write {name}")).because(error),
            None => io_fault(error),
        }
    }

    fn hash(&mut self) {
        if self.open.is_some() || self.hashed < self.buf.len() {
            self.hasher.update(&self.buf[self.hashed..]);
        }
        self.hashed = self.buf.len();
    }
}

/// Appends a record to `out`, without its newline.
///
/// # Errors
/// 70 if it does not serialize to an object, or if that starts with the key `_etl`; `out` is then as it was.
pub fn to_line(record: &impl Serialize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let from = out.len();
    let written = serde_json::to_writer(&mut *out, record);
    let reason = match written {
        Err(error) => error.to_string(),
        Ok(()) if out.get(from) != Some(&b'{') || control::is_control(&out[from..]) => {
            "it is not an object, or starts with `_etl`".to_owned()
        }
        Ok(()) => return Ok(()),
    };
    out.truncate(from);
    Err(Fault::new(Class::Bug, format!("not a record: {reason}")))
}

/// A failed write to the component's output as a fault: a reader that went away is 141, anything else 74.
pub fn io_fault(error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Fault::closed(),
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

    /// A target that fails every write.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_written_is_said_of_the_target() {
        let begin = |mut writer: Writer<Failing>| writer.begin(&Begin::default()).unwrap_err();
        let gone = begin(Writer::new(Failing(io::ErrorKind::BrokenPipe)));
        assert!(gone.is_closed());
        assert_eq!(gone.class(), Class::Closed);
        let full = begin(Writer::new(Failing(io::ErrorKind::StorageFull)));
        assert_eq!((full.class(), full.message()), (Class::Io, "writing the output failed"));
        let gone = begin(Writer::named("the rejects", Failing(io::ErrorKind::BrokenPipe)));
        assert_eq!((gone.class(), gone.message()), (Class::Io, "cannot write the rejects"));
        assert!(!gone.is_closed());
    }

    #[test]
    fn a_record_outside_a_segment_is_a_bug() {
        let fault = Writer::new(Vec::new()).line(b"{}").unwrap_err();
        assert_eq!((fault.class(), fault.message()), (Class::Bug, "a record outside a segment"));
    }

    #[test]
    fn what_is_not_a_record_is_refused() {
        let mut writer = Writer::new(Vec::new());
        writer.begin(&Begin { id: "one".into(), ..Begin::default() }).unwrap();
        for bad in [serde_json::json!([1]), serde_json::json!({ "_etl": 1 })] {
            assert_eq!(writer.record(&bad).unwrap_err().class(), Class::Bug);
        }
        assert_eq!(writer.end().unwrap().records, 0);
    }

    #[test]
    fn a_singer_target_gets_messages_without_a_seal() {
        let mut writer = Writer::new(Vec::new());
        let schema = RawValue::from_string(r#"{"type":"object"}"#.into()).unwrap();
        writer.begin_singer(Singer::new("a \"b\"", &schema, &["id".to_owned()])).unwrap();
        writer.line(br#"{"id":1}"#).unwrap();
        assert_eq!(writer.record(&[1]).unwrap_err().class(), Class::Bug);
        writer.record(&serde_json::json!({ "id": 2 })).unwrap();
        writer.state(&RawValue::from_string("{\"cursor\":7}".into()).unwrap()).unwrap();
        assert_eq!(writer.end().unwrap().records, 2);
        assert_eq!(
            String::from_utf8(writer.into_inner()).unwrap(),
            r#"{"type":"SCHEMA","stream":"a \"b\"","schema":{"type":"object"},"key_properties":["id"]}
{"type":"RECORD","stream":"a \"b\"","record":{"id":1}}
{"type":"RECORD","stream":"a \"b\"","record":{"id":2}}
{"type":"STATE","value":{"cursor":7}}
"#
        );
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
