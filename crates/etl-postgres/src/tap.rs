//! The rows of `COPY … TO STDOUT`, taken out of what the server sends.
//!
//! The server sends a message for each row. The crate would split each off its buffer, count who refers to it, and pass it on
//! twice, which costs more than reading what is in it. Here the rows are lent from where they were read; the crate gets all
//! other messages, and what comes of them stays its business.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// How much is read at a time; more only for a row that is longer.
const BUFFER: usize = 128 << 10;
/// Of a message: what it is, and its length in 4 bytes, which count themselves (PostgreSQL 15, "Message Formats").
const HEAD: usize = 5;
const COPY_DATA: u8 = b'd';

/// A stream from which rows can be taken.
pub(crate) struct Tap<S> {
    stream: S,
    /// `None` below TLS, where no messages can be told.
    rows: Option<Rows>,
}

/// What takes the rows.
#[derive(Clone)]
pub(crate) struct Rows(Arc<Mutex<Received>>);

/// What has been read and not been passed on.
#[derive(Default)]
struct Received {
    buf: Vec<u8>,
    /// `buf[start..end]` has come.
    start: usize,
    end: usize,
    /// Whether the first byte, which is not a message, is still to come.
    asks: bool,
    /// How many of the bytes that follow belong to a message that is passed on to the crate.
    passing: usize,
    /// Whether rows are kept for whoever takes them.
    keeps: bool,
}

impl<S> Tap<S> {
    /// A tap on a connection that has not begun, and what takes the rows. `asks`: whether the first thing that comes is a byte,
    /// the answer to the question for TLS.
    pub(crate) fn new(stream: S, asks: bool) -> (Tap<S>, Rows) {
        let received = Received { asks, ..Received::default() };
        let rows = Rows(Arc::new(Mutex::new(received)));
        (Tap { stream, rows: Some(rows.clone()) }, rows)
    }
}

impl Rows {
    /// Says whether rows are kept to be taken. Those that are not are passed on to the crate.
    pub(crate) fn keep(&self, keeps: bool) {
        self.received().keeps = keeps;
    }

    /// Hands over the rows that have come. `true` if there were any.
    ///
    /// # Errors
    /// What `each` fails with.
    pub(crate) fn take<E>(&self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<bool, E> {
        let mut received = self.received();
        let mut came = false;
        while let Some(length) = received.row() {
            let (start, end) = (received.start + HEAD, received.start + length);
            received.start = end;
            each(&received.buf[start..end])?;
            came = true;
        }
        Ok(came)
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Received {
    /// The next message, if its head is there: whether it is a row that is kept, and its length.
    #[inline]
    fn message(&self) -> Option<(bool, usize)> {
        let head: &[u8; HEAD] = self.buf[self.start..self.end].first_chunk()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        Some((self.keeps && head[0] == COPY_DATA && length >= 4, 1 + length as usize))
    }

    /// The length of the row that comes next, if all of it is there.
    #[inline]
    fn row(&self) -> Option<usize> {
        let (_, length) = self.message().filter(|(is_row, _)| *is_row && self.passing == 0)?;
        (length <= self.end - self.start).then_some(length)
    }

    /// Passes on what is not a row, as far as there is room. `false` if there is nothing to be passed on.
    fn pass(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let before = out.remaining();
        while self.start < self.end && out.remaining() > 0 {
            if self.passing == 0 {
                match self.message() {
                    Some((false, length)) => self.passing = length,
                    _ => break,
                }
            }
            let length = self.passing.min(self.end - self.start).min(out.remaining());
            out.put_slice(&self.buf[self.start..self.start + length]);
            self.start += length;
            self.passing -= length;
        }
        out.remaining() < before
    }

    /// Reads more. `false` at the end.
    fn fill<S: AsyncRead + Unpin>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == 0 && self.buf.len() > BUFFER {
            // What a long row needed is not kept.
            self.buf = Vec::new();
        }
        if self.end == self.buf.len() {
            // Grows as the row comes, however long it claims to be.
            self.buf.resize((self.end * 2).max(BUFFER), 0);
        }
        let mut more = ReadBuf::new(&mut self.buf[self.end..]);
        ready!(Pin::new(stream).poll_read(cx, &mut more))?;
        let length = more.filled().len();
        self.end += length;
        Poll::Ready(Ok(length > 0))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Tap { stream, rows } = self.get_mut();
        let Some(rows) = rows else { return Pin::new(stream).poll_read(cx, out) };
        let mut received = rows.received();
        if received.asks {
            // Nothing is read beyond it: what follows may be TLS.
            let mut answer = [0];
            let mut byte = ReadBuf::new(&mut answer);
            ready!(Pin::new(stream).poll_read(cx, &mut byte))?;
            out.put_slice(byte.filled());
            received.asks = false;
            return Poll::Ready(Ok(()));
        }
        while !received.pass(out) {
            // Whoever takes the rows comes back after that.
            if received.row().is_some() {
                return Poll::Pending;
            }
            if !ready!(received.fill(stream, cx))? {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Tap<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

/// Sets up TLS on a tapped stream, and moves the tap above it.
pub(crate) struct Tapping<T>(pub(crate) T);

impl<S, T> TlsConnect<Tap<S>> for Tapping<T>
where
    T: TlsConnect<Tap<S>>,
    T::Future: Send + 'static,
{
    type Stream = Tap<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Tap<T::Stream>, T::Error>> + Send>>;

    fn connect(self, mut stream: Tap<S>) -> Self::Future {
        let rows = stream.rows.take();
        let connecting = self.0.connect(stream);
        Box::pin(async move { Ok(Tap { stream: connecting.await?, rows }) })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::Waker;

    use super::*;

    /// Gives these bytes in pieces of one size.
    struct Pieces<'a>(&'a [u8], usize);

    impl AsyncRead for Pieces<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            out: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let (piece, rest) = self.0.split_at(self.1.min(self.0.len()).min(out.remaining()));
            out.put_slice(piece);
            self.0 = rest;
            Poll::Ready(Ok(()))
        }
    }

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[tag], &(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
    }

    /// What the crate gets of these bytes, and the rows.
    fn parted(bytes: &[u8], size: usize, asks: bool, keeps: bool) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (mut tap, rows) = Tap::new(Pieces(bytes, size), asks);
        rows.keep(keeps);
        let (mut passed, mut taken) = (Vec::new(), Vec::new());
        loop {
            let mut buf = [0; 7];
            let mut out = ReadBuf::new(&mut buf);
            match Pin::new(&mut tap).poll_read(&mut Context::from_waker(Waker::noop()), &mut out) {
                Poll::Ready(read) if out.filled().is_empty() => {
                    read.expect("an end");
                    return (passed, taken);
                }
                Poll::Ready(_) => passed.extend_from_slice(out.filled()),
                Poll::Pending => {
                    let row = |row: &[u8]| {
                        taken.push(row.to_vec());
                        Ok::<(), Infallible>(())
                    };
                    assert_eq!(rows.take(row), Ok(true));
                }
            }
        }
    }

    #[test]
    fn rows_are_taken_out_of_the_other_messages() {
        let long = vec![b'x'; 3 * BUFFER];
        let (begin, end) = (message(b'H', &[0; 30]), message(b'c', b""));
        let notice = message(b'N', &[b'n'; 300]);
        let row = |row: &[u8]| message(b'd', row);
        let parts =
            [begin.clone(), row(b"one"), row(b""), notice.clone(), row(&long), row(b"last"), end.clone()];
        let (all, others) = (parts.concat(), [begin, notice, end].concat());
        let rows = [&b"one"[..], b"", &long, b"last"].map(<[u8]>::to_vec);
        for size in [1, 2, 4, 5, 6, 7, 50, 1000, all.len()] {
            assert!(parted(&all, size, false, true) == (others.clone(), rows.to_vec()), "{size}");
            assert!(parted(&all, size, false, false) == (all.clone(), Vec::new()), "{size}");
            let answered = parted(&[b"N", &all[..]].concat(), size, true, true);
            assert!(answered == ([b"N", &others[..]].concat(), rows.to_vec()), "{size}");
        }
    }

    #[test]
    fn what_is_not_a_message_is_passed_on() {
        for bytes in [&b"d\0\0\0\x03abc"[..], b"\xff\xff\xff\xff\xff, and so on", b"d\0\0\0\x08end"] {
            let (passed, rows) = parted(bytes, 100, false, true);
            assert!(bytes.starts_with(&passed) && rows.is_empty(), "{passed:?} {rows:?}");
        }
        let (mut tap, _) = Tap::new(Pieces(b"STLS", 100), true);
        let mut buf = [0; 9];
        let mut out = ReadBuf::new(&mut buf);
        let read = Pin::new(&mut tap).poll_read(&mut Context::from_waker(Waker::noop()), &mut out);
        assert!(matches!(read, Poll::Ready(Ok(()))));
        assert_eq!((out.filled(), tap.stream.0), (&b"S"[..], &b"TLS"[..]));
    }
}
