//! The ledger `etl_load`: which loads each table has. A row is committed together with its data.

use std::time::Duration;

use etl_component::Fault;
use etl_load::{Entry, Loaded, Mode, Newest, Run};
use etl_stream::counted;
use rusqlite::{OptionalExtension, params};

use crate::database::Database;

/// The ledger's name, which no target can have.
pub(crate) const TABLE: &str = "etl_load";

const CREATE: &str = "CREATE TABLE IF NOT EXISTS etl_load (
  target TEXT NOT NULL, -- the table loaded into
  load_id TEXT NOT NULL, -- the load id, or the id of a sealed segment
  digest TEXT, -- SHA-256 of what was loaded
  records INTEGER, -- how many records were loaded
  pipeline TEXT, -- --pipeline
  state TEXT_JSON, -- the last state, from which the next extraction goes on
  loaded_at TEXT_TIMESTAMPTZ NOT NULL,
  seq INTEGER, -- the place of the load in the order of loads
  attempt TEXT, -- names the attempt that committed it
  mode TEXT, -- --mode
  inserted INTEGER, -- how many rows the whole load inserted into the table; its rows in the ledger have the same seq
  rejected INTEGER, -- how many records of the whole load were set aside
  seconds REAL, -- how long the whole load took
  PRIMARY KEY (target, load_id)
)";

/// The columns that ledgers of earlier versions lack.
const ADDED: [&str; 6] =
    ["seq INTEGER", "attempt TEXT", "mode TEXT", "inserted INTEGER", "rejected INTEGER", "seconds REAL"];

/// Creates the ledger if this is the first load, or adds the columns that an earlier version did not know.
pub(crate) fn create(database: &Database) -> Result<(), Fault> {
    database.batch(CREATE)?;
    let known = columns(database)?;
    for column in ADDED {
        if !known.iter().any(|known| column.split(' ').next() == Some(known)) {
            database.batch(&format!("ALTER TABLE etl_load ADD COLUMN {column}"))?;
        }
    }
    database.batch("CREATE INDEX IF NOT EXISTS etl_load_seq ON etl_load (seq)")
}

/// Forgets what was loaded into a table that no longer exists: nothing of that is stored now. What this very
/// transaction has claimed stays.
pub(crate) fn forget(database: &Database, target: &str) -> Result<(), Fault> {
    let delete = "DELETE FROM etl_load WHERE target = ?1 AND digest IS NOT NULL";
    let rows = database.connection.execute(delete, [target]).map_err(|error| database.fault(error))?;
    if rows > 0 {
        let loads = counted(rows as u64, "load", "loads");
        log::warn!("table {target} is gone; the ledger forgets {loads} into it, to be loaded again");
    }
    Ok(())
}

/// Claims a load id for a table, first thing in the transaction. `None` means that it is ours, anything else that it was
/// loaded before.
pub(crate) fn claim(database: &Database, target: &str, load_id: &str) -> Result<Option<Loaded>, Fault> {
    let fault = |error| database.fault(error);
    let insert =
        "INSERT INTO etl_load (target, load_id, loaded_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let mut insert = database.connection.prepare(insert).map_err(fault)?;
    let new = insert.execute(params![target, load_id, now()]).map_err(fault)?;
    if new == 1 {
        return Ok(None);
    }
    let select =
        "SELECT digest, state, ifnull(seq, 0), loaded_at FROM etl_load WHERE target = ?1 AND load_id = ?2";
    let found = database.connection.query_row(select, params![target, load_id], |row| {
        let digest = row.get::<_, Option<String>>(0)?.unwrap_or_default();
        Ok(Loaded { digest, state: row.get(1)?, order: row.get(2)?, loaded_at: row.get(3)? })
    });
    found.optional().map_err(fault)
}

/// The newest load of a table.
pub(crate) fn newest(database: &Database, target: &str) -> Result<Option<Newest>, Fault> {
    let select = "SELECT seq, count(*) OVER (), load_id, loaded_at, mode FROM etl_load
                  WHERE target = ?1 AND seq = (SELECT max(seq) FROM etl_load WHERE target = ?1)
                  ORDER BY load_id LIMIT 1";
    let newest = database.connection.query_row(select, [target], |row| {
        let replaced = row.get::<_, Option<String>>(4)? == Some(Mode::Replace.to_string());
        let (order, load_id, loaded_at) = (row.get(0)?, row.get(2)?, row.get(3)?);
        let rows = row.get::<_, i64>(1)?.unsigned_abs();
        Ok(Newest { order, rows, load_id, loaded_at, replaced })
    });
    newest.optional().map_err(|error| database.fault(error))
}

/// The next place in the order of loads.
pub(crate) fn next(database: &Database) -> Result<i64, Fault> {
    let next = "SELECT ifnull(max(seq), 0) + 1 FROM etl_load";
    database.connection.query_row(next, [], |row| row.get(0)).map_err(|error| database.fault(error))
}

/// Completes a row, last thing before the commit.
pub(crate) fn complete(
    database: &Database,
    entry: &Entry<'_>,
    order: i64,
    attempt: &str,
) -> Result<(), Fault> {
    let update =
        "UPDATE etl_load SET digest = ?3, records = ?4, pipeline = ?5, state = ?6, loaded_at = ?7, seq = ?8,
                  attempt = ?9, mode = ?10, inserted = ?11, rejected = ?12, seconds = ?13
         WHERE target = ?1 AND load_id = ?2";
    let Entry { target, mode, load_id, digest, records, inserted, rejected, seconds, pipeline, state } =
        entry;
    let [records, inserted, rejected] =
        [records, inserted, rejected].map(|count| i64::try_from(*count).unwrap_or(i64::MAX));
    let (loaded_at, mode) = (now(), mode.to_string());
    let values = params![
        target, load_id, digest, records, pipeline, state, loaded_at, order, attempt, mode, inserted,
        rejected, seconds
    ];
    let mut update = database.connection.prepare(update).map_err(|error| database.fault(error))?;
    match update.execute(values).map_err(|error| database.fault(error))? {
        1 => Ok(()),
        _ => Err(Fault::config(
            "the ledger does not have the row of this load: a trigger on it keeps the row out",
        )),
    }
}

/// Forgets loads older than `keep`, but never a pipeline's newest row with a state, nor those of this load, which has
/// this place in the order.
pub(crate) fn prune(database: &Database, target: &str, keep: Duration, order: i64) -> Result<(), Fault> {
    let Some(oldest) = jiff::SignedDuration::try_from(keep)
        .ok()
        .and_then(|keep| jiff::Timestamp::now().checked_sub(keep).ok())
    else {
        return Ok(());
    };
    let delete = "DELETE FROM etl_load WHERE target = ?1 AND loaded_at < ?2 AND seq IS NOT ?3 AND NOT (state IS NOT NULL AND loaded_at = (
                    SELECT max(newer.loaded_at) FROM etl_load newer WHERE newer.target = etl_load.target
                    AND newer.pipeline IS etl_load.pipeline AND newer.state IS NOT NULL))";
    let deleted = database.connection.execute(delete, params![target, etl_component::instant(oldest), order]);
    deleted.map(|_| ()).map_err(|error| database.fault(error))
}

/// The columns that the ledger has; none if it does not exist.
fn columns(database: &Database) -> Result<Vec<String>, Fault> {
    let fault = |error| database.fault(error);
    let known = "SELECT name FROM pragma_table_info('etl_load')";
    let mut statement = database.connection.prepare(known).map_err(fault)?;
    let names = statement.query_map([], |row| row.get(0)).map_err(fault)?;
    names.collect::<Result<_, _>>().map_err(fault)
}

/// The loads of a table, oldest first. The rows of one load are one.
pub(crate) fn runs(database: &Database, target: &str) -> Result<Vec<Run>, Fault> {
    let (columns, fault) = (columns(database)?, |error| database.fault(error));
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    // Nothing is changed here, so a ledger of an earlier version still lacks columns.
    let [seq, inserted, rejected, seconds] = ["seq", "inserted", "rejected", "seconds"]
        .map(|name| if columns.iter().any(|column| column == name) { name } else { "NULL" });
    let select = format!(
        "SELECT iif(count(*) = 1, min(load_id), NULL), max(pipeline), sum(records), max({inserted}), max({rejected}),
           max({seconds}), max(loaded_at)
         FROM etl_load WHERE target = ?1 AND digest IS NOT NULL
         GROUP BY iif({seq} IS NULL, load_id, {seq}) ORDER BY max(loaded_at), max({seq})"
    );
    let mut statement = database.connection.prepare(&select).map_err(fault)?;
    let runs = statement.query_map([target], |row| {
        let count = |column| row.get::<_, Option<i64>>(column).map(|count| count.map(i64::unsigned_abs));
        Ok(Run {
            target: target.to_owned(),
            load_id: row.get(0)?,
            pipeline: row.get(1)?,
            records: count(2)?.unwrap_or_default(),
            inserted: count(3)?,
            rejected: count(4)?,
            seconds: row.get(5)?,
            loaded_at: row.get(6)?,
        })
    });
    runs.map_err(fault)?.collect::<Result<_, _>>().map_err(fault)
}

/// The newest state of each pipeline in a table.
pub(crate) fn states(database: &Database, target: &str) -> Result<Vec<(String, String)>, Fault> {
    let fault = |error| database.fault(error);
    if columns(database)?.is_empty() {
        return Ok(Vec::new());
    }
    let newest = "SELECT pipeline, state FROM (
                    SELECT pipeline, state, row_number() OVER (PARTITION BY pipeline ORDER BY loaded_at DESC, rowid DESC) AS age
                    FROM etl_load WHERE target = ?1 AND pipeline IS NOT NULL AND state IS NOT NULL)
                  WHERE age = 1 ORDER BY pipeline";
    let mut statement = database.connection.prepare(newest).map_err(fault)?;
    let rows = statement.query_map([target], |row| Ok((row.get(0)?, row.get(1)?))).map_err(fault)?;
    rows.collect::<Result<_, _>>().map_err(fault)
}

/// This moment, as the ledger writes it: all instants in it have the same length, so that their texts sort as they do.
pub(crate) fn now() -> String {
    etl_component::instant(jiff::Timestamp::now())
}
