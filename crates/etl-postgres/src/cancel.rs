//! Cancelling a statement from outside.

use postgres::{CancelToken, Client, NoTls};
use tokio::runtime;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::Error;
use crate::socket;

/// Cancels the statement that a session is running, from any thread.
#[derive(Clone)]
pub struct Canceller {
    token: Token,
    /// `None` if the session does not use TLS.
    tls: Option<MakeRustlsConnect>,
}

/// What names the connection to the server.
#[derive(Clone)]
enum Token {
    Session(CancelToken),
    /// With the settings to connect with.
    Reader(tokio_postgres::CancelToken, Box<Config>),
}

impl Canceller {
    /// A canceller for this session, which uses TLS or not.
    pub(crate) fn new(client: &Client, tls: Option<MakeRustlsConnect>) -> Canceller {
        Canceller { token: Token::Session(client.cancel_token()), tls }
    }

    /// The same for the connection of a [`crate::Reader`].
    pub(crate) fn of_reader(
        token: tokio_postgres::CancelToken,
        config: Config,
        tls: Option<MakeRustlsConnect>,
    ) -> Canceller {
        Canceller { token: Token::Reader(token, Box::new(config)), tls }
    }

    /// Asks the server, on a connection of its own, to cancel the statement that the session is running, which then
    /// fails with SQLSTATE 57014. The server does not reply. If the statement ends by itself at the same time, the
    /// session's next statement may be hit, so use this only for a session that runs no other statement.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub fn cancel(&self) -> Result<(), Error> {
        let asked = match (&self.token, self.tls.clone()) {
            (Token::Session(token), Some(tls)) => token.cancel_query(tls),
            (Token::Session(token), None) => token.cancel_query(NoTls),
            (Token::Reader(token, config), tls) => {
                let system = |error| Error::system("cancelling a statement", error);
                let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
                let stream = runtime.block_on(socket::open(config)).map_err(system)?;
                match tls {
                    Some(tls) => runtime.block_on(token.cancel_query_raw(stream, socket::tls(tls, config))),
                    None => runtime.block_on(token.cancel_query_raw(stream, NoTls)),
                }
            }
        };
        asked.map_err(|error| Error::statement("cancelling a statement", error))
    }
}
