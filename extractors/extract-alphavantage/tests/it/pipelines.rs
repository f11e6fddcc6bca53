//! The pipelines of the README, from recorded replies into real databases, twice.

use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::influx::Influx;
use etl_testkit::postgres;
use etl_testkit::run::Cmd;

use crate::extractor::{extractor, reply, yields};

/// `extract-alphavantage treasury-yield FLAGS | LOADER`.
fn pipeline(flags: &[&str], server: &Server, loader: Cmd) {
    let url = server.url();
    let args = [&["treasury-yield", "--base-url", &url], flags].concat();
    let (extracted, loaded) = extractor().cmd(&args).pipe(loader);
    extracted.ok();
    loaded.ok();
}

#[test]
fn yields_are_rows_in_postgres_with_their_digits_and_each_day_is_one() {
    let space = postgres::Server::shared().space();
    let loader = || {
        let loader = Cmd::bin("load-postgres").words("--create --mode upsert");
        space.env().into_iter().fold(loader, |loader, (name, value)| loader.env(name, value))
    };
    let rows = || {
        space.rows(
            "SELECT maturity, interval, date, value, pg_typeof(value) FROM alphavantage_treasury_yield ORDER BY 1, 2, 3",
        )
    };
    let recorded = Server::start(Reply::json(200, &reply("monthly_10year_two_rows.json")));
    let expected = ["10year|monthly|2025-10-01|4.06|numeric", "10year|monthly|2025-11-01|4.09|numeric"];
    for _ in 0..2 {
        pipeline(&["--maturity", "10year"], &recorded, loader());
        assert_eq!(rows(), expected);
    }

    // Another interval and another maturity are other rows; a day without a yield is one, and is filled later.
    let holiday = [("2025-11-11", "."), ("2025-11-01", "4.100")];
    let later = [("2025-11-11", "4.13"), ("2025-11-01", "4.1234567890123456789")];
    let daily = Server::start(Script::new().then(yields("daily", &holiday)).then(yields("daily", &later)));
    pipeline(&["--maturity", "10year", "--interval", "daily"], &daily, loader());
    let with = |first: &str, second: &str| {
        vec![
            format!("10year|daily|2025-11-01|{first}|numeric"),
            format!("10year|daily|2025-11-11|{second}|numeric"),
            expected[0].to_owned(),
            expected[1].to_owned(),
        ]
    };
    assert_eq!(rows(), with("4.100", "NULL"));
    pipeline(&["--maturity", "10year", "--interval", "daily"], &daily, loader());
    assert_eq!(rows(), with("4.1234567890123456789", "4.13"));
}

#[test]
fn yields_are_points_in_influx_also_on_holidays() {
    let database = Influx::shared().database();
    let loader = || {
        let loader = Cmd::bin("load-influx").env("INFLUX_URL", database.url());
        loader.env("INFLUX_DATABASE", database.name())
    };
    for (maturity, name, points) in [
        ("10year", "monthly_10year_two_rows.json", ["1759276800000000000|4.06", "1761955200000000000|4.09"]),
        ("2year", "made_holidays.json", ["1788220800000000000|-0.05", "1790812800000000000|4.1"]),
    ] {
        let server = Server::start(Reply::json(200, &reply(name)));
        let query = format!(
            "SELECT value FROM alphavantage_treasury_yield WHERE maturity = '{maturity}' AND interval = 'monthly'"
        );
        for _ in 0..2 {
            pipeline(&["--maturity", maturity], &server, loader());
            assert_eq!(database.rows(&query), points);
        }
    }
    // Those of the holidays have no value, but say that they were fetched.
    assert_eq!(database.count("alphavantage_treasury_yield", "value"), 4);
    assert_eq!(database.count("alphavantage_treasury_yield", "fetched_at"), 6);
}

#[test]
fn a_refused_key_leaves_the_table_as_it_was() {
    let space = postgres::Server::shared().space();
    let loader = || {
        let loader = Cmd::bin("load-postgres").words("--create --mode replace");
        space.env().into_iter().fold(loader, |loader, (name, value)| loader.env(name, value))
    };
    let server = Server::start(Reply::json(200, &reply("monthly_10year_two_rows.json")));
    pipeline(&["--maturity", "10year"], &server, loader());
    for (name, code) in [
        ("error_200_bad_key.json", 77),
        ("error_200_daily_limit.json", 75),
        ("error_200_empty.json", 76),
        ("made_no_data.json", 3),
    ] {
        let server =
            Server::start(Reply::json(200, &reply(name)).header("Date", "Fri, 27 Nov 2026 17:00:00 GMT"));
        let args = ["treasury-yield", "--maturity", "10year", "--base-url", &server.url()];
        let (_, loaded) = extractor().cmd(&args).pipe(loader());
        loaded.fails(code);
        assert_eq!(space.count("SELECT count(*) FROM alphavantage_treasury_yield"), 2, "{name}");
    }
}
