//! What is read and what is refused: parameters, statements, what the server says.

use etl_testkit::postgres::Server;
use etl_testkit::run::Cmd;

use crate::{Place, lines};

#[test]
fn parameters_are_bound() {
    let place = Place::new();
    place.sql("CREATE TABLE t (id int, name text, at timestamptz); INSERT INTO t VALUES (1, 'a', '2026-01-01 00:00+00'), (2, ''';--', NULL)");
    let query = "SELECT id, :extra AS extra, ':name' AS literal FROM t -- :nothing\nWHERE name = :name AND id >= :least";
    let cmd = place.extractor(query, "--param least=2 --param extra=é").args(["--param", "name=';--"]);
    assert_eq!(lines(&cmd.run()), [r#"{"id":2,"extra":"é","literal":":name"}"#]);
    let cmd =
        place.extractor("SELECT id FROM t WHERE at = :at", "").args(["--param", "at=2026-01-01 01:00+01"]);
    assert_eq!(lines(&cmd.run()), [r#"{"id":1}"#]);
    // An empty value and one with an equals sign.
    let cmd = place.extractor("SELECT :a AS a, :b AS b", "--param a= --param b=c=d");
    assert_eq!(lines(&cmd.run()), [r#"{"a":"","b":"c=d"}"#]);

    let query = "SELECT id FROM t WHERE id = :id";
    place.refused(
        query,
        "--param id=x",
        3,
        "the query: invalid input syntax for type integer: \"x\" (SQLSTATE 22P02)",
    );
    place.refused(query, "", 2, "the query has :id, but no --param id=VALUE is given");
    place.refused(query, "--param id=1 --param other=2", 2, "--param other: the query has no :other");
    place.refused(query, "--param id=1 --param id=2", 2, "--param id is given twice");
    let ran = place.extract(query, "--param 1id=2");
    assert!(
        ran.fails(2)
            .last_error_line()
            .contains("write NAME=VALUE, with a name of letters, digits and underscores")
    );
}

#[test]
fn a_query_comes_from_a_file() {
    let place = Place::new();
    place.folder.write("q.sql", "\u{feff}-- one\nSELECT 1 AS a\n  , :b::int AS b;\n");
    let from = |args: &str| {
        let cmd =
            Cmd::new(env!("CARGO_BIN_EXE_extract-postgres")).in_folder(place.folder.path("")).words(args);
        place.env.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value)).run()
    };
    assert_eq!(lines(&from("--query-file q.sql --param b=2")), [r#"{"a":1,"b":2}"#]);
    assert_eq!(
        from("--query-file missing.sql").fails(66).last_error_line(),
        "cannot read the query missing.sql: No such file or directory (os error 2)"
    );
    place.folder.write("q.sql", b"SELECT '\xff'");
    assert_eq!(from("--query-file q.sql").fails(78).last_error_line(), "the query q.sql is not UTF-8");
    from("").fails(2);
    from("--query-file q.sql --query x").fails(2);
}

#[test]
fn only_one_query_that_reads_is_read() {
    let place = Place::new();
    place.sql("CREATE TABLE t (id int); CREATE SEQUENCE s; INSERT INTO t VALUES (1)");
    for (query, message) in [
        ("SELECT 1 AS a; SELECT 2 AS a", "the query is several statements; write one"),
        ("SELECT 1 AS a; DROP TABLE t", "the query is several statements; write one"),
        (
            "DELETE FROM t RETURNING id",
            "the query begins with DELETE; only SELECT, WITH, VALUES and TABLE are read",
        ),
        ("COPY t TO STDOUT", "the query begins with COPY; only SELECT, WITH, VALUES and TABLE are read"),
        (
            "WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone",
            "the query: cannot execute SELECT in a read-only transaction (SQLSTATE 25006)",
        ),
        (
            "SELECT nextval('s') AS n",
            "the query: cannot execute nextval() in a read-only transaction (SQLSTATE 25006)",
        ),
        (
            "SELECT id FROM t FOR UPDATE",
            "the query: cannot execute SELECT FOR UPDATE in a read-only transaction (SQLSTATE 25006)",
        ),
        (
            "SELECT 1 AS a) TO PROGRAM 'touch here' --",
            "the query: syntax error at or near \")\" (SQLSTATE 42601)",
        ),
        ("SELECT missing FROM t", "the query: column \"missing\" does not exist (SQLSTATE 42703)"),
        ("SELECT * FROM missing", "the query: relation \"missing\" does not exist (SQLSTATE 42P01)"),
    ] {
        place.refused(query, "", 78, message);
    }
    assert_eq!(place.rows("SELECT id FROM t"), ["1"]);
    for query in [
        "TABLE t",
        "VALUES (1)",
        "(SELECT 1 AS id)",
        "WITH a AS (SELECT 1 AS id) SELECT * FROM a ; ",
        "SELECT id FROM t -- all",
    ] {
        assert_eq!(lines(&place.extract(query, "")).len(), 1, "{query}");
    }
    // An error of a row that comes late.
    place.refused(
        "SELECT 1 / (1000 - n) AS x FROM generate_series(1, 2000) n",
        "",
        3,
        "the query: division by zero (SQLSTATE 22012)",
    );
}

#[test]
fn the_order_is_that_of_the_query() {
    let place = Place::new();
    let ran = place.extract("SELECT n, n::text::inet AS ip FROM (VALUES ('3.0.0.0'), ('1.0.0.0'), ('2.0.0.0')) v (n) ORDER BY n DESC", "");
    let first: Vec<&str> = lines(&ran).iter().map(|line| &line[..12]).collect();
    assert_eq!(first, [r#"{"n":"3.0.0."#, r#"{"n":"2.0.0."#, r#"{"n":"1.0.0."#]);
}

#[test]
fn who_may_not_is_told_so() {
    let place = Place::new();
    place.sql("CREATE TABLE t (id int)");
    let role = place.space.role("reader", &[&format!("USAGE ON SCHEMA {}", place.schema())]);
    let mut other = Place::of(Server::shared().space());
    other.env = role.env();
    other.refused("SELECT * FROM t", "", 77, "the query: permission denied for table t (SQLSTATE 42501)");
    other.set("PGPASSWORD", "wrong");
    let ran = other.extract("SELECT 1 AS a", "");
    assert!(ran.fails(77).last_error_line().contains("password authentication failed"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("wrong") && !ran.stdout.contains("wrong"), "{}", ran.stderr);
    let mut place = Place::new();
    place.set("PGDATABASE", "missing");
    assert!(
        place
            .extract("SELECT 1 AS a", "")
            .fails(78)
            .last_error_line()
            .contains("database \"missing\" does not exist")
    );
    place.set("PGPORT", "1");
    assert!(place.extract("SELECT 1 AS a", "").fails(75).last_error_line().contains("127.0.0.1:1/missing"));
    // The names that older deployments use.
    let space = Server::shared().space();
    let env = space.env();
    let of =
        |name: &str| env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap();
    let cmd =
        Cmd::new(env!("CARGO_BIN_EXE_extract-postgres")).args(["--query", "SELECT current_user AS role"]);
    let ran = cmd
        .env("DB_HOST", of("PGHOST"))
        .env("POSTGRES_PORT", of("PGPORT"))
        .env("DASHBOARD_DB", of("PGDATABASE"))
        .env("POSTGRES_USER", of("PGUSER"))
        .env("POSTGRES_PASSWORD", of("PGPASSWORD"))
        .run();
    assert_eq!(lines(&ran), [r#"{"role":"postgres"}"#]);
}
