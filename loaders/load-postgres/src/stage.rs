//! A temporary table, from which one statement moves the rows into the target: for modes that go by a key, and for what
//! COPY does not do (casts, defaults for single rows, policies).

mod keys;
mod merge;
mod unopposed;

use etl_component::Fault;
use etl_load::{Counts, Mode};
use etl_postgres::Session;
use etl_schema::quote_ident;

pub(crate) use self::keys::Keys;
use self::merge::Merge;
use crate::plan::{Field, MAX_COLUMNS, TablePlan};
use crate::target::{MergeError, complete, copy, insert, key_exprs, quoted, value, what};

/// A temporary table of one target's records.
pub(crate) struct Stage {
    number: usize,
    name: String,
    /// The column for the record's position, if the rows have a key.
    row: Option<String>,
    /// Whether the table has room for that column.
    numbered: bool,
}

impl Stage {
    /// A stage for the rows of the target with this number.
    pub(crate) fn new(plan: &TablePlan, number: usize) -> Stage {
        let keyed = plan.mode != Mode::Append && !plan.schema.key.is_empty();
        let mut row = "etl_row".to_owned();
        while plan.details.stored.position(&row).is_some() {
            row.push('_');
        }
        let name = format!("pg_temp.etl_stage_{number}");
        let numbered = keyed && plan.details.fields.len() < MAX_COLUMNS;
        Stage { number, name, row: keyed.then(|| quote_ident(&row)), numbered }
    }

    /// Whether each row begins with its position, an integer of 8 bytes.
    pub(crate) fn numbered(&self) -> bool {
        self.numbered
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

    /// Its name in the server's messages.
    pub(crate) fn relation(&self) -> &str {
        self.name.trim_start_matches("pg_temp.")
    }

    /// The statement that creates it, with the target's types and collations, so that values compare as in the target.
    pub(crate) fn create(&self, plan: &TablePlan) -> String {
        let columns = plan.details.fields.iter().map(|field| {
            let collation = field.column.collation.as_ref().filter(|_| !field.is_cast());
            let collation = collation.map_or(String::new(), |collation| format!(" COLLATE {collation}"));
            format!("{} {}{collation}", quote_ident(&field.column.name), field.staged())
        });
        let columns = self.row_column().into_iter().map(|row| format!("{row} bigint")).chain(columns);
        let columns = columns.collect::<Vec<_>>().join(", ");
        format!("CREATE TEMPORARY TABLE {} ({columns}) ON COMMIT DROP", self.relation())
    }

    /// The COPY statement that fills it.
    pub(crate) fn copy(&self, plan: &TablePlan) -> String {
        let columns = self.row_column().into_iter().cloned().chain(plan.details.fields.iter().map(quoted));
        copy(&self.name, columns)
    }

    /// The keys of the rows that are to be copied into it, if it has any.
    pub(crate) fn keys(&self, plan: &TablePlan) -> Option<Keys> {
        self.row.as_ref().map(|_| Keys::new(plan, self.numbered))
    }

    /// Moves all rows into the target. `fed` is how many records were copied into the stage, and `keys` are theirs.
    pub(crate) fn merge(
        &self,
        session: &mut Session,
        plan: &TablePlan,
        fed: u64,
        keys: Option<&Keys>,
        new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, MergeError> {
        self.check_casts(session, plan)?;
        let Some(row) = &self.row else {
            let inserted = session.count(&what(plan), &insert(plan, &self.name))?;
            if let Some(new) = new {
                (0..fed).for_each(new);
            }
            complete(plan, fed, inserted)?;
            return Ok(Counts { inserted, ..Counts::default() });
        };
        let distinct = match keys.is_some_and(Keys::differ) {
            true => fed,
            false => self.distinct(session, plan)?,
        };
        let order = if plan.mode == Mode::Ignore { "" } else { " DESC" };
        let (rows, key) = (self.rows(), key(plan));
        let source = match fed - distinct {
            0 => rows,
            // The last record of each key; in mode ignore, the first.
            _ => format!("(SELECT DISTINCT ON ({key}) * FROM {rows} s ORDER BY {key}, {row}{order})"),
        };
        let superseded = fed - distinct;
        if new.is_none()
            && unopposed::is_possible(plan)
            && let Some((inserted, updated)) = unopposed::merge(session, plan, &source, distinct)?
        {
            let unchanged = distinct - inserted - updated;
            return Ok(Counts { inserted, updated, unchanged, superseded, ..Counts::default() });
        }
        let mut merge = Merge { session, plan, number: self.number, source: &source, row };
        let counts = match plan.mode {
            Mode::Append | Mode::Replace => merge.insert(distinct, new)?,
            Mode::Upsert | Mode::Ignore => merge.on_conflict(distinct, new)?,
        };
        Ok(Counts { superseded, ..counts })
    }

    /// Checks that casts keep the values. A type's modifier may round what a text says, as `interval(0)` does, or
    /// truncate it. So does a domain's modifier.
    fn check_casts(&self, session: &Session, plan: &TablePlan) -> Result<(), MergeError> {
        let modified = |field: &&Field| field.is_cast() && field.column.bare != field.column.spelled;
        for field in plan.details.fields.iter().filter(modified) {
            let (value, bare, spelled) = (value(field), &field.column.bare, &field.column.spelled);
            let sql = format!(
                "SELECT count(*) FROM {} s WHERE NOT record_image_eq(ROW({value}), ROW({value}::{spelled}::{bare}))",
                self.name
            );
            let changed = session.number(&what(plan), &sql)?;
            if changed > 0 {
                let column = &field.column.name;
                let message =
                    format!("column {column} is {spelled}, which does not keep {changed} of the values");
                return Err(MergeError::Changed(Fault::data(format!("{}: {message}", what(plan)))));
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

fn key(plan: &TablePlan) -> String {
    key_exprs(plan).collect::<Vec<_>>().join(", ")
}
