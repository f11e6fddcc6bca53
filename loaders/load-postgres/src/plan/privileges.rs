//! Whether the role may do what a load will do.

use etl_component::{Class, Fault};
use etl_load::Mode;
use etl_schema::quote_ident;

use super::TablePlan;
use crate::catalog::Inspected;
use crate::ledger;

/// Checks it. `deletes` says that an upsert also deletes rows.
///
/// # Errors
/// 77 with the statement that grants what is missing; 78 if there is no such schema.
pub(super) fn permitted(plan: &TablePlan, found: &Inspected, deletes: bool) -> Result<(), Fault> {
    let (name, role) = (&plan.details.name, &found.role);
    let schema = quote_ident(name.schema.as_deref().unwrap_or_default());
    let denied = |what: &str, statement: String| {
        let message = format!("role {role} may not {what}; run as its owner: {statement}");
        Err(Fault::new(Class::Denied, message))
    };
    if found.may_create.is_none() {
        let what = format!("schema {schema} does not exist; run: CREATE SCHEMA {schema}");
        return Err(Fault::config(what));
    }
    let may_create = found.may_create == Some(true);
    match found.ledger {
        None if !may_create => {
            let ledger = name.sibling(ledger::TABLE);
            let statements = ledger::ddl(name).split_whitespace().collect::<Vec<_>>().join(" ");
            let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {role}", ledger.sql());
            return denied(&format!("create the ledger {}", ledger.text()), format!("{statements} {grant}"));
        }
        Some(false) => {
            let ledger = name.sibling(ledger::TABLE);
            let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {role}", ledger.sql());
            return denied(&format!("read and write the ledger {}", ledger.text()), grant);
        }
        Some(true) if !found.ledger_fits && !found.owns_ledger => {
            let (ledger, added) = (name.sibling(ledger::TABLE), ledger::added());
            let alter = format!("ALTER TABLE {} {added}", ledger.sql());
            return denied(&format!("add columns to the ledger {}", ledger.text()), alter);
        }
        _ => (),
    }
    let Some(table) = &found.table else {
        if may_create {
            return Ok(());
        }
        return denied(
            &format!("create table {}", plan.name),
            format!("GRANT CREATE ON SCHEMA {schema} TO {role}"),
        );
    };
    let needs: &[usize] = match plan.mode {
        Mode::Append => &[0],
        Mode::Upsert if deletes => &[0, 1, 2, 3],
        Mode::Upsert | Mode::History => &[0, 1, 2],
        Mode::Ignore => &[0, 1],
        Mode::Replace => &[0, 3],
    };
    if needs.iter().any(|need| !table.may[*need]) {
        let names: Vec<&str> =
            needs.iter().map(|need| ["INSERT", "SELECT", "UPDATE", "DELETE"][*need]).collect();
        let names = names.join(", ");
        let grant = format!("GRANT {names} ON {} TO {role}", name.sql());
        return denied(&format!("{names} on table {} (mode {})", plan.name, plan.mode), grant);
    }
    if !found.may_stage && plan.details.is_staged(plan.mode, &plan.schema) {
        let grant = format!("GRANT TEMPORARY ON DATABASE {} TO {role}", found.database);
        return denied(&format!("create temporary tables, which mode {} needs", plan.mode), grant);
    }
    Ok(())
}
