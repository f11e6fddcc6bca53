//! The servers to try, in their order (chapter 34.1.1.3).

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use etl_component::{Fault, Secret, counted};

use super::params::{Given, Params};

const PORT: u16 = 5432;
/// The longest path of a socket in bytes (unix(7)).
const MAX_SOCKET: usize = 107;
/// Where a local server has its socket: Debian's folder, and the one that PostgreSQL itself uses.
pub(super) const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// One server.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// A name, an address, or the folder of a Unix socket.
    pub(crate) host: String,
    /// The address to connect to, instead of looking up the name.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) password: Option<Secret>,
}

impl Endpoint {
    pub(crate) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Pairs hosts, addresses and ports.
///
/// # Errors
/// 78 if the lists differ in length, or one of them has an invalid part.
pub(super) fn endpoints(params: &Params) -> Result<Vec<Endpoint>, Fault> {
    let hosts = List::of(params, "host");
    let addresses = List::of(params, "hostaddr");
    let ports = List::of(params, "port");
    let count = addresses.len().or(hosts.len()).unwrap_or(1);
    hosts.check(count, false)?;
    ports.check(count, true)?;
    let endpoint = |index| {
        let port = port(&ports, index)?;
        let address = address(&addresses, index)?;
        let host = host(&hosts, index)?;
        let host = match (host, address) {
            // Then libpq connects to the address.
            (host, Some(address)) if host.is_empty() || host.starts_with('/') => address.to_string(),
            ("", None) => default_host(SOCKETS.map(Path::new), port),
            (host, _) => host.to_owned(),
        };
        if host.starts_with('/') && format!("{host}/.s.PGSQL.{port}").len() > MAX_SOCKET {
            let why = format!("the path of the socket in this folder is longer than {MAX_SOCKET} bytes");
            return Err(hosts.refuse(&why));
        }
        Ok(Endpoint { host, address, port, password: None })
    };
    (0..count).map(endpoint).collect()
}

/// A setting whose parts are separated by commas.
struct List<'a> {
    given: Option<&'a Given>,
    parts: Vec<&'a str>,
}

impl<'a> List<'a> {
    fn of(params: &'a Params, word: &str) -> List<'a> {
        let given = params.get(word);
        List { given, parts: given.map_or(Vec::new(), |given| given.text().split(',').collect()) }
    }

    fn len(&self) -> Option<usize> {
        (!self.parts.is_empty()).then_some(self.parts.len())
    }

    fn part(&self, index: usize) -> &'a str {
        self.parts.get(index).copied().unwrap_or_default()
    }

    fn refuse(&self, why: &str) -> Fault {
        self.given.map_or_else(|| Fault::config(why), |given| given.refuse(why))
    }

    fn check(&self, count: usize, or_one: bool) -> Result<(), Fault> {
        match self.parts.len() {
            0 => Ok(()),
            1 if or_one => Ok(()),
            parts if parts == count => Ok(()),
            parts => {
                let values = counted(parts as u64, "value", "values");
                let hosts = counted(count as u64, "host", "hosts");
                Err(self.refuse(&format!("{values} for {hosts}")))
            }
        }
    }
}

fn host<'a>(hosts: &List<'a>, index: usize) -> Result<&'a str, Fault> {
    let host = hosts.part(index);
    if host.starts_with('@') {
        return Err(hosts.refuse("sockets in the abstract namespace are not supported"));
    }
    if host.contains('@') {
        return Err(hosts.refuse("a host cannot contain an @ (in the password of a URL, write @ as %40)"));
    }
    Ok(host)
}

fn address(addresses: &List, index: usize) -> Result<Option<IpAddr>, Fault> {
    match addresses.part(index) {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            addresses.refuse("it must be an IPv4 or IPv6 address, or several separated by commas")
        }),
    }
}

fn port(ports: &List, index: usize) -> Result<u16, Fault> {
    let part = ports.part(if ports.len() == Some(1) { 0 } else { index }).trim();
    match part.parse() {
        _ if part.is_empty() => Ok(PORT),
        Ok(port) if port > 0 => Ok(port),
        _ => Err(ports.refuse("it must be a number from 1 to 65535")),
    }
}

/// The socket of a local server, otherwise this machine.
fn default_host([first, second]: [&Path; 2], port: u16) -> String {
    if first.is_dir() {
        first.display().to_string()
    } else if second.join(format!(".s.PGSQL.{port}")).exists() {
        second.display().to_string()
    } else {
        "localhost".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_comes_before_localhost() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        std::fs::write(folder.path().join(".s.PGSQL.7"), "").unwrap();
        let name = folder.path().display().to_string();
        assert_eq!(default_host([folder.path(), &missing], 5432), name);
        assert_eq!(default_host([&missing, folder.path()], 7), name);
        assert_eq!(default_host([&missing, folder.path()], 8), "localhost");
    }
}
