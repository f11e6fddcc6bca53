//! The examples of the README, and the pipeline that takes the place of the reference's.

use etl_testkit::examples;

use crate::Place;

#[test]
fn the_examples_run_as_they_are_written() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let binaries = ["extract-postgres", "load-postgres", "load-sqlite", "load-influx", "standpipe"];
    assert!(examples::run(document, &binaries, &[]) > 5);
}

/// `extract-postgres --query-file curve.sql | load-postgres --table yield_curve_plot --mode replace`
#[test]
fn the_plot_of_the_yield_curve_is_replaced() {
    let place = Place::new();
    place.sql(
        "CREATE TABLE treasury_yields (date date PRIMARY KEY, m1 numeric, y2 numeric, y10 numeric);
         INSERT INTO treasury_yields VALUES ('2026-11-20', 4.01, 3.50, 4.10), ('2026-11-23', 4.02, NULL, 4.15)",
    );
    place.folder.write(
        "curve.sql",
        "-- The newest curve, a row for each tenor.
         SELECT t.months, t.yield, y.date FROM treasury_yields y,
           LATERAL (VALUES (1, y.m1), (24, y.y2), (120, y.y10)) t (months, yield)
         WHERE y.date = (SELECT max(date) FROM treasury_yields) ORDER BY t.months;",
    );
    place.sql("CREATE TABLE yield_curve_plot (months int, yield numeric, date date); INSERT INTO yield_curve_plot VALUES (1, 9, '2020-01-01')");
    for _ in 0..2 {
        let cmd = etl_testkit::run::Cmd::new(env!("CARGO_BIN_EXE_extract-postgres"))
            .words("--query-file curve.sql");
        let load =
            etl_testkit::run::Cmd::bin("load-postgres").words("--table yield_curve_plot --mode replace");
        let with = |cmd: etl_testkit::run::Cmd| {
            place
                .env
                .iter()
                .fold(cmd.in_folder(place.folder.path("")), |cmd, (name, value)| cmd.env(name, value))
        };
        let (extracted, loaded) = with(cmd).pipe(with(load));
        extracted.ok();
        loaded.ok();
        assert_eq!(
            place.rows("SELECT * FROM yield_curve_plot ORDER BY months"),
            ["1|4.02|2026-11-23", "24|NULL|2026-11-23", "120|4.15|2026-11-23"]
        );
    }
    // A query without rows, and one that fails, leave the plot as it is.
    for (query, code) in [("SELECT * FROM yield_curve_plot WHERE false", 3), ("SELECT 1 / 0 AS months", 3)] {
        let load =
            etl_testkit::run::Cmd::bin("load-postgres").words("--table yield_curve_plot --mode replace");
        let load = place.env.iter().fold(load, |cmd, (name, value)| cmd.env(name, value));
        let (_, loaded) = place.extractor(query, "").pipe(load);
        loaded.fails(code);
        assert_eq!(place.count("SELECT count(*) FROM yield_curve_plot"), 3);
    }
}
