//! The new commands from recorded replies into real databases, twice.

use etl_testkit::http::{Reply, Server};
use etl_testkit::influx::Influx;
use etl_testkit::postgres::{self, Space};
use etl_testkit::run::Cmd;

use crate::extractor::{extractor, reply};
use crate::one_call::whole;

/// `extract-openweather COMMAND | LOADER`
fn pipeline(command: &str, answer: &str, loader: Cmd) {
    let server = Server::start(Reply::json(200, answer));
    let (args, url): (Vec<&str>, String) = (command.split(' ').collect(), server.url());
    let args = [&args[..], &["--location", "here=40.78,-73.97", "--base-url", &url]].concat();
    let (extracted, loaded) = extractor().cmd(&args).pipe(loader);
    extracted.ok();
    loaded.ok();
}

fn into_postgres(space: &Space) -> Cmd {
    let loader = Cmd::bin("load-postgres").words("--create --mode upsert");
    space.env().into_iter().fold(loader, |loader, (name, value)| loader.env(name, value))
}

#[test]
fn each_part_of_one_call_and_the_forecast_of_the_air_has_rows_of_its_own() {
    let space = postgres::Server::shared().space();
    let (whole, air) = (whole(), reply("air_pollution_forecast/made_two_hours.json"));
    let minutes = reply("one_call_minutely/made_three_minutes.json");
    for _ in 0..2 {
        for (command, answer) in [
            ("one-call", &whole),
            ("one-call --part minutely", &minutes),
            ("one-call --part hourly", &whole),
            ("one-call --part daily", &whole),
            ("one-call --part alerts", &whole),
            ("air-pollution --forecast", &air),
        ] {
            pipeline(command, answer, into_postgres(&space));
        }
        for (query, rows) in [
            (
                "SELECT location, observed_at AT TIME ZONE 'UTC', lat, temp, condition, wind_gust, timezone, timezone_offset \
                 FROM openweather_one_call_current",
                &["here|2026-02-06 21:44:57|40.78|-0.27|Clouds|NULL|America/New_York|-18000"][..],
            ),
            (
                "SELECT forecast_at AT TIME ZONE 'UTC', precipitation FROM openweather_one_call_minutely ORDER BY 1",
                &["2026-02-06 21:45:00|0", "2026-02-06 21:46:00|0.1247", "2026-02-06 21:47:00|1"],
            ),
            (
                "SELECT forecast_at AT TIME ZONE 'UTC', temp, visibility, pop, snow_1h FROM openweather_one_call_hourly \
                 ORDER BY 1",
                &["2026-02-06 21:00:00|-0.66|10000|0|NULL", "2026-02-07 00:00:00|-1.54|NULL|0.2|0.13"],
            ),
            (
                "SELECT date, temp_min, feels_like_night, rain, snow, moonrise_at AT TIME ZONE 'UTC', moon_phase \
                 FROM openweather_one_call_daily ORDER BY 1",
                &[
                    "2026-02-08|-16.84|-20.33|NULL|NULL|NULL|0.72",
                    "2026-02-11|-4.02|-5|4.38|2.17|2026-02-11 07:57:00|0.82",
                ],
            ),
            (
                "SELECT event, number, split_part(description, chr(10), 2), end_at AT TIME ZONE 'UTC', tags \
                 FROM openweather_one_call_alerts ORDER BY 1, 2",
                &[
                    "Winter Weather Advisory|1|* WHAT...Snow, 1 to 2 inches.|2026-02-07 12:00:00|{Snow/Ice}",
                    "Winter Weather Advisory|2|* WHAT...Snow, 3 to 4 inches.|2026-02-07 12:00:00|{Snow/Ice}",
                    "Ветер|1|NULL|2026-02-07 12:00:00|{}",
                ],
            ),
            (
                "SELECT forecast_at AT TIME ZONE 'UTC', aqi, pm2_5, no FROM openweather_air_pollution_forecast ORDER BY 1",
                &["2023-12-04 09:00:00|2|4.02|0", "2023-12-04 10:00:00|4|38.6|0.12"],
            ),
        ] {
            assert_eq!(space.rows(query), rows, "{query}");
        }
    }
}

#[test]
fn they_are_points_too() {
    let database = Influx::shared().database();
    let loader = || {
        let loader = Cmd::bin("load-influx").env("INFLUX_URL", database.url());
        loader.env("INFLUX_DATABASE", database.name())
    };
    for _ in 0..2 {
        pipeline("one-call --part daily", &whole(), loader());
        pipeline("one-call --part alerts", &whole(), loader());
        pipeline("air-pollution --forecast", &reply("air_pollution_forecast/made_two_hours.json"), loader());
        assert_eq!(
            database.rows("SELECT temp_max, snow FROM openweather_one_call_daily GROUP BY location"),
            ["location=here: 1770570000000000000|-8.96|null", "location=here: 1770829200000000000|2.06|2.17"]
        );
        assert_eq!(
            database.rows("SELECT aqi, o3 FROM openweather_air_pollution_forecast GROUP BY location"),
            ["location=here: 1701680400000000000|2|60.8", "location=here: 1701684000000000000|4|58.65"]
        );
        assert_eq!(database.count("openweather_one_call_alerts", "end_at"), 3);
    }
}
