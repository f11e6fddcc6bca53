//! Cuts a connection's bytes into PostgreSQL's messages, as far as the proxy needs them.
//!
//! A message starts with a byte for its type and a length of four bytes, which counts itself but not the type. The
//! client's first message has no type (PostgreSQL, chapter 55.7).

/// A longer message is of no interest, whatever its type.
const LIMIT: usize = 64 * 1024;

/// `SSLRequest` and `GSSENCRequest`, before which nothing is sent and which are answered with one byte.
const ENCRYPTION_REQUESTS: [[u8; 8]; 2] = [[0, 0, 0, 8, 4, 210, 22, 47], [0, 0, 0, 8, 4, 210, 22, 48]];

/// Some bytes of the connection. All pieces together are all its bytes, except for requests for encryption.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A whole message of a type that is of interest.
    Message(Vec<u8>),
    /// The client asks for encryption.
    EncryptionRequest,
    /// Anything else.
    Bytes(Vec<u8>),
}

/// One direction of a connection.
pub(super) struct Frames {
    /// The types that are of interest.
    types: &'static [u8],
    /// Whether the next message has a type.
    typed: bool,
    /// Bytes that wait for the rest of their message.
    held: Vec<u8>,
    /// How many of the following bytes belong to a message of no interest.
    passing: usize,
}

impl Frames {
    pub(super) fn of_client(types: &'static [u8]) -> Frames {
        Frames { types, typed: false, held: Vec::new(), passing: 0 }
    }

    pub(super) fn of_server(types: &'static [u8]) -> Frames {
        Frames { typed: true, ..Frames::of_client(types) }
    }

    /// Takes bytes in and returns the pieces that are complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let held = [&self.held, bytes].concat();
        let mut pieces = Vec::new();
        let mut left = held.as_slice();
        while let Some((length, interesting)) = self.next(left) {
            let (message, rest) = left.split_at(length);
            left = rest;
            match pieces.last_mut() {
                _ if ENCRYPTION_REQUESTS.iter().any(|request| request == message) => {
                    pieces.push(Piece::EncryptionRequest);
                    continue;
                }
                _ if interesting => pieces.push(Piece::Message(message.to_vec())),
                Some(Piece::Bytes(before)) => before.extend_from_slice(message),
                _ => pieces.push(Piece::Bytes(message.to_vec())),
            }
            self.typed = true;
        }
        self.held = left.to_vec();
        pieces
    }

    /// What is left at the end of the connection, in the middle of a message.
    pub(super) fn rest(self) -> Vec<u8> {
        self.held
    }

    /// How many of these bytes are ready, and whether they are a message of interest; `None` if more bytes are needed.
    fn next(&mut self, bytes: &[u8]) -> Option<(usize, bool)> {
        if bytes.is_empty() {
            return None;
        }
        if self.passing == 0 {
            let head = usize::from(self.typed);
            let length = bytes.get(head..head + 4)?;
            let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
            let whole = head + length;
            // The first message must be seen whole if it is as short as a request for encryption.
            let interesting = self.typed && self.types.contains(&bytes[0]);
            if (interesting || whole == 8 && !self.typed) && (4..=LIMIT).contains(&length) {
                return (bytes.len() >= whole).then_some((whole, interesting));
            }
            // An impossible length is not PostgreSQL's protocol: everything that follows passes.
            self.passing = if length < 4 { usize::MAX } else { whole };
        }
        let ready = self.passing.min(bytes.len());
        self.passing -= ready;
        Some((ready, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Piece {
        Piece::Bytes(text.into())
    }

    #[test]
    fn messages_of_interest_come_whole_however_the_bytes_come() {
        let stream = "\0\0\0\x09user\0d\0\0\0\x06xyQ\0\0\0\x0bCOMMIT\0X\0\0\0\x04";
        let commit = Piece::Message("Q\0\0\0\x0bCOMMIT\0".into());
        let whole = Frames::of_client(b"Q").push(stream.as_bytes());
        assert_eq!(whole, [bytes("\0\0\0\x09user\0d\0\0\0\x06xy"), commit, bytes("X\0\0\0\x04")]);
        let mut frames = Frames::of_client(b"Q");
        let mut again = Vec::new();
        for byte in stream.as_bytes() {
            for piece in frames.push(&[*byte]) {
                match piece {
                    Piece::Message(message) | Piece::Bytes(message) => again.extend(message),
                    Piece::EncryptionRequest => panic!("nothing asks for encryption"),
                }
            }
        }
        assert_eq!((again.as_slice(), frames.rest().len()), (stream.as_bytes(), 0));
    }

    #[test]
    fn encryption_is_asked_for_before_the_start() {
        let mut frames = Frames::of_client(b"Q");
        assert_eq!(frames.push(&[0, 0, 0, 8, 4, 210]), []);
        assert_eq!(frames.push(&[22, 47]), [Piece::EncryptionRequest]);
        assert_eq!(frames.push(b"\0\0\0\x09user\0Q"), [bytes("\0\0\0\x09user\0")]);
        assert_eq!(frames.rest(), b"Q");
    }

    #[test]
    fn what_is_no_postgresql_passes() {
        assert_eq!(Frames::of_client(b"Q").push(b"GET / HTTP/1.1"), [bytes("GET / HTTP/1.1")]);
        assert_eq!(Frames::of_server(b"Z").push(b"HTTP/1.1 200"), [bytes("HTTP/1.1 200")]);
        assert_eq!(Frames::of_server(b"Z").push(b"Z\0\0\0\0Z\0\0"), [bytes("Z\0\0\0\0Z\0\0")]);
    }
}
