//! COPY FROM STDIN.

use etl_postgres::Session;
use etl_testkit::postgres::Server;

use crate::support::{connections, session};

/// Copies these chunks into a table.
fn copy(session: &Session, chunks: &[&[u8]]) -> Result<u64, etl_postgres::Error> {
    let mut copy = session.copy_in("table t", "COPY t FROM STDIN");
    for chunk in chunks {
        assert!(copy.send(chunk.to_vec())?.is_empty());
    }
    copy.finish()
}

#[test]
fn bytes_become_rows() {
    let space = Server::shared().space();
    let session = session(&space, &[]);
    session.batch("table t", "CREATE TABLE t (id int, name text)").unwrap();
    assert_eq!(copy(&session, &[b"1\ta\n2\t", b"\\N\n3", b"\tb\\nc\n"]).unwrap(), 3);
    assert_eq!(copy(&session, &[]).unwrap(), 0);
    assert_eq!(space.rows("SELECT * FROM t ORDER BY id"), ["1|a", "2|NULL", "3|b\nc"]);
}

#[test]
fn what_the_server_refuses_is_told_with_its_row() {
    let space = Server::shared().space();
    let session = session(&space, &[]);
    session.batch("table t", "CREATE TABLE t (id int)").unwrap();
    let error = copy(&session, &[b"1\n2\nx\n4\n"]).unwrap_err();
    assert_eq!((error.sqlstate(), error.copy_row("t")), (Some("22P02"), Some(3)), "{error}");
    assert_eq!(
        error.about("line 7: table t").message(),
        "line 7: table t: invalid input syntax for type integer: \"x\" (SQLSTATE 22P02)"
    );
    // Also while there is more to send.
    let row = [b'1'; 1 << 16];
    let error = copy(&session, &[&row[..]; 100]).unwrap_err();
    assert_eq!(error.sqlstate(), Some("22003"), "{error}");
    assert_eq!(session.number("table t", "SELECT count(*) FROM t").unwrap(), 0);
}

#[test]
fn a_statement_that_is_wrong_ends_the_connection() {
    let space = Server::shared().space();
    let session = session(&space, &[]);
    let mut copy = session.copy_in("table u", "COPY u FROM STDIN");
    let error = loop {
        match copy.send(b"1\n".to_vec()) {
            Ok(_) => (),
            Err(error) => break error,
        }
    };
    assert_eq!(error.sqlstate(), Some("42P01"), "{error}");
    // No reply is ever taken for the reply to another statement.
    assert!(session.batch("it", "SELECT 1").unwrap_err().is_lost());
    space.wait_until(&connections(&space), "0");
}

#[test]
fn one_that_is_given_up_copies_nothing() {
    let space = Server::shared().space();
    let session = session(&space, &[]);
    session.batch("table t", "CREATE TABLE t (id int)").unwrap();
    let mut copy = session.copy_in("table t", "COPY t FROM STDIN");
    copy.send(b"1\n".to_vec()).unwrap();
    drop(copy);
    assert_eq!(session.number("table t", "SELECT count(*) FROM t").unwrap(), 0);
}
