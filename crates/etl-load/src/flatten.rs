//! Objects in records whose fields are columns (`--flatten`): a record becomes one without them.

use std::collections::HashSet;

use etl_schema::{Schema, Violation};
use etl_stream::Line;
use etl_stream::json::{self, Kind, Record, Scanner};

/// What stands between the name of an object and that of its field.
const BETWEEN: &[u8] = b"__";

/// Takes the objects of records apart, into memory that is used again.
#[derive(Default)]
pub(crate) struct Flatten {
    /// The names of the objects: those of fields, with the names of what they are in before them.
    objects: HashSet<Box<str>>,
    /// One for each level.
    scanners: Vec<Scanner>,
    text: Vec<u8>,
}

/// Why a record has not become one.
pub(crate) enum Unfit {
    /// It is not a record.
    Broken,
    /// It has something else in place of an object, or one with a key twice.
    Refused(Violation),
}

impl Flatten {
    /// For records of this schema.
    pub(crate) fn of(schema: &Schema) -> Flatten {
        Flatten { objects: schema.objects.iter().cloned().collect(), ..Flatten::default() }
    }

    /// Whether records stay as they are.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The record without its objects. `odd` says whether NaN is a number in it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn flatten(&mut self, line: Line<'_>, odd: bool) -> Result<&[u8], Unfit> {
        let Flatten { objects, scanners, text } = self;
        text.clear();
        text.push(b'{');
        members(line.bytes, (b"", ""), objects, odd, scanners, text)?;
        text.pop_if(|last| *last == b',');
        text.push(b'}');
        Ok(text)
    }
}

/// Appends the members of an object, each with a comma. `prefix` is what comes before their names, as written and as meant.
fn members(
    object: &[u8],
    prefix: (&[u8], &str),
    objects: &HashSet<Box<str>>,
    odd: bool,
    scanners: &mut Vec<Scanner>,
    out: &mut Vec<u8>,
) -> Result<(), Unfit> {
    let mut scanner = scanners.pop().unwrap_or_default();
    scanner.admit_odd_numbers(odd);
    let done = match scanner.scan(object) {
        Ok(record) => each(&record, prefix, objects, odd, scanners, out),
        Err(_) if prefix.1.is_empty() => Err(Unfit::Broken),
        Err(error) => {
            let field = prefix.1.trim_end_matches("__").to_owned();
            Err(Unfit::Refused(Violation { field, reason: error.message }))
        }
    };
    scanners.push(scanner);
    done
}

fn each(
    record: &Record<'_>,
    (written, meant): (&[u8], &str),
    objects: &HashSet<Box<str>>,
    odd: bool,
    scanners: &mut Vec<Scanner>,
    out: &mut Vec<u8>,
) -> Result<(), Unfit> {
    for field in record.fields() {
        let name = format!("{meant}{}", field.name());
        if !objects.contains(&*name) {
            out.push(b'"');
            out.extend_from_slice(written);
            out.extend_from_slice(field.key.as_bytes());
            out.extend_from_slice(b"\":");
            out.extend_from_slice(field.value.raw.as_bytes());
            out.push(b',');
            continue;
        }
        match field.value.kind {
            Kind::Null => (),
            Kind::Object => {
                let written = [written, field.key.as_bytes(), BETWEEN].concat();
                let inside = (&*written, &*format!("{name}__"));
                members(field.value.raw.as_bytes(), inside, objects, odd, scanners, out)?;
            }
            _ => {
                let found = json::shorten(field.value.raw, 80);
                let reason =
                    format!("expected an object, whose fields are columns (--flatten), found {found}");
                return Err(Unfit::Refused(Violation { field: name, reason }));
            }
        }
    }
    Ok(())
}
