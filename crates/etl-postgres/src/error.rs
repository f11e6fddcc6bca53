//! Why a session could not be opened, or a statement failed.

use std::{fmt, io};

use etl_component::rejects::Said;
use etl_component::{Class, Fault};

use crate::broken::{self, Broken};
use crate::refusal::{self, Refusal};
use crate::{sqlstate, wording};

/// A failure of the server, or on the way to it. Its predicates say what can be done about it; the message for the user
/// and the exit code are those of the `Fault` that it becomes.
#[derive(Debug)]
pub struct Error {
    /// What the statement was about, for messages: `table weather`.
    what: String,
    cause: Cause,
}

/// What the server says of a row that it refuses.
#[derive(Debug)]
pub struct RefusedRow {
    /// The column, if it names one; otherwise empty.
    pub column: String,
    /// What is wrong.
    pub message: String,
    /// What else it says.
    pub said: Said,
}

#[derive(Debug)]
enum Cause {
    /// A statement was refused, or the connection broke under it.
    Statement(postgres::Error),
    /// No session could be opened.
    Connecting(Refusal),
    /// A COPY was given up before its end, or refused, which closed the connection.
    Closed,
    /// The reply is not one that PostgreSQL sends.
    Unexpected,
    /// The operating system failed.
    System(io::Error),
}

impl Error {
    /// A statement failed.
    pub(crate) fn statement(what: &str, error: postgres::Error) -> Error {
        Error { what: what.to_owned(), cause: Cause::Statement(error) }
    }

    /// No server could be connected to.
    pub(crate) fn connecting(refusal: Refusal) -> Error {
        Error { what: String::new(), cause: Cause::Connecting(refusal) }
    }

    /// The connection is closed.
    pub(crate) fn closed(what: &str) -> Error {
        Error { what: what.to_owned(), cause: Cause::Closed }
    }

    /// The operating system failed.
    pub(crate) fn system(what: &str, error: io::Error) -> Error {
        Error { what: what.to_owned(), cause: Cause::System(error) }
    }

    /// The reply is not one that PostgreSQL sends to this statement.
    pub fn unexpected(what: &str) -> Error {
        Error { what: what.to_owned(), cause: Cause::Unexpected }
    }

    /// The code in the server's reply to a statement (PostgreSQL 15, appendix A).
    pub fn sqlstate(&self) -> Option<&str> {
        match &self.cause {
            Cause::Statement(error) => error.code().map(|code| code.code()),
            _ => None,
        }
    }

    /// Whether the connection is gone, so that nobody knows what the server did last.
    pub fn is_lost(&self) -> bool {
        match &self.cause {
            Cause::Statement(error) if of_bouncer(error).is_some() => false,
            Cause::Statement(error) => match error.code() {
                Some(code) => sqlstate::is_lost(code.code()),
                None => error.is_closed() || broken::is_io(error),
            },
            Cause::Closed => true,
            Cause::Connecting(_) | Cause::Unexpected | Cause::System(_) => false,
        }
    }

    /// Whether the same may succeed at another time: a server that is away or overloaded, a deadlock, a statement that
    /// was cancelled.
    pub fn is_transient(&self) -> bool {
        match &self.cause {
            Cause::Statement(error) if of_bouncer(error).is_some() => false,
            Cause::Statement(error) => match error.code() {
                Some(code) => sqlstate::is_transient(code.code()),
                None => Broken::of(error).is_away(),
            },
            Cause::Connecting(refusal) => refusal.is_transient(),
            Cause::Closed => true,
            Cause::Unexpected | Cause::System(_) => false,
        }
    }

    /// Whether the server rolled the transaction back for a reason that may be gone at the next attempt: a deadlock, a
    /// conflict with another transaction, too few resources.
    pub fn is_rolled_back(&self) -> bool {
        self.sqlstate().is_some_and(sqlstate::is_rolled_back)
    }

    /// Whether another session came first: a unique key was there already, or a deadlock or a conflict had to be ended.
    pub fn is_collision(&self) -> bool {
        matches!(self.sqlstate(), Some("23505" | "40P01" | "40001"))
    }

    /// Whether a lock could not be obtained at once or in time (`NOWAIT`, `lock_timeout`).
    pub fn is_lock_timeout(&self) -> bool {
        self.sqlstate() == Some("55P03")
    }

    /// Whether the server refused values: for their form, or because of a constraint or a trigger.
    pub fn is_data(&self) -> bool {
        self.sqlstate().is_some_and(sqlstate::is_data)
    }

    /// What the server says of a row that it refuses for a constraint or for the form of a value (classes 23 and 22).
    pub fn refused_row(&self) -> Option<RefusedRow> {
        let Cause::Statement(error) = &self.cause else { return None };
        let error = error.as_db_error()?;
        let sqlstate = error.code().code().to_owned();
        let own = |text: Option<&str>| text.map(str::to_owned);
        let said = Said {
            constraint: own(error.constraint()),
            detail: own(error.detail()),
            sqlstate: Some(sqlstate),
        };
        let is_refusal = said.sqlstate.as_deref().is_some_and(sqlstate::is_refusal);
        let (column, message) = (own(error.column()).unwrap_or_default(), error.message().to_owned());
        is_refusal.then_some(RefusedRow { column, message, said })
    }

    /// The row, counted from 1, of a COPY into this table that the error is about.
    pub fn copy_row(&self, table: &str) -> Option<u64> {
        match &self.cause {
            Cause::Statement(error) => row_of(table, error.as_db_error()?.where_()?),
            _ => None,
        }
    }

    /// The error as a fault whose message begins with `what`, which may say more or less than the statement did.
    pub fn about(&self, what: &str) -> Fault {
        match &self.cause {
            Cause::Statement(error) => match error.as_db_error() {
                Some(refused) => {
                    let (said, hint) = (wording::sentence(refused), wording::usage(refused));
                    let class = of_bouncer(error).unwrap_or_else(|| sqlstate::class(refused.code().code()));
                    Fault::new(class, format!("{what}: {said}{hint}"))
                }
                None => {
                    let class = Broken::of(error).class();
                    Fault::new(class, format!("{what}: {}", wording::chain(error)))
                }
            },
            Cause::Connecting(refusal) => Fault::new(refusal.class(), refusal.text()),
            Cause::Closed => {
                let why = "the connection was closed because a COPY was given up or refused";
                Fault::new(Class::Transient, format!("{what}: {why}"))
            }
            Cause::Unexpected => {
                let why = "the server does not answer as PostgreSQL does";
                Fault::new(Class::Protocol, format!("{what}: {why}"))
            }
            Cause::System(error) => Fault::new(Class::Io, format!("{what}: {error}")),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        error.about(&error.what)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.about(&self.what).message())
    }
}

impl std::error::Error for Error {}

/// What pgbouncer refuses for good.
fn of_bouncer(error: &postgres::Error) -> Option<Class> {
    error.as_db_error().and_then(refusal::of_bouncer)
}

/// The number in `COPY weather, line 3, column temp`, in the server's language, which comes after the context of the
/// table's triggers.
fn row_of(table: &str, context: &str) -> Option<u64> {
    let (_, place) = context.lines().rev().find_map(|line| line.split_once(table))?;
    let digits = place.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_copy_is_found_in_any_language() {
        let contexts = [
            ("weather", "COPY weather, line 3, column temp"),
            ("weather", "PL/pgSQL function keep() line 9 at RAISE\nCOPY weather, line 3"),
            ("a, line 7", "COPY a, line 7, Zeile 3, Spalte 4"),
            ("weather", "weatherのCOPY、行 3、列 4"),
            ("weather", "weather 복사, 3번째 줄, 4 열"),
        ];
        for (table, context) in contexts {
            assert_eq!(row_of(table, context), Some(3), "{context}");
        }
        assert_eq!(row_of("weather", "SQL statement \"SELECT 3\""), None);
    }
}
