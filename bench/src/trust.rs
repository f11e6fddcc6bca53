//! What it costs load-postgres that rejects are allowed, that one is there, and that absent fields keep what a row has.

use anyhow::ensure;
use etl_testkit::postgres::Space;

use crate::bench::Bench;
use crate::database::{RUNS, create, loaders, ready, server};
use crate::measure::{Goal, Group};
use crate::records::{self, MANY, Records};

const LOAD: &str = "load-postgres";
const ALLOWED: &str = "rejects allowed, none there";
const ONE: &str = "one record of a million refused";
const KEEP: &str = "--absent keep";
const APPEND: [&str; 6] = ["--table", "records", "--input", "records.ndjson", "--emit", "none"];
const REJECTS: [&str; 4] = ["--rejects", "rejects.ndjson", "--max-rejects", "10"];
/// Records that leave out optional fields at random.
const GAPS: Records = Records { count: 100_000, seed: 12, key: true, gaps: true, ..MANY };

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    let server = server();
    let space = server.database();
    Ok(vec![rejects(bench, &space)?, keep(bench, &space)?])
}

fn rejects(bench: &Bench, space: &Space) -> anyhow::Result<Group> {
    let fresh = || {
        create(space, "records", false)?;
        space.sql("DROP TABLE IF EXISTS etl_load; CHECKPOINT");
        Ok(())
    };
    let one = || {
        fresh()?;
        space.sql("ALTER TABLE records ADD CHECK (id <> 700000)");
        Ok(())
    };
    let allowed = [&APPEND[..], &REJECTS[..]].concat();
    let mut contenders = loaders(bench, space, LOAD, &APPEND, fresh);
    contenders.extend(loaders(bench, space, ALLOWED, &allowed, fresh).into_iter().take(1));
    contenders.extend(loaders(bench, space, ONE, &allowed, one).into_iter().take(1));
    let title = "PostgreSQL: 1,000,000 appended, with rejects";
    let group = bench.measure(title, records::COUNT, RUNS, &contenders)?;
    let count = space.count("SELECT count(*) FROM records");
    ensure!(count == 999_999, "{count} records of a million were loaded, of which one is refused");
    Ok(group.goal(ALLOWED, Goal::Wall(1.5)).goal(ONE, Goal::Wall(2.0)))
}

/// 100,000 records, each of which leaves out some fields, on as many rows.
fn keep(bench: &Bench, space: &Space) -> anyhow::Result<Group> {
    records::write(&bench.folder, "gaps", &GAPS)?;
    records::write(&bench.folder, "base", &Records { seed: 11, gaps: false, ..GAPS })?;
    create(space, "base", true)?;
    ready(bench, space, "base", "base")?;
    create(space, "records", true)?;
    let fresh = || {
        space.sql("TRUNCATE records; INSERT INTO records SELECT * FROM base; DROP TABLE IF EXISTS etl_load");
        space.sql("VACUUM ANALYZE records");
        space.sql("CHECKPOINT");
        Ok(())
    };
    let load = ["--table", "records", "--input", "gaps.ndjson", "--emit", "none"];
    let kept = [&load[..], &["--absent", "keep"]].concat();
    let mut contenders = loaders(bench, space, "load-postgres, upsert", &load, fresh);
    contenders.extend(loaders(bench, space, KEEP, &kept, fresh).into_iter().take(1));
    let group = bench.measure("PostgreSQL: upsert of 100,000 with gaps", GAPS.count, RUNS, &contenders)?;
    Ok(group.goal(KEEP, Goal::Wall(1.2)))
}
