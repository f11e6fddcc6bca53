//! The rows of a small part of an append are tried one by one on the server: where many are refused, to halve each part that has
//! one takes a score of statements for each.

use etl_component::rejects::Said;
use etl_load::{Counts, Refusal};
use etl_postgres::Error;

use super::Aside;
use crate::target::{MergeError, insert_with, what};

/// The most rows that are tried so.
pub(super) const SINGLES: u64 = 128;

impl Aside<'_, '_> {
    /// Whether they can be: it takes a function of PL/pgSQL, and a trigger may not keep a row out without a word.
    pub(super) fn takes_singles(&mut self) -> Result<bool, MergeError> {
        if let Some(takes) = self.done.takes_singles {
            return Ok(takes);
        }
        let vetoed = self.plan.details.table.as_ref().is_some_and(|table| table.insert_veto);
        let language = "SELECT count(*) FROM pg_language WHERE lanname = 'plpgsql' AND has_language_privilege(oid, 'USAGE')";
        let takes = !self.stage.keyed && !vetoed && self.session.number(&what(self.plan), language)? > 0;
        if takes {
            let create = self.stage.beside("singles");
            let create = create.trim_start_matches("pg_temp.");
            self.session.batch(
                &what(self.plan),
                &format!(
                    "CREATE TEMPORARY TABLE {create} (position bigint, sqlstate text, message text, detail text, field text,
                       name text) ON COMMIT DROP"
                ),
            )?;
        }
        self.done.takes_singles = Some(takes);
        Ok(takes)
    }

    /// Moves so many rows, and returns the positions of those that the server refuses, with what it says, and whether what
    /// they refer to is missing.
    pub(super) fn one_by_one(
        &mut self,
        from: &str,
        rows: u64,
    ) -> Result<Vec<(u64, Refusal, bool)>, MergeError> {
        let (what, row, refused) = (what(self.plan), self.row, self.stage.beside("singles"));
        let insert = insert_with(self.plan, &[]);
        // The categories of SQLSTATE whose errors are those of a row (chapter 43.6.8).
        let block = format!(
            "DECLARE s record; etl_message text; etl_detail text; etl_field text; etl_name text;
             BEGIN
               FOR s IN SELECT * FROM {from} t ORDER BY t.{row} LOOP
                 BEGIN
                   {insert};
                 EXCEPTION WHEN integrity_constraint_violation OR data_exception THEN
                   GET STACKED DIAGNOSTICS etl_message = MESSAGE_TEXT, etl_detail = PG_EXCEPTION_DETAIL,
                     etl_field = COLUMN_NAME, etl_name = CONSTRAINT_NAME;
                   INSERT INTO {refused} VALUES (s.{row}, SQLSTATE, etl_message, nullif(etl_detail, ''),
                     etl_field, nullif(etl_name, ''));
                 END;
               END LOOP;
             END"
        );
        let tag = self.tag(&block);
        let found = self.session.rows(
            &what,
            &format!(
                "DELETE FROM {refused}; DO {tag}{block}{tag}; SELECT * FROM {refused} ORDER BY position"
            ),
        )?;
        let of = |row: &etl_postgres::TextRow| {
            let text = |column: &str| row.get(column).map(str::to_owned);
            let position = row.get("position")?.parse().ok()?;
            let sqlstate = text("sqlstate");
            let is_reference = sqlstate.as_deref() == Some("23503");
            let said = Said { constraint: text("name"), detail: text("detail"), sqlstate };
            let (field, reason) = (text("field").unwrap_or_default(), text("message").unwrap_or_default());
            Some((position, Refusal { field, reason, said: Some(said) }, is_reference))
        };
        let found: Option<Vec<_>> = found.iter().map(of).collect();
        let found = found.ok_or_else(|| Error::unexpected(&what))?;
        let inserted = rows.saturating_sub(found.len() as u64);
        self.done.placed += inserted;
        self.done.counts = self.done.counts.and(Counts { inserted, ..Counts::default() });
        Ok(found)
    }

    /// A dollar quote (chapter 4.1.2.4) that the text does not have.
    fn tag(&self, text: &str) -> String {
        let mut tag = "$etl$".to_owned();
        while text.contains(&tag) {
            tag.insert(tag.len() - 1, '_');
        }
        tag
    }
}
