use std::fs;
use std::net::TcpStream;

use super::*;
use crate::run::{Cmd, Ran, Signal, temp_dir};

/// Asks from another process, over TCP.
fn psql(env: Vec<(String, String)>, query: &str) -> Ran {
    let cmd = env.into_iter().fold(Cmd::new("psql"), |cmd, (name, value)| cmd.env(name, value));
    cmd.args(["-X", "-A", "-t", "-c", query]).run()
}

#[test]
fn a_space_is_its_tests_own_and_is_dropped() {
    let server = Server::shared();
    let (space, other) = (server.space(), server.space());
    space.sql("CREATE TABLE items (id int, price float8, name text, note text)");
    space.sql("INSERT INTO items VALUES (1, 2.5, 'text', NULL), (2, '-0'::float8, '', 'x')");
    assert_eq!(space.rows("SELECT * FROM items ORDER BY id"), ["1|2.5|text|NULL", "2|-0||x"]);
    assert_eq!(space.count("SELECT count(*) FROM items"), 2);
    space.wait_until("SELECT id FROM items ORDER BY id DESC", "2");
    assert_eq!(other.rows("SELECT to_regclass('items')"), ["NULL"]);
    assert_eq!(space.rows("SHOW search_path"), [space.schema()]);
    let same = psql(
        space.env(),
        "SELECT current_schemas(false), current_user, inet_server_addr(), count(*) FROM items",
    );
    assert_eq!(same.ok().stdout, format!("{{{}}}|postgres|127.0.0.1|2\n", space.schema()));
    let wrong = psql([space.env(), vec![("PGPASSWORD".into(), "wrong".into())]].concat(), "SELECT 1");
    assert!(wrong.fails(2).stderr.contains("password authentication failed for user \"postgres\""));

    let (schema, env) = (space.schema().to_owned(), other.env());
    let left = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'");
    assert_eq!(psql(env.clone(), &left).ok().stdout, "1\n");
    drop(space);
    assert_eq!(psql(env, &left).ok().stdout, "0\n");
}

#[test]
fn a_database_is_dropped_although_it_is_in_use() {
    let server = Server::shared();
    let (database, other) = (server.database(), server.space());
    database.sql("CREATE TABLE items AS SELECT 3 AS id");
    assert_eq!(psql(database.env(), "SELECT id FROM public.items").ok().stdout, "3\n");
    let left = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", database.database());
    assert_eq!(other.count(&left), 1);
    let _open = database.connect();
    drop(database);
    assert_eq!(other.count(&left), 0);
}

#[test]
fn a_role_may_do_what_it_was_granted() {
    let space = Server::shared().space();
    space.sql("CREATE TABLE items AS SELECT 4 AS id");
    let grants = [&format!("USAGE, CREATE ON SCHEMA {}", space.schema()), "SELECT ON items"];
    let (role, same_name) = (space.role("reader", &grants), space.role("reader", &[]));
    assert_eq!(psql(role.env(), "SELECT id FROM items").ok().stdout, "4\n");
    assert!(
        psql(role.env(), "DELETE FROM items").fails(1).stderr.contains("permission denied for table items")
    );
    psql(role.env(), "CREATE TABLE own (id int)").ok();
    assert!(
        psql(same_name.env(), "TABLE items").fails(1).stderr.contains("relation \"items\" does not exist")
    );
    let left = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{}'", role.name());
    assert_eq!(space.count(&left), 1);
    drop(role);
    assert_eq!(space.count(&left), 0);
    assert_eq!(space.rows("SELECT to_regclass('own')"), ["NULL"]);
}

fn verified(server: &Server, host: &str) -> Ran {
    let mut env = server.space().env();
    let ca = server.ca().display().to_string();
    env.extend(
        [("PGHOST", host), ("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", &ca)]
            .map(|(n, v)| (n.into(), v.into())),
    );
    psql(env, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
}

#[test]
fn certificates_are_as_told() {
    let shared = Server::shared();
    assert_eq!(verified(shared, "localhost").ok().stdout, "t\n");
    assert_eq!(verified(shared, "127.0.0.1").ok().stdout, "t\n");
    let refused = |certificate| {
        let server = Server::start(Options { certificate, ..Options::default() });
        verified(&server, "localhost").fails(2).stderr.clone()
    };
    assert!(refused(Some(TlsCert::Expired)).contains("certificate verify failed"));
    let wrong = refused(Some(TlsCert::WrongHost));
    assert!(wrong.contains("for \"elsewhere.example\" does not match host name \"localhost\""), "{wrong}");
    assert!(refused(None).contains("server does not support SSL, but SSL was required"));
}

#[test]
fn client_certificates_are_asked_for() {
    let hba = "hostssl all all 127.0.0.1/32 cert".to_owned();
    let server = Server::start(Options { hba, ..Options::default() });
    let psql = |files: Option<ClientCert>| {
        let mut env = server.space().env();
        env.retain(|(name, _)| name != "PGPASSWORD");
        if let Some(file) = files {
            env.push(("PGSSLCERT".to_owned(), file.certificate.display().to_string()));
            env.push(("PGSSLKEY".to_owned(), file.key.display().to_string()));
        }
        psql(env, "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    };
    assert_eq!(psql(Some(server.client_certificate(USER))).ok().stdout, "/CN=postgres\n");
    let other = psql(Some(server.client_certificate("other")));
    assert!(other.fails(2).stderr.contains("certificate authentication failed for user \"postgres\""));
    assert!(psql(None).fails(2).stderr.contains("connection requires a valid client certificate"));
}

#[test]
fn a_server_of_ones_own_is_stopped_and_started_again() {
    let server = Server::start(Options { settings: "work_mem = 3MB".to_owned(), ..Options::default() });
    let space = server.space();
    space.sql("CREATE TABLE items AS SELECT 5 AS id");
    assert_eq!(space.rows("SHOW work_mem"), ["3MB"]);
    assert_eq!(space.rows("SHOW server_encoding; SHOW lc_collate; SHOW fsync"), ["UTF8", "C.UTF-8", "off"]);
    let mut open = space.connect();
    server.stop_immediate();
    assert!(open.simple_query("SELECT 1").is_err() && TcpStream::connect(server.addr()).is_err());
    server.restart();
    assert_eq!(space.rows("SELECT id FROM items"), ["5"]);
    let before = space.rows("SELECT pg_postmaster_start_time()");
    server.restart();
    assert_ne!(space.rows("SELECT pg_postmaster_start_time()"), before);
    let (folder, address) = (server.socket_folder().to_owned(), server.addr());
    drop(server);
    assert!(!folder.exists() && TcpStream::connect(address).is_err());
}

/// The child process of the next test: starts a server, reports where it is, and waits.
#[test]
fn child() {
    let Some(report) = env::var_os("ETL_TEST_REPORT") else { return };
    let server = Server::shared();
    let pid = fs::read_to_string(server.socket_folder().join("data/postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap();
    let folder = server.socket_folder().display();
    fs::write(&report, format!("{folder} {} {pid}\n", server.addr())).unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_killed_process_leaves_no_server() {
    let folder = temp_dir();
    let report = folder.path().join("report");
    let child = Cmd::new(env::current_exe().unwrap())
        .args(["--exact", "postgres::tests::child"])
        .env("ETL_TEST_REPORT", &report)
        .stdin_open()
        .spawn();
    let read = || fs::read_to_string(&report).unwrap_or_default();
    poll("the report of the child", || read().ends_with('\n'));
    let text = read();
    let [folder, address, pid] = text.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{text:?}") };
    let command_line = || fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    assert!(TcpStream::connect(address).is_ok() && !command_line().is_empty());
    child.kill(Signal::KILL);
    child.finish().fails(137);
    poll("the end of the server", || !Path::new(folder).exists());
    // `pg_ctl` waits until the pid file is gone, which is a moment before the process is; the command line of a process
    // that nobody has waited for is empty.
    poll("the end of its process", || command_line().is_empty());
    assert!(TcpStream::connect(address).is_err());
}
