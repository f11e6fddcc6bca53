//! psql as the judge: given the same variables, psql and we ask the same server for the same thing.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use etl_testkit::run::Cmd;

use super::*;

/// What a client says at the start, its password, and where it connected.
#[derive(Debug, PartialEq)]
struct Asked {
    parameters: BTreeMap<String, String>,
    password: Option<String>,
    by: &'static str,
}

/// A server that asks for the password and refuses it.
struct Server {
    port: u16,
    folder: tempfile::TempDir,
    asked: Receiver<Asked>,
}

impl Server {
    fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        let socket = UnixListener::bind(folder.path().join(format!(".s.PGSQL.{port}"))).unwrap();
        let (of_tcp, asked) = mpsc::channel();
        let of_socket = of_tcp.clone();
        // These threads end with the process.
        thread::spawn(move || {
            for client in tcp.incoming() {
                let _ = of_tcp.send(serve(client.unwrap(), "TCP").unwrap());
            }
        });
        thread::spawn(move || {
            for client in socket.incoming() {
                let _ = of_socket.send(serve(client.unwrap(), "socket").unwrap());
            }
        });
        Server { port, folder, asked }
    }

    /// The next request that it received; `said` is what the client printed at the end.
    #[track_caller]
    fn next(&self, said: &str) -> Asked {
        let asked = self.asked.recv_timeout(Duration::from_secs(60));
        asked.unwrap_or_else(|_| panic!("nobody asked: {said}"))
    }

    /// Fills in this server where a test's variables refer to it.
    fn fill_in(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let text = text.replace("{port}", &self.port.to_string()).replace("{folder}", &folder);
        text.replace("{encoded}", &folder.replace('/', "%2F"))
    }
}

/// The start of the protocol (chapter 55.2.1).
fn serve(mut client: impl Read + Write, by: &'static str) -> io::Result<Asked> {
    let mut start = message(&mut client)?;
    // Requests for encryption, by TLS and by GSSAPI, are declined.
    while [80_877_103, 80_877_104].map(i32::to_be_bytes).iter().any(|code| start.starts_with(code)) {
        client.write_all(b"N")?;
        start = message(&mut client)?;
    }
    let mut words =
        start[4..].split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    let mut parameters = BTreeMap::new();
    while let Some(word) = words.next().filter(|word| !word.is_empty()) {
        parameters.insert(word, words.next().unwrap());
    }
    client.write_all(b"R\0\0\0\x08\0\0\0\x03")?;
    let mut kind = [0];
    if client.read(&mut kind)? == 0 {
        return Ok(Asked { parameters, password: None, by });
    }
    let password = String::from_utf8_lossy(&message(&mut client)?).trim_end_matches('\0').to_owned();
    let refusal = b"SFATAL\0C28P01\0Mrefused\0\0";
    client.write_all(b"E")?;
    client.write_all(&(refusal.len() as u32 + 4).to_be_bytes())?;
    client.write_all(refusal)?;
    Ok(Asked { parameters, password: Some(password), by })
}

fn message(client: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    client.read_exact(&mut body)?;
    Ok(body)
}

/// Lets psql and us connect, and compares.
#[track_caller]
fn both_ask(server: &Server, pairs: &[(&str, &str)]) -> Asked {
    let pairs: Vec<(&str, String)> =
        pairs.iter().map(|&(name, value)| (name, server.fill_in(value))).collect();
    let mut psql = Cmd::new("psql").args(["-X", "-w", "-c", "SELECT 1"]);
    for (name, value) in &pairs {
        psql = match *name {
            "DATABASE_URL" => psql.args(["-d", value]),
            _ => psql.env(name, value),
        };
    }
    let ran = psql.env("PGSSLMODE", "disable").env("PGGSSENCMODE", "disable").run();
    ran.fails(2);
    let mut theirs = server.next(&ran.stderr);
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let fault = client(&settings(&pairs)).map(|_| ()).unwrap_err();
    assert_eq!(fault.class(), Class::Denied, "{fault}");
    let mut ours = server.next(fault.message());
    // Each has an application_name of its own, and we always speak UTF-8.
    for (asked, name) in [(&mut theirs, "psql"), (&mut ours, COMPONENT)] {
        asked.parameters.remove("client_encoding");
        asked.parameters.retain(|word, value| word != "application_name" || value != name);
    }
    assert_eq!(ours, theirs, "{pairs:?}");
    ours
}

#[test]
fn we_ask_for_what_psql_asks_for() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let services = "[all]\nhost=127.0.0.1\nport={port}\nuser=of service\npassword=p of service\n\
                    [some]\nhost=127.0.0.1\n[other]\n  dbname=d of service  \n#user=no\nport={port}\n";
    let services = file(folder.path(), "services", &server.fill_in(services));
    let passfile = "# a comment:1:1:1:1\n\nlocalhost:*:*:*:by socket\n127.0.0.1:{port}:d\\:b:*:col\\:on\\\\:rest\n\
                    127.0.0.1:*:*:u\\*:star\n127.0.0.1:1:*:*:no\n*:{port}:*:wild:by wildcard\nempty:*:*:*:\n\
                    127.0.0.1:{port}:none:none:\n127.0.0.1:*:none:*:no\n{folder}:*:*:*:by folder\n";
    let passfile = file(folder.path(), "passfile", &server.fill_in(passfile));
    let home = folder.path().display().to_string();
    let (services, passfile) = (("PGSERVICEFILE", services.as_str()), ("PGPASSFILE", passfile.as_str()));
    let (home, tcp, port) = (("HOME", home.as_str()), ("PGHOST", "127.0.0.1"), ("PGPORT", "{port}"));
    let url = |url| ("DATABASE_URL", url);
    let cases: [&[(&str, &str)]; 28] = [
        &[tcp, port, ("PGUSER", "u")],
        &[tcp, port, ("PGUSER", "u"), ("PGDATABASE", "d"), ("PGPASSWORD", "p"), ("PGAPPNAME", "a")],
        &[tcp, port, ("PGUSER", "u"), ("PGOPTIONS", "-c a=b"), ("PGDATABASE", "")],
        &[("PGHOSTADDR", "127.0.0.1"), ("PGHOST", "no.example"), port, ("PGUSER", "u")],
        &[("PGHOST", "{folder}"), port, ("PGUSER", "u"), ("PGPASSWORD", "p")],
        &[url("postgres://u:p@127.0.0.1:{port}/d?application_name=a%20b")],
        &[url("postgres://u%40x:p%3a%2F@127.0.0.1:{port}/d%2Fe%3F?options=-c%20a%3Db")],
        &[url("postgres://u:@127.0.0.1:{port}"), ("PGPASSWORD", "p"), ("PGDATABASE", "d"), ("PGUSER", "no")],
        &[url("postgresql://127.0.0.1:{port}/d/e?user=u&password=p&"), ("PGPASSWORD", "no")],
        &[url("postgres://u:a:b?c@127.0.0.1:{port}/?"), ("PGDATABASE", "")],
        &[url("postgres://u:p@{encoded}:{port}/d")],
        &[url("postgres:///d?host={folder}&port={port}&user=u"), ("PGHOST", "no.example")],
        &[url("postgres://u@127.0.0.1:1,127.0.0.1:{port}/d")],
        &[url("postgres://u@/d?host=127.0.0.1,{folder}&port=1,{port}")],
        &[url("host=127.0.0.1 port={port} user=u dbname='d e' password='p \\'\\\\'")],
        &[url(" host = 127.0.0.1 port={port} user=u\\ v dbname=d'e password=p\\'q ")],
        &[url("host=127.0.0.1 port='{port}'user=u dbname=no dbname=d")],
        &[url("user= host=x host=127.0.0.1 port={port}")],
        &[services, ("PGSERVICE", "all"), ("PGUSER", "no"), ("PGPASSWORD", "no"), ("PGDATABASE", "d")],
        &[services, url("service=all user=u"), tcp, ("PGPORT", "1")],
        &[services, ("PGSERVICE", "some"), port, ("PGUSER", "u")],
        &[services, ("PGSERVICE", "other"), tcp, ("PGUSER", "u")],
        &[passfile, tcp, port, ("PGUSER", "u"), ("PGDATABASE", "d:b")],
        &[passfile, tcp, port, ("PGUSER", "u*")],
        &[passfile, tcp, port, ("PGUSER", "wild")],
        &[passfile, tcp, port, ("PGUSER", "none")],
        &[passfile, ("PGHOST", "{folder}"), port, ("PGUSER", "u")],
        &[home, passfile, url("postgres://wild:p@127.0.0.1:{port}"), ("PGDATABASE", "x")],
    ];
    let asked: Vec<Asked> = cases.iter().map(|pairs| both_ask(&server, pairs)).collect();
    let user = |asked: &Asked| asked.parameters["user"].clone();
    assert_eq!((user(&asked[6]), asked[6].password.as_deref()), ("u@x".to_owned(), Some("p:/")));
    assert_eq!(
        (user(&asked[18]), asked[18].password.as_deref()),
        ("of service".to_owned(), Some("p of service"))
    );
    assert_eq!(asked[22].password.as_deref(), Some("col:on\\"));
    assert_eq!((asked[25].password.as_deref(), asked[26].by), (None, "socket"));
}
