//! Records that do not have all fields, in an upsert: some columns keep what the row has (`--absent keep`, `x-keep`),
//! others become NULL.

use etl_load::Counts;
use etl_postgres::Session;
use etl_schema::quote_ident;

use super::lacks::Lacks;
use super::merge::{Merge, conflict_target, differs, same_key, set};
use super::{Stage, key};
use crate::plan::TablePlan;
use crate::target::{MergeError, complete, insert, quoted, what};

/// How often rows that other sessions have deleted meanwhile are inserted again.
const ATTEMPTS: usize = 10;

/// How many rows have values that become NULL because their records do not have the fields.
pub(super) fn nulled(
    session: &Session,
    plan: &TablePlan,
    source: &str,
    lacks: &Lacks,
) -> Result<u64, MergeError> {
    let Some(loses) = lacks.loses(plan) else { return Ok(0) };
    let sql = format!(
        "SELECT count(*) FROM {source} s JOIN {} old ON {} WHERE {loses}",
        plan.details.own_rows(),
        same_key(plan)
    );
    Ok(session.number(&what(plan), &sql)?)
}

impl Stage {
    /// Leaves one row for each key: the last one, with what it lacks from those before it.
    pub(super) fn collapse(
        &self,
        session: &Session,
        plan: &TablePlan,
        lacks: &Lacks,
    ) -> Result<(), MergeError> {
        let Some(row) = &self.row else { return Ok(()) };
        let (what, name, Lacks { named, kept, .. }) = (what(plan), &self.name, lacks);
        let bits = |of: &dyn Fn(usize) -> bool| {
            let bits = (0..plan.schema.columns.len()).map(|column| if of(column) { '1' } else { '0' });
            format!("B'{}'", bits.collect::<String>())
        };
        let (all, none) = (bits(&|_| true), bits(&|_| false));
        let set = kept.iter().map(|&index| {
            let column = quoted(&plan.details.fields[index]);
            format!("{column} = CASE WHEN get_bit(s.{named}, {index}) = 0 THEN earlier.{column} ELSE s.{column} END")
        });
        let set = set.collect::<Vec<_>>().join(", ");
        let kept = bits(&|column| kept.contains(&column));
        // Few rows are left of a key that comes often: each has a field that none after it has.
        let sql = format!(
            "WITH fields AS (
               SELECT {row}, coalesce({named}, {all}) & {kept} AS own, bit_or(coalesce({named}, {all})) OVER (
                 PARTITION BY {key} ORDER BY {row} DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS later
               FROM {name} s)
             DELETE FROM {name} s USING fields
             WHERE s.{row} = fields.{row} AND fields.later IS NOT NULL AND fields.own & ~fields.later = {none}",
            key = key(plan)
        );
        session.batch(&what, &sql)?;
        let (places, last) = self.places(session, plan, " DESC")?;
        for place in 2..=last {
            let sql = format!(
                "UPDATE {name} s SET {set}, {named} = coalesce(s.{named}, {all}) | coalesce(earlier.{named}, {all}) & {kept}
                 FROM {name} earlier JOIN {places} p ON p.{row} = earlier.{row}
                 WHERE p.place = {place} AND s.{row} = p.most"
            );
            session.batch(&what, &sql)?;
        }
        let sql = format!("DELETE FROM {name} s USING {places} p WHERE p.{row} = s.{row} AND p.place > 1");
        Ok(session.batch(&what, &sql)?)
    }

    /// The rows of each key one after the other: first the first ones of all keys, then the second ones, and so on.
    pub(super) fn rounds(&self, session: &Session, plan: &TablePlan) -> Result<Vec<String>, MergeError> {
        let Some(row) = &self.row else { return Ok(Vec::new()) };
        let (places, last) = self.places(session, plan, "")?;
        let round = |place| {
            let name = &self.name;
            format!("SELECT s.* FROM {name} s JOIN {places} p ON p.{row} = s.{row} WHERE p.place = {place}")
        };
        Ok((1..=last).map(round).collect())
    }

    /// A table of the places, from 1, of the rows among those of their key in this order, and of the last positions of these
    /// keys; and the last place.
    fn places(&self, session: &Session, plan: &TablePlan, order: &str) -> Result<(String, u64), MergeError> {
        let (row, name, places) =
            (self.row.as_deref().unwrap_or_default(), &self.name, self.beside("places"));
        let sql = format!(
            "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS
             SELECT {row}, row_number() OVER (PARTITION BY {key} ORDER BY {row}{order}) AS place,
                    max({row}) OVER (PARTITION BY {key}) AS most FROM {name} s",
            places.trim_start_matches("pg_temp."),
            key = key(plan)
        );
        session.batch(&what(plan), &sql)?;
        let last = session.number(&what(plan), &format!("SELECT coalesce(max(place), 0) FROM {places}"))?;
        Ok((places, last))
    }
}

impl Merge<'_> {
    /// Moves rows of different keys. ON CONFLICT does not see which fields a record has, so keys that are not there are
    /// inserted, and then those that are there are updated.
    pub(super) fn keep(
        &mut self,
        distinct: u64,
        mut new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, MergeError> {
        let (what, own_rows) = (what(self.plan), self.plan.details.own_rows());
        let (source, same) = (self.source, same_key(self.plan));
        let differs = differs(self.plan, "s", self.lacks);
        let count = |condition: &str| format!("SELECT count(*) FROM {source} s WHERE {condition}");
        let (mut inserted, mut updated, mut there) = (0, 0, 0);
        for _ in 0..ATTEMPTS {
            inserted += self.insert_missing(new.as_mut().map(|new| &mut **new as &mut dyn FnMut(u64)))?;
            if let Some(differs) = &differs {
                let set = set(self.plan, "s", self.lacks);
                let sql =
                    format!("UPDATE {own_rows} old SET {set} FROM {source} s WHERE {same} AND ({differs})");
                updated += self.session.count(&what, &sql)?;
            }
            there = self
                .session
                .number(&what, &count(&format!("EXISTS (SELECT FROM {own_rows} old WHERE {same})")))?;
            // A row that a trigger keeps out does not come the next time either.
            if there == distinct || self.plan.details.table.as_ref().is_some_and(|table| table.insert_veto) {
                break;
            }
        }
        complete(self.plan, distinct, there)?;
        if let Some(differs) = differs.filter(|_| self.vetoes_updates()) {
            let left = format!("EXISTS (SELECT FROM {own_rows} old WHERE {same} AND ({differs}))");
            let left = self.session.number(&what, &count(&left))?;
            self.check_changed(updated, updated + left)?;
        }
        let unchanged = distinct.saturating_sub(inserted + updated);
        Ok(Counts { inserted, updated, unchanged, ..Counts::default() })
    }

    /// Inserts the rows whose keys are not there, and returns how many those are.
    fn insert_missing(&mut self, new: Option<&mut dyn FnMut(u64)>) -> Result<u64, MergeError> {
        let same = same_key(self.plan);
        let insert = format!(
            "{} WHERE NOT EXISTS (SELECT FROM {} old WHERE {same}) ON CONFLICT{} DO NOTHING",
            insert(self.plan, self.source),
            self.plan.details.own_rows(),
            conflict_target(self.plan)
        );
        let Some(new) = new else { return Ok(self.session.count(&what(self.plan), &insert)?) };
        let keys: Vec<String> =
            self.plan.schema.key_names().map(|name| format!("old.{}", quote_ident(name))).collect();
        let sql = format!(
            "WITH done AS ({insert} RETURNING {}) SELECT s.{} FROM done old JOIN {} s ON {same} ORDER BY 1",
            keys.join(", "),
            self.row,
            self.source
        );
        let mut inserted = 0;
        self.positions(&sql, |row| {
            inserted += 1;
            new(row.unsigned_abs());
        })?;
        Ok(inserted)
    }
}
