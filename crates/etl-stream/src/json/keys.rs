//! The keys that a scanner has seen, each with a number, and which one is likely to come next.
//!
//! Records of one stream have the same few keys in nearly the same order, with gaps where a field is optional. So each
//! key remembers which ones followed it, and where a record continues as an earlier one did, its keys are compared, not
//! parsed.

use std::collections::HashMap;
use std::ops::Range;

use super::text::unescape_bytes;

/// A key with what surrounded it when it was last spelled out.
struct Known {
    /// The first bytes of `text`, except the very first one, and those after them.
    head: Window,
    tail: Window,
    /// Everything between two values, such as `,"key":` or `, "key": `. The first byte may be a comma or a brace.
    text: Vec<u8>,
    /// The part of it that is between the quotes.
    raw: Range<usize>,
    /// The last two keys that followed it, the later one first.
    next: [Number; 2],
    /// The round of [`Keys::distinct`] that last saw it.
    seen: u64,
}

/// The number of a key, from 1; 0 stands for a key that has none, and for the start of a record.
pub(super) type Number = u16;

/// A key in the line: everything from the end of the value before it, and the part of that between the quotes.
#[derive(Clone, Copy)]
pub(super) struct Spelled<'a> {
    pub(super) text: &'a [u8],
    pub(super) raw: &'a [u8],
    pub(super) escaped: bool,
}

/// What follows a key: the number of the key that is expected next, and the text.
pub(super) type Behind<'a> = (Number, &'a [u8]);

pub(super) struct Keys {
    /// By their numbers; the first stands for the start of a record, which never follows a key.
    known: Vec<Known>,
    /// By their decoded names.
    numbers: HashMap<Box<[u8]>, Number>,
    decoded: Vec<u8>,
    round: u64,
}

/// Bytes as a little-endian word, and which of the word's bits count.
#[derive(Default)]
struct Window {
    bytes: u128,
    mask: u128,
}

const WINDOW: usize = size_of::<Window>() / 2;

impl Window {
    fn new(text: &[u8]) -> Window {
        let (mut bytes, mut mask) = ([0; WINDOW], [0; WINDOW]);
        for ((&from, byte), mask) in text.iter().zip(&mut bytes).zip(&mut mask) {
            (*byte, *mask) = (from, u8::MAX);
        }
        Window { bytes: u128::from_le_bytes(bytes), mask: u128::from_le_bytes(mask) }
    }

    /// Where a text differs.
    #[inline(always)]
    fn difference(&self, text: &[u8; WINDOW]) -> u128 {
        (u128::from_le_bytes(*text) ^ self.bytes) & self.mask
    }
}

impl Known {
    fn new(key: &Spelled<'_>) -> Known {
        let (head, tail) = (Window::default(), Window::default());
        let mut known = Known { head, tail, text: Vec::new(), raw: 0..0, next: [0; 2], seen: 0 };
        known.spell(key);
        known
    }

    fn is(&self, key: &Spelled<'_>) -> bool {
        self.text[self.raw.clone()] == *key.raw
    }

    fn spell(&mut self, key: &Spelled<'_>) {
        self.text.clear();
        // Nobody writes more white space than that; if somebody does, it must not be kept.
        if key.text.len() - key.raw.len() <= 32 {
            self.text.extend_from_slice(key.text);
        } else {
            self.text.extend_from_slice(b",\"");
            self.text.extend_from_slice(key.raw);
            self.text.extend_from_slice(b"\":");
        }
        let start = self.text.iter().position(|&byte| byte == b'"').map_or(0, |quote| quote + 1);
        self.raw = start..start + key.raw.len();
        self.head = Window::new(&self.text);
        self.head.bytes &= !0xff;
        self.tail = Window::new(self.text.get(WINDOW..).unwrap_or_default());
    }

    /// What follows the key and its colon, if the text continues with them after its first byte, `lead`.
    #[inline(always)]
    fn strip<'a>(&self, lead: u8, text: &'a [u8]) -> Option<&'a [u8]> {
        let Some(head) = text.first_chunk() else {
            return if text.first() == Some(&lead) { self.strip_any(lead, text) } else { None };
        };
        if self.head.difference(head) != u128::from(lead) {
            return None;
        }
        if self.text.len() <= WINDOW {
            return Some(&text[self.text.len()..]);
        }
        match text[WINDOW..].first_chunk() {
            Some(tail) if self.text.len() <= 2 * WINDOW => {
                (self.tail.difference(tail) == 0).then(|| &text[self.text.len()..])
            }
            _ => self.strip_any(lead, text),
        }
    }

    /// The same at the end of the line, or for a long key.
    #[inline(never)]
    fn strip_any<'a>(&self, lead: u8, text: &'a [u8]) -> Option<&'a [u8]> {
        text.strip_prefix(&[lead])?.strip_prefix(&self.text[1..])
    }
}

impl Default for Keys {
    fn default() -> Keys {
        // UTF-8 never has this byte, so where no key is known to follow, none is found.
        let start = Known::new(&Spelled { text: b",\xff", raw: b"", escaped: false });
        Keys { known: vec![start], numbers: HashMap::new(), decoded: Vec::new(), round: 0 }
    }
}

impl Keys {
    /// More than the columns of any table. Whatever comes on top is data in the place of keys.
    const MOST: usize = 4096;
    /// Longer than any column's name, in bytes.
    const LONGEST: usize = 255;

    pub(super) fn full(&self) -> bool {
        self.known.len() > Keys::MOST
    }

    /// The key that is expected first in a record, or after another key.
    #[inline(always)]
    pub(super) fn next(&self, before: Number) -> Number {
        self.known[usize::from(before)].next[0]
    }

    /// What follows this key, if the text starts with it and the first byte is `lead`.
    #[inline(always)]
    pub(super) fn strip<'a>(&self, expected: Number, lead: u8, text: &'a [u8]) -> Option<Behind<'a>> {
        let known = self.known.get(usize::from(expected))?;
        Some((known.next[0], known.strip(lead, text)?))
    }

    /// The same for the key that followed another one the time before last. From now on it is the one expected there.
    pub(super) fn strip_second<'a>(
        &mut self,
        before: Number,
        lead: u8,
        text: &'a [u8],
    ) -> Option<(Number, Behind<'a>)> {
        let number = self.known[usize::from(before)].next[1];
        let behind = self.strip(number, lead, text)?;
        self.known[usize::from(before)].next.swap(0, 1);
        Some((number, behind))
    }

    /// Whether a key is the one that was expected after another one. From now on it is expected as it is spelled here.
    pub(super) fn is_expected(&mut self, before: Number, key: &Spelled<'_>) -> bool {
        let expected = self.next(before);
        let known = &mut self.known[usize::from(expected)];
        let same = expected != 0 && known.is(key);
        if same {
            known.spell(key);
        }
        same
    }

    /// The number of any key that followed another one; 0 if it is reserved, too long, or one too many.
    pub(super) fn find(&mut self, before: Number, key: &Spelled<'_>) -> Number {
        let mut decoded = std::mem::take(&mut self.decoded);
        let name = if key.escaped {
            decoded.clear();
            unescape_bytes(key.raw, &mut decoded);
            &decoded
        } else {
            key.raw
        };
        let number = self.number(name, key);
        self.decoded = decoded;
        if number != 0 {
            let next = &mut self.known[usize::from(before)].next;
            *next = [number, next[0]];
            self.known[usize::from(number)].spell(key);
        }
        number
    }

    fn number(&mut self, name: &[u8], key: &Spelled<'_>) -> Number {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        if self.full() || name.len() > Keys::LONGEST || name == b"_etl" {
            return 0;
        }
        let number = self.known.len() as Number;
        self.known.push(Known::new(key));
        self.numbers.insert(name.into(), number);
        number
    }

    /// Whether all these numbers belong to known keys, and none comes twice.
    pub(super) fn distinct(&mut self, numbers: impl Iterator<Item = Number>) -> bool {
        self.round += 1;
        for number in numbers {
            let known = &mut self.known[usize::from(number)];
            if number == 0 || known.seen == self.round {
                return false;
            }
            known.seen = self.round;
        }
        true
    }
}
