//! `NaN`, `Infinity` and `-Infinity` without quotes, which JSON does not have and Python's `json` writes.
//!
//! A line with them is scanned as a copy in which ordinary numbers of the same length stand in their place, so that the
//! grammar knows nothing of them.

/// What may stand in the place of a number.
const WORDS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];

/// Whether a value that begins here is one of them; no other number begins with these letters.
#[inline]
pub(super) fn begins(text: &[u8]) -> bool {
    matches!(text, [b'N' | b'I', ..] | [b'-', b'I', ..])
}

/// Whether any of them stands in this JSON text outside of strings.
pub fn has_odd_numbers(text: &str) -> bool {
    next(text.as_bytes(), 0).is_some()
}

/// Puts a copy of the text with ordinary numbers in their place into `copy`; false if it has none of them.
pub(super) fn mask(text: &[u8], copy: &mut Vec<u8>) -> bool {
    copy.clear();
    copy.extend_from_slice(text);
    let mut from = 0;
    while let Some((start, end)) = next(text, from) {
        copy[start..end].fill(b'1');
        if text[start] == b'-' {
            copy[start] = b'-';
        }
        from = end;
    }
    from > 0
}

/// Where the next one is. What is before `from` has no open string.
fn next(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    let mut inside = false;
    while at < text.len() {
        match text[at] {
            b'\\' if inside => at += 1,
            b'"' => inside = !inside,
            b'N' | b'I' | b'-' if !inside => {
                let word = WORDS.iter().find(|word| text[at..].starts_with(word));
                let before = text[..at].last().is_none_or(|byte| b":,[ \t".contains(byte));
                if let Some(word) = word.filter(|_| before) {
                    let end = at + word.len();
                    if text.get(end).is_none_or(|byte| b",]} \t\r".contains(byte)) {
                        return Some((at, end));
                    }
                }
            }
            _ => (),
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Scanner, Tag};
    use super::*;

    #[test]
    fn they_are_numbers_where_they_are_admitted() {
        let line =
            br#"{"a":NaN,"b": -Infinity ,"c":[1,Infinity,{"x":NaN}],"d":"NaN,","e\"":-1,"f":Infinity}"#;
        let mut scanner = Scanner::new();
        assert_eq!(scanner.scan(line).unwrap_err().message, "NaN is not a JSON number");
        scanner.admit_odd_numbers(true);
        let record = scanner.scan(line).unwrap();
        let found: Vec<(Tag, &str)> =
            record.extents().zip(record.values()).map(|(extent, value)| (extent.tag, value.raw)).collect();
        let expected = [
            (Tag::Odd, "NaN"),
            (Tag::Odd, "-Infinity"),
            (Tag::Array, r#"[1,Infinity,{"x":NaN}]"#),
            (Tag::Plain, "\"NaN,\""),
            (Tag::Number, "-1"),
            (Tag::Odd, "Infinity"),
        ];
        assert_eq!((found, record.is_odd()), (expected.to_vec(), true));
        assert!(!scanner.scan(br#"{"a":"NaN"}"#).unwrap().is_odd());
        assert_eq!(["[1,NaN]", r#"["NaN"]"#, "[-1]"].map(has_odd_numbers), [true, false, false]);
    }

    #[test]
    fn nothing_else_is() {
        let mut scanner = Scanner::new();
        scanner.admit_odd_numbers(true);
        for line in [
            r#"{"a":NaNNaN}"#,
            r#"{"a":-NaN}"#,
            r#"{"a":1NaN}"#,
            r#"{"a":nan}"#,
            r#"{"a":+Infinity}"#,
            r#"{"a":Inf}"#,
            r#"{"a":NaN1}"#,
            r#"{NaN:1}"#,
            r#"{"a":NaN"#,
            r#"{"a":NaN}}"#,
            "NaN",
        ] {
            let strict = Scanner::new().scan(line.as_bytes()).unwrap_err();
            let error = scanner.scan(line.as_bytes()).unwrap_err();
            assert!(line.ends_with(['"', 'N']) || line.ends_with("}}") || error == strict, "{line}: {error}");
        }
    }
}
