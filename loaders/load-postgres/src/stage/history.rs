//! Every version of a row is kept (`--mode history`): a record that differs from the version before it ends that one and
//! becomes the next.
//!
//! A version is known by its key and its beginning. The last one of a key is the current one or, if there is none, the one
//! that ended last. A record whose time comes before the beginning of the current version, or before the end of the last
//! one, is late. Nobody else writes meanwhile: the table is locked.

use etl_component::Fault;
use etl_load::Counts;
use etl_postgres::Error;

use super::merge::{Merge, differ, same_key, same_key_as, set_to};
use super::{gone, key};
use crate::plan::{Field, TablePlan};
use crate::target::{MergeError, complete, insert_with, inserted, quoted, value_of, what};

/// The columns of a version, quoted, with the type of its beginning and its end.
struct Version {
    from: String,
    to: String,
    current: String,
    ty: String,
}

impl Version {
    fn of(plan: &TablePlan) -> Option<Version> {
        let history = plan.details.history.as_ref()?;
        let ty = plan.details.table.as_ref()?.column(&history.from)?.spelled.clone();
        let [from, to, current] = history.quoted();
        Some(Version { from, to, current, ty })
    }
}

/// When the version of a row of the stage begins: what the column of `x-time` says, otherwise the time of the load.
pub(crate) fn beginning(plan: &TablePlan, row: &str, now: &str) -> String {
    match plan.schema.time {
        Some(time) => value_of(row, &plan.details.fields[time]),
        None => Version::of(plan).map_or(String::new(), |version| format!("'{now}'::{}", version.ty)),
    }
}

/// The statement that ends the current versions whose keys the load does not have: at the newest time of its records, or at
/// the time of the load.
pub(crate) fn close(plan: &TablePlan, others: &str, stage: Option<&str>, now: &str) -> String {
    let Some(Version { from, to, current, ty }) = Version::of(plan) else { return String::new() };
    let newest = stage.filter(|_| plan.schema.time.is_some());
    let newest = newest.map(|stage| format!("(SELECT max({}) FROM {stage} s), ", beginning(plan, "s", now)));
    let end = format!("coalesce({}'{now}'::{ty})", newest.unwrap_or_default());
    format!(
        "UPDATE {} old SET {to} = greatest(old.{from}, {end}), {current} = false WHERE old.{current} AND {others}",
        plan.details.own_rows()
    )
}

/// The condition that a row `old` of the target is a current version.
pub(crate) fn is_current(plan: &TablePlan) -> String {
    Version::of(plan).map_or("true".to_owned(), |version| format!("old.{}", version.current))
}

/// What a row `o` does whose last version begins `since` then: it is late, it ends the version, it takes the place of that, or
/// it is a new one.
fn kind(since: &str) -> String {
    format!(
        "CASE WHEN o.at < o.until THEN 'late' WHEN o.gone THEN 'end' WHEN o.at = {since} THEN 'same' ELSE 'new' END"
    )
}

/// The condition that a step `p` ends the current version.
const ENDS: &str = "p.open AND p.kind IN ('end', 'new')";
/// The condition that a row `old` of the target is the version that a step `p` is about.
const PLACE: &str = "old.ctid = p.tid AND old.tableoid = p.oid";

impl Merge<'_> {
    /// Moves rows, of which several may have the same key unless they are `distinct`. Of those of one key and time, the last
    /// one counts.
    pub(super) fn versions(
        &mut self,
        rows: u64,
        distinct: bool,
        new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, MergeError> {
        let Some(version) = Version::of(self.plan) else { return Ok(Counts::default()) };
        let (what, steps) = (what(self.plan), self.stage.beside("steps"));
        let select = if distinct { self.step(&version) } else { self.steps(&version) };
        let create = steps.trim_start_matches("pg_temp.");
        let create = format!("CREATE TEMPORARY TABLE {create} ON COMMIT DROP AS {select}");
        let stepped = self.session.count(&what, &create)?;
        let times = match distinct {
            true => rows,
            false => self.times()?,
        };
        let of = |kind: &str| format!("count(*) FILTER (WHERE kind = '{kind}')");
        let counts = ["late", "end", "same", "new"].map(of).join(", ");
        let sql = format!("SELECT {counts}, count(*) FILTER (WHERE {ENDS}) FROM {steps} p");
        let counted = self.session.rows(&what, &sql)?;
        let number = |column| counted.first()?.get(column)?.parse::<u64>().ok();
        let [Some(late), Some(ended), Some(same), Some(fresh), Some(ending)] = [0, 1, 2, 3, 4].map(number)
        else {
            return Err(Error::unexpected(&what).into());
        };
        self.end(&version, &steps, ending)?;
        self.replace(&version, &steps, same)?;
        self.begin(&version, &steps, fresh)?;
        if let Some(new) = new {
            let rows = format!("SELECT position FROM {steps} WHERE kind = 'new' ORDER BY 1");
            self.positions(&rows, |row| new(row.unsigned_abs()))?;
        }
        self.session.batch(&what, &format!("DROP TABLE {steps}"))?;
        Ok(Counts {
            inserted: fresh,
            updated: same,
            unchanged: times.saturating_sub(stepped),
            superseded: rows.saturating_sub(times),
            closed: ended,
            too_old: late,
            ..Counts::default()
        })
    }

    /// Ends the current versions that others follow, or that are gone.
    fn end(&mut self, version: &Version, steps: &str, rows: u64) -> Result<(), MergeError> {
        let Version { to, current, .. } = version;
        let sql = format!(
            "UPDATE {} old SET {to} = p.at, {current} = false FROM {steps} p WHERE {ENDS} AND {PLACE}",
            self.plan.details.own_rows()
        );
        self.update(rows, &sql)
    }

    /// Replaces versions by records of the same time.
    fn replace(&mut self, version: &Version, steps: &str, rows: u64) -> Result<(), MergeError> {
        let (Version { to, current, .. }, row) = (version, self.row);
        let set = set_to(self.plan, |_, field| inserted(field));
        let comma = if set.is_empty() { "" } else { ", " };
        let sql = format!(
            "UPDATE {} old SET {set}{comma}{to} = p.until, {current} = p.until IS NULL
             FROM {steps} p JOIN {} s ON s.{row} = p.position WHERE p.kind = 'same' AND {PLACE}",
            self.plan.details.own_rows(),
            self.source
        );
        self.update(rows, &sql)
    }

    fn update(&mut self, rows: u64, sql: &str) -> Result<(), MergeError> {
        if rows == 0 {
            return Ok(());
        }
        let updated = self.session.count(&what(self.plan), sql)?;
        if updated == rows {
            return Ok(());
        }
        Err(MergeError::Changed(Fault::data(format!(
            "table {}: only {updated} of {rows} versions changed: a trigger on the table keeps rows as they are",
            self.plan.name
        ))))
    }

    /// Inserts new versions.
    fn begin(&mut self, version: &Version, steps: &str, rows: u64) -> Result<(), MergeError> {
        if rows == 0 {
            return Ok(());
        }
        let Version { from, to, current, .. } = version;
        let columns = [(from, "p.at"), (to, "p.until"), (current, "p.until IS NULL")];
        let insert = insert_with(self.plan, &columns.map(|(name, value)| (name.clone(), value)));
        let (source, row) = (self.source, self.row);
        let sql =
            format!("{insert} FROM {source} s JOIN {steps} p ON p.position = s.{row} WHERE p.kind = 'new'");
        complete(self.plan, rows, self.session.count(&what(self.plan), &sql)?)
    }

    /// How many different keys and times the rows have.
    fn times(&self) -> Result<u64, MergeError> {
        let (key, at) = (key(self.plan), beginning(self.plan, "s", self.stage.now()));
        let sql = format!("SELECT count(*) FROM (SELECT FROM {} s GROUP BY {key}, {at}) times", self.source);
        Ok(self.session.number(&what(self.plan), &sql)?)
    }

    /// Selects what is to be done, for rows of different keys: of each row that does something its `position`, its time
    /// `at`, the `kind` of what it does, when that ends (`until`), whether the last version of its key is current (`open`),
    /// and the place of that in the table.
    fn step(&self, version: &Version) -> String {
        let (at, gone) = self.record();
        let (known, differs) = (self.known(version, self.source), self.differs());
        let kind = kind("o.since");
        format!(
            "SELECT o.position, o.at, NULL::{} AS until, {kind} AS kind, o.open, o.tid, o.oid
             FROM (SELECT s.{row} AS position, {at} AS at, {gone} AS gone, {differs} AS differs, {known}) o
             WHERE CASE WHEN o.at < o.until THEN true WHEN o.gone THEN o.open ELSE NOT o.open OR o.differs END",
            version.ty,
            row = self.row
        )
    }

    /// The same, for any rows: each is compared with the one before it in the order of their times.
    fn steps(&self, version: &Version) -> String {
        let ((at, gone), key, row, source) = (self.record(), key(self.plan), self.row, self.source);
        let last =
            format!("(SELECT DISTINCT ON ({key}, {at}) * FROM {source} s ORDER BY {key}, {at}, {row} DESC)");
        let known = self.known(version, &last);
        let kind = kind("CASE WHEN o.before IS NULL THEN o.since END");
        let (differs, changes) = (self.differs(), self.changes());
        format!(
            "WITH known AS (
               SELECT s.{row} AS position, {at} AS at, {gone} AS gone, dense_rank() OVER (ORDER BY {key}) AS key, {known}),
             ordered AS (
               SELECT *, lag(position) OVER earlier AS before, lag(gone) OVER earlier AS was_gone FROM known
               WINDOW earlier AS (PARTITION BY key, coalesce(at < until, false) ORDER BY at)),
             changed AS (
               SELECT o.position, o.at, o.key, o.open, o.tid, o.oid, {kind} AS kind
               FROM ordered o JOIN {source} s ON s.{row} = o.position
                 LEFT JOIN {source} earlier ON earlier.{row} = o.before
                 LEFT JOIN {own} old ON o.open AND o.before IS NULL AND old.ctid = o.tid AND old.tableoid = o.oid
               WHERE CASE WHEN o.at < o.until THEN true
                 WHEN o.gone THEN CASE WHEN o.before IS NULL THEN o.open ELSE NOT o.was_gone END
                 WHEN o.before IS NULL THEN NOT o.open OR {differs} ELSE o.was_gone OR {changes} END)
             SELECT position, at, lead(at) OVER later AS until, kind, open AND row_number() OVER later = 1 AS open, tid, oid
             FROM changed WINDOW later AS (PARTITION BY key, kind = 'late' ORDER BY at)",
            own = self.plan.details.own_rows(),
        )
    }

    /// The time of a row of the stage, and the condition that it is gone.
    fn record(&self) -> (String, String) {
        let gone = gone(self.plan, "s").unwrap_or("false".to_owned());
        (beginning(self.plan, "s", self.stage.now()), gone)
    }

    /// What is known of the last version of the key of each row of the stage, and where from.
    fn known(&self, version: &Version, source: &str) -> String {
        let Version { from, to, current, .. } = version;
        let (own, same, ended) =
            (self.plan.details.own_rows(), same_key(self.plan), same_key_as("ended", self.plan));
        format!(
            "coalesce(old.{from}, ended.since) AS since, coalesce(old.{from}, ended.until) AS until,
               old.ctid IS NOT NULL AS open, coalesce(old.ctid, ended.tid) AS tid, coalesce(old.tableoid, ended.oid) AS oid
             FROM {source} s LEFT JOIN {own} old ON {same} AND old.{current}
               LEFT JOIN LATERAL (
                 SELECT ended.ctid AS tid, ended.tableoid AS oid, ended.{from} AS since,
                   coalesce(ended.{to}, ended.{from}) AS until
                 FROM {own} ended WHERE {ended} AND old.ctid IS NULL ORDER BY ended.{from} DESC LIMIT 1) ended ON true"
        )
    }

    /// The condition that a row of the stage differs from the current version of its key.
    fn differs(&self) -> String {
        let old = |field: &Field| format!("old.{}", quoted(field));
        let differs = differ(self.plan, old, |_, field| inserted(field));
        differs.map_or("false".to_owned(), |differs| format!("({differs})"))
    }

    /// The condition that it differs from an earlier row of the stage.
    fn changes(&self) -> String {
        let changes = differ(self.plan, |field| value_of("earlier", field), |_, field| value_of("s", field));
        changes.map_or("false".to_owned(), |changes| format!("({changes})"))
    }
}
