//! The pipelines of the README, from recorded files into real databases, twice.

use etl_testkit::http::Reply;
use etl_testkit::influx::Influx;
use etl_testkit::postgres::{self, Space};
use etl_testkit::run::{Cmd, Folder, Ran};

use crate::extractor::{csv, extractor, recorded, server};

/// `extract-treasury yield-curve --year 2025 --year 2026 | LOADER`, with these replies.
fn pipeline(loader: Cmd, replies: [Reply; 2]) -> (Ran, Ran) {
    let server = server(replies);
    let args = ["yield-curve", "--year", "2025", "--year", "2026", "--base-url", &server.url()];
    let (extracted, loaded) = extractor().cmd(&args).pipe(loader);
    extracted.ok();
    loaded.ok();
    (extracted, loaded)
}

fn load_postgres(space: &Space, words: &str) -> Cmd {
    let loader = Cmd::bin("load-postgres").words("--mode upsert").words(words);
    space.env().into_iter().fold(loader, |loader, (name, value)| loader.env(name, value))
}

fn files() -> [Reply; 2] {
    [recorded("2025/2025_gap_1_5_month.csv"), recorded("2026/n_a_and_blank.csv")]
}

const NEW: &str =
    "Date,\"1 Mo\",\"1.5 Month\",\"9 Mo\",\"10 Yr\"\n01/06/2026,3.71,3.72,3.90,4.18\n01/05/2026,3.70,,,4.17";

#[test]
fn the_curve_is_a_table_in_postgres_and_a_day_is_a_row() {
    let space = postgres::Server::shared().space();
    let rows = || {
        space.rows("SELECT date, m1, m1_5, m2, y10, y30, fetched_at IS NOT NULL FROM treasury_yield_curve ORDER BY date")
    };
    let expected = [
        "2025-02-14|4.37|NULL|4.38|4.47|4.69|t",
        "2025-02-18|4.38|4.41|4.38|4.55|4.77|t",
        "2026-01-02|3.72|3.75|NULL|4.19|4.86|t",
        "2026-01-05|3.70|NULL|3.69|4.17|4.85|t",
    ];
    for _ in 0..2 {
        pipeline(load_postgres(&space, "--create"), files());
        assert_eq!(rows(), expected);
    }
    let types = "SELECT data_type FROM information_schema.columns WHERE table_name = 'treasury_yield_curve' AND \
                 table_schema = current_schema() AND column_name IN ('date', 'm1_5') ORDER BY column_name";
    assert_eq!(space.rows(types), ["date", "numeric"]);

    // A row that was corrected, and a day that has no rate at all.
    let corrected = csv("Date,\"1 Mo\",\"10 Yr\"\n02/18/2025,4.39,4.550\n02/17/2025,,N/A");
    pipeline(load_postgres(&space, ""), [corrected, csv("Date,\"1 Mo\"")]);
    let changed = rows();
    assert_eq!(
        changed[1..3],
        ["2025-02-17|NULL|NULL|NULL|NULL|NULL|t", "2025-02-18|4.39|NULL|NULL|4.550|NULL|t"]
    );
    assert_eq!((changed.len(), &changed[0]), (5, &expected[0].to_owned()));
}

#[test]
fn a_maturity_that_is_new_in_mid_year_stops_nothing_and_comes_with_a_schema_that_has_it() {
    let space = postgres::Server::shared().space();
    pipeline(load_postgres(&space, "--create"), files());
    for _ in 0..2 {
        let (extracted, loaded) = pipeline(load_postgres(&space, ""), [csv("Date,\"1 Mo\""), csv(NEW)]);
        let warning = "warning: 2026: the column \"9 Mo\" is new: treasury.yield_curve has no field m9 yet";
        assert!(extracted.stderr.lines().any(|line| line == warning), "{}", extracted.stderr);
        assert!(loaded.stderr.contains("m9"), "{}", loaded.stderr);
        let rows = space.rows("SELECT date, m1, m1_5, m6, y10 FROM treasury_yield_curve WHERE date > '2026-01-02' ORDER BY date");
        assert_eq!(rows, ["2026-01-05|3.70|NULL|NULL|4.17", "2026-01-06|3.71|3.72|NULL|4.18"]);
    }

    // What the README says: the schema with one field more.
    let folder = Folder::new();
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/treasury.yield_curve.json");
    let schema = std::fs::read_to_string(document).unwrap();
    let m9 = r#""m9": {"type": ["number", "null"], "x-unit": "%", "x-postgres": {"type": "numeric"}},"#;
    folder.write("curve.json", schema.replace("\"y1\": {", &format!("{m9} \"y1\": {{")));
    let words = format!(
        "--evolve add-columns --table treasury_yield_curve --schema {}",
        folder.path("curve.json").display()
    );
    for _ in 0..2 {
        pipeline(load_postgres(&space, &words), [csv("Date,\"1 Mo\""), csv(NEW)]);
        let rows =
            space.rows("SELECT date, m1, m9, y10 FROM treasury_yield_curve ORDER BY date DESC LIMIT 3");
        assert_eq!(
            rows,
            ["2026-01-06|3.71|3.90|4.18", "2026-01-05|3.70|NULL|4.17", "2026-01-02|3.72|NULL|4.19"]
        );
    }
}

#[test]
fn the_curve_is_a_measurement_in_influx_and_a_day_is_a_point() {
    let database = Influx::shared().database();
    let loader = || {
        let loader = Cmd::bin("load-influx").env("INFLUX_URL", database.url());
        loader.env("INFLUX_DATABASE", database.name())
    };
    let select = "SELECT m1, m1_5, m2, y10, y30 FROM treasury_yield_curve";
    let expected = [
        "1739491200000000000|4.37|null|4.38|4.47|4.69",
        "1739836800000000000|4.38|4.41|4.38|4.55|4.77",
        "1767312000000000000|3.72|3.75|null|4.19|4.86",
        "1767571200000000000|3.7|null|3.69|4.17|4.85",
    ];
    for _ in 0..2 {
        pipeline(loader(), files());
        assert_eq!(database.rows(select), expected);
    }
    // A day without any rate is a point, too, which says when the file was fetched.
    let empty = csv("Date,\"1 Mo\"\n12/25/2025,");
    let (_, loaded) = pipeline(loader(), [empty, csv(NEW)]);
    assert!(loaded.stderr.contains("m9"), "{}", loaded.stderr);
    assert_eq!(database.rows(select)[4..], ["1767657600000000000|3.71|3.72|null|4.18|null"]);
    assert_eq!(database.count("treasury_yield_curve", "fetched_at"), 6);
}
