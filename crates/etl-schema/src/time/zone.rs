//! Times as connectors write them: also without a zone, or with one in another form of ISO 8601.

use super::{parse_timestamp, parse_timestamptz};

/// Microseconds since 1970-01-01T00:00:00Z, and whether UTC was assumed because the text has no zone.
pub(crate) fn read(text: &str) -> Option<(i64, bool)> {
    if let Ok(micros) = parse_timestamp(text) {
        return Some((micros, true));
    }
    // `+0200` and `+02`, as Python and PostgreSQL write them.
    let sign = text.rfind(['+', '-']).filter(|&sign| sign > 10)?;
    let (local, zone) = text.split_at(sign);
    let zone = match zone.len() {
        3 => format!("{zone}:00"),
        5 => format!("{}:{}", &zone[..3], &zone[3..]),
        _ => return None,
    };
    parse_timestamptz(&format!("{local}{zone}")).ok().map(|micros| (micros, false))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_zone_may_be_missing_or_short() {
        let noon = 1_767_268_800_000_000;
        for (text, expected) in [
            ("2026-01-01T12:00:00", Some((noon, true))),
            ("2026-01-01 12:00:00.000", Some((noon, true))),
            ("2026-01-01T14:00:00+0200", Some((noon, false))),
            ("2026-01-01 11:00:00-01", Some((noon, false))),
            ("2026-01-01", None),
            ("2026-01-01T12:00:00+020", None),
            ("2026-01-01T12:00:00é", None),
            ("soon", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
