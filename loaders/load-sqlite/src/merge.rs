//! Modes that go by a key: records are gathered in a temporary table, which has each key once, and are merged into the
//! target by one statement.

mod aside;
mod gone;
pub(crate) mod history;
pub(crate) mod keep;
mod references;

use etl_component::{Fault, counted};
use etl_load::{Counts, Mode, Refuse};
use etl_schema::{Type, quote_ident};
use rusqlite::params_from_iter;
use rusqlite::types::Value;

use self::aside::{Aside, Done};
use self::gone::gone;
use self::keep::Lacks;
use crate::database::{Database, fault, is_data};
use crate::names::{STAGE_PREFIX, column_list, free_name, key_list};
use crate::plan::Plan;

/// A temporary table with the records for one target.
pub(crate) struct Stage {
    name: String,
    /// Its columns, as they are declared.
    columns: String,
    /// Whether rows that the target refuses may be set aside.
    aside: bool,
    /// Whether it has every record, by its position.
    whole: bool,
    /// The columns for the position and for the line of a record, where there is room for them.
    row: Option<String>,
    line: Option<String>,
    /// Those that say which fields a record lacks.
    lacks: Vec<String>,
    /// In mode history: the time of the load.
    now: String,
}

/// The most columns that a table can have (<https://www.sqlite.org/limits.html>).
const MAX_COLUMNS: usize = 2000;

impl Stage {
    /// Whether there can be one for rows that may be set aside: it has a column for the position.
    pub(crate) fn has_room(plan: &Plan) -> bool {
        plan.details.stored.columns.len() < MAX_COLUMNS
    }

    /// Creates it, with the target's own affinities and collations, so that values compare as they do there.
    pub(crate) fn create(database: &Database, plan: &Plan, index: usize) -> Result<Stage, Fault> {
        let name = format!("temp.{STAGE_PREFIX}{index}");
        let columns = plan.details.stored.columns.iter().zip(&plan.details.storage);
        let mut columns: Vec<String> =
            columns.map(|(column, storage)| format!("{} {storage}", quote_ident(&column.name))).collect();
        let free = |name| free_name(&plan.details.stored, name);
        let aside = plan.details.aside && Stage::has_room(plan);
        let whole = aside || plan.mode == Mode::History;
        let row = (whole || plan.details.news).then(|| free("etl_row"));
        let room = columns.len() + usize::from(row.is_some()) < MAX_COLUMNS;
        let line = (room && !aside).then(|| free("etl_line"));
        let lacks = plan.details.keeps.as_ref().map(|_| keep::columns(plan)).unwrap_or_default();
        let lacks = if columns.len() + 2 + lacks.len() <= MAX_COLUMNS { lacks } else { Vec::new() };
        if lacks.is_empty() && plan.details.keeps.as_ref().is_some_and(|keeps| keeps.contains(&true)) {
            let what = "it has too many columns to keep the values of some of them";
            return Err(Fault::config(format!("table {}: {what}", plan.name)));
        }
        let own = if whole { " PRIMARY KEY" } else { "" };
        columns.extend(row.iter().map(|column| format!("{column} INTEGER{own}")));
        columns.extend(line.iter().chain(&lacks).map(|column| format!("{column} INTEGER")));
        let (columns, key) = (columns.join(", "), key_list(&plan.schema));
        let key = if whole { "".to_owned() } else { format!(", PRIMARY KEY ({key})") };
        let rowid = if whole { "" } else { " WITHOUT ROWID" };
        // That of the load before may still be there.
        database
            .batch(&format!("DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({columns}{key}){rowid}"))?;
        Ok(Stage { name, columns, aside, whole, row, line, lacks, now: history::now() })
    }

    /// The name of another temporary table for rows of this one.
    fn beside(&self, kind: &str) -> String {
        format!("{}_{kind}", self.name)
    }

    /// The columns that follow those of the target.
    pub(crate) fn own_columns(&self) -> impl Iterator<Item = &String> {
        self.row.iter().chain(&self.line).chain(&self.lacks)
    }

    /// Whether each row ends with its record's line.
    pub(crate) fn has_lines(&self) -> bool {
        self.line.is_some()
    }

    /// Whether each row has its record's position.
    pub(crate) fn has_positions(&self) -> bool {
        self.row.is_some()
    }

    /// Whether each row ends with what its record lacks.
    pub(crate) fn has_lacks(&self) -> bool {
        !self.lacks.is_empty()
    }

    /// What a record does to the row of its key that is in the stage already, if it does not replace it.
    pub(crate) fn on_conflict(&self, plan: &Plan) -> String {
        if self.whole || !plan.details.keeps.as_ref().is_some_and(|keeps| keeps.contains(&true)) {
            return String::new();
        }
        let own: Vec<String> = self.row.iter().chain(&self.line).cloned().collect();
        keep::on_conflict(plan, self.name.trim_start_matches("temp."), &own)
    }

    /// The start of the statement that adds a record: the last one of a key wins; in mode ignore, the first.
    pub(crate) fn insert_into(&self, plan: &Plan) -> String {
        let conflict = match plan.mode {
            _ if self.whole || !self.on_conflict(plan).is_empty() => "ABORT",
            Mode::Ignore => "IGNORE",
            _ => "REPLACE",
        };
        format!("INSERT OR {conflict} INTO {}", self.name)
    }

    /// Moves everything into the target; `fed` is the number of records that were added to the stage.
    pub(crate) fn merge(
        &self,
        database: &Database,
        plan: &Plan,
        (fed, lacked): (u64, &[bool]),
        new: Option<&mut dyn FnMut(u64)>,
        refuse: Option<&mut Refuse<'_>>,
    ) -> Result<Counts, Fault> {
        let lacks = match &plan.details.keeps {
            Some(keeps) if self.has_lacks() => Lacks::new(keeps, lacked),
            _ => Lacks::default(),
        };
        if let (true, Some(row), Some(refuse)) = (self.aside, &self.row, refuse) {
            let (wants_news, done) = (new.is_some(), Done::default());
            let lacks = &lacks;
            return Aside { database, plan, stage: self, row, lacks, refuse, wants_news, done }.merge(new);
        }
        let merge = self.of(database, plan, &lacks);
        if let (Mode::History, Some(row)) = (plan.mode, &self.row) {
            return merge.versions(row, &self.now, fed, new).map_err(|unmerged| merge.failed(unmerged));
        }
        let merged = || {
            let staged = merge.count(&format!("SELECT count(*) FROM {}", self.name))?;
            if let (Some(new), Some(row)) = (new, &self.row) {
                merge.tell_new(row, new)?;
            }
            Ok((staged, merge.checked(staged)?))
        };
        let (staged, merged) = merged().map_err(|unmerged| merge.failed(unmerged))?;
        Ok(Counts { superseded: fed - staged, ..merged.counts() })
    }

    /// The statement that ends the current versions for which a condition holds.
    pub(crate) fn close(&self, plan: &Plan, others: &str) -> String {
        history::close(plan, others, &self.name, &self.now)
    }

    /// The condition that it has the key of the row `old`.
    pub(crate) fn has(&self, plan: &Plan) -> String {
        format!("EXISTS (SELECT 1 FROM {} new WHERE {})", self.name, same_key(plan))
    }

    /// The line of the first record whose row the target refuses, after [`Stage::merge`] has failed: SQLite does not say
    /// which it was, so they are tried one by one.
    pub(crate) fn refused(&self, database: &Database, plan: &Plan) -> Option<u64> {
        let nothing = Lacks::default();
        let merge = self.of(database, plan, &nothing);
        let line = self.line.as_ref()?;
        let found = match &self.row {
            Some(row) if plan.mode == Mode::History => merge.refused_version(line, row, &self.now),
            _ => merge.refused(line),
        };
        found.ok().flatten()
    }

    fn of<'a>(&'a self, database: &'a Database, plan: &'a Plan, lacks: &'a Lacks) -> Merge<'a> {
        let same = same_key(plan);
        Merge { database, plan, stage: &self.name, table: quote_ident(&plan.name), same, lacks }
    }
}

/// A stage on its way into its target.
struct Merge<'a> {
    database: &'a Database,
    plan: &'a Plan,
    stage: &'a str,
    /// The target, quoted.
    table: String,
    /// The condition that a row `new` has the key of a row `old`.
    same: String,
    lacks: &'a Lacks,
}

/// Why rows are not in the target.
enum Unmerged {
    /// A statement failed.
    Sql(rusqlite::Error),
    /// The target does not hold what was sent.
    Fault(Fault),
}

impl From<rusqlite::Error> for Unmerged {
    fn from(error: rusqlite::Error) -> Unmerged {
        Unmerged::Sql(error)
    }
}

/// What the statements of a merge did.
#[derive(Default)]
struct Merged {
    inserted: u64,
    updated: u64,
    /// Rows of the stage whose key the target already had.
    known: u64,
    /// Those of them that had values which are NULL now.
    nulled: u64,
    /// Rows that were deleted, because their records say that they are gone.
    deleted: u64,
}

impl Merged {
    fn counts(&self) -> Counts {
        let Merged { inserted, updated, known, nulled, deleted } = *self;
        Counts { inserted, updated, unchanged: known - updated, nulled, deleted, ..Counts::default() }
    }
}

impl Merge<'_> {
    /// Reports which rows of the stage the target does not have, by the positions of their records.
    fn tell_new(&self, row: &str, new: &mut dyn FnMut(u64)) -> rusqlite::Result<()> {
        let Merge { stage, table, same, .. } = self;
        let absent = match self.plan.mode {
            Mode::Append | Mode::Replace | Mode::History => String::new(),
            Mode::Ignore | Mode::Upsert => {
                let there = gone(self.plan, "new").filter(|_| self.plan.mode == Mode::Upsert);
                let there = there.map_or(String::new(), |gone| format!(" AND NOT {gone}"));
                format!("WHERE NOT EXISTS (SELECT 1 FROM {table} old WHERE {same}){there}")
            }
        };
        let rows = format!("SELECT {row} FROM {stage} new {absent}");
        let mut rows = self.database.connection.prepare(&rows)?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            new(row.get::<_, i64>(0)?.unsigned_abs());
        }
        Ok(())
    }

    fn put(&self, staged: u64) -> Result<Merged, Unmerged> {
        let merged = self.run(staged)?;
        let Merged { inserted, updated, known, .. } = merged;
        if inserted + known == staged && updated <= known {
            return Ok(merged);
        }
        Err(Unmerged::Fault(Fault::data(format!(
            "table {}: of {}, {} inserted and {updated} of {known} updated: a trigger on the table keeps rows out",
            self.plan.name,
            counted(staged, "row", "rows"),
            counted(inserted, "was", "were")
        ))))
    }

    fn run(&self, staged: u64) -> Result<Merged, Unmerged> {
        let Merge { plan, stage, table, same, .. } = self;
        let insert = self.insert("true");
        let there = format!("SELECT count(*) FROM {stage} new JOIN {table} old ON {same}");
        let triggers = self.has_triggers()?;
        match plan.mode {
            Mode::Append | Mode::Replace | Mode::History => {
                Ok(Merged { inserted: self.change(&insert)?, ..Merged::default() })
            }
            Mode::Ignore => {
                let known = if triggers { Some(self.count(&there)?) } else { None };
                let inserted = self.change(&insert)?;
                let known = known.unwrap_or(staged.saturating_sub(inserted));
                Ok(Merged { inserted, known, ..Merged::default() })
            }
            Mode::Upsert => {
                let (known, nulled) = (self.count(&there)?, self.nulled()?);
                let differs = differs(plan, "old", "new", self.lacks).filter(|_| triggers);
                let differing = differs.map(|differs| self.count(&format!("{there} WHERE {differs}")));
                let differing = differing.transpose()?;
                let changed = if self.lacks.kept.is_empty() { self.change(&insert)? } else { self.keep()? };
                let inserted = self.count(&there)?.saturating_sub(known);
                let updated = changed.saturating_sub(inserted);
                if let Some(differing) = differing.filter(|differing| updated < *differing) {
                    let differing = counted(differing, "row that differs was", "rows that differ were");
                    return Err(Unmerged::Fault(Fault::data(format!(
                        "table {}: only {updated} of {differing} updated: a trigger on the table keeps rows as they are",
                        plan.name
                    ))));
                }
                Ok(Merged { inserted, updated, known, nulled, ..Merged::default() })
            }
        }
    }

    /// The statement that moves those rows of the stage for which the condition holds.
    fn insert(&self, condition: &str) -> String {
        let Merge { plan, stage, table, .. } = self;
        let (columns, key) = (column_list(&plan.details.stored), key_list(&plan.schema));
        let known = match plan.mode {
            Mode::Append | Mode::Replace | Mode::History => String::new(),
            Mode::Ignore => format!(" ON CONFLICT ({key}) DO NOTHING"),
            Mode::Upsert => format!(" ON CONFLICT ({key}) {}", do_update(plan, table)),
        };
        // A constraint's own ON CONFLICT clause would silently drop or overwrite rows.
        format!(
            "INSERT OR ABORT INTO {table} ({columns}) SELECT {columns} FROM {stage} WHERE {condition}{known}"
        )
    }

    /// The line of the first row that cannot be moved.
    fn refused(&self, line: &str) -> rusqlite::Result<Option<u64>> {
        let (key, connection) = (key_list(&self.plan.schema), &self.database.connection);
        let count = self.plan.schema.key.len();
        let mut move_one =
            connection.prepare(&self.insert(&format!("({key}) = ({})", vec!["?"; count].join(", "))))?;
        let there = gone(self.plan, "new").filter(|_| self.plan.mode == Mode::Upsert);
        let there = there.map_or(String::new(), |gone| format!(" WHERE NOT {gone}"));
        let mut rows = connection.prepare(&format!("SELECT {line}, {key} FROM {} new{there}", self.stage))?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let key = (1..=count).map(|column| row.get::<_, Value>(column));
            match move_one.execute(params_from_iter(key.collect::<rusqlite::Result<Vec<_>>>()?)) {
                Ok(_) => (),
                Err(error) if is_data(&error) => {
                    return row.get::<_, i64>(0).map(|line| Some(line.unsigned_abs()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether the target has triggers: one may call RAISE(IGNORE), which silently leaves a row out, or leaves it as it
    /// is.
    fn has_triggers(&self) -> rusqlite::Result<bool> {
        let triggers = "SELECT EXISTS (
                          SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE)";
        self.database.connection.query_row(triggers, [&self.plan.name], |row| row.get(0))
    }

    fn count(&self, sql: &str) -> rusqlite::Result<u64> {
        let count = self.database.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        count.map(i64::unsigned_abs)
    }

    fn change(&self, sql: &str) -> rusqlite::Result<u64> {
        self.database.connection.execute(sql, []).map(|rows| rows as u64)
    }

    fn failed(&self, unmerged: Unmerged) -> Fault {
        match unmerged {
            Unmerged::Sql(error) => self.fault(error),
            Unmerged::Fault(fault) => fault,
        }
    }

    fn fault(&self, error: rusqlite::Error) -> Fault {
        fault(&format!("table {}", self.plan.name), error)
    }
}

/// The condition that a row `new` of a stage has the key of the row `old`. The left side's collation counts
/// (<https://www.sqlite.org/datatype3.html>, section 7.1), and the stage has that of the index.
fn same_key(plan: &Plan) -> String {
    let same = plan.schema.key_names().map(quote_ident).map(|k| format!("new.{k} = old.{k}"));
    same.collect::<Vec<_>>().join(" AND ")
}

/// Rows that would not change are not written; they are counted as unchanged.
fn do_update(plan: &Plan, table: &str) -> String {
    let differs = differs(plan, table, "excluded", &Lacks::default());
    let Some(differs) = differs else { return "DO NOTHING".to_owned() };
    let columns = plan.details.stored.columns.iter().enumerate();
    let written = columns.filter(|(column, _)| is_written(plan, *column));
    let set = written.map(|(_, column)| quote_ident(&column.name)).map(|c| format!("{c} = excluded.{c}"));
    format!("DO UPDATE SET {} WHERE {differs}", set.collect::<Vec<_>>().join(", "))
}

/// Whether an update writes a column: one that is not of the key, or in which equal keys may be spelled differently. The
/// row ends with the record's spelling.
fn is_written(plan: &Plan, column: usize) -> bool {
    let storage = &plan.details.storage[column];
    let exact =
        !storage.starts_with("BLOB") && storage.split(" COLLATE ").nth(1).is_none_or(|c| c == "\"BINARY\"");
    !exact || !plan.schema.key.contains(&column)
}

/// The condition that two rows of one key differ; `None` if no column counts: those of the stamp do not. A
/// change of case is a change, even if the column compares without case, and so is one of 1 to 1.0 where both can be
/// stored. Rows are compared as row
/// values, because a chain of a thousand ORs is deeper than SQLite allows.
fn differs(plan: &Plan, old: &str, new: &str, lacks: &Lacks) -> Option<String> {
    let columns = plan.schema.columns.iter().enumerate();
    let others = columns.filter(|(position, _)| is_written(plan, *position) && plan.compares(*position));
    let (mut olds, mut news) = (Vec::new(), Vec::new());
    for (position, column) in others {
        let (name, newer) = (quote_ident(&column.name), lacks.newer(plan, position, old, new));
        olds.push(format!("{old}.{name} COLLATE BINARY"));
        if plan.details.storage[position].starts_with("BLOB") && column.ty == Type::Double {
            olds.push(format!("typeof({old}.{name})"));
            news.extend([newer.clone(), format!("typeof({newer})")]);
        } else {
            news.push(newer);
        }
    }
    (!olds.is_empty()).then(|| format!("({}) IS NOT ({})", olds.join(", "), news.join(", ")))
}
