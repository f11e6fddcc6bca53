use super::*;
use crate::number::{Exact, integer};

/// Numbers as they are written: many short ones, long ones, the limits of doubles, with and without exponents.
fn numbers(random: &mut fastrand::Rng) -> String {
    let digits = |random: &mut fastrand::Rng, count: usize| -> String {
        (0..count).map(|_| random.digit(10)).collect()
    };
    let sign = if random.bool() { "-" } else { "" };
    let (whole, fraction) = (random.usize(..10), random.usize(1..10));
    let lead =
        if whole == 0 { "0".into() } else { format!("{}{}", random.u8(1..10), digits(random, whole - 1)) };
    match random.u8(..10) {
        0..3 => format!("{sign}{lead}"),
        3..6 => format!("{sign}{lead}.{}", digits(random, fraction)),
        6 => format!("{sign}{lead}.{}e{}", digits(random, fraction), random.i32(-330..330)),
        7 => format!("{:?}", f64::from_bits(random.u64(..) % f64::INFINITY.to_bits())),
        // Around the largest integer up to which every integer is a double.
        8 => (1i64 << 53).wrapping_add(random.i64(-20..20)).wrapping_mul(random.i64(-2..3)).to_string(),
        _ => {
            let (whole, fraction) = (random.usize(..20), random.usize(1..30));
            format!("{sign}{}{}.{}", random.u8(1..10), digits(random, whole), digits(random, fraction))
        }
    }
}

/// Whatever is read is what the standard library and the exact code read, wherever in its line the number stands.
#[test]
fn agrees_with_std() {
    const BEHIND: [&str; 4] = ["", "}", ",\"b\":1234567.125}", ".5e7"];
    let mut random = fastrand::Rng::with_seed(9);
    let (mut read, mut begun_at_all) = (0, 0);
    let edges =
        ["-0", "0", "-0.0", "0.0", "5e-324", "2.2250738585072014e-308", "9007199254740993", "1e22", "1e23"];
    for i in 0..1_000_000 {
        let text = edges.get(i).map_or_else(|| numbers(&mut random), |edge| (*edge).to_owned());
        let line = format!("{text}{}", BEHIND[random.usize(..BEHIND.len())]);
        // What begins at the start of the line is the same number, unless more of one follows.
        if let Some((begun, rest)) = Short::begin(line.as_bytes())
            && rest.first().is_none_or(|next| matches!(next, b',' | b'}'))
        {
            let length = line.len() - rest.len();
            assert!(length == text.len() || line[text.len()..].starts_with('.'), "{line}");
            assert_eq!(Some(begun), Short::read(line.as_bytes(), length), "{line}");
            begun_at_all += 1;
        }
        let plain = !text.contains(['e', 'E']) && text.trim_start_matches('-').len() <= 16;
        let Some(short) = Short::read(line.as_bytes(), text.len()) else {
            // At the very end of the line a long number is left to the slow way.
            assert!(!plain || line.len() - text.len() < 8, "{text}");
            continue;
        };
        assert!(plain, "{text}");
        read += 1;
        let exact = Exact::new(&text);
        let whole = if text.trim_start_matches('-').starts_with('0') { 0 } else { short.whole.into() };
        assert_eq!(whole, exact.whole_digits(), "{text}");
        assert!(i64::from(short.fraction) >= exact.fraction_digits(), "{text}");
        if let Some(n) = short.integer() {
            assert_eq!(Ok(n), integer(&text), "{text}");
            assert_eq!(Ok(n), text.parse(), "{text}");
        }
        if let Some(x) = short.double() {
            assert_eq!(Ok(x.to_bits()), text.parse::<f64>().map(f64::to_bits), "{text}");
        }
        if let Some(x) = short.single() {
            assert_eq!(Ok(x.to_bits()), text.parse::<f32>().map(f32::to_bits), "{text}");
        }
        assert_eq!(short.double().is_none(), short.digits > 1 << 53, "{text}");
        assert_eq!(short.integer().is_none(), text.contains('.'), "{text}");
    }
    assert!(read > 500_000, "{read}");
    assert!(begun_at_all > 300_000, "{begun_at_all} of them begin a line");
}

#[test]
fn three_pairs() {
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..300_000 {
        let mut text = *b"12:34:56";
        text.iter_mut().filter(|byte| **byte != b':').for_each(|byte| *byte = random.u8(b'0'..=b'9'));
        if random.u8(..3) == 0 {
            text[random.usize(..8)] = random.u8(..);
        }
        let digit = |at: usize| text[at].is_ascii_digit().then(|| u32::from(text[at] - b'0'));
        let pair = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
        let expected = match (text[2], text[5]) {
            (b':', b':') => pair(0).zip(pair(3)).zip(pair(6)).map(|((a, b), c)| (a, b, c)),
            _ => None,
        };
        assert_eq!(triple(text, b':'), expected, "{text:?}");
    }
}
