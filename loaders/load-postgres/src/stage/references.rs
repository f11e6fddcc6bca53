//! Rows that refer to rows which are neither in the database nor in the load.

use std::collections::BTreeMap;

use etl_postgres::names::quote_literal;
use etl_postgres::{Error, Session};
use etl_schema::quote_ident;

use crate::plan::{Field, TablePlan};
use crate::target::{MergeError, value_of, what};

/// A foreign key of a table.
pub(super) struct Reference {
    /// The table that it refers to, for SQL.
    table: String,
    /// Whether that is the table itself.
    pub(super) is_own: bool,
    /// Its columns, each with the one that it refers to.
    columns: Vec<(String, String)>,
}

/// The query for the names of the target's own constraints that may be checked as late as at the commit. Those of tables
/// that refer to it are not among them: of such a row they say nothing.
pub(crate) fn deferrable(plan: &TablePlan) -> String {
    format!(
        "SELECT string_agg(format('%I.%I', nspname, conname), ', ')
         FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace
         WHERE condeferrable AND conrelid = {}::regclass",
        quote_literal(&plan.details.name.sql())
    )
}

/// The foreign keys of the target.
pub(super) fn of(session: &Session, plan: &TablePlan) -> Result<Vec<Reference>, MergeError> {
    let what = what(plan);
    let sql = format!(
        "SELECT c.oid, confrelid::regclass, confrelid = conrelid, own.attname, other.attname
         FROM pg_constraint c CROSS JOIN LATERAL unnest(conkey, confkey) WITH ORDINALITY k(own, other, n)
         JOIN pg_attribute own ON own.attrelid = c.conrelid AND own.attnum = k.own
         JOIN pg_attribute other ON other.attrelid = c.confrelid AND other.attnum = k.other
         WHERE contype = 'f' AND conrelid = {}::regclass ORDER BY c.oid, n",
        quote_literal(&plan.details.name.sql())
    );
    let (rows, mut references) = (session.rows(&what, &sql)?, BTreeMap::new());
    for row in &rows {
        let [Some(number), Some(table), Some(is_own), Some(own), Some(other)] =
            [0, 1, 2, 3, 4].map(|i| row.get(i))
        else {
            return Err(Error::unexpected(&what).into());
        };
        let reference = references.entry(number.to_owned()).or_insert_with(|| Reference {
            table: table.to_owned(),
            is_own: is_own == "t",
            columns: Vec::new(),
        });
        reference.columns.push((own.to_owned(), other.to_owned()));
    }
    Ok(references.into_values().collect())
}

impl Reference {
    /// The condition that a row `s` refers to a row which is neither in the table that it refers to nor, if that is the
    /// target, in `source`. `None` if that cannot be told, because a column is not among those of the load.
    pub(super) fn is_missing(&self, plan: &TablePlan, source: &str) -> Option<String> {
        let field = |name: &str| -> Option<&Field> {
            plan.details.fields.iter().find(|field| field.column.name == name)
        };
        let own: Option<Vec<String>> =
            self.columns.iter().map(|(own, _)| Some(value_of("s", field(own)?))).collect();
        let own = own?;
        let given: Vec<String> = own.iter().map(|own| format!("{own} IS NOT NULL")).collect();
        let there = own
            .iter()
            .zip(&self.columns)
            .map(|(own, (_, other))| format!("there.{} = {own}", quote_ident(other)));
        let there = there.collect::<Vec<_>>().join(" AND ");
        let mut missing = format!(
            "{} AND NOT EXISTS (SELECT FROM {} there WHERE {there})",
            given.join(" AND "),
            self.table
        );
        if self.is_own {
            let others: Option<Vec<String>> = own
                .iter()
                .zip(&self.columns)
                .map(|(own, (_, other))| Some(format!("{} = {own}", value_of("there", field(other)?))))
                .collect();
            let others = others?.join(" AND ");
            missing += &format!(" AND NOT EXISTS (SELECT FROM {source} there WHERE {others})");
        }
        Some(missing)
    }
}
