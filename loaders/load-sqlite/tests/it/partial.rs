//! Records that do not have all fields, in an upsert.

use etl_testkit::load::{receipts, sealed_as, strs};
use etl_testkit::partial::{SCHEMA, merged, mixed};

use crate::support::{SqliteFolder, counts, refused, sealed};

fn place() -> SqliteFolder {
    let place = SqliteFolder::new();
    place.write("t.json", SCHEMA);
    place
}

#[test]
fn two_sources_fill_one_table() {
    let place = place();
    let args = "--schema t.json --absent keep";
    let first = sealed("1", &[r#"{"id":1,"a":1,"b":"one"}"#, r#"{"id":2,"a":2,"b":"two"}"#]);
    assert_eq!(counts(&place.load(args, first)), [2, 2, 0, 0, 0, 0]);
    let second = [
        r#"{"id":1,"c":1.50,"d":"2026-01-01"}"#,
        r#"{"id":2,"b":null,"c":2}"#,
        r#"{"id":3,"d":"2026-01-03"}"#,
    ];
    let ran = place.load(args, sealed("2", &second));
    assert_eq!((counts(&ran), receipts(&ran)[0].get("nulled")), ([3, 1, 2, 0, 0, 0], None));
    let expected = ["1|1|one|1.50|2026-01-01", "2|2|NULL|2|NULL", "3|NULL|NULL|NULL|2026-01-03"];
    assert_eq!(place.plain_rows("SELECT * FROM t ORDER BY id"), expected);
    assert_eq!(counts(&place.load(args, sealed("3", &second))), [3, 0, 0, 3, 0, 0]);
    let lines = [r#"{"id":1,"a":1}"#, r#"{"id":2,"a":null,"b":"two","c":2}"#, r#"{"id":4}"#];
    let ran = place.load("--schema t.json", sealed("4", &lines));
    assert_eq!((counts(&ran), &receipts(&ran)[0]["nulled"]), ([3, 1, 2, 0, 0, 0], &1.into()));
    assert!(ran.stderr.contains("1 row that existed has NULL now"), "{}", ran.stderr);
    let expected =
        ["1|1|NULL|NULL|NULL", "2|NULL|two|2|NULL", "3|NULL|NULL|NULL|2026-01-03", "4|NULL|NULL|NULL|NULL"];
    assert_eq!(place.plain_rows("SELECT * FROM t ORDER BY id"), expected);
}

#[test]
fn a_schema_says_which_columns_keep_their_values() {
    let place = place();
    let schema = SCHEMA.replace(r#""b":{"#, r#""b":{"x-keep":true,"#);
    place.load("--table t", sealed_as(&schema, "0", &[r#"{"id":1,"a":1,"b":"one","c":1}"#])).ok();
    let ran = place.load("--table t", sealed_as(&schema, "1", &[r#"{"id":1,"a":2}"#]));
    assert_eq!((counts(&ran), &receipts(&ran)[0]["nulled"]), ([1, 0, 1, 0, 0, 0], &1.into()));
    assert_eq!(place.plain_rows("SELECT * FROM t"), ["1|2|one|NULL|NULL"]);
    place.load("--table t --absent null", sealed_as(&schema, "2", &[r#"{"id":1,"d":null}"#])).ok();
    assert_eq!(place.plain_rows("SELECT * FROM t"), ["1|NULL|NULL|NULL|NULL"]);
}

#[test]
fn records_merge_in_their_order_however_they_are_cut_into_loads() {
    for seed in 0..8 {
        let lines = mixed(seed, 60);
        let expected = merged(&lines);
        let keys = expected.len() as u64;
        for more in ["", "--commit-every 7 --seal off", "--rejects bad.ndjson --max-rejects 1", "--emit new"]
        {
            let place = place();
            let stream = match more.contains("--seal off") {
                true => (strs(&lines).join("\n") + "\n").into_bytes(),
                false => sealed("1", &strs(&lines)),
            };
            let ran = place.load(&format!("--schema t.json --absent keep {more}"), stream);
            ran.ok();
            assert_eq!(place.plain_rows("SELECT * FROM t ORDER BY id"), expected, "{seed} {more}");
            if more.is_empty() || more.contains("--rejects") {
                let [records, inserted, updated, unchanged, superseded, rejected] = counts(&ran);
                let told = (records, inserted, updated + unchanged + superseded, rejected);
                assert_eq!(told, (60, keys, 60 - keys, 0), "{seed} {more}");
            }
        }
    }
}

#[test]
fn a_wide_record_says_of_each_field_whether_it_is_there() {
    let place = SqliteFolder::new();
    let fields: Vec<String> =
        (0..130).map(|n| format!("\"f{n}\":{{\"type\":[\"integer\",\"null\"]}}")).collect();
    place.write(
        "wide.json",
        format!(
            r#"{{"x-key":["id"],"required":["id"],"properties":{{"id":{{"type":"integer"}},{}}}}}"#,
            fields.join(",")
        ),
    );
    let all: Vec<String> = (0..130).map(|n| format!("\"f{n}\":{n}")).collect();
    let args = "--schema wide.json --absent keep";
    place.load(args, sealed("1", &[&format!("{{\"id\":1,{}}}", all.join(","))])).ok();
    for (run, n) in [0, 60, 61, 62, 123, 124, 129].into_iter().enumerate() {
        let line = format!("{{\"id\":1,\"f{n}\":-1}}");
        assert_eq!(counts(&place.load(args, sealed(&format!("s{run}"), &[&line])))[2], 1);
        assert_eq!(place.plain_rows(&format!("SELECT f{n} FROM wide")), ["-1"]);
        let sum: String = (0..130).map(|n| format!("+(f{n} IS NULL)")).collect();
        assert_eq!(place.plain_rows(&format!("SELECT 0{sum} FROM wide")), ["0"]);
    }
}

#[test]
fn keeping_needs_rows_that_exist() {
    let place = place();
    let ran = place.load("--schema t.json --absent keep --mode replace", sealed("1", &[r#"{"id":1}"#]));
    refused(&ran, 2, "--absent keep is about rows that exist: it needs --mode upsert");
    let ran = place.load("--schema events.json --absent keep", sealed("1", &[r#"{"n":1}"#]));
    refused(
        &ran,
        78,
        "(mode append): --absent keep is about rows that exist, so it needs a key and mode upsert",
    );
}
