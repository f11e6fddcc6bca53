//! The parts of a record's way, each alone: in a program that does nothing else, and the components that end with them.

use std::path::Path;

use etl_testkit::influx::{Database, Influx, Options};
use etl_testkit::postgres::{self, Space};

use crate::bench::Bench;
use crate::contender::{Build, Contender};
use crate::database::{create, server};
use crate::measure::{Group, Size};
use crate::messages;
use crate::records::{self, MANY, Records};

const RUNS: usize = 5;

/// Part of what becomes of a record.
pub(crate) struct Part {
    /// What it is called, in a file too.
    pub(crate) name: &'static str,
    /// The files whose bytes it computes the digest of: `NAME` is that of the records.
    pub(crate) hashed: &'static [&'static str],
    pub(crate) program: &'static str,
    args: &'static [&'static str],
    target: Target,
}

/// What it loads into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    None,
    Sqlite,
    Postgres,
    Influx,
}

/// SHA-256 alone.
pub(crate) const DIGEST: Part = alone("digest", &[STREAM], &["digest", STREAM]);
/// Each but the first goes further than the one before it, up to the writing; then come other inputs, and whole components.
pub(crate) const PARTS: [Part; 13] = [
    alone("newlines", &[], &["newlines", STREAM]),
    alone("lines and seal", &[STREAM], &["lines", STREAM]),
    alone("lines, seal, scan", &[STREAM], &["scan", STREAM]),
    alone("lines, seal, scan, check", &[STREAM], &["check", STREAM, "schema.json"]),
    alone("write with a seal", &[STREAM], &["write", STREAM]),
    alone("decode NDJSON", &["NAME.plain"], &["ndjson", "NAME.plain"]),
    alone("decode Singer", &["NAME.singer"], &["singer", "NAME.singer"]),
    alone("decode Airbyte", &["NAME.airbyte"], &["airbyte", "NAME.airbyte", "NAME.catalog"]),
    Part {
        name: "extract-file, CSV",
        hashed: &["NAME.extracted"],
        program: "extract-file",
        args: &["NAME.csv", "--columns", records::COLUMNS, "--output", "NAME.extracted"],
        target: Target::None,
    },
    Part {
        name: "validate",
        hashed: &[STREAM, STREAM],
        program: "validate",
        args: &["--schema", "schema.json", "--input", STREAM, "--output", "/dev/null"],
        target: Target::None,
    },
    Part {
        name: "load-sqlite",
        hashed: &[STREAM],
        program: "load-sqlite",
        args: &["--db", "parts.db", "--table", "records", "--input", STREAM, "--emit", "none"],
        target: Target::Sqlite,
    },
    Part {
        name: "load-postgres",
        hashed: &[STREAM],
        program: "load-postgres",
        args: &["--table", "records", "--input", STREAM, "--emit", "none"],
        target: Target::Postgres,
    },
    Part {
        name: "load-influx",
        hashed: &[STREAM],
        program: "load-influx",
        args: &["--table", "records", "--schema", "points.json", "--input", STREAM, "--emit", "none"],
        target: Target::Influx,
    },
];
const STREAM: &str = "NAME.ndjson";

const fn alone(name: &'static str, hashed: &'static [&'static str], args: &'static [&'static str]) -> Part {
    Part { name, hashed, program: "bench-parts", args, target: Target::None }
}

/// The servers that some of them need.
pub(crate) struct Servers {
    influx: Database,
    _influx: Influx,
    space: Space,
    _postgres: postgres::Server,
}

impl Servers {
    pub(crate) fn start() -> Servers {
        let (postgres, influx) = (server(), Influx::start(&Options::default()));
        Servers {
            influx: influx.database(),
            _influx: influx,
            space: postgres.database(),
            _postgres: postgres,
        }
    }
}

impl Part {
    /// It in the binaries of a build, with the records of this name.
    pub(crate) fn contender<'a>(
        &self,
        bench: &'a Bench,
        (binaries, build): (&Path, Build),
        records: &str,
        servers: &'a Servers,
    ) -> Contender<'a> {
        let args: Vec<String> = self.args.iter().map(|arg| arg.replace("NAME", records)).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let program = binaries.join(self.program).display().to_string();
        let contender = Contender::new(self.name, &program, &args).of(build);
        let Servers { space, influx, .. } = servers;
        match self.target {
            Target::None => contender,
            Target::Sqlite => contender.before(|| bench.remove_sqlite("parts.db")),
            Target::Postgres => contender.env(&space.env()).before(|| {
                space.sql("DROP TABLE IF EXISTS etl_load");
                create(space, "records", false)
            }),
            Target::Influx => {
                let env = [("INFLUX_URL", influx.url()), ("INFLUX_DATABASE", influx.name())];
                let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
                contender.env(&env).before(|| {
                    influx.ask(&format!("DROP DATABASE {}", influx.name()));
                    influx.ask(&format!("CREATE DATABASE {}", influx.name()));
                    Ok(())
                })
            }
        }
    }
}

/// Writes so many records under a name, in every form that a part reads.
pub(crate) fn write(folder: &Path, name: &str, count: u64) -> anyhow::Result<()> {
    std::fs::write(folder.join("schema.json"), records::SCHEMA)?;
    std::fs::write(folder.join("points.json"), records::points())?;
    records::write(folder, name, &Records { count, ..MANY })?;
    messages::write(folder, name, &[])
}

/// The rates of those that need no server, on a million records.
pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    write(&bench.folder, "parts", records::COUNT)?;
    let servers = Servers::start();
    let mut contenders = Vec::new();
    for part in [DIGEST].iter().chain(&PARTS).filter(|part| part.target == Target::None) {
        let builds = bench.builds(part.program);
        contenders.extend(builds.map(|build| part.contender(bench, build, "parts", &servers)));
    }
    let bytes = std::fs::metadata(bench.folder.join("parts.ndjson"))?.len();
    let size = Size { records: records::COUNT, bytes: Some(bytes) };
    Ok(vec![bench.measure("Parts, each in a process of its own", size, RUNS, &contenders)?])
}
