//! Statements, and what becomes of those that fail.

use std::thread;

use etl_component::{Class, Fault};
use etl_postgres::types::Types;
use etl_postgres::{Kind, Session};
use etl_testkit::postgres::Server;
use etl_testkit::proxy::{Direction, Ending, Proxy};

use crate::support::{connections, session};

/// The first value of a query.
#[track_caller]
fn value(session: &Session, sql: &str) -> String {
    let rows = session.rows("a query", sql).unwrap_or_else(|error| panic!("{error}"));
    rows[0].get(0).unwrap_or("NULL").to_owned()
}

#[test]
fn statements_tell_rows_and_counts() {
    let space = Server::shared().space();
    let session = session(&space, &[]);
    session.batch("table t", "CREATE TABLE t (id int, name text)").unwrap();
    let insert = "INSERT INTO t VALUES (1, 'a'), (2, NULL); UPDATE t SET name = 'b' WHERE id = 1";
    assert_eq!(session.counts("table t", insert).unwrap(), [2, 1]);
    assert_eq!(session.count("table t", "DELETE FROM t WHERE id = 3").unwrap(), 0);
    assert_eq!(session.number("table t", "SELECT count(*) FROM t").unwrap(), 2);
    let results = session.results("table t", "SELECT 1; SELECT id, name FROM t ORDER BY id").unwrap();
    assert_eq!((results.len(), results[1][0].get("name"), results[1][1].get("name")), (2, Some("b"), None));
    // Something that is not a number is not taken for 0.
    for sql in ["SELECT 'x'", "SELECT 1 WHERE false", "SELECT NULL"] {
        let fault = Fault::from(session.number("table t", sql).unwrap_err());
        assert_eq!(fault.class(), Class::Protocol);
        assert_eq!(fault.message(), "table t: the server does not answer as PostgreSQL does");
    }
}

#[test]
fn an_error_says_what_can_be_done() {
    let space = Server::shared().space();
    let session = session(&space, &[]);
    session.batch("table t", "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").unwrap();
    let error = session.batch("table t", "INSERT INTO t VALUES (1)").unwrap_err();
    assert_eq!((error.sqlstate(), error.is_data()), (Some("23505"), true));
    assert!(!error.is_lost() && !error.is_transient() && !error.is_rolled_back());
    let fault = Fault::from(error);
    assert_eq!(fault.class(), Class::Data);
    assert!(
        fault.message().starts_with("table t: duplicate key value violates unique constraint \"t_pkey\"")
    );
    assert!(fault.message().ends_with("(SQLSTATE 23505)"), "{fault}");

    let other = crate::support::session(&space, &[]);
    other.batch("table t", "BEGIN; LOCK TABLE t").unwrap();
    let error = session.batch("table t", "BEGIN; LOCK TABLE t NOWAIT").unwrap_err();
    assert!(error.is_lock_timeout() && error.is_transient() && !error.is_lost(), "{error}");
    session.batch("table t", "ROLLBACK").unwrap();

    let error = session.batch("it", "DO 'BEGIN RAISE SQLSTATE ''40001''; END'").unwrap_err();
    assert!(error.is_rolled_back() && error.is_transient(), "{error}");
    let pid = value(&session, "SELECT pg_backend_pid()");
    let error = session.batch("it", &format!("SELECT pg_terminate_backend({pid})")).unwrap_err();
    assert!(error.is_lost() && error.is_transient(), "{error}");
    assert!(session.batch("it", "").unwrap_err().is_lost());
}

#[test]
fn a_connection_that_breaks_is_lost() {
    let server = Server::shared();
    let (space, proxy) = (server.space(), Proxy::start(server.addr()));
    let port = proxy.addr().port().to_string();
    let session = session(&space, &[("PGPORT", &port), ("PGSSLMODE", "disable")]);
    proxy.cut(1, Direction::ToServer, 0, Ending::Close);
    let error = session.batch("it", "SELECT 1").unwrap_err();
    assert!(error.is_lost() && error.is_transient() && error.sqlstate().is_none(), "{error}");
}

#[test]
fn a_statement_is_ended_from_another_thread() {
    let server = Server::shared();
    let space = server.space();
    let folder = server.socket_folder().display().to_string();
    for changes in [&[("PGSSLMODE", "require")][..], &[("PGHOST", &folder)]] {
        let session = session(&space, changes);
        let canceller = session.canceller();
        let seen = format!("{} AND wait_event = 'PgSleep'", connections(&space));
        thread::scope(|scope| {
            scope.spawn(|| {
                space.wait_until(&seen, "1");
                canceller.cancel().unwrap_or_else(|error| panic!("{error}"));
            });
            let error = session.batch("it", "SELECT pg_sleep(1000)").unwrap_err();
            assert_eq!((error.sqlstate(), error.is_lost()), (Some("57014"), false), "{error}");
            assert_eq!(Fault::from(error).class(), Class::Transient);
        });
        assert_eq!(value(&session, "SELECT 1"), "1");
    }
}

#[test]
fn types_that_are_defined_are_seen_through() {
    let space = Server::shared().space();
    let session = session(&space, &[]);
    let sql = "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN moods AS mood[]; CREATE DOMAIN code AS varchar(3);
               CREATE TYPE pair AS (a int, b int)";
    session.batch("types", sql).unwrap();
    let oid = |name: &str| session.number("types", &format!("SELECT '{name}'::regtype::oid")).unwrap() as u32;
    let (mood, moods, code, pair) = (oid("mood"), oid("moods"), oid("code"), oid("pair"));
    let types = Types::of(&session, "types", [23, mood, moods, code, pair]).unwrap();
    let labels = Kind::Enum(vec!["sad".to_owned(), "ok".to_owned()]);
    assert_eq!(types.kind(23, -1), Kind::Int(4));
    assert_eq!(types.kind(mood, -1), labels);
    assert_eq!(types.kind(moods, -1), Kind::Array(Box::new(labels), mood));
    assert_eq!(types.kind(code, -1), Kind::Text(Some(3)));
    assert_eq!(types.kind(pair, -1), Kind::Other);
}
