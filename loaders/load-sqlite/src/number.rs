//! Decimals in columns of NUMERIC affinity, which keep integers of 64 bits and doubles only.

use rusqlite::types::Value;

/// A decimal as such a column keeps it; `None` if it would not read back as the decimal that it is.
pub(crate) fn kept(text: &str) -> Option<Value> {
    let (negative, digits, exponent) = parts(text)?;
    if exponent >= 0 && exponent + digits.len() as i64 <= 19 {
        let zeros = "0".repeat(exponent as usize);
        let sign = if negative { "-" } else { "" };
        if let Ok(integer) = format!("{sign}{digits}{zeros}").parse() {
            return Some(Value::Integer(integer));
        }
    }
    let double: f64 = text.parse().ok()?;
    (parts(&format!("{double:e}"))? == (negative, digits, exponent)).then_some(Value::Real(double))
}

/// The sign of a decimal, its digits without zeros at either end, and the power of ten that they are multiplied by.
fn parts(text: &str) -> Option<(bool, String, i64)> {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, power) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    if digits.is_empty() {
        return Some((false, "0".to_owned(), 0));
    }
    let zeros = all.len() - all.trim_end_matches('0').len();
    let exponent = power.parse::<i64>().ok()?.checked_add(zeros as i64 - fraction.len() as i64)?;
    Some((negative, digits.to_owned(), exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_back_is_kept() {
        for (text, expected) in [
            ("0", Some(Value::Integer(0))),
            ("-0.00", Some(Value::Integer(0))),
            ("1234.50", Some(Value::Real(1234.5))),
            ("1.00", Some(Value::Integer(1))),
            ("-12e2", Some(Value::Integer(-1200))),
            ("0.1", Some(Value::Real(0.1))),
            ("1e-7", Some(Value::Real(1e-7))),
            ("9223372036854775807", Some(Value::Integer(i64::MAX))),
            ("-9223372036854775808", Some(Value::Integer(i64::MIN))),
            ("1e300", Some(Value::Real(1e300))),
            ("9223372036854775809", None),
            ("0.10000000000000000001", None),
            ("123456789012345678901", None),
            ("1e400", None),
            ("1e-400", None),
            ("1e99999999999999999999", None),
            ("NaN", None),
            ("", None),
        ] {
            assert_eq!(kept(text), expected, "{text}");
        }
    }
}
