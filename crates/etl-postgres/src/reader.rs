//! Reading many rows on the caller's own thread.
//!
//! A [`Session`](crate::Session) hands everything over between two threads, and asks its connection again for each row. Here the
//! rows of one answer are taken one after the other as they lie in the connection's buffer. Nothing is read ahead, so a slow
//! caller slows the server down.

use std::error::Error as StdError;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_core::Stream;
use postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{self, Runtime};
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::TextRow;
use crate::cancel::Canceller;
use crate::connect::{NoSession, Open, connect};
use crate::error::Error;
use crate::settings::Settings;
use crate::socket;
use crate::tap::{Rows, Tap, Tapping};

/// An open connection. What it passes rows on to must not use another connection on the same thread.
pub struct Reader {
    link: Link,
    client: Client,
    canceller: Canceller,
}

/// A statement that the server has parsed.
pub struct Statement {
    statement: tokio_postgres::Statement,
    /// What its rows have.
    pub columns: Vec<Described>,
}

/// What the server says of a column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// The number (OID) of its type; that of a domain is the one of its base type.
    pub oid: u32,
    /// The modifier of the type.
    pub modifier: i32,
    /// The table (OID) and the number of the column that it is, if it is just that.
    pub origin: Option<(u32, i16)>,
}

/// A row, each of whose fields has the binary form of its type.
pub struct Row<'a>(&'a tokio_postgres::Row);

impl Reader {
    /// Connects.
    ///
    /// # Errors
    /// 75 if the server cannot be reached; 76, 77 or 78 if something is wrong with it or with the credentials.
    pub fn connect(settings: &Settings) -> Result<Reader, Error> {
        let (Opened { link, client, .. }, canceller) = connect(settings)?;
        Ok(Reader { link, client, canceller })
    }

    /// A handle that cancels the running statement from another thread.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Runs statements whose rows do not matter.
    ///
    /// # Errors
    /// The error of the statement that failed; those after it were not run.
    pub fn batch(&mut self, what: &str, sql: &str) -> Result<(), Error> {
        let ran = self.link.wait_for(self.client.batch_execute(sql));
        ran.map_err(|error| Error::statement(what, error))
    }

    /// Runs statements, and returns all their rows, as texts.
    ///
    /// # Errors
    /// The error of the statement that failed.
    pub fn rows(&mut self, what: &str, sql: &str) -> Result<Vec<TextRow>, Error> {
        let messages = self.link.wait_for(self.client.simple_query(sql));
        let rows =
            messages.map_err(|error| Error::statement(what, error))?.into_iter().filter_map(|message| {
                match message {
                    SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                }
            });
        Ok(rows.collect())
    }

    /// Has the server parse a statement, which takes locks on what it reads, and says what its rows have.
    ///
    /// # Errors
    /// What is wrong with it, also that it is several statements.
    pub fn prepare(&mut self, what: &str, sql: &str) -> Result<Statement, Error> {
        let statement = self.link.wait_for(self.client.prepare(sql));
        let statement = statement.map_err(|error| Error::statement(what, error))?;
        let columns = statement.columns().iter().map(|column| Described {
            name: column.name().to_owned(),
            oid: column.type_().oid(),
            modifier: column.type_modifier(),
            origin: column.table_oid().zip(column.column_id()),
        });
        Ok(Statement { columns: columns.collect(), statement })
    }

    /// Runs `COPY … TO STDOUT`, and passes the bytes on as they come; PostgreSQL sends them row by row.
    ///
    /// The statement must only read: the crate does not report what goes wrong after the last row. In a transaction, the
    /// next statement is then refused (25P02).
    ///
    /// # Errors
    /// What made the copy fail, or what `each` fails with: then the connection must not be used any more.
    pub fn copy<E: From<Error>>(
        &mut self,
        what: &str,
        sql: &str,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.link.rows.keep(true);
        let copied =
            self.link.wait_for(self.client.copy_out(sql)).map_err(|error| Error::statement(what, error));
        let copied = copied.map_err(E::from).and_then(|stream| {
            let (stream, rows) = (pin!(stream), self.link.rows.clone());
            // What comes of the stream is its end, and an error.
            self.link.drain(what, stream, |_| Ok(()), || rows.take(&mut each))
        });
        self.link.rows.keep(false);
        copied
    }

    /// Runs a statement with these texts as its parameters, which the server reads as their types, and passes the rows on
    /// as they come.
    ///
    /// # Errors
    /// What made it fail, or what `each` fails with: then the connection must not be used any more.
    pub fn query<E: From<Error>>(
        &mut self,
        what: &str,
        statement: &Statement,
        parameters: &[&str],
        mut each: impl FnMut(Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let parameters = parameters.iter().map(|text| Text(text));
        let rows = self.link.wait_for(self.client.query_raw(&statement.statement, parameters));
        let mut rows = pin!(rows.map_err(|error| Error::statement(what, error))?);
        self.link.drain(what, rows.as_mut(), |row| each(Row(&row)), || Ok(false))
    }
}

impl Statement {
    /// How many parameters it has.
    pub fn parameters(&self) -> usize {
        self.statement.params().len()
    }
}

impl<'a> Row<'a> {
    /// The fields in their order; `None` is NULL.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Option<&'a [u8]>> + Clone + use<'a> {
        let row = self.0;
        // Any type is taken as it is.
        (0..row.len())
            .map(move |index| row.try_get::<_, Option<Raw<'a>>>(index).ok().flatten().map(|raw| raw.0))
    }
}

/// The bytes of a field.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Raw<'a>, Box<dyn StdError + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A parameter as a text.
#[derive(Debug)]
struct Text<'a>(&'a str);

impl ToSql for Text<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A connection, and what polls it.
struct Link {
    runtime: Arc<Runtime>,
    /// `None` once it is broken.
    connection: Option<Box<dyn Messages + Send>>,
    rows: Rows,
}

/// What the server sends by itself; polling for it moves everything else forward, too.
trait Messages {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, postgres::Error>>>;
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: AsyncRead + AsyncWrite + Unpin> Messages for Connection<S, T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<AsyncMessage, postgres::Error>>> {
        self.poll_message(cx)
    }
}

impl Link {
    /// Moves the connection forward as far as it goes without waiting. Returns why it is broken, which is more than what waits
    /// for an answer would say, once it is.
    fn advance(&mut self, cx: &mut Context<'_>) -> Option<postgres::Error> {
        while let Poll::Ready(Some(message)) = self.connection.as_mut()?.poll(cx) {
            match message {
                Ok(AsyncMessage::Notice(notice)) => {
                    log::debug!("{}: {}", notice.severity(), notice.message())
                }
                Ok(_) => (),
                Err(broken) => {
                    // Whoever waits is told what has come before that, and then that nothing more will come.
                    self.connection = None;
                    return Some(broken);
                }
            }
        }
        None
    }

    fn wait_for<T>(
        &mut self,
        answer: impl Future<Output = Result<T, postgres::Error>>,
    ) -> Result<T, postgres::Error> {
        let (mut answer, mut broken) = (pin!(answer), None);
        let runtime = Arc::clone(&self.runtime);
        runtime.block_on(std::future::poll_fn(|cx| {
            broken = broken.take().or_else(|| self.advance(cx));
            answer.as_mut().poll(cx).map_err(|error| cause(error, &mut broken))
        }))
    }

    /// Passes on all that comes. `take` takes what the stream does not have, and says whether there was any.
    fn drain<T, E: From<Error>>(
        &mut self,
        what: &str,
        mut stream: Pin<&mut impl Stream<Item = Result<T, postgres::Error>>>,
        mut each: impl FnMut(T) -> Result<(), E>,
        mut take: impl FnMut() -> Result<bool, E>,
    ) -> Result<(), E> {
        let (runtime, mut broken) = (Arc::clone(&self.runtime), None);
        runtime.block_on(std::future::poll_fn(|cx| {
            loop {
                broken = broken.take().or_else(|| self.advance(cx));
                let mut came = take()?;
                while let Poll::Ready(item) = stream.as_mut().poll_next(cx) {
                    match item {
                        Some(Ok(item)) => each(item)?,
                        Some(Err(error)) => {
                            let error = Error::statement(what, cause(error, &mut broken));
                            return Poll::Ready(Err(error.into()));
                        }
                        None => return Poll::Ready(Ok(())),
                    }
                    came = true;
                }
                // Where something was taken, there is room for more that may have come.
                if !came {
                    return Poll::Pending;
                }
            }
        }))
    }
}

/// Why nothing more comes, if the error does not say it.
fn cause(error: postgres::Error, broken: &mut Option<postgres::Error>) -> postgres::Error {
    if error.is_closed() { broken.take().unwrap_or(error) } else { error }
}

/// What a [`Reader`] is before it is known to be of the kind that is wanted.
pub(crate) struct Opened {
    link: Link,
    client: Client,
    config: Config,
}

impl Open for Opened {
    fn open(config: &Config, tls: Option<MakeRustlsConnect>) -> Result<Opened, NoSession> {
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(NoSession::System)?;
        let stream = runtime.block_on(socket::open(config)).map_err(NoSession::Unreachable)?;
        let asks = config.get_ssl_mode() != SslMode::Disable
            && config.get_ssl_negotiation() == SslNegotiation::Postgres;
        let (stream, rows) = Tap::new(stream, asks);
        let (client, connection): (Client, Box<dyn Messages + Send>) = match tls {
            Some(tls) => {
                let connecting = config.connect_raw(stream, Tapping(socket::tls(tls, config)));
                let (client, connection) = runtime.block_on(connecting).map_err(NoSession::Broken)?;
                (client, Box::new(connection))
            }
            None => {
                let connecting = config.connect_raw(stream, NoTls);
                let (client, connection) = runtime.block_on(connecting).map_err(NoSession::Broken)?;
                (client, Box::new(connection))
            }
        };
        let link = Link { runtime: Arc::new(runtime), connection: Some(connection), rows };
        Ok(Opened { link, client, config: config.clone() })
    }

    fn ask(&mut self, query: &str) -> Result<Vec<SimpleQueryMessage>, postgres::Error> {
        self.link.wait_for(self.client.simple_query(query))
    }

    fn canceller(&self, tls: Option<MakeRustlsConnect>) -> Canceller {
        Canceller::of_reader(self.client.cancel_token(), self.config.clone(), tls)
    }
}
