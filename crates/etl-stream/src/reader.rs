//! Reads a stream and verifies it.
//!
//! [`Reader::next`] lends one [`Event`] at a time out of a reused buffer: a line is found by `memchr`, distinguished
//! from a control line by its prefix, and never copied or allocated. Digests are computed a buffer at a time.
//!
//! Every failure is a [`Fault`] that names the line (counted from 1, blank and control lines included) and the
//! position in the stream (counted from 0) of its first byte, or of the byte at which a record goes wrong.

mod ids;
mod lines;
mod options;
#[cfg(test)]
mod tests;

use std::io::Read;

use serde_json::value::RawValue;

use self::ids::Ids;
use self::lines::Lines;
pub use self::options::{Options, Origin, Seal};
use crate::control::{self, Abort, Begin, CHANGED, Control, End, MAX_SCHEMA, SchemaRef};
use crate::digest::{Digest, Segments};
use crate::fault::{Class, Fault, counted};
use crate::foreign::Foreign;
use crate::json::{self, Record, Scanner};

/// A record's line.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its number in the stream, from 1.
    pub number: u64,
    /// The position of its first byte in the stream, from 0.
    pub offset: u64,
    /// Its number among the records of its segment, from 1, which is how its producer counts; 0 in a plain stream.
    pub record: u64,
    /// Its text, without the line end. All that is known of it is that it is not a control line.
    pub bytes: &'a [u8],
}

impl<'a> Line<'a> {
    /// Scans it as a record.
    ///
    /// # Errors
    /// 3, naming the line and the byte in the stream, if it is not one.
    #[inline]
    pub fn scan(self, scanner: &'a mut Scanner) -> Result<Record<'a>, Fault> {
        scanner.scan(self.bytes).map_err(|error| self.not_a_record(&error))
    }

    #[cold]
    fn not_a_record(self, error: &json::Error) -> Fault {
        let at = Line { offset: self.offset + error.offset as u64, ..self }.place();
        Fault::data(format!("{at}: {}", error.message))
    }

    /// How messages name it: by its number, also as its producer counts, and by the position of its first byte.
    pub fn place(self) -> String {
        match self.record {
            0 => place(self.number, self.offset),
            record => format!("line {} (record {record}, byte {})", self.number, self.offset),
        }
    }
}

/// A verified segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Its id.
    pub id: String,
    /// The number of record lines.
    pub records: u64,
    /// The length of everything between `begin` and `end`.
    pub bytes: u64,
    /// The digest of the same bytes.
    pub digest: Digest,
}

/// What the reader found next.
#[derive(Debug)]
pub enum Event<'a> {
    /// A segment opens.
    Begin(Begin),
    /// A record.
    Record(Line<'a>),
    /// A cursor.
    State(Box<RawValue>),
    /// The open segment is complete and verified.
    End(Segment),
}

/// What a whole stream contained, once [`Reader::next`] has returned `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Whether it was sealed. An empty input counts as sealed: it carried no record that was not.
    pub sealed: bool,
    /// The number of segments.
    pub segments: u64,
    /// The number of record lines.
    pub records: u64,
    /// The number of lines of any kind.
    pub lines: u64,
    /// The number of blank lines.
    pub blank_lines: u64,
    /// The length of the stream.
    pub bytes: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Undecided,
    Plain,
    Sealed,
}

struct Open {
    id: String,
    line: u64,
    records: u64,
}

/// Reads a stream from any `Read`; the source needs no buffer of its own.
pub struct Reader<R> {
    lines: Lines<R>,
    options: Options,
    kind: Kind,
    open: Option<Open>,
    seen: Ids,
    digests: Segments,
    totals: Totals,
}

impl<R: Read> Reader<R> {
    /// A reader of this source.
    pub fn new(source: R, options: Options) -> Reader<R> {
        Reader {
            lines: Lines::new(source, options),
            options,
            kind: Kind::Undecided,
            open: None,
            seen: Ids::default(),
            digests: Segments::default(),
            totals: Totals::default(),
        }
    }

    /// The next event; `None` once the stream has ended and was found complete.
    ///
    /// # Errors
    /// 3 for a line that is not what it must be at that point; 74 if the source cannot be read; the class of an
    /// `abort`; for a stream that ends too early, that of its [`Origin`].
    #[allow(clippy::should_implement_trait, reason = "an Iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, Fault> {
        loop {
            let found = self.lines.next();
            self.totals.lines = self.lines.number();
            let line = match found? {
                None => self.unended()?,
                line => line,
            };
            let Some((from, to)) = line else {
                self.finish()?;
                return Ok(None);
            };
            self.totals.bytes = self.lines.position();
            let line = self.lines.text(from, to).trim_ascii_end();
            if line.is_empty() {
                self.totals.blank_lines += 1;
            } else if control::is_control(line) {
                return self.control(from, to).map(Some);
            } else {
                // Trailing white space is not part of a record: this is what makes `\r\n` the same as `\n`.
                let to = from + line.len();
                let record = self.record(from)?;
                let (number, offset) = (self.totals.lines, self.lines.offset(from));
                let bytes = self.lines.text(from, to);
                return Ok(Some(Event::Record(Line { number, offset, record, bytes })));
            }
        }
    }

    /// Whether the next call of [`Reader::next`] has to wait for the source: the moment to pass on what was written.
    pub fn is_drained(&self) -> bool {
        self.lines.is_drained()
    }

    /// Reads once from the source, which need not complete a line; false at its end. For callers that wait for the
    /// source themselves while [`Reader::is_drained`] is true.
    ///
    /// # Errors
    /// 74 if it cannot be read.
    pub fn read_more(&mut self) -> Result<bool, Fault> {
        self.lines.fill()
    }

    /// What it reads from.
    pub fn source(&self) -> &R {
        self.lines.source()
    }

    /// The class of an input that ends too early.
    pub fn cut_class(&self) -> Class {
        self.options.origin.cut()
    }

    /// What has been read so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The digest of what was read since the last call: for a plain stream that of its bytes, for a sealed one that of
    /// its segments ([`Segments`]). Call it once [`Reader::next`] has returned `None`, or between two lines or segments
    /// to cut a stream into loads. The ids of segments before a cut are forgotten.
    pub fn digest(&mut self) -> Digest {
        match self.kind {
            Kind::Sealed => {
                self.seen.clear();
                std::mem::take(&mut self.digests).digest()
            }
            Kind::Plain | Kind::Undecided => self.lines.digest().1,
        }
    }

    /// Counts a record: its number in its segment, or 0 in a plain stream.
    fn record(&mut self, from: usize) -> Result<u64, Fault> {
        let mut number = 0;
        match (self.kind, &mut self.open) {
            (_, Some(open)) => {
                open.records += 1;
                number = open.records;
            }
            (Kind::Sealed, None) => {
                return Err(self.bad(from, "a record outside a segment of a sealed stream"));
            }
            (Kind::Undecided, None) => {
                self.check_first(from)?;
                match self.options.seal {
                    Seal::Required => {
                        return Err(self.bad(from, "a record outside a verified segment (--seal required; `standpipe seal -- COMMAND` seals what a program prints)"));
                    }
                    Seal::Auto => (self.options.warn)(UNSEALED),
                    Seal::Off | Seal::Bare => (),
                }
                self.kind = Kind::Plain;
            }
            (Kind::Plain, None) => (),
        }
        self.totals.records += 1;
        Ok(number)
    }

    fn control(&mut self, from: usize, to: usize) -> Result<Event<'_>, Fault> {
        let control = control::parse(self.lines.text(from, to)).map_err(|reason| self.bad(from, reason))?;
        if let (Control::State(_), Seal::Bare, Kind::Undecided) = (&control, self.options.seal, self.kind) {
            self.kind = Kind::Plain;
        }
        let bare = self.options.seal == Seal::Bare && self.kind == Kind::Plain;
        match control {
            _ if self.options.seal == Seal::Off => {
                Err(self.bad(from, "a control line in a stream that is read with --seal off"))
            }
            Control::Abort(abort) => Err(aborted(abort)),
            Control::State(value) if bare => Ok(Event::State(value)),
            _ if self.kind == Kind::Plain => Err(self.changed(from, "a control line inside a plain stream")),
            Control::Begin(begin) => self.begin(from, begin),
            Control::State(value) if self.open.is_some() => Ok(Event::State(value)),
            Control::State(_) => Err(self.bad(from, "a `state` outside a segment")),
            Control::End(end) => self.end(from, end),
        }
    }

    fn begin(&mut self, from: usize, begin: Begin) -> Result<Event<'_>, Fault> {
        if let Some(open) = &self.open {
            let reason = format!("a `begin` inside segment {} (begun on line {})", open.id, open.line);
            return Err(self.bad(from, reason));
        }
        if let Some(SchemaRef::Inline(document)) = &begin.schema
            && document.get().len() > MAX_SCHEMA
        {
            let (at, length) = (place(self.totals.lines, self.lines.offset(from)), document.get().len());
            return Err(Fault::config(format!(
                "{at}: the schema of segment {} has {length} bytes; at most {MAX_SCHEMA} are read",
                begin.id
            )));
        }
        if !self.seen.insert(&begin.id) {
            return Err(self.bad(from, format!("segment {} appears twice", begin.id)));
        }
        self.kind = Kind::Sealed;
        self.lines.start_digest();
        self.open = Some(Open { id: begin.id.clone(), line: self.totals.lines, records: 0 });
        Ok(Event::Begin(begin))
    }

    fn end(&mut self, from: usize, end: End) -> Result<Event<'_>, Fault> {
        let Some(open) = self.open.take() else {
            return Err(self.changed(from, "an `end` without `begin`"));
        };
        // A byte order mark can only stand before the first line, so `from` is where the line really starts.
        let (bytes, digest) = self.lines.digest_before(from);
        let wrong = if end.id != open.id {
            Some(format!("the end of segment {}, but segment {} is open", end.id, open.id))
        } else if end.records != open.records {
            let records = counted(open.records, "record", "records");
            Some(format!("segment {} has {records}, but its end says {}", open.id, end.records))
        } else if end.bytes.is_some_and(|said| said != bytes) {
            Some(format!(
                "segment {} has {}, but its end says {}",
                open.id,
                counted(bytes, "byte", "bytes"),
                end.bytes.unwrap_or_default()
            ))
        } else {
            let said = end.sha256.unwrap_or_else(|| digest.to_string());
            let differs = !said.eq_ignore_ascii_case(&digest.to_string());
            differs.then(|| format!("segment {} has the digest {digest}, but its end says {said}", open.id))
        };
        if let Some(wrong) = wrong {
            return Err(self.changed(from, &wrong));
        }
        self.totals.segments += 1;
        self.digests.push(digest);
        Ok(Event::End(Segment { id: open.id, records: open.records, bytes, digest }))
    }

    /// The last line, if it lacks its newline and counts all the same: a whole object of a plain stream that comes from
    /// a file, or whose end is taken for complete.
    #[cold]
    fn unended(&mut self) -> Result<Option<(usize, usize)>, Fault> {
        let Some((from, to)) = self.lines.rest() else { return Ok(None) };
        self.totals.lines = self.lines.number();
        self.check_first(from)?;
        let (offset, bytes) = (self.lines.offset(from), self.lines.text(from, to));
        let is_whole = json::is_whole_object(bytes).map_err(|error| {
            let at = place(self.totals.lines, offset + error.offset as u64);
            Fault::cut(Class::Data, format!("{at}: {}", error.message))
        })?;
        let Options { seal, origin, .. } = self.options;
        let is_plain = self.kind == Kind::Plain || self.kind == Kind::Undecided && seal != Seal::Required;
        if is_whole
            && is_plain
            && !control::is_control(bytes)
            && (origin == Origin::File || seal == Seal::Off)
        {
            return Ok(Some((from, to)));
        }
        let why = "the input ends in the middle of a line: it was cut (a stream ends with a newline)";
        Err(Fault::cut(origin.cut(), format!("{}: {why}", place(self.totals.lines, offset))))
    }

    fn finish(&mut self) -> Result<(), Fault> {
        if let Some(open) = &self.open {
            let records = counted(open.records, "record", "records");
            return Err(Fault::cut(
                self.options.origin.cut(),
                format!(
                    "line {}: the input ends inside segment {} (begun on line {}) after {records}, without its `end`: the \
                     producer did not finish",
                    self.totals.lines, open.id, open.line
                ),
            ));
        }
        if self.kind == Kind::Undecided && !self.options.allow_empty {
            let what =
                if self.totals.lines == 0 { "the input is empty" } else { "the input has only blank lines" };
            let message = format!("{what}: the producer did not finish (--allow-empty accepts it)");
            return Err(Fault::cut(self.options.origin.cut(), message));
        }
        self.totals.sealed = self.kind != Kind::Plain;
        Ok(())
    }

    /// Says what the input is if its first line shows that it is not a stream.
    fn check_first(&self, from: usize) -> Result<(), Fault> {
        let foreign = Foreign::of(self.lines.text_from(from)).filter(|_| self.kind == Kind::Undecided);
        foreign.map_or(Ok(()), |foreign| Err(self.bad(from, foreign.says())))
    }

    /// What a filter that knows nothing of the seal makes of a stream: records changed or left out, or control lines.
    fn changed(&self, from: usize, reason: &str) -> Fault {
        self.bad(from, format!("{reason}{CHANGED}"))
    }

    fn bad(&self, from: usize, reason: impl Into<String>) -> Fault {
        Fault::data(format!("{}: {}", place(self.totals.lines, self.lines.offset(from)), reason.into()))
    }
}

/// What there is to say of an input without a seal.
pub const UNSEALED: &str = "the input is not sealed: if its producer dies, what came before looks complete (`standpipe seal -- \
    COMMAND` seals it, a filter keeps the seal under `standpipe through -- COMMAND`, `--seal off` silences this)";

/// How messages name a line: its number from 1 and a position in the stream from 0.
fn place(line: u64, offset: u64) -> String {
    format!("line {line} (byte {offset})")
}

fn aborted(abort: Abort) -> Fault {
    let odd = match abort.known() {
        Some(_) => String::new(),
        None => format!(" (it ended with {}, which is not an exit code of a component)", abort.code),
    };
    Fault::aborted(abort.class(), &format!("{}{odd}", abort.message), abort.details)
}
