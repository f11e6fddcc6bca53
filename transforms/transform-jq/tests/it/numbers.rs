//! Numbers keep every digit.

use crate::support::made;

#[test]
fn numbers_that_are_passed_on_keep_their_text() {
    let huge = format!("1{}", "0".repeat(2000));
    let numbers = [
        "0",
        "-0",
        "-0.0",
        "1",
        "-1",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "100000000000000000000",
        "-100000000000000000000",
        "1.000",
        "0.1",
        "1e400",
        "-1E+400",
        "1e-400",
        "123456789.123456789123456789",
        "1E5",
        "1e05",
        &huge,
    ];
    let record = |number: &&str| format!("{{\"a\":{number},\"b\":[{number},{{\"c\":{number}}}]}}");
    let records: Vec<String> = numbers.iter().map(record).collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    for filter in [".", "{a, b}", "select(true) | .c = 1 | del(.c)", "[.] | .[0]", ". as {a: $a} | .a = $a"] {
        assert_eq!(made(filter, &records), records, "{filter}");
    }
    let texts = made("{a: (.a | tostring)}", &records);
    let expected: Vec<String> = numbers.iter().map(|number| format!("{{\"a\":\"{number}\"}}")).collect();
    assert_eq!(texts, expected);
}

#[test]
fn numbers_of_the_filter_are_json() {
    for (filter, number) in [
        ("1.000", "1.000"),
        ("100000000000000000000", "100000000000000000000"),
        (".n + 1", "100000000000000000001"),
        (".n * 2", "200000000000000000000"),
        (".z + 1", "1.0"),
        (".z == 0", "true"),
        ("1 / 3", "0.3333333333333333"),
        ("4 / 2", "2.0"),
        ("1e1000 | tostring | tonumber", "1e1000"),
        ("\"007\" | tonumber", "7"),
        ("\"00.50\" | tonumber", "0.50"),
        ("\"+1.5\" | tonumber", "1.5"),
        ("\"-0\" | tonumber | [.] | length", "1"),
        ("1e300 * 1e-300", "1.0"),
        ("10 | floor | . + 0.5", "10.5"),
    ] {
        let made = made(&format!("{{a: ({filter})}}"), &[r#"{"n":100000000000000000000,"z":-0}"#]);
        assert_eq!(made, [format!("{{\"a\":{number}}}")], "{filter}");
    }
}

#[test]
fn any_record_comes_out_as_serde_reads_it() {
    let mut random = fastrand::Rng::with_seed(11);
    let records: Vec<String> = (0..500).map(|_| object(&mut random, 3)).collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    for (made, record) in made(".", &records).iter().zip(&records) {
        assert_eq!(parse(made), parse(record), "{record}");
    }
}

fn object(random: &mut fastrand::Rng, depth: usize) -> String {
    let members = (0..random.usize(..5)).map(|n| {
        let key = if random.bool() { format!("k{n}") } else { format!("\\u00e{n}\\\"{n}") };
        format!("{}\"{key}\"{}:{}", gap(random), gap(random), value(random, depth))
    });
    let members: Vec<String> = members.collect();
    format!("{{{}{}}}", members.join(","), gap(random))
}

fn gap(random: &mut fastrand::Rng) -> &'static str {
    ["", "", " ", "\t"][random.usize(..4)]
}

fn value(random: &mut fastrand::Rng, depth: usize) -> String {
    let value = match random.u8(..if depth == 0 { 6 } else { 8 }) {
        0 => "null".to_owned(),
        1 => random.bool().to_string(),
        2 => random.i64(..).to_string(),
        3 => format!("{:?}", random.f64() * 1e9),
        4 => format!("\"{}\"", "aé\\n\\u20ac\\\\".repeat(random.usize(..4))),
        5 => "\"plain\"".to_owned(),
        6 => {
            let items: Vec<String> = (0..random.usize(..4)).map(|_| value(random, depth - 1)).collect();
            format!("[{}{}]", gap(random), items.join(","))
        }
        _ => object(random, depth - 1),
    };
    format!("{}{value}{}", gap(random), gap(random))
}
