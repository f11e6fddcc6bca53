//! The short way of a record: from its line to where its values go, in one pass and without anything kept in between.
//!
//! It takes a record whose fields come in the order of the columns, of which optional ones may be missing, and whose
//! values are written as most programs write them. What it leaves goes the ordinary way, by [`Scanner`] and
//! [`Checker`], which also says what is wrong with a record. So one place alone decides what is refused.
//!
//! [`Scanner`]: etl_stream::json::Scanner
//! [`Checker`]: crate::Checker

use etl_stream::json;

use crate::cell::{Cell, Scratch};
use crate::digits::Short;
use crate::quick::{Form, Quick};
use crate::reading::Reading;
use crate::schema::{Column, Schema, Source};
use crate::time;
use crate::value::Value;

/// Where the values of a record go, column by column, in their order. Each answers whether it took the value; if it did
/// not, the record goes the ordinary way.
pub trait Take {
    /// NULL: the field is null.
    fn null(&mut self, column: usize) -> bool;
    /// NULL: the record does not have the field.
    fn absent(&mut self, column: usize) -> bool;
    /// A text without escapes, valid UTF-8: this many bytes, after which the line goes on.
    fn text(&mut self, column: usize, line: &[u8], length: usize) -> bool;
    /// An integer in the range of its column.
    fn integer(&mut self, column: usize, n: i64, number: Number<'_>) -> bool;
    /// The double nearest to a number.
    fn double(&mut self, column: usize, x: f64, number: Number<'_>) -> bool;
    /// A number as it was written.
    fn decimal(&mut self, column: usize, number: Number<'_>) -> bool;
    /// True or false.
    fn boolean(&mut self, column: usize, b: bool) -> bool;
    /// Microseconds since 1970, with a zone or without, and as they stand in the line.
    fn timestamp(&mut self, column: usize, micros: i64, text: &[u8]) -> bool;
    /// Any other value, and as it stands in the line.
    fn value(&mut self, column: usize, value: Value<'_>, source: json::Value<'_>) -> bool;
}

/// A number as it was written: its digits, and as it stands in the line.
#[derive(Clone, Copy, Debug)]
pub struct Number<'a> {
    /// Its digits.
    pub short: Short,
    /// Its text.
    pub text: &'a [u8],
}

/// The columns of a schema as the short way meets them.
pub(crate) struct Straight {
    steps: Vec<Step>,
    /// Goes down by much with a record that is left, and up by little with one that is taken; at 0 no more are tried.
    worth: u32,
}

/// A field.
struct Step {
    /// How its key is written: without spaces, and with one after each comma and colon.
    keys: [Key; 2],
    quick: Quick,
    optional: bool,
}

/// Everything between two values: a comma or a brace, the key and a colon.
struct Key {
    /// The first bytes as words, without the very first byte, and which of their bits count.
    head: [u64; 2],
    mask: [u64; 2],
    text: Box<[u8]>,
}

/// How many bytes two words have.
const WINDOW: usize = 16;
/// What [`Straight::worth`] starts with and never exceeds.
const WORTH: u32 = 1 << 10;
/// How many records must be taken for one that is left.
const LOSS: u32 = 8;

impl Straight {
    /// The short way of the records of a schema; `None` if there is none.
    pub(crate) fn new(schema: &Schema) -> Option<Straight> {
        let is_plain = |column: &Column| {
            column.source == Source::Field
                && !column.property().bytes().any(|byte| matches!(byte, b'"' | b'\\' | ..b' '))
        };
        schema.columns.iter().all(is_plain).then(|| Straight {
            steps: schema.columns.iter().enumerate().map(|(i, column)| Step::new(column, i == 0)).collect(),
            worth: WORTH,
        })
    }

    /// Whether enough records are taken that it is worth trying another one.
    #[inline]
    pub(crate) fn is_worth_it(&self) -> bool {
        self.worth > 0
    }

    /// Hands on the values of a record; false if it is left. Then some of its values may have been handed on. In a stream
    /// of `TEXTS`, a number is between quotes.
    #[inline]
    pub(crate) fn read<const TEXTS: bool>(
        &mut self,
        line: &[u8],
        reading: (&Schema, Reading),
        scratch: &mut Scratch,
        take: &mut impl Take,
    ) -> bool {
        let is_text = is_ascii(line) || simdutf8::basic::from_utf8(line).is_ok();
        let taken = is_text && self.fields::<TEXTS>(line, reading, scratch, take).is_some();
        self.worth = if taken { (self.worth + 1).min(WORTH) } else { self.worth.saturating_sub(LOSS) };
        taken
    }

    #[inline(always)]
    fn fields<const TEXTS: bool>(
        &self,
        line: &[u8],
        reading: (&Schema, Reading),
        scratch: &mut Scratch,
        take: &mut impl Take,
    ) -> Option<()> {
        let first = self.steps.first()?;
        let spaced = usize::from(line.get(first.keys[0].text.len()) == Some(&b' '));
        let (mut lead, mut rest) = (b'{', line);
        for (column, step) in self.steps.iter().enumerate() {
            match step.keys[spaced].strip(lead, rest) {
                Some(behind) => {
                    rest = match step.value::<TEXTS>(column, behind, take) {
                        Some(rest) => rest,
                        None => step.any_value(column, behind, reading, scratch, take)?,
                    };
                    lead = b',';
                }
                None if step.optional && take.absent(column) => (),
                None => return None,
            }
        }
        matches!((lead, rest), (b',', b"}")).then_some(())
    }
}

impl Key {
    fn new(text: String) -> Key {
        let (mut head, mut mask) = ([0; WINDOW], [0; WINDOW]);
        for ((from, byte), mask) in text.bytes().zip(&mut head).zip(&mut mask) {
            (*byte, *mask) = (from, u8::MAX);
        }
        head[0] = 0;
        Key { head: words(&head), mask: words(&mask), text: text.into_bytes().into() }
    }

    /// What follows the key, if it comes next after this byte.
    #[inline(always)]
    fn strip<'a>(&self, lead: u8, text: &'a [u8]) -> Option<&'a [u8]> {
        let others = || text.first() == Some(&lead) && text[1..].starts_with(&self.text[1..]);
        let is_next = match text.first_chunk() {
            Some(window) => {
                let [low, high] = words(window);
                let differs = (low ^ self.head[0]) & self.mask[0] ^ u64::from(lead)
                    | (high ^ self.head[1]) & self.mask[1];
                differs == 0 && (self.text.len() <= WINDOW || others())
            }
            None => others(),
        };
        if is_next { text.get(self.text.len()..) } else { None }
    }
}

#[inline(always)]
fn words(bytes: &[u8; WINDOW]) -> [u64; 2] {
    let (words, _) = bytes.as_chunks();
    [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])]
}

impl Step {
    fn new(column: &Column, is_first: bool) -> Step {
        let name = column.property();
        let space = if is_first { "" } else { " " };
        Step {
            keys: [format!(",\"{name}\":"), format!(",{space}\"{name}\": ")].map(Key::new),
            quick: Quick::new(column),
            optional: !column.required,
        }
    }

    /// Hands on the value at the start of a text, if it can be read quickly, and returns what follows it.
    #[inline(always)]
    fn value<'a, const TEXTS: bool>(
        &self,
        column: usize,
        text: &'a [u8],
        take: &mut impl Take,
    ) -> Option<&'a [u8]> {
        let (taken, rest) = match self.quick.form {
            Form::Text { most } => {
                let (inside, length, rest) = plain(text)?;
                (length <= most as usize && take.text(column, inside, length), rest)
            }
            Form::Integer { low, high } => {
                let (number, rest) = number::<TEXTS>(text)?;
                let n = number.short.integer()?;
                ((low..=high).contains(&n) && take.integer(column, n, number), rest)
            }
            Form::Double { above, below } => {
                let (number, rest) = number::<TEXTS>(text)?;
                let x = number.short.double()?;
                (above < x && x < below && take.double(column, x, number), rest)
            }
            Form::Decimal { whole, fraction, signed } => {
                let (number, rest) = number::<TEXTS>(text)?;
                let short = number.short;
                let fits = short.whole <= whole && short.fraction <= fraction && (signed || !short.negative);
                (fits && take.decimal(column, number), rest)
            }
            Form::Boolean if !TEXTS => match text {
                [b't', b'r', b'u', b'e', rest @ ..] => (take.boolean(column, true), rest),
                [b'f', b'a', b'l', b's', b'e', rest @ ..] => (take.boolean(column, false), rest),
                _ => return None,
            },
            Form::TimestampTz => {
                let (inside, length, rest) = plain(text)?;
                let inside = &inside[..length];
                (take.timestamp(column, time::timestamptz(inside).ok()?, inside), rest)
            }
            Form::Timestamp => {
                let (inside, length, rest) = plain(text)?;
                let inside = &inside[..length];
                (take.timestamp(column, time::timestamp(inside).ok()?, inside), rest)
            }
            _ => return None,
        };
        taken.then_some(rest)
    }

    /// The same for null, and for any other value that the schema admits.
    #[inline(always)]
    fn any_value<'a>(
        &self,
        column: usize,
        text: &'a [u8],
        reading: (&Schema, Reading),
        scratch: &mut Scratch,
        take: &mut impl Take,
    ) -> Option<&'a [u8]> {
        if let (true, [b'n', b'u', b'l', b'l', rest @ ..]) = (self.quick.nullable, text) {
            return take.null(column).then_some(rest);
        }
        let stored = reading.0.columns.get(column)?;
        let (cell, source, rest) = slow(stored, text, reading.1, scratch)?;
        take.value(column, cell.value(&stored.ty, source.raw, scratch), source).then_some(rest)
    }
}

#[inline(never)]
fn slow<'a>(
    column: &Column,
    text: &'a [u8],
    reading: Reading,
    scratch: &mut Scratch,
) -> Option<(Cell, json::Value<'a>, &'a [u8])> {
    let (source, rest) = json::first_value(text, reading.levels + 1)?;
    scratch.clear();
    let cell = reading.cell(column, source, 0, scratch).ok()?;
    Some((cell, source, rest))
}

/// The number at the start of a text.
#[inline(always)]
fn number<const TEXTS: bool>(text: &[u8]) -> Option<(Number<'_>, &[u8])> {
    let text = match text {
        [b'"', text @ ..] if TEXTS => text,
        text if !TEXTS => text,
        _ => return None,
    };
    let (short, rest) = Short::begin(text)?;
    let number = Number { short, text: &text[..text.len() - rest.len()] };
    match rest {
        [b'"', rest @ ..] if TEXTS => Some((number, rest)),
        rest if !TEXTS => Some((number, rest)),
        _ => None,
    }
}

/// Whether a text has only ASCII characters.
#[inline(always)]
fn is_ascii(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else { return text.is_ascii() };
    let bits = |chunk: &[u8; 8]| u64::from_le_bytes(*chunk);
    text.as_chunks().0.iter().fold(bits(last), |all, chunk| all | bits(chunk)) & 0x8080_8080_8080_8080 == 0
}

/// A string without escapes: the text from after its opening quote on, its length, and what follows its closing quote.
#[inline(always)]
fn plain(text: &[u8]) -> Option<(&[u8], usize, &[u8])> {
    let [b'"', text @ ..] = text else { return None };
    let mut rest = text;
    while let Some((chunk, behind)) = rest.split_first_chunk() {
        let stops = json::stops(u64::from_le_bytes(*chunk));
        if stops != 0 {
            rest = rest.get((stops.trailing_zeros() / 8) as usize..)?;
            let [b'"', behind @ ..] = rest else { return None };
            return Some((text, text.len() - rest.len(), behind));
        }
        rest = behind;
    }
    // Within the last seven bytes of the line.
    let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
    match rest.split_at_checked(at)? {
        (_, [b'"', behind @ ..]) => Some((text, text.len() - behind.len() - 1, behind)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
