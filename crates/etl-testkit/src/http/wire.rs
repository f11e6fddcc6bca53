//! Reading requests.

use std::io::{self, BufRead, BufReader, Read, Write};

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// `GET`, `POST`, `CONNECT`, …
    pub method: String,
    /// The request target: path and query as sent, or `host:port` of a `CONNECT`.
    pub target: String,
    /// Names as sent, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body, with chunks joined; compressed if it was sent compressed.
    pub body: Vec<u8>,
}

impl Received {
    /// The first header of this name, in upper or lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether it waits for leave to send its body.
    pub(crate) fn asks_first(&self) -> bool {
        self.header("Expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    }
}

/// A stream whose reads are buffered and whose writes go straight through.
pub(crate) struct Buffered<S>(BufReader<S>);

impl<S: Read + Write> Buffered<S> {
    pub(crate) fn new(stream: S) -> Buffered<S> {
        Buffered(BufReader::new(stream))
    }
}

impl<S: Read> Read for Buffered<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Write> Write for Buffered<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }
}

/// The next request without its body; `None` when the client is done.
pub(crate) fn read_head(stream: &mut Buffered<impl Read + Write>) -> io::Result<Option<Received>> {
    let first = read_line(stream)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut request =
        Received { method: method.into(), target: target.into(), headers: Vec::new(), body: Vec::new() };
    loop {
        let line = read_line(stream)?;
        let Some((name, value)) = line.split_once(':') else { break };
        request.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Some(request))
}

/// Reads the body of a request, once the client has been told to send it if it asked.
pub(crate) fn read_body(stream: &mut Buffered<impl Read + Write>, request: &mut Received) -> io::Result<()> {
    if request.asks_first() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    if request.header("Transfer-Encoding").is_some_and(|value| value.contains("chunked")) {
        request.body = read_chunks(stream)?;
    } else if let Some(length) = request.header("Content-Length") {
        request.body = vec![0; length.parse().map_err(io::Error::other)?];
        stream.read_exact(&mut request.body)?;
    }
    Ok(())
}

fn read_chunks(stream: &mut Buffered<impl Read>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            while !read_line(stream)?.is_empty() {}
            return Ok(body);
        }
        let start = body.len();
        body.resize(start + size, 0);
        stream.read_exact(&mut body[start..])?;
        read_line(stream)?;
    }
}

fn read_line(stream: &mut Buffered<impl Read>) -> io::Result<String> {
    let mut line = String::new();
    stream.0.read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}
