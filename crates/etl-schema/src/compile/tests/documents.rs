//! Documents as texts: names that come twice, depth, and which say the same.

use crate::Schema;

#[test]
fn names_that_come_twice_are_refused() {
    for (document, said) in [
        (r#"{"properties":{"a":{"type":"string"},"a":{"type":"integer"}}}"#, "\"a\" appears twice"),
        (
            r#"{"properties":{"a":{"type":"string","type":"integer"}}}"#,
            "property \"a\": \"type\" appears twice",
        ),
    ] {
        let fault = Schema::from_json("s", document).expect_err(said);
        assert!(fault.message().contains(said), "{fault}");
    }
}

#[test]
fn arrays_in_arrays_end_somewhere() {
    let nested = |depth: usize| {
        let (open, close) = (r#"{"type":"array","items":"#, "}");
        let items = format!("{}{}{}", open.repeat(depth), r#"{"type":"string"}"#, close.repeat(depth));
        Schema::from_json("s", &format!(r#"{{"properties":{{"a":{items}}}}}"#))
    };
    nested(30).expect("a schema");
    let fault = nested(40_000).expect_err("too deep");
    assert!(fault.message().ends_with("items: arrays within arrays go too deep"), "{fault}");
}

#[test]
fn schemas_agree_by_what_they_say() {
    let schema = |document: &str| Schema::from_json("s", document).expect("a schema");
    let one = schema(
        r#"{"x-key":["a"],"required":["a"],"properties":{"a":{"type":"integer","enum":[1,2]},"b":{"type":"string","pattern":"^x"}}}"#,
    );
    let same = schema(
        r#"{"properties": {"b": {"pattern": "^x", "type": "string"}, "a": {"enum": [2, 1], "type": "integer"}},
            "required": ["a"], "x-key": ["a"]}"#,
    );
    assert!(one.agrees(&same) && same.agrees(&one));
    for other in [
        r#"{"x-key":["a"],"required":["a"],"properties":{"a":{"type":"integer","enum":[1,3]},"b":{"type":"string","pattern":"^x"}}}"#,
        r#"{"x-key":["a"],"required":["a"],"properties":{"a":{"type":"integer","enum":[1,2]},"b":{"type":"string","pattern":"^y"}}}"#,
        r#"{"required":["a"],"properties":{"a":{"type":"integer","enum":[1,2]},"b":{"type":"string","pattern":"^x"}}}"#,
        r#"{"x-key":["a"],"required":["a"],"properties":{"a":{"type":"integer","enum":[1,2]}}}"#,
    ] {
        assert!(!one.agrees(&schema(other)), "{other}");
    }
}
