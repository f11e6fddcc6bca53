//! The statements that make a table exist and fit, and what `--plan` says of it.

use std::fmt::Write as _;

use etl_schema::{Dialect, column_comment, create_table, quote_ident};

use super::{Details, TablePlan};
use crate::catalog::Column;
use crate::ledger;
use crate::target::what;

/// The statements that create the table, or add its missing columns and widen those that are too narrow; each with what
/// a failure is about. All columns are widened by one statement, so that the table is rewritten once at most.
pub(crate) fn statements(plan: &TablePlan) -> Vec<(String, String)> {
    let Details { name, stored, table, missing, widened, .. } = &plan.details;
    if table.is_none() {
        let create = create_table(stored, Dialect::Postgres, &name.text());
        let unique = plan.details.history.as_ref().map(|history| {
            let key = plan.schema.key_names().map(quote_ident).collect::<Vec<_>>().join(", ");
            let current = quote_ident(&history.current);
            format!("CREATE UNIQUE INDEX ON {} ({key}) WHERE {current};\n", name.sql())
        });
        return [create].into_iter().chain(unique).map(|statement| (what(plan), statement)).collect();
    }
    let table = name.sql();
    let mut statements = Vec::new();
    for &column in missing {
        let column = &stored.columns[column];
        let (name, ty) = (quote_ident(&column.name), column.postgres());
        statements.push((what(plan), format!("ALTER TABLE {table} ADD COLUMN {name} {ty};\n")));
    }
    if !widened.is_empty() {
        let types: Vec<String> = widened.iter().map(retyped).collect();
        let names = plan.changes.widened.join(", ");
        let about = format!("{}: the type of {names} cannot become wider", what(plan));
        statements.push((about, format!("ALTER TABLE {table} {};\n", types.join(", "))));
    }
    statements
}

/// The part of the statement that gives a column its type. Without its collation, it would get that of the type.
fn retyped(Column { name, spelled, collation, .. }: &Column) -> String {
    let collate = collation.iter().map(|collation| format!(" COLLATE {collation}")).collect::<String>();
    format!("ALTER COLUMN {} TYPE {spelled}{collate}", quote_ident(name))
}

/// The statements that set the comments of what those create.
pub(crate) fn comments(plan: &TablePlan) -> Vec<String> {
    let Details { name, stored, table, missing, .. } = &plan.details;
    let sql = name.sql();
    match table {
        None => etl_schema::comments(stored, &sql),
        Some(_) => {
            missing.iter().filter_map(|&column| column_comment(&stored.columns[column], &sql)).collect()
        }
    }
}

/// The text of `--plan`.
pub(crate) fn explain(plan: &TablePlan) -> String {
    let Details { stored, table, missing, widened, ledger, name, fields, .. } = &plan.details;
    let what = match (table, missing.is_empty(), widened.is_empty()) {
        (None, ..) => "would be created (with --create)",
        (Some(_), true, true) => "exists and fits",
        (Some(_), false, true) => "would get columns",
        (Some(_), true, false) => "would get wider columns",
        (Some(_), false, false) => "would get columns, and wider ones",
    };
    let mut text = format!("-- table {} {what}; mode {}", plan.name, plan.mode);
    if !plan.schema.key.is_empty() {
        let _ = write!(text, ", key ({})", plan.schema.key_names().collect::<Vec<_>>().join(", "));
    }
    text += "\n";
    text.extend(statements(plan).into_iter().map(|(_, sql)| sql));
    text.extend(comments(plan));
    if !ledger {
        text += "-- the ledger would be created\n";
        text += &ledger::ddl(name);
    }
    for column in &stored.columns {
        let (own, ty) = (&column.name, column.postgres());
        let found = fields.iter().map(|field| &field.column).find(|found| found.name == *own);
        let spelled = found.map_or(&ty, |found| &found.spelled);
        let cast =
            found.filter(|found| found.kind.is_cast()).map_or("", |_| ", cast from its text by the server");
        let _ = writeln!(text, "-- {own}: {ty} as {spelled}{cast}");
    }
    text
}
