//! Connecting (chapter 34.1.1.3; fe-connect.c, PQconnectPoll): the servers in their order, each at all its addresses,
//! and with `prefer` without TLS where TLS fails.
//!
//! The crate could try the servers by itself, but it goes on to the next one after a refused password, waits forever
//! for a server that accepts and then says nothing, and has one password and one `sslmode` for all of them.

#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use etl_component::{Class, Fault};
use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::{Client, NoTls, SimpleQueryMessage};
use rustls::pki_types::ServerName;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::broken;
use crate::cancel::Canceller;
use crate::error::Error;
use crate::refusal::Refusal;
use crate::settings::{Endpoint, Settings, Wanted};

/// Stands in for a host whose name no certificate can have. It is an address, so it is not sent to the server.
const NO_NAME: &str = "0.0.0.0";

/// Why there is no session with one address.
pub(crate) enum NoSession {
    Broken(postgres::Error),
    Unreachable(io::Error),
    TooLong,
    Unwanted(&'static str),
    System(io::Error),
}

/// A connection of one kind or another.
pub(crate) trait Open: Sized + Send + 'static {
    /// Opens it, with TLS or without.
    fn open(config: &Config, tls: Option<MakeRustlsConnect>) -> Result<Self, NoSession>;

    /// What the server answers to a query.
    fn ask(&mut self, query: &str) -> Result<Vec<SimpleQueryMessage>, postgres::Error>;

    /// A canceller of its statements.
    fn canceller(&self, tls: Option<MakeRustlsConnect>) -> Canceller;
}

impl Open for Client {
    fn open(config: &Config, tls: Option<MakeRustlsConnect>) -> Result<Client, NoSession> {
        let mut config = postgres::Config::from(config.clone());
        config.notice_callback(|notice| log::debug!("{}: {}", notice.severity(), notice.message()));
        let client = match tls {
            Some(tls) => config.connect(tls),
            None => config.connect(NoTls),
        };
        client.map_err(NoSession::Broken)
    }

    fn ask(&mut self, query: &str) -> Result<Vec<SimpleQueryMessage>, postgres::Error> {
        self.simple_query(query)
    }

    fn canceller(&self, tls: Option<MakeRustlsConnect>) -> Canceller {
        Canceller::new(self, tls)
    }
}

/// Connects to the first server that answers and offers the kind of session that was asked for.
///
/// A server that cannot be reached, is starting up, or offers another kind of session is passed over. Any other answer
/// ends the search: a wrong password must not hide behind a second server that is down.
///
/// # Errors
/// 75 if a server could not be reached; 76, 77 or 78 if something is wrong with a server or the credentials.
pub(crate) fn connect<C: Open>(settings: &Settings) -> Result<(C, Canceller), Error> {
    let failed = |refusal| Err(Error::connecting(refusal));
    let tls = match settings.tls.connector() {
        Ok(tls) => tls,
        Err(fault) => return failed(Refusal::without_server(&fault)),
    };
    let search = Search { settings, tls };
    let mut passed = Vec::new();
    for endpoint in search.in_order(settings.hosts.iter().collect()) {
        let addresses = match addresses(endpoint) {
            Ok(addresses) => search.in_order(addresses),
            Err(error) => {
                let name = settings.name_of(endpoint);
                passed.push(Refusal::away(format!("{name}: the host's address cannot be found: {error}")));
                continue;
            }
        };
        for address in addresses {
            match search.attempt(endpoint, address) {
                Ok(session) => return Ok(session),
                Err(refusal) if refusal.is_final() => return failed(refusal.after(&passed)),
                Err(refusal) => passed.push(refusal),
            }
        }
    }
    let none = || Refusal::without_server(&Fault::config("there is no server to connect to"));
    failed(Refusal::of_all(passed).unwrap_or_else(none))
}

struct Search<'a> {
    settings: &'a Settings,
    tls: MakeRustlsConnect,
}

impl Search<'_> {
    fn in_order<T>(&self, mut items: Vec<T>) -> Vec<T> {
        if self.settings.random {
            fastrand::shuffle(&mut items);
        }
        items
    }

    /// Connects to one address, or to the endpoint's socket if there is no address.
    fn attempt<C: Open>(
        &self,
        endpoint: &Endpoint,
        address: Option<IpAddr>,
    ) -> Result<(C, Canceller), Refusal> {
        let mut name = self.settings.name_of(endpoint);
        let mut config = self.settings.config.clone();
        config.port(endpoint.port);
        match address {
            // libpq ignores the TLS settings for sockets.
            None => config.host(&endpoint.host).ssl_mode(SslMode::Disable),
            Some(address) => {
                if address.to_string() != endpoint.host {
                    name += &format!(" ({address})");
                }
                let known = ServerName::try_from(endpoint.host.as_str()).is_ok();
                config.host(if known { &endpoint.host } else { NO_NAME }).hostaddr(address)
            }
        };
        if let Some(password) = &endpoint.password {
            config.password(password.expose());
        }
        let failure = match self.open(&config, address.map(|_| self.tls.clone())) {
            Ok(session) => return Ok(session),
            Err(failure) => failure,
        };
        let first = self.refusal(&name, &failure);
        if config.get_ssl_mode() != SslMode::Prefer || !is_about_tls(&failure) {
            return Err(first);
        }
        match self.open(config.ssl_mode(SslMode::Disable), None) {
            Ok(session) => {
                log::warn!("{}; connected without TLS", first.text());
                Ok(session)
            }
            Err(failure) => Err(self.refusal(&name, &failure).after(&[first])),
        }
    }

    /// Opens one connection. A thread does this, and is left behind if it takes too long: the crate's own limit covers
    /// only the first packet.
    fn open<C: Open>(
        &self,
        config: &Config,
        tls: Option<MakeRustlsConnect>,
    ) -> Result<(C, Canceller), NoSession> {
        let (config, wanted) = (config.clone(), self.settings.wanted);
        let (result, wait) = mpsc::sync_channel(1);
        let open = move || {
            let mut client = C::open(&config, tls.clone())?;
            match objection(wanted, &mut client).map_err(NoSession::Broken)? {
                None => {
                    let canceller = client.canceller(tls);
                    Ok((client, canceller))
                }
                Some(objection) => Err(NoSession::Unwanted(objection)),
            }
        };
        // If it took too long, nobody is waiting any longer.
        let work = move || drop(result.send(open()));
        thread::Builder::new().name("connecting".to_owned()).spawn(work).map_err(NoSession::System)?;
        let received = match self.settings.timeout {
            Some(timeout) => wait.recv_timeout(timeout),
            None => wait.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(NoSession::TooLong),
            Err(RecvTimeoutError::Disconnected) => panic!("the connecting thread is gone"),
        }
    }

    fn refusal(&self, name: &str, failure: &NoSession) -> Refusal {
        match failure {
            NoSession::Broken(error) => Refusal::of(name, error, self.settings.tls.client.is_some()),
            NoSession::Unreachable(error) => Refusal::unreachable(name, error),
            NoSession::TooLong => {
                let seconds = self.settings.timeout.unwrap_or_default().as_secs();
                Refusal::away(format!("{name}: no reply within {seconds} s (connect_timeout)"))
            }
            NoSession::Unwanted(objection) => {
                Refusal::unwanted(format!("{name}: {objection} (target_session_attrs)"))
            }
            NoSession::System(error) => {
                let why = format!("cannot prepare a connection: {error}");
                Refusal::without_server(&Fault::new(Class::Io, why))
            }
        }
    }
}

/// Why the session is not of the kind that is wanted, in the words of libpq.
fn objection(wanted: Wanted, client: &mut impl Open) -> Result<Option<&'static str>, postgres::Error> {
    if wanted == Wanted::Any {
        return Ok(None);
    }
    let query = "SELECT pg_catalog.current_setting('transaction_read_only'), pg_catalog.pg_is_in_recovery()";
    let messages = client.ask(query)?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("on"), row.get(1) == Some("t"))),
        _ => None,
    });
    Ok(rows.into_iter().find_map(|(read_only, standby)| match wanted {
        Wanted::ReadWrite if read_only => Some("session is read-only"),
        Wanted::ReadOnly if !read_only => Some("session is not read-only"),
        Wanted::Primary if standby => Some("server is in hot standby mode"),
        Wanted::Standby if !standby => Some("server is not in hot standby mode"),
        _ => None,
    }))
}

/// The addresses of a server; `None` stands for its socket.
fn addresses(endpoint: &Endpoint) -> io::Result<Vec<Option<IpAddr>>> {
    if endpoint.is_socket() {
        return Ok(vec![None]);
    }
    if endpoint.address.is_some() {
        return Ok(vec![endpoint.address]);
    }
    let found = (endpoint.host.as_str(), endpoint.port).to_socket_addrs()?;
    let mut addresses: Vec<Option<IpAddr>> = found.map(|found| Some(found.ip())).collect();
    addresses.dedup();
    Ok(addresses)
}

/// Whether the server may accept a connection without TLS.
fn is_about_tls(failure: &NoSession) -> bool {
    match failure {
        NoSession::Broken(error) => {
            broken::is_tls(error) || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        }
        _ => false,
    }
}
