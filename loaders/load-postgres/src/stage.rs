//! A temporary table, from which one statement moves the rows into the target: for modes that go by a key, and for what
//! COPY does not do (casts, defaults for single rows, policies).

mod aside;
mod history;
mod keep;
mod keys;
mod lacks;
mod merge;
mod references;
mod unopposed;

use etl_component::Fault;
use etl_load::{Counts, Mode, Refuse};
use etl_postgres::Session;
use etl_schema::{Type, quote_ident};

use self::aside::{Aside, Done};
pub(crate) use self::history::{close, is_current};
pub(crate) use self::keys::Keys;
use self::lacks::Lacks;
use self::merge::{Merge, same_key};
pub(crate) use self::references::deferrable;
use crate::plan::{Field, MAX_COLUMNS, TablePlan};
use crate::target::{MergeError, complete, copy, insert, key_exprs, quoted, value, value_of, what};

/// A temporary table of one target's records.
pub(crate) struct Stage {
    name: String,
    /// Whether the rows go by their keys.
    keyed: bool,
    /// Whether rows that the server refuses may be set aside.
    aside: bool,
    /// The column for the record's position, if it is needed.
    row: Option<String>,
    /// Whether the table has room for that column.
    numbered: bool,
    /// The column that says which fields a record has, if it is needed.
    named: Option<String>,
    /// In mode history: the time of the load, as the server writes it.
    now: Option<String>,
}

impl Stage {
    /// A stage for the rows of the target with this number. With `aside`, those that the server refuses may be set aside.
    pub(crate) fn new(plan: &TablePlan, number: usize, aside: bool, now: Option<String>) -> Stage {
        let keyed = plan.mode != Mode::Append && !plan.schema.key.is_empty();
        let free = |name| free(plan, name);
        let name = format!("pg_temp.etl_stage_{number}");
        let numbered = (keyed || aside) && has_room(plan);
        let row = (keyed || aside).then(|| free("etl_row"));
        let room = numbered && plan.details.fields.len() + 2 <= MAX_COLUMNS;
        let named = plan.details.keeps.as_ref().filter(|_| room && keyed).map(|_| free("etl_named"));
        Stage { name, keyed, aside: aside && numbered, row, numbered, named, now }
    }

    /// Whether each row begins with its position, an integer of 8 bytes.
    pub(crate) fn numbered(&self) -> bool {
        self.numbered
    }

    /// Whether a row that exists keeps what it has, for each column of which each row says at its end whether the record has
    /// its field.
    pub(crate) fn named<'a>(&self, plan: &'a TablePlan) -> Option<&'a [bool]> {
        self.named.as_ref().and(plan.details.keeps.as_deref())
    }

    /// Whether its columns have no constraints.
    fn is_free(&self, plan: &TablePlan) -> bool {
        self.aside || plan.details.keeps.as_ref().is_some_and(|keeps| keeps.contains(&true))
    }

    /// Its rows with their positions, for SQL. Those of a table without room for the column are in the order of their
    /// places: PostgreSQL adds rows only at the end of a table that the same transaction has created (src/backend/commands/
    /// copyfrom.c, `TABLE_INSERT_SKIP_FSM`).
    fn rows(&self) -> String {
        match &self.row {
            Some(row) if !self.numbered => {
                let position = "row_number() OVER (ORDER BY ctid) - 1";
                format!("(SELECT *, {position} AS {row} FROM {})", self.name)
            }
            _ => self.name.clone(),
        }
    }

    /// The column for the position, if it is in the table.
    fn row_column(&self) -> Option<&String> {
        self.row.as_ref().filter(|_| self.numbered)
    }

    /// In mode history: the time of the load.
    pub(crate) fn now(&self) -> &str {
        self.now.as_deref().unwrap_or_default()
    }

    /// Its name for SQL.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its name in the server's messages.
    pub(crate) fn relation(&self) -> &str {
        self.name.trim_start_matches("pg_temp.")
    }

    /// The name of another temporary table for the rows of this one.
    fn beside(&self, kind: &str) -> String {
        format!("{}_{kind}", self.name)
    }

    /// The statement that creates it, with the target's types and collations, so that values compare as in the target. It
    /// has no constraints, nor have its types where rows may be set aside or lack values: the target refuses rows.
    pub(crate) fn create(&self, plan: &TablePlan) -> String {
        let columns = plan.details.fields.iter().map(|field| {
            let collation = field.column.collation.as_ref().filter(|_| !field.is_cast());
            let collation = collation.map_or(String::new(), |collation| format!(" COLLATE {collation}"));
            format!("{} {}{collation}", quote_ident(&field.column.name), field.staged(self.is_free(plan)))
        });
        let columns = self.row_column().into_iter().map(|row| format!("{row} bigint")).chain(columns);
        let named = self.named.iter().map(|named| format!("{named} bit({})", plan.schema.columns.len()));
        let columns = columns.chain(named);
        let columns = columns.collect::<Vec<_>>().join(", ");
        format!("CREATE TEMPORARY TABLE {} ({columns}) ON COMMIT DROP", self.relation())
    }

    /// The COPY statement that fills it.
    pub(crate) fn copy(&self, plan: &TablePlan) -> String {
        let columns = self.row_column().into_iter().cloned().chain(plan.details.fields.iter().map(quoted));
        let columns = columns.chain(self.named.iter().cloned());
        copy(&self.name, columns)
    }

    /// The condition that it has the key of the row `old`.
    pub(crate) fn has(&self, plan: &TablePlan) -> String {
        format!("EXISTS (SELECT FROM {} s WHERE {})", self.name, same_key(plan))
    }

    /// The keys of the rows that are to be copied into it, if it has any.
    pub(crate) fn keys(&self, plan: &TablePlan) -> Option<Keys> {
        self.keyed.then(|| Keys::new(plan, self.numbered))
    }

    /// Moves all rows into the target. `fed` is how many records were copied into the stage, and `keys` are theirs.
    pub(crate) fn merge(
        &self,
        session: &mut Session,
        plan: &TablePlan,
        fed: u64,
        (keys, lacked): (Option<&Keys>, &[bool]),
        new: Option<&mut dyn FnMut(u64)>,
        refuse: Option<&mut Refuse<'_>>,
    ) -> Result<Counts, MergeError> {
        let lacks = match (&self.named, &plan.details.keeps) {
            (Some(named), Some(keeps)) => Lacks::new(named, keeps, lacked),
            _ => Lacks::default(),
        };
        if let (Some(refuse), Some(row), true) = (refuse, &self.row, self.aside) {
            let (wants_news, done) = (new.is_some(), Done::default());
            let lacks = &lacks;
            let aside = Aside { session, plan, stage: self, refuse, row, lacks, wants_news, done };
            return aside.merge(fed, keys, new);
        }
        self.check_casts(session, plan, &self.name)?;
        let Some(row) = self.row.as_ref().filter(|_| self.keyed) else {
            if let Some(new) = new {
                (0..fed).for_each(new);
            }
            return self.put(session, plan, &self.name, fed, &lacks, None);
        };
        if plan.mode == Mode::History {
            let (rows, lacks) = (self.rows(), &lacks);
            let mut merge = Merge { session, plan, stage: self, source: &rows, row, lacks };
            return merge.versions(fed, keys.is_some_and(Keys::differ), new);
        }
        let distinct = match keys.is_some_and(Keys::differ) {
            true => fed,
            false => self.distinct(session, plan)?,
        };
        let order = if plan.mode == Mode::Ignore { "" } else { " DESC" };
        let (rows, key) = (self.rows(), key(plan));
        let source = match fed - distinct {
            0 => rows,
            _ if lacks.keeps_any() => {
                self.collapse(session, plan, &lacks)?;
                rows
            }
            // The last record of each key; in mode ignore, the first.
            _ => format!("(SELECT DISTINCT ON ({key}) * FROM {rows} s ORDER BY {key}, {row}{order})"),
        };
        let counts = self.put(session, plan, &source, distinct, &lacks, new)?;
        Ok(Counts { superseded: fed - distinct, ..counts })
    }

    /// Moves rows into the target: so many, of different keys if they have one.
    fn put(
        &self,
        session: &mut Session,
        plan: &TablePlan,
        source: &str,
        rows: u64,
        lacks: &Lacks,
        new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, MergeError> {
        let Some(row) = self.row.as_ref().filter(|_| self.keyed) else {
            let inserted = session.count(&what(plan), &insert(plan, source))?;
            complete(plan, rows, inserted)?;
            return Ok(Counts { inserted, ..Counts::default() });
        };
        if plan.mode == Mode::History {
            return Merge { session, plan, stage: self, source, row, lacks }.versions(rows, false, new);
        }
        if let Some(gone) = gone(plan, "s").filter(|_| plan.mode == Mode::Upsert) {
            let (marked, deleted) = delete(session, plan, source, &gone)?;
            if marked > 0 {
                let source = format!("(SELECT * FROM {source} s WHERE ({gone}) IS NOT TRUE)");
                let counts = self.put_keyed(session, plan, &source, (rows - marked, row), lacks, new)?;
                let unchanged = counts.unchanged + marked - deleted;
                return Ok(Counts { deleted, unchanged, ..counts });
            }
        }
        self.put_keyed(session, plan, source, (rows, row), lacks, new)
    }

    /// The same, of rows with a key.
    fn put_keyed(
        &self,
        session: &mut Session,
        plan: &TablePlan,
        source: &str,
        (rows, row): (u64, &str),
        lacks: &Lacks,
        new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, MergeError> {
        let nulled = keep::nulled(session, plan, source, lacks)?;
        if new.is_none()
            && unopposed::is_possible(plan, self.is_free(plan))
            && let Some((inserted, updated)) = unopposed::merge(session, plan, source, rows, lacks)?
        {
            let unchanged = rows - inserted - updated;
            return Ok(Counts { inserted, updated, unchanged, nulled, ..Counts::default() });
        }
        let mut merge = Merge { session, plan, stage: self, source, row, lacks };
        let counts = match plan.mode {
            Mode::Append | Mode::Replace | Mode::History => merge.insert(rows, new)?,
            _ if lacks.keeps_any() => merge.keep(rows, new)?,
            Mode::Upsert | Mode::Ignore => merge.on_conflict(rows, new)?,
        };
        Ok(Counts { nulled, ..counts })
    }

    /// Checks that casts keep the values. A type's modifier may round what a text says, as `interval(0)` does, or
    /// truncate it. So does a domain's modifier.
    fn check_casts(&self, session: &Session, plan: &TablePlan, source: &str) -> Result<(), MergeError> {
        let modified = |field: &&Field| field.is_cast() && field.column.bare != field.column.spelled;
        for field in plan.details.fields.iter().filter(modified) {
            let (value, bare, spelled) = (value(field), &field.column.bare, &field.column.spelled);
            let sql = format!(
                "SELECT count(*) FROM {source} s WHERE NOT record_image_eq(ROW({value}), ROW({value}::{spelled}::{bare}))"
            );
            let changed = session.number(&what(plan), &sql)?;
            if changed > 0 {
                let (column, spelled) = (field.column.name.clone(), spelled.clone());
                return Err(MergeError::Cast { column, spelled, changed });
            }
        }
        Ok(())
    }

    /// How many different keys the rows have.
    fn distinct(&self, session: &Session, plan: &TablePlan) -> Result<u64, MergeError> {
        let sql = format!("SELECT count(*) FROM (SELECT FROM {} s GROUP BY {}) keys", self.name, key(plan));
        Ok(session.number(&what(plan), &sql)?)
    }
}

/// A name for a column beside those of the target.
fn free(plan: &TablePlan, name: &str) -> String {
    let mut free = name.to_owned();
    while plan.details.stored.position(&free).is_some() {
        free.push('_');
    }
    quote_ident(&free)
}

/// The condition that the record of a row of the stage says that its row is gone (`x-deleted`); `None` if none can.
fn gone(plan: &TablePlan, row: &str) -> Option<String> {
    let column = plan.schema.deleted?;
    let value = value_of(row, &plan.details.fields[column]);
    Some(match plan.schema.columns[column].ty {
        // The table's column may be a text.
        Type::Boolean => format!("{value}::text::boolean IS TRUE"),
        _ => format!("{value} IS NOT NULL"),
    })
}

/// Deletes the rows of the target that are gone, and returns of how many records that is said, and how many rows there were.
fn delete(session: &Session, plan: &TablePlan, source: &str, gone: &str) -> Result<(u64, u64), MergeError> {
    let (what, own_rows, same) = (what(plan), plan.details.own_rows(), same_key(plan));
    let marked = session.number(&what, &format!("SELECT count(*) FROM {source} s WHERE {gone}"))?;
    if marked == 0 {
        return Ok((0, 0));
    }
    let rows = format!("{own_rows} old USING {source} s WHERE {same} AND {gone}");
    let deleted = session.count(&what, &format!("DELETE FROM {rows}"))?;
    if plan.details.table.as_ref().is_some_and(|table| table.delete_veto) {
        let left = format!("SELECT count(*) FROM {own_rows} old JOIN {source} s ON {same} WHERE {gone}");
        if session.number(&what, &left)? > 0 {
            let message = format!("{what}: a trigger on the table keeps rows from being deleted");
            return Err(MergeError::Changed(Fault::data(message)));
        }
    }
    Ok((marked, deleted))
}

/// Whether a temporary table has room for the position of a record.
pub(crate) fn has_room(plan: &TablePlan) -> bool {
    plan.details.fields.len() < MAX_COLUMNS
}

fn key(plan: &TablePlan) -> String {
    key_exprs(plan).collect::<Vec<_>>().join(", ")
}
