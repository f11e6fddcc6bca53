//! Reading many rows on one thread.

use std::process::Command;

use etl_component::{Class, Env, Fault};
use etl_postgres::reader::Described;
use etl_postgres::{Error, Reader, Settings};
use etl_testkit::postgres::{Server, Space};
use etl_testkit::proxy::{Direction, Ending, Proxy};

use crate::support::connections;

/// A reader in a space, with these variables. Its `application_name` is the name of the space's schema.
#[track_caller]
fn reader(space: &Space, changes: &[(&str, &str)]) -> Reader {
    let env = space.env();
    let mut pairs: Vec<(&str, &str)> = env.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    pairs.extend(changes);
    let settings = Settings::new(&Env::of(&pairs), space.schema()).expect("settings");
    Reader::connect(&settings).unwrap_or_else(|error| panic!("{error}"))
}

/// All bytes of a COPY.
fn copied(reader: &mut Reader, sql: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    reader.copy("table t", sql, |more| {
        assert!(!more.is_empty());
        bytes.extend_from_slice(more);
        Ok::<(), Error>(())
    })?;
    Ok(bytes)
}

#[track_caller]
fn is_usable(reader: &mut Reader) {
    let rows = reader.rows("it", "SELECT 7; SELECT 8").expect("two rows");
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<_>>(), [Some("7"), Some("8")]);
    assert_eq!(copied(reader, "COPY (SELECT 'x') TO STDOUT").expect("a row"), b"x\n");
}

#[test]
fn the_bytes_are_those_that_psql_prints() {
    let server = Server::shared();
    let space = server.space();
    let folder = server.socket_folder().display().to_string();
    space.sql(
        "CREATE TABLE t AS SELECT n, repeat('x', n % 200) AS text, n / 7.0 AS number FROM generate_series(1, 50000) n;
         INSERT INTO t VALUES (0, repeat('long', 500000)); CREATE TABLE empty (id int)",
    );
    for changes in [&[("PGSSLMODE", "require")][..], &[("PGSSLMODE", "disable")], &[("PGHOST", &folder)]] {
        let mut reader = reader(&space, changes);
        for format in ["text", "binary"] {
            for table in ["t", "empty"] {
                let sql = format!("COPY {table} TO STDOUT (FORMAT {format})");
                let mut psql = Command::new("psql");
                let printed =
                    psql.args(["-X", "-q", "-c", &sql]).envs(space.env()).output().expect("psql").stdout;
                assert!(copied(&mut reader, &sql).unwrap() == printed, "{sql}");
            }
        }
        is_usable(&mut reader);
    }
}

#[test]
fn a_statement_is_described() {
    let space = Server::shared().space();
    let mut reader = reader(&space, &[]);
    space.sql("CREATE DOMAIN code AS varchar(7); CREATE TABLE t (id int, code code, price numeric(12,4))");
    let oid = space.count("SELECT 't'::regclass::oid") as u32;
    let statement = reader.prepare("it", "SELECT t.*, now() AS at, id + $1::int FROM t").unwrap();
    let described =
        |name: &str, oid, modifier, origin| Described { name: name.into(), oid, modifier, origin };
    assert_eq!(
        statement.columns,
        [
            described("id", 23, -1, Some((oid, 1))),
            described("code", 1043, 11, Some((oid, 2))),
            described("price", 1700, (12 << 16 | 4) + 4, Some((oid, 3))),
            described("at", 1184, -1, None),
            described("?column?", 23, -1, None),
        ]
    );
    assert_eq!(statement.parameters(), 1);
    for (sql, code) in [("SELECT 1; SELECT 2", "42601"), ("SELECT missing", "42703"), ("SELECT", "")] {
        match reader.prepare("it", sql) {
            Ok(statement) => assert!(code.is_empty() && statement.columns.is_empty(), "{sql}"),
            Err(error) => assert_eq!(error.sqlstate(), Some(code), "{sql}"),
        }
    }
    is_usable(&mut reader);
}

#[test]
fn parameters_are_texts_that_the_server_reads() {
    let space = Server::shared().space();
    let mut reader = reader(&space, &[]);
    let sql = "SELECT n::int4, $2::text, NULL::int, $3::timestamptz FROM generate_series(1, $1::int) n";
    let statement = reader.prepare("it", sql).unwrap();
    let mut rows = Vec::new();
    let text = "'; DROP TABLE t --é";
    reader
        .query("it", &statement, &["2", text, "1999-12-31 23:00-01"], |row| {
            rows.push(row.fields().map(|field| field.map(<[u8]>::to_vec)).collect::<Vec<_>>());
            Ok::<(), Error>(())
        })
        .unwrap();
    let row = |n: i32| vec![Some(n.to_be_bytes().to_vec()), Some(text.into()), None, Some(vec![0; 8])];
    assert_eq!(rows, [row(1), row(2)]);
    let error = reader.query("it", &statement, &["two", "", ""], |_| Ok::<(), Error>(())).unwrap_err();
    assert_eq!(error.sqlstate(), Some("22P02"));
    is_usable(&mut reader);
}

#[test]
fn an_error_in_the_middle_is_not_an_end() {
    let space = Server::shared().space();
    let mut reader = reader(&space, &[]);
    let rows = "SELECT 1 / (100000 - n) FROM generate_series(1, 200000) n";
    let mut before = 0;
    let error = reader.copy("table t", &format!("COPY ({rows}) TO STDOUT"), |bytes| {
        before += bytes.len();
        Ok::<(), Error>(())
    });
    let error = error.unwrap_err();
    assert!(before > 100_000, "{before}");
    assert_eq!((error.sqlstate(), error.is_lost()), (Some("22012"), false));
    assert_eq!(Fault::from(error).message(), "table t: division by zero (SQLSTATE 22012)");
    is_usable(&mut reader);
    let (statement, mut before) = (reader.prepare("it", rows).unwrap(), 0);
    let error = reader.query("table t", &statement, &[], |_| {
        before += 1;
        Ok::<(), Error>(())
    });
    assert_eq!(error.unwrap_err().sqlstate(), Some("22012"));
    assert_eq!(before, 99_999);
    is_usable(&mut reader);
}

#[test]
fn whoever_fails_on_a_row_ends_the_statement() {
    let space = Server::shared().space();
    let mut reader = reader(&space, &[]);
    let endless = "COPY (SELECT repeat('x', 1000), generate_series(1, 1000000000000)) TO STDOUT";
    let failed = reader.copy("it", endless, |_| Err(Fault::data("no more")));
    assert_eq!(failed.unwrap_err().message(), "no more");
    drop(reader);
    space.wait_until(&connections(&space), "0");
}

#[test]
fn a_slow_reader_slows_the_server() {
    let space = Server::shared().space();
    let mut reader = reader(&space, &[]);
    space.sql("CREATE SEQUENCE sent");
    let (rows, bytes) = (300_000, 1000);
    let sql =
        format!("COPY (SELECT nextval('sent'), repeat('x', {bytes}), generate_series(1, {rows})) TO STDOUT");
    let (mut read, mut taken) = (0, 0);
    let waits = format!("{} AND wait_event = 'ClientWrite'", connections(&space));
    reader
        .copy("it", &sql, |row| {
            if read == 0 {
                let look = || {
                    space.wait_until(&waits, "1");
                    space.count("SELECT last_value FROM sent") * bytes
                };
                let sent = std::thread::scope(|scope| scope.spawn(look).join().expect("the number"));
                assert!(sent < 32 << 20, "{sent} bytes are on their way");
            }
            read += row.len();
            taken += 1;
            Ok::<(), Error>(())
        })
        .unwrap();
    assert_eq!(taken, rows);
    is_usable(&mut reader);
}

#[test]
fn a_connection_that_breaks_is_not_an_end() {
    let server = Server::shared();
    let space = server.space();
    let rows = "SELECT repeat('x', 100) FROM generate_series(1, 100000)";
    for ending in [Ending::Close, Ending::Reset] {
        let proxy = Proxy::start(server.addr());
        let port = proxy.addr().port().to_string();
        let changes = [("PGPORT", port.as_str()), ("PGSSLMODE", "disable")];
        proxy.cut(1, Direction::ToClient, 500_000, ending);
        proxy.cut(2, Direction::ToClient, 500_000, ending);
        let copying = copied(&mut reader(&space, &changes), &format!("COPY ({rows}) TO STDOUT"));
        let mut other = reader(&space, &changes);
        let statement = other.prepare("it", rows).unwrap();
        let querying = other.query("it", &statement, &[], |_| Ok::<(), Error>(()));
        for error in [copying.unwrap_err(), querying.unwrap_err(), other.batch("it", "").unwrap_err()] {
            assert!(error.is_lost() && error.is_transient(), "{error}");
            assert_eq!(Fault::from(error).class(), Class::Transient);
        }
    }
}

#[test]
fn another_thread_cancels() {
    let server = Server::shared();
    let space = server.space();
    for tls in ["require", "disable"] {
        let mut reader = reader(&space, &[("PGSSLMODE", tls)]);
        let canceller = reader.canceller();
        let asleep = format!("{} AND wait_event = 'PgSleep'", connections(&space));
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                space.wait_until(&asleep, "1");
                canceller.cancel().unwrap();
            });
            copied(&mut reader, "COPY (SELECT pg_sleep(1000)) TO STDOUT").unwrap_err()
        });
        assert_eq!(error.sqlstate(), Some("57014"));
        assert_eq!(Fault::from(error).class(), Class::Transient);
        is_usable(&mut reader);
    }
}

#[test]
fn what_the_server_says_before_it_hangs_up_is_heard() {
    let space = Server::shared().space();
    let end = connections(&space).replace("count(*)", "count(pg_terminate_backend(pid))");
    for _ in 0..20 {
        let mut reader = reader(&space, &[]);
        let asleep = format!("{} AND wait_event = 'PgSleep'", connections(&space));
        let error = std::thread::scope(|scope| {
            scope.spawn(|| {
                space.wait_until(&asleep, "1");
                space.count(&end);
            });
            copied(&mut reader, "COPY (SELECT pg_sleep(1000)) TO STDOUT").unwrap_err()
        });
        assert_eq!((error.sqlstate(), error.is_lost()), (Some("57P01"), true));
        assert!(reader.batch("it", "").unwrap_err().is_lost());
    }
}
