use super::*;

fn error(line: &str) -> String {
    parse(line.as_bytes()).expect_err(line)
}

#[test]
fn what_is_written_is_read_back() {
    let inline = RawValue::from_string("{\n \"type\": \"object\"\n}".into()).unwrap();
    let begin = Begin { id: "a".into(), schema: Some(SchemaRef::Inline(inline.into())), ..Begin::default() };
    let mut out = Vec::new();
    write_begin(&mut out, &begin);
    assert_eq!(
        String::from_utf8(out.clone()).unwrap(),
        "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\",\"schema\":{  \"type\": \"object\" }}}\n"
    );
    let Control::Begin(read) = parse(&out).unwrap() else { panic!("not a begin") };
    assert_eq!(read.id, "a");
    assert!(matches!(read.schema, Some(SchemaRef::Inline(raw)) if raw.get() == "{  \"type\": \"object\" }"));

    out.clear();
    write_begin(&mut out, &Begin { id: "a".into(), values: Values::Text, ..Begin::default() });
    assert_eq!(
        String::from_utf8(out.clone()).unwrap(),
        "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"a\",\"values\":\"text\"}}\n"
    );
    let Control::Begin(read) = parse(&out).unwrap() else { panic!("not a begin") };
    assert_eq!(read.values, Values::Text);

    out.clear();
    write_abort(&mut out, Class::Denied, "a \"quoted\"\nmessage", &Details::default());
    assert_eq!(
        String::from_utf8(out.clone()).unwrap(),
        "{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":77,\"message\":\"a \\\"quoted\\\"\\nmessage\"}}\n"
    );
    let Control::Abort(read) = parse(&out).unwrap() else { panic!("not an abort") };
    assert_eq!((read.class(), read.message.as_str()), (Class::Denied, "a \"quoted\"\nmessage"));
    assert_eq!(read.details, Details::default());
}

#[test]
fn an_abort_says_where_it_failed() {
    let details = Details {
        step: Some("load".into()),
        pipeline: Some("w".into()),
        table: Some("t".into()),
        log: vec!["a".into(), "b".into()],
    };
    let mut out = Vec::new();
    write_abort(&mut out, Class::Data, "no", &details);
    assert_eq!(
        String::from_utf8(out.clone()).unwrap(),
        "{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":3,\"message\":\"no\",\"step\":\"load\",\"pipeline\":\"w\",\"table\":\"t\",\"log\":[\"a\",\"b\"]}}\n"
    );
    let Control::Abort(read) = parse(&out).unwrap() else { panic!("not an abort") };
    assert_eq!(read.details, details);
    // The message is worth more than a detail of another type.
    let line = br#"{"_etl":{"v":1,"kind":"abort","code":3,"message":"no","step":7,"pipeline":null,"table":[],"log":["a",1]}}"#;
    let Control::Abort(read) = parse(line).unwrap() else { panic!("not an abort") };
    assert_eq!(read.details, Details { log: vec!["a".into()], ..Details::default() });
}

#[test]
fn a_python_print_is_enough() {
    let line = br#"{"_etl": {"v": 1, "kind": "end", "id": "x", "records": 3}}"#;
    assert!(is_control(line));
    let Control::End(end) = parse(line).unwrap() else { panic!("not an end") };
    assert_eq!((end.id.as_str(), end.records, end.bytes, end.sha256), ("x", 3, None, None));
}

#[test]
fn a_null_state_is_a_state() {
    let Control::State(value) = parse(br#"{"_etl":{"v":1,"kind":"state","value":null}}"#).unwrap() else {
        panic!("not a state")
    };
    assert_eq!(value.get(), "null");
}

#[test]
fn broken_lines_say_what_is_wrong() {
    assert_eq!(error(r#"{"_etl":{"v":1,"kind":"state"}}"#), "a `state` without `value`");
    assert_eq!(error(r#"{"_etl":{"v":2,"kind":"end"}}"#), "control line of version 2; this reader knows 1");
    assert_eq!(error(r#"{"_etl":{"v":1,"kind":"flush"}}"#), "control line of unknown kind `flush`");
    assert_eq!(error(r#"{"_etl":{"v":1,"kind":"begin"}}"#), "control line of kind `begin` without `id`");
    assert_eq!(
        error(r#"{"_etl":{"v":1,"kind":"end","id":"x"}}"#),
        "control line of kind `end` without `records`"
    );
    assert_eq!(
        error(r#"{"_etl":{"v":1,"kind":"begin","id":"x","schema":7}}"#),
        "`schema` is 7, neither a name nor a JSON Schema"
    );
    assert_eq!(
        error(r#"{"_etl":{"v":1,"kind":"begin","id":"x","values":"csv"}}"#),
        "`values` is `csv`; this reader knows `text`"
    );
    assert!(error(r#"{"_etl":{"v":1,"kind":"end"},"x":1}"#).contains("unknown field `x`"));
    assert!(error(r#"{"_etl":"#).starts_with("broken control line: EOF"));
}

#[test]
fn an_abort_with_a_code_of_no_class_is_bad_data() {
    for (code, class) in [
        ("0", Class::Data),
        ("1", Class::Data),
        ("300", Class::Data),
        ("-1", Class::Data),
        ("77.5", Class::Data),
        ("99999999999999999999", Class::Data),
        ("\"77\"", Class::Data),
        ("null", Class::Data),
        ("{\"a\":[]}", Class::Data),
        ("143", Class::Signal(15)),
        ("141", Class::Signal(13)),
    ] {
        let line = format!("{{\"_etl\":{{\"v\":1,\"kind\":\"abort\",\"code\":{code},\"message\":\"no\"}}}}");
        let Control::Abort(abort) = parse(line.as_bytes()).unwrap() else { panic!("not an abort") };
        assert_eq!((abort.class(), abort.message.as_str()), (class, "no"), "{code}");
    }
    let Control::Abort(abort) = parse(br#"{"_etl":{"v":1,"kind":"abort","message":"no"}}"#).unwrap() else {
        panic!("not an abort")
    };
    assert_eq!((abort.class(), abort.code.as_str()), (Class::Data, "no code"));
}
