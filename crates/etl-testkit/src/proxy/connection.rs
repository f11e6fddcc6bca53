//! One connection through the proxy: two streams, and a thread for each direction.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use super::frames::{Frames, Piece};
use super::{AtCommit, Direction, Ending, Shared};

pub(super) struct Connection {
    number: usize,
    client: TcpStream,
    server: TcpStream,
    ended: OnceLock<Ending>,
    /// What happens to the reply to the COMMIT that was sent to the server.
    awaited: Mutex<Option<AtCommit>>,
}

/// Passes bytes in one direction and counts them.
struct Way<'a> {
    connection: &'a Connection,
    shared: &'a Shared,
    direction: Direction,
    passed: usize,
}

impl Connection {
    pub(super) fn new(number: usize, client: TcpStream, server: TcpStream) -> io::Result<Connection> {
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        Ok(Connection { number, client, server, ended: OnceLock::new(), awaited: Mutex::default() })
    }

    /// Ends both sides; the first ending counts.
    pub(super) fn end(&self, ending: Ending) {
        if self.ended.set(ending).is_err() {
            return;
        }
        for stream in [&self.client, &self.server] {
            let _ = match ending {
                Ending::Close => stream.shutdown(Shutdown::Both),
                // Closing a socket with a linger time of zero sends RST instead of FIN; both threads must leave it
                // first. Shutting down the reading half sends nothing, and wakes whoever reads.
                Ending::Reset => rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))
                    .map_err(io::Error::from)
                    .and_then(|()| stream.shutdown(Shutdown::Read)),
            };
        }
    }

    /// Serves both directions until they end. The last owner of the connection closes it.
    pub(super) fn serve(&self, shared: &Shared) {
        let way = |direction| Way { connection: self, shared, direction, passed: 0 };
        thread::scope(|scope| {
            scope.spawn(|| self.half(Direction::ToServer, way(Direction::ToServer).pass_to_server()));
            self.half(Direction::ToClient, way(Direction::ToClient).pass_to_client());
        });
    }

    /// Passes the end of one direction on; anything but end of file ends both directions.
    fn half(&self, direction: Direction, result: io::Result<()>) {
        match result {
            Err(_) => self.end(Ending::Close),
            // A FIN must not come before the RST.
            Ok(()) if self.ended.get().is_none() => {
                let _ = self.ends(direction).1.shutdown(Shutdown::Write);
            }
            Ok(()) => {}
        }
    }

    /// Where bytes come from and where they go.
    fn ends(&self, direction: Direction) -> (&TcpStream, &TcpStream) {
        match direction {
            Direction::ToServer => (&self.client, &self.server),
            Direction::ToClient => (&self.server, &self.client),
        }
    }

    fn await_reply(&self, what: Option<AtCommit>) {
        *self.awaited.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    fn awaited(&self) -> Option<AtCommit> {
        *self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Way<'_> {
    fn pass_to_server(mut self) -> io::Result<()> {
        let mut frames = Frames::of_client(b"Q");
        while let Some(chunk) = self.read()? {
            for piece in frames.push(&chunk) {
                match piece {
                    Piece::EncryptionRequest => (&self.connection.client).write_all(b"N")?,
                    Piece::Message(query) if is_commit(&query) => self.commit(&query)?,
                    Piece::Message(bytes) | Piece::Bytes(bytes) => self.pass(&bytes)?,
                }
            }
        }
        self.pass(&frames.rest())
    }

    fn pass_to_client(mut self) -> io::Result<()> {
        let mut frames = Frames::of_server(b"CEZ");
        let mut reply = Vec::new();
        while let Some(chunk) = self.read()? {
            for piece in frames.push(&chunk) {
                let awaited = self.connection.awaited();
                match (piece, awaited) {
                    (Piece::Message(message), Some(what)) if !reply.is_empty() || is_answer(&message) => {
                        reply.extend_from_slice(&message);
                        if message[0] == b'Z' {
                            self.reply(what, &std::mem::take(&mut reply))?;
                        }
                    }
                    (Piece::Bytes(bytes), Some(_)) if !reply.is_empty() => reply.extend(bytes),
                    (Piece::Message(bytes) | Piece::Bytes(bytes), _) => self.pass(&bytes)?,
                    (Piece::EncryptionRequest, _) => {}
                }
            }
        }
        self.pass(&frames.rest())
    }

    /// `None` at end of file.
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let mut chunk = vec![0; 64 * 1024];
        let length = self.connection.ends(self.direction).0.read(&mut chunk)?;
        chunk.truncate(length);
        let delay = self.shared.state().delay;
        thread::sleep(delay);
        Ok((length > 0).then_some(chunk))
    }

    /// Passes bytes on, up to where the connection is to be cut.
    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        let cuts = self.shared.state().cuts.clone();
        let cut = cuts
            .iter()
            .filter(|cut| cut.connection == self.connection.number && cut.direction == self.direction)
            .map(|cut| (cut.after.saturating_sub(self.passed), cut.ending))
            .filter(|(left, _)| *left <= bytes.len())
            .min_by_key(|(left, _)| *left);
        let bytes = &bytes[..cut.map_or(bytes.len(), |(left, _)| left)];
        self.connection.ends(self.direction).1.write_all(bytes)?;
        self.passed += bytes.len();
        cut.map_or(Ok(()), |(_, ending)| self.end(ending))
    }

    fn end(&self, ending: Ending) -> io::Result<()> {
        self.connection.end(ending);
        Err(ErrorKind::ConnectionAborted.into())
    }

    fn commit(&mut self, query: &[u8]) -> io::Result<()> {
        let mut state = self.shared.state();
        let what = state.at_commit.filter(|_| state.times > 0);
        state.times = state.times.saturating_sub(1);
        drop(state);
        match what {
            None => self.pass(query),
            Some(AtCommit::CutBefore) => {
                self.met();
                self.end(Ending::Close)
            }
            Some(what) => {
                self.connection.await_reply(Some(what));
                self.pass(query)?;
                if what == AtCommit::CutAfter {
                    self.met();
                    return self.end(Ending::Close);
                }
                Ok(())
            }
        }
    }

    /// The server has answered the COMMIT.
    fn reply(&mut self, what: AtCommit, reply: &[u8]) -> io::Result<()> {
        if what != AtCommit::HoldReply {
            // That of CutAfter came before the other thread could cut: the client must not see it either.
            if what == AtCommit::DropReply {
                self.met();
            }
            return self.end(Ending::Close);
        }
        self.connection.await_reply(None);
        let releases = self.shared.state().releases;
        self.met();
        let state = self.shared.state();
        let held =
            self.shared.changed.wait_while(state, |state| state.releases == releases && !state.stopping);
        drop(held.unwrap_or_else(PoisonError::into_inner));
        self.pass(reply)
    }

    fn met(&self) {
        self.shared.state().commits_met += 1;
        self.shared.changed.notify_all();
    }
}

fn is_commit(query: &[u8]) -> bool {
    let text = query[5..].trim_ascii_end().strip_suffix(b"\0").unwrap_or_default().trim_ascii();
    text.strip_suffix(b";").unwrap_or(text).eq_ignore_ascii_case(b"COMMIT")
}

/// Whether a message begins the answer to COMMIT; answers to what was sent before it may come first, such as that to
/// a statement being closed.
fn is_answer(message: &[u8]) -> bool {
    let tag = &message[5..];
    message[0] == b'E' || message[0] == b'C' && (tag == b"COMMIT\0" || tag == b"ROLLBACK\0")
}
