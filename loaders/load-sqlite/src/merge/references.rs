//! Rows that refer to rows which are neither in the database nor in the load.

use std::collections::BTreeMap;

use etl_schema::quote_ident;

use super::Merge;

/// A foreign key of a table.
#[derive(Default)]
pub(super) struct Reference {
    /// The table that it refers to.
    table: String,
    /// Its columns, each with the one that it refers to.
    columns: Vec<(String, String)>,
}

impl Merge<'_> {
    /// The foreign keys of the target (<https://www.sqlite.org/pragma.html#pragma_foreign_key_list>).
    pub(super) fn references(&self) -> rusqlite::Result<Vec<Reference>> {
        // Without names of columns, a key refers to the primary key.
        let sql = "SELECT f.id, f.\"table\", f.\"from\",
                     coalesce(f.\"to\", (SELECT name FROM pragma_table_info(f.\"table\") WHERE pk = f.seq + 1))
                   FROM pragma_foreign_key_list(?1) f ORDER BY f.id, f.seq";
        let mut statement = self.database.connection.prepare(sql)?;
        let mut rows = statement.query([&self.plan.name])?;
        let mut references: BTreeMap<i64, Reference> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let reference = references.entry(row.get(0)?).or_default();
            reference.table = row.get(1)?;
            if let Some(other) = row.get::<_, Option<String>>(3)? {
                reference.columns.push((row.get(2)?, other));
            }
        }
        Ok(references.into_values().collect())
    }

    /// The condition that a row of `source` refers to a row which is neither in the table that it refers to nor, if that is
    /// the target, in `source`. `None` if that cannot be told, because a column is not among those of the load.
    pub(super) fn is_missing(&self, reference: &Reference, source: &str) -> Option<String> {
        let has = |name: &str| {
            self.plan.details.stored.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name))
        };
        if reference.columns.is_empty() || !reference.columns.iter().all(|(own, _)| has(own)) {
            return None;
        }
        let own = |name: &str| format!("{}.{}", source.trim_start_matches("temp."), quote_ident(name));
        let given: Vec<String> =
            reference.columns.iter().map(|(name, _)| format!("{} IS NOT NULL", own(name))).collect();
        let there: Vec<String> = reference
            .columns
            .iter()
            .map(|(name, other)| format!("there.{} = {}", quote_ident(other), own(name)))
            .collect();
        let (given, there) = (given.join(" AND "), there.join(" AND "));
        let none = |table: &str| format!("NOT EXISTS (SELECT 1 FROM {table} there WHERE {there})");
        let mut missing = format!("{given} AND {}", none(&format!("main.{}", quote_ident(&reference.table))));
        if reference.table.eq_ignore_ascii_case(&self.plan.name) {
            if !reference.columns.iter().all(|(_, other)| has(other)) {
                return None;
            }
            missing += &format!(" AND {}", none(source));
        }
        Some(format!("({missing})"))
    }
}
