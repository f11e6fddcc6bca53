//! A real PostgreSQL server, with a schema, a database and roles for each test.
//!
//! ```no_run
//! use etl_testkit::postgres::Server;
//! let space = Server::shared().space();
//! space.sql("CREATE TABLE items (id int); INSERT INTO items VALUES (1)");
//! assert_eq!(space.rows("SELECT id, NULL FROM items"), ["1|NULL"]);
//! ```

mod space;
mod watchdog;

use std::env;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, Config, NoTls};
use rcgen::{Issuer, KeyPair};

use crate::DEADLINE;
use crate::http::TlsCert;
use crate::http::tls;

pub use space::{Role, Space};
pub use watchdog::search_path;

pub(crate) use watchdog::Watchdog;

/// The superuser.
pub const USER: &str = "postgres";

/// The superuser's password, which a connection over TCP needs and one over the socket does not.
pub const PASSWORD: &str = "superuser's p%ss/word";

/// The folder with the programs of the PostgreSQL to test, which may be built without TLS.
const BIN: &str = "ETL_TEST_PG_BIN";

/// Where the runner's server is, for the tests it starts.
const FOLDER: &str = "ETL_TEST_PG_FOLDER";
const PORT: &str = "ETL_TEST_PG_PORT";

/// The settings (PostgreSQL, chapter 20) that tests need: no waiting for disks, room for many tests, and the same time
/// zone on all machines.
const SETTINGS: &str = "fsync = off
max_connections = 200
shared_buffers = 128MB
log_min_messages = warning
timezone = 'UTC'
listen_addresses = '127.0.0.1'
unix_socket_directories = '..'
";

const TLS: &str = "ssl = on
ssl_cert_file = '../certificate.pem'
ssl_key_file = '../key.pem'
ssl_ca_file = '../ca.pem'
";

/// Settings for a server of a test's own.
#[derive(Clone, Debug)]
pub struct Options {
    /// The certificate it shows; without one it refuses TLS.
    pub certificate: Option<TlsCert>,
    /// More lines for `postgresql.conf`; the last line for a setting counts.
    pub settings: String,
    /// More lines for `pg_hba.conf`, before its own: the first line that matches counts. They must let the superuser
    /// connect over the socket without a password, which the testkit itself relies on.
    pub hba: String,
}

impl Default for Options {
    fn default() -> Options {
        let certificate = env::var_os(BIN).is_none().then_some(TlsCert::Valid);
        Options { certificate, settings: String::new(), hba: String::new() }
    }
}

/// A running server on `127.0.0.1` and on a socket. It ends, and its folder is removed, when this is dropped or the
/// process that started it ends.
pub struct Server {
    address: Address,
    /// `None` if another process started it.
    own: Option<Own>,
}

/// What only the process that started a server has.
struct Own {
    watchdog: Mutex<Watchdog>,
    issuer: Issuer<'static, KeyPair>,
}

/// A client's certificate and its key, in PEM files that are removed with their server.
#[derive(Clone, Debug)]
pub struct ClientCert {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key, which only its owner can read.
    pub key: PathBuf,
}

/// How to reach a server.
#[derive(Clone, Debug)]
struct Address {
    folder: PathBuf,
    port: u16,
}

impl Server {
    /// The server that all tests share: the one that `cargo xtask test` started, otherwise one that this process starts.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn shared() -> &'static Server {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| match (env::var_os(FOLDER), env::var(PORT)) {
            (Some(folder), Ok(port)) => {
                let address = Address { folder: folder.into(), port: port.parse().expect("a port") };
                Server { address, own: None }
            }
            _ => Server::start(Options::default()),
        })
    }

    /// Starts a server for one test, which stops it or needs settings of its own.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(options: Options) -> Server {
        let issued = tls::issue(options.certificate.unwrap_or(TlsCert::Valid));
        let tls = if options.certificate.is_some() { TLS } else { "" };
        let files = [
            ("password", PASSWORD),
            ("settings.conf", &format!("{SETTINGS}{tls}{}\n", options.settings)),
            ("certificate.pem", &issued.certificate.pem()),
            ("key.pem", &issued.key.serialize_pem()),
            ("ca.pem", &issued.authority),
            ("hba.conf", &format!("{}\n", options.hba)),
        ];
        let mut watchdog = Watchdog::start(&files, "pg_ctl -D data -m immediate -w stop");
        watchdog.run(&format!(
            "initdb -D data -U {USER} --pwfile=password --auth-local=trust --auth-host=scram-sha-256 -E UTF8 \
             --locale=C.UTF-8 --no-sync && echo \"include '../settings.conf'\" >>data/postgresql.conf && \
             cat data/pg_hba.conf >>hba.conf && cp hba.conf data/pg_hba.conf"
        ));
        let Some(port) = on_free_port(|port| watchdog.try_run(&start_command(port))) else {
            panic!("PostgreSQL does not start:\n{}", watchdog.log());
        };
        let address = Address { folder: watchdog.folder().to_owned(), port };
        Server { address, own: Some(Own { watchdog: Mutex::new(watchdog), issuer: issued.issuer }) }
    }

    /// The environment variables by which [`Server::shared`] finds this server in other processes.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        [(FOLDER, self.address.folder.display().to_string()), (PORT, self.address.port.to_string())]
    }

    /// Its address for TCP.
    pub fn addr(&self) -> SocketAddr {
        self.address.tcp()
    }

    /// The folder of its socket.
    pub fn socket_folder(&self) -> &Path {
        &self.address.folder
    }

    /// A PEM file with the authority that signed its certificate (for [`TlsCert::SelfSigned`], an authority that did
    /// not).
    pub fn ca(&self) -> PathBuf {
        self.address.folder.join("ca.pem")
    }

    /// A certificate for clients with this common name, signed by the authority of [`Server::ca`], which the server
    /// trusts.
    ///
    /// # Panics
    /// If another process started the server, or a certificate for this name exists already.
    pub fn client_certificate(&self, name: &str) -> ClientCert {
        let (certificate, key) = tls::issue_client(&self.own().issuer, name);
        let path = |ending| self.address.folder.join(format!("client-{name}{ending}"));
        let files = ClientCert { certificate: path(".pem"), key: path("-key.pem") };
        watchdog::write(&files.certificate, &certificate.pem());
        watchdog::write(&files.key, &key.serialize_pem());
        files
    }

    /// A new schema in the database that tests share; its search path contains no other schema.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn space(&self) -> Space {
        Space::schema_of_its_own(self.address.clone())
    }

    /// A new database, with the schema `public`.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn database(&self) -> Space {
        Space::database_of_its_own(self.address.clone())
    }

    /// Stops it as a crash would (`pg_ctl`, immediate): clients get no notice, and the next start recovers.
    ///
    /// # Panics
    /// If another process started it.
    pub fn stop_immediate(&self) {
        self.control("pg_ctl -D data -m immediate -w stop");
    }

    /// Stops it if it runs, starts it on the same port and waits until it accepts connections.
    ///
    /// # Panics
    /// If another process started it, or it does not start.
    pub fn restart(&self) {
        self.control(&format!("pg_ctl -D data -m fast -w stop; {}", start_command(self.address.port)));
    }

    fn control(&self, command: &str) {
        self.own().watchdog.lock().unwrap_or_else(PoisonError::into_inner).run(command);
    }

    fn own(&self) -> &Own {
        self.own.as_ref().expect("the server was started by this process")
    }
}

fn start_command(port: u16) -> String {
    format!("pg_ctl -D data -w -l server.log -o '-p {port}' start")
}

impl Address {
    fn tcp(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Connects over the socket, as the superuser, under an application name that no component uses.
    fn connect(&self, database: &str, schema: &str) -> Result<Client, postgres::Error> {
        Config::new()
            .host_path(&self.folder)
            .port(self.port)
            .user(USER)
            .dbname(database)
            .application_name("etl-testkit")
            .options(&format!("-c search_path={schema}"))
            .connect(NoTls)
    }
}

/// Tries a few free ports until one works: another process may take a port between the check and its use.
///
/// They lie below those of outgoing connections (`ip_local_port_range`, from 32768); otherwise a restarted server could
/// find its port taken by a client of another test.
pub(crate) fn on_free_port(mut attempt: impl FnMut(u16) -> bool) -> Option<u16> {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let ports = std::iter::repeat_with(|| fastrand::u16(10_000..32_768)).take(1000).filter(free);
    ports.take(3).find(|&port| attempt(port))
}

/// Asks again and again until the answer is yes.
///
/// # Panics
/// If it is not after five minutes; `what` says what never came.
#[track_caller]
pub(crate) fn poll(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < DEADLINE, "{what} never came");
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests;
