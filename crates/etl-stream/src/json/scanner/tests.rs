use std::collections::{HashMap, HashSet};

use super::*;
use crate::json::{Numbering, Tag};

/// A line of these keys, with white space in one of the ways in which it is written.
fn line(random: &mut fastrand::Rng, keys: &[&str]) -> String {
    let (open, comma, colon) =
        [("{", ",", ":"), ("{", ", ", ": "), ("{ ", " , ", " : "), ("{", ",", ":   ")][random.usize(..4)];
    let values = ["1", "-2.50", "\"text\"", "\"\\n\"", "null", "true", "[1, {\"a\": 2}]", "{}"];
    let members = keys.iter().map(|key| format!("\"{key}\"{colon}{}", values[random.usize(..values.len())]));
    format!("{open}{}}}", members.collect::<Vec<_>>().join(comma))
}

/// Some of the keys in their order, now and then in another, now and then one of them twice.
fn some<'a>(random: &mut fastrand::Rng, keys: &[&'a str]) -> Vec<&'a str> {
    let mut some: Vec<_> = keys.iter().copied().filter(|_| random.u8(..4) > 0).collect();
    match random.u8(..20) {
        0 => random.shuffle(&mut some),
        1 if !some.is_empty() => some.push(some[random.usize(..some.len())]),
        _ => {}
    }
    some
}

/// A scanner that has seen other lines must say the same about a line as a new one does.
#[test]
fn what_came_before_changes_nothing() {
    let keys = [
        "id",
        "",
        "temp",
        "te",
        "temp_of_the_air_in_the_shade_at_two_metres",
        "a_key_of_more_than_16",
        "\\u0074emp",
        "ü",
        "\\u00fc",
        "_etl",
        "b",
        "c",
    ];
    let mut random = fastrand::Rng::with_seed(1);
    let mut scanner = Scanner::new();
    let mut names: HashMap<(u64, u64), Vec<String>> = HashMap::new();
    let mut numbers: HashMap<u16, String> = HashMap::new();
    let mut good = 0;
    for round in 0..40_000 {
        let range = if round % 100 < 50 { 0..6 } else { 0..keys.len() };
        let keys = some(&mut random, &keys[range]);
        let mut line = line(&mut random, &keys).into_bytes();
        if random.u8(..10) == 0 {
            let at = random.usize(..line.len());
            line[at] = b"\",:{}x 1"[random.usize(..8)];
        }
        let shown = String::from_utf8_lossy(&line);
        let mut fresh = Scanner::new();
        match (scanner.scan(&line), fresh.scan(&line)) {
            (Err(ours), Err(theirs)) => assert_eq!(ours, theirs, "{shown}"),
            (Ok(ours), Ok(theirs)) => {
                good += 1;
                assert_eq!(ours.fields().collect::<Vec<_>>(), theirs.fields().collect::<Vec<_>>());
                let decoded: Vec<_> = ours.fields().map(|field| field.name().into_owned()).collect();
                let shape = (ours.shape().scanner, ours.shape().keys);
                assert_eq!(names.entry(shape).or_insert_with(|| decoded.clone()), &decoded, "{shown}");
                for (number, name) in ours.key_numbers().zip(decoded) {
                    assert_ne!(number, 0, "{shown}");
                    assert_eq!(numbers.entry(number).or_insert_with(|| name.clone()), &name, "{shown}");
                }
            }
            (ours, theirs) => panic!("{shown}: {:?} {:?}", ours.err(), theirs.err()),
        }
    }
    assert!(good > 15_000, "{good}");
    assert_eq!(numbers.values().collect::<HashSet<_>>().len(), numbers.len());
}

#[test]
fn white_space_is_no_other_shape() {
    let mut scanner = Scanner::new();
    let wide = format!("{{{0}\"a\"{0}:{0}1{0},{0}\"b\"{0}:{0}2{0}}}", " ".repeat(300));
    let lines =
        [r#"{"a":1,"b":2}"#, r#"{"a": 1, "b": 2}"#, &wide, r#" { "a" :1,"b":  2 } "#, r#"{"a":1,"b":2}"#];
    let shapes = lines.map(|line| scanner.scan(line.as_bytes()).expect("a record").shape());
    assert_eq!(shapes, [shapes[0]; 5]);
    let fields =
        scanner.scan(wide.as_bytes()).expect("a record").fields().map(|field| (field.key, field.value.text));
    assert_eq!(fields.collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
    // An empty key where a key in wide space was expected is not taken for it.
    let record = scanner.scan(br#"{"":1,"b":2}"#).expect("a record");
    assert_eq!(record.fields().map(|field| field.key).collect::<Vec<_>>(), ["", "b"]);
    assert_ne!(record.shape(), shapes[0]);
}

#[test]
fn keys_that_are_data_do_not_fill_the_memory() {
    let mut scanner = Scanner::new();
    let mut numberings: Vec<Numbering> = Vec::new();
    for record in 0..400 {
        let keys: Vec<String> = (0..100).map(|key| format!("\"{record} {key}\":{key}")).collect();
        let line = format!("{{{},\"last\":0}}", keys.join(","));
        let record = scanner.scan(line.as_bytes()).expect("a record");
        assert_eq!(record.fields().count(), 101);
        numberings.push(record.numbering());
        assert!(record.key_numbers().all(|number| number <= 4096));
        let twice = format!("{{{},\"last\":0,{}}}", keys.join(","), keys[7]);
        assert!(scanner.scan(twice.as_bytes()).expect_err("a key twice").message.ends_with("7` comes twice"));
    }
    numberings.dedup();
    assert_eq!(numberings.len(), 10);
    // A record with more keys than are kept, and keys that are too long to be kept.
    let long = format!("\"{}\":1", "k".repeat(256));
    let many: Vec<String> = (0..5000).map(|key| format!("\"k{key}\":{key}")).collect();
    for members in [many, vec![long, "\"b\":2".into()]] {
        let line = format!("{{{}}}", members.join(","));
        let shapes = [(); 2].map(|()| scanner.scan(line.as_bytes()).expect("a record").shape());
        assert_ne!(shapes[0], shapes[1]);
        let twice = format!("{{{},{}}}", members.join(","), members[0]);
        assert!(scanner.scan(twice.as_bytes()).expect_err("a key twice").message.ends_with("comes twice"));
    }
}

/// RFC 8259, section 6, byte by byte.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    digits(whole) && (whole == "0" || !whole.starts_with('0')) && digits(fraction) && digits(exponent)
}

#[test]
fn numbers_of_every_length_at_every_place() {
    let mut random = fastrand::Rng::with_seed(2);
    let mut scanner = Scanner::new();
    let (mut good, mut bad) = (0, 0);
    for _ in 0..200_000 {
        let mut text: String = (0..random.usize(1..20)).map(|_| random.digit(10)).collect();
        for _ in 0..random.usize(..4) {
            let at = random.usize(..=text.len());
            text.insert_str(at, ["-", ".", "e", "E+", "e-", "0"][random.usize(..6)]);
        }
        let line =
            format!("{{\"a\":{text}{}}}", [",\"b\":null", " ", "", ",\"b\":\"0123\""][random.usize(..4)]);
        match scanner.scan(line.as_bytes()) {
            Ok(record) => {
                assert!(is_number(&text), "{text}");
                assert_eq!(record.value(0).map(|value| value.text), Some(&*text));
                assert_eq!(record.extents().next().map(|extent| extent.tag), Some(Tag::Number));
                good += 1;
            }
            Err(error) => {
                assert!(!is_number(&text), "{text}: {error}");
                bad += 1;
            }
        }
    }
    assert!(good > 50_000 && bad > 50_000, "one-sided: {good} good, {bad} bad");
}
