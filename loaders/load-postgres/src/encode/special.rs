//! What numbers, dates and times may be besides what JSON and RFC 3339 have (`x-special`).

use etl_schema::time::special::{parse_date, parse_timestamp};

use super::field::{Refusal, fixed};
use super::{DAY, Encoder, keeps, numeric};

/// The days that a timestamp can have, counted from 2000-01-01: 4714-11-24 BC to 294276-12-31.
const TIMESTAMP_DAYS: std::ops::Range<i32> = -2_451_545..106_751_983;

/// Appends a value that a schema admits, for a column of the kind of this encoder.
pub(super) fn encode(encoder: &Encoder, text: &str, out: &mut Vec<u8>) -> Result<(), Refusal> {
    match encoder {
        Encoder::Float4 => fixed(out, (double(text)? as f32).to_be_bytes()),
        Encoder::Float8 => fixed(out, double(text)?.to_be_bytes()),
        Encoder::Numeric(precision) => return numeric::encode(text, *precision, out),
        Encoder::Date => fixed(out, date(text)?.to_be_bytes()),
        Encoder::Midnight => {
            let micros = match date(text)? {
                i32::MAX => i64::MAX,
                i32::MIN => i64::MIN,
                days if TIMESTAMP_DAYS.contains(&days) => i64::from(days) * DAY,
                _ => return Err("is out of range for the column's type, timestamp".into()),
            };
            fixed(out, micros.to_be_bytes());
        }
        Encoder::Timestamp(digits) => {
            let micros = parse_timestamp(text, true).or_else(|| parse_timestamp(text, false)).ok_or(BUG)?;
            if !matches!(micros, i64::MIN | i64::MAX) {
                keeps(micros, *digits)?;
            }
            fixed(out, micros.to_be_bytes());
        }
        _ => return Err(BUG.into()),
    }
    Ok(())
}

const BUG: &str = "is not what its column's type admits: a bug";

fn date(text: &str) -> Result<i32, Refusal> {
    parse_date(text).ok_or_else(|| BUG.into())
}

fn double(text: &str) -> Result<f64, Refusal> {
    match text {
        "NaN" => Ok(f64::NAN),
        "Infinity" => Ok(f64::INFINITY),
        "-Infinity" => Ok(f64::NEG_INFINITY),
        _ => Err(BUG.into()),
    }
}
