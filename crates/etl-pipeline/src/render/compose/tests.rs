use super::super::testing::{is_golden, is_refused};
use crate::Target::Compose;

const PIPELINE: &str = "\
name: openweather-current
schedule: \"*/15 * * * *\"
matrix: {city: [New York, A$B]}
steps:
  - extract-openweather current --city ${city}
  - {run: \"jq -c '$x | .'\", image: \"registry.example/jq:1.7\"}
  - load-postgres --create
env: {TITLE: \"${city} $ 1\"}
config: {DB_HOST: key-etl-variables/DB_HOST}
secrets: {OPENWEATHER_KEY: openweather/KEY, POSTGRES_PASSWORD: postgres/PASSWORD}
env-from: [common]
on-failure:
  run: notify-slack
  secrets: {ALERT_WEBHOOK: slack/WEBHOOK}
deadline: 10m
retry: {limit: 3}
";

#[test]
fn each_step_of_each_item_is_a_service() {
    is_golden(
        Compose,
        PIPELINE,
        &["openweather-current.yaml"],
        &[
            (2, "no schedule"),
            (13, "docker compose run --rm on-failure"),
            (15, "no deadline"),
            (16, "no exit codes"),
        ],
    );
}

#[test]
fn the_interval_is_that_of_who_starts_it() {
    let text = "\
name: treasury
steps:
  - extract-treasury yield-curve --since ${since} --until ${until}
  - load-influx --db rates
config: {INFLUX_URL: influx/URL}
";
    is_golden(Compose, text, &["treasury.yaml"], &[]);
}

#[test]
fn what_compose_cannot_do_is_refused() {
    is_refused(
        Compose,
        PIPELINE,
        &[
            (
                "load-postgres --create",
                "{run: load-postgres --create, config: {DB_HOST: other/HOST}}",
                7,
                "it is set by its name",
            ),
            ("image: \"registry.example/jq:1.7\"", "env: {A: b}", 6, "name the `image`"),
        ],
    );
}
