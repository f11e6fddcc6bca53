//! What the system catalogs are asked. The server takes longer to plan these statements than to run them, and a new session
//! must first load each catalog that they name. So each fact is asked for once and told apart in Rust, and most tables are
//! spared what only few have.

use etl_postgres::Name;
use etl_postgres::names::{quote_literal, quote_nullable};

use crate::ledger;

fn regclass(name: &Name) -> String {
    format!("to_regclass({})", quote_literal(&name.sql()))
}

/// What is around a table that has more than columns and indexes. `rules` has a digit for each rule: 2 ON UPDATE, 3 ON
/// INSERT, 4 ON DELETE. `vetoes` has the events of all row triggers (bit 0 of `tgtype`) that are BEFORE or INSTEAD OF (bits
/// 1 and 6). `children` has the kinds of the tables that inherit.
pub(super) fn surroundings(oid: &str) -> String {
    format!(
        "SELECT (SELECT string_agg(r.ev_type::text, '') FROM pg_rewrite r WHERE r.ev_class = c.oid) AS rules,
           (SELECT bit_or(g.tgtype) FROM pg_trigger g WHERE NOT g.tgisinternal AND g.tgenabled <> 'D'
             AND g.tgtype & 1 = 1 AND g.tgtype & 66 <> 0 AND (g.tgrelid = c.oid OR c.relkind = 'p' AND g.tgrelid IN
               (SELECT relid FROM pg_partition_tree(c.oid)))) AS vetoes,
           c.relkind = 'p' AND EXISTS (SELECT FROM pg_partition_tree(c.oid) p JOIN pg_class f ON f.oid = p.relid
             WHERE f.relkind = 'f') AS \"foreign\",
           CASE WHEN c.relkind = 'r' AND c.relhassubclass THEN (
             WITH RECURSIVE heirs(oid) AS (SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid
               UNION SELECT inhrelid FROM pg_inherits JOIN heirs ON inhparent = heirs.oid)
             SELECT string_agg(DISTINCT f.relkind::text, '') FROM heirs JOIN pg_class f ON f.oid = heirs.oid)
           END AS children
         FROM pg_class c WHERE c.oid = {oid}"
    )
}

/// What is said of a table `c` in both [`facts`] and [`table`]. LOCK TABLE requires a privilege on the table, so INSERT on its
/// columns is not enough.
const TABLE: &str = "c.oid, c.relkind, row_security_active(c.oid) AS policies, c.relhasindex AS has_indexes,
           c.relhasrules OR c.relhastriggers OR c.relhassubclass OR c.relkind = 'p' AS has_surroundings,
           has_table_privilege(c.oid, 'INSERT') AS may_insert, has_table_privilege(c.oid, 'DELETE') AS may_delete,
           has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT') AS may_select,
           has_table_privilege(c.oid, 'UPDATE') OR has_any_column_privilege(c.oid, 'UPDATE') AS may_update";

/// The table of this name, or NULL.
pub(super) fn table(name: &Name) -> String {
    format!(
        "SELECT {TABLE} FROM (SELECT {}::oid AS oid) t LEFT JOIN pg_class c ON c.oid = t.oid",
        regclass(name)
    )
}

/// The same, and what is around it: schema, ledger, database, role.
pub(super) fn facts(name: &Name) -> String {
    let (schema, class) = (quote_nullable(name.schema.as_deref()), regclass(name));
    let added = ledger::ADDED.map(|column| quote_literal(column.split(' ').next().unwrap_or_default()));
    let (added, count) = (added.join(", "), ledger::ADDED.len());
    format!(
        "SELECT coalesce(n.nspname, s.nspname) AS schema, {TABLE},
           has_table_privilege(l.oid, 'SELECT') AND has_table_privilege(l.oid, 'INSERT')
             AND has_table_privilege(l.oid, 'UPDATE') AND has_table_privilege(l.oid, 'DELETE') AS ledger,
           (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = l.oid AND NOT a.attisdropped AND a.attname IN ({added}))
             = {count} AS ledger_fits, pg_has_role(l.relowner, 'USAGE') AS owns_ledger,
           has_schema_privilege(s.oid, 'CREATE') AS may_create,
           has_database_privilege(current_database(), 'TEMPORARY') AS may_stage,
           current_setting('server_version_num')::int >= 150000 AS merges, getdatabaseencoding() AS encoding, quote_ident(current_database()) AS database,
           quote_ident(current_user) AS role, current_setting('transaction_read_only') AS read_only
         FROM (SELECT {class}::oid AS oid, coalesce({schema}, current_schema()) AS schema) t
           LEFT JOIN pg_class c ON c.oid = t.oid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_namespace s ON s.nspname = coalesce(n.nspname, t.schema)
           LEFT JOIN pg_class l ON l.relnamespace = s.oid AND l.relname = '{}'",
        ledger::TABLE
    )
}

pub(super) fn columns(name: &Name) -> String {
    let class = regclass(name);
    format!(
        "SELECT a.attname, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod) AS spelled,
           format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE a.atttypid END, -1) AS bare,
           CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base,
           a.attnotnull OR t.typnotnull AS attnotnull,
           CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN
             (SELECT quote_ident(n.nspname) || '.' || quote_ident(o.collname) FROM pg_collation o
              JOIN pg_namespace n ON n.oid = o.collnamespace WHERE o.oid = a.attcollation) END AS collation,
           CASE WHEN a.attidentity <> '' THEN
             'nextval(' || quote_literal(pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)) || ')'
             ELSE coalesce(pg_get_expr(d.adbin, d.adrelid), pg_get_expr(t.typdefaultbin, 0)) END AS \"default\",
           a.attgenerated <> '' AS generated, a.attidentity = 'a' AS identity_always
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
           LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = {class} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    )
}

/// ON CONFLICT uses unique indexes of plain columns that are checked at once and for every row; mode history also needs one
/// that is checked for current rows only. Whether equal values are the same is what the server asks before it deduplicates a
/// B-tree (chapter 67.3, `equalimage`). What it answers is not so for `bpchar`, which ignores trailing blanks, and, before
/// PostgreSQL 17, for `interval`.
pub(super) fn unique(oid: &str) -> String {
    format!(
        "SELECT i.indexrelid, i.indisprimary, i.indisexclusion AS overlaps, a.attname,
           pg_get_expr(i.indpred, i.indrelid) AS predicate,
           (SELECT 'OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')'
            FROM pg_opclass c JOIN pg_amop m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3
                AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
              JOIN pg_operator o ON o.oid = m.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
            WHERE c.oid = i.indclass[k.position - 1]) AS equal,
           EXISTS (SELECT FROM pg_opclass c JOIN pg_amproc p ON p.amprocfamily = c.opcfamily AND p.amprocnum = 4
                AND p.amproclefttype = c.opcintype AND p.amprocrighttype = c.opcintype
              WHERE c.oid = i.indclass[k.position - 1] AND NOT i.indisexclusion
                AND c.opcintype NOT IN ('bpchar'::regtype, 'interval'::regtype))
             AND NOT EXISTS (SELECT FROM pg_collation o
               WHERE o.oid = i.indcollation[k.position - 1] AND NOT o.collisdeterministic) AS exact
         FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k(attnum, position)
           JOIN pg_attribute a ON a.attnum = k.attnum
         WHERE i.indrelid = {oid} AND a.attrelid = i.indrelid AND k.position <= i.indnkeyatts AND i.indisunique
           AND i.indimmediate AND i.indisvalid AND i.indexprs IS NULL
         ORDER BY i.indexrelid, k.position"
    )
}
