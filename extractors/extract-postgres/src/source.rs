//! The query on the server: in one transaction that only reads, first described, then read.

use etl_component::{Fault, signals};
use etl_postgres::reader::Described;
use etl_postgres::types::Types;
use etl_postgres::{Error, Reader, Settings as Connection};
use etl_stream::json::shorten;

use crate::args::Settings;
use crate::columns::{self, Column};
use crate::copy::Copy;
use crate::decode::{Bytes, Codec, Decoder};
use crate::resume::{Last, Resume};
use crate::state::State;

/// What the statements are about, for messages.
pub(crate) const WHAT: &str = "the query";

/// A snapshot for all statements. Texts that the server makes must not depend on its settings, and a client that has vanished is
/// found out within a minute.
const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL standard_conforming_strings = on; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'iso_8601';
    SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL tcp_keepalives_idle = 30;
    SET LOCAL tcp_keepalives_interval = 10; SET LOCAL tcp_keepalives_count = 3";
/// In a transaction that has failed, also after the last row, the first statement is refused.
const END: &str = "SELECT; COMMIT";

/// A query that is ready to be read.
pub(crate) struct Source<'s> {
    reader: Reader,
    settings: &'s Settings,
    columns: Vec<Column>,
    resume: Option<Resume<'s>>,
    /// The schema of the records.
    pub(crate) schema: String,
}

/// What became of a query.
pub(crate) struct Read {
    /// How many rows it had.
    pub(crate) rows: u64,
    /// Where it ended, if it has a cursor.
    pub(crate) state: Option<State>,
}

impl<'s> Source<'s> {
    /// Connects, and has the server describe the query.
    ///
    /// # Errors
    /// Those of the server; 78 for what is wrong with the columns.
    pub(crate) fn open(connection: &Connection, settings: &'s Settings) -> Result<Source<'s>, Fault> {
        let mut reader = Reader::connect(connection)?;
        let canceller = reader.canceller();
        signals::on_end(move || {
            if let Err(error) = canceller.cancel() {
                log::debug!("{error}");
            }
        });
        reader.batch(WHAT, &format!("{BEGIN}; {}", settings.limits))?;
        let statement = reader.prepare(WHAT, &settings.query.sql)?;
        if statement.columns.is_empty() {
            return Err(Fault::config("the query has no columns"));
        }
        let mut columns = describe(&mut reader, &statement.columns, settings.query.pads)?;
        let key = settings.key.iter().map(|name| position(&columns, "--key", name));
        let key = key.collect::<Result<Vec<_>, _>>()?;
        let resume = match &settings.cursor {
            Some(cursor) => {
                Some(Resume::new(cursor, position(&columns, "--cursor", &cursor.column)?, &key, &columns)?)
            }
            None => None,
        };
        let cursor = resume.as_ref().map(|resume| resume.cursor);
        for index in key.into_iter().chain(cursor) {
            columns[index].not_null = true;
        }
        let schema = columns::schema(&columns, &settings.key)?;
        Ok(Source { reader, settings, columns, resume, schema })
    }

    /// Reads the rows, and passes the line of each one on.
    ///
    /// # Errors
    /// Those of the server, 3 for a value that no record can have, or what `each` fails with.
    pub(crate) fn read(mut self, mut each: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<Read, Fault> {
        let Source { reader, settings, columns, resume, .. } = &mut self;
        let query = &settings.query;
        let mut values: Vec<&str> = query.values.iter().map(String::as_str).collect();
        if let Some(sql) = resume.as_ref().and_then(|resume| resume.nulls(query)) {
            refuse_nulls(reader, &sql, &values)?;
        }
        let is_plain = resume.is_none() && columns.iter().all(|column| column.is_plain);
        let sql = match resume {
            None if is_plain => query.sql.clone(),
            None => format!("SELECT {} FROM ({}\n) AS q", list(columns), query.sql),
            Some(resume) => resume.sql(query, &list(columns)),
        };
        values.extend(resume.iter().flat_map(Resume::values));
        let width = columns.len() + usize::from(resume.as_ref().is_some_and(Resume::flags_new));
        let forms = columns.iter().map(|column| (column.name.clone(), column.codec.clone(), column.not_null));
        let mut decoder = Decoder::new(forms);
        let mut last = resume.as_ref().map(|resume| Last::new(resume, columns.len()));
        if values.is_empty() {
            let mut copy = Copy::new(width);
            let copied = reader.copy(WHAT, &format!("COPY ({sql}\n) TO STDOUT (FORMAT binary)"), |bytes| {
                copy.feed(bytes, |fields| {
                    let start = fields.clone();
                    let line = decoder.line(&mut *fields)?;
                    if !fields.is_whole() {
                        return Ok(());
                    }
                    each(line)?;
                    decoder.rows += 1;
                    if let Some(last) = &mut last {
                        last.note(start);
                    }
                    Ok(())
                })
            });
            copied?;
            copy.end()?;
        } else {
            let statement = reader.prepare(WHAT, &sql)?;
            reader.query(WHAT, &statement, &values, |row| {
                let fields = row.fields().map(|field| field.map(Bytes::from));
                each(decoder.line(fields.clone())?)?;
                decoder.rows += 1;
                if let Some(last) = &mut last {
                    last.note(fields);
                }
                Ok::<(), Fault>(())
            })?;
        }
        reader.batch(WHAT, END)?;
        let state = last.and_then(|last| last.state(columns));
        Ok(Read { rows: decoder.rows, state })
    }
}

/// The columns that the server describes.
fn describe(reader: &mut Reader, described: &[Described], pads: bool) -> Result<Vec<Column>, Fault> {
    let types = Types::asking(described.iter().map(|column| column.oid), |sql| reader.rows(WHAT, sql))?;
    let facts = reader.rows(WHAT, &columns::facts(described))?;
    columns::columns(described, &facts, &types, pads)
}

/// The position of a column that a flag names.
fn position(columns: &[Column], flag: &str, name: &str) -> Result<usize, Fault> {
    let Some(index) = columns.iter().position(|column| column.name == name) else {
        let names = columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        let names = shorten(&names, 200);
        return Err(Fault::config(format!("{flag} {name}: the query has no such column; it has {names}")));
    };
    let column = &columns[index];
    if matches!(column.codec, Codec::Json | Codec::Jsonb | Codec::Array(_)) {
        let plain = column.codec.plain();
        return Err(Fault::config(format!("{flag} {name}: the column is {plain}, which is not for keys")));
    }
    Ok(index)
}

/// The columns as SQL has them, as the server is to send them.
fn list(columns: &[Column]) -> String {
    columns.iter().map(|column| column.sql.as_str()).collect::<Vec<_>>().join(", ")
}

/// Refuses a query some of whose rows the cursor would never come to.
fn refuse_nulls(reader: &mut Reader, sql: &str, values: &[&str]) -> Result<(), Fault> {
    let statement = reader.prepare(WHAT, sql)?;
    let mut found = None;
    reader.query(WHAT, &statement, values, |row| {
        found = row.fields().next().flatten().map(|field| field == [1]);
        Ok::<(), Error>(())
    })?;
    match found {
        Some(false) => Ok(()),
        Some(true) => {
            let what = "the query has rows whose cursor or key is NULL: a cursor would never come to them";
            Err(Fault::data(what))
        }
        None => Err(Error::unexpected(WHAT).into()),
    }
}
