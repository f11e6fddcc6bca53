//! The ledger `etl_load`: which loads each table has. A row is committed together with its data.

use std::time::Duration;

use etl_component::Fault;
use etl_load::{Entry, Loaded};
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
  PRIMARY KEY (target, load_id)
)";

/// Creates the ledger if this is the first load.
pub(crate) fn create(database: &Database) -> Result<(), Fault> {
    database.batch(CREATE)
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
    let new = database.connection.execute(insert, params![target, load_id, now()]).map_err(fault)?;
    if new == 1 {
        return Ok(None);
    }
    let select = "SELECT digest, state FROM etl_load WHERE target = ?1 AND load_id = ?2";
    let found = database.connection.query_row(select, params![target, load_id], |row| {
        Ok(Loaded { digest: row.get::<_, Option<String>>(0)?.unwrap_or_default(), state: row.get(1)? })
    });
    found.optional().map_err(fault)
}

/// Completes a row, last thing before the commit.
pub(crate) fn complete(database: &Database, entry: &Entry<'_>) -> Result<(), Fault> {
    let update = "UPDATE etl_load SET digest = ?3, records = ?4, pipeline = ?5, state = ?6, loaded_at = ?7
                  WHERE target = ?1 AND load_id = ?2";
    let Entry { target, load_id, digest, records, pipeline, state } = entry;
    let records = i64::try_from(*records).unwrap_or(i64::MAX);
    let values = params![target, load_id, digest, records, pipeline, state, now()];
    match database.connection.execute(update, values).map_err(|error| database.fault(error))? {
        1 => Ok(()),
        _ => Err(Fault::config(
            "the ledger does not have the row of this load: a trigger on it keeps the row out",
        )),
    }
}

/// Forgets loads older than `keep`, but never a pipeline's newest row with a state, nor a row that is not yet
/// complete, which is that of this load.
pub(crate) fn prune(database: &Database, target: &str, keep: Duration) -> Result<(), Fault> {
    let Some(oldest) = jiff::SignedDuration::try_from(keep)
        .ok()
        .and_then(|keep| jiff::Timestamp::now().checked_sub(keep).ok())
    else {
        return Ok(());
    };
    let delete = "DELETE FROM etl_load WHERE target = ?1 AND loaded_at < ?2 AND digest IS NOT NULL AND NOT (state IS NOT NULL AND loaded_at = (
                    SELECT max(newer.loaded_at) FROM etl_load newer WHERE newer.target = etl_load.target
                    AND newer.pipeline IS etl_load.pipeline AND newer.state IS NOT NULL))";
    let deleted = database.connection.execute(delete, params![target, instant(oldest)]);
    deleted.map(|_| ()).map_err(|error| database.fault(error))
}

/// The newest state of each pipeline in a table.
pub(crate) fn states(database: &Database, target: &str) -> Result<Vec<(String, String)>, Fault> {
    let fault = |error| database.fault(error);
    let exists = "SELECT count(*) FROM sqlite_master WHERE name = 'etl_load'";
    if database.connection.query_row(exists, [], |row| row.get::<_, i64>(0)).map_err(fault)? == 0 {
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

/// All instants in the ledger have the same length, so that their texts sort as the instants do.
fn instant(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// This moment, as the ledger writes it.
pub(crate) fn now() -> String {
    instant(jiff::Timestamp::now())
}
