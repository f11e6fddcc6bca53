use super::*;

macro_rules! pretty {
    () => {
        "is it pretty-printed? one object per line (`jq -c`; within a pipe under `standpipe through`)"
    };
}

fn refusal(line: impl AsRef<[u8]>) -> (usize, String) {
    match Scanner::new().scan(line.as_ref()) {
        Ok(record) => panic!("accepted {:?}", record.text()),
        Err(error) => (error.offset, error.message),
    }
}

#[test]
fn fields_come_as_they_stand() {
    let line = r#" { "a" : 1.50 , "b\u0041":"x\ty", "c":[1, {"d":"]"}], "e":{"f":null}, "g":true,"h":null , "ü":"😀"} "#;
    let mut scanner = Scanner::new();
    let record = scanner.scan(line.as_bytes()).expect("a record");
    let fields: Vec<_> = record
        .fields()
        .map(|field| (field.name().into_owned(), field.value.kind, field.value.text))
        .collect();
    let expected = [
        ("a", Kind::Number, "1.50"),
        ("bA", Kind::String { escaped: true }, r"x\ty"),
        ("c", Kind::Array, r#"[1, {"d":"]"}]"#),
        ("e", Kind::Object, r#"{"f":null}"#),
        ("g", Kind::Bool(true), "true"),
        ("h", Kind::Null, "null"),
        ("ü", Kind::String { escaped: false }, "😀"),
    ];
    assert_eq!(fields, expected.map(|(key, kind, text)| (key.to_owned(), kind, text)));
    assert_eq!(record.get("bA").map(|field| field.value.text), Some(r"x\ty"));
    assert_eq!(record.get("bB"), None);
}

#[test]
fn refused_lines_say_why() {
    let cases: &[(&str, usize, &str)] = &[
        ("", 0, "a blank line is not a record"),
        ("{", 1, concat!("the line ends inside an object", ": ", pretty!())),
        (r#"{"a":1,"#, 7, concat!("the line ends inside an object", ": ", pretty!())),
        (r#"{"a":"#, 5, concat!("the line ends where a value is expected", ": ", pretty!())),
        (r#"{"a":1"#, 6, "the line ends inside an object"),
        (r#"{"a":[1"#, 7, "the line ends inside an array"),
        (r#"{"a":"b"#, 7, "the line ends inside a string"),
        (r#"{"a":1}{"a":2}"#, 7, "two objects on a line"),
        (r#"{"a":1} x"#, 8, "text after the object: `x`"),
        ("[1]", 0, "the line is an array; a record is an object, one per line"),
        (r#""a": 1,"#, 0, concat!("the line is not an object", ": ", pretty!())),
        ("12", 0, concat!("the line is not an object", ": ", pretty!())),
        ("}", 0, "expected an object, found `}`"),
        ("{,}", 1, "expected a key in double quotes, found `,`"),
        ("{'a':1}", 1, "expected a key in double quotes, found `'`"),
        (r#"{"a" 1}"#, 5, "expected `:` after a key, found `1`"),
        (r#"{"a":1 "b":2}"#, 7, "expected `,` or `}` after a value, found `\"`"),
        (r#"{"a":1,}"#, 7, "expected a key in double quotes, found `}`"),
        (r#"{"a":[1,]}"#, 8, "expected a value, found `]`"),
        (r#"{"a":[1}}"#, 7, "expected `,` or `]` after a value, found `}`"),
        (r#"{"a":NaN}"#, 5, "NaN is not a JSON number"),
        (r#"{"a":[-Infinity]}"#, 6, "-Infinity is not a JSON number"),
        (r#"{"a":True}"#, 5, "expected a value, found `T`"),
        (r#"{"a":012}"#, 5, "a number with a leading zero"),
        (r#"{"a":-}"#, 6, "expected a value, found `}`"),
        (r#"{"a":1.}"#, 7, "a number without a digit after its decimal point"),
        (r#"{"a":1e+}"#, 8, "a number without a digit in its exponent"),
        (r#"{"a":1x}"#, 6, "expected `,` or `}` after a value, found `x`"),
        ("{\"a\":\"b\tc\"}", 7, "the control character U+0009 inside a string, where it must be escaped"),
        ("{\"a\":\"b\0c\"}", 7, "a NUL byte inside a string, where it must be escaped"),
        ("{\"a\":\0}", 5, "expected a value, found a NUL byte"),
        (r#"{"a":"\x"}"#, 7, "invalid escape in a string: \\ before `x`"),
        (r#"{"a":"\u12"}"#, 6, "\\u without four hexadecimal digits"),
        (r#"{"a":"\ud800"}"#, 6, "lone surrogate in a \\u escape"),
        (r#"{"a":"\ud800\u0041"}"#, 6, "lone surrogate in a \\u escape"),
        (r#"{"a":{"b":"\udc00"}}"#, 11, "lone surrogate in a \\u escape"),
        (r#"{"a":1,"b":2,"a":3}"#, 14, "the key `a` comes twice"),
        (r#"{"a":1,"b":2,"\u0061":3}"#, 14, "the key `a` comes twice"),
        (r#"{"a":1,"_etl":2}"#, 8, "the key `_etl` is reserved for control lines"),
        (r#"{"a":1,"\u005fetl":2}"#, 8, "the key `_etl` is reserved for control lines"),
        ("\u{feff}{}", 0, "a byte order mark before the object"),
    ];
    for &(line, offset, message) in cases {
        assert_eq!(refusal(line), (offset, message.to_owned()), "{line}");
    }
    assert_eq!(refusal(b"{\"a\":\"\xc3\x28\"}"), (6, "invalid UTF-8: byte 0xC3".to_owned()));
    assert_eq!(refusal(b"{\"a\":1}\xff"), (7, "invalid UTF-8: byte 0xFF".to_owned()));
}

#[test]
fn utf_16_is_named() {
    let text = "{\"a\":1}";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked: Vec<u8> = [b"\xff\xfe".as_slice(), &little].concat();
    for line in [little, big, marked] {
        assert_eq!(refusal(line).1, "the text is UTF-16; a stream is UTF-8");
    }
}

#[test]
fn nesting_ends_at_128() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(Scanner::new().scan(nested(127).as_bytes()).is_ok());
    assert_eq!(refusal(nested(128)), (5 + 127, "nested deeper than 128 levels".to_owned()));
    assert_eq!(refusal(format!("{{\"a\":{}", "[".repeat(100_000))).1, "nested deeper than 128 levels");
    assert_eq!(refusal("{\"a\":".repeat(100_000)).1, "nested deeper than 128 levels");
}

#[test]
fn keys_twice_are_found_whatever_came_before() {
    for count in [2, 12, 24, 25, 2000] {
        let mut scanner = Scanner::new();
        let line = |keys: &[usize]| {
            let members: Vec<_> = keys.iter().map(|key| format!("\"k{key}\":{key}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let mut keys: Vec<usize> = (0..count).collect();
        let first = scanner.scan(line(&keys).as_bytes()).expect("distinct keys").shape();
        assert_eq!(scanner.scan(line(&keys).as_bytes()).expect("the same keys").shape(), first);
        let shorter = scanner.scan(line(&keys[1..]).as_bytes()).expect("fewer keys").shape();
        assert_ne!(shorter, first);
        keys[count - 1] = 0;
        let error = scanner.scan(line(&keys).as_bytes()).expect_err("a key twice");
        assert_eq!(error.message, "the key `k0` comes twice");
        // A refused line leaves no trace.
        assert_eq!(
            scanner.scan(line(&(1..count).collect::<Vec<_>>()).as_bytes()).expect("keys").shape(),
            shorter
        );
        keys[count - 1] = count;
        assert_ne!(scanner.scan(line(&keys).as_bytes()).expect("another key").shape(), shorter);
    }
}

#[test]
fn keys_that_start_alike_are_told_apart() {
    let mut scanner = Scanner::new();
    for (line, keys) in [
        (r#"{"a":1,"b":2}"#, vec!["a", "b"]),
        (r#"{"ab":1,"b":2}"#, vec!["ab", "b"]),
        (r#"{"a":1,"b":2,"c":3}"#, vec!["a", "b", "c"]),
        (r#"{"a\"":1,"b":2}"#, vec!["a\"", "b"]),
        (r#"{"a\"":1,"b":2}"#, vec!["a\"", "b"]),
        (r#"{"a":1}"#, vec!["a"]),
        ("{}", vec![]),
        ("{}", vec![]),
    ] {
        let record = scanner.scan(line.as_bytes()).expect("a record");
        assert_eq!(
            record.fields().map(|field| field.name().into_owned()).collect::<Vec<_>>(),
            keys,
            "{line}"
        );
    }
}

#[test]
fn elements_of_an_array() {
    let array = r#"[ 1 , "a,]" ,[2,3], {"b":[4]},null,true ]"#;
    let texts: Vec<_> = elements(array).map(|value| value.text).collect();
    assert_eq!(texts, ["1", "a,]", "[2,3]", r#"{"b":[4]}"#, "null", "true"]);
    assert_eq!(elements("[]").count(), 0);
    assert_eq!(elements("[ ]").count(), 0);
}

#[test]
fn a_value_alone() {
    assert_eq!(scan_value(" -0.5e3 "), Ok(Value { kind: Kind::Number, text: "-0.5e3", raw: "-0.5e3" }));
    assert_eq!(scan_value("[1] 2").map_err(|error| error.offset), Err(4));
}

fn to_serde(value: Value<'_>) -> serde_json::Value {
    match value.kind {
        Kind::String { escaped } => {
            let decoded = unescape(value.text);
            assert!(escaped || decoded == value.text);
            serde_json::Value::String(decoded)
        }
        Kind::Array => elements(value.text).map(to_serde).collect(),
        _ => serde_json::from_str(value.text).expect("what the scanner accepts is JSON"),
    }
}

/// Accepts and refuses what serde_json does, and reads the same values, except for the rules that are stricter here.
fn compare(scanner: &mut Scanner, line: &[u8]) {
    let shown = String::from_utf8_lossy(line);
    match (scanner.scan(line), serde_json::from_slice::<serde_json::Value>(line)) {
        (Ok(record), Ok(theirs)) => {
            let ours =
                record.fields().map(|field| (field.name().into_owned(), to_serde(field.value))).collect();
            assert_eq!(serde_json::Value::Object(ours), theirs, "{shown}");
        }
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => assert!(error.to_string().contains("number out of range"), "{shown}: {error}"),
        (Err(error), Ok(theirs)) => {
            let stricter = !theirs.is_object()
                || error.message.contains("comes twice")
                || error.message.contains("reserved");
            assert!(stricter, "{shown}: {error}");
        }
    }
}

#[test]
fn agrees_with_serde_json_on_mutated_lines() {
    let seeds = [
        r#"{"city":"Seattle","observed_at":"2026-11-23T02:00:00Z","temp":8.4,"pressure":1013,"note":null}"#,
        r#"{"a":[1,-2.5e-3,[],{}, {"x":{"y":[true,false,null]}}],"b":"tab\t quote\" slash\/ \u00e9 \ud83d\ude00","c":0}"#,
        r#"{"long":"no escape here, only a long plain text that goes on äöü 😀 and on","e":1E+10,"z":-0.0}"#,
        r#"{}"#,
    ];
    let pieces: [&[u8]; 24] = [
        b"\"",
        b"\\",
        b"\\u",
        b"\\ud83d",
        b"\\ude00",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"0",
        b"-",
        b".",
        b"e5",
        b"\t",
        b"\0",
        b"\xff",
        b"\xc3\xa9",
        b" ",
        b"null",
        b"true",
        b"\r",
        b"\x1f",
    ];
    let mut random = fastrand::Rng::with_seed(7);
    let mut scanner = Scanner::new();
    for _ in 0..100_000 {
        let mut line = seeds[random.usize(..seeds.len())].as_bytes().to_vec();
        for _ in 0..random.usize(0..4) {
            let at = random.usize(..=line.len());
            let end = (at + random.usize(0..3)).min(line.len());
            let piece = if random.bool() { pieces[random.usize(..pieces.len())] } else { b"" };
            line.splice(at..end, piece.iter().copied());
        }
        compare(&mut scanner, &line);
    }
}

#[test]
fn every_beginning_of_a_record_can_still_become_one() {
    let record = r#" {"a":-1.5e+10,"b":[true,false,null,{"c":"\u00e9\n ü"}],"d":{},"e":0}"#.as_bytes();
    for end in 0..record.len() {
        assert_eq!(
            is_whole_object(&record[..end]),
            Ok(false),
            "{:?}",
            String::from_utf8_lossy(&record[..end])
        );
    }
    assert_eq!(is_whole_object(record), Ok(true));
    for text in
        ["[", "1", "\"a", "nul", "{]", "{\"a\":1}}", "{\"a\" 1", "{\"a\":1,}", "{\"a\":01", "{\"a\":+"]
    {
        assert!(is_whole_object(text.as_bytes()).is_err(), "{text}");
    }
}
