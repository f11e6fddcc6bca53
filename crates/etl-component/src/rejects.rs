//! Records that fail the checks, set aside.

mod limit;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use etl_stream::control::{self, Control};
use etl_stream::json::Scanner;
use etl_stream::{Begin, Class, Fault, Line, SchemaRef, Values, Writer};
use serde::Serialize;

use crate::args::random_id;
use crate::excerpt::excerpt;
use crate::io::{Output, publish};

pub use limit::Limit;

/// How messages name the file.
const NAME: &str = "the rejects";
/// The schema of its records.
pub const SCHEMA: &str = "etl.reject";

/// A record that is set aside, and why.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// Its line.
    pub line: Line<'a>,
    /// The field that is wrong; empty if it is not about one.
    pub field: &'a str,
    /// What is wrong with it.
    pub reason: &'a str,
    /// How the values of the record are written.
    pub values: Values,
    /// What a database says of it, where one has refused it.
    pub said: Option<&'a Said>,
}

/// What a database says of a row that it refuses, as far as it does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Said {
    /// The name of the constraint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    /// The code of SQL (PostgreSQL 15, appendix A).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// The database's own details, such as the key that exists already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A record of the schema `etl.reject`.
#[derive(Serialize)]
struct Reject<'a> {
    line: u64,
    field: Option<&'a str>,
    reason: &'a str,
    original: &'a str,
    /// As `begin` says it of the record's segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<&'static str>,
    #[serde(flatten)]
    said: Option<&'a Said>,
}

/// The file of rejected records and how many there may be in a load.
///
/// The file of a run of one load appears when it is complete. A run that is cut into loads adds to its file as it goes,
/// a segment for each load that has rejects: what was set aside must be in the file when its load is committed, and
/// must stay there when the next run skips that load.
pub struct Rejects {
    file: Option<Writer<Output>>,
    /// Where it is, unless it is added to.
    path: Option<PathBuf>,
    /// Whether what was written can be taken back: not from a pipe.
    revocable: bool,
    producer: String,
    in_place: bool,
    /// The file that is added to, if it can be synced, and how long it was when the load began.
    log: Option<(File, u64)>,
    limit: Limit,
    count: u64,
}

impl Rejects {
    /// Opens the file, if there is to be one. With `in_place` the run is cut into loads, and adds to the file.
    ///
    /// # Errors
    /// 2 if it exists and is not a stream of rejects, 74 if it cannot be written.
    pub fn create(
        path: Option<&Path>,
        limit: Limit,
        in_place: bool,
        producer: String,
    ) -> Result<Rejects, Fault> {
        let mut rejects = Rejects {
            file: None,
            path: None,
            revocable: true,
            producer,
            in_place,
            log: None,
            limit,
            count: 0,
        };
        let Some(path) = path else { return Ok(rejects) };
        let whole = existing(path)?;
        if !in_place {
            rejects.path = Some(path.to_owned());
            rejects.create_file()?;
            return Ok(rejects);
        }
        let failed = |error| cannot_write(path, error);
        let (file, whole) = open_log(path, whole).map_err(failed)?;
        if let Some(whole) = whole {
            rejects.log = Some((file.try_clone().map_err(failed)?, whole));
        }
        rejects.file = Some(Writer::named(NAME, Output::InPlace(file)));
        // A file without a segment would not be a stream; one that has some gets the next only when it is needed.
        if whole.is_none_or(|whole| whole == 0) {
            rejects.begin()?;
        }
        Ok(rejects)
    }

    fn create_file(&mut self) -> Result<(), Fault> {
        let Some(path) = &self.path else { return Ok(()) };
        let output = Output::create(path)?;
        self.revocable = matches!(output, Output::New(_));
        self.file = Some(Writer::named(NAME, output));
        self.begin()
    }

    fn begin(&mut self) -> Result<(), Fault> {
        let Some(file) = self.file.as_mut().filter(|file| !file.is_open()) else { return Ok(()) };
        let schema = Some(SchemaRef::Name(SCHEMA.to_owned()));
        let begin =
            Begin { id: random_id()?, schema, producer: Some(self.producer.clone()), ..Begin::default() };
        file.begin(&begin)
    }

    /// The next load of the run starts. It keeps what those before it set aside.
    ///
    /// # Errors
    /// 74 if the file cannot be read.
    pub fn next_load(&mut self) -> Result<(), Fault> {
        self.count = 0;
        if let Some((log, length)) = &mut self.log {
            *length = log.metadata().map_err(cannot_keep)?.len();
        }
        Ok(())
    }

    /// Another attempt at the load starts: what the last one set aside is forgotten, because this one may find something
    /// else. A pipe may get a record twice.
    ///
    /// # Errors
    /// 74 if the file cannot be written.
    pub fn restart(&mut self) -> Result<(), Fault> {
        if self.count == 0 && self.file.is_some() {
            return Ok(());
        }
        self.count = 0;
        if !self.in_place {
            return if self.revocable || self.file.is_none() { self.create_file() } else { Ok(()) };
        }
        // What was not flushed is lost.
        self.file = self.file.take().map(|file| Writer::named(NAME, file.into_inner()));
        match &self.log {
            Some((log, length)) => log.set_len(*length).map_err(cannot_keep),
            None => Ok(()),
        }
    }

    /// Whether records may be set aside.
    pub fn takes_any(&self) -> bool {
        self.limit != Limit::Count(0)
    }

    /// What is wrong with a line that is not a record, if it may be set aside: if it is a text, which is all that a reject can
    /// hold.
    #[cold]
    pub fn takes_line(&self, line: Line<'_>) -> Option<String> {
        let is_text = self.takes_any() && std::str::from_utf8(line.bytes).is_ok();
        let wrong = is_text.then(|| Scanner::new().scan(line.bytes).err())?;
        wrong.map(|error| error.to_string())
    }

    /// How many more of so many records may be set aside.
    pub fn room(&self, records: u64) -> u64 {
        self.limit.most(records).saturating_sub(self.count)
    }

    /// Sets a record aside, and says whether there are no more than allowed.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub fn add(&mut self, refusal: &Refusal<'_>) -> Result<bool, Fault> {
        let Refusal { line, field, reason, values, said } = *refusal;
        self.count += 1;
        self.begin()?;
        if let Some(file) = &mut self.file {
            let field = Some(field).filter(|field| !field.is_empty());
            let original = String::from_utf8_lossy(line.bytes);
            let values = (values == Values::Text).then_some("text");
            file.record(&Reject { line: line.number, field, reason, original: &original, values, said })?;
        }
        Ok(self.count <= self.limit.at_once())
    }

    /// What is said of the record with which there are more than allowed: where it is, what is wrong, and its beginning.
    pub fn too_many<'k>(&self, line: Line<'_>, wrong: &str, key: impl IntoIterator<Item = &'k str>) -> Fault {
        let (at, record) = (line.place(), excerpt(line, key));
        let over = match self.limit.at_once() {
            0 => String::new(),
            limit => format!(" (rejected record {}, --max-rejects {limit})", self.count),
        };
        Fault::data(format!("{at}: {wrong}{over}{record}"))
    }

    /// All of so many records have been read: judges the share of those that were set aside.
    ///
    /// # Errors
    /// 3 if it is larger than allowed.
    pub fn judge(&self, records: u64) -> Result<(), Fault> {
        match self.limit {
            Limit::Share(share) if self.limit.is_over(self.count, records) => Err(Fault::data(format!(
                "{} of {records} records do not fit, which is more than {share}% (--max-rejects)",
                self.count
            ))),
            _ => Ok(()),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Leaves an older file as it is, because the load that wrote it was committed, and this one is the same.
    pub fn discard(&mut self) {
        if !self.in_place {
            self.file = None;
        }
    }

    /// Completes the file or the load's part of it, whatever becomes of the load. Call it before the commit, otherwise
    /// a full disk would lose records. Only the first call for a load has an effect.
    ///
    /// # Errors
    /// 74 if it cannot be written.
    pub fn finish(&mut self) -> Result<(), Fault> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        if file.is_open() {
            file.end()?;
            let synced = self.log.as_ref().map_or(Ok(()), |(log, _)| log.sync_data());
            synced.map_err(cannot_keep)?;
        }
        if !self.in_place {
            return publish(file);
        }
        self.file = Some(file);
        Ok(())
    }
}

/// Opens the file that rejects are added to, and says how long it is; what is not a regular file has no length. A
/// segment that was begun but not ended is removed: its load was not committed, so the next run reads the same records
/// again.
fn open_log(path: &Path, whole: Option<Whole>) -> io::Result<(File, Option<u64>)> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    if !file.metadata()?.is_file() {
        return Ok((file, None));
    }
    let Whole { whole, length } = whole.unwrap_or_default();
    if whole < length {
        file.set_len(whole)?;
    }
    Ok((file, Some(whole)))
}

/// How long a file of rejects is, and how long the segments are that it has whole.
#[derive(Default)]
struct Whole {
    whole: u64,
    length: u64,
}

/// Reads a file that is to be replaced or added to, if it exists and is regular.
///
/// # Errors
/// 2 if it has something that is not a stream of rejects: it was named by mistake, and nothing of it may be lost.
fn existing(path: &Path) -> Result<Option<Whole>, Fault> {
    let failed = |error| cannot_write(path, error);
    match fs::metadata(path) {
        Ok(found) if found.is_file() => (),
        _ => return Ok(None),
    }
    let mut lines = BufReader::new(File::open(path).map_err(failed)?);
    let (mut size, mut line, mut inside) = (Whole::default(), Vec::new(), false);
    while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        size.length += line.len() as u64;
        let cut = !line.ends_with(b"\n");
        match control::parse(&line) {
            Ok(Control::End(_)) if inside && !cut => (inside, size.whole) = (false, size.length),
            Ok(Control::Begin(begin)) if begin.schema.as_ref().is_some_and(is_reject) => inside = true,
            _ if inside => (),
            // The run that wrote it was killed.
            _ if cut && (control::is_control(&line) || control::PREFIX.starts_with(&line)) => (),
            _ => {
                return Err(Fault::usage(format!(
                    "--rejects {}: the file exists and is not a stream of rejects; name another one, or remove it",
                    path.display()
                )));
            }
        }
        line.clear();
    }
    Ok(Some(size))
}

fn is_reject(schema: &SchemaRef) -> bool {
    matches!(schema, SchemaRef::Name(name) if name == SCHEMA)
}

fn cannot_keep(error: io::Error) -> Fault {
    Fault::new(Class::Io, format!("cannot write {NAME}")).because(error)
}

fn cannot_write(path: &Path, error: io::Error) -> Fault {
    Fault::new(Class::Io, format!("cannot write the rejects {}", path.display())).because(error)
}
