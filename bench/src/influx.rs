//! load-influx beside curl, which posts the same ready-made lines in the same batches, and as many at a time.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Write};

use anyhow::{Context, ensure};
use etl_testkit::influx::{Influx, Options, Victoria};

use crate::bench::Bench;
use crate::contender::Contender;
use crate::measure::{Goal, Group};
use crate::records::{self, MANY, Records};

const RUNS: usize = 7;
const BATCH: usize = 5000;
/// Requests in flight, as many as load-influx has.
const IN_FLIGHT: &str = "2";
/// How many points there are, and what they are called.
const SIZES: [(u64, &str); 2] = [(200_000, "200,000 points"), (records::COUNT, "a million points")];
const LOAD: &str = "load-influx";

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    let mut groups = Vec::new();
    let influx = Influx::start(&Options::default());
    let database = influx.database();
    let fresh = || {
        database.ask(&format!("DROP DATABASE {}", database.name()));
        database.ask(&format!("CREATE DATABASE {}", database.name()));
        Ok(())
    };
    for (size, title) in SIZES {
        let points = lines(bench, size)?;
        let title = format!("InfluxDB: {title}");
        groups.push(group(bench, &title, size, &influx.url(), database.name(), &fresh)?);
        let stored = database.count("records", "id");
        ensure!(stored == points, "{stored} points were stored, but {points} were sent");
    }
    drop(influx);
    let victoria = Victoria::start();
    // What a run has written is merged while the next one writes.
    let still = || {
        victoria.settle();
        Ok(())
    };
    for (size, title) in SIZES {
        lines(bench, size)?;
        let title = format!("VictoriaMetrics: {title}");
        groups.push(group(bench, &title, size, &victoria.url(), "bench", &still)?);
    }
    Ok(groups)
}

fn group(
    bench: &Bench,
    title: &str,
    size: u64,
    url: &str,
    database: &str,
    fresh: &dyn Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Group> {
    curl_config(bench, size, &format!("{url}/write?db={database}&precision=ns"))?;
    let load = ["--url", url, "--db", database, "--table", "records", "--schema", "points.json"];
    let load = [&load[..], &["--input", "points.ndjson", "--emit", "none"]].concat();
    let curl = [
        "--no-progress-meter",
        "--parallel",
        "--parallel-immediate",
        "--parallel-max",
        IN_FLIGHT,
        "--config",
        "curl.txt",
    ];
    let curl = Contender::new("curl, ready-made lines, two in flight", "curl", &curl);
    let mut contenders = vec![curl.before(fresh)];
    contenders.extend(bench.component(LOAD, "load-influx", &load, |load| load.before(fresh)));
    Ok(bench.measure(title, size, RUNS, &contenders)?.goal(LOAD, Goal::Wall(1.0)))
}

/// Writes the records as lines, one file for each batch, and the schema with which load-influx writes the same; returns
/// how many different points there are, by station and time.
fn lines(bench: &Bench, size: u64) -> anyhow::Result<u64> {
    records::write(&bench.folder, "points", &Records { count: size, ..MANY })?;
    fs::write(bench.folder.join("points.json"), records::points())?;
    let records = BufReader::new(fs::File::open(bench.folder.join("points.ndjson"))?);
    let mut lines = Vec::new();
    let (mut batches, mut points) = (0, HashSet::new());
    for line in records.lines() {
        let line = line?;
        if line.starts_with("{\"_etl\":") {
            continue;
        }
        lines.push(point(&serde_json::from_str(&line)?, &mut points)?);
        if lines.len() == BATCH {
            write_batch(bench, batches, &lines)?;
            batches += 1;
            lines.clear();
        }
    }
    ensure!(lines.is_empty(), "the number of records is not a multiple of {BATCH}");
    Ok(points.len() as u64)
}

fn point(record: &serde_json::Value, points: &mut HashSet<(String, i64)>) -> anyhow::Result<String> {
    let station = record["station"].as_str().context("a station")?.to_owned();
    let at = record["observed_at"].as_str().context("a time")?;
    let micros = etl_schema::time::parse_timestamptz(at).map_err(anyhow::Error::msg)?;
    let mut line = format!("records,station={station}");
    let mut separator = ' ';
    for field in [
        "id",
        "temp",
        "humidity",
        "pressure",
        "wind_speed",
        "clouds",
        "raining",
        "price",
        "description",
        "note",
    ] {
        let value = &record[field];
        if value.is_null() {
            continue;
        }
        let suffix = if matches!(field, "id" | "clouds") { "i" } else { "" };
        line += &format!("{separator}{field}={value}{suffix}");
        separator = ',';
    }
    points.insert((station, micros));
    Ok(format!("{line} {}\n", micros * 1000))
}

fn write_batch(bench: &Bench, number: usize, lines: &[String]) -> anyhow::Result<()> {
    let mut file = BufWriter::new(fs::File::create(bench.folder.join(format!("batch-{number:03}.lp")))?);
    lines.iter().try_for_each(|line| file.write_all(line.as_bytes()))?;
    Ok(file.flush()?)
}

/// One request for each batch, all in one curl.
fn curl_config(bench: &Bench, size: u64, write: &str) -> anyhow::Result<()> {
    let batches = size as usize / BATCH;
    let request = |number| {
        format!(
            "url = \"{write}\"\ndata-binary = \"@batch-{number:03}.lp\"\nsilent\nshow-error\nfail\noutput = \"/dev/null\"\n"
        )
    };
    let requests: Vec<String> = (0..batches).map(request).collect();
    Ok(fs::write(bench.folder.join("curl.txt"), requests.join("next\n"))?)
}
