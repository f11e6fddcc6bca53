//! From a record's line to a value of jq.

use bytes::Bytes;
use etl_component::Fault;
use etl_stream::Line;
use etl_stream::json::{self, Extent, Scanner, Shape, Tag, scan_value, unescape_into};
use jaq_json::{Map, Num, Rc, Val};

/// An integer of more digits than this is kept as it is written: to calculate with it, it is read as a double.
const MOST_DIGITS: usize = 1000;

/// Reads records. Most are like the one before, so its object is used again, keys and all.
#[derive(Default)]
pub(crate) struct Records {
    scanner: Scanner,
    shape: Option<Shape>,
    /// The keys of that shape, each with null.
    keys: Map,
    /// An object of that shape that nobody uses any longer.
    spare: Option<Rc<Map>>,
    /// A filter that changes objects is given the only share of one, so that it need not copy it. One that drops or takes
    /// apart most objects would lose them: a share is kept.
    keeps: bool,
    kept: Option<Rc<Map>>,
    /// What has become of the object that was given.
    fate: Fate,
}

/// What has become of an object.
#[derive(Clone, Copy, Default, PartialEq)]
enum Fate {
    /// It is not among the outputs.
    #[default]
    Gone,
    /// It is.
    Written,
    /// A changed copy of it is.
    Copied,
}

impl Records {
    /// Reads a record.
    ///
    /// # Errors
    /// 3 if it is not one.
    pub(crate) fn read(&mut self, line: Line<'_>) -> Result<Val, Fault> {
        let Records { scanner, shape, keys, spare, .. } = self;
        let record = etl_component::scan(line, scanner)?;
        if *shape != Some(record.shape()) {
            *spare = None;
            let key = |name: String| (Val::utf8_str(name.into_bytes()), Val::Null);
            *keys = record.fields().map(|field| key(field.name().into_owned())).collect();
            *shape = Some(record.shape());
        }
        let mut map = spare.take().unwrap_or_else(|| Rc::new(keys.clone()));
        let source = Source::new(record.text());
        for (slot, extent) in Rc::make_mut(&mut map).values_mut().zip(record.extents()) {
            *slot = source.value(extent);
        }
        self.fate = Fate::Gone;
        self.kept = self.keeps.then(|| Rc::clone(&map));
        Ok(Val::Obj(map))
    }

    /// Takes back an output that was written.
    pub(crate) fn take_back(&mut self, written: Val) {
        let Val::Obj(mut map) = written else { return };
        match &self.kept {
            Some(kept) if Rc::ptr_eq(kept, &map) => self.fate = Fate::Written,
            Some(_) if self.keys.keys().zip(map.keys()).next().is_some_and(is_same) => {
                self.fate = Fate::Copied;
            }
            None if self.has_keys(&map) => {
                self.fate = Fate::Written;
                if Rc::get_mut(&mut map).is_some() {
                    self.spare = Some(map);
                }
            }
            // It may have got other keys.
            None if self.keys.keys().zip(map.keys()).next().is_some_and(is_same) => self.fate = Fate::Written,
            _ => (),
        }
    }

    /// All outputs of the record have been written.
    pub(crate) fn done(&mut self) {
        self.keeps = match self.fate {
            Fate::Gone => true,
            Fate::Copied => false,
            Fate::Written => self.keeps,
        };
        let kept = self.kept.take().and_then(|mut map| Rc::get_mut(&mut map).is_some().then_some(map));
        if kept.is_some() {
            self.spare = kept;
        }
    }

    /// Whether an object has the keys of the records, in their order.
    fn has_keys(&self, map: &Map) -> bool {
        map.len() == self.keys.len() && map.keys().zip(self.keys.keys()).all(is_same)
    }
}

/// Whether two keys are the same text in the same place, so that one is a copy of the other.
fn is_same((one, other): (&Val, &Val)) -> bool {
    match (one, other) {
        (Val::TStr(one), Val::TStr(other)) => {
            std::ptr::eq(one.as_ptr(), other.as_ptr()) && one.len() == other.len()
        }
        _ => false,
    }
}

/// Reads a text that is a whole JSON value.
///
/// # Errors
/// It is not.
pub(crate) fn document(text: &str) -> Result<Val, json::Error> {
    scan_value(text)?;
    let source = Source::new(text);
    Ok(Cursor { source: &source, at: 0 }.value())
}

/// A text that was found to be JSON, and the same bytes for strings to share.
struct Source<'a> {
    text: &'a str,
    shared: Bytes,
}

impl<'a> Source<'a> {
    fn new(text: &'a str) -> Source<'a> {
        Source { text, shared: Bytes::copy_from_slice(text.as_bytes()) }
    }

    /// The value at these offsets.
    #[inline]
    fn value(&self, extent: Extent) -> Val {
        let (start, end) = (extent.start as usize, extent.end as usize);
        match extent.tag {
            Tag::Null => Val::Null,
            Tag::False => Val::Bool(false),
            Tag::True => Val::Bool(true),
            Tag::Number | Tag::Odd => Val::Num(number(&self.text[start..end])),
            Tag::Plain => self.string(start + 1, end - 1, false),
            Tag::Escaped => self.string(start + 1, end - 1, true),
            Tag::Array | Tag::Object => Cursor { source: self, at: start }.value(),
        }
    }

    #[inline]
    fn string(&self, start: usize, end: usize, escaped: bool) -> Val {
        if !escaped {
            return Val::utf8_str(self.shared.slice(start..end));
        }
        let mut text = Vec::with_capacity(end - start);
        unescape_into(&self.text[start..end], &mut text);
        Val::utf8_str(text)
    }
}

/// A number, which keeps its text unless that is what an integer is printed as.
#[inline]
fn number(text: &str) -> Num {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_integer = digits.len() <= MOST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    let integer = if is_integer && text != "-0" { Num::from_str_radix(text, 10) } else { None };
    integer.unwrap_or_else(|| Num::Dec(Rc::new(text.to_owned())))
}

/// Goes through nested values.
struct Cursor<'s, 'a> {
    source: &'s Source<'a>,
    at: usize,
}

impl Cursor<'_, '_> {
    fn value(&mut self) -> Val {
        match self.peek() {
            b'{' => self.object(),
            b'[' => self.array(),
            b'"' => self.string(),
            b'n' => self.word(4, Val::Null),
            b't' => self.word(4, Val::Bool(true)),
            b'f' => self.word(5, Val::Bool(false)),
            _ => self.number(),
        }
    }

    /// The next byte that is not white space; 0 at the end.
    fn peek(&mut self) -> u8 {
        let rest = &self.source.text.as_bytes()[self.at..];
        let white = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += rest.iter().take_while(white).count();
        self.source.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn word(&mut self, length: usize, value: Val) -> Val {
        self.at += length;
        value
    }

    fn number(&mut self) -> Val {
        let rest = &self.source.text[self.at..];
        let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let length = rest.bytes().take_while(|byte| part(byte)).count();
        self.at += length;
        Val::Num(number(&rest[..length]))
    }

    fn string(&mut self) -> Val {
        let start = self.at + 1;
        let bytes = self.source.text.as_bytes();
        let (mut end, mut escaped) = (start, false);
        while let Some(next) = memchr::memchr2(b'"', b'\\', &bytes[end..]) {
            end += next;
            if bytes[end] == b'"' {
                break;
            }
            escaped = true;
            end += 2;
        }
        self.at = end + 1;
        self.source.string(start, end, escaped)
    }

    /// What follows an opening bracket or a comma.
    fn array(&mut self) -> Val {
        let mut values = Vec::new();
        self.at += 1;
        while self.peek() != b']' {
            values.push(self.value());
            self.comma();
        }
        self.at += 1;
        Val::Arr(values.into())
    }

    /// As in `jsonb`, the last of several members of one name counts.
    fn object(&mut self) -> Val {
        let mut map = Map::default();
        self.at += 1;
        while self.peek() != b'}' {
            let key = self.string();
            self.peek();
            self.at += 1;
            let value = self.value();
            map.insert(key, value);
            self.comma();
        }
        self.at += 1;
        Val::obj(map)
    }

    fn comma(&mut self) {
        if self.peek() == b',' {
            self.at += 1;
        }
    }
}
