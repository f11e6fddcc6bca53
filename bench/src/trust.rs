//! What it costs load-postgres that rejects are allowed, that one is there, that absent fields keep what a row has, and that
//! every version of a row is kept.

use anyhow::ensure;
use etl_testkit::postgres::Space;

use crate::bench::Bench;
use crate::database::{RUNS, create, loaders, psql_contender, ready, server};
use crate::measure::{Goal, Group};
use crate::records::{self, MANY, Records};

const LOAD: &str = "load-postgres";
const ALLOWED: &str = "rejects allowed, none there";
const ONE: &str = "one record of a million refused";
const KEEP: &str = "--absent keep";
const HISTORY: &str = "load-postgres, history";
const APPEND: [&str; 6] = ["--table", "records", "--input", "records.ndjson", "--emit", "none"];
const REJECTS: [&str; 4] = ["--rejects", "rejects.ndjson", "--max-rejects", "10"];
/// Records that leave out optional fields at random.
const GAPS: Records = Records { count: 100_000, seed: 12, key: true, gaps: true, ..MANY };

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    let server = server();
    let space = server.database();
    Ok(vec![rejects(bench, &space)?, keep(bench, &space)?, history(bench, &space)?])
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

/// 100,000 records on as many current versions, of which every tenth one changes.
fn history(bench: &Bench, space: &Space) -> anyhow::Result<Group> {
    let base = Records { gaps: false, seed: 11, ..GAPS };
    records::write(&bench.folder, "base", &base)?;
    records::write(&bench.folder, "history", &Records { tenth: Some(12), ..base })?;
    create(space, "base", true)?;
    ready(bench, space, "base", "base")?;
    create(space, "ready", true)?;
    ready(bench, space, "history", "ready")?;
    std::fs::write(bench.folder.join("history.sql"), history_by_hand())?;
    space.sql(
        "DROP TABLE IF EXISTS versions;
         CREATE TABLE versions (LIKE base, valid_from timestamptz NOT NULL, valid_to timestamptz, is_current boolean NOT NULL,
           PRIMARY KEY (station, id, valid_from));
         CREATE UNIQUE INDEX ON versions (station, id) WHERE is_current",
    );
    let fresh = || {
        space.sql("TRUNCATE versions; INSERT INTO versions SELECT *, '2026-01-01Z', NULL, true FROM base");
        space.sql("DROP TABLE IF EXISTS etl_load");
        space.sql("VACUUM ANALYZE versions");
        space.sql("CHECKPOINT");
        Ok(())
    };
    let load = ["--table", "versions", "--mode", "history", "--input", "history.ndjson", "--emit", "none"];
    let by_hand = psql_contender(space, "psql, ready-made binary and SQL by hand", &["-f", "history.sql"]);
    let mut contenders = vec![by_hand.before(fresh)];
    contenders.extend(loaders(bench, space, HISTORY, &load, fresh).into_iter().take(1));
    let title = "PostgreSQL: history of 100,000 on 100,000, a tenth changed";
    let group = bench.measure(title, base.count, RUNS, &contenders)?;
    let counts = space.rows("SELECT count(*), count(*) FILTER (WHERE is_current) FROM versions");
    ensure!(counts == ["110000|100000"], "versions, and current ones: {counts:?}");
    Ok(group.goal(HISTORY, Goal::Wall(1.2)))
}

/// The statements of someone who does it by hand.
fn history_by_hand() -> String {
    let columns =
        "temp, humidity, pressure, wind_speed, clouds, raining, price, description, note, observed_at";
    let of =
        |row: &str| columns.split(", ").map(|name| format!("{row}.{name}")).collect::<Vec<_>>().join(", ");
    format!(
        "BEGIN;\nCREATE TEMPORARY TABLE new (LIKE base) ON COMMIT DROP;\n\
         \\copy new FROM 'history.bin' (FORMAT binary)\n\
         LOCK TABLE versions IN SHARE ROW EXCLUSIVE MODE;\n\
         CREATE TEMPORARY TABLE changed ON COMMIT DROP AS SELECT n.* FROM new n LEFT JOIN versions v \
           ON v.station = n.station AND v.id = n.id AND v.is_current \
         WHERE v.id IS NULL OR ({}) IS DISTINCT FROM ({});\n\
         UPDATE versions v SET valid_to = now(), is_current = false FROM changed c \
           WHERE v.station = c.station AND v.id = c.id AND v.is_current;\n\
         INSERT INTO versions SELECT c.*, now(), NULL, true FROM changed c;\nCOMMIT;\n",
        of("v"),
        of("n")
    )
}
