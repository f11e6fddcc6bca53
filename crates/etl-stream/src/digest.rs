//! SHA-256 digests of segments and streams.

use std::fmt;

use sha2::Digest as _;

/// A SHA-256 digest (FIPS 180-4); displayed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Hasher::default().update(bytes).finish()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Computes the digest of a stream of segments: that of their digests, each written as its 64 hexadecimal digits and a
/// newline. The digest of a single segment is its own.
#[derive(Clone, Default)]
pub struct Segments {
    only: Option<Digest>,
    count: u64,
    all: Hasher,
}

impl Segments {
    /// Adds the next segment.
    pub fn push(&mut self, digest: Digest) {
        self.only = Some(digest);
        self.count += 1;
        self.all.update(format!("{digest}\n").as_bytes());
    }

    /// The digest of the segments so far.
    pub fn digest(&self) -> Digest {
        match (self.count, self.only) {
            (1, Some(only)) => only,
            _ => self.all.clone().finish(),
        }
    }
}

/// Computes a digest, and counts the bytes.
#[derive(Clone, Default)]
pub struct Hasher {
    state: sha2::Sha256,
    bytes: u64,
}

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Hasher {
        self.state.update(bytes);
        self.bytes += bytes.len() as u64;
        self
    }

    /// How many bytes have been added.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of the bytes added; the hasher then starts again.
    pub fn finish(&mut self) -> Digest {
        self.bytes = 0;
        Digest(self.state.finalize_reset().into())
    }
}
