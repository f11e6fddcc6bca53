//! The ledger `etl_load`, one in each schema that is loaded into. It says which loads are in which table, and is
//! committed with their data.

use std::time::Duration;

use etl_component::Fault;
use etl_load::{Entry, Loaded, Mode, Newest, Run};
use etl_postgres::TextRow;
use etl_postgres::names::{Name, quote_literal, quote_nullable};

/// The ledger's name. No target can have it.
pub(crate) const TABLE: &str = "etl_load";

/// The columns that ledgers of earlier versions lack.
pub(crate) const ADDED: [&str; 6] = [
    "seq bigint",
    "attempt text",
    "mode text",
    "inserted bigint",
    "rejected bigint",
    "seconds double precision",
];

/// How they are added.
pub(crate) fn added() -> String {
    ADDED.map(|column| format!("ADD COLUMN IF NOT EXISTS {column}")).join(", ")
}

/// The statements that create it, or add what an earlier version did not know. The index serves to find the newest states and to forget old loads. It does not begin
/// with the target: otherwise the planner could use it to look up a single load while the table has no statistics.
pub(crate) fn ddl(table: &Name) -> String {
    let (ledger, index) = (table.sibling(TABLE).sql(), "etl_load_loaded_at");
    let added = added();
    format!(
        "CREATE TABLE IF NOT EXISTS {ledger} (
    target text NOT NULL,
    load_id text NOT NULL,
    digest text,
    records bigint,
    pipeline text,
    state json,
    loaded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (target, load_id)
);
ALTER TABLE {ledger} {added};
CREATE INDEX IF NOT EXISTS {index} ON {ledger} (loaded_at);
CREATE INDEX IF NOT EXISTS etl_load_seq ON {ledger} (seq);
COMMENT ON TABLE {ledger} IS 'Loads that are committed, each with its data. To load one again, delete its row.';
COMMENT ON COLUMN {ledger}.target IS 'The table loaded into, in this schema.';
COMMENT ON COLUMN {ledger}.load_id IS 'The load id, or the id of a sealed segment.';
COMMENT ON COLUMN {ledger}.digest IS 'SHA-256 of what was loaded.';
COMMENT ON COLUMN {ledger}.records IS 'How many records it had.';
COMMENT ON COLUMN {ledger}.state IS 'The last state, from which the next extraction of the pipeline goes on.';
COMMENT ON COLUMN {ledger}.seq IS 'The place of the load in the order of loads.';
COMMENT ON COLUMN {ledger}.attempt IS 'Names the attempt that committed it.';
COMMENT ON COLUMN {ledger}.mode IS 'How its records were combined with existing rows.';
COMMENT ON COLUMN {ledger}.inserted IS 'How many rows the whole load inserted into the table; its rows here have the same seq.';
COMMENT ON COLUMN {ledger}.rejected IS 'How many records of the whole load were set aside.';
COMMENT ON COLUMN {ledger}.seconds IS 'How long the whole load took.';
"
    )
}

/// Forgets the loads of a table that no longer exists: their data are gone, too.
pub(crate) fn forget(table: &Name) -> String {
    format!("DELETE FROM {} WHERE target = {}", table.sibling(TABLE).sql(), quote_literal(&table.table))
}

/// When a load was committed, as receipts have it.
const LOADED_AT: &str = r#"to_char(loaded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"#;

/// Claims load ids for a table, and asks which of them are loaded already. It waits until other loads with the same ids
/// have ended.
///
/// # Errors
/// 3 for an id that PostgreSQL cannot store.
pub(crate) fn claim(table: &Name, load_ids: &[String]) -> Result<String, Fault> {
    if let Some(load_id) = load_ids.iter().find(|id| id.contains('\0')) {
        return Err(Fault::data(format!(
            "the id {load_id:?} has the character U+0000, which PostgreSQL does not store"
        )));
    }
    let (ledger, target) = (table.sibling(TABLE).sql(), quote_literal(&table.table));
    let ids: Vec<String> = load_ids.iter().map(|id| quote_literal(id)).collect();
    let rows: Vec<String> = ids.iter().map(|id| format!("({target}, {id})")).collect();
    Ok(format!(
        "INSERT INTO {ledger} (target, load_id) VALUES {} ON CONFLICT DO NOTHING;
         SELECT load_id, digest, state, seq, {LOADED_AT} AS loaded_at FROM {ledger}
         WHERE target = {target} AND load_id IN ({}) AND digest IS NOT NULL",
        rows.join(", "),
        ids.join(", ")
    ))
}

/// The answer to [`claim`]: the ids that are loaded. The others are ours, because every committed row has been completed.
pub(crate) fn loaded(rows: &[TextRow]) -> impl Iterator<Item = (String, Loaded)> {
    rows.iter().filter_map(|row| {
        let order = row.get("seq").and_then(|seq| seq.parse().ok()).unwrap_or_default();
        let (digest, state) = (row.get("digest")?.to_owned(), row.get("state").map(str::to_owned));
        let loaded_at = row.get("loaded_at")?.to_owned();
        Some((row.get("load_id")?.to_owned(), Loaded { digest, state, order, loaded_at }))
    })
}

/// Asks for the newest load of a table.
pub(crate) fn newest(table: &Name) -> String {
    let (ledger, target) = (table.sibling(TABLE).sql(), quote_literal(&table.table));
    format!(
        "SELECT seq, count(*) OVER (), load_id, loaded_at, mode FROM {ledger}
         WHERE target = {target} AND seq = (SELECT max(seq) FROM {ledger} WHERE target = {target})
         ORDER BY load_id LIMIT 1"
    )
}

/// The answer to [`newest`].
pub(crate) fn read_newest(rows: &[TextRow]) -> Option<Newest> {
    let row = rows.first()?;
    Some(Newest {
        order: row.get(0)?.parse().ok()?,
        rows: row.get(1)?.parse().ok()?,
        load_id: row.get(2)?.to_owned(),
        loaded_at: row.get(3)?.to_owned(),
        replaced: row.get(4) == Some(Mode::Replace.to_string().as_str()),
    })
}

/// The place of this load in the order of loads, for the rest of its transaction.
const ORDER: &str = "current_setting('standpipe.seq')::bigint";

/// Takes the next place in the order of loads, after all those that the ledgers of these tables have.
pub(crate) fn take_order<'t>(tables: impl Iterator<Item = &'t Name>) -> String {
    let mut ledgers: Vec<String> = tables.map(|table| table.sibling(TABLE).sql()).collect();
    ledgers.sort();
    ledgers.dedup();
    let newest = ledgers.iter().map(|ledger| format!("(SELECT max(seq) FROM {ledger})"));
    let next = format!("(greatest(0, {}) + 1)::text", newest.collect::<Vec<_>>().join(", "));
    format!("SELECT set_config('standpipe.seq', {next}, true)")
}

/// Finds out whether an attempt whose connection was lost has committed: inserting its row waits for the lost session to
/// end, and so does the lock on one that an earlier load had left.
///
/// # Errors
/// Those of [`claim`].
pub(crate) fn settle(table: &Name, load_id: &str) -> Result<String, Fault> {
    let (claim, ledger) = (claim(table, &[load_id.to_owned()])?, table.sibling(TABLE).sql());
    let (target, id) = (quote_literal(&table.table), quote_literal(load_id));
    Ok(format!("{claim}; SELECT attempt FROM {ledger} WHERE target = {target} AND load_id = {id} FOR UPDATE"))
}

/// Completes rows of a table that differ only in what was loaded, once [`take_order`] has been run.
pub(crate) fn complete(table: &Name, entries: &[Entry<'_>], attempt: &str) -> String {
    let Some(Entry { mode, inserted, rejected, seconds, pipeline, state, .. }) = entries.first() else {
        return String::new();
    };
    let row = |Entry { load_id, digest, records, .. }: &Entry<'_>| {
        format!("({}, {}, {records}::bigint)", quote_literal(load_id), quote_literal(digest))
    };
    format!(
        "UPDATE {} l SET digest = new.digest, records = new.records, pipeline = {}, state = {},
           loaded_at = clock_timestamp(), seq = {ORDER}, attempt = '{attempt}', mode = '{mode}',
           inserted = {inserted}, rejected = {rejected}, seconds = {seconds}
         FROM (VALUES {}) new (load_id, digest, records) WHERE l.target = {} AND l.load_id = new.load_id",
        table.sibling(TABLE).sql(),
        quote_nullable(*pipeline),
        quote_nullable(*state),
        entries.iter().map(row).collect::<Vec<_>>().join(", "),
        quote_literal(&table.table),
    )
}

/// Whether one statement completes both rows.
pub(crate) fn complete_together(one: &Entry<'_>, other: &Entry<'_>) -> bool {
    Entry { load_id: one.load_id, digest: one.digest, records: one.records, ..*other } == *one
}

/// Forgets loads older than `keep`, but never a pipeline's newest row that has a state, nor those of this load, once
/// [`take_order`] has been run. Rows that another load is forgetting at the same time are left to that load.
pub(crate) fn prune(table: &Name, keep: Duration) -> String {
    let (ledger, target) = (table.sibling(TABLE).sql(), quote_literal(&table.table));
    // PostgreSQL's timestamps do not go back further than this.
    let seconds = keep.as_secs_f64().min(1e11);
    format!(
        "DELETE FROM {ledger} WHERE ctid = ANY (ARRAY(
           SELECT old.ctid FROM {ledger} old WHERE target = {target}
             AND loaded_at < now() - interval '1 s' * {seconds} AND digest IS NOT NULL AND seq IS DISTINCT FROM {ORDER}
             AND NOT (state IS NOT NULL AND NOT EXISTS (SELECT FROM {ledger} newer WHERE newer.target = old.target
               AND newer.pipeline IS NOT DISTINCT FROM old.pipeline AND newer.state IS NOT NULL
               AND newer.loaded_at > old.loaded_at))
           FOR UPDATE SKIP LOCKED))"
    )
}

/// The newest state of each pipeline in a table.
pub(crate) fn states(table: &Name) -> String {
    format!(
        "SELECT DISTINCT ON (pipeline) pipeline, state FROM {} WHERE target = {} AND pipeline IS NOT NULL
         AND state IS NOT NULL ORDER BY pipeline, loaded_at DESC",
        table.sibling(TABLE).sql(),
        quote_literal(&table.table)
    )
}

/// Asks which columns the ledger has.
pub(crate) fn columns(table: &Name) -> String {
    let ledger = quote_literal(&table.sibling(TABLE).sql());
    format!(
        "SELECT attname FROM pg_attribute WHERE attrelid = {ledger}::regclass AND attnum > 0 AND NOT attisdropped"
    )
}

/// Asks for the loads of a table, oldest first; the rows of one load are one. `columns` is the answer to [`columns`]: nothing is
/// changed here, so a ledger of an earlier version still lacks some.
pub(crate) fn runs(table: &Name, columns: &[TextRow]) -> String {
    let known = |name: &str| columns.iter().any(|row| row.get(0) == Some(name));
    let or_null = |name: &str, ty: &str| if known(name) { name.to_owned() } else { format!("NULL::{ty}") };
    let seq = or_null("seq", "bigint");
    format!(
        "SELECT CASE count(*) WHEN 1 THEN min(load_id) END, max(pipeline), sum(records), max({}), max({}), max({}),
           max({LOADED_AT})
         FROM {} WHERE target = {} AND digest IS NOT NULL
         GROUP BY {seq}, CASE WHEN {seq} IS NULL THEN load_id END ORDER BY max(loaded_at), max({seq})",
        or_null("inserted", "bigint"),
        or_null("rejected", "bigint"),
        or_null("seconds", "double precision"),
        table.sibling(TABLE).sql(),
        quote_literal(&table.table),
    )
}

/// The answer to [`runs`].
pub(crate) fn read_runs(table: &Name, rows: &[TextRow]) -> Vec<Run> {
    let text = |row: &TextRow, column| row.get(column).map(str::to_owned);
    let run = |row: &TextRow| Run {
        target: table.text(),
        load_id: text(row, 0),
        pipeline: text(row, 1),
        records: row.get(2).and_then(|count| count.parse().ok()).unwrap_or_default(),
        inserted: row.get(3).and_then(|count| count.parse().ok()),
        rejected: row.get(4).and_then(|count| count.parse().ok()),
        seconds: row.get(5).and_then(|seconds| seconds.parse().ok()),
        loaded_at: text(row, 6).unwrap_or_default(),
    };
    rows.iter().map(run).collect()
}
