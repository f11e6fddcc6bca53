//! Cancelling a statement from outside.

use postgres::{CancelToken, Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::Error;

/// Cancels the statement that a session is running, from any thread.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    /// `None` if the session does not use TLS.
    tls: Option<MakeRustlsConnect>,
}

impl Canceller {
    /// A canceller for this session, which uses TLS or not.
    pub(crate) fn new(client: &Client, tls: Option<MakeRustlsConnect>) -> Canceller {
        Canceller { token: client.cancel_token(), tls }
    }

    /// Asks the server, on a connection of its own, to cancel the statement that the session is running, which then
    /// fails with SQLSTATE 57014. The server does not reply. If the statement ends by itself at the same time, the
    /// session's next statement may be hit, so use this only for a session that runs no other statement.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub fn cancel(&self) -> Result<(), Error> {
        let asked = match &self.tls {
            Some(tls) => self.token.cancel_query(tls.clone()),
            None => self.token.cancel_query(NoTls),
        };
        asked.map_err(|error| Error::statement("cancelling a statement", error))
    }
}
