//! Ending a statement from outside.

use postgres::{CancelToken, Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::Error;

/// Ends what a session is at, from any thread.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    /// None: the session has no TLS.
    tls: Option<MakeRustlsConnect>,
}

impl Canceller {
    /// For a session that was opened in this way.
    pub(crate) fn new(client: &Client, tls: Option<MakeRustlsConnect>) -> Canceller {
        Canceller { token: client.cancel_token(), tls }
    }

    /// Asks the server, on a connection of its own, to end the statement that the session is at, which fails with SQLSTATE
    /// 57014 then. The server says nothing to it. If the statement ends by itself at the same time, the next one of the
    /// session may be hit, so this is for a session that will have no other.
    ///
    /// # Errors
    /// If the server is not reached.
    pub fn cancel(&self) -> Result<(), Error> {
        let asked = match &self.tls {
            Some(tls) => self.token.cancel_query(tls.clone()),
            None => self.token.cancel_query(NoTls),
        };
        asked.map_err(|error| Error::statement("cancelling a statement", error))
    }
}
