//! Small things that arguments are made of.

use std::time::Duration;

use etl_stream::digest::Hasher;
use etl_stream::{Class, Fault, Seal};

/// Parses a duration: `500ms`, `20s`, `5m`, `1h`, `90d`; a bare number means seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is not a duration; write 500ms, 20s, 5m, 1h, 90d or a number of seconds");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * scale).map_err(|_| wrong())
}

/// Parses the value of `--seal`.
pub(crate) fn seal(text: &str) -> Result<Seal, String> {
    match text {
        "auto" => Ok(Seal::Auto),
        "required" => Ok(Seal::Required),
        "off" => Ok(Seal::Off),
        _ => Err("expected auto, required or off".to_owned()),
    }
}

/// A number of bytes: `1000`, `64k`, `16M`, `1G` (powers of 1024).
pub fn bytes(text: &str) -> Result<usize, String> {
    let wrong = || format!("`{text}` is not a number of bytes; write 1000, 64k, 16M or 1G");
    let (number, shift) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'M')) => (&text[..at], 20),
        Some((at, 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: usize = number.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).filter(|&bytes| bytes > 0).ok_or_else(wrong)
}

/// 128 random bits from the system, as 32 hexadecimal digits: the id of a segment or a load.
///
/// # Errors
/// 74 if the system has none, because of its age or of what a sandbox allows.
pub fn random_id() -> Result<String, Fault> {
    let mut random = [0_u8; 16];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| Fault::new(Class::Io, "the system has no random bytes").because(error))?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}

/// The id of a segment that is made of something else: the same for the same parts, and 128 bits like a random one.
pub fn derived_id<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> String {
    let mut hasher = Hasher::default();
    for part in parts {
        // With its length before it, so that different lists of parts never give the same bytes.
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
    }
    let mut id = hasher.finish().to_string();
    id.truncate(32);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let millis = |text| duration(text).map(|d| d.as_millis());
        assert_eq!(millis("500ms"), Ok(500));
        assert_eq!(millis("20s"), Ok(20_000));
        assert_eq!(millis("5m"), Ok(300_000));
        assert_eq!(millis("1h"), Ok(3_600_000));
        assert_eq!(millis("90d"), Ok(7_776_000_000));
        assert_eq!(millis("7"), Ok(7_000));
        assert_eq!(millis("0.5"), Ok(500));
        for bad in ["", "s", "-1s", "1 s", "5min", "1e9", "1.2.3s", "nan", "99999999999999999999h"] {
            assert!(millis(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn byte_counts() {
        assert_eq!(bytes("1000"), Ok(1000));
        assert_eq!(bytes("64k"), Ok(65_536));
        assert_eq!(bytes("16M"), Ok(16 << 20));
        for bad in ["", "0", "k", "-1", "1T", "99999999999G"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_differ() {
        assert_ne!(random_id().unwrap(), random_id().unwrap());
        assert_eq!(random_id().unwrap().len(), 32);
        let derived = |parts: &[&[u8]]| derived_id(parts.iter().copied());
        assert_eq!(derived(&[b"a", b"b"]), derived(&[b"a", b"b"]));
        assert_ne!(derived(&[b"a", b"b"]), derived(&[b"ab"]));
        assert_eq!(derived(&[]).len(), 32);
    }
}
