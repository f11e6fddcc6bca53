//! Exact answers about numbers from their JSON text, never by way of a double.

use std::cmp::Ordering;

/// A JSON number as a sign, significant digits and the position of the decimal point: `0.d₁d₂d₃… · 10^point`, without
/// zeros at either end of the digits. Zero has no digits and no sign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exact<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    point: i64,
}

impl<'a> Exact<'a> {
    /// Reads a text that is a JSON number.
    pub(crate) fn new(text: &'a str) -> Exact<'a> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, saturating(exponent)),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut whole = whole.trim_start_matches('0');
        let mut fraction = fraction.trim_end_matches('0');
        let mut point = whole.len() as i64;
        if whole.is_empty() {
            let significant = fraction.trim_start_matches('0');
            point -= (fraction.len() - significant.len()) as i64;
            fraction = significant;
        }
        if fraction.is_empty() {
            whole = whole.trim_end_matches('0');
        }
        let zero = whole.is_empty() && fraction.is_empty();
        Exact {
            negative: negative && !zero,
            whole: whole.as_bytes(),
            fraction: fraction.as_bytes(),
            point: if zero { 0 } else { point.saturating_add(exponent) },
        }
    }

    fn digits(&self) -> impl Iterator<Item = u8> + 'a {
        self.whole.iter().chain(self.fraction).map(|digit| digit - b'0')
    }

    fn significant(&self) -> i64 {
        (self.whole.len() + self.fraction.len()) as i64
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.significant() == 0
    }

    pub(crate) fn is_integer(&self) -> bool {
        self.significant() <= self.point.max(0)
    }

    /// The number of digits before the decimal point.
    pub(crate) fn whole_digits(&self) -> i64 {
        self.point.max(0)
    }

    /// The number of digits after the decimal point, not counting zeros at the end.
    pub(crate) fn fraction_digits(&self) -> i64 {
        self.significant().saturating_sub(self.point).max(0)
    }

    fn to_i64(self) -> Option<i64> {
        // 2^63 has 19 digits.
        if !self.is_integer() || self.point > 19 {
            return None;
        }
        let digits = self.digits().fold(0i128, |n, digit| n * 10 + i128::from(digit));
        let magnitude = digits * 10i128.pow((self.point - self.significant()) as u32);
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }

    pub(crate) fn compare(&self, other: &Exact<'_>) -> Ordering {
        match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
        }
    }

    fn compare_magnitude(&self, other: &Exact<'_>) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.point.cmp(&other.point).then_with(|| self.digits().cmp(other.digits())),
        }
    }
}

/// An exponent; more than 17 digits are beyond every limit anyway.
fn saturating(exponent: &str) -> i64 {
    let (sign, digits) = match exponent.as_bytes().first() {
        Some(b'-') => (-1, &exponent[1..]),
        Some(b'+') => (1, &exponent[1..]),
        _ => (1, exponent),
    };
    let digits = digits.trim_start_matches('0');
    let most = 10i64.pow(17);
    sign * if digits.len() > 17 { most } else { digits.parse().unwrap_or(0) }
}

/// The integer that a JSON number is.
///
/// # Errors
/// What is wrong with the number: it is not an integer, or does not fit into 64 bits.
#[inline]
pub(crate) fn integer(text: &str) -> Result<i64, &'static str> {
    // Up to 18 digits cannot overflow, and most data has no more.
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) {
        let magnitude = digits.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
        return Ok(if negative { -magnitude } else { magnitude });
    }
    let exact = Exact::new(text);
    exact.to_i64().ok_or(if exact.is_integer() { "is out of range for 64 bits" } else { "is not an integer" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact() {
        let cases = [
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("-0.0e5", Ok(0)),
            ("4.0", Ok(4)),
            ("1e2", Ok(100)),
            ("1.20e1", Ok(12)),
            ("120e-1", Ok(12)),
            ("0.001e3", Ok(1)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775807.000", Ok(i64::MAX)),
            ("9223372036854775808", Err("is out of range for 64 bits")),
            ("-9223372036854775809", Err("is out of range for 64 bits")),
            ("1e19", Err("is out of range for 64 bits")),
            ("1e99999999999999999999", Err("is out of range for 64 bits")),
            ("1e-99999999999999999999", Err("is not an integer")),
            ("0e99999999999999999999", Ok(0)),
            ("9007199254740993", Ok(9_007_199_254_740_993)),
            ("1.5", Err("is not an integer")),
            ("9007199254740993.1", Err("is not an integer")),
        ];
        for (text, expected) in cases {
            assert_eq!(integer(text), expected, "{text}");
        }
    }

    #[test]
    fn order_is_exact() {
        let ordered = [
            "-1e400",
            "-12.5",
            "-12.49",
            "-1",
            "-1e-400",
            "0",
            "1e-400",
            "0.1",
            "0.10000000000000000001",
            "1",
            "1e400",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(Exact::new(a).compare(&Exact::new(b)), i.cmp(&j), "{a} {b}");
            }
        }
        for (a, b) in [("4", "4.0"), ("100", "1e2"), ("-0", "0.0e9"), ("0.05", "5e-2"), ("1200", "0.12E+4")] {
            assert_eq!(Exact::new(a).compare(&Exact::new(b)), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn digits_are_counted() {
        for (text, whole, fraction) in
            [("0", 0, 0), ("123.4500", 3, 2), ("0.001", 0, 3), ("1e3", 4, 0), ("12e-3", 0, 3), ("1000", 4, 0)]
        {
            let exact = Exact::new(text);
            assert_eq!((exact.whole_digits(), exact.fraction_digits()), (whole, fraction), "{text}");
        }
    }
}
