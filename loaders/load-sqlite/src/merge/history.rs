//! Every version of a row is kept (`--mode history`): a record that differs from the version before it ends that one and
//! becomes the next.
//!
//! A version is known by its key and its beginning. The last one of a key is the current one or, if there is none, the one
//! that ended last. A record whose time comes before the beginning of the current version, or before the end of the last
//! one, is late. Nobody else writes meanwhile.

use etl_component::{Fault, counted};
use etl_load::{Counts, History};
use etl_schema::{Type, quote_ident, time};
use rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY;
use rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE;

use super::keep::Lacks;
use super::{Merge, Unmerged, column_list, differs, gone, is_data, is_written, key_list};
use crate::names::column_list_of;
use crate::plan::Plan;

/// The time of a load.
pub(crate) fn now() -> String {
    let mut text = Vec::new();
    time::format_timestamptz(jiff::Timestamp::now().as_microsecond(), &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// The columns of a version, quoted: its beginning, its end, and whether it is current.
fn version(plan: &Plan) -> Option<[String; 3]> {
    plan.details.history.as_ref().map(History::quoted)
}

/// When the version of a row of the stage begins: what the column of `x-time` says, otherwise the time of the load.
fn beginning(plan: &Plan, row: &str, now: &str) -> String {
    match plan.schema.time {
        Some(time) => format!("{row}.{}", quote_ident(&plan.schema.columns[time].name)),
        None => format!("'{now}'"),
    }
}

/// What a time is sorted by: with its fraction as long as it needs to be, the text alone is not in order.
fn sorted(time: &str) -> String {
    format!("rtrim({time}, 'Z')")
}

/// The order of the versions among the rows `new` of a stage.
pub(super) fn order(plan: &Plan, row: &str, now: &str) -> String {
    format!("{}, {}, {row}", key_list(&plan.schema), sorted(&beginning(plan, "new", now)))
}

/// The condition that a row `old` of the target is a current version.
pub(crate) fn is_current(plan: &Plan) -> String {
    version(plan).map_or("true".to_owned(), |[.., current]| format!("old.{current}"))
}

/// The statement that ends the current versions whose keys the load does not have: at the newest time of its records, or at
/// the time of the load.
pub(crate) fn close(plan: &Plan, others: &str, stage: &str, now: &str) -> String {
    let Some([from, to, current]) = version(plan) else { return String::new() };
    let at = beginning(plan, "new", now);
    // As the column of `x-time` has it.
    let now = match plan.schema.time.map(|time| &plan.schema.columns[time].ty) {
        Some(Type::Date) => now.split('T').next().unwrap_or_default(),
        Some(Type::Timestamp) => now.trim_end_matches('Z'),
        _ => now,
    };
    let newest =
        format!("coalesce((SELECT {at} FROM {stage} new ORDER BY {} DESC LIMIT 1), '{now}')", sorted(&at));
    let ends_later = format!("{} < {}", sorted(&format!("old.{from}")), sorted(&newest));
    format!(
        "UPDATE OR ABORT {} AS old SET {to} = CASE WHEN {ends_later} THEN {newest} ELSE old.{from} END, {current} = 0
         WHERE old.{current} AND {others}",
        quote_ident(&plan.name)
    )
}

impl Merge<'_> {
    /// Moves rows, of which several may have the same key. Of those of one key and time, the last one counts. `new` is called
    /// with the position of each that is a new version.
    pub(super) fn versions(
        &self,
        row: &str,
        now: &str,
        rows: u64,
        new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, Unmerged> {
        let Some([from, to, current]) = version(self.plan) else {
            return Ok(Counts::default());
        };
        let Merge { plan, stage, table, same, .. } = self;
        let steps = "temp.etl_stage_steps";
        self.database.connection.execute_batch(&format!(
            "DROP TABLE IF EXISTS {steps}; CREATE TABLE {steps} AS {}",
            self.steps(row, now)
        ))?;
        let of = |kind: &str| self.count(&format!("SELECT count(*) FROM {steps} WHERE kind = '{kind}'"));
        let (times, late, ended) =
            (self.count(&format!("SELECT count(*) FROM {steps}"))?, of("late")?, of("end")?);
        let (replaced, fresh, unchanged) = (of("same")?, of("new")?, of("none")?);
        let ends = "p.open AND p.kind IN ('end', 'new')";
        let ending = self.count(&format!("SELECT count(*) FROM {steps} p WHERE {ends}"))?;
        let place = format!("{same} AND old.{from} = p.since");
        let steps_of = format!("{steps} AS p JOIN {stage} AS new");
        self.update(
            ending,
            &format!(
                "UPDATE OR ABORT {table} AS old SET {to} = p.at, {current} = 0 FROM {steps_of}
                 WHERE new.{row} = p.position AND {ends} AND {place}"
            ),
        )?;
        let written = plan.details.stored.columns.iter().enumerate();
        let written = written.filter(|(column, _)| is_written(plan, *column));
        let set = written.map(|(_, column)| quote_ident(&column.name));
        let set = set.map(|name| format!("{name} = new.{name}, ")).collect::<String>();
        self.update(
            replaced,
            &format!(
                "UPDATE OR ABORT {table} AS old SET {set}{to} = p.until, {current} = p.until IS NULL FROM {steps_of}
                 WHERE new.{row} = p.position AND p.kind = 'same' AND {place}"
            ),
        )?;
        let columns = column_list(&plan.details.stored);
        let own = column_list_of("new", &plan.details.stored);
        let inserted = self.change(&format!(
            "INSERT OR ABORT INTO {table} ({columns}, {from}, {to}, {current})
             SELECT {own}, p.at, p.until, p.until IS NULL FROM {steps_of} WHERE new.{row} = p.position AND p.kind = 'new'"
        ))?;
        if inserted != fresh {
            let of = counted(fresh, "version was", "versions were");
            return Err(Unmerged::Fault(Fault::data(format!(
                "table {}: only {inserted} of {of} inserted: a trigger on the table keeps rows out",
                plan.name
            ))));
        }
        if let Some(new) = new {
            let sql = format!("SELECT position FROM {steps} WHERE kind = 'new' ORDER BY 1");
            let mut statement = self.database.connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                new(row.get::<_, i64>(0)?.unsigned_abs());
            }
        }
        self.database.connection.execute_batch(&format!("DROP TABLE {steps}"))?;
        let superseded = rows.saturating_sub(times);
        let (closed, updated, too_old) = (ended, replaced, late);
        Ok(Counts { inserted, updated, unchanged, superseded, closed, too_old, ..Counts::default() })
    }

    fn update(&self, rows: u64, sql: &str) -> Result<(), Unmerged> {
        let updated = if rows > 0 { self.change(sql)? } else { 0 };
        if updated == rows {
            return Ok(());
        }
        Err(Unmerged::Fault(Fault::data(format!(
            "table {}: only {updated} of {rows} versions changed: a trigger on the table keeps rows as they are",
            self.plan.name
        ))))
    }

    /// Selects what is to be done for each key and time: the `position` of the record, its time `at`, the `kind` of what it
    /// does, when that ends (`until`), and whether the last version of its key, which began `since` then, is current
    /// (`open`) and its first follower is this one.
    fn steps(&self, row: &str, now: &str) -> String {
        let Some([from, to, current]) = version(self.plan) else { return String::new() };
        let Merge { plan, stage, table, same, .. } = self;
        let (key, at) = (key_list(&plan.schema), beginning(plan, "new", now));
        let gone = gone(plan, "new").unwrap_or("false".to_owned());
        let nothing = Lacks::default();
        let differ = |old: &str| differs(plan, old, "new", &nothing).unwrap_or("false".to_owned());
        let (differs, changes) = (differ("old"), differ("earlier"));
        let of = |row: &str| same.replace("old.", &format!("{row}."));
        let (same_last, same_ended) = (of("last"), of("ended"));
        let (last_order, sorted_at) = (sorted(&format!("last.{from}")), sorted(&at));
        let until = sorted("o.until");
        // A key of a stage may be found by nothing but its position.
        format!(
            "WITH positions AS (SELECT max({row}) AS position FROM {stage} new GROUP BY {key}, {sorted_at}),
             known AS (
               SELECT new.{row} AS position, {at} AS at, {sorted_at} AS place, {gone} AS gone,
                 coalesce(old.{from}, ended.{from}) AS since, coalesce(old.{from}, ended.{to}, ended.{from}) AS until,
                 old.{from} IS NOT NULL AS open, dense_rank() OVER (ORDER BY {keys}) AS key
               FROM positions CROSS JOIN {stage} AS new
                 LEFT JOIN {table} AS old ON {same} AND old.{current}
                 LEFT JOIN {table} AS ended ON {same_ended} AND ended.{from} = CASE WHEN old.{from} IS NULL THEN (
                   SELECT last.{from} FROM {table} AS last WHERE {same_last} ORDER BY {last_order} DESC LIMIT 1) END
               WHERE new.{row} = positions.position),
             ordered AS (
               SELECT *, coalesce(place < rtrim(until, 'Z'), false) AS late, lag(position) OVER earlier AS before,
                 lag(gone) OVER earlier AS was_gone
               FROM known WINDOW earlier AS (PARTITION BY key, coalesce(place < rtrim(until, 'Z'), false) ORDER BY place)),
             changed AS (
               SELECT o.position, o.at, o.place, o.key, o.open, o.since, CASE
                   WHEN o.place < {until} THEN 'late'
                   WHEN o.gone THEN CASE WHEN CASE WHEN o.before IS NULL THEN o.open ELSE NOT o.was_gone END THEN 'end' ELSE 'none' END
                   WHEN NOT (CASE WHEN o.before IS NULL THEN NOT o.open OR {differs} ELSE o.was_gone OR {changes} END) THEN 'none'
                   WHEN o.before IS NULL AND o.place = {since} THEN 'same' ELSE 'new' END AS kind
               FROM ordered AS o CROSS JOIN {stage} AS new
                 LEFT JOIN {stage} AS earlier ON earlier.{row} = o.before
                 LEFT JOIN {table} AS old ON o.open AND o.before IS NULL AND {same} AND old.{from} = o.since
               WHERE new.{row} = o.position)
             SELECT position, at, since, kind,
               CASE WHEN kind NOT IN ('late', 'none') THEN lead(at) OVER later END AS until,
               open AND row_number() OVER later = 1 AS open
             FROM changed WINDOW later AS (PARTITION BY key, kind IN ('late', 'none') ORDER BY place)",
            since = sorted("o.since"),
            keys = plan.schema.key_names().map(|name| format!("new.{}", quote_ident(name))).collect::<Vec<_>>().join(", "),
        )
    }

    /// The line of the first row that cannot be a version, whatever came before it.
    pub(super) fn refused_version(&self, line: &str, row: &str, now: &str) -> rusqlite::Result<Option<u64>> {
        let Some([from, to, current]) = version(self.plan) else { return Ok(None) };
        let (columns, at) = (column_list(&self.plan.details.stored), beginning(self.plan, "new", now));
        let connection = &self.database.connection;
        let mut insert = connection.prepare(&format!(
            "INSERT OR ABORT INTO {} ({columns}, {from}, {to}, {current}) SELECT {columns}, {at}, {at}, 0 FROM {} AS new WHERE {row} = ?1",
            self.table, self.stage
        ))?;
        let mut rows = connection.prepare(&format!("SELECT {row}, {line} FROM {} ORDER BY 1", self.stage))?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            match insert.execute([row.get::<_, i64>(0)?]) {
                Err(error) if is_data(&error) && !is_taken(&error) => {
                    return row.get::<_, i64>(1).map(|line| Some(line.unsigned_abs()));
                }
                Err(error) if !is_data(&error) => return Err(error),
                _ => (),
            }
        }
        Ok(None)
    }
}

/// Whether another row has what must be unique.
fn is_taken(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code.is_some_and(|code| [SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE].contains(&code))
}
