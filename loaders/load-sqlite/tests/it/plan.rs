//! What a load would do (`--plan`).

use std::fs;

use etl_testkit::run::{Cmd, Ran, Signal};

use crate::support::{HELD, SqliteFolder, many, plain, sealed, sealed_as};

const ITEMS: &str = "--schema items.json --plan";
const CREATED: &str = r#"-- table items would be created; mode upsert, key (id)
CREATE TABLE IF NOT EXISTS "items" (
    "id" INTEGER NOT NULL,
    "name" TEXT,
    PRIMARY KEY ("id")
);
-- id: bigint as INTEGER
-- name: text as TEXT
"#;

/// Asserts a failure that ends no stream: stdout is empty.
#[track_caller]
fn refused(ran: &Ran, code: i32, said: &str) {
    ran.fails(code);
    assert!(ran.last_error_line().contains(said), "{said:?} is not in {:?}", ran.last_error_line());
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_table_that_would_be_created_is_not() {
    let place = SqliteFolder::new();
    let ran = place.loader(&format!("{ITEMS} --rejects r --state-out s")).run();
    assert_eq!((ran.ok().stdout.as_str(), ran.stderr.as_str()), (CREATED, "t.db: items was not touched\n"));
    assert!(!place.path("t.db").exists());
    assert_eq!(place.others(), [""; 0]);
    place.write("out.sql", "older\n");
    assert_eq!(place.loader(&format!("{ITEMS} --output out.sql")).run().ok().stdout, "");
    assert_eq!(place.read("out.sql"), CREATED);
    // The statements are those of the load itself.
    let (made, loaded) = (SqliteFolder::new(), SqliteFolder::new());
    made.sql(CREATED);
    loaded.load("--schema items.json", sealed("a", &[])).ok();
    let sql = "SELECT name, type, \"notnull\", pk FROM pragma_table_info('items')";
    assert_eq!(made.rows(sql), loaded.rows(sql));
}

#[test]
fn a_table_that_is_there_is_left_byte_for_byte() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, more TEXT); INSERT INTO items VALUES (1, 'x')");
    let before = fs::read(place.path("t.db")).expect("the database");
    let evolved = r#"-- table items would get columns; mode ignore, key (id)
ALTER TABLE "items" ADD COLUMN "name" TEXT;
ALTER TABLE "items" ADD COLUMN "_etl_load_id" TEXT;
ALTER TABLE "items" ADD COLUMN "_etl_loaded_at" TEXT_TIMESTAMPTZ;
-- id: bigint as INTEGER COLLATE "BINARY"
-- name: text as TEXT
-- _etl_load_id: text as TEXT
-- _etl_loaded_at: timestamptz as TEXT
"#;
    let args = format!("{ITEMS} --mode ignore --evolve add-columns");
    assert_eq!(place.loader(&format!("{args} --stamp")).run().ok().stdout, evolved);
    refused(&place.loader(ITEMS).run(), 78, "table items has no column name, which schema items has");
    // Without a record, the rowid is taken for the key.
    let own = "-- table items exists and fits; mode upsert, key (id)\n-- id: bigint as INTEGER COLLATE \"BINARY\"\n-- more: text as TEXT\n";
    assert_eq!(place.loader("--table Items --plan").run().ok().stdout, own);
    assert!(fs::read(place.path("t.db")).expect("the database") == before);
    // The statements do what the load would do.
    let statements: String = evolved.lines().filter(|line| line.starts_with("ALTER")).collect();
    place.sql(&statements);
    assert!(
        place
            .loader(&args)
            .run()
            .ok()
            .stdout
            .starts_with("-- table items exists and fits; mode ignore, key (id)\n")
    );
}

#[test]
fn not_even_what_a_killed_load_left_is_touched() {
    let place = SqliteFolder::new();
    place.load("--schema events.json", sealed("a", &[r#"{"n":1}"#])).ok();
    let running = place.waiting("--schema events.json", &many("b", 100_000)[..HELD]);
    running.kill(Signal::KILL);
    running.finish().fails(137);
    let files = || ["t.db", "t.db-wal"].map(|name| fs::read(place.path(name)).expect("a file"));
    let before = files();
    assert!(!before[1].is_empty());
    let ran = place.loader("--schema events.json --plan").run();
    assert!(ran.ok().stdout.starts_with("-- table events exists and fits; mode append\n"));
    assert!(files() == before);
    assert_eq!(place.count("SELECT count(*) FROM events"), 1);
    // Nor is a load under way disturbed.
    let mut running = place.waiting("--schema events.json", many("b", 100_000));
    assert!(place.is_locked());
    place.loader("--schema events.json --plan").run().ok();
    running.close_stdin();
    running.finish().ok();
    assert_eq!(place.count("SELECT count(*) FROM events"), 100_001);
}

#[test]
fn the_stream_may_say_what_it_is() {
    let place = SqliteFolder::new();
    let ran = place.load("--plan", sealed_as("etl.reject", "a", &["not even looked at"]));
    assert!(
        ran.ok().stdout.starts_with("-- table etl_reject would be created; mode append\n"),
        "{}",
        ran.stdout
    );
    let inline = sealed_as(crate::support::ITEMS, "a", &[]);
    let ran = place.load("--plan --table items", &inline);
    assert_eq!(ran.ok().stdout, CREATED);
    // As in a load, its schema comes before the table's own columns, and a flag before both.
    place.sql("CREATE TABLE items (id INTEGER PRIMARY KEY, more TEXT)");
    refused(
        &place.load("--plan --table items", &inline),
        78,
        "table items has no column name, which schema inline has",
    );
    let ran = place.load("--plan --table items --evolve add-columns", &inline);
    assert!(ran.ok().stdout.contains("ADD COLUMN \"name\" TEXT;\n"), "{}", ran.stdout);
    let ran = place.load(&format!("{ITEMS} --table new"), &inline);
    assert_eq!(ran.ok().stdout, CREATED.replace("items", "new"));
    // A stream that names none leaves the table's.
    for stream in [sealed("a", &[]), plain(&[r#"{"id":1}"#]).into_bytes(), Vec::new()] {
        let ran = place.load("--plan --table items", stream);
        assert!(
            ran.ok().stdout.starts_with("-- table items exists and fits; mode upsert, key (id)\n-- id: "),
            "{}",
            ran.stdout
        );
    }
    assert_eq!(place.rows("SELECT name FROM sqlite_master"), [r#""items""#]);
}

#[test]
fn what_a_load_would_refuse_is_refused() {
    let place = SqliteFolder::new();
    place.sql("CREATE TABLE items (id TEXT, name TEXT); CREATE TABLE wrong (id INTEGER PRIMARY KEY, name INTEGER); CREATE VIEW v AS SELECT 1");
    for (args, code, said) in [
        ("--schema items.json", 78, "table items has no unique index on (id), the key of schema items"),
        (
            "--schema items.json --table wrong",
            78,
            r#"column name is declared "INTEGER", which does not store TEXT"#,
        ),
        ("--schema items.json --table v", 78, "v is a view"),
        ("--schema items.json --table etl_load", 78, "table etl_load: the name is reserved"),
        ("--schema events.json --mode upsert", 78, "mode upsert needs a key, but the schema has no x-key"),
        ("--table nowhere", 78, "table nowhere does not exist, and no --schema says what to create"),
        ("--schema nope", 78, "unknown schema \"nope\""),
        ("", 78, "the records have no schema: the stream names none"),
        ("--input missing", 66, "cannot read the input missing"),
        ("--schema items.json --mode sideways", 2, "invalid value 'sideways'"),
    ] {
        refused(&place.loader(&format!("--plan {args}")).run(), code, said);
    }
    let abort = "{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":77,\"message\":\"no key\"}}\n";
    refused(&place.load("--plan", abort), 77, "the producer failed: no key");
    let elsewhere = Cmd::new(env!("CARGO_BIN_EXE_load-sqlite")).in_folder(place.path(""));
    let elsewhere = elsewhere.args(["--db", "no/such.db", "--schema", "items.json", "--plan"]).run();
    refused(&elsewhere, 78, "cannot open the database no/such.db: No such file or directory");
    place.write("t.db", "this is no database, but a text of more than sixteen bytes\n".repeat(20));
    refused(&place.loader(ITEMS).run(), 78, "file is not a database");
}

#[test]
fn names_in_the_comments_stay_in_them() {
    let place = SqliteFolder::new();
    let harm = "t\n; DROP TABLE victim; --\r";
    let ran = place.loader(ITEMS).args(["--table", harm]).run();
    place.sql("CREATE TABLE victim (x); INSERT INTO victim VALUES (1)");
    place.sql(&ran.ok().stdout);
    assert_eq!(place.rows("SELECT x FROM victim"), ["1"]);
    assert_eq!(place.rows("SELECT name FROM sqlite_master WHERE name LIKE 't%'"), [format!("{harm:?}")]);
}

#[test]
fn a_reader_that_went_away_is_silent() {
    let place = SqliteFolder::new();
    let gone = std::io::pipe().expect("a pipe").1;
    let ran = place.loader(ITEMS).stdout_to(gone).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (141, ""));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let ran = place.loader(ITEMS).stdout_to(full).run();
    ran.fails(74);
    assert_eq!(ran.last_error_line(), "writing the output failed: No space left on device (os error 28)");
}
