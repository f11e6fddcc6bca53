//! Where the values of the current record are kept until they are asked for.

use crate::types::Type;
use crate::value::Value;

/// Memory, used again for each record, for unescaped texts and decoded bytes.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) bytes: Vec<u8>,
    /// How many of the bytes, the first ones, are of values that were added, not read.
    added: usize,
    /// Whether the record at hand has NaN or an infinity without quotes.
    pub(crate) odd: bool,
    /// How many times without a zone were taken for UTC; never cleared.
    pub(crate) assumed_utc: u64,
}

impl Scratch {
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(self.added);
    }

    /// Whether anything was read into it.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        self.bytes.len() > self.added
    }

    /// Forgets what was added.
    pub(crate) fn forget(&mut self) {
        self.added = 0;
        self.bytes.clear();
    }

    /// Keeps a value that no field has.
    pub(crate) fn add(&mut self, value: Value<'_>) -> Cell {
        self.clear();
        let mut keep = |bytes: &[u8]| {
            let start = self.bytes.len() as u32;
            self.bytes.extend_from_slice(bytes);
            self.added = self.bytes.len();
            Kept { start, end: self.added as u32, scratch: true }
        };
        match value {
            Value::Null => Cell::Null,
            Value::Text(text) => Cell::Text(keep(text.as_bytes())),
            Value::Integer(n) => Cell::Integer(n),
            Value::Double(x) => Cell::Double(x),
            Value::Decimal(text) => Cell::Decimal(keep(text.as_bytes())),
            Value::Boolean(b) => Cell::Boolean(b),
            Value::Date(days) => Cell::Date(days),
            Value::Timestamp(micros) => Cell::Timestamp(micros),
            Value::TimestampTz(micros) => Cell::TimestampTz(micros),
            Value::Uuid(uuid) => Cell::Uuid(keep(&uuid).start),
            Value::Bytes(bytes) => {
                let Kept { start, end, .. } = keep(bytes);
                Cell::Bytes(start, end)
            }
            Value::Json(text) => Cell::Json(keep(text.as_bytes())),
            Value::Special(text) => Cell::Special(keep(text.as_bytes())),
            Value::Array(text, _) => Cell::Array(keep(text.as_bytes())),
        }
    }

    pub(crate) fn keep_uuid(&mut self, uuid: [u8; 16]) -> Cell {
        self.bytes.extend_from_slice(&uuid);
        Cell::Uuid((self.bytes.len() - uuid.len()) as u32)
    }
}

/// What a value was read as; text stays where it is until it is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell {
    Null,
    Text(Kept),
    Integer(i64),
    Double(f64),
    Decimal(Kept),
    Boolean(bool),
    Date(i32),
    Timestamp(i64),
    TimestampTz(i64),
    /// Where its bytes begin in the scratch.
    Uuid(u32),
    Bytes(u32, u32),
    Json(Kept),
    Special(Kept),
    Array(Kept),
}

/// A range of the line, or of the scratch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) scratch: bool,
}

impl Kept {
    /// A range of the line; of a string, what stands between the quotes.
    #[inline]
    pub(crate) fn line(start: u32, end: u32) -> Kept {
        Kept { start, end, scratch: false }
    }

    #[inline]
    fn get<'a>(self, line: &'a str, scratch: &'a Scratch) -> &'a str {
        let (start, end) = (self.start as usize, self.end as usize);
        if self.scratch {
            // Only what unescape_into wrote gets here, and that is UTF-8.
            return std::str::from_utf8(&scratch.bytes[start..end]).unwrap_or_default();
        }
        &line[start..end]
    }
}

impl Cell {
    /// The value, whose text is in this line; `ty` is the column's type.
    // A value returned through memory is written in parts and read as a whole, which stalls the processor.
    #[inline(always)]
    pub(crate) fn value<'a>(self, ty: &'a Type, line: &'a str, scratch: &'a Scratch) -> Value<'a> {
        match self {
            Cell::Null => Value::Null,
            Cell::Text(kept) => Value::Text(kept.get(line, scratch)),
            Cell::Integer(n) => Value::Integer(n),
            Cell::Double(x) => Value::Double(x),
            Cell::Decimal(kept) => Value::Decimal(kept.get(line, scratch)),
            Cell::Boolean(b) => Value::Boolean(b),
            Cell::Date(days) => Value::Date(days),
            Cell::Timestamp(micros) => Value::Timestamp(micros),
            Cell::TimestampTz(micros) => Value::TimestampTz(micros),
            Cell::Uuid(start) => {
                let bytes = scratch.bytes.get(start as usize..).and_then(|bytes| bytes.first_chunk());
                Value::Uuid(bytes.copied().unwrap_or_default())
            }
            Cell::Bytes(start, end) => Value::Bytes(&scratch.bytes[start as usize..end as usize]),
            Cell::Json(kept) => Value::Json(kept.get(line, scratch)),
            Cell::Special(kept) => Value::Special(kept.get(line, scratch)),
            Cell::Array(kept) => match ty {
                Type::Array(element) => Value::Array(kept.get(line, scratch), element),
                _ => Value::Null,
            },
        }
    }
}
