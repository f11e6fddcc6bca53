//! COPY TO STDOUT.

use std::process::Command;

use etl_component::{Class, Fault};
use etl_postgres::{Error, Session};
use etl_testkit::postgres::{Server, Space};
use etl_testkit::proxy::{Direction, Ending, Proxy};

use crate::support::{connections, session};

/// All bytes of a COPY.
fn copied(session: &mut Session, sql: &str) -> Result<Vec<u8>, Error> {
    let (mut copy, mut bytes) = (session.copy_out("table t", sql), Vec::new());
    while let Some(chunk) = copy.chunk()? {
        assert!(!chunk.is_empty());
        bytes.extend_from_slice(chunk);
    }
    assert!(copy.chunk()?.is_none());
    Ok(bytes)
}

/// What psql prints for the same COPY.
fn printed(space: &Space, sql: &str) -> Vec<u8> {
    let ran = Command::new("psql").args(["-X", "-q", "-c", sql]).envs(space.env()).output().expect("psql");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    ran.stdout
}

/// Checks that a session still works.
#[track_caller]
fn is_usable(session: &mut Session) {
    assert!(matches!(session.number("it", "SELECT 7"), Ok(7)));
    assert!(copied(session, "COPY (SELECT 'x') TO STDOUT").is_ok_and(|bytes| bytes == b"x\n"));
}

#[test]
fn the_bytes_are_those_that_psql_prints() {
    let space = Server::shared().space();
    let mut session = session(&space, &[]);
    space.sql(
        "CREATE TABLE t (id int, text text, bytes bytea, number numeric, at timestamptz, list text[], doc jsonb);
         INSERT INTO t VALUES
           (1, E'tab\\t, \"quote\", back\\\\slash,\\nline, \\r, ä€😀', '\\x00ff5c0a', 1e200, '2026-11-23 02:00+00', '{a,NULL}', '{\"a\": 1.50}'),
           (2, NULL, '', 'NaN', 'infinity', '{}', 'null'), (3, '', NULL, -0.10, NULL, NULL, NULL), (4, '\\N', NULL, 0, NULL, NULL, NULL);
         INSERT INTO t SELECT n, repeat('x', n % 200), NULL, n, NULL, NULL, NULL FROM generate_series(5, 20000) n;
         INSERT INTO t VALUES (20001, repeat('long', 500000));
         CREATE TABLE empty (id int)",
    );
    for format in ["text", "csv", "csv, HEADER, FORCE_QUOTE *", "binary"] {
        for table in ["t", "empty", "(SELECT id, number FROM t ORDER BY id)"] {
            let sql = format!("COPY {table} TO STDOUT (FORMAT {format})");
            let (ours, theirs) = (copied(&mut session, &sql).unwrap(), printed(&space, &sql));
            assert!(ours == theirs, "{sql}: {} bytes, psql prints {}", ours.len(), theirs.len());
        }
    }
    let long = copied(&mut session, "COPY (SELECT text FROM t WHERE id = 20001) TO STDOUT").unwrap();
    assert_eq!(long.len(), 2_000_001);
    is_usable(&mut session);
}

#[test]
fn a_chunk_has_whole_rows() {
    let space = Server::shared().space();
    let mut session = session(&space, &[]);
    let sql = "COPY (SELECT repeat('x', n % 100000) FROM generate_series(1, 30000, 7) n) TO STDOUT";
    let (mut copy, mut chunks) = (session.copy_out("it", sql), 0);
    while let Some(chunk) = copy.chunk().unwrap() {
        assert_eq!(chunk.last(), Some(&b'\n'));
        chunks += 1;
    }
    assert!(chunks > 10, "{chunks}");
}

#[test]
fn an_error_in_the_middle_is_not_an_end() {
    let space = Server::shared().space();
    let mut session = session(&space, &[]);
    let sql = "COPY (SELECT 1 / (100000 - n) FROM generate_series(1, 200000) n) TO STDOUT";
    let mut copy = session.copy_out("table t", sql);
    let mut before = 0;
    let error = loop {
        match copy.chunk() {
            Ok(Some(chunk)) => before += chunk.len(),
            Ok(None) => panic!("an end after {before} bytes"),
            Err(error) => break error,
        }
    };
    assert!(before > 100_000, "{before}");
    assert_eq!((error.sqlstate(), error.is_lost()), (Some("22012"), false));
    assert_eq!(Fault::from(error).message(), "table t: division by zero (SQLSTATE 22012)");
    drop(copy);
    is_usable(&mut session);
    // In a transaction, nothing else can follow it.
    session.batch("it", "BEGIN").unwrap();
    assert!(copied(&mut session, sql).is_err());
    assert_eq!(session.batch("it", "SELECT 1").unwrap_err().sqlstate(), Some("25P02"));
    session.batch("it", "ROLLBACK").unwrap();
    is_usable(&mut session);
}

#[test]
fn a_statement_that_is_wrong() {
    let space = Server::shared().space();
    let mut session = session(&space, &[]);
    let error = copied(&mut session, "COPY missing TO STDOUT").unwrap_err();
    assert_eq!(error.sqlstate(), Some("42P01"));
    assert_eq!(Fault::from(error).message(), "table t: relation \"missing\" does not exist (SQLSTATE 42P01)");
    is_usable(&mut session);
    let fault = Fault::from(copied(&mut session, "SELECT 1").unwrap_err());
    assert_eq!(fault.class(), Class::Protocol, "{fault}");
    is_usable(&mut session);
}

/// Takes one chunk, and fails on it.
fn failing_reader(session: &mut Session, sql: &str) -> Result<(), String> {
    let mut copy = session.copy_out("table t", sql);
    match copy.chunk().map_err(|error| error.to_string())? {
        Some(chunk) => Err(format!("cannot take {}", chunk[0])),
        None => Ok(()),
    }
}

#[test]
fn a_reader_that_fails_ends_the_statement_and_the_connection() {
    let server = Server::shared();
    let space = server.space();
    let folder = server.socket_folder().display().to_string();
    let endless = "COPY (SELECT repeat('x', 1000), generate_series(1, 1000000000000)) TO STDOUT";
    for changes in [&[("PGSSLMODE", "require")][..], &[("PGHOST", &folder)]] {
        let mut session = session(&space, changes);
        assert_eq!(failing_reader(&mut session, endless), Err("cannot take 120".to_owned()));
        let error = session.batch("table u", "SELECT 1").unwrap_err();
        assert!(error.is_lost() && error.is_transient());
        assert_eq!(
            Fault::from(error).message(),
            "table u: the connection was closed because a COPY was given up or refused"
        );
        assert!(copied(&mut session, endless).unwrap_err().is_lost());
        assert!(session.copy_in("it", "COPY t FROM STDIN").finish().unwrap_err().is_lost());
        space.wait_until(&connections(&space), "0");
    }
}

#[test]
fn one_that_has_no_rows_yet_can_be_given_up() {
    let space = Server::shared().space();
    let mut session = session(&space, &[]);
    let copy = session.copy_out("it", "COPY (SELECT pg_sleep(1000)) TO STDOUT");
    let asleep = format!("{} AND wait_event = 'PgSleep'", connections(&space));
    space.wait_until(&asleep, "1");
    drop(copy);
    space.wait_until(&connections(&space), "0");
    assert!(session.batch("it", "").unwrap_err().is_lost());
}

#[test]
fn one_that_has_ended_costs_nobody_the_connection() {
    let space = Server::shared().space();
    let mut session = session(&space, &[]);
    // Its only chunk arrives when the server has sent everything.
    assert!(failing_reader(&mut session, "COPY (SELECT 'x') TO STDOUT").is_err());
    assert!(failing_reader(&mut session, "COPY missing TO STDOUT").is_err());
    is_usable(&mut session);
}

#[test]
fn a_slow_reader_slows_the_server() {
    let space = Server::shared().space();
    let mut session = session(&space, &[]);
    space.sql("CREATE SEQUENCE sent");
    let (rows, bytes) = (300_000, 1000);
    let sql =
        format!("COPY (SELECT nextval('sent'), repeat('x', {bytes}), generate_series(1, {rows})) TO STDOUT");
    let mut copy = session.copy_out("it", sql);
    let mut read = copy.chunk().unwrap().unwrap().len();
    let waits = format!("{} AND wait_event = 'ClientWrite'", connections(&space));
    space.wait_until(&waits, "1");
    // The server has sent no more than is held on the way: the operating system's buffers and a few chunks.
    let sent = space.count("SELECT last_value FROM sent") * bytes;
    assert!(sent < 32 << 20, "{sent} bytes are on their way");
    while let Some(chunk) = copy.chunk().unwrap() {
        read += chunk.len();
    }
    let digits: usize = (1..=rows).map(|n| n.to_string().len()).sum();
    assert_eq!(read, 2 * digits + rows * (bytes as usize + 3));
    drop(copy);
    is_usable(&mut session);
}

#[test]
fn a_connection_that_breaks_is_not_an_end() {
    let server = Server::shared();
    let space = server.space();
    for ending in [Ending::Close, Ending::Reset] {
        let proxy = Proxy::start(server.addr());
        let port = proxy.addr().port().to_string();
        proxy.cut(1, Direction::ToClient, 500_000, ending);
        let mut session = session(&space, &[("PGPORT", &port), ("PGSSLMODE", "disable")]);
        let sql = "COPY (SELECT repeat('x', 100) FROM generate_series(1, 100000)) TO STDOUT";
        let error = copied(&mut session, sql).unwrap_err();
        assert!(error.is_lost() && error.is_transient(), "{error}");
        assert_eq!(Fault::from(error).class(), Class::Transient);
        assert!(session.batch("it", "").unwrap_err().is_lost());
    }
}
