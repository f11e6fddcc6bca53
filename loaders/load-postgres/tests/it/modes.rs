//! What the modes do with rows that exist already.

use etl_testkit::load::{counts, plain, receipts, refused, sealed};

use etl_testkit::postgres::Server;

use crate::support::{PostgresFolder, items};

const ALL: &str = "SELECT * FROM items ORDER BY id";
/// A collation in which texts that differ in case only are equal.
const NOCASE: &str =
    "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";

#[test]
fn append_adds_rows_and_a_key_that_is_there_fails_the_load() {
    let place = PostgresFolder::new().with_tables();
    let args = "--schema items.json --mode append";
    assert_eq!(counts(&place.load(args, items("a", &[(1, "one"), (2, "two")]))), [2, 2, 0, 0, 0, 0]);
    let ran = place.load(args, items("b", &[(3, "three"), (2, "again")]));
    refused(&ran, 3, "line 3 (record 2, byte 65): table");
    for said in [
        "duplicate key value violates unique constraint \"items_pkey\"",
        "Key (id)=(2) already exists",
        "23505",
    ] {
        assert!(ran.last_error_line().contains(said), "{said}: {}", ran.last_error_line());
    }
    assert_eq!(place.rows(ALL), ["1|one", "2|two"]);
}

#[test]
fn upsert_counts_what_it_did() {
    let place = PostgresFolder::new().with_tables();
    let args = "--schema items.json";
    assert_eq!(
        counts(&place.load(args, items("a", &[(1, "one"), (2, "two"), (3, "three")]))),
        [3, 3, 0, 0, 0, 0]
    );
    let before = place.rows("SELECT xmin FROM items WHERE id = 1");
    let ran = place.load(args, items("b", &[(1, "one"), (2, "zwei"), (4, "four"), (2, "deux"), (5, "five")]));
    assert_eq!(counts(&ran), [5, 2, 1, 1, 1, 0]);
    assert_eq!(receipts(&ran)[0]["mode"], "upsert");
    assert_eq!(place.rows(ALL), ["1|one", "2|deux", "3|three", "4|four", "5|five"]);
    // A row that stays as it is was not written.
    assert_eq!(place.rows("SELECT xmin FROM items WHERE id = 1"), before);
    assert_eq!(counts(&place.load(args, sealed("c", &[r#"{"id":4}"#]))), [1, 0, 1, 0, 0, 0]);
    assert_eq!(place.rows("SELECT name FROM items WHERE id = 4"), ["NULL"]);
}

#[test]
fn keys_are_compared_by_the_operator_of_their_index() {
    let place = PostgresFolder::of(Server::shared().database());
    if !place.offers("citext") {
        return;
    }
    place.sql(
        "CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;
         CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
    );
    for (id, trigger) in
        [("a", ""), ("b", "CREATE TRIGGER same BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION same()")]
    {
        place.sql(&format!(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (k ext.citext PRIMARY KEY, v int);
             INSERT INTO t VALUES ('Abc', 1); {trigger}"
        ));
        let stream = sealed(id, &[r#"{"k":"ABC","v":7}"#, r#"{"k":"x","v":8}"#]);
        let ran = place.load("--table t --mode upsert --emit new", stream);
        assert_eq!(ran.ok().lines()[1], r#"{"k":"x","v":8}"#);
        assert!(ran.stderr.contains("2 records, 1 inserted, 1 updated"), "{}", ran.stderr);
        assert_eq!(place.rows("SELECT v FROM t ORDER BY v"), ["7", "8"]);
    }
}

#[test]
fn values_that_are_equal_but_not_the_same_are_changes() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TABLE t (id int PRIMARY KEY, n numeric, j json, p interval);
         INSERT INTO t VALUES (1, 1.0, '{\"a\":1}', '1 day')",
    );
    let line = |n: &str, j: &str, p: &str| format!(r#"{{"id":1,"n":{n},"j":{j},"p":"{p}"}}"#);
    let changes = [
        (line("1.0", r#"{"a":1}"#, "1 day"), 0),
        (line("1.00", r#"{"a":1}"#, "1 day"), 1),
        (line("1.00", r#"{"a": 1}"#, "1 day"), 1),
        (line("1.00", r#"{"a": 1}"#, "24:00:00"), 1),
        (line("1.00", r#"{"a": 1}"#, "24:00:00"), 0),
    ];
    for ((line, updated), id) in changes.iter().zip(0..) {
        let ran = place.load("--table t", sealed(&format!("s{id}"), &[line]));
        assert_eq!(counts(&ran), [1, 0, *updated, 1 - updated, 0, 0], "{line}");
    }
    assert_eq!(place.rows("SELECT n, j, p FROM t"), [r#"1.00|{"a": 1}|24:00:00"#]);
}

#[test]
fn ignore_keeps_what_is_there_and_the_first_of_a_key() {
    let place = PostgresFolder::new().with_tables();
    place.sql("INSERT INTO items VALUES (1, 'old')");
    let ran = place
        .load("--schema items.json --mode ignore", items("a", &[(1, "new"), (2, "a"), (2, "b"), (3, "c")]));
    assert_eq!(counts(&ran), [4, 2, 0, 1, 1, 0]);
    assert_eq!(place.rows(ALL), ["1|old", "2|a", "3|c"]);
}

#[test]
fn keys_are_compared_as_the_table_compares_them() {
    let place = PostgresFolder::of(etl_testkit::postgres::Server::shared().database());
    let mut tables = Vec::new();
    if place.offers("citext") {
        place.sql("CREATE EXTENSION citext; CREATE TABLE c (k citext PRIMARY KEY, v int)");
        tables.push("c");
    }
    if place.offers("icu") {
        place.sql(NOCASE);
        place.sql("CREATE TABLE n (k text COLLATE nocase PRIMARY KEY, v int)");
        tables.push("n");
    }
    for table in tables {
        let lines = [r#"{"k":"Ada","v":1}"#, r#"{"k":"ADA","v":2}"#, r#"{"k":"bob","v":3}"#];
        let ran = place.load(&format!("--table {table}"), sealed("a", &lines));
        assert_eq!(counts(&ran), [3, 2, 0, 0, 1, 0], "{table}");
        assert_eq!(place.rows(&format!("SELECT * FROM {table} ORDER BY v")), ["ADA|2", "bob|3"]);
        let ran = place.load(&format!("--table {table}"), sealed("b", &[r#"{"k":"BOB","v":3}"#]));
        assert_eq!(counts(&ran), [1, 0, 1, 0, 0, 0], "{table}");
    }
    place.sql("CREATE TABLE d (k numeric PRIMARY KEY, v int)");
    let ran = place.load("--table d", sealed("a", &[r#"{"k":1.0,"v":1}"#, r#"{"k":1.00,"v":2}"#]));
    assert_eq!(counts(&ran), [2, 1, 0, 0, 1, 0]);
    assert_eq!(place.rows("SELECT v FROM d"), ["2"]);
}

#[test]
fn a_key_of_several_columns_in_any_order_and_none_beside_it() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE pairs (a int, b text, UNIQUE (b, a))");
    place.write("pairs.json", r#"{"x-key":["a","b"],"required":["a","b"],"properties":{"a":{"type":"integer"},"b":{"type":"string"}}}"#);
    let lines = [r#"{"a":1,"b":"x"}"#, r#"{"b":"x","a":1}"#, r#"{"a":2,"b":"x"}"#];
    assert_eq!(counts(&place.load("--schema pairs.json", sealed("a", &lines))), [3, 2, 0, 0, 1, 0]);
    assert_eq!(counts(&place.load("--schema pairs.json", sealed("b", &lines[2..]))), [1, 0, 0, 1, 0, 0]);
    assert_eq!(place.rows("SELECT * FROM pairs ORDER BY a"), ["1|x", "2|x"]);
}

#[test]
fn modes_that_need_a_key_say_what_is_missing() {
    let place = PostgresFolder::new();
    for index in [
        "",
        "CREATE UNIQUE INDEX ON items (id) WHERE name IS NULL",
        "CREATE UNIQUE INDEX ON items ((id + 1))",
        "CREATE UNIQUE INDEX ON items (id, name)",
        "ALTER TABLE items ADD UNIQUE (id) DEFERRABLE",
    ] {
        place.sql(&format!("DROP TABLE IF EXISTS items; CREATE TABLE items (id bigint, name text); {index}"));
        let ran = place.load("--schema items.json", items("a", &[(1, "x")]));
        refused(&ran, 78, "has no unique index on (id), the key of schema items");
    }
    place.sql("DROP TABLE items; CREATE TABLE items (id bigint, name text); CREATE UNIQUE INDEX ON items (id) INCLUDE (name)");
    place.load("--schema items.json", items("a", &[(1, "x")])).ok();
    refused(&place.load("--table events --create --schema events.json --mode upsert", ""), 78, "needs a key");
}

#[test]
fn a_stamp_says_what_brought_a_row_and_when() {
    let place = PostgresFolder::new();
    let args = "--create --schema items.json --stamp";
    place.load(args, [items("a", &[(1, "one"), (2, "two")]), items("b", &[(3, "three")])].concat()).ok();
    let stamps = "SELECT id, _etl_load_id, _etl_loaded_at BETWEEN now() - interval '1 minute' AND now() FROM items ORDER BY id";
    assert_eq!(place.rows(stamps), ["1|a|t", "2|a|t", "3|b|t"]);
    assert_eq!(place.count("SELECT count(DISTINCT _etl_loaded_at) FROM items"), 1);
    // What stays as it is keeps its stamp.
    let ran = place.load(
        &format!("{args} --load-id c"),
        plain(&[r#"{"id":1,"name":"one"}"#, r#"{"id":2,"name":"zwei"}"#]),
    );
    assert_eq!(counts(&ran), [2, 0, 1, 1, 0, 0]);
    assert_eq!(place.rows("SELECT _etl_load_id FROM items ORDER BY id"), ["a", "c", "b"]);
    let place = PostgresFolder::new().with_tables();
    refused(&place.load("--schema items.json --stamp", items("a", &[])), 78, "has no column _etl_load_id");
    place.load("--schema items.json --stamp --evolve add-columns", items("a", &[(1, "x")])).ok();
    assert_eq!(place.rows("SELECT _etl_load_id FROM items"), ["a"]);
}

#[test]
fn a_row_ends_with_the_last_spelling_of_its_key_however_the_records_are_cut_into_loads() {
    let place = PostgresFolder::of(Server::shared().database());
    let mut keys = vec![
        ("numeric", "1.0", "1.000"),
        ("float8", "-0.0", "0.0"),
        ("real", "0.0", "-0.0"),
        ("interval", "\"1 day\"", "\"24:00:00\""),
        ("jsonb", "{\"a\":1.0}", "{\"a\":1.00}"),
        ("numeric[]", "[1.0]", "[1.00]"),
        ("bpchar", "\"a\"", "\"a  \""),
        ("char(3)", "\"a\"", "\"a  \""),
        ("bigint", "7", "7"),
        ("text", "\"x\"", "\"x\""),
    ];
    if place.offers("citext") {
        place.sql("CREATE EXTENSION citext");
        keys.push(("citext", "\"Ada\"", "\"ADA\""));
    }
    if place.offers("icu") {
        place.sql(NOCASE);
        keys.push(("text COLLATE nocase", "\"Ada\"", "\"ADA\""));
    }
    for (ty, first, last) in keys {
        for (parted, with) in [("", ""), ("PARTITION BY HASH (k)", "partitioned")] {
            if !parted.is_empty() && ty != "numeric" && ty != "citext" {
                continue;
            }
            let create = |name: &str| {
                place.sql(&format!(
                    "DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (k {ty} PRIMARY KEY, v int) {parted}"
                ));
                if !parted.is_empty() {
                    place.sql(&format!(
                        "CREATE TABLE {name}_0 PARTITION OF {name} FOR VALUES WITH (MODULUS 1, REMAINDER 0)"
                    ));
                }
            };
            create("one");
            create("two");
            let line = |key: &str| format!(r#"{{"k":{key},"v":1}}"#);
            let (first, last) = (line(first), line(last));
            place.load("--table one", sealed(&format!("{ty}{with}"), &[&first, &last])).ok();
            place.load("--table two", sealed(&format!("{ty}{with}1"), &[&first])).ok();
            let ran = place.load("--table two", sealed(&format!("{ty}{with}2"), &[&last]));
            let changed = u64::from(!["char(3)", "bigint", "text"].contains(&ty));
            assert_eq!(counts(&ran), [1, 0, changed, 1 - changed, 0, 0], "{ty} {with}");
            let whole = place.rows("SELECT * FROM one");
            assert_eq!(whole.len(), 1, "{ty} {with}");
            assert_eq!(place.rows("SELECT * FROM two"), whole, "{ty} {with}");
        }
    }
}

#[test]
fn a_key_without_overlaps_is_none_of_on_conflict() {
    let place = PostgresFolder::of(Server::shared().database());
    if place.count("SELECT current_setting('server_version_num')::bigint") < 180_000 {
        eprintln!("skipped: WITHOUT OVERLAPS came with PostgreSQL 18");
        return;
    }
    place.sql("CREATE TABLE w (id int4range, r daterange, v int, PRIMARY KEY (id, r WITHOUT OVERLAPS))");
    let line = |from: u32, v: u32| {
        format!(r#"{{"id":"[1,2)","r":"[20{from}-01-01,20{}-01-01)","v":{v}}}"#, from + 2)
    };
    let stream = |id: &str, from, v| sealed(id, &[&line(from, v)]);
    assert_eq!(counts(&place.load("--table w", stream("a", 20, 1))), [1, 1, 0, 0, 0, 0]);
    refused(&place.load("--table w", stream("b", 21, 2)), 3, "23P01");
    let why = "has the key (id, r) WITHOUT OVERLAPS, which ON CONFLICT cannot name";
    refused(&place.load("--table w --mode upsert", stream("c", 21, 2)), 78, why);
    let both = sealed("d", &[&line(21, 3), &line(22, 4)]);
    assert_eq!(counts(&place.load("--table w --mode ignore", both)), [2, 1, 0, 1, 0, 0]);
    assert_eq!(place.rows("SELECT v FROM w ORDER BY r"), ["1", "4"]);
}
