//! Moves the rows of a stage with a key into the target by MERGE: one join finds the rows of the target, and those that
//! stay as they are cost nothing more.
//!
//! MERGE does not see what another session does with the same keys in the meantime, as INSERT … ON CONFLICT does. So it runs
//! under a savepoint, and counts only if in the end this transaction holds every row: those that it has written, and
//! those that it then finds as they should be and locks. Otherwise all of it is undone.

use etl_load::Mode;
use etl_postgres::names::quote_literal;
use etl_postgres::{Error, Session};

use super::lacks::Lacks;
use super::merge::{differs, same_key, set};
use crate::plan::{Field, Null, TablePlan};
use crate::target::{MergeError, quoted, what};

const SAVEPOINT: &str = "unopposed";

/// Whether the records can go this way: the server knows MERGE, it does for each row what INSERT … ON CONFLICT does, and
/// the stage's columns have the types of the table's, which is not so for domains where it has no constraints.
pub(super) fn is_possible(plan: &TablePlan, free: bool) -> bool {
    let names: Vec<&str> = plan.schema.key_names().collect();
    let plain = plan.details.table.as_ref().is_some_and(|table| {
        // A trigger before an INSERT is called for rows that exist, too, and may change what they are updated to.
        let free = !table.insert_veto && !table.update_veto && !table.policies && table.rules == [false; 2];
        free && !table.partitioned && table.key(&names).is_some()
    });
    let as_is = |field: &Field| {
        !field.is_cast() && field.null != Null::Default && !(free && field.column.base.is_some())
    };
    let is_possible = plain && plan.details.merges && plan.mode == Mode::Upsert;
    is_possible && plan.details.fields.iter().all(as_is) && differs(plan, "s", &Lacks::default()).is_some()
}

/// Moves them, and returns how many rows are new and how many were changed; `None` if that has to be done in another way,
/// because somebody else writes the same keys or it cannot be told.
pub(super) fn merge(
    session: &Session,
    plan: &TablePlan,
    source: &str,
    distinct: u64,
    lacks: &Lacks,
) -> Result<Option<(u64, u64)>, MergeError> {
    let done = under_savepoint(session, plan, source, distinct, lacks)?;
    let release = format!("RELEASE SAVEPOINT {SAVEPOINT}");
    if done.is_some() {
        session.batch(&what(plan), &release)?;
    } else {
        log::debug!("{}: somebody else writes the same rows; merging them one by one", what(plan));
        session.batch(&what(plan), &format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}; {release}"))?;
    }
    Ok(done)
}

fn under_savepoint(
    session: &Session,
    plan: &TablePlan,
    source: &str,
    distinct: u64,
    lacks: &Lacks,
) -> Result<Option<(u64, u64)>, MergeError> {
    let what = what(plan);
    let start = format!("SAVEPOINT {SAVEPOINT}; SELECT pg_snapshot_xmin(pg_current_snapshot())::xid");
    let [oldest, written @ ..] = numbers(session, plan, &format!("{start}, {}", counters(plan)))?;
    let rows = match session.count(&what, &sql(plan, source, lacks)) {
        Err(error) if error.is_collision() => return Ok(None),
        rows => rows?,
    };
    let [_, now @ ..] = numbers(session, plan, &format!("SELECT 0, {}", counters(plan)))?;
    let [inserted, updated] = [0, 1].map(|event| now[event].saturating_sub(written[event]));
    // Triggers may have written into the same table, and `track_counts` may be off.
    if inserted + updated != rows {
        return Ok(None);
    }
    if rows == distinct {
        return Ok(Some((inserted, updated)));
    }
    // Locks those of the table's rows. Whoever has locked one already may be waiting for one of ours.
    let hold = |which: &str| {
        let rows = format!(
            "SELECT FROM {} old JOIN {source} s ON {} WHERE {which} FOR NO KEY UPDATE OF old SKIP LOCKED",
            plan.details.own_rows(),
            same_key(plan)
        );
        session.number(&what, &format!("SELECT count(*) FROM ({rows}) held"))
    };
    // A row that is older than all that was under way before MERGE is the one that MERGE has seen. The others are
    // compared: ours, and those that somebody has written while some other transaction, perhaps a long one, was under way.
    let older = format!("age(old.xmin) > age('{oldest}'::xid)");
    let seen = hold(&older)?;
    if seen + rows == distinct {
        return Ok(Some((inserted, updated)));
    }
    let differs = differs(plan, "s", lacks).unwrap_or_default();
    let as_it_should_be = hold(&format!("NOT ({older}) AND NOT ({differs})"))?;
    Ok((seen + as_it_should_be == distinct).then_some((inserted, updated)))
}

/// How many rows this transaction has inserted into the table, and how many it has updated there (chapter 28.2.24).
/// MERGE says this itself only since PostgreSQL 17.
fn counters(plan: &TablePlan) -> String {
    let table = quote_literal(&plan.details.name.sql());
    let counts =
        ["inserted", "updated"].map(|event| format!("pg_stat_get_xact_tuples_{event}({table}::regclass)"));
    counts.join(", ")
}

/// The three numbers that a statement selects.
fn numbers(session: &Session, plan: &TablePlan, sql: &str) -> Result<[u64; 3], Error> {
    let what = what(plan);
    let rows = session.rows(&what, sql)?;
    let number = |column| rows.first()?.get(column)?.parse().ok();
    match [0, 1, 2].map(number) {
        [Some(first), Some(second), Some(third)] => Ok([first, second, third]),
        _ => Err(Error::unexpected(&what)),
    }
}

fn sql(plan: &TablePlan, source: &str, lacks: &Lacks) -> String {
    let fields = &plan.details.fields;
    let columns: Vec<String> = fields.iter().map(quoted).collect();
    let overriding =
        if fields.iter().any(|field| field.column.identity_always) { " OVERRIDING SYSTEM VALUE" } else { "" };
    format!(
        "MERGE INTO {} old USING {source} s ON {} WHEN MATCHED AND ({}) THEN UPDATE SET {}
         WHEN NOT MATCHED THEN INSERT ({}){overriding} VALUES (s.{})",
        plan.details.own_rows(),
        same_key(plan),
        differs(plan, "s", lacks).unwrap_or_default(),
        set(plan, "s", lacks),
        columns.join(", "),
        columns.join(", s.")
    )
}
