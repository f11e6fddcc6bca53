//! The unpacked bytes of a file, in a reused buffer.

use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};

use etl_component::{Class, Fault, counted};
use etl_stream::digest::Hasher;
use etl_stream::{Digest, Foreign, Origin};

use crate::files::Source;

/// How much is read at a time.
const BUFFER: usize = 128 << 10;
/// How many bytes say what a file is: the header of a zstd frame has up to 18, and HTML may follow blank lines.
const HEAD: usize = 64;
/// As windows of zstd go, in powers of two: 16 MiB.
const WINDOW_LOG: u32 = 24;

/// Reads a file.
pub(crate) struct Input {
    source: Box<dyn Read>,
    /// What messages call the file.
    pub(crate) name: String,
    /// Where it comes from, which says what it means if it is cut short.
    pub(crate) origin: Origin,
    packed: Option<&'static str>,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    hasher: Hasher,
    /// How many line breaks have been consumed.
    lines: u64,
    longest: usize,
}

impl Input {
    /// Opens a file, and unpacks it by what it starts with.
    ///
    /// # Errors
    /// 66 if it is missing or unreadable; 3 if it is of a kind that is not read.
    pub(crate) fn open(source: &Source, longest: usize) -> Result<Input, Fault> {
        let (mut file, origin) = etl_component::io::open(&source.path)?;
        let name = source.shown();
        let head = head(&mut file).map_err(|error| unread(&name, error))?;
        let (packed, unpacked) = unpack(&name, head, file)?;
        let (buf, hasher) = (vec![0; BUFFER], Hasher::default());
        let mut input = Input {
            source: unpacked,
            name,
            origin,
            packed,
            buf,
            start: 0,
            end: 0,
            hasher,
            lines: 0,
            longest,
        };
        while input.rest().len() < HEAD && input.fill()? {}
        input.check_text()?;
        if input.rest().starts_with(b"\xEF\xBB\xBF") {
            input.consume(3);
        }
        Ok(input)
    }

    /// What was read and not yet consumed.
    #[inline]
    pub(crate) fn rest(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// Consumes bytes.
    #[inline]
    pub(crate) fn consume(&mut self, length: usize) {
        self.start += length;
    }

    /// Counts lines that were consumed.
    #[inline]
    pub(crate) fn pass_lines(&mut self, lines: u64) {
        self.lines += lines;
    }

    /// The number of the line that the rest starts in, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.lines + 1
    }

    /// Reads more behind the rest; false at the end.
    ///
    /// # Errors
    /// 74 if the file cannot be read, 3 if it cannot be unpacked or its row is too long, 75 if a pipe was cut short.
    pub(crate) fn fill(&mut self) -> Result<bool, Fault> {
        if self.end - self.start > self.longest {
            return Err(self.too_long());
        }
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buf.len() {
            let size = (self.buf.len() * 2).min(self.longest.saturating_add(BUFFER));
            self.buf.resize(size, 0);
        }
        loop {
            match self.source.read(&mut self.buf[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.hasher.update(&self.buf[self.end..self.end + read]);
                    self.end += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Reads to the end, and returns the digest of all unpacked bytes.
    ///
    /// # Errors
    /// As [`Input::fill`].
    pub(crate) fn digest_all(mut self) -> Result<Digest, Fault> {
        self.start = self.end;
        while self.fill()? {
            self.start = self.end;
        }
        Ok(self.hasher.finish())
    }

    /// Bad data in the line that begins the rest, or so many lines after it.
    pub(crate) fn bad(&self, after: u64, what: impl AsRef<str>) -> Fault {
        Fault::data(format!("{}: line {}: {}", self.name, self.line() + after, what.as_ref()))
    }

    /// Bad data at a byte of the rest.
    pub(crate) fn bad_at(&self, offset: usize, what: impl AsRef<str>) -> Fault {
        let before = &self.rest()[..offset.min(self.rest().len())];
        self.bad(memchr::memchr_iter(b'\n', before).count() as u64, what)
    }

    /// A file that ends too early, in the line that begins the rest or so many lines after it.
    pub(crate) fn cut(&self, after: u64, what: &str) -> Fault {
        Fault::new(self.origin.cut(), format!("{}: line {}: {what}", self.name, self.line() + after))
    }

    /// A row that is longer than allowed.
    pub(crate) fn too_long(&self) -> Fault {
        let most = counted(self.longest as u64, "byte", "bytes");
        self.bad(0, format!("longer than {most} (--max-line-bytes)"))
    }

    /// The longest row allowed.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    fn failed(&self, error: io::Error) -> Fault {
        let name = &self.name;
        match self.packed {
            // What the system says has a number; the rest is what the decoder says.
            Some(packed) if error.raw_os_error().is_none() => {
                let (class, what) = match error.kind() {
                    ErrorKind::UnexpectedEof => (self.origin.cut(), "cut short"),
                    _ => (Class::Data, "broken"),
                };
                Fault::new(class, format!("{name}: the {packed} file is {what}")).because(error)
            }
            _ => unread(name, error),
        }
    }

    /// Refuses what is not text behind the packing, or without one.
    fn check_text(&self) -> Result<(), Fault> {
        let says = match (self.packed, Foreign::of(self.rest())) {
            (_, None | Some(Foreign::Array | Foreign::Csv)) => return Ok(()),
            (Some(packed), Some(Foreign::Gzip | Foreign::Zstd)) => {
                return Err(Fault::data(format!(
                    "{}: packed twice; unpack the {packed} file first",
                    self.name
                )));
            }
            (_, Some(other)) => other.says(),
        };
        Err(Fault::data(format!("{}: {says}", self.name)))
    }
}

fn unread(name: &str, error: io::Error) -> Fault {
    Fault::new(Class::Io, format!("{name}: reading the file failed")).because(error)
}

/// The first bytes.
fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    file.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Unpacks a file that begins with `head`.
fn unpack(name: &str, head: Vec<u8>, file: File) -> Result<(Option<&'static str>, Box<dyn Read>), Fault> {
    let foreign = Foreign::of(&head);
    let window = window(&head);
    let whole = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(file));
    match foreign {
        Some(Foreign::Gzip) => Ok((Some("gzip"), Box::new(flate2::bufread::MultiGzDecoder::new(whole)))),
        Some(Foreign::Zstd) => {
            if let Some(window) = window.filter(|&window| window > 1 << WINDOW_LOG) {
                return Err(Fault::data(format!(
                    "{name}: zstd with a window of {} MiB; at most 16 MiB are read (pack it without --long and --ultra)",
                    window.div_ceil(1 << 20)
                )));
            }
            let broken = |error| Fault::data(format!("{name}: zstd")).because(error);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(whole).map_err(broken)?;
            decoder.window_log_max(WINDOW_LOG).map_err(broken)?;
            Ok((Some("zstd"), Box::new(decoder)))
        }
        _ => Ok((None, Box::new(whole))),
    }
}

/// The memory that a zstd frame asks for in its header (RFC 8878, 3.1.1.1): that of its window or, if it is a single
/// segment, of all its content.
fn window(head: &[u8]) -> Option<u64> {
    let [0x28, 0xB5, 0x2F, 0xFD, descriptor, fields @ ..] = head else { return None };
    if descriptor & 0x20 == 0 {
        let window = fields.first()?;
        let (exponent, mantissa) = (window >> 3, u64::from(window & 7));
        return Some((1_u64 << (exponent + 10)) / 8 * (8 + mantissa));
    }
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let length = 1 << (descriptor >> 6);
    let mut size = [0; 8];
    size[..length].copy_from_slice(fields.get(dictionary..dictionary + length)?);
    // A size of two bytes leaves out the 256 that one byte could say, which is nothing here.
    Some(u64::from_le_bytes(size))
}
