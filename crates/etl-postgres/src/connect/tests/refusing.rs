//! Connections that cannot be made.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use etl_testkit::pgbouncer::Bouncer;

use super::*;

#[test]
fn what_the_server_refuses() {
    let space = Server::shared().space();
    let role = space.role("limited", &[]);
    space.sql(&format!("ALTER ROLE {} CONNECTION LIMIT 0", role.name()));
    let name = format!("127.0.0.1:{}/{}", Server::shared().addr().port(), space.database());
    assert_eq!(
        fails(&space, &[("PGPASSWORD", "wrong")], Class::Denied),
        format!("{name}: password authentication failed for user \"postgres\" (SQLSTATE 28P01)")
    );
    assert_eq!(
        fails(&space, &[("PGUSER", "no one")], Class::Denied),
        format!("{name}: password authentication failed for user \"no one\" (SQLSTATE 28P01)")
    );
    let env = space.env();
    let without_password = env.iter().filter(|(name, _)| name != "PGPASSWORD");
    let pairs: Vec<(&str, &str)> = without_password.map(|(name, value)| (&name[..], &value[..])).collect();
    let fault = client(&settings(&pairs)).map(|_| ()).unwrap_err();
    assert_eq!(fault.class(), Class::Denied);
    assert_eq!(
        fault.message(),
        format!(
            "{name}: invalid configuration: password missing (set PGPASSWORD, PGPASSWORD_FILE or PGPASSFILE)"
        )
    );
    assert_eq!(
        fails(&space, &[("PGDATABASE", "nowhere")], Class::Config),
        format!(
            "127.0.0.1:{}/nowhere: database \"nowhere\" does not exist (SQLSTATE 3D000)",
            Server::shared().addr().port()
        )
    );
    let said = fails(&space, &[("PGOPTIONS", "-c no_such_setting=1")], Class::Config);
    assert!(
        said.ends_with("unrecognized configuration parameter \"no_such_setting\" (SQLSTATE 42704)"),
        "{said}"
    );
    let said = fails(&space, &[("PGTZ", "Nowhere/Else")], Class::Config);
    let invalid = "invalid value for parameter \"TimeZone\": \"Nowhere/Else\" (SQLSTATE 22023)";
    assert_eq!(said, format!("{name}: {invalid}"));
    let said = fails(&space, &[("PGDATABASE", "template0")], Class::Config);
    assert!(
        said.ends_with("\"template0\" is not currently accepting connections (SQLSTATE 55000)"),
        "{said}"
    );
    let env = role.env();
    let pairs: Vec<(&str, &str)> = env.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    let fault = client(&settings(&pairs)).map(|_| ()).unwrap_err();
    assert_eq!(fault.class(), Class::Transient);
    assert_eq!(
        fault.message(),
        format!("{name}: too many connections for role \"{}\" (SQLSTATE 53300)", role.name())
    );
}

#[test]
fn a_server_that_is_not_there() {
    let server = Server::shared();
    let (space, dead) = (server.space(), Proxy::start(server.addr()));
    dead.refuse_connections(true);
    let port = dead.addr().port().to_string();
    let said = fails(&space, &[("PGPORT", &port)], Class::Transient);
    assert!(
        said.starts_with(&format!(
            "127.0.0.1:{port}/postgres: error connecting to server: Connection refused"
        )),
        "{said}"
    );
    let said = fails(&space, &[("PGHOST", "no-such-host.invalid"), ("PGPORT", "1")], Class::Transient);
    assert!(
        said.starts_with("no-such-host.invalid:1/postgres: the host's address cannot be found: "),
        "{said}"
    );
    let said = fails(&space, &[("PGHOST", "/nonexistent"), ("PGPORT", "1")], Class::Transient);
    assert!(said.starts_with("/nonexistent:1/postgres: error connecting to server: No such file"), "{said}");
    // The message says what is wrong with each of them.
    let ports = format!("1,{port}");
    let said = fails(&space, &[("PGHOST", "/nonexistent,127.0.0.1"), ("PGPORT", &ports)], Class::Transient);
    assert!(
        said.contains("No such file") && said.contains("; 127.0.0.1:") && said.contains("refused"),
        "{said}"
    );
}

#[test]
fn a_refused_password_ends_the_search() {
    let server = Server::shared();
    let (space, dead) = (server.space(), Proxy::start(server.addr()));
    dead.refuse_connections(true);
    let ports = format!("{},{}", server.addr().port(), dead.addr().port());
    let two = ("PGHOST", "127.0.0.1,127.0.0.1");
    let said = fails(&space, &[two, ("PGPORT", &ports), ("PGPASSWORD", "wrong")], Class::Denied);
    assert!(
        said.ends_with("password authentication failed for user \"postgres\" (SQLSTATE 28P01)"),
        "{said}"
    );
    // The message also says what was passed over before.
    let ports = format!("{},{}", dead.addr().port(), server.addr().port());
    let said = fails(&space, &[two, ("PGPORT", &ports), ("PGPASSWORD", "wrong")], Class::Denied);
    assert!(said.contains("Connection refused") && said.ends_with("(SQLSTATE 28P01)"), "{said}");
}

#[test]
fn a_server_that_says_nothing() {
    let space = Server::shared().space();
    // The operating system accepts the connection on its behalf.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, timeout) = (silent.local_addr().unwrap().port().to_string(), ("PGCONNECT_TIMEOUT", "1"));
    assert_eq!(
        fails(&space, &[("PGPORT", &port), timeout], Class::Transient),
        format!("127.0.0.1:{port}/postgres: no reply within 1 s (connect_timeout)")
    );
    let two = [("PGHOST", "127.0.0.1,/nonexistent"), ("PGPORT", &port), timeout];
    let said = fails(&space, &two, Class::Transient);
    assert!(said.contains("no reply within 1 s") && said.contains("No such file"), "{said}");
}

#[test]
fn a_connection_that_breaks_at_the_start() {
    let server = Server::shared();
    let (space, proxy) = (server.space(), Proxy::start(server.addr()));
    let port = proxy.addr().port().to_string();
    let mut number = 0;
    for (direction, after) in [(Direction::ToServer, 0), (Direction::ToClient, 1), (Direction::ToClient, 30)]
    {
        for ending in [Ending::Close, Ending::Reset] {
            number += 1;
            proxy.cut(number, direction, after, ending);
            fails(&space, &[("PGPORT", &port)], Class::Transient);
            assert_eq!(proxy.connections(), number);
        }
    }
}

#[test]
fn a_server_that_starts_up() {
    let server = Server::shared();
    let starting = Server::start(Options { settings: "hot_standby = off".to_owned(), ..Options::default() });
    fs::write(starting.socket_folder().join("data/standby.signal"), "").unwrap();
    starting.restart();
    let (space, port) = (server.space(), starting.addr().port().to_string());
    let said = fails(&space, &[("PGPORT", &port)], Class::Transient);
    assert!(said.contains("the database system is ") && said.ends_with("(SQLSTATE 57P03)"), "{said}");
    let ports = format!("{port},{}", server.addr().port());
    let mut client = connected(&space, &[("PGHOST", "127.0.0.1,127.0.0.1"), ("PGPORT", &ports)]);
    assert_eq!(value(&mut client, "SHOW port"), server.addr().port().to_string());
}

#[test]
fn a_server_of_another_kind() {
    let space = Server::shared().space();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        for client in other.incoming().flatten() {
            // ReadyForQuery, which comes too early, whatever the client said.
            let _ = (&client).write_all(b"Z\0\0\0\x05I");
            // It stays open until the client is gone.
            let _ = (&client).read_to_end(&mut Vec::new());
        }
    });
    let said = fails(&space, &[("PGPORT", &port), ("PGSSLMODE", "disable")], Class::Protocol);
    assert!(said.ends_with("unexpected message from server"), "{said}");
    let said = fails(&space, &[("PGPORT", &port), ("PGSSLMODE", "require")], Class::Config);
    assert!(
        said.ends_with("server does not support TLS (sslmode require and stricter modes need it)"),
        "{said}"
    );
}

#[test]
fn pgbouncer_in_transaction_mode() {
    let server = Server::shared();
    let space = server.database();
    let bouncer = Bouncer::start(server, "transaction");
    let env = bouncer.env(&space);
    let with = |changes: &[(&str, &str)]| {
        let mut pairs: Vec<(&str, &str)> = env.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        pairs.extend(changes);
        client(&settings(&pairs))
    };
    let name = format!("127.0.0.1:{}/{}", bouncer.addr().port(), space.database());
    let mut client = with(&[("PGTARGETSESSIONATTRS", "read-write")]).unwrap();
    assert_eq!(value(&mut client, "SELECT current_database()"), space.database());
    assert_eq!(value(&mut client, "SHOW application_name"), COMPONENT);
    let refused = |changes: &[(&str, &str)], class| {
        let fault = with(changes).map(|_| ()).unwrap_err();
        assert_eq!(fault.class(), class, "{fault}");
        fault.to_string()
    };
    for (variable, value) in
        [("PGOPTIONS", "-c work_mem=3MB"), ("PGTZ", "UTC"), ("PGDATESTYLE", "ISO"), ("PGGEQO", "on")]
    {
        assert_eq!(
            refused(&[(variable, value)], Class::Config),
            format!(
                "{name}: unsupported startup parameter: options (SQLSTATE 08P01) (PGOPTIONS, PGTZ, PGDATESTYLE \
                 and PGGEQO cannot be used through pgbouncer)"
            )
        );
    }
    let failed = format!("{name}: SASL authentication failed (SQLSTATE 08P01)");
    assert_eq!(refused(&[("PGPASSWORD", "wrong")], Class::Denied), failed);
    assert_eq!(refused(&[("PGUSER", "stranger")], Class::Denied), failed);
    let said = refused(&[("PGDATABASE", "nowhere")], Class::Config);
    assert!(said.ends_with("/nowhere: database \"nowhere\" does not exist (SQLSTATE 08P01)"), "{said}");
}
