//! What the server answers, and how it fails to answer.

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Replies in the order in which they are sent. The last one repeats forever.
#[derive(Clone, Debug, Default)]
pub struct Script {
    queue: VecDeque<Reply>,
    paths: HashMap<String, VecDeque<Reply>>,
}

impl Script {
    /// A script without replies. A request for which there is no reply is answered with 404.
    pub fn new() -> Script {
        Script::default()
    }

    /// Adds the next reply for requests whose path has no replies of its own.
    pub fn then(mut self, reply: Reply) -> Script {
        self.queue.push_back(reply);
        self
    }

    /// Adds the next reply for requests with this path (without the query), such as `/data/2.5/weather`.
    pub fn at(mut self, path: &str, reply: Reply) -> Script {
        self.paths.entry(path.to_owned()).or_default().push_back(reply);
        self
    }

    pub(crate) fn next(&mut self, target: &str) -> Reply {
        let path = target.split('?').next().unwrap_or_default();
        let queue = self.paths.get_mut(path).unwrap_or(&mut self.queue);
        let last = if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() };
        last.unwrap_or_else(|| Reply::text(404, "no reply is scripted"))
    }
}

impl From<Reply> for Script {
    fn from(reply: Reply) -> Script {
        Script::new().then(reply)
    }
}

/// One reply, well-behaved unless a method below makes it misbehave.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    framing: Framing,
    cut: Option<usize>,
    mute: bool,
    pub(crate) pause: Option<Duration>,
    pub(crate) ending: Ending,
    /// Whether it is sent in place of `100 Continue`, before the body has come.
    pub(crate) before_body: bool,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    Chunked,
    ChunkMissing,
    BadChunk,
    UntilClose,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    KeepOpen,
    Close,
    Reset,
    Silence,
}

impl Reply {
    /// A reply with an empty body.
    pub fn status(status: u16) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length,
            cut: None,
            mute: false,
            pause: None,
            ending: Ending::KeepOpen,
            before_body: false,
        }
    }

    /// Answers in place of `100 Continue` where a request asks first; the body is not read then.
    pub fn before_body(mut self) -> Reply {
        self.before_body = true;
        self
    }

    /// A reply of type `application/json`.
    pub fn json(status: u16, body: &str) -> Reply {
        Reply::status(status).header("Content-Type", "application/json; charset=utf-8").body(body)
    }

    /// A reply of type `text/plain`.
    pub fn text(status: u16, body: &str) -> Reply {
        Reply::status(status).header("Content-Type", "text/plain").body(body)
    }

    /// A redirect to `location`.
    pub fn redirect(status: u16, location: &str) -> Reply {
        Reply::status(status).header("Location", location)
    }

    /// A small gzip body that unpacks to `size` bytes of JSON white space.
    pub fn bomb(size: usize) -> Reply {
        let mut reply = Reply::json(200, "").header("Content-Encoding", "gzip");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let block = [b' '; 64 * 1024];
        let mut left = size;
        while left > 0 {
            let n = left.min(block.len());
            encoder.write_all(&block[..n]).expect("writing to memory");
            left -= n;
        }
        reply.body = encoder.finish().expect("writing to memory");
        reply
    }

    /// Closes the connection without answering.
    pub fn close() -> Reply {
        Reply { mute: true, ending: Ending::Close, ..Reply::status(200) }
    }

    /// Resets the connection without answering.
    pub fn reset() -> Reply {
        Reply { mute: true, ending: Ending::Reset, ..Reply::status(200) }
    }

    /// Never answers, until the client leaves or the server is dropped.
    pub fn silence() -> Reply {
        Reply { mute: true, ending: Ending::Silence, ..Reply::status(200) }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Reply {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Compresses the body, which must have been set before.
    pub fn gzip(mut self) -> Reply {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&self.body).expect("writing to memory");
        self.body = encoder.finish().expect("writing to memory");
        self.header("Content-Encoding", "gzip")
    }

    /// Announces the whole body, sends `length` bytes of it and closes.
    pub fn cut_after(mut self, length: usize) -> Reply {
        self.cut = Some(length);
        self.ending = Ending::Close;
        self
    }

    /// Sends `length` bytes of the body, then nothing more, without closing the connection.
    pub fn stall_after(mut self, length: usize) -> Reply {
        self.cut = Some(length);
        self.ending = Ending::Silence;
        self
    }

    /// Sends the body byte by byte, with a pause before each.
    pub fn trickle(mut self, pause: Duration) -> Reply {
        self.pause = Some(pause);
        self
    }

    /// Sends the body in chunks.
    pub fn chunked(mut self) -> Reply {
        self.framing = Framing::Chunked;
        self
    }

    /// Sends the body in chunks and closes before the last one.
    pub fn chunk_missing(mut self) -> Reply {
        self.framing = Framing::ChunkMissing;
        self.ending = Ending::Close;
        self
    }

    /// Sends the body without a length, and closes where it ends.
    pub fn until_close(mut self) -> Reply {
        self.framing = Framing::UntilClose;
        self.ending = Ending::Close;
        self
    }

    /// Sends a chunk whose length is not a number.
    pub fn bad_chunk(mut self) -> Reply {
        self.framing = Framing::BadChunk;
        self.ending = Ending::Close;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        if self.mute {
            return Vec::new();
        }
        let mut out = format!("HTTP/1.1 {} Scripted\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            out.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        match self.framing {
            // These statuses have no body, so a length would be wrong.
            Framing::Length if matches!(self.status, 204 | 304) => out.extend(b"\r\n"),
            Framing::Length => {
                out.extend(format!("Content-Length: {}\r\n\r\n", self.body.len()).into_bytes());
                out.extend(&self.body[..self.cut.unwrap_or(self.body.len()).min(self.body.len())]);
            }
            Framing::UntilClose => {
                out.extend(b"\r\n");
                out.extend(&self.body[..self.cut.unwrap_or(self.body.len()).min(self.body.len())]);
            }
            framing => {
                out.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                // At least two chunks, so that a reader must join them.
                for chunk in self.body.chunks(self.body.len().div_ceil(2).max(1)) {
                    out.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                    out.extend(chunk);
                    out.extend(b"\r\n");
                }
                match framing {
                    Framing::BadChunk => out.extend(b"zz\r\nnonsense\r\n"),
                    Framing::ChunkMissing => {}
                    Framing::Chunked | Framing::Length | Framing::UntilClose => out.extend(b"0\r\n\r\n"),
                }
            }
        }
        out
    }
}
