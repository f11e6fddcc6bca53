use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Instant;

use ::postgres::{Client, Config, NoTls};

use super::*;
use crate::postgres::{PASSWORD, Server, Space, USER};
use crate::run::Cmd;

/// A client of the space through the proxy, which has inserted a row and is about to commit.
fn client(space: &Space, proxy: &Proxy) -> Client {
    let mut client = Config::new()
        .host("127.0.0.1")
        .port(proxy.addr().port())
        .user(USER)
        .password(PASSWORD)
        .dbname(space.database())
        .options(&format!("-c search_path={}", space.schema()))
        .connect(NoTls)
        .unwrap();
    client.batch_execute("BEGIN").unwrap();
    // Its statement is closed without waiting for the answer, so COMMIT is sent before the answer arrives.
    client.execute("INSERT INTO items VALUES (1)", &[]).unwrap();
    client
}

fn setup() -> (Space, Proxy) {
    let server = Server::shared();
    let space = server.space();
    space.sql("CREATE TABLE items (id int)");
    (space, Proxy::start(server.addr()))
}

fn items(space: &Space) -> i64 {
    space.count("SELECT count(*) FROM items")
}

#[test]
fn a_dropped_reply_has_committed() {
    let (space, proxy) = setup();
    proxy.at_commit(AtCommit::DropReply, 1);
    let error = client(&space, &proxy).batch_execute("COMMIT").unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!((items(&space), proxy.commits_met(), proxy.connections()), (1, 1, 1));
    client(&space, &proxy).batch_execute("commit;").unwrap();
    assert_eq!((items(&space), proxy.commits_met(), proxy.connections()), (2, 1, 2));
}

#[test]
fn a_commit_that_is_cut_off_before_has_not_happened() {
    let (space, proxy) = setup();
    proxy.at_commit(AtCommit::CutBefore, 1);
    let mut first = client(&space, &proxy);
    let pid: i32 = first.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    assert!(first.batch_execute("COMMIT").unwrap_err().is_closed());
    space.wait_until(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"), "0");
    assert_eq!((items(&space), proxy.commits_met()), (0, 1));
}

#[test]
fn a_commit_that_is_cut_off_after_happens() {
    let (space, proxy) = setup();
    proxy.at_commit(AtCommit::CutAfter, 2);
    for count in ["1", "2"] {
        assert!(client(&space, &proxy).batch_execute("COMMIT").unwrap_err().is_closed());
        space.wait_until("SELECT count(*) FROM items", count);
    }
    client(&space, &proxy).batch_execute("COMMIT").unwrap();
    assert_eq!((items(&space), proxy.commits_met()), (3, 2));
}

#[test]
fn a_reply_is_held_until_it_is_released() {
    let (space, proxy) = setup();
    proxy.at_commit(AtCommit::HoldReply, 1);
    let mut held = client(&space, &proxy);
    thread::scope(|scope| {
        let commit = scope.spawn(|| held.batch_execute("COMMIT"));
        proxy.wait_for_commits_met(1);
        assert_eq!((items(&space), commit.is_finished()), (1, false));
        proxy.release();
        commit.join().unwrap().unwrap();
    });
    assert_eq!(held.query_one("SELECT 7", &[]).unwrap().get::<_, i32>(0), 7);
}

#[test]
fn a_failed_commit_is_answered_too() {
    let (space, proxy) = setup();
    space
        .sql("ALTER TABLE items ADD UNIQUE (id) DEFERRABLE INITIALLY DEFERRED; INSERT INTO items VALUES (1)");
    proxy.at_commit(AtCommit::HoldReply, 1);
    let mut held = client(&space, &proxy);
    thread::scope(|scope| {
        let commit = scope.spawn(|| held.batch_execute("COMMIT"));
        proxy.wait_for_commits_met(1);
        proxy.release();
        let error = commit.join().unwrap().unwrap_err();
        assert_eq!(error.code().map(::postgres::error::SqlState::code), Some("23505"));
    });
}

#[test]
fn encryption_is_refused_and_a_client_that_prefers_it_goes_on() {
    let (space, proxy) = setup();
    proxy.at_commit(AtCommit::DropReply, 1);
    let psql = |mode: &str| {
        space
            .env()
            .into_iter()
            .fold(Cmd::new("psql"), |cmd, (name, value)| cmd.env(name, value))
            .env("PGPORT", proxy.addr().port().to_string())
            .env("PGSSLMODE", mode)
            .args(["-X", "-q", "-c", "BEGIN", "-c", "INSERT INTO items VALUES (5)", "-c", "COMMIT"])
            .run()
    };
    assert!(psql("require").fails(2).stderr.contains("server does not support SSL"));
    assert!(psql("prefer").fails(2).stderr.contains("server closed the connection unexpectedly"));
    assert_eq!(space.rows("SELECT * FROM items"), ["5"]);
}

/// A listener, and a proxy of it.
fn raw() -> (TcpListener, Proxy) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap());
    (listener, proxy)
}

fn read(mut stream: &TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).err();
    (bytes, error.map(|error| error.kind()))
}

#[test]
fn a_connection_is_cut_after_so_many_bytes() {
    let (listener, proxy) = raw();
    proxy.cut(1, Direction::ToServer, 100_001, Ending::Close);
    proxy.cut(2, Direction::ToClient, 12, Ending::Close);
    proxy.cut(2, Direction::ToClient, 11, Ending::Close);
    proxy.cut(3, Direction::ToClient, 10, Ending::Reset);
    for (ending, expected) in [(None, 0), (None, 11), (Some(ErrorKind::ConnectionReset), 10)] {
        let client = TcpStream::connect(proxy.addr()).unwrap();
        let (server, _) = listener.accept().unwrap();
        if expected == 0 {
            // The end may come while this writes.
            let _ = (&client).write_all(&[b'x'; 200_000]);
            assert_eq!(read(&server), (vec![b'x'; 100_001], None));
            assert!(read(&client).0.is_empty());
        } else {
            let _ = (&server).write_all(&[b'y'; 1000]);
            assert_eq!(read(&client), (vec![b'y'; expected], ending));
            assert_eq!(read(&server), (vec![], ending));
        }
    }
    let client = TcpStream::connect(proxy.addr()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (&client).write_all(&[b'x'; 300_000]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read(&server), (vec![b'x'; 300_000], None));
    (&server).write_all(b"goodbye").unwrap();
    drop(server);
    assert_eq!(read(&client), (b"goodbye".to_vec(), None));
    assert_eq!(proxy.connections(), 4);
}

#[test]
fn connections_are_refused_and_accepted_again() {
    let (listener, proxy) = raw();
    proxy.refuse_connections(true);
    proxy.refuse_connections(true);
    let refused = TcpStream::connect(proxy.addr()).unwrap_err();
    assert_eq!((refused.kind(), proxy.connections()), (ErrorKind::ConnectionRefused, 0));
    proxy.refuse_connections(false);
    let client = TcpStream::connect(proxy.addr()).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!((read(&client), proxy.connections()), ((vec![], None), 1));
}

#[test]
fn bytes_are_delayed() {
    let (listener, proxy) = raw();
    proxy.delay(Duration::from_millis(50));
    let client = TcpStream::connect(proxy.addr()).unwrap();
    let (server, _) = listener.accept().unwrap();
    let started = Instant::now();
    (&client).write_all(b"ping ping").unwrap();
    (&server).read_exact(&mut [0; 9]).unwrap();
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[test]
fn drop_ends_open_connections() {
    let (listener, proxy) = raw();
    let client = TcpStream::connect(proxy.addr()).unwrap();
    let (server, _) = listener.accept().unwrap();
    drop(proxy);
    assert_eq!((read(&client), read(&server)), ((vec![], None), (vec![], None)));
}
