//! What was typed, and what it means.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};
use etl_component::{Class, Fault, RecordsArgs, duration};

use crate::query::Query;
use crate::state::State;

/// The rows of a query to PostgreSQL as records, read in a transaction that changes nothing and never held in memory. Their
/// schema is that of the result, so that load-postgres copies them exactly. The server and the user are set as for psql:
/// DATABASE_URL, or PGHOST, PGUSER, PGPASSWORD and so on
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-postgres --query 'SELECT * FROM orders' | load-postgres --table copy --create
  extract-postgres --query-file curve.sql | load-postgres --table curve --mode replace
  extract-postgres --query 'TABLE t' --cursor at --key id --state t.state | load-sqlite --db t.db")]
pub(crate) struct Cli {
    #[command(flatten)]
    text: QueryArgs,
    /// The value of :NAME in the query, as a text that the server reads; repeatable. It is bound, never put into the query
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter, help_heading = "Query")]
    param: Vec<(String, String)>,
    /// A column of the key of the records, which upserts need; repeatable
    #[arg(long, value_name = "COLUMN", help_heading = "Records")]
    key: Vec<String>,
    /// A column that grows with every new or changed row: a run reads on after the row that the last one ended with
    #[arg(long, value_name = "COLUMN", requires = "key", help_heading = "Since when")]
    cursor: Option<String>,
    /// Read on from the state in this file, which whatever stores the records writes; none yet is a start
    #[arg(long, value_name = "FILE", requires = "cursor", help_heading = "Since when")]
    state: Option<PathBuf>,
    /// How far before the state's cursor to read again, for rows that were committed late: a duration, or of numbers a number
    #[arg(long, value_name = "DURATION|N", requires = "cursor", help_heading = "Since when")]
    look_back: Option<String>,
    /// How long the query may take, its reader's time included; otherwise what the server and the role allow. 0 is no limit
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Limits")]
    statement_timeout: Option<Duration>,
    /// How long a lock is waited for; otherwise what the server and the role allow. 0 is no limit
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Limits")]
    lock_timeout: Option<Duration>,
    /// How long the server keeps the transaction of a client that no longer asks for anything. 0 is no limit
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration, help_heading = "Limits")]
    idle_timeout: Duration,
    #[command(flatten)]
    pub(crate) output: RecordsArgs,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct QueryArgs {
    /// The query: one SELECT, WITH, VALUES or TABLE
    #[arg(long, value_name = "SQL", help_heading = "Query")]
    query: Option<String>,
    /// The file with the query
    #[arg(long, value_name = "PATH", help_heading = "Query")]
    query_file: Option<PathBuf>,
}

/// What to read.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) query: Query,
    /// The names of the key's columns.
    pub(crate) key: Vec<String>,
    pub(crate) cursor: Option<Cursor>,
    /// Settings of the transaction in SQL.
    pub(crate) limits: String,
}

/// How a run reads on where the last one ended.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) column: String,
    /// Where the last run has ended, if there was one.
    pub(crate) state: Option<State>,
    pub(crate) look_back: Option<String>,
}

impl Cli {
    /// What to read.
    ///
    /// # Errors
    /// 2 and 78 for what is wrong with the query or its parameters, 66 for a file that cannot be read, 3 for a state that is not
    /// ours.
    pub(crate) fn settings(&self) -> Result<Settings, Fault> {
        for (index, (name, _)) in self.param.iter().enumerate() {
            if self.param[..index].iter().any(|(other, _)| other == name) {
                return Err(Fault::usage(format!("--param {name} is given twice")));
            }
        }
        for (index, name) in self.key.iter().enumerate() {
            if self.key[..index].contains(name) {
                return Err(Fault::usage(format!("--key {name} is given twice")));
            }
        }
        let query = Query::read(&self.text.read()?, &self.param)?;
        let cursor = match &self.cursor {
            Some(column) => Some(Cursor {
                column: column.clone(),
                state: State::read(self.state.as_deref(), self.key.len())?,
                look_back: self.look_back.clone(),
            }),
            None => None,
        };
        let mut limits =
            format!("SET LOCAL idle_in_transaction_session_timeout = {}", milliseconds(self.idle_timeout));
        for (name, timeout) in
            [("statement_timeout", self.statement_timeout), ("lock_timeout", self.lock_timeout)]
        {
            if let Some(timeout) = timeout {
                limits += &format!("; SET LOCAL {name} = {}", milliseconds(timeout));
            }
        }
        Ok(Settings { query, key: self.key.clone(), cursor, limits })
    }
}

impl QueryArgs {
    /// The text of the query.
    ///
    /// # Errors
    /// 66 if its file cannot be read, 78 if that is not UTF-8.
    fn read(&self) -> Result<String, Fault> {
        let Some(path) = &self.query_file else { return Ok(self.query.clone().unwrap_or_default()) };
        let shown = path.display();
        let bytes = fs::read(path).map_err(|error| {
            Fault::new(Class::NoInput, format!("cannot read the query {shown}")).because(error)
        })?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| Fault::config(format!("the query {shown} is not UTF-8")))?;
        Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
    }
}

/// What the server counts timeouts in; the longest that it takes is 24 days.
fn milliseconds(timeout: Duration) -> i32 {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // Zero would be no limit.
    if timeout.is_zero() { 0 } else { millis.max(1) }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, with a name of letters, digits and underscores".to_owned()),
    }
}

fn is_name(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    begins && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
