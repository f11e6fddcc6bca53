//! A scripted HTTP/1.1 server on loopback, which answers and misbehaves as the script says.
//!
//! ```
//! use etl_testkit::http::{Reply, Script, Server};
//! let server = Server::start(Script::new().then(Reply::status(503)).then(Reply::json(200, r#"{"ok":true}"#)));
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! ```

mod script;
pub(crate) mod tls;
mod wire;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub use script::{Reply, Script};
pub use tls::TlsCert;
pub use wire::Received;

use script::Ending;

/// Any free port, out of reach for other machines.
const LOOPBACK: &str = "127.0.0.1:0";

/// Where the replies come from.
enum Answers {
    Script(Mutex<Script>),
    By(Box<dyn Fn(&Received) -> Reply + Send + Sync>),
}

/// A running server. Dropping it ends all its connections and threads.
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    answers: Answers,
    received: Mutex<Vec<Received>>,
    /// A handle to each open connection, so that drop can end the threads that read from it or wait for it.
    open: Mutex<HashMap<u64, TcpStream>>,
    next: AtomicU64,
    stopping: AtomicBool,
}

impl Server {
    /// Starts a plain HTTP server that follows the script.
    pub fn start(script: impl Into<Script>) -> Server {
        Server::listen(LOOPBACK, Answers::Script(Mutex::new(script.into())), None)
    }

    /// Starts a plain HTTP server on this address, such as `0.0.0.0:8080`, that takes every reply from `answer`.
    ///
    /// # Panics
    /// If it cannot listen on the address.
    pub fn answering(address: &str, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Server {
        Server::listen(address, Answers::By(Box::new(answer)), None)
    }

    /// Starts an HTTPS server. Returns it with the PEM of the authority that signed its certificate (for
    /// [`TlsCert::SelfSigned`], of an authority that did not).
    pub fn start_tls(script: impl Into<Script>, certificate: TlsCert) -> (Server, String) {
        let (config, authority) = tls::server_config(certificate);
        (Server::listen(LOOPBACK, Answers::Script(Mutex::new(script.into())), Some(config)), authority)
    }

    fn listen(address: &str, answers: Answers, tls: Option<Arc<ServerConfig>>) -> Server {
        let listener =
            TcpListener::bind(address).unwrap_or_else(|error| panic!("listening on {address}: {error}"));
        let address = listener.local_addr().expect("a bound listener has an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            answers,
            received: Mutex::default(),
            open: Mutex::default(),
            next: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared, tls.as_ref())
        });
        Server { address, scheme, shared, acceptor: Some(acceptor) }
    }

    /// `http://127.0.0.1:PORT` (or `https`), without a trailing slash.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request read so far, in the order of arrival, `CONNECT` requests included.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for stream in lock(&self.shared.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // The acceptor checks the flag only after it has accepted a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, tls: Option<&Arc<ServerConfig>>) {
    let mut connections = Vec::new();
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let (shared, tls) = (Arc::clone(shared), tls.cloned());
        connections.push(thread::spawn(move || shared.connection(stream, tls)));
    }
    for connection in connections {
        let _ = connection.join();
    }
}

impl Shared {
    fn connection(&self, stream: TcpStream, tls: Option<Arc<ServerConfig>>) {
        let _ = stream.set_nodelay(true);
        let (Ok(handle), Ok(socket)) = (stream.try_clone(), stream.try_clone()) else { return };
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        lock(&self.open).insert(id, handle);
        if self.stopping.load(Ordering::SeqCst) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // In many tests the client leaves, or refuses the handshake.
        let _ = match tls.map(ServerConnection::new) {
            None => self.serve(stream, &socket),
            Some(Ok(session)) => self.serve(StreamOwned::new(session, stream), &socket),
            Some(Err(error)) => panic!("the server's TLS configuration: {error}"),
        };
        lock(&self.open).remove(&id);
    }

    fn serve(&self, stream: impl Read + Write, socket: &TcpStream) -> io::Result<()> {
        let mut stream = wire::Buffered::new(stream);
        while let Some(mut request) = wire::read_head(&mut stream)? {
            // A tunnel leads back to this server, which is also the host behind it.
            if request.method == "CONNECT" {
                lock(&self.received).push(request);
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                continue;
            }
            let reply = match &self.answers {
                Answers::Script(script) => {
                    let reply = lock(script).next(&request.target);
                    if !(reply.before_body && request.asks_first()) {
                        wire::read_body(&mut stream, &mut request)?;
                    }
                    reply
                }
                Answers::By(answer) => {
                    wire::read_body(&mut stream, &mut request)?;
                    answer(&request)
                }
            };
            lock(&self.received).push(request);
            if !self.answer(&mut stream, socket, &reply)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends the reply and returns whether the connection stays open.
    fn answer(
        &self,
        stream: &mut (impl Read + Write),
        socket: &TcpStream,
        reply: &Reply,
    ) -> io::Result<bool> {
        let bytes = reply.bytes();
        match reply.pause {
            None => stream.write_all(&bytes)?,
            Some(pause) => {
                let head = bytes.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4);
                stream.write_all(&bytes[..head])?;
                stream.flush()?;
                for byte in &bytes[head..] {
                    self.rest(pause)?;
                    stream.write_all(&[*byte])?;
                    stream.flush()?;
                }
            }
        }
        stream.flush()?;
        match reply.ending {
            Ending::KeepOpen => return Ok(true),
            Ending::Close => socket.shutdown(Shutdown::Both)?,
            // Closing a socket with a linger time of zero sends RST instead of FIN.
            Ending::Reset => rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO))?,
            Ending::Silence => while stream.read(&mut [0; 256])? > 0 {},
        }
        Ok(false)
    }

    fn rest(&self, pause: Duration) -> io::Result<()> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        thread::sleep(pause);
        Ok(())
    }
}

/// A panic in one connection's thread must not hide what the others recorded.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
