//! Connecting to one address, as tokio-postgres does (src/connect_socket.rs), for a connection that is tapped: the crate takes a
//! stream from outside, but does not open one.

use std::io::{self, ErrorKind};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A connected socket of either kind.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

/// Connects to the only address of these settings.
///
/// # Errors
/// The server cannot be reached.
pub(crate) async fn open(config: &Config) -> io::Result<Box<dyn Socket>> {
    let connecting = connect(config);
    match config.get_connect_timeout() {
        Some(longest) => timeout(*longest, connecting)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(ErrorKind::TimedOut, "connection timed out"))),
        None => connecting.await,
    }
}

async fn connect(config: &Config) -> io::Result<Box<dyn Socket>> {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match (config.get_hostaddrs(), config.get_hosts()) {
        ([address], _) => {
            let stream = TcpStream::connect((*address, port)).await?;
            stream.set_nodelay(true)?;
            let socket = SockRef::from(&stream);
            if let Some(longest) = config.get_tcp_user_timeout() {
                socket.set_tcp_user_timeout(Some(*longest))?;
            }
            if config.get_keepalives() {
                socket.set_tcp_keepalive(&keepalive(config))?;
            }
            Ok(Box::new(stream))
        }
        (_, [Host::Unix(folder)]) => {
            Ok(Box::new(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?))
        }
        _ => Err(io::Error::new(ErrorKind::InvalidInput, "not one address")),
    }
}

fn keepalive(config: &Config) -> TcpKeepalive {
    let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
    if let Some(interval) = config.get_keepalives_interval() {
        keepalive = keepalive.with_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        keepalive = keepalive.with_retries(retries);
    }
    keepalive
}

/// What sets up TLS with a server that has the certificate of the host in these settings.
pub(crate) fn tls<S: Socket + 'static>(
    mut tls: MakeRustlsConnect,
    config: &Config,
) -> impl TlsConnect<S, Stream: Send + 'static, Future: Send + 'static> + use<S> {
    let name = match config.get_hosts() {
        [Host::Tcp(name)] => name,
        _ => "",
    };
    let Ok(tls) = MakeTlsConnect::<S>::make_tls_connect(&mut tls, name);
    tls
}
