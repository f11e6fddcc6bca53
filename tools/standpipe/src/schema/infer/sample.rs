//! A draft from sample records.

use std::collections::HashMap;
use std::io::Read;

use etl_component::Fault;
use etl_schema::Schema;
use etl_stream::json::{self, Kind, Scanner};
use etl_stream::{Event, Reader, Values, counted};
use serde_json::json;

use super::draft::{Column, Draft};
use super::keys::{COMPARED, Keys};
use super::kinds::Kinds;

/// How many columns a table can have at most anywhere (PostgreSQL: 1,600; SQLite: 2,000).
const MOST: usize = 2_000;

/// How many candidates for the key are named.
const NAMED: usize = 8;

/// What has been seen of a field.
struct Field {
    name: String,
    records: u64,
    /// The first line, and the first one without it.
    first: u64,
    missing: Option<u64>,
    kinds: Kinds,
}

/// Reads all records of the stream; what is kept of them does not grow with their number.
///
/// # Errors
/// Those of the stream; 3 if it has no record, or no table could have so many columns.
pub(super) fn draft<R: Read>(reader: &mut Reader<R>, source: &str) -> Result<Draft, Fault> {
    let (mut fields, mut places) = (Vec::<Field>::new(), HashMap::<String, usize>::new());
    let (mut keys, mut scanner) = (Keys::default(), Scanner::new());
    let (mut texts, mut any_texts, mut records, mut first_line) = (false, false, 0, 0);
    while let Some(event) = reader.next()? {
        let line = match event {
            Event::Record(line) => line,
            Event::Begin(begin) => {
                texts = begin.values == Values::Text;
                any_texts |= texts;
                continue;
            }
            _ => continue,
        };
        let record = etl_component::scan(line, &mut scanner).map_err(|fault| match records {
            0 => fault.adding("; a JSON Schema is read with --json-schema"),
            _ => fault,
        })?;
        if records == 0 {
            refuse_schema(&record)?;
            first_line = line.number;
        }
        records += 1;
        keys.take(&record);
        for member in record.fields() {
            let name = member.name();
            let place = match places.get(&*name) {
                Some(&place) => place,
                None => {
                    if fields.len() == MOST {
                        let at = line.place();
                        let why = "no table has as many columns: are names of fields values here?";
                        return Err(Fault::data(format!("{at}: more than {MOST} different fields: {why}")));
                    }
                    if let Some(why) = refused(&name, &fields) {
                        let name = json::shorten(&name, 80);
                        return Err(Fault::data(format!(
                            "{}: field {name:?} cannot be a column: {why}; rename it, such as with `standpipe through -- jq`",
                            line.place()
                        )));
                    }
                    let missing = (records > 1).then_some(first_line);
                    let (name, first, kinds) = (name.into_owned(), line.number, Kinds::default());
                    places.insert(name.clone(), fields.len());
                    fields.push(Field { name, records: 0, first, missing, kinds });
                    fields.len() - 1
                }
            };
            fields[place].kinds.take(member.value, line.number, texts);
            fields[place].records += 1;
        }
        for field in &mut fields {
            if field.records < records && field.missing.is_none() {
                field.missing = Some(line.number);
            }
        }
    }
    if records == 0 {
        return Err(Fault::data(format!("{source} has no records, so nothing can be inferred from it")));
    }
    if fields.is_empty() {
        return Err(Fault::data(format!("the records of {source} have no fields")));
    }
    let mut draft = Draft::default();
    let of = counted(records, "record", "records");
    draft.comments.push(format!(
        "inferred from {of} of {source}, for a person to read: what these have not shown, it does not know"
    ));
    if any_texts {
        draft.comments.push(
            "values are texts there; each column has the type that all its texts can be read as".to_owned(),
        );
    }
    for Field { name, first, missing, kinds, .. } in fields {
        let mut column = Column { name, required: missing.is_none(), ..Column::default() };
        kinds.decide(&mut column);
        if let Some(missing) = missing {
            column.comments.push(format!("not on line {missing}"));
            if first != first_line {
                column.comments.push(format!("first on line {first}"));
            }
        }
        draft.columns.push(column);
    }
    name_keys(&mut draft, &keys);
    Ok(draft)
}

/// Names the key where there is hardly a doubt, and the other candidates.
fn name_keys(draft: &mut Draft, keys: &Keys) {
    let may = |name: &str| draft.columns.iter().any(|column| column.name == name && column.never_null());
    let (alone, pairs, compared) = keys.found();
    let mut candidates: Vec<String> =
        alone.iter().filter(|name| may(name)).map(|name| (*name).to_owned()).collect();
    let pairs = pairs.iter().filter(|pair| pair.iter().all(|name| may(name)));
    let pairs: Vec<String> = pairs.map(|pair| pair.join(" with ")).collect();
    let key = draft.key_by_name().filter(|name| compared > 1 && alone.contains(name)).map(str::to_owned);
    candidates.extend(pairs);
    let of = match compared {
        0..=COMPARED => format!("these {} are told apart", counted(compared, "record", "records")),
        _ => format!("the first {COMPARED} records are told apart from each other and from all later ones"),
    };
    draft.comments.push(match candidates.as_slice() {
        _ if compared == 1 => "x-key: one record does not show what tells records apart".to_owned(),
        [] => "x-key: no column and no pair of columns tells the records apart".to_owned(),
        some => {
            let more = if some.len() > NAMED { ", or others" } else { "" };
            let named = some[..some.len().min(NAMED)].join(", or ");
            format!("x-key: {of} by {named}{more}")
        }
    });
    draft.key.extend(key);
}

/// Why no column can have this name beside the others, if none can.
fn refused(name: &str, fields: &[Field]) -> Option<String> {
    let folded = name.to_lowercase();
    if let Some(other) = fields.iter().find(|field| field.name.to_lowercase() == folded) {
        let (name, line) = (json::shorten(&other.name, 80), other.first);
        return Some(format!("it differs from {name:?} on line {line} only in case"));
    }
    let document = json!({ "type": "object", "properties": { name: { "type": "string" } } });
    let fault = Schema::from_json("", &document.to_string()).err()?;
    Some(fault.message().rsplit(": ").next().unwrap_or_default().to_owned())
}

/// A schema that was meant to be read as one.
fn refuse_schema(record: &etl_stream::json::Record<'_>) -> Result<(), Fault> {
    let is = |name: &str, kind: Kind| record.get(name).is_some_and(|field| field.value.kind == kind);
    let is_text = |name: &str| is(name, Kind::String { escaped: false });
    let is_schema = is_text("$schema")
        || is_text("openapi")
        || is_text("swagger")
        || is_text("type") && is("properties", Kind::Object);
    if is_schema {
        let why =
            "the first record looks like a JSON Schema or an OpenAPI document: --json-schema reads it as one";
        return Err(Fault::data(why));
    }
    Ok(())
}
