//! What filters make of records, and what is wrong with some.

use etl_testkit::load::{plain, refused};
use etl_testkit::run::{Cmd, Folder};

use crate::support::{BINARY, jq, lines, made};

const RECORD: &str = r#"{"id":1,"name":"Ada","tags":["x","y"],"at":{"y":2}}"#;

#[test]
fn records_are_changed_dropped_and_split() {
    for (filter, expected) in [
        (".", &[RECORD][..]),
        ("{id, name}", &[r#"{"id":1,"name":"Ada"}"#]),
        ("del(.tags, .at) | .id += 1", &[r#"{"id":2,"name":"Ada"}"#]),
        ("select(.id > 1)", &[]),
        ("empty", &[]),
        (".tags[] as $tag | {id, $tag}", &[r#"{"id":1,"tag":"x"}"#, r#"{"id":1,"tag":"y"}"#]),
        ("{id}, {name}", &[r#"{"id":1}"#, r#"{"name":"Ada"}"#]),
        (".at + {z: 3}", &[r#"{"y":2,"z":3}"#]),
        (r#"{a: (.name | ascii_downcase | test("^a"))}"#, &[r#"{"a":true}"#]),
        (r#"{t: ("2026-01-02T03:04:05Z" | fromdate)}"#, &[r#"{"t":1767323045}"#]),
        (r#"{a: "\(.id)-\(.name)"}"#, &[r#"{"a":"1-Ada"}"#]),
        ("try error catch {e: .name}", &[r#"{"e":"Ada"}"#]),
        (".none?.none? // . | {id}", &[r#"{"id":1}"#]),
        ("def f(g): {g: g}; f(.id)", &[r#"{"g":1}"#]),
        ("# a comment\n{id}", &[r#"{"id":1}"#]),
        (
            r#"{a: (.name | IN("Bob", "Ada")), b: IN(.tags[]; "z"), c: (.id | toarray), d: (.tags | toarray)}"#,
            &[r#"{"a":true,"b":false,"c":[1],"d":["x","y"]}"#],
        ),
        ("{a: [limit(2; range(10))]}", &[r#"{"a":[0,1]}"#]),
    ] {
        assert_eq!(made(filter, &[RECORD]), expected, "{filter}");
    }
}

#[test]
fn records_of_any_shape_one_after_the_other() {
    let records = [
        r#"{}"#,
        r#"{"a":1,"b":"x"}"#,
        r#"{"a":2,"b":"y"}"#,
        r#"{"b":"z","a":3}"#,
        r#"{"a":null,"b":true,"c":[false,{"d":[]},{}]}"#,
        r#"{"a":4,"b":"w"}"#,
        r#"{"é":"\u0001","🙂":"\"\\"}"#,
    ];
    assert_eq!(made(".", &records), records);
    let changed = [r#"{}"#, r#"{"a":1,"b":"x","n":1}"#, r#"{"a":2,"b":"y","n":2}"#];
    assert_eq!(made("if .a then .n = .a end", &records[..3]), changed);
    // A key that goes and comes again is not where it was.
    assert_eq!(
        made("del(.a) | .a = 9", &records[1..4]),
        [r#"{"b":"x","a":9}"#, r#"{"b":"y","a":9}"#, r#"{"b":"z","a":9}"#]
    );
    assert_eq!(made("., .", &records[1..3]), [records[1], records[1], records[2], records[2]]);
    assert_eq!(
        made(". as $x | ., ($x | .a = 0), $x", &records[1..2]),
        [records[1], r#"{"a":0,"b":"x"}"#, records[1]]
    );
}

#[test]
fn texts_are_the_same_however_they_were_written() {
    let record = r#"{ "a" : "\u00e9\u20ac\ud83d\ude42\/\b\f\n\r\t\"\\" , "b" : [ 1 , { "c" : "d\\" } ] , "k\u0065y" : "" }"#;
    let written = r#"{"a":"é€🙂/\b\f\n\r\t\"\\","b":[1,{"c":"d\\"}],"key":""}"#;
    assert_eq!(made(".", &[record]), [written]);
    // The last of several members of one name counts, as in jsonb.
    assert_eq!(made(".", &[r#"{"a":{"b":1,"c":2,"b":3}}"#]), [r#"{"a":{"b":3,"c":2}}"#]);
}

#[test]
fn variables_and_files() {
    let folder = Folder::new();
    folder.write("filter.jq", "# Only what is asked for.\nselect(.id == $id)\n  | {id, who: $who}");
    let args = ["--file", "filter.jq", "--argjson", "id", "1", "--arg", "who", "-x"];
    let ran = Cmd::new(BINARY).args(args).args(["--seal", "off"]).in_folder(folder.path(""));
    assert_eq!(lines(&ran.stdin(plain(&[RECORD, r#"{"id":2}"#])).run()), [r#"{"id":1,"who":"-x"}"#]);
    let ran =
        jq(".v = $v").args(["--seal", "off", "--argjson", "v", r#"[1.0, {"a": 100000000000000000000}]"#]);
    assert_eq!(lines(&ran.stdin("{}\n").run()), [r#"{"v":[1.0,{"a":100000000000000000000}]}"#]);
}

#[test]
fn what_is_not_a_record_is_refused_with_its_line() {
    for (filter, said) in [
        (".id", "the filter makes a number, but a record is an object (`empty` drops a record)"),
        (
            ".tags",
            "the filter makes an array (`.[]` makes a record of each of its objects), but a record is an object",
        ),
        (".name", "the filter makes a text, but"),
        ("null", "the filter makes null, but"),
        ("true", "the filter makes a boolean, but"),
        ("{_etl: 1}", "the filter makes a record with the reserved key `_etl`"),
        ("{a: nan}", "the filter makes the number NaN, which JSON does not have"),
        ("{a: -infinite}", "the filter makes the number -Infinity, which JSON does not have"),
        ("{(1): 2}", "the filter makes an object with the key 1, which is not a text"),
        ("{a: (\"x\" | tobytes)}", "the filter makes bytes, which JSON does not have"),
        ("{a: (\"/w==\" | @base64d)}", "the filter makes a text that is not UTF-8"),
        (
            "reduce range(128) as $i ({}; {a: .})",
            "the filter makes a record that is nested deeper than 128 levels",
        ),
        (".id.x", "the filter: cannot index 1 with \"x\""),
        ("error(\"no such user\")", "the filter: no such user; record"),
        ("error({a: 1})", "the filter: {\"a\":1}; record"),
        (".name | tonumber", "the filter: cannot parse"),
    ] {
        let ran = jq(&format!("if .id == 2 then {{id: 1, name: \"x\", tags: []}} | ({filter}) else . end"));
        let ran = ran.args(["--seal", "off"]).stdin(plain(&[RECORD, r#"{"id":2}"#])).run();
        refused(&ran, 3, &format!("line 2 (byte {}): {said}", RECORD.len() + 1));
        assert!(ran.last_error_line().ends_with("; record: {\"id\":2}"), "{}", ran.stderr);
    }
    // As deep as readers accept.
    assert_eq!(made("reduce range(127) as $i ({}; {a: .})", &["{}"])[0].len(), 127 * 6 + 2);
}

#[test]
fn a_filter_that_cannot_be_followed_is_2() {
    for (filter, said) in [
        ("{a: .b", "the filter: line 1, column 7: expected closing brace, found the end"),
        (".a |\n  | .b", "the filter: line 2, column 3: expected term, found `|`"),
        ("\"x", "the filter: line 1, column 3: expected closing quote"),
        (".a | foo", "the filter: line 1, column 6: the function `foo` is not defined"),
        (
            ".a | foo(1; 2)",
            "the filter: line 1, column 6: the function `foo` with 2 arguments is not defined",
        ),
        (
            "{a: $b}",
            "the filter: line 1, column 5: the variable `$b` is not defined (--arg and --argjson set variables)",
        ),
        (
            "input",
            "the filter: line 1, column 1: `input` is not supported: the filter gets one record at a time",
        ),
        ("[inputs]", "the filter: line 1, column 2: `inputs` is not supported"),
        ("halt", "the filter: line 1, column 1: `halt` is not supported"),
        ("halt_error(3)", "the filter: line 1, column 1: `halt_error` is not supported"),
        (
            "env.HOME",
            "the filter: line 1, column 1: `env` is not supported: the environment has secrets; --arg NAME VALUE sets $NAME",
        ),
        ("{a: $ENV.HOME}", "the filter: line 1, column 5: `$ENV` is not supported"),
        ("include \"x\"; .", "the filter: `import` and `include` are not supported"),
    ] {
        let ran = jq(filter).stdin("{}\n").run();
        refused(&ran, 2, said);
        assert_eq!(ran.lines().len(), 1, "{}", ran.stdout);
    }
    let folder = Folder::new();
    folder.write("bad.jq", "{");
    let run = |args: &[&str]| Cmd::new(BINARY).args(args).in_folder(folder.path("")).run();
    refused(&run(&["--file", "bad.jq"]), 2, "the filter bad.jq: line 1, column 2: expected closing brace");
    refused(&run(&["--file", "none.jq"]), 66, "cannot read the filter none.jq");
    refused(&run(&[]), 2, "the filter is missing: FILTER, or --file FILE");
    refused(&run(&[".", "--file", "bad.jq"]), 2, "cannot be used with");
    refused(&run(&[".", "--slurp"]), 2, "--slurp would hold all of the input in memory");
    refused(&run(&[".", "-s"]), 2, "--slurp would hold all of the input in memory");
    refused(&run(&[".", "--arg", "a", "1", "--argjson", "a", "1"]), 2, "$a is set twice");
    refused(&run(&[".", "--argjson", "a", "[1,]"]), 2, "$a: not JSON: ");
    refused(&run(&[".", "--arg", "a"]), 2, "2 values required");
}
