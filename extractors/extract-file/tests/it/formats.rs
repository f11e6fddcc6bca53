//! What files become, and where they are wrong.

use serde_json::json;

use crate::{begins, of, records, refused};

#[test]
fn rows_become_texts_and_null() {
    let csv = "\u{feff}id,name,note\r\n007,\"Ada, \"\"A\"\"\",\r\n8,\"two\nlines\",\"\"\n\n9,é\\,t";
    let ran = of(csv, &[]);
    let expected = [
        r#"{"id":"007","name":"Ada, \"A\"","note":null}"#,
        r#"{"id":"8","name":"two\nlines","note":""}"#,
        r#"{"id":"9","name":"é\\","note":"t"}"#,
    ];
    assert_eq!(records(&ran), expected);
    assert_eq!(begins(&ran, "values"), [json!("text")]);
    assert_eq!(ran.stderr, "3 records of 1 file\n");
    assert_eq!(records(&of("a\tb\n1,5\t\n", &[])), [r#"{"a":"1,5","b":null}"#]);
    assert_eq!(
        records(&of("a;b\n1;'x;y'\n", &["--delimiter", ";", "--quote", "'"])),
        [r#"{"a":"1","b":"x;y"}"#]
    );
    assert_eq!(
        records(&of("1,NA\n,\"NA\"\n", &["--columns", "a,b", "--null", "NA"])),
        [r#"{"a":"1","b":null}"#, r#"{"a":"","b":"NA"}"#]
    );
    assert_eq!(records(&of("a\n\n1\n", &[])), [r#"{"a":null}"#, r#"{"a":"1"}"#]);
    assert_eq!(records(&of("a,b\n", &[])), [""; 0]);
    assert_eq!(records(&of("\r\n\na\tb\n1\t2\n", &[])), [r#"{"a":"1","b":"2"}"#]);
}

#[test]
fn rows_are_wrong_in_their_own_line() {
    for (csv, message) in [
        ("a,b\n1,2\n3\n", "in: line 3: 1 field, but there are 2 columns"),
        ("a,b\n\"x\ny\",2\n3,4,5\n", "in: line 4: 3 fields, but there are 2 columns"),
        (
            "a,b\n1,5\" pipe\n2,3\n",
            "in: line 2: a quote inside a field that is not quoted (--quote none takes quotes for text)",
        ),
        (
            "a,b\n1,\"x\"y\n",
            "in: line 2: field 2: text after its closing quote (a quote inside is written twice)",
        ),
        ("a,b\n1,\"x\n2,3\n", "in: line 2: the file ends inside a quoted field of the row that begins here"),
        ("a,b\n1,2\r3\n", "in: line 2: a carriage return that ends no line, in a field that is not quoted"),
        ("a,b\n1,x\0\n", "in: line 2: a NUL byte, which no text has"),
        ("a,a\n", "in: the header: two columns are named \"a\"; correct it, or give --columns and no header"),
        ("a,\n", "in: the header: column 2 has no name; correct it, or give --columns and no header"),
        ("a;b\n", "in: line 1: semicolons, but no comma; give --delimiter ';', or ',' for a single column"),
        ("", "in: the file is empty (--allow-empty accepts that)"),
    ] {
        refused(csv, &[], 3, message);
    }
    let latin = "in: line 3: invalid UTF-8; `iconv -t UTF-8 -f` with the file's encoding converts it";
    refused(b"a,b\n1,2\n\xe9,3\n", &[], 3, latin);
    let wide = "in: UTF-16: `iconv -f UTF-16 -t UTF-8` makes UTF-8 of it";
    refused(b"\xff\xfea\0,\0", &[], 3, wide);
    refused(b"a\0,\0b\0\n\0", &[], 3, wide);
    let long = format!("a,b\n1,{}\n", "x".repeat(100));
    refused(long, &["--max-line-bytes", "64"], 3, "in: line 2: longer than 64 bytes (--max-line-bytes)");
}

#[test]
fn json_stays_as_it_is() {
    let expected = [r#"{"a":1.10}"#, r#"{"a":"x]}"}"#];
    let ran = of("{\"a\":1.10}\r\n\n{\"a\":\"x]}\"}", &[]);
    assert_eq!(records(&ran), expected);
    assert_eq!(begins(&ran, "values"), [json!(null)]);
    assert_eq!(records(&of(" [{\"a\":1.10},\n{\"a\":\"x]}\"}]\n", &[])), expected);
    assert_eq!(records(&of("[\n {\"a\":\n [1,\n2]}\n]", &[])), [r#"{"a":  [1, 2]}"#]);
    assert_eq!(records(&of("[]", &[])), [""; 0]);
    for marked in ["\u{feff}[{\"a\":1.10},{\"a\":\"x]}\"}]", "\u{feff}{\"a\":1.10}\n{\"a\":\"x]}\"}\n"] {
        assert_eq!(records(&of(marked, &[])), expected);
    }
    refused("[{\"a\":1},\n7]", &[], 3, "in: line 2: an element that is not an object");
    refused("[{\"a\":1},\n", &[], 3, "in: line 2: the file ends inside the array");
    refused("[{\"a\":1}]\n[]", &[], 3, "in: line 2: something after the end of the array");
    let stream = "in: line 1: a control line: the file is a stream, which loaders read with --input";
    refused("{\"_etl\":{\"v\":1}}\n", &[], 3, stream);
}
