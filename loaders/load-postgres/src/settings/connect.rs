//! Connecting (chapter 34.1.1.3; fe-connect.c, PQconnectPoll): every server in its order, every address of it, and for
//! `prefer` without TLS where that does not come about.
//!
//! The crate could try the servers by itself, but it goes on to the next after a refused password, waits for ever for a
//! server that accepts and then says nothing, and has one password and one `sslmode` for all of them.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use etl_component::{Class, Fault};
use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};
use rustls::pki_types::ServerName;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Settings;
use super::hosts::Endpoint;
use crate::fault;

/// Stands for a host whose name no certificate can have. As an address, it is not sent to the server.
const NO_NAME: &str = "0.0.0.0";

/// What a session must be like: `target_session_attrs`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wanted {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
}

impl Wanted {
    /// Why a session is not wanted, in the words of libpq.
    fn objection(self, client: &mut Client) -> Result<Option<&'static str>, Error> {
        if self == Wanted::Any {
            return Ok(None);
        }
        let query =
            "SELECT pg_catalog.current_setting('transaction_read_only'), pg_catalog.pg_is_in_recovery()";
        let messages = client.simple_query(query)?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((row.get(0) == Some("on"), row.get(1) == Some("t"))),
            _ => None,
        });
        Ok(rows.into_iter().find_map(|(read_only, standby)| match self {
            Wanted::ReadWrite if read_only => Some("session is read-only"),
            Wanted::ReadOnly if !read_only => Some("session is not read-only"),
            Wanted::Primary if standby => Some("server is in hot standby mode"),
            Wanted::Standby if !standby => Some("server is not in hot standby mode"),
            _ => None,
        }))
    }
}

/// Why there is no connection.
enum Failure {
    Broken(Error),
    TooLong,
    Unwanted(&'static str),
    NoThread(io::Error),
}

impl Settings {
    /// Connects to the first server that answers and has the session that was asked for.
    ///
    /// A server that is not reached, that starts up or has another kind of session is passed over. Any other answer ends
    /// the search: a wrong password must not hide behind a second server that is down.
    ///
    /// # Errors
    /// 75 if a server was not reached, 76, 77 or 78 for what is wrong with one or with the credentials.
    pub(crate) fn connect(&self) -> Result<Client, Fault> {
        let tls = self.tls.connector()?;
        let mut faults = Vec::new();
        for endpoint in self.in_order(self.hosts.iter().collect()) {
            let addresses = match addresses(endpoint) {
                Ok(addresses) => self.in_order(addresses),
                Err(error) => {
                    let why =
                        format!("{}: the host's address cannot be found: {error}", self.name_of(endpoint));
                    faults.push(Fault::new(Class::Transient, why));
                    continue;
                }
            };
            for address in addresses {
                match self.attempt(endpoint, address, &tls) {
                    Ok(client) => return Ok(client),
                    Err(Refusal { fault, last: true }) => return Err(together(fault.class(), faults, fault)),
                    Err(Refusal { fault, .. }) => faults.push(fault),
                }
            }
        }
        let Some(fault) = faults.pop() else { return Err(Fault::config("there is no server to connect to")) };
        let transient = faults.iter().any(|fault| fault.class() == Class::Transient);
        let class = if transient { Class::Transient } else { fault.class() };
        Err(together(class, faults, fault))
    }

    fn in_order<T>(&self, mut items: Vec<T>) -> Vec<T> {
        if self.random {
            fastrand::shuffle(&mut items);
        }
        items
    }

    /// Connects to one address, or to the socket of an endpoint that has none.
    fn attempt(
        &self,
        endpoint: &Endpoint,
        address: Option<IpAddr>,
        tls: &MakeRustlsConnect,
    ) -> Result<Client, Refusal> {
        let mut name = self.name_of(endpoint);
        let mut config = self.config.clone();
        config.port(endpoint.port);
        match address {
            // libpq ignores what is asked about TLS over sockets.
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
        let failure = match self.open(&config, address.map(|_| tls.clone())) {
            Ok(client) => return Ok(client),
            Err(failure) => failure,
        };
        let first = self.refusal(&name, &failure);
        if config.get_ssl_mode() != SslMode::Prefer || !is_about_tls(&failure) {
            return Err(first);
        }
        match self.open(config.ssl_mode(SslMode::Disable), None) {
            Ok(client) => {
                log::warn!("{}; connected without TLS", first.fault);
                Ok(client)
            }
            Err(failure) => {
                let Refusal { fault, last } = self.refusal(&name, &failure);
                Err(Refusal { fault: together(fault.class(), vec![first.fault], fault), last })
            }
        }
    }

    /// Opens one connection. It is done on a thread, which is left behind if it takes too long: the crate's own limit is
    /// for the first packet only.
    fn open(&self, config: &Config, tls: Option<MakeRustlsConnect>) -> Result<Client, Failure> {
        let (config, wanted) = (config.clone(), self.wanted);
        let (result, wait) = mpsc::sync_channel(1);
        let open = move || {
            let client = match tls {
                Some(tls) => config.connect(tls),
                None => config.connect(NoTls),
            };
            let mut client = client.map_err(Failure::Broken)?;
            match wanted.objection(&mut client).map_err(Failure::Broken)? {
                None => Ok(client),
                Some(objection) => Err(Failure::Unwanted(objection)),
            }
        };
        // Nobody waits any more if it took too long.
        let work = move || drop(result.send(open()));
        thread::Builder::new().name("connecting".to_owned()).spawn(work).map_err(Failure::NoThread)?;
        let received = match self.timeout {
            Some(timeout) => wait.recv_timeout(timeout),
            None => wait.recv().map_err(RecvTimeoutError::from),
        };
        match received {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(Failure::TooLong),
            Err(RecvTimeoutError::Disconnected) => panic!("the connecting thread is gone"),
        }
    }

    fn refusal(&self, name: &str, failure: &Failure) -> Refusal {
        match failure {
            Failure::Broken(error) => {
                let mut fault = fault::connecting(name, error);
                if self.tls.client.is_some() && fault::is_hang_up(error) {
                    let hint = "perhaps the server refuses the client certificate, PGSSLCERT";
                    fault = Fault::new(fault.class(), format!("{fault} ({hint})"));
                }
                let last = match error.code() {
                    Some(code) => *code != SqlState::CANNOT_CONNECT_NOW,
                    None => fault.class() != Class::Transient,
                };
                Refusal { fault, last }
            }
            Failure::TooLong => {
                let seconds = self.timeout.unwrap_or_default().as_secs();
                let why = format!("{name}: no answer within {seconds} seconds (connect_timeout)");
                Refusal { fault: Fault::new(Class::Transient, why), last: false }
            }
            Failure::Unwanted(objection) => {
                let why = format!("{name}: {objection} (target_session_attrs)");
                Refusal { fault: Fault::config(why), last: false }
            }
            Failure::NoThread(error) => {
                let why = format!("cannot start a thread: {error}");
                Refusal { fault: Fault::new(Class::Io, why), last: true }
            }
        }
    }
}

/// Why a server did not do, and whether the next is not even tried.
struct Refusal {
    fault: Fault,
    last: bool,
}

/// The addresses of a server; none stands for its socket.
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

/// Whether the server may be content without TLS.
fn is_about_tls(failure: &Failure) -> bool {
    let Failure::Broken(error) = failure else { return false };
    fault::is_tls(error) || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// One fault with what all of them say, the last one last.
fn together(class: Class, faults: Vec<Fault>, last: Fault) -> Fault {
    let mut texts: Vec<String> = Vec::new();
    for fault in faults.iter().chain([&last]) {
        let text = fault.message();
        if !texts.iter().any(|other| other == text) {
            texts.push(text.to_owned());
        }
    }
    Fault::new(class, texts.join("; "))
}
