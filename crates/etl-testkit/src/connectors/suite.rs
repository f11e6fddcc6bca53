//! What the authors of targets test theirs for: the cases of the Singer SDK's own suite and of MeltanoLabs' target-postgres, by
//! the behaviour that they document.

use super::{Place, refused, schema, seal};

fn record(stream: &str, record: &str) -> String {
    format!(r#"{{"type":"RECORD","stream":"{stream}","record":{record}}}"#)
}

fn state(value: &str) -> String {
    format!(r#"{{"type":"STATE","value":{value}}}"#)
}

/// The rows of a query of texts, which the two databases show with quotes and without.
fn texts(place: &impl Place, sql: &str) -> Vec<String> {
    place.rows(sql).into_iter().map(|row| row.replace('"', "")).collect()
}

fn stream(messages: &[String]) -> Vec<u8> {
    seal("1", &messages.join("\n"))
}

/// Names keep their case, also those of columns that come later and of tables that are words of SQL.
///
/// # Panics
/// If something else is in the table, as in all cases here.
pub fn names_in_any_case_and_words_of_sql(place: &impl Place) {
    let first = schema("TestCamelcase", &[("Id", "string"), ("clientName", "string")], &["Id"]);
    let messages =
        [first, record("TestCamelcase", r#"{"Id":"1","clientName":"Gitter Windows Desktop App"}"#)];
    place.load("--create", &stream(&messages)).ok();
    let later = schema(
        "TestCamelcase",
        &[("Id", "string"), ("clientName", "string"), ("addedLater", "integer")],
        &["Id"],
    );
    let messages = [later, record("TestCamelcase", r#"{"Id":"2","clientName":"x","addedLater":7}"#)];
    place.load("--evolve add-columns", &seal("2", &messages.join("\n"))).ok();
    assert_eq!(
        texts(place, r#"SELECT "Id", "clientName", "addedLater" FROM "TestCamelcase" ORDER BY 1"#),
        ["1|Gitter Windows Desktop App|NULL", "2|x|7"]
    );

    let messages = [
        schema("order", &[("select", "integer"), ("from", "string")], &["select"]),
        record("order", r#"{"select":1,"from":"group by"}"#),
        schema("weird", &[("id", "integer"), ("d0 @5!h?", "string"), ("a\"b", "string")], &["id"]),
        record("weird", r#"{"id":1,"d0 @5!h?":"x","a\"b":"y"}"#),
    ];
    place.load("--create", &seal("3", &messages.join("\n"))).ok();
    assert_eq!(texts(place, r#"SELECT "select", "from" FROM "order""#), ["1|group by"]);
    assert_eq!(texts(place, r#"SELECT id, "d0 @5!h?", "a""b" FROM weird"#), ["1|x|y"]);
}

/// Of a key that comes twice the last record counts, in one load and in the next one.
///
/// # Panics
/// See above.
pub fn a_key_that_comes_twice(place: &impl Place) {
    let messages = [
        schema("metrics", &[("id", "integer"), ("metric", "integer")], &["id"]),
        record("metrics", r#"{"id":1,"metric":1}"#),
        record("metrics", r#"{"id":2,"metric":2}"#),
        record("metrics", r#"{"id":1,"metric":10}"#),
        record("metrics", r#"{"id":2,"metric":20}"#),
        record("metrics", r#"{"id":1,"metric":100}"#),
    ];
    let ran = place.load("--create", &stream(&messages));
    assert!(ran.ok().stderr.contains("5 records, 2 inserted, 3 superseded"), "{}", ran.stderr);
    assert_eq!(place.rows("SELECT id, metric FROM metrics ORDER BY id"), ["1|100", "2|20"]);
}

/// Without a key every record is a row.
///
/// # Panics
/// See above.
pub fn no_key(place: &impl Place) {
    let messages = [
        schema("points", &[("id", "integer"), ("metric", "integer")], &[]),
        record("points", r#"{"id":1,"metric":11}"#),
        record("points", r#"{"id":1,"metric":11}"#),
    ];
    place.load("--create", &stream(&messages)).ok();
    place.load("", &seal("2", &messages.join("\n"))).ok();
    assert_eq!(place.rows("SELECT id, metric FROM points"), ["1|11"; 4]);
}

/// Texts of any script, with escapes and without, and such texts within objects and arrays.
///
/// # Panics
/// See above.
pub fn texts_of_any_script(place: &impl Place) {
    let texts = [
        ("1", "simple string 2837", "simple string 2837"),
        ("2", "æ øå ñé", "æ øå ñé"),
        ("3", r"\u00e6 \u00f8\u00e5", "æ øå"),
        ("4", "這文章是寫給你的", "這文章是寫給你的"),
        ("5", r"\ud83d\ude00 😀", "😀 😀"),
        ("6", r#"\\ \/ \" \t|\n"#, "\\ / \" \t|\n"),
        ("7", "a\u{0338}\u{200d}\u{2028}", "a\u{0338}\u{200d}\u{2028}"),
    ];
    let mut messages = vec![schema("texts", &[("id", "integer"), ("v", "string"), ("o", "object")], &["id"])];
    for (id, written, _) in texts {
        messages
            .push(record("texts", &format!(r#"{{"id":{id},"v":"{written}","o":{{"v":["{written}"]}}}}"#)));
    }
    place.load("--create", &stream(&messages)).ok();
    for (id, _, stored) in texts {
        let stored = stored.replace('\'', "''");
        for value in ["v", "o -> 'v' ->> 0"] {
            let query = format!("SELECT count(*) FROM texts WHERE id = {id} AND {value} = '{stored}'");
            assert_eq!(place.rows(&query), ["1"], "{value} of {id}");
        }
    }
}

/// What a record may lack, and what it may not.
///
/// # Panics
/// See above.
pub fn missing_fields(place: &impl Place) {
    let required = r#"{"type":"SCHEMA","stream":"people","schema":{"properties":{"id":{"type":"integer"},
        "name":{"type":"string"},"title":{"type":["string","null"]}},"required":["id","name"]},"key_properties":["id"]}"#
        .replace('\n', " ");
    let messages = [
        required.clone(),
        record("people", r#"{"id":1,"name":"Ada","title":null}"#),
        record("people", r#"{"id":2,"name":"Grace"}"#),
        record("people", r#"{"id":3}"#),
    ];
    place.load("--create", &stream(&messages)).ok();
    assert_eq!(
        texts(place, "SELECT id, name, title FROM people ORDER BY id"),
        ["1|Ada|NULL", "2|Grace|NULL", "3|NULL|NULL"]
    );
    for (id, broken, what) in [
        (
            "2",
            record("people", r#"{"name":"x"}"#),
            r#"line 3: stream people, field "id": required, but missing"#,
        ),
        ("3", record("people", r#"{"id":null,"name":"x"}"#), r#"stream people, field "id""#),
        ("4", record("places", r#"{"id":1}"#), "a RECORD of stream places before its SCHEMA"),
    ] {
        let messages = [required.clone(), broken];
        refused(&place.load("", &seal(id, &messages.join("\n"))), 3, what.trim_start_matches("line 3: "));
    }
    assert_eq!(texts(place, "SELECT count(*) FROM people"), ["3"]);
    let empty = r#"{"type":"SCHEMA","stream":"nothing","schema":{"type":"object"},"key_properties":[]}"#;
    refused(&place.load("--create", &seal("5", empty)), 78, "schema nothing: it has no properties");
}

/// Of several states the last one is printed, once, after the commit.
///
/// # Panics
/// See above.
pub fn several_states(place: &impl Place) {
    let mut messages = vec![schema("rows", &[("id", "integer")], &["id"])];
    for id in 1..=6 {
        messages.push(record("rows", &format!(r#"{{"id":{id}}}"#)));
        messages.push(state(&format!(r#"{{"bookmarks":{{"rows":{id}}}}}"#)));
    }
    messages.push(record("rows", r#"{"id":7}"#));
    let ran = place.load("--create", &stream(&messages));
    assert_eq!(ran.ok().stdout, "{\"bookmarks\":{\"rows\":6}}\n");
    assert_eq!(place.rows("SELECT count(*) FROM rows"), ["7"]);
}

/// Streams that take turns, whose records change later.
///
/// # Panics
/// See above.
pub fn streams_that_take_turns(place: &impl Place) {
    let users = schema("test_users", &[("id", "integer"), ("name", "string")], &["id"]);
    let locations = schema("test_locations", &[("id", "integer"), ("name", "string")], &["id"]);
    let links = schema(
        "test_user_in_location",
        &[("id", "integer"), ("user_id", "integer"), ("location_id", "integer")],
        &["id"],
    );
    let messages = [
        users.clone(),
        locations.clone(),
        links.clone(),
        record("test_users", r#"{"id":1,"name":"johny"}"#),
        record("test_locations", r#"{"id":1,"name":"Philly"}"#),
        record("test_user_in_location", r#"{"id":1,"user_id":1,"location_id":1}"#),
        record("test_users", r#"{"id":2,"name":"george"}"#),
        users.clone(),
        record("test_user_in_location", r#"{"id":2,"user_id":2,"location_id":1}"#),
    ];
    place.load("--create", &stream(&messages)).ok();
    let later = [
        users,
        links,
        locations,
        record("test_users", r#"{"id":1,"name":"johny2"}"#),
        record("test_users", r#"{"id":8,"name":"johny8"}"#),
        record("test_locations", r#"{"id":1,"name":"Phily1"}"#),
        record("test_user_in_location", r#"{"id":1,"user_id":8,"location_id":1}"#),
    ];
    place.load("", &seal("2", &later.join("\n"))).ok();
    assert_eq!(
        texts(
            place,
            "SELECT u.name, l.name FROM test_user_in_location t JOIN test_users u ON u.id = t.user_id \
             JOIN test_locations l ON l.id = t.location_id ORDER BY t.id"
        ),
        ["johny8|Phily1", "george|Phily1"]
    );
    assert_eq!(
        texts(place, "SELECT id, name FROM test_users ORDER BY id"),
        ["1|johny2", "2|george", "8|johny8"]
    );
}

/// The greatest integers, and types given by `anyOf`.
///
/// # Panics
/// See above.
pub fn long_integers_and_alternatives(place: &impl Place) {
    let schema = r#"{"type":"SCHEMA","stream":"mixed","schema":{"properties":{"id":{"type":"integer"},
        "long":{"type":["integer","null"]},
        "maybe":{"anyOf":[{"type":"integer"},{"type":"null"}]},
        "either":{"anyOf":[{"type":"string","format":"date-time"},{"type":"string"},{"type":"null"}]},
        "options":{"enum":["a","b",null]}}},"key_properties":["id"]}"#
        .replace('\n', " ");
    let messages = [
        schema,
        record(
            "mixed",
            r#"{"id":1,"long":9223372036854775807,"maybe":7,"either":"2024-02-03T04:05:06Z","options":"a"}"#,
        ),
        record(
            "mixed",
            r#"{"id":2,"long":-9223372036854775808,"maybe":null,"either":"not a date","options":null}"#,
        ),
    ];
    place.load("--create", &stream(&messages)).ok();
    assert_eq!(
        texts(place, "SELECT id, long, maybe, either, options FROM mixed ORDER BY id"),
        ["1|9223372036854775807|7|2024-02-03T04:05:06Z|a", "2|-9223372036854775808|NULL|not a date|NULL"]
    );
}
