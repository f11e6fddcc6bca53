//! What a role needs, as docs/postgres.md grants it, and the message when something is missing.

use etl_testkit::load::{ITEMS, counts, refused};
use etl_testkit::postgres::Role;
use etl_testkit::run::Ran;

use crate::support::{PostgresFolder, items};

fn load(place: &PostgresFolder, role: &Role<'_>, args: &str, id: &str) -> Ran {
    let cmd = place.loader(args);
    let cmd = role.env().into_iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value));
    cmd.stdin(items(id, &[(1, "one")])).run()
}

#[test]
fn each_mode_works_with_the_privileges_it_names() {
    let place = PostgresFolder::new().with_tables();
    place.load("--schema items.json", items("first", &[])).ok();
    let schema = place.space.schema().to_owned();
    let role = place.space.role("loader", &[&format!("USAGE ON SCHEMA {schema}")]);
    let name = role.name();
    place.load("--schema items.json --table versions --mode history --create", items("first", &[])).ok();
    place.write(
        "gone.json",
        ITEMS
            .replace(r#""x-key""#, r#""x-deleted":"gone","x-key""#)
            .replace(r#""name":{"#, r#""gone":{"type":"boolean"},"name":{"#),
    );
    place.sql("CREATE TABLE with_gone (LIKE items INCLUDING ALL, gone boolean)");
    let modes = [
        ("append", "items", "--schema items.json", "INSERT"),
        ("upsert", "items", "--schema items.json", "INSERT, SELECT, UPDATE"),
        ("ignore", "items", "--schema items.json", "INSERT, SELECT"),
        ("replace", "items", "--schema items.json", "INSERT, DELETE"),
        ("upsert", "items", "--schema items.json --absent-rows delete", "INSERT, SELECT, UPDATE, DELETE"),
        ("upsert", "with_gone", "--schema gone.json", "INSERT, SELECT, UPDATE, DELETE"),
        ("history", "versions", "--schema items.json", "INSERT, SELECT, UPDATE"),
    ];
    for (round, (mode, table, more, grants)) in modes.into_iter().enumerate() {
        place.sql(&format!("TRUNCATE {table}; REVOKE ALL ON {table}, etl_load FROM {name}"));
        let (args, id) = (format!("--mode {mode} --table {table} {more}"), round.to_string());
        let ran = load(&place, &role, &args, &id);
        let grant = format!("GRANT SELECT, INSERT, UPDATE, DELETE ON \"{schema}\".\"etl_load\" TO {name}");
        refused(
            &ran,
            77,
            &format!(
                "role {name} may not read and write the ledger {schema}.etl_load; run as its owner: {grant}"
            ),
        );
        place.sql(&grant);
        let ran = load(&place, &role, &args, &id);
        let grant = format!("GRANT {grants} ON \"{schema}\".\"{table}\" TO {name}");
        refused(
            &ran,
            77,
            &format!("may not {grants} on table {schema}.{table} (mode {mode}); run as its owner: {grant}"),
        );
        place.sql(&grant);
        assert_eq!(counts(&load(&place, &role, &args, &id))[1], 1, "{args}");
    }
}

#[test]
fn privileges_on_columns_are_no_privilege_to_load() {
    let place = PostgresFolder::new().with_tables();
    place.load("--schema items.json", items("first", &[])).ok();
    let schema = place.space.schema().to_owned();
    let ledger = format!("SELECT, INSERT, UPDATE, DELETE ON {schema}.etl_load");
    let columns = format!("INSERT (id, name) ON {schema}.items");
    let role = place.space.role("loader", &[&format!("USAGE ON SCHEMA {schema}"), &ledger, &columns]);
    let ran = load(&place, &role, "--schema items.json --mode append", "a");
    refused(&ran, 77, "run as its owner: GRANT INSERT ON ");
}

#[test]
fn a_schema_and_a_sequence_are_told_with_their_privilege() {
    let place = PostgresFolder::new();
    place.sql("CREATE TABLE items (serial serial, id bigint, name text)");
    place.load("--schema items.json --mode append", items("first", &[])).ok();
    let schema = place.space.schema().to_owned();
    let tables = format!("SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}");
    let role = place.space.role("loader", &[&tables]);
    let args = format!("--schema items.json --mode append --table {schema}.items");
    let ran = load(&place, &role, &args, "a");
    refused(
        &ran,
        77,
        &format!("run as its owner: GRANT USAGE ON SCHEMA {schema} TO the role that connected"),
    );
    place.sql(&format!("GRANT USAGE ON SCHEMA {schema} TO {}", role.name()));
    let ran = load(&place, &role, &args, "a");
    refused(
        &ran,
        77,
        "run as its owner: GRANT USAGE ON SEQUENCE items_serial_seq TO the role that connected",
    );
    place.sql(&format!("GRANT USAGE ON SEQUENCE items_serial_seq TO {}", role.name()));
    assert_eq!(counts(&load(&place, &role, &args, "a"))[1], 1);
}

#[test]
fn a_ledger_that_cannot_be_created_is_told_with_its_statements() {
    let place = PostgresFolder::new().with_tables();
    let schema = place.space.schema().to_owned();
    let role = place.space.role(
        "loader",
        &[&format!("USAGE ON SCHEMA {schema}"), &format!("INSERT, SELECT, UPDATE ON {schema}.items")],
    );
    let ran = load(&place, &role, "--schema items.json", "a");
    refused(
        &ran,
        77,
        &format!("role {} may not create the ledger {schema}.etl_load; run as its owner: ", role.name()),
    );
    // The statement in the message can be run as it stands.
    let (_, statements) = ran.last_error_line().split_once("run as its owner: ").expect("the statements");
    place.sql(statements);
    assert_eq!(counts(&load(&place, &role, "--schema items.json", "a"))[1], 1);
    let ran = load(&place, &role, "--create --schema items.json --table more", "b");
    refused(
        &ran,
        77,
        &format!("may not create table {schema}.more; run as its owner: GRANT CREATE ON SCHEMA"),
    );
    place.sql(&format!("GRANT CREATE ON SCHEMA {schema} TO {}", role.name()));
    assert_eq!(counts(&load(&place, &role, "--create --schema items.json --table more", "b"))[1], 1);
    // Only its owner can change a table.
    place.sql("ALTER TABLE items DROP COLUMN name");
    refused(
        &load(&place, &role, "--schema items.json --evolve add-columns", "c"),
        77,
        "must be owner of table items",
    );
}
