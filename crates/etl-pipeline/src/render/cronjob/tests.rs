use super::super::testing::{is_golden, is_refused, rendered};
use crate::Target::CronJob;

const CURRENT: &str = "\
name: openweather-current
schedule: [\"*/15 * * * *\", \"7 0 * * 7\"]
timezone: America/Los_Angeles
matrix: {city: [New York, \"A$(B)$$\"]}
steps:
  - extract-openweather current --city ${city}
  - load-postgres --create
env: {ETL_LOG_LEVEL: info}
config: {DB_HOST: key-etl-variables/DB_HOST}
secrets: {OPENWEATHER_KEY: openweather/KEY, POSTGRES_PASSWORD: postgres/PASSWORD}
env-from: [common]
on-failure:
  run: notify-slack --when '$(date)'
  secrets: {ALERT_WEBHOOK: slack/WEBHOOK}
deadline: 10m
retry: {limit: 4, wait: 30s, longest: 10m}
";

const ONCE: &str = "\
name: meters
steps:
  - {run: \"jq -c '$x'\", image: \"registry.example/mine:4\"}
  - {run: load-influx --db weather, image: \"registry.example/mine:4\"}
env: {ETL_LOG_FORMAT: text}
config: {INFLUX_URL: influx/URL}
retry: {limit: 0}
";

#[test]
fn each_item_and_line_is_a_cron_job() {
    is_golden(
        CronJob,
        CURRENT,
        &["openweather-current.yaml"],
        &[
            (2, "does not wait for a run of the others"),
            (13, "`on-failure` runs after each one that fails"),
            (16, "`wait` and `longest`"),
        ],
    );
}

const COPY: &str = "\
name: copy
steps:
  - {run: extract-postgres --query TABLE, config: {PGHOST: source/HOST, PGDATABASE: source/DB}, secrets: {PGUSER: source/USER}}
  - {run: load-postgres --table b, config: {PGHOST: source/HOST, PGDATABASE: source/DB}, secrets: {PGUSER: source/USER}}
retry: {limit: 0}
";

#[test]
fn without_a_schedule_it_is_a_job() {
    is_golden(CronJob, ONCE, &["meters.yaml"], &[]);
}

#[test]
fn what_a_job_cannot_do_is_refused() {
    is_refused(
        CronJob,
        CURRENT,
        &[
            ("--city ${city}", "--city ${city} --from ${since}", 6, "has no flag"),
            ("ETL_LOG_LEVEL: info", "ETL_LOG_LEVEL: \"${until}\"", 8, "has no data interval"),
            ("load-postgres --create", "jq -c '|'", 7, "is not a component"),
            (
                "load-postgres --create",
                "{run: load-postgres --create, image: \"mine:1\"}",
                7,
                "has an image of its own",
            ),
            (
                "load-postgres --create",
                "{run: load-postgres --create, env: {ETL_LOG_LEVEL: debug}}",
                7,
                "another for another step",
            ),
            (
                "[New York,",
                "[o12345678901234567890123456789, o12345678901234567890123456789-2,",
                2,
                "is also the name",
            ),
            ("[New York,", "[o12345678901234567890123456789012,", 4, "is longer than 52"),
        ],
    );
    is_refused(
        CronJob,
        ONCE,
        &[
            ("ETL_LOG_FORMAT: text", "JOB_NAME: x", 5, "is the name of the Job here"),
            ("jq -c '$x'", "jq -c '|'", 3, "would end the step"),
            ("registry.example/mine:4", "registry.example/mine:5", 3, "has an image of its own"),
        ],
    );
}

#[test]
fn what_is_meant_for_one_step_does_not_reach_another() {
    is_refused(
        CronJob,
        COPY,
        &[
            (
                "b, config: {PGHOST: source/HOST,",
                "b, config: {PGHOST: target/HOST,",
                4,
                "`PGHOST` is another for another step",
            ),
            (
                "b, config: {PGHOST: source/HOST,",
                "b, config: {DB_HOST: target/HOST,",
                3,
                "`PGHOST` is not meant for `load-postgres`",
            ),
            (
                "secrets: {PGUSER: source/USER}}\n  - ",
                "secrets: {DATABASE_URL: source/URL}}\n  - ",
                3,
                "`DATABASE_URL` is not meant for `load-postgres`",
            ),
        ],
    );
}

#[test]
fn a_text_is_what_it_was_after_the_kubelet_has_expanded_it() {
    let text = rendered(CronJob, CURRENT).unwrap().files.remove(0).text;
    assert!(text.contains("- A$$(B)$$$$\n"), "{text}");
    assert!(text.contains("notify-slack --when '$$(date)'"), "{text}");
    let again = rendered(CronJob, CURRENT).unwrap().files.remove(0).text;
    assert_eq!(text, again);
}
