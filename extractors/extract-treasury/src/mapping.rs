//! Reply → records, as pure functions: no network, no clock.
//!
//! A file is CSV with a header that depends on its year. Columns are known by their names, so that a maturity that is
//! new in a file shifts no other. Files that a spreadsheet or a script has saved again are read as well.

use std::collections::BTreeMap;
use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord, Trim};
use etl_component::{Class, Fault, counted};
use etl_http::json::{Mismatch, Shape};
use etl_http::{Reply, Verdict, quote};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::period::Period;
use crate::series::{Series, field};

/// Years of two digits are from 1990 on, when the oldest series begins.
const FIRST_YEAR: i16 = 90;
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What a reply became.
#[derive(Debug)]
pub(crate) struct File {
    /// Its rows in their order, newest first.
    pub(crate) rows: Vec<Row>,
    /// What is odd about the reply but does not make it wrong.
    pub(crate) warnings: Vec<String>,
}

/// A record: the day, when it was fetched, the fields of the schema in its order, then those that the schema does not have.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) date: Date,
    fetched_at: Timestamp,
    fields: Arc<[String]>,
    /// A value for each field, with the digits of the file.
    values: Vec<Option<Box<RawValue>>>,
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("date", &self.date)?;
        map.serialize_entry("fetched_at", &self.fetched_at)?;
        for (field, value) in self.fields.iter().zip(&self.values) {
            map.serialize_entry(field, value)?;
        }
        map.end()
    }
}

/// The rows of a file, which was asked for as that of a period.
///
/// # Errors
/// 76 if it is not a file of the series; the message names the line.
pub(crate) fn file(
    series: &Series,
    period: Period,
    fetched_at: Timestamp,
    reply: &[u8],
) -> Result<File, Fault> {
    read(series, period, fetched_at, reply).map_err(|mismatch| mismatch.in_reply_to(series.kind))
}

fn read(series: &Series, period: Period, fetched_at: Timestamp, reply: &[u8]) -> Shape<File> {
    let text = std::str::from_utf8(reply).map_err(|_| Mismatch::new("not UTF-8"))?;
    let text = text.trim_start_matches(BYTE_ORDER_MARK);
    if text.trim_start().starts_with('<') {
        return Err(Mismatch::new("HTML where CSV is expected"));
    }
    if text.matches('"').count() % 2 == 1 {
        return Err(Mismatch::new("a quoted cell does not end"));
    }
    let csv =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(text.as_bytes());
    let mut lines = csv.into_records();
    let names =
        lines.next().and_then(Result::ok).ok_or_else(|| Mismatch::new("nothing, not even a header"))?;
    let mut warnings = Vec::new();
    let header = Header::read(series, &names, &mut warnings)?;
    let mut rows: Vec<Row> = Vec::new();
    let mut places: BTreeMap<Date, usize> = BTreeMap::new();
    for line in lines {
        let line = line.map_err(|error| Mismatch::new(error.to_string()))?;
        let wrong = |what: String| Mismatch::new(format!("line {}: {what}", number(text, &line)));
        if line.iter().all(str::is_empty) {
            continue;
        }
        if line.len() != names.len() {
            let cells = counted(line.len() as u64, "cell", "cells");
            let columns = counted(names.len() as u64, "column", "columns");
            return Err(wrong(format!("{cells}, but there are {columns}")));
        }
        let row = header.row(fetched_at, &line).map_err(wrong)?;
        match places.get(&row.date).map(|place| &rows[*place]) {
            None => {
                places.insert(row.date, rows.len());
                rows.push(row);
            }
            Some(before) if is_same(before, &row) => (),
            Some(_) => return Err(wrong(format!("{} is there twice, with other values", row.date))),
        }
    }
    let others = rows.iter().filter(|row| !period.contains(row.date)).count();
    if others > 0 {
        warnings
            .push(format!("{} of another time than {period}", counted(others as u64, "row is", "rows are")));
    }
    Ok(File { rows, warnings })
}

/// The number of a line. The reader counts blank lines before it to it.
fn number(text: &str, line: &StringRecord) -> usize {
    let at = line.position().and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or_default();
    let rest = text.get(at..).unwrap_or_default();
    let at = at + rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

fn is_same(one: &Row, other: &Row) -> bool {
    let texts = |row: &Row| {
        row.values.iter().map(|value| value.as_ref().map(|it| it.get().to_owned())).collect::<Vec<_>>()
    };
    texts(one) == texts(other)
}

/// Where each field is in a row.
#[derive(Debug)]
struct Header {
    date: usize,
    fields: Arc<[String]>,
    /// Of each field its column, if the file has one, and the column's name.
    columns: Vec<Option<(usize, String)>>,
    /// How many of the fields the schema has.
    known: usize,
}

impl Header {
    fn read(series: &Series, names: &StringRecord, warnings: &mut Vec<String>) -> Shape<Header> {
        let mut fields: Vec<String> = series.fields.iter().map(|field| (*field).to_owned()).collect();
        let mut columns: Vec<Option<(usize, String)>> = vec![None; fields.len()];
        let known = fields.len();
        let mut date = None;
        for (at, name) in names.iter().enumerate() {
            let field = field(name);
            let twice = || Mismatch::new(format!("the header has {:?} twice", quote(name)));
            match fields.iter().position(|known| *known == field) {
                _ if field == "date" => {
                    if date.replace(at).is_some() {
                        return Err(twice());
                    }
                }
                Some(place) if columns[place].is_none() => columns[place] = Some((at, name.to_owned())),
                Some(_) => return Err(twice()),
                None if field.is_empty() || field == "fetched_at" => {
                    let name = quote(name);
                    warnings.push(format!(
                        "column {} of the file ({name:?}) is left out: no field can have its name",
                        at + 1
                    ));
                }
                None => {
                    let schema = series.schema;
                    warnings.push(format!(
                        "the column {:?} is new: {schema} has no field {field} yet",
                        quote(name)
                    ));
                    fields.push(field);
                    columns.push(Some((at, name.to_owned())));
                }
            }
        }
        let date = date.ok_or_else(|| Mismatch::new(format!("no column Date: {}", shown(names))))?;
        if columns[..known].iter().all(Option::is_none) {
            return Err(Mismatch::new(format!("no column of {}: {}", series.schema, shown(names))));
        }
        Ok(Header { date, fields: fields.into(), columns, known })
    }

    /// # Errors
    /// What is wrong with the row.
    fn row(&self, fetched_at: Timestamp, cells: &StringRecord) -> Result<Row, String> {
        let cell = |at: usize| cells.get(at).unwrap_or_default();
        let text = cell(self.date);
        let date = self::date(text).ok_or_else(|| format!("{:?} is not a date", quote(text)))?;
        let values = self.columns.iter().enumerate().map(|(nth, column)| {
            let Some((at, name)) = column else { return Ok(None) };
            let text = cell(*at);
            match value(text) {
                Some(value) => Ok(value),
                // Nobody knows yet what the column is.
                None if nth >= self.known => Ok(to_raw_value(text).ok()),
                None => Err(format!("{:?} is {:?}, not a number", quote(name), quote(text))),
            }
        });
        let values = values.collect::<Result<_, String>>()?;
        Ok(Row { date, fetched_at, fields: Arc::clone(&self.fields), values })
    }
}

fn shown(names: &StringRecord) -> String {
    quote(&names.iter().collect::<Vec<_>>().join(","))
}

/// A rate as it is written; null where there is none. `None` if it is something else.
fn value(text: &str) -> Option<Option<Box<RawValue>>> {
    if text.is_empty() || text.eq_ignore_ascii_case("n/a") {
        return Some(None);
    }
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let zero = if digits.starts_with('.') { "0" } else { "" };
    let number = format!("{sign}{zero}{digits}");
    // Of all JSON, only a number begins so.
    let is_number = number.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    is_number.then(|| RawValue::from_string(number).ok()).flatten().map(Some)
}

/// `MM/DD/YYYY`, as the service has it; without zeros in front, with a year of two digits, or `YYYY-MM-DD`, as others save it,
/// who may add a midnight.
fn date(text: &str) -> Option<Date> {
    let (day, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let (american, iso): (Vec<&str>, Vec<&str>) = (day.split('/').collect(), day.split('-').collect());
    let (([month, day, year], _) | (_, [year, month, day])) = (&american[..], &iso[..]) else { return None };
    let is_midnight = time.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.'));
    let is_number = |text: &str, lengths: &[usize]| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let years: &[usize] = if iso.len() == 3 { &[4] } else { &[2, 4] };
    if !is_midnight || !is_number(year, years) || !is_number(month, &[1, 2]) || !is_number(day, &[1, 2]) {
        return None;
    }
    let century = |short: i16| if short < FIRST_YEAR { 2000 } else { 1900 };
    let number: i16 = year.parse().ok()?;
    let year = if year.len() == 2 { century(number) + number } else { number };
    Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

/// What the service says of itself: pages for people come with any status.
pub(crate) fn judge(reply: &Reply) -> Option<Verdict> {
    let fail = |class, message| Some(Verdict::Fail { class, message });
    match reply.status {
        200 => {
            let kind = reply.header("content-type").unwrap_or("a reply without a type");
            let is_csv = kind.to_ascii_lowercase().contains("csv") || begins_with_date(&reply.body);
            if is_csv {
                None
            } else {
                fail(Class::Protocol, format!("{} where CSV is expected", quote(kind)))
            }
        }
        403 => fail(
            Class::Denied,
            "403: the service asks for no key; it, or a proxy, refuses this machine".to_owned(),
        ),
        404 => fail(
            Class::Config,
            "404: there is no such file: is the year or the month one of the past, and --base-url right?"
                .to_owned(),
        ),
        _ => None,
    }
}

fn begins_with_date(body: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&body[..body.len().min(64)]);
    let cell = start.trim_start_matches(BYTE_ORDER_MARK).split([',', '\n']).next().unwrap_or_default();
    cell.trim().trim_matches('"').trim().eq_ignore_ascii_case("date")
}

#[cfg(test)]
mod tests;
