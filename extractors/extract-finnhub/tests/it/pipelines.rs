//! The pipelines of the README, from recorded replies into real databases, twice.

use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::influx::Influx;
use etl_testkit::postgres;
use etl_testkit::run::Cmd;

use crate::extractor::{extractor, reply};

/// `extract-finnhub quote --symbol AAPL --symbol MSFT | LOADER`, with these replies to both.
fn pipeline(loader: Cmd, replies: [&str; 2]) {
    let server = Server::start(
        replies.iter().fold(Script::new(), |script, name| script.then(Reply::json(200, &reply(name)))),
    );
    let args = ["quote", "--symbol", "AAPL", "--symbol", "MSFT", "--base-url", &server.url()];
    let (extracted, loaded) = extractor().cmd(&args).pipe(loader);
    extracted.ok();
    loaded.ok();
}

#[test]
fn quotes_are_points_in_influx_and_the_same_trade_is_one() {
    let database = Influx::shared().database();
    let loader = || {
        let loader = Cmd::bin("load-influx").env("INFLUX_URL", database.url());
        loader.env("INFLUX_DATABASE", database.name())
    };
    let select = "SELECT last_price, change, percent_change, open, high, low, previous_close \
                  FROM finnhub_quote GROUP BY symbol";
    let both = [
        "symbol=AAPL: 1704067200000000000|182.63|1.85|1.0239|181.05|183.12|180.97|180.78",
        "symbol=MSFT: 1585296696000000000|6.06|null|null|5.74|6.14|5.62|5.75",
    ];
    for _ in 0..2 {
        pipeline(loader(), ["aapl_2024_sample.json", "rubi_2020.json"]);
        assert_eq!(database.rows(select), both);
    }
    pipeline(loader(), ["aapl_docs_2020.json", "rubi_2020.json"]);
    let earlier = "symbol=AAPL: 1582641000000000000|261.74|null|null|261.07|263.31|260.68|259.45";
    assert_eq!(database.rows(select), [earlier, both[0], both[1]]);
}

#[test]
fn quotes_are_rows_in_postgres_and_the_same_trade_is_one() {
    let space = postgres::Server::shared().space();
    let loader = || {
        let loader = Cmd::bin("load-postgres").words("--create --mode upsert");
        space.env().into_iter().fold(loader, |loader, (name, value)| loader.env(name, value))
    };
    let select = "SELECT symbol, traded_at AT TIME ZONE 'UTC', last_price, change, percent_change, open, high, low, \
                  previous_close FROM finnhub_quote ORDER BY symbol, traded_at";
    let both = [
        "AAPL|2024-01-01 00:00:00|182.63|1.85|1.0239|181.05|183.12|180.97|180.78",
        "MSFT|2020-03-27 08:11:36|6.06|NULL|NULL|5.74|6.14|5.62|5.75",
    ];
    for _ in 0..2 {
        pipeline(loader(), ["aapl_2024_sample.json", "rubi_2020.json"]);
        assert_eq!(space.rows(select), both);
    }
    pipeline(loader(), ["aapl_docs_2020.json", "rubi_2020.json"]);
    let earlier = "AAPL|2020-02-25 14:30:00|261.74|NULL|NULL|261.07|263.31|260.68|259.45";
    assert_eq!(space.rows(select), [earlier, both[0], both[1]]);
}
