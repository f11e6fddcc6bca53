//! The main job on recorded real replies: no key, no network, no server.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use etl_schema::Schema;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// What is extracted, with the columns worth showing.
const JOBS: [(&[&str], &str, &[&str]); 3] = [
    (
        &["current", "--city", "Munich", "--city", "Paris"],
        "openweather.current",
        &[
            "location",
            "observed_at",
            "temp",
            "feels_like",
            "humidity",
            "pressure",
            "wind_speed",
            "description",
        ],
    ),
    (
        &["forecast", "--city", "Munich"],
        "openweather.forecast",
        &["location", "forecast_at", "temp", "pop", "wind_speed", "description"],
    ),
    (
        &["air-pollution", "--location", "Seattle=47.6038,-122.3301"],
        "openweather.air_pollution",
        &["location", "observed_at", "aqi", "pm2_5", "pm10", "no2", "o3"],
    ),
];

const NEXT: &str = "
The same job with a real key (https://home.openweathermap.org/api_keys):

    cargo xtask install        # the programs, built for speed, into ~/.local/bin
    export OPENWEATHER_API_KEY=...
    extract-openweather current --city Seattle --city Lisbon | load-sqlite --db weather.db

Any program that prints one JSON object per line is an extractor, too:

    standpipe seal -- python3 my_extractor.py | load-sqlite --db my.db --schema my.schema.json";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Extracts and loads everything twice with the binaries beside this one, and shows the rows.
fn run() -> anyhow::Result<()> {
    let here = std::env::current_exe().context("cannot find out where this program is")?;
    let binaries = here.parent().context("this program is not in a folder")?;
    let folder = binaries.join("demo-data");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let database = folder.join("weather.db");
    for (args, _, _) in JOBS {
        job(binaries, &folder, args)?;
    }
    let connection = Connection::open(&database)?;
    let first = counts(&connection)?;
    println!("\nThe same replies once more: nothing is doubled.\n");
    for (args, _, _) in JOBS {
        job(binaries, &folder, args)?;
    }
    ensure!(counts(&connection)? == first, "a second run changed the number of rows");
    for (_, schema, columns) in JOBS {
        show(&connection, &Schema::named(schema)?, columns)?;
    }
    println!("\nThe database is {}\n{NEXT}", database.display());
    Ok(())
}

/// Prints and runs `extract-openweather … | load-sqlite …`.
fn job(binaries: &Path, folder: &Path, args: &[&str]) -> anyhow::Result<()> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let replies = "extractors/extract-openweather/demo";
    println!("$ extract-openweather {} --replay {replies} | load-sqlite --db weather.db", args.join(" "));
    let mut extract = Command::new(binaries.join("extract-openweather"))
        .args(args)
        .args(["--replay".as_ref(), root.join(replies).as_os_str()])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start extract-openweather")?;
    let stream = extract.stdout.take().context("extract-openweather has no stdout")?;
    let loaded = Command::new(binaries.join("load-sqlite"))
        .args(["--db", "weather.db", "--seal", "required"])
        .current_dir(folder)
        .stdin(stream)
        .stdout(Stdio::null())
        .status()
        .context("cannot start load-sqlite")?;
    let extracted = extract.wait()?;
    ensure!(extracted.success() && loaded.success(), "the job failed: extract {extracted}, load {loaded}");
    Ok(())
}

fn counts(connection: &Connection) -> anyhow::Result<Vec<i64>> {
    let count = |(_, schema, _): &(&[&str], &str, &[&str])| {
        connection
            .query_row(&format!("SELECT count(*) FROM {}", schema.replace('.', "_")), [], |row| row.get(0))
    };
    Ok(JOBS.iter().map(count).collect::<Result<_, _>>()?)
}

/// Prints a table, with the units from its schema under the names.
fn show(connection: &Connection, schema: &Schema, columns: &[&str]) -> anyhow::Result<()> {
    let table = schema.name.replace('.', "_");
    let unit = |name: &&str| {
        schema.position(name).and_then(|column| schema.columns[column].unit.clone()).unwrap_or_default()
    };
    let mut lines =
        vec![columns.iter().map(ToString::to_string).collect(), columns.iter().map(unit).collect()];
    let sql = format!("SELECT {} FROM {table} ORDER BY 1, 2 LIMIT 8", columns.join(", "));
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let cells = (0..columns.len()).map(|column| row.get_ref(column).map(cell));
        lines.push(cells.collect::<Result<Vec<String>, _>>()?);
    }
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    println!("\n{table}");
    for line in lines {
        let padded: Vec<String> =
            line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        println!("  {}", padded.join("  ").trim_end());
    }
    Ok(())
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(value) | ValueRef::Blob(value) => String::from_utf8_lossy(value).into_owned(),
    }
}
