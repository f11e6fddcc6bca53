//! load-postgres in its mode upsert beside a temporary table and ON CONFLICT by hand, from ready-made rows.

use anyhow::ensure;
use etl_testkit::postgres::Space;

use crate::bench::Bench;
use crate::database::{RUNS, create, loaders, psql_contender, ready, server};
use crate::measure::{Goal, Group};
use crate::records::{self, MANY, Records};

/// The rows that the table has before.
const BASE: Records = Records { count: 100_000, seed: 11, key: true, ..MANY };
/// What is loaded, the goal, and how many rows the table has then.
const LOADS: [(&str, Records, f64, i64); 4] = [
    ("all unchanged", BASE, 0.5, 100_000),
    ("all changed", Records { seed: 12, ..BASE }, 0.9, 100_000),
    ("all new", Records { first: 100_000, ..BASE }, 0.95, 200_000),
    ("half new, half changed", Records { first: 50_000, seed: 12, ..BASE }, 0.95, 150_000),
];
const UPSERT: &str = "load-postgres";

/// As many records as the table has rows.
pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    let server = server();
    let space = server.database();
    records::write(&bench.folder, "base", &BASE)?;
    create(&space, "base", true)?;
    ready(bench, &space, "base", "base")?;
    create(&space, "records", true)?;
    std::fs::write(bench.folder.join("upsert.sql"), by_hand())?;
    let mut groups = Vec::new();
    for (what, records, goal, rows) in LOADS {
        records::write(&bench.folder, "upsert", &records)?;
        create(&space, "ready", true)?;
        ready(bench, &space, "upsert", "ready")?;
        groups.push(upsert(bench, &space, what)?.goal(UPSERT, Goal::Wall(goal)));
        ensure!(space.count("SELECT count(*) FROM records") == rows, "{what}: the table has not {rows} rows");
        let missing = "SELECT count(*) FROM (TABLE ready EXCEPT TABLE records) missing";
        ensure!(space.count(missing) == 0, "{what}: rows are not as they were loaded");
    }
    Ok(groups)
}

fn upsert(bench: &Bench, space: &Space, what: &str) -> anyhow::Result<Group> {
    let fresh = || {
        space.sql("TRUNCATE records; INSERT INTO records SELECT * FROM base; DROP TABLE IF EXISTS etl_load");
        space.sql("VACUUM ANALYZE records");
        space.sql("CHECKPOINT");
        Ok(())
    };
    let load = ["--table", "records", "--input", "upsert.ndjson", "--emit", "none"];
    let by_hand =
        psql_contender(space, "psql, ready-made binary and ON CONFLICT by hand", &["-f", "upsert.sql"]);
    let mut contenders = vec![by_hand.before(fresh)];
    contenders.extend(loaders(bench, space, UPSERT, &load, fresh));
    bench.measure(&format!("PostgreSQL: upsert of 100,000, {what}"), BASE.count, RUNS, &contenders)
}

/// The statements of someone who does it by hand.
fn by_hand() -> String {
    let set = [
        "temp",
        "humidity",
        "pressure",
        "wind_speed",
        "clouds",
        "raining",
        "price",
        "description",
        "note",
        "observed_at",
    ];
    let set = set.map(|column| format!("{column} = excluded.{column}")).join(", ");
    format!(
        "BEGIN;\nCREATE TEMPORARY TABLE new (LIKE records) ON COMMIT DROP;\n\
         \\copy new FROM 'upsert.bin' (FORMAT binary)\n\
         INSERT INTO records SELECT * FROM new ON CONFLICT (station, id) DO UPDATE SET {set};\nCOMMIT;\n"
    )
}
