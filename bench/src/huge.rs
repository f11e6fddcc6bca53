//! 10 GB through a pipe, beside a part of it: the memory is the same. It takes long, so it is not part of `all`.

use etl_testkit::influx::{Influx, Options};

use crate::bench::Bench;
use crate::contender::Contender;
use crate::database::{create, server};
use crate::measure::Group;
use crate::messages;
use crate::records::{self, COUNT};

/// How often the million records follow each other. The rate of records that is printed is that of one time.
const SIZES: [(u64, &str); 2] = [(1, "0.24 GB"), (42, "10 GB")];

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    messages::write(&bench.folder, "records", &[])?;
    std::fs::write(bench.folder.join("points.json"), records::points())?;
    let server = server();
    let space = server.database();
    let influx = Influx::start(&Options::default());
    let database = influx.database();
    let fresh = || {
        create(&space, "records", false)?;
        space.sql("DROP TABLE IF EXISTS etl_load; CHECKPOINT");
        database.ask("DROP MEASUREMENT records");
        bench.remove_sqlite("huge.db")
    };
    let (url, name) = (influx.url(), database.name());
    let into_influx = ["--url", &url, "--db", name, "--schema", "points.json", "--table", "records"];
    let mut groups = Vec::new();
    for (program, args) in [
        ("validate", &["--schema", "records.json", "--output", "/dev/null"][..]),
        ("load-sqlite", &["--db", "huge.db", "--schema", "records.json", "--table", "records", "--create"]),
        ("load-postgres", &["--table", "records"]),
        ("load-influx", &into_influx),
    ] {
        let mut contenders = Vec::new();
        for (times, size) in SIZES {
            let script =
                format!("n=0; while [ $n -lt {times} ]; do cat records.plain || exit; n=$((n + 1)); done");
            for (binaries, build) in bench.builds(program) {
                let path = |name: &str| binaries.join(name).display().to_string();
                let reader = Contender::new(&format!("{program}, {size}"), &path(program), args).of(build);
                let sealed = reader.fed_by(&path("standpipe"), &["seal", "--", "sh", "-c", &script]);
                contenders.push(sealed.env(&space.env()).before(fresh));
            }
        }
        groups.push(bench.measure_once(&format!("10 GB: {program}"), COUNT, &contenders)?);
    }
    Ok(groups)
}
