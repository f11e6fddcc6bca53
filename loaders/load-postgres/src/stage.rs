//! A temporary table, from which one statement brings the rows into the target: for modes that go by a key, and for
//! what COPY does not do (casts, defaults for single rows, policies).

use etl_component::Fault;
use etl_load::{Counts, Mode};
use etl_schema::quote_ident;
use postgres::Error;

use crate::plan::{Field, Null, Plan};
use crate::session::Session;

/// A temporary table of one target's records.
pub(crate) struct Stage {
    number: usize,
    name: String,
    /// The column with the record's position, if the rows have a key.
    row: Option<String>,
}

/// Why a merge failed.
pub(crate) enum Failure {
    /// A statement did.
    Server(Error),
    /// Rows are missing.
    Short(Fault),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Server(error)
    }
}

impl Stage {
    /// What will hold the rows of the target with this number.
    pub(crate) fn new(plan: &Plan, number: usize) -> Stage {
        let keyed = plan.mode != Mode::Append && !plan.schema.key.is_empty();
        let mut row = "etl_row".to_owned();
        while plan.details.stored.position(&row).is_some() {
            row.push('_');
        }
        let name = format!("pg_temp.etl_stage_{number}");
        Stage { number, name, row: keyed.then(|| quote_ident(&row)) }
    }

    /// Whether each row begins with its position, an integer of 8 bytes.
    pub(crate) fn numbered(&self) -> bool {
        self.row.is_some()
    }

    /// Its name in messages of the server.
    pub(crate) fn relation(&self) -> &str {
        self.name.trim_start_matches("pg_temp.")
    }

    /// The statement that creates it, with the target's types and collations, so that values compare as they do there.
    pub(crate) fn create(&self, plan: &Plan) -> String {
        let columns = plan.details.fields.iter().map(|field| {
            let ty = match (field.is_cast(), &field.column.base) {
                (true, _) => "text",
                // NULL stands for the default here, and the domain may not take it.
                (false, Some(base)) if field.null == Null::Default => base,
                (false, _) => &field.column.spelled,
            };
            let collation = field.column.collation.as_ref().filter(|_| !field.is_cast());
            let collation = collation.map_or(String::new(), |collation| format!(" COLLATE {collation}"));
            format!("{} {ty}{collation}", quote_ident(&field.column.name))
        });
        let columns = self.row.iter().map(|row| format!("{row} bigint")).chain(columns);
        let columns = columns.collect::<Vec<_>>().join(", ");
        format!("CREATE TEMPORARY TABLE {} ({columns}) ON COMMIT DROP", self.relation())
    }

    /// The statement that fills it.
    pub(crate) fn copy(&self, plan: &Plan) -> String {
        let columns = self.row.iter().cloned().chain(plan.details.fields.iter().map(quoted));
        copy(&self.name, columns)
    }

    /// Brings everything into the target. `fed` records were copied.
    pub(crate) fn merge(
        &self,
        session: &Session,
        plan: &Plan,
        fed: u64,
        new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, Failure> {
        self.check_casts(session, plan)?;
        let Some(row) = &self.row else {
            let inserted = session.count(&what(plan), &insert(plan, &self.name))?;
            if let Some(new) = new {
                (0..fed).for_each(new);
            }
            complete(plan, fed, inserted)?;
            return Ok(Counts { inserted, ..Counts::default() });
        };
        let distinct = self.distinct(session, plan)?;
        let order = if plan.mode == Mode::Ignore { "" } else { " DESC" };
        let (name, key) = (&self.name, key(plan));
        let source = match fed - distinct {
            0 => name.clone(),
            // Of each key the last record, in mode ignore the first.
            _ => format!("(SELECT DISTINCT ON ({key}) * FROM {name} s ORDER BY {key}, {row}{order})"),
        };
        let merge = Merge { session, plan, number: self.number, source: &source, row };
        let counts = match plan.mode {
            Mode::Append | Mode::Replace => merge.insert(distinct, new)?,
            Mode::Upsert | Mode::Ignore => merge.on_conflict(distinct, new)?,
        };
        Ok(Counts { superseded: fed - distinct, ..counts })
    }

    /// A type's modifier may round what its text says, as that of `interval(0)`, or cut it.
    fn check_casts(&self, session: &Session, plan: &Plan) -> Result<(), Failure> {
        let modified = |field: &&Field| field.is_cast() && field.column.bare != field.column.spelled;
        for field in plan.details.fields.iter().filter(modified) {
            let (column, spelled) = (quoted(field), &field.column.spelled);
            let sql = format!(
                "SELECT count(*) FROM {} s WHERE NOT record_image_eq(ROW({}), ROW({}::{spelled}))",
                self.name,
                value(field),
                value(field)
            );
            let changed = session.rows(&what(plan), &sql)?;
            let changed = changed.first().and_then(|row| row.get(0)?.parse().ok()).unwrap_or(0_u64);
            if changed > 0 {
                let message =
                    format!("column {column} is {spelled}, which does not keep {changed} of the values");
                return Err(Failure::Short(Fault::data(format!("{}: {message}", what(plan)))));
            }
        }
        Ok(())
    }

    /// How many keys there are.
    fn distinct(&self, session: &Session, plan: &Plan) -> Result<u64, Failure> {
        let sql = format!("SELECT count(*) FROM (SELECT FROM {} s GROUP BY {}) keys", self.name, key(plan));
        let rows = session.rows(&what(plan), &sql)?;
        Ok(rows.first().and_then(|row| row.get(0)?.parse().ok()).unwrap_or(0))
    }
}

/// The rows of a stage, once for each key, on their way into the target.
struct Merge<'a> {
    session: &'a Session,
    plan: &'a Plan,
    number: usize,
    source: &'a str,
    row: &'a str,
}

impl Merge<'_> {
    /// Into a table that was emptied.
    fn insert(&self, distinct: u64, new: Option<&mut dyn FnMut(u64)>) -> Result<Counts, Failure> {
        if let Some(new) = new {
            let rows = format!("SELECT {} FROM {} s ORDER BY 1", self.row, self.source);
            self.positions(&rows, |row| new(row.unsigned_abs()))?;
        }
        let inserted = self.session.count(&what(self.plan), &insert(self.plan, self.source))?;
        complete(self.plan, distinct, inserted)?;
        Ok(Counts { inserted, ..Counts::default() })
    }

    fn on_conflict(&self, distinct: u64, new: Option<&mut dyn FnMut(u64)>) -> Result<Counts, Failure> {
        let table = self.plan.details.table.as_ref();
        let (gated, held, partitioned) =
            table.map_or((false, false, false), |table| (table.gated, table.held, table.partitioned));
        if held {
            self.session.batch(&what(self.plan), &format!("CREATE TEMPORARY SEQUENCE {CHANGES}"))?;
        }
        let insert = format!("{} {}", insert(self.plan, self.source), on_conflict(self.plan));
        let (inserted, updated) = match new {
            new if partitioned => self.in_two_steps(new)?,
            None => self.count(&insert)?,
            Some(new) => self.tell(&insert, new)?,
        };
        if gated {
            self.check_present(distinct)?;
        }
        if held {
            self.check_changed(updated)?;
        }
        let unchanged = distinct.saturating_sub(inserted + updated);
        Ok(Counts { inserted, updated, unchanged, superseded: 0 })
    }

    /// A partitioned table does not tell xmax: the keys that are new are inserted and kept first, then the others are
    /// updated.
    fn in_two_steps(&self, new: Option<&mut dyn FnMut(u64)>) -> Result<(u64, u64), Failure> {
        let (what, plan) = (what(self.plan), self.plan);
        let keys = plan.schema.key_names().map(quote_ident).collect::<Vec<_>>().join(", ");
        let fresh = format!("pg_temp.etl_new_{}", self.number);
        let create = fresh.trim_start_matches("pg_temp.");
        let table = plan.details.name.sql();
        self.session.batch(
            &what,
            &format!(
                "CREATE TEMPORARY TABLE {create} ON COMMIT DROP AS SELECT {keys} FROM {table} WITH NO DATA"
            ),
        )?;
        let inserted = self.session.count(
            &what,
            &format!(
                "WITH done AS ({} ON CONFLICT ({keys}) DO NOTHING RETURNING {keys})
                 INSERT INTO {fresh} SELECT * FROM done",
                insert(plan, self.source)
            ),
        )?;
        if let Some(new) = new {
            let rows = format!(
                "SELECT s.{} FROM {fresh} old JOIN {} s ON {} ORDER BY 1",
                self.row,
                self.source,
                same_key(plan)
            );
            self.positions(&rows, |row| new(row.unsigned_abs()))?;
        }
        if plan.mode == Mode::Ignore {
            return Ok((inserted, 0));
        }
        let others = format!(
            "(SELECT * FROM {} s WHERE NOT EXISTS (SELECT FROM {fresh} old WHERE {}))",
            self.source,
            same_key(plan)
        );
        let update = format!("{} {}", insert(plan, &others), on_conflict(plan));
        Ok((inserted, self.session.count(&what, &update)?))
    }

    /// How many rows are new, and how many were changed. A row that is new has no xmax: nobody has locked it.
    fn count(&self, insert: &str) -> Result<(u64, u64), Failure> {
        let sql = format!(
            "WITH done AS ({insert} RETURNING old.xmax = 0 AS new)
             SELECT count(*) FILTER (WHERE new), count(*) FILTER (WHERE NOT new) FROM done"
        );
        let rows = self.session.rows(&what(self.plan), &sql)?;
        let number = |column| rows.first().and_then(|row| row.get(column)?.parse().ok()).unwrap_or(0);
        Ok((number(0), number(1)))
    }

    /// The same, and tells the positions of the new ones.
    fn tell(&self, insert: &str, new: &mut dyn FnMut(u64)) -> Result<(u64, u64), Failure> {
        let keys: Vec<String> =
            self.plan.schema.key_names().map(|name| format!("old.{}", quote_ident(name))).collect();
        // No column has the name of the row's position, so it can name what tells the new ones.
        let sql = format!(
            "WITH done AS ({insert} RETURNING {keys}, old.xmax = 0 AS {row})
             SELECT CASE WHEN old.{row} THEN s.{row} ELSE -1 END FROM done old JOIN {} s ON {} ORDER BY 1",
            self.source,
            same_key(self.plan),
            keys = keys.join(", "),
            row = self.row
        );
        let (mut inserted, mut updated) = (0, 0);
        self.positions(&sql, |row| match u64::try_from(row) {
            Ok(row) => {
                inserted += 1;
                new(row);
            }
            Err(_) => updated += 1,
        })?;
        Ok((inserted, updated))
    }

    fn positions(&self, select: &str, each: impl FnMut(i64)) -> Result<(), Failure> {
        Ok(self.session.integers(&what(self.plan), format!("COPY ({select}) TO STDOUT"), each)?)
    }

    /// A row trigger may answer NULL, which drops the row and tells nobody.
    fn check_present(&self, distinct: u64) -> Result<(), Failure> {
        let sql = format!(
            "SELECT count(*) FROM {} s WHERE EXISTS (SELECT FROM {} old WHERE {})",
            self.source,
            self.plan.details.name.sql(),
            same_key(self.plan)
        );
        let rows = self.session.rows(&what(self.plan), &sql)?;
        complete(self.plan, distinct, rows.first().and_then(|row| row.get(0)?.parse().ok()).unwrap_or(0))
    }

    /// A row trigger may answer NULL to an update, too.
    fn check_changed(&self, updated: u64) -> Result<(), Failure> {
        let sql = format!(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM pg_temp.{CHANGES};
             DROP SEQUENCE pg_temp.{CHANGES}"
        );
        let rows = self.session.rows(&what(self.plan), &sql)?;
        let differing = rows.first().and_then(|row| row.get(0)?.parse().ok()).unwrap_or(0);
        if updated == differing {
            return Ok(());
        }
        Err(Failure::Short(Fault::data(format!(
            "table {}: of {differing} rows that differ {updated} were updated: a trigger of the table keeps rows as they are",
            self.plan.name
        ))))
    }
}

/// Counts the rows that are to be changed, where a trigger may keep one as it is. It ends with the merge.
const CHANGES: &str = "etl_changes";

/// How messages name the target.
pub(crate) fn what(plan: &Plan) -> String {
    format!("table {}", plan.name)
}

/// A statement that copies into these columns, which are quoted.
pub(crate) fn copy(table: &str, columns: impl Iterator<Item = String>) -> String {
    format!("COPY {table} ({}) FROM STDIN (FORMAT binary)", columns.collect::<Vec<_>>().join(", "))
}

/// Whether all rows that went in are there.
///
/// # Errors
/// 3 if some are not.
pub(crate) fn complete(plan: &Plan, rows: u64, there: u64) -> Result<(), Failure> {
    if rows == there {
        return Ok(());
    }
    Err(Failure::Short(Fault::data(format!(
        "table {}: of {rows} rows {there} are in the table: a trigger of the table keeps rows out, or gives them another key",
        plan.name
    ))))
}

pub(crate) fn quoted(field: &Field) -> String {
    quote_ident(&field.column.name)
}

/// `INSERT INTO target AS old (…) SELECT … FROM source s`.
fn insert(plan: &Plan, source: &str) -> String {
    let fields = &plan.details.fields;
    let columns = fields.iter().map(quoted).collect::<Vec<_>>().join(", ");
    let values = fields.iter().map(|field| match (field.null, &field.column.default) {
        (Null::Default, Some(default)) => format!("coalesce({}, {default})", value(field)),
        _ => value(field),
    });
    let values = values.collect::<Vec<_>>().join(", ");
    let identity = fields.iter().any(|field| field.column.identity_always);
    let overriding = if identity { " OVERRIDING SYSTEM VALUE" } else { "" };
    format!(
        "INSERT INTO {} AS old ({columns}){overriding} SELECT {values} FROM {source} s",
        plan.details.name.sql()
    )
}

/// A column of the stage as the target stores it.
fn value(field: &Field) -> String {
    let column = quoted(field);
    if field.is_cast() { format!("s.{column}::{}", field.column.bare) } else { format!("s.{column}") }
}

fn key_exprs(plan: &Plan) -> impl Iterator<Item = String> {
    plan.schema.key.iter().map(|&column| value(&plan.details.fields[column]))
}

/// That a row `old` has the key of the row `s` of the stage.
fn same_key(plan: &Plan) -> String {
    let names: Vec<&str> = plan.schema.key_names().collect();
    let index = plan.details.table.as_ref().and_then(|table| table.key(&names));
    let same = names.iter().zip(key_exprs(plan)).map(|(name, key)| {
        let own = index.and_then(|index| index.iter().find(|(column, _)| column == name));
        let equal = own.map_or("=", |(_, equal)| equal);
        format!("old.{} {equal} {key}", quote_ident(name))
    });
    same.collect::<Vec<_>>().join(" AND ")
}

fn key(plan: &Plan) -> String {
    key_exprs(plan).collect::<Vec<_>>().join(", ")
}

/// A row that would not change is not written. Rows are compared by their bytes: values that are equal may differ
/// still, as 1.0 and 1.00, or the case of a citext, and not every type knows equality (chapter 9.24.6). Building the two
/// rows takes time, so values of a few bytes are compared before.
fn on_conflict(plan: &Plan) -> String {
    let keys: Vec<String> = plan.schema.key_names().map(quote_ident).collect();
    let keys = keys.join(", ");
    // The stamp's columns, which are the last ones, do not make a row another one.
    let own = plan.schema.columns.len();
    let others = plan.details.fields.iter().enumerate();
    let others = others.filter(|(index, _)| !plan.schema.key.contains(index));
    let (compared, stamps): (Vec<_>, Vec<_>) = others.partition(|(index, _)| *index < own);
    if plan.mode == Mode::Ignore || compared.is_empty() {
        return format!("ON CONFLICT ({keys}) DO NOTHING");
    }
    let set = compared.iter().chain(&stamps).map(|(_, field)| quoted(field));
    let set = set.map(|column| format!("{column} = excluded.{column}")).collect::<Vec<_>>().join(", ");
    let row = |of: &str| {
        let columns = compared.iter().map(|(_, field)| format!("{of}.{}", quoted(field)));
        columns.collect::<Vec<_>>().join(", ")
    };
    let short = compared.iter().filter(|(_, field)| field.column.kind.is_short()).map(|(_, field)| {
        let column = quoted(field);
        format!("old.{column} IS DISTINCT FROM excluded.{column} OR ")
    });
    let differs = format!(
        "{}NOT record_image_eq(ROW({}), ROW({}))",
        short.collect::<String>(),
        row("old"),
        row("excluded")
    );
    let differs = match &plan.details.table {
        Some(table) if table.held => {
            format!("CASE WHEN {differs} THEN nextval('pg_temp.{CHANGES}') > 0 ELSE false END")
        }
        _ => differs,
    };
    format!("ON CONFLICT ({keys}) DO UPDATE SET {set} WHERE {differs}")
}
