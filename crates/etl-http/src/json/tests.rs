use super::*;

fn wrong<T>(shape: Shape<T>) -> String {
    match shape {
        Ok(_) => panic!("accepted"),
        Err(mismatch) => mismatch.to_string(),
    }
}

#[test]
fn messages_name_the_path_and_what_was_there() {
    let reply = br#"{"list":[{"main":{"temp":"1","aqi":1.5,"far":1e400}},7],"dt":99999999999999,"main":[]}"#;
    let root = object(reply).unwrap();
    assert_eq!(wrong(root.list("list")), "`list[1]` is a number, expected an object");
    assert_eq!(wrong(root.list("dt")), "`dt` is a number, expected a list");
    assert_eq!(wrong(root.list("cod")), "`cod` is missing");
    assert_eq!(wrong(root.list_or_empty("dt")), "`dt` is a number, expected a list");
    assert_eq!(wrong(root.object("main")), "`main` is a list, expected an object");
    assert_eq!(wrong(root.unix_time("dt")), "`dt` is 99999999999999, which is not a time in Unix seconds");
    assert_eq!(wrong(root.texts("list")), "`list` is a list, expected a list of strings");

    let reply = br#"{"list":[{"main":{"temp":"1","aqi":1.5,"far":1e400,"name":true}}]}"#;
    let main = object(reply).unwrap().list("list").unwrap()[0].object("main").unwrap();
    assert_eq!(
        wrong(main.number("temp")),
        "`list[0].main.temp` is a string, expected a number that a double can hold"
    );
    assert_eq!(wrong(main.integer("aqi")), "`list[0].main.aqi` is a number, expected a whole number");
    assert_eq!(
        wrong(main.number("far")),
        "`list[0].main.far` is a number, expected a number that a double can hold"
    );
    assert_eq!(wrong(main.text("name")), "`list[0].main.name` is a boolean, expected a string");
    assert_eq!(wrong(main.boolean("aqi")), "`list[0].main.aqi` is a number, expected a boolean");
    assert_eq!(wrong(main.required("id", Object::integer)), "`list[0].main.id` is missing");
    let fault = main.mismatch("aqi", "is 6, expected 1 to 5").in_reply_to("air");
    let message = "the reply to air is not as documented: `list[0].main.aqi` is 6, expected 1 to 5";
    assert_eq!((fault.class(), fault.message()), (Class::Protocol, message));
}

#[test]
fn a_reply_of_another_kind_says_what_it_is() {
    assert_eq!(wrong(object(b"[1]")), "a list, expected an object");
    assert_eq!(wrong(list(b"{}")), "an object, expected a list");
    assert_eq!(wrong(list(b"[1]")), "`[0]` is a number, expected an object");
    assert_eq!(wrong(object(b"<html>")), "HTML where JSON is expected");
    assert_eq!(wrong(list(b" <html>")), "HTML where JSON is expected");
    assert!(wrong(object(br#"{"a":1} {}"#)).starts_with("not JSON: "));
}

#[test]
fn a_list_is_read_like_one_below_a_key() {
    let alerts = list(br#"[{"number":1,"fixed_at":null},{"number":"2"}]"#).unwrap();
    assert_eq!((alerts.len(), alerts[0].integer("number").unwrap()), (2, Some(1)));
    assert_eq!(wrong(alerts[1].integer("number")), "`[1].number` is a string, expected a whole number");
    assert!(list(b"[]").unwrap().is_empty());
}

#[test]
fn numbers_keep_their_digits() {
    let reply = br#"{"a":0.10000000000000000000001,"b":1,"c":-0.0,"d":1.50,"e":"4.280","f":1e400}"#;
    let root = object(reply).unwrap();
    let digits = |number: Option<Number<'_>>| serde_json::to_string(&number).unwrap();
    for (key, sent) in [("a", "0.10000000000000000000001"), ("b", "1"), ("c", "-0.0"), ("d", "1.50")] {
        assert_eq!(digits(root.number(key).unwrap()), sent);
        assert_eq!(digits(root.decimal(key).unwrap()), sent);
    }
    assert_eq!(digits(root.decimal("e").unwrap()), "4.280");
    assert_eq!(digits(root.decimal("f").unwrap()), "1e400");
}

#[test]
fn a_text_is_a_decimal_only_if_it_is_nothing_else() {
    for text in
        ["\".\"", "\"\"", "\" 1\"", "\"1 \"", "\"+1\"", "\"1,5\"", "\"NaN\"", "\"true\"", "true", "[1]"]
    {
        let reply = format!(r#"{{"value":{text}}}"#);
        let message = wrong(object(reply.as_bytes()).unwrap().decimal("value"));
        assert!(message.ends_with(", expected a number or its digits"), "{text}: {message}");
    }
}

#[test]
fn null_and_absent_are_the_same_and_empty_is_the_callers_choice() {
    let root = object(br#"{"a":null,"name":"","sunrise":0,"aqi":4.0}"#).unwrap();
    assert!(root.number("a").unwrap().is_none() && root.decimal("a").unwrap().is_none());
    assert!(root.raw("a").is_none() && root.boolean("b").unwrap().is_none());
    assert!(root.object("a").unwrap().number("1h").unwrap().is_none());
    assert!(root.list_or_empty("a").unwrap().is_empty() && root.texts("a").unwrap().is_empty());
    assert_eq!(wrong(root.list("a")), "`a` is missing");
    assert_eq!(root.text("name").unwrap().as_deref(), Some(""));
    assert_eq!(root.text("name").unwrap().filter(non_empty), None);
    assert_eq!(root.unix_time("sunrise").unwrap(), Some(Timestamp::UNIX_EPOCH));
    assert_eq!(root.integer("aqi").unwrap(), Some(4));
}

#[test]
fn days_times_booleans_and_texts() {
    let reply = br#"{"day":"2026-11-23","at":"2026-11-23T02:00:00.123+01:00","unix":1700000000,"done":false,
                     "tags":["a","b"],"fields":[1,{"x":"y"}]}"#;
    let root = object(reply).unwrap();
    assert_eq!(root.date("day").unwrap().unwrap().to_string(), "2026-11-23");
    assert_eq!(root.date_time("at").unwrap().unwrap().to_string(), "2026-11-23T01:00:00.123Z");
    assert_eq!(root.unix_time("unix").unwrap().unwrap().to_string(), "2023-11-14T22:13:20Z");
    assert_eq!(root.boolean("done").unwrap(), Some(false));
    assert_eq!(root.texts("tags").unwrap(), ["a", "b"]);
    assert_eq!(root.raw("fields").unwrap().get(), r#"[1,{"x":"y"}]"#);
    assert!(root.is_array("fields") && !root.is_array("day"));

    for text in ["2026-11-31", "20261123", "2026-11-23T00:00:00", " 2026-11-23", "11/23/2026"] {
        let reply = format!(r#"{{"day":"{text}"}}"#);
        let message = wrong(object(reply.as_bytes()).unwrap().date("day"));
        assert_eq!(message, "`day` is not a date such as 2026-11-23", "{text}");
    }
    for text in ["2026-11-23", "2026-11-23T02:00:00", "yesterday"] {
        let reply = format!(r#"{{"at":"{text}"}}"#);
        let message = wrong(object(reply.as_bytes()).unwrap().date_time("at"));
        assert_eq!(message, "`at` is not a time such as 2026-11-23T02:00:00Z", "{text}");
    }
}

#[test]
fn any_json_is_on_one_line_and_otherwise_as_it_was_sent() {
    let reply =
        "{\n \"a\": [ 1.50,\r\n {\"b c\": \" \\\" \\\\\", \"d\" : 12345678901234567890 }\n],\n \"e\":null}";
    let root = object(reply.as_bytes()).unwrap();
    let any = |key: &str| root.any(key).unwrap().map(|raw| raw.get().to_owned());
    assert_eq!(any("a").unwrap(), r#"[1.50,{"b c":" \" \\","d":12345678901234567890}]"#);
    assert_eq!((any("e"), any("f")), (None, None));
}
