//! Integers that a double cannot hold, as a filter meets them: jq 1.6 and JavaScript read every number as a double.

/// How many digits an integer beyond 2^53 has at least.
const DIGITS: usize = 16;

/// Counts the integers beyond 2^53 in records, from whatever depth. Numbers within strings are none.
#[derive(Default)]
pub(crate) struct Integers {
    /// Those whose digits are what a filter prints that has read them as doubles.
    doubles: u64,
    /// Those of which it changes the digits.
    exact: u64,
    first: Option<String>,
}

impl Integers {
    /// Counts those of a record, which must be valid JSON.
    pub(crate) fn count(&mut self, record: &[u8]) {
        // Of as many digits in a row, one is at every such step, and seven before or eight after it another one.
        let is_digit = |at: usize| record.get(at).is_some_and(u8::is_ascii_digit);
        let mut at = DIGITS - 1;
        while at < record.len() {
            if !is_digit(at) || !is_digit(at - 7) && !is_digit(at + 8) {
                at += DIGITS;
                continue;
            }
            let digit = |byte: &&u8| byte.is_ascii_digit();
            let from = at - record[..at].iter().rev().take_while(digit).count();
            let to = at + record[at..].iter().take_while(digit).count();
            if to - from >= DIGITS && is_integer(record, from, to) {
                self.add(&record[from..to]);
            }
            at = to + DIGITS;
        }
    }

    fn add(&mut self, digits: &[u8]) {
        let Ok(digits) = std::str::from_utf8(digits) else { return };
        match is_double(digits) {
            None => (),
            Some(true) => self.doubles += 1,
            Some(false) => {
                self.exact += 1;
                self.first.get_or_insert_with(|| digits.to_owned());
            }
        }
    }

    /// How many of these a filter has rounded that printed `printed`, and the first of them: where any came out, but
    /// none with digits that a double would not have, all have been read as doubles.
    pub(crate) fn rounded(&self, printed: &Integers) -> Option<(u64, &str)> {
        let rounded = printed.exact == 0 && printed.doubles > 0;
        self.first.as_deref().filter(|_| rounded).map(|first| (self.exact, first))
    }
}

/// Whether these digits are the whole of a number outside a string.
fn is_integer(record: &[u8], from: usize, to: usize) -> bool {
    let before = record[..from].strip_suffix(b"-").unwrap_or(&record[..from]);
    let starts = matches!(before.last(), Some(b':' | b'[' | b',' | b' ' | b'\t'));
    let ends = matches!(record.get(to), Some(b',' | b']' | b'}' | b' ' | b'\t'));
    starts && ends && !is_in_string(before)
}

/// Whether a string is open at the end of this text.
fn is_in_string(text: &[u8]) -> bool {
    let (mut inside, mut bytes) = (false, text.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => inside = !inside,
            b'\\' => drop(bytes.next()),
            _ => (),
        }
    }
    inside
}

/// Whether an integer beyond 2^53 is one that programs print for a double: exactly, with the fewest digits that read back,
/// or with 17, and zeros after them. `None` if it is not beyond.
fn is_double(digits: &str) -> Option<bool> {
    const EXACT: u128 = 1 << 53;
    let double: f64 = digits.parse().ok()?;
    match digits.parse::<u128>() {
        Ok(number) if number < EXACT => return None,
        Ok(number) if double as u128 == number => return Some(true),
        Ok(_) if !digits.ends_with('0') => return Some(false),
        _ => (),
    }
    let (mantissa, _) = digits.split_at(17.min(digits.len()));
    let seventeen = format!("{double:.16e}").replace('.', "");
    let padded = digits[mantissa.len()..].bytes().all(|byte| byte == b'0');
    Some(
        padded && seventeen.starts_with(mantissa)
            || [format!("{double}"), format!("{double:.0}")].iter().any(|text| text == digits),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(records: &[&str]) -> Integers {
        let mut integers = Integers::default();
        records.iter().for_each(|record| integers.count(record.as_bytes()));
        integers
    }

    #[test]
    fn what_no_double_holds() {
        for (digits, double) in [
            ("9007199254740991", None),
            ("9007199254740992", Some(true)),
            ("9007199254740993", Some(false)),
            ("9007199254740994", Some(true)),
            ("50000000014435120", Some(true)),
            ("50000000014435121", Some(false)),
            // 2^63 - 1 and 2^63; 2^63 as jq 1.6 and JavaScript print it; the same with other digits.
            ("9223372036854775807", Some(false)),
            ("9223372036854775808", Some(true)),
            ("9223372036854775800", Some(true)),
            ("9223372036854775810", Some(false)),
            ("9223372036854776000", Some(true)),
            ("1234567890123456800", Some(true)),
            ("1234567890123456780", Some(false)),
            ("100000000000000000000000000000000000000000", Some(true)),
            ("100000000000000000000000000000000000000001", Some(false)),
        ] {
            assert_eq!(is_double(digits), double, "{digits}");
        }
    }

    #[test]
    fn integers_stand_outside_strings() {
        let found = count(&[
            r#"{"id":50000000014435121}"#,
            r#"{"a":[-50000000014435122, 50000000014435123 ,{"b":50000000014435124}]}"#,
            r#"{"s":"50000000014435125","t":"a \" :50000000014435125,","u\\":"[50000000014435125]"}"#,
            r#"{"f":50000000014435.125,"g":5.0000000014435125,"h":50000000014435125e1,"i":50000000014435125.0}"#,
            r#"{"50000000014435125":1,"small":9007199254740991,"round":50000000014435120}"#,
            r#"{"text":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","id":50000000014435126}"#,
        ]);
        assert_eq!((found.exact, found.doubles), (5, 1));
        assert_eq!(found.first.as_deref(), Some("50000000014435121"));
        // Wherever it stands between the steps.
        for at in 0..40 {
            let record = format!("{{\"{}\":9007199254740993}}", "k".repeat(at));
            assert_eq!(count(&[&record]).exact, 1, "{record}");
        }
    }

    #[test]
    fn they_are_rounded_where_only_doubles_come_out() {
        let (exact, double) = (r#"{"id":50000000014435121}"#, r#"{"id":50000000014435120}"#);
        let taken = count(&[exact, double, exact]);
        assert_eq!(taken.rounded(&count(&[double])), Some((2, "50000000014435121")));
        for printed in [&[exact][..], &[exact, double], &["{}"], &[]] {
            assert_eq!(taken.rounded(&count(printed)), None);
        }
        assert_eq!(count(&[double]).rounded(&count(&[double])), None);
    }
}
