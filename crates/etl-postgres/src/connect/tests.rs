//! Connections to real servers.

mod encrypted;
mod psql;
mod refusing;

use std::fs;

use etl_testkit::postgres::{Options, PASSWORD, Server, Space, USER};
use etl_testkit::proxy::{Direction, Ending, Proxy};

use super::*;
use crate::session::Session;
use crate::support::{COMPONENT, file, settings, words};

/// The client of a connection.
fn client(settings: &Settings) -> Result<Client, Fault> {
    connect(settings).map(|(client, _)| client).map_err(Fault::from)
}

/// The settings for working in a space, changed by these variables.
fn settings_for(space: &Space, changes: &[(&str, &str)]) -> Settings {
    let env = space.env();
    let mut pairs: Vec<(&str, &str)> = env.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    pairs.extend(changes);
    settings(&pairs)
}

#[track_caller]
fn connected(space: &Space, changes: &[(&str, &str)]) -> Client {
    client(&settings_for(space, changes)).unwrap_or_else(|fault| panic!("{changes:?}: {}", words(&fault)))
}

/// The message of a connection that fails with this class.
#[track_caller]
fn fails(space: &Space, changes: &[(&str, &str)], class: Class) -> String {
    match client(&settings_for(space, changes)) {
        Ok(_) => panic!("{changes:?}: connected"),
        Err(fault) => {
            assert_eq!(fault.class(), class, "{changes:?}: {}", words(&fault));
            words(&fault)
        }
    }
}

/// The only value of the only row.
#[track_caller]
fn value(client: &mut Client, query: &str) -> String {
    let messages = client.simple_query(query).unwrap();
    let mut rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
        _ => None,
    });
    rows.next().unwrap_or_else(|| panic!("{query}: no row"))
}

/// The port and the host that a client is connected to, as the server sees them.
fn where_to(client: &mut Client) -> String {
    value(client, "SELECT concat(host(inet_server_addr()), ':', inet_server_port())")
}

#[test]
fn a_session_is_as_it_was_asked_for() {
    let space = Server::shared().space();
    let options = format!("-c search_path={} -c work_mem=3MB", space.schema());
    let changes = [
        ("PGAPPNAME", "nightly load"),
        ("PGOPTIONS", options.as_str()),
        ("PGTZ", "Europe/Vienna"),
        ("PGDATESTYLE", "German, DMY"),
        ("PGGEQO", "off"),
    ];
    let mut client = connected(&space, &changes);
    let mut show = |name: &str| value(&mut client, &format!("SHOW {name}"));
    assert_eq!(show("application_name"), "nightly load");
    assert_eq!(show("search_path"), space.schema());
    assert_eq!((show("work_mem"), show("geqo")), ("3MB".to_owned(), "off".to_owned()));
    assert_eq!((show("timezone"), show("datestyle")), ("Europe/Vienna".to_owned(), "German, DMY".to_owned()));
    assert_eq!(show("client_encoding"), "UTF8");
    let pid = value(&mut client, "SELECT pg_backend_pid()");
    let seen = format!("SELECT application_name, datname, usename FROM pg_stat_activity WHERE pid = {pid}");
    assert_eq!(space.rows(&seen), [format!("nightly load|{}|{USER}", space.database())]);
    let own = settings_for(&space, &[("PGAPPNAME", space.schema())]);
    let _session = Session::connect(&own).unwrap_or_else(|error| panic!("{error}"));
    let seen = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{}'", space.schema());
    assert_eq!(space.count(&seen), 1);
}

#[test]
fn a_socket_is_a_folder() {
    let server = Server::shared();
    let space = server.space();
    let folder = server.socket_folder().display().to_string();
    for mode in ["disable", "prefer", "verify-full"] {
        let mut client = connected(&space, &[("PGHOST", &folder), ("PGSSLMODE", mode)]);
        assert_eq!(value(&mut client, "SELECT inet_server_addr()"), "NULL");
        assert_eq!(value(&mut client, "SHOW search_path"), space.schema());
    }
    let url = format!("postgres://{USER}@{}:{}/postgres", folder.replace('/', "%2F"), server.addr().port());
    let mut client = connected(&space, &[("DATABASE_URL", &url)]);
    assert_eq!(value(&mut client, "SELECT current_database()"), "postgres");
}

#[test]
fn the_next_host_is_tried_if_one_is_not_reached() {
    let server = Server::shared();
    let (space, dead) = (server.space(), Proxy::start(server.addr()));
    let folder = server.socket_folder().display().to_string();
    dead.refuse_connections(true);
    let (alive, dead) = (server.addr().port().to_string(), dead.addr().port().to_string());
    let ports = format!("{dead},{alive}");
    let mut client = connected(&space, &[("PGHOST", "127.0.0.1,localhost"), ("PGPORT", &ports)]);
    assert_eq!(where_to(&mut client), format!("127.0.0.1:{alive}"));
    let mut client = connected(&space, &[("PGHOST", "no-such-host.invalid,127.0.0.1")]);
    assert_eq!(where_to(&mut client), format!("127.0.0.1:{alive}"));
    // The first one's socket does not exist; only the second is asked for TLS.
    let ca = server.ca().display().to_string();
    let changes =
        [("PGHOST", "/nonexistent,localhost"), ("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", &ca)];
    assert_eq!(where_to(&mut connected(&space, &changes)), format!("127.0.0.1:{alive}"));
    let mut client = connected(&space, &[("PGHOST", &format!("{folder},127.0.0.1")), ("PGPORT", &alive)]);
    assert_eq!(value(&mut client, "SELECT inet_server_addr()"), "NULL");
    // Each of the addresses of a name, and the address instead of the name.
    let mut client = connected(&space, &[("PGHOST", "no-such-host.invalid"), ("PGHOSTADDR", "127.0.0.1")]);
    assert_eq!(where_to(&mut client), format!("127.0.0.1:{alive}"));
}

#[test]
fn each_host_has_its_own_password() {
    let server = Server::shared();
    let (space, folder) = (server.space(), tempfile::tempdir().unwrap());
    let dead = Proxy::start(server.addr());
    dead.refuse_connections(true);
    let (port, dead) = (server.addr().port(), dead.addr().port());
    let text = format!("127.0.0.1:{dead}:*:*:wrong\n127.0.0.1:{port}:*:{USER}:{PASSWORD}\n");
    let url = format!("postgres://{USER}@127.0.0.1:{dead},127.0.0.1:{port}/postgres");
    let passfile = file(folder.path(), "passfile", &text);
    let mut client = client(&settings(&[("DATABASE_URL", &url), ("PGPASSFILE", &passfile)])).unwrap();
    assert_eq!(where_to(&mut client), format!("127.0.0.1:{port}"));
    drop(space);
}

#[test]
fn the_kind_of_session_is_looked_at() {
    let server = Server::shared();
    let space = server.space();
    let read_only = Server::start(Options {
        settings: "default_transaction_read_only = on".to_owned(),
        ..Options::default()
    });
    let standby = Server::start(Options::default());
    fs::write(standby.socket_folder().join("data/standby.signal"), "").unwrap();
    standby.restart();
    let port = |server: &Server| server.addr().port().to_string();
    let ports = [port(&read_only), port(&standby), port(server)].join(",");
    let folders = [&read_only, &standby, server].map(|server| server.socket_folder().display().to_string());
    let to = |wanted: &'static str| {
        [
            ("PGHOST", folders.join(",")),
            ("PGPORT", ports.clone()),
            ("PGTARGETSESSIONATTRS", wanted.to_owned()),
        ]
    };
    let connect = |wanted| {
        let changes = to(wanted);
        let changes = changes.each_ref().map(|(name, value)| (*name, value.as_str()));
        value(&mut connected(&space, &changes), "SHOW port")
    };
    assert_eq!(connect("any"), port(&read_only));
    assert_eq!(connect("read-write"), port(server));
    assert_eq!(connect("primary"), port(&read_only));
    assert_eq!(connect("read-only"), port(&read_only));
    assert_eq!(connect("standby"), port(&standby));

    let only = |server: &Server, wanted| {
        let (folder, port) = (server.socket_folder().display().to_string(), port(server));
        let changes = [("PGHOST", folder.as_str()), ("PGPORT", &port), ("PGTARGETSESSIONATTRS", wanted)];
        let said = fails(&space, &changes, Class::Config);
        said.strip_prefix(&format!("{folder}:{port}/{}: ", space.database())).unwrap().to_owned()
    };
    assert_eq!(only(&read_only, "read-write"), "session is read-only (target_session_attrs)");
    assert_eq!(only(&standby, "read-write"), "session is read-only (target_session_attrs)");
    assert_eq!(only(&standby, "primary"), "server is in hot standby mode (target_session_attrs)");
    assert_eq!(only(server, "read-only"), "session is not read-only (target_session_attrs)");
    assert_eq!(only(server, "standby"), "server is not in hot standby mode (target_session_attrs)");

    // The primary is away: another run may find it.
    let hosts = format!("{},/nonexistent", folders[0]);
    let changes =
        [("PGHOST", hosts.as_str()), ("PGPORT", &port(&read_only)), ("PGTARGETSESSIONATTRS", "read-write")];
    let said = fails(&space, &changes, Class::Transient);
    assert!(said.contains("session is read-only") && said.contains("No such file or directory"), "{said}");
}
