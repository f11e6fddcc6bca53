//! Columns that say where a connector's row came from: those of the Singer SDK (`--singer-metadata`) and of Airbyte
//! (`--airbyte-metadata`), of which one says which version or generation of its stream a row is.

use std::time::SystemTime;

use etl_component::{Fault, random_id};
use etl_schema::{Checker, Column, Schema, Source, Type, Value, Violation, format_uuid, time};
use etl_stream::json::unescape;
use etl_stream::{About, Format, Stream};
use serde_json::value::RawValue;

/// The column of a Singer stream's version.
pub const VERSION: &str = "_sdc_table_version";
/// The column of an Airbyte stream's generation.
pub const GENERATION: &str = "_airbyte_generation_id";

/// What a column beside those of the records has.
#[derive(Clone, Copy, Debug)]
enum What {
    ExtractedAt,
    ReceivedAt,
    BatchedAt,
    DeletedAt,
    Sequence,
    Version,
    SyncStartedAt,
    RawId,
    EmittedAt,
    Changes,
    Generation,
}

use What::{
    BatchedAt, Changes, DeletedAt, EmittedAt, ExtractedAt, Generation, RawId, ReceivedAt, Sequence,
    SyncStartedAt, Version,
};

const LONG: Type = Type::Integer { bits: 64 };

const SINGER: [(&str, Type, What, &str); 7] = [
    ("_sdc_extracted_at", Type::TimestampTz, ExtractedAt, "When the tap read the record from its source."),
    ("_sdc_received_at", Type::TimestampTz, ReceivedAt, "When the loader read the record."),
    ("_sdc_batched_at", Type::TimestampTz, BatchedAt, "When the load of the record began."),
    (
        "_sdc_deleted_at",
        Type::TimestampTz,
        DeletedAt,
        "When the record was deleted in its source, as the tap says it.",
    ),
    ("_sdc_sequence", LONG, Sequence, "When the loader read the record, in milliseconds since 1970."),
    (VERSION, LONG, Version, "The version of the stream that the row is of."),
    (
        "_sdc_sync_started_at",
        LONG,
        SyncStartedAt,
        "When the load of the record began, in milliseconds since 1970.",
    ),
];

const AIRBYTE: [(&str, Type, What, &str); 4] = [
    ("_airbyte_raw_id", Type::Text { max: None }, RawId, "A UUID of the record."),
    ("_airbyte_extracted_at", Type::TimestampTz, EmittedAt, "When the source emitted the record."),
    ("_airbyte_meta", Type::Json, Changes, "What the source changed in the record, as {\"changes\": […]}."),
    (GENERATION, LONG, Generation, "The generation of the stream that the row is of."),
];

fn column((name, ty, what, description): &(&str, Type, What, &str)) -> Column {
    let mut column = Column::new(*name, ty.clone(), true, false);
    column.description = Some((*description).to_owned());
    column.source = match what {
        DeletedAt => Source::Field,
        Version | Generation => Source::Beside,
        _ => Source::Note,
    };
    column
}

/// The columns of these connectors; those that the records have themselves are left out.
pub(crate) fn add_all(schema: &mut Schema, format: Format) {
    match format {
        Format::Ndjson => (),
        Format::Singer => SINGER.iter().for_each(|of| add(schema, column(of))),
        Format::Airbyte => AIRBYTE.iter().for_each(|of| add(schema, column(of))),
    }
}

/// Adds a column, unless there is one of this name.
pub(crate) fn add(schema: &mut Schema, column: Column) {
    if !schema.columns.iter().any(|known| known.name.eq_ignore_ascii_case(&column.name)) {
        schema.columns.push(column);
    }
}

/// The column of the version or generation of this stream.
pub(crate) fn version_column(stream: &Stream) -> Column {
    let name = version_name(stream.format);
    let found = SINGER.iter().chain(&AIRBYTE).find(|(known, ..)| *known == name);
    found.map_or_else(|| Column::new(name, LONG, true, false), column)
}

/// Its name.
pub(crate) fn version_name(format: Format) -> &'static str {
    if format == Format::Airbyte { GENERATION } else { VERSION }
}

/// Fills these columns of the rows of one table.
pub(crate) struct Metadata {
    columns: Vec<(usize, What)>,
    generation: Option<i64>,
    /// When the load began, in microseconds since 1970.
    began: i64,
    id: u128,
    text: Vec<u8>,
}

impl Metadata {
    /// What of it the records of this stream have in their table.
    ///
    /// # Errors
    /// 74 if the system has no random bytes.
    pub(crate) fn of(schema: &Schema, stream: Option<&Stream>) -> Result<Metadata, Fault> {
        let known = || SINGER.iter().chain(&AIRBYTE);
        let beside = schema.columns.iter().enumerate().filter(|(_, column)| column.source != Source::Field);
        let columns: Vec<(usize, What)> = beside
            .filter_map(|(at, column)| {
                known().find(|(name, ..)| *name == column.name).map(|(_, _, what, _)| (at, *what))
            })
            .collect();
        // What follows from one random number is as unlikely to meet the ids of another load as that itself.
        let id = match columns.iter().any(|(_, what)| matches!(what, RawId)) {
            true => u128::from_str_radix(&random_id()?, 16).unwrap_or_default(),
            false => 0,
        };
        let generation = stream.and_then(|stream| stream.generation).map(|generation| generation.id);
        Ok(Metadata { columns, generation, began: now(), id, text: Vec::new() })
    }

    /// Whether there is nothing to fill.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether rows say which version or generation they are.
    pub(crate) fn has_version(&self) -> bool {
        self.columns.iter().any(|(_, what)| matches!(what, Version | Generation))
    }

    /// Adds the values for a record of which its message says this, and returns the version.
    ///
    /// # Errors
    /// What the message says cannot be stored.
    pub(crate) fn fill(&mut self, checker: &mut Checker, about: About<'_>) -> Result<Option<i64>, Violation> {
        checker.forget_added();
        let (mut version, mut clock) = (None, None);
        for (column, what) in &self.columns {
            let mut received = || *clock.get_or_insert_with(now);
            match what {
                ExtractedAt => {
                    checker.add(*column, time_of("_sdc_extracted_at", about.time, extracted)?);
                }
                EmittedAt => {
                    checker.add(*column, time_of("_airbyte_extracted_at", about.time, emitted)?);
                }
                ReceivedAt => checker.add(*column, Value::TimestampTz(received())),
                BatchedAt => checker.add(*column, Value::TimestampTz(self.began)),
                DeletedAt => (),
                Sequence => checker.add(*column, Value::Integer(received() / 1000)),
                SyncStartedAt => checker.add(*column, Value::Integer(self.began / 1000)),
                Version => {
                    version = version_of(about.version)?;
                    checker.add(*column, version.map_or(Value::Null, Value::Integer));
                }
                Generation => {
                    version = self.generation;
                    checker.add(*column, version.map_or(Value::Null, Value::Integer));
                }
                RawId => {
                    self.id = self.id.wrapping_add(1);
                    self.text.clear();
                    format_uuid(&uuid(self.id), &mut self.text);
                    checker.add(*column, Value::Text(str::from_utf8(&self.text).unwrap_or_default()));
                }
                Changes => {
                    let changes = changes(about.meta);
                    checker.add(*column, Value::Json(&format!(r#"{{"changes":{changes}}}"#)));
                }
            }
        }
        Ok(version)
    }
}

/// Microseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A random UUID (RFC 9562, version 4).
fn uuid(random: u128) -> [u8; 16] {
    let (version, variant) = (0xf << 76, 0b11 << 62);
    (random & !version & !variant | 4 << 76 | 0b10 << 62).to_be_bytes()
}

fn is_missing(json: &[u8]) -> bool {
    json.is_empty() || json == b"null"
}

fn refused(field: &str, json: &[u8], what: &str) -> Violation {
    let shown = String::from_utf8_lossy(json);
    Violation { field: field.to_owned(), reason: format!("{} {what}", etl_stream::json::shorten(&shown, 80)) }
}

fn time_of(field: &str, json: &[u8], read: fn(&str) -> Option<i64>) -> Result<Value<'static>, Violation> {
    if is_missing(json) {
        return Ok(Value::Null);
    }
    let micros = str::from_utf8(json).ok().and_then(read);
    micros.map(Value::TimestampTz).ok_or_else(|| refused(field, json, "in the message is not a time"))
}

/// A `time_extracted`.
fn extracted(json: &str) -> Option<i64> {
    let text = json.strip_prefix('"')?.strip_suffix('"')?;
    time::parse_instant(&unescape(text))
}

/// An `emitted_at`: milliseconds since 1970, which some sources give with a fraction.
fn emitted(json: &str) -> Option<i64> {
    match json.parse::<i64>() {
        Ok(millis) => millis.checked_mul(1000),
        Err(_) => json.parse::<f64>().ok().map(|millis| (millis * 1000.0).round() as i64),
    }
    .filter(|micros| time::is_in_range(*micros))
}

fn version_of(json: &[u8]) -> Result<Option<i64>, Violation> {
    if is_missing(json) {
        return Ok(None);
    }
    let number = str::from_utf8(json).ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| refused(VERSION, json, "as `version` of the message is not an integer"))
}

/// The list `changes` of a record's `meta`.
fn changes(meta: &[u8]) -> &str {
    #[derive(serde::Deserialize)]
    struct Meta<'a> {
        #[serde(borrow, default)]
        changes: Option<&'a RawValue>,
    }
    let found = serde_json::from_slice(meta).ok().and_then(|Meta { changes }| changes);
    found.map(RawValue::get).filter(|changes| changes.starts_with('[')).unwrap_or("[]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_messages() {
        assert_eq!(extracted(r#""2026-01-01T00:00:00Z""#), Some(1_767_225_600_000_000));
        assert_eq!(extracted(r#""2026-01-01 00:00:00.5""#), Some(1_767_225_600_500_000));
        assert_eq!((extracted("7"), extracted(r#""soon""#)), (None, None));
        assert_eq!(emitted("1767225600000"), Some(1_767_225_600_000_000));
        assert_eq!(emitted("1767225600000.25"), Some(1_767_225_600_000_250));
        assert_eq!((emitted("1e30"), emitted("\"x\""), emitted("9223372036854775807")), (None, None, None));
    }

    #[test]
    fn ids_are_of_version_4() {
        let mut text = Vec::new();
        format_uuid(&uuid(u128::MAX), &mut text);
        assert_eq!(String::from_utf8_lossy(&text), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn changes_of_a_record() {
        assert_eq!(changes(br#"{"changes": [{"field":"a"}], "x":1}"#), r#"[{"field":"a"}]"#);
        assert_eq!([changes(b""), changes(b"{}"), changes(br#"{"changes":null}"#)], ["[]"; 3]);
    }
}
