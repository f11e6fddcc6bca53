//! A TCP proxy that breaks connections on request: after a number of bytes, or around a COMMIT.
//!
//! It reads PostgreSQL's protocol, so it refuses encryption (`sslmode=prefer` goes on without). The bytes of any other
//! protocol it passes on.
//!
//! ```no_run
//! use etl_testkit::postgres::Server;
//! use etl_testkit::proxy::{AtCommit, Proxy};
//! let proxy = Proxy::start(Server::shared().addr());
//! proxy.at_commit(AtCommit::DropReply, 1);
//! // A client of proxy.addr() now loses its connection in its first COMMIT, which has happened.
//! ```

mod connection;
mod frames;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::DEADLINE;
use crate::postgres::on_free_port;

use connection::Connection;

/// The direction in which bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    ToServer,
    /// From the server.
    ToClient,
}

/// How both sides of a connection are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// FIN: the other side reads end of file.
    Close,
    /// RST: the other side reads an error.
    Reset,
}

/// What happens at a COMMIT, which is a simple query (message `Q`) of just this word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtCommit {
    /// Both sides are closed before the server sees it: nothing is committed.
    CutBefore,
    /// Both sides are closed once it is sent: the server commits soon.
    CutAfter,
    /// Both sides are closed once the server has answered it: it is committed.
    DropReply,
    /// The client gets the answer only after [`Proxy::release`].
    HoldReply,
}

/// A running proxy. Dropping it ends all its connections and threads.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    refusing: bool,
    stopping: bool,
    connections: usize,
    open: Vec<(Weak<Connection>, JoinHandle<()>)>,
    cuts: Vec<Cut>,
    delay: Duration,
    at_commit: Option<AtCommit>,
    /// How many more COMMITs this applies to.
    times: usize,
    commits_met: usize,
    releases: usize,
}

#[derive(Clone, Copy)]
struct Cut {
    connection: usize,
    direction: Direction,
    after: usize,
    ending: Ending,
}

impl Proxy {
    /// Starts a proxy in front of this address, which breaks nothing yet.
    ///
    /// # Panics
    /// If no port on loopback is free.
    pub fn start(upstream: SocketAddr) -> Proxy {
        let shared = Arc::new(Shared { upstream, state: Mutex::default(), changed: Condvar::default() });
        let mut listener = None;
        let port = on_free_port(|port| {
            listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
            listener.is_some()
        });
        let (Some(port), Some(listener)) = (port, listener) else { panic!("no free port on loopback") };
        Proxy { port, acceptor: Mutex::new(Some(accept(listener, &shared))), shared }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// Ends a connection once this many bytes have gone in this direction, none of which is lost. Connections are
    /// counted from 1.
    ///
    /// If more have gone already, it ends before the next byte. A request for encryption does not count.
    pub fn cut(&self, connection: usize, direction: Direction, after: usize, ending: Ending) {
        self.shared.state().cuts.push(Cut { connection, direction, after, ending });
    }

    /// Waits this long before passing on anything it has read, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.shared.state().delay = delay;
    }

    /// Sets what happens at the next `times` COMMITs, on whatever connection; later ones pass.
    pub fn at_commit(&self, what: AtCommit, times: usize) {
        let mut state = self.shared.state();
        (state.at_commit, state.times) = (Some(what), times);
    }

    /// To how many COMMITs the setting of [`Proxy::at_commit`] has been applied. One whose reply is still awaited does
    /// not count yet.
    pub fn commits_met(&self) -> usize {
        self.shared.state().commits_met
    }

    /// Waits until [`Proxy::commits_met`] reaches this count.
    ///
    /// # Panics
    /// If it has not after five minutes.
    #[track_caller]
    pub fn wait_for_commits_met(&self, count: usize) {
        let state = self.shared.state();
        let (_state, waited) = self
            .shared
            .changed
            .wait_timeout_while(state, DEADLINE, |state| state.commits_met < count)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "COMMIT number {count} never came");
    }

    /// Lets go of every reply that [`AtCommit::HoldReply`] is holding now.
    pub fn release(&self) {
        self.shared.state().releases += 1;
        self.shared.changed.notify_all();
    }

    /// Refuses new connections, as a host without the server does, or accepts them again.
    ///
    /// # Panics
    /// If its port has been taken in the meantime.
    pub fn refuse_connections(&self, refuse: bool) {
        let mut acceptor = self.acceptor.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.state().refusing = refuse;
        if !refuse && acceptor.is_none() {
            let listener = TcpListener::bind(self.addr()).expect("the port is still free");
            *acceptor = Some(accept(listener, &self.shared));
        }
        if refuse && let Some(thread) = acceptor.take() {
            // The acceptor checks the flag only after it has accepted a connection.
            let _ = TcpStream::connect(self.addr());
            let _ = thread.join();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse_connections(true);
        let mut state = self.shared.state();
        state.stopping = true;
        let open = std::mem::take(&mut state.open);
        drop(state);
        self.shared.changed.notify_all();
        for (connection, thread) in open {
            if let Some(connection) = connection.upgrade() {
                connection.end(Ending::Close);
            }
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// A panic in one connection's thread must not hide what the others do.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(self: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
        let mut state = self.state();
        state.connections += 1;
        let number = state.connections;
        // If the server cannot be reached, the client is closed and its bytes stay unread.
        let server = TcpStream::connect(self.upstream)?;
        let connection = Arc::new(Connection::new(number, client, server)?);
        let weak = Arc::downgrade(&connection);
        let shared = Arc::clone(self);
        let thread = thread::spawn(move || connection.serve(&shared));
        state.open.push((weak, thread));
        Ok(())
    }
}

fn accept(listener: TcpListener, shared: &Arc<Shared>) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for client in listener.incoming() {
            if shared.state().refusing {
                return;
            }
            let _ = client.and_then(|client| shared.connect(client));
        }
    })
}

#[cfg(test)]
mod tests;
