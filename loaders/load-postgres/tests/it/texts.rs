//! Streams whose values are all texts (`values: "text"`): each is read into its column as COPY reads CSV, or refused.

use etl_testkit::load::{counts, printed, refused, sealed, texts};
use etl_testkit::run::Cmd;

use crate::support::PostgresFolder;

#[test]
fn the_tables_columns_are_the_schema() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE TYPE mood AS ENUM ('sad', 'ok');
         CREATE TABLE orders (id bigint, small smallint, real real, double double precision, price numeric(8,2),
           paid boolean, day date, at timestamptz, local timestamp, who uuid, note text, doc jsonb, mood mood, ip inet,
           bits bit(3), twice bigint GENERATED ALWAYS AS (id * 2) STORED)",
    );
    let record = r#"{"id":"007","small":"+7","real":"0.1","double":"1e3","price":" 12.50","paid":"t","day":"2026-01-01","at":"2026-01-01 00:00:00+00","local":"2026-01-01 10:00:00","who":"a0eebc999c0b4ef8bb6d6bb9bd380a11","note":" 007 ","doc":"{\"a\": [1]}","mood":"ok","ip":"10.0.0.1","bits":"101"}"#;
    let ran = place.load("--table orders --emit records", texts("a", &[record, r#"{"id":"8","note":null}"#]));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(printed(&ran.stdout)[0]["_etl"]["values"], "text");
    assert_eq!(
        place.rows(
            "SELECT id, small, real, double, price, paid, day, at AT TIME ZONE 'UTC', local, who, note, doc, mood, ip, bits,
               twice FROM orders WHERE id = 7"
        ),
        ["7|7|0.1|1000|12.50|t|2026-01-01|2026-01-01 00:00:00|2026-01-01 10:00:00|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11| \
          007 |{\"a\": [1]}|ok|10.0.0.1|101|14"]
    );
    assert_eq!(place.count("SELECT count(*) FROM orders WHERE id = 8 AND note IS NULL AND day IS NULL"), 1);
}

#[test]
fn a_value_that_is_not_a_text_is_bad_data() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE t (n integer NOT NULL)");
    for (record, why) in [
        (r#"{"n":7}"#, "field \"n\": 7 is neither a string nor null"),
        (r#"{"n":"x"}"#, "field \"n\": \"x\" is not an integer"),
        (r#"{"n":null}"#, "field \"n\": null"),
        (r#"{"n":"1","m":"2"}"#, "field \"m\": the schema"),
    ] {
        let ran = place.load("--table t", texts("a", &[r#"{"n":"1"}"#, record]));
        refused(&ran, 3, "line 3");
        assert!(ran.last_error_line().contains(why), "{}", ran.stderr);
    }
    let mut both = texts("a", &[r#"{"n":"1"}"#]);
    both.extend(sealed("b", &[r#"{"n":1}"#]));
    refused(&place.load("--table t", both), 78, "segments whose values are texts go to one table");
    refused(
        &place.load("", texts("a", &[r#"{"n":"1"}"#])),
        78,
        "--table TABLE to use the columns of a table",
    );
    assert_eq!(place.count("SELECT count(*) FROM t"), 0);
}

/// A text may be refused here that the server's input functions read, but it never becomes another value.
#[test]
fn no_text_becomes_another_value_than_the_servers() {
    let place = PostgresFolder::new();
    place.sql(
        "CREATE FUNCTION reads(t text, type text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN
           EXECUTE format('SELECT %L::%s::text', t, type) INTO r; RETURN r;
         EXCEPTION WHEN others THEN RETURN 'refused'; END $$",
    );
    let numbers = "0|-0|007|+7| 12 |12\t|1e3|1E-2|1.50|+001.50|.5|5.|.|-||+-1|1_000|0x1F|NaN|Infinity|32768|2147483648|\
                   9223372036854775808|1,5|1e400|0.1|16777217|1 2|\
                   nan| NaN |inf|+inf|-Infinity|INFINITY|nano|infinit";
    let words = "t|TRUE|tr|y|yes|on|of|o|0|1| f |n|2||truex|ja";
    let times = "2026-01-01|2026-01-01 00:00:00+00|2026-01-01 10:00:00+0530|2026-01-01 10:00:00-05|\
                 2026-01-01T10:00:00Z|2026-01-01 10:00:00.1234567+01:00|2026-02-30|2026-1-1|January 8, 1999|\
                 2026-01-01 24:00:00+00|2026-01-01 10:00:00+05:30:30| 2026-01-01 10:00:00+00 |2026-01-01 10:00:00 UTC|\
                 2026-01-01 10:00-05|2026-01-01 10:00|2026-01-01T10:00Z|2026-01-01 10:|2026-01-01 10:00:|2026-01-01 10:0";
    let uuids = "a0eebc999c0b4ef8bb6d6bb9bd380a11|A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11|a0eebc99|";
    let others = "{\"a\":1}| [1, 2] |null|\"x\"|{|1|\\x00fF|\\x0|abc|";
    let arrays = r#"{}| {1, 2 } |{1,null,NULL,"NULL"}|{"1","a\"b","c\\d"}|{a\,b}|{ a b }|{"a"b}|{a"b"}|{1,}|{,}|{{1},{2}}|[0:1]={1,2}|{1|1,2|
        {t,f,no}|{2026-01-01}|{2026-01-01 10:00+00,"2026-01-01 10:00:00.5+01"}|{1e3,.5,+007}|{\ a}|{""}|{é,"{x}"}|{"1" , "2"}"#;
    let kinds: [(&[&str], &str); 6] = [
        (&["smallint", "integer", "bigint", "real", "double precision", "numeric"], numbers),
        (&["boolean"], words),
        (&["date", "timestamp", "timestamptz"], times),
        (&["uuid"], uuids),
        (&["text", "jsonb", "json", "bytea"], others),
        (
            &[
                "int[]",
                "text[]",
                "numeric[]",
                "float8[]",
                "boolean[]",
                "date[]",
                "timestamptz[]",
                "varchar(3)[]",
            ],
            arrays,
        ),
    ];
    for (types, list) in kinds {
        for ty in types {
            place.sql(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (n text, v {ty})"));
            let lines = list.split('|').map(|text| serde_json::json!({"n": text, "v": text}).to_string());
            let lines: Vec<String> = lines.collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let ran = place.load("--table t --rejects bad --max-rejects 100", texts(ty, &lines));
            assert_eq!(ran.code, 0, "{ty}: {}", ran.stderr);
            let other = format!(
                "SELECT n, v, reads(n, '{ty}') FROM t WHERE v::text IS DISTINCT FROM reads(n, '{ty}')"
            );
            assert_eq!(place.rows(&other), [""; 0], "{ty}");
            assert!(place.count("SELECT count(*) FROM t") > 0, "{ty}");
        }
    }
}

#[test]
fn more_of_what_copy_reads() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE t (id int, hour time, x float8, y real, n numeric, m numeric(4,2), at timestamptz, i int[], t text[], r int4range[])");
    let lines = [
        r#"{"id":"1","hour":"10:00","x":"NaN","y":"inf","n":"-Infinity","m":"nan","at":"2026-01-01 10:00+01","i":"{1,NULL}","t":"{\"a b\",\"c,\\\"d\"}","r":"{\"[1,5)\",empty}"}"#,
        r#"{"id":"2","i":"[3,4]","t":"[\"x\"]","r":"{}"}"#,
    ];
    assert_eq!(counts(&place.load("--table t", texts("a", &lines)))[1], 2);
    assert_eq!(
        place.rows("SELECT * FROM t ORDER BY id"),
        [
            r#"1|10:00:00|NaN|Infinity|-Infinity|NaN|2026-01-01 09:00:00+00|{1,NULL}|{"a b","c,\"d"}|{"[1,5)",empty}"#,
            "2|NULL|NULL|NULL|NULL|NULL|NULL|{3,4}|{x}|{}"
        ]
    );
    for (record, why) in [
        (r#"{"id":"NaN"}"#, "field \"id\": \"NaN\" is not an integer"),
        (r#"{"m":"inf"}"#, "line 2 (record 1, byte "),
        (r#"{"i":"{1,x}"}"#, "field \"i\": \"{1,x}\" is refused: element 1 is not an integer"),
        (r#"{"i":"{{1},{2}}"}"#, "is an array of arrays, which is not read"),
        (r#"{"i":"1,2"}"#, "\"1,2\" is not an array, such as {1,2} or [1,2]"),
        (r#"{"at":"2026-01-01 10:00"}"#, "has no zone"),
    ] {
        refused(&place.load("--table t", texts("b", &[record])), 3, why);
    }
    // JSON has no such numbers.
    refused(&place.load("--table t", sealed("c", &[r#"{"x":"NaN"}"#])), 3, "field \"x\": expected a number");
}

#[test]
fn texts_are_read_by_a_schema_too() {
    let place = PostgresFolder::new();
    place.write(
        "t.json",
        r#"{"properties":{"a":{"type":"number"},"b":{"type":"integer"},"c":{"type":"array","items":{"type":"integer"}},
            "d":{"type":"boolean"},"e":{"type":"object"},"f":{"type":"number"},"g":{"type":"number","minimum":0}}}"#,
    );
    place.sql("CREATE TABLE t (a numeric, b numeric, c text, d jsonb, e text, f jsonb, g float8)");
    let line = r#"{"a":" 007.50","b":"\t+8","c":"{1,2}","d":"t","e":"{\"x\": 1}","f":" +1e2","g":"1"}"#;
    assert_eq!(counts(&place.load("--table t --schema t.json", texts("a", &[line])))[1], 1);
    assert_eq!(place.rows("SELECT * FROM t"), [r#"7.50|8|[1,2]|true|{"x": 1}|100|1"#]);
    for field in ["a", "g"] {
        let line = format!("{{\"{field}\":\"NaN\"}}");
        let ran = place.load("--table t --schema t.json", texts("b", &[&line]));
        refused(&ran, 3, &format!("field \"{field}\": \"NaN\" is not a number"));
    }
}

#[test]
fn a_csv_file_goes_into_its_table_once() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE orders (id bigint PRIMARY KEY, city text, price numeric(8,2), at timestamptz, paid boolean)");
    place.sql("CREATE TABLE copied (LIKE orders)");
    let csv = "id,city,price,at,paid\n007,\"Os\"\"lo,\n1\",12.50,2026-01-01 00:00:00+00,t\n+8,\"\",.5,2026-07-01T10:00:00+0200,no\n9,,,,\n";
    place.write("orders.csv", csv);
    place
        .space
        .connect()
        .copy_in("COPY copied FROM STDIN (FORMAT csv, HEADER)")
        .and_then(|mut copy| {
            std::io::Write::write_all(&mut copy, csv.as_bytes()).expect("a connection");
            copy.finish()
        })
        .expect("a copy");
    for inserted in [3, 0] {
        let file = Cmd::bin("extract-file").arg(place.path("orders.csv"));
        let (file, ran) = file.pipe(place.loader("--table orders --mode append"));
        file.ok();
        assert_eq!(counts(&ran)[1], inserted);
        let all = |table: &str| place.rows(&format!("SELECT * FROM {table} ORDER BY id"));
        assert_eq!(all("orders"), all("copied"));
    }
    assert_eq!(
        place.rows("SELECT id, city IS NULL, price FROM orders ORDER BY id"),
        ["7|f|12.50", "8|f|0.50", "9|t|NULL"]
    );
    // The extractor's cause goes down the pipe, with its own line.
    place.write("orders.csv", "id,city,price,at,paid\n1,a\n");
    let file = Cmd::bin("extract-file").arg(place.path("orders.csv"));
    let (_, ran) = file.pipe(place.loader("--table orders"));
    refused(&ran, 3, "orders.csv: line 2: 2 fields, but there are 5 columns");
    assert_eq!(place.count("SELECT count(*) FROM orders"), 3);
}
