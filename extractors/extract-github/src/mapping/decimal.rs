//! Sums of JSON numbers without the rounding of doubles: 0.1 + 0.2 is 0.3.

use serde_json::value::RawValue;

/// The sum, exact where it has at most 38 digits, otherwise that of two doubles.
pub(super) fn sum(a: &RawValue, b: &RawValue) -> Box<RawValue> {
    let exact = read(a.get()).zip(read(b.get())).and_then(|(a, b)| add(a, b));
    let text = exact.map(|(digits, scale)| write(digits, scale)).unwrap_or_else(|| {
        let double = |text: &str| text.parse::<f64>().unwrap_or_default();
        (double(a.get()) + double(b.get())).to_string()
    });
    RawValue::from_string(text).unwrap_or_else(|_| a.to_owned())
}

/// Digits, and how many of them stand behind the point.
type Decimal = (i128, u32);

fn read(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent.parse().ok()?)?;
    let grown = u32::try_from(scale.min(0).checked_neg()?).ok()?;
    Some((digits.checked_mul(10_i128.checked_pow(grown)?)?, u32::try_from(scale.max(0)).ok()?))
}

fn add((a, a_scale): Decimal, (b, b_scale): Decimal) -> Option<Decimal> {
    let scale = a_scale.max(b_scale);
    let grown = |digits: i128, by: u32| digits.checked_mul(10_i128.checked_pow(scale - by)?);
    Some((grown(a, a_scale)?.checked_add(grown(b, b_scale)?)?, scale))
}

fn write(digits: i128, scale: u32) -> String {
    let sign = if digits < 0 { "-" } else { "" };
    let scale = scale as usize;
    let padded = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact() {
        for (a, b, expected) in [
            ("0.1", "0.2", "0.3"),
            ("100", "0.008", "100.008"),
            ("-0.5", "0.25", "-0.25"),
            ("-0.3", "0.3", "0.0"),
            ("1.5e-05", "2E1", "20.000015"),
            ("12e2", "0", "1200"),
            ("0.05", "0.05", "0.10"),
            // Beyond what 128 bits hold.
            ("1e300", "1e300", &format!("2{}", "0".repeat(300))),
            ("1e-300", "1", "1"),
        ] {
            let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
            assert_eq!(sum(&raw(a), &raw(b)).get(), expected, "{a} + {b}");
        }
    }
}
