use super::super::testing::{is_golden, is_refused};
use super::calendar::{events, shortest_gap};
use crate::Target::Systemd;
use crate::cron::Cron;

const PIPELINE: &str = "\
name: openweather-current
schedule: [\"*/15 * * * *\", \"5 4 1,15 * 1-5\"]
timezone: America/Los_Angeles
matrix: {city: [New York, \"100 % $x \\\"q\\\" \\\\\"]}
steps:
  - extract-openweather current --city ${city}
  - {run: jq -c '.|$x', image: \"jq:1.7\"}
  - load-postgres --create
env: {ETL_LOG_LEVEL: info, TITLE: \"${city} 5 %\"}
config: {DB_HOST: key-etl-variables/DB_HOST}
secrets: {OPENWEATHER_KEY: openweather/KEY, POSTGRES_USER: postgres/USER}
env-from: [common]
on-failure:
  run: notify-slack
  secrets: {ALERT_WEBHOOK: slack/WEBHOOK}
deadline: 10m
retry: {limit: 4, wait: 30s, longest: 10m}
";

#[test]
fn each_item_has_a_service_and_a_timer() {
    is_golden(
        Systemd,
        PIPELINE,
        &[
            "openweather-current-new-york.service",
            "openweather-current-new-york.timer",
            "openweather-current-100-x-q.service",
            "openweather-current-100-x-q.timer",
            "openweather-current-on-failure@.service",
        ],
        &[(7, "`image` is not used"), (16, "all tries may take 3750 s"), (17, "before version 254")],
    );
}

#[test]
fn without_a_schedule_there_is_no_timer() {
    let text = "\
name: copy
steps: [extract-file /srv/meters.csv, load-postgres --create --table meters]
secrets: {DATABASE_URL: postgres/URL}
on-failure: {run: sh /etc/standpipe/failed.sh, secrets: {DATABASE_URL: postgres/URL}}
retry: {limit: 0}
";
    // What another program needs as a variable is one for the loader, too: all units read one file.
    is_golden(Systemd, text, &["copy.service", "copy-on-failure@.service"], &[]);
}

#[test]
fn what_systemd_cannot_do_is_refused() {
    is_refused(
        Systemd,
        PIPELINE,
        &[
            ("'.|$x'", "'|'", 7, "would end the step"),
            ("TITLE: \"${city} 5 %\"", "TITLE: \"${since}\"", 9, "has no data interval"),
            (
                "load-postgres --create",
                "{run: load-postgres --create, config: {DB_HOST: other/HOST}}",
                8,
                "another for another step",
            ),
        ],
    );
}

#[test]
fn cron_lines_are_calendar_events() {
    for (line, expected) in [
        ("*/15 * * * *", &["*-*-* *:00,15,30,45:00 Etc/UTC"][..]),
        ("5 4 * * 1-5", &["Mon..Fri *-*-* 04:05:00 Etc/UTC"]),
        ("0 9-17 * * sat,sun", &["Sat,Sun *-*-* 09..17:00:00 Etc/UTC"]),
        ("0 0 * * 5-7", &["Fri..Sun *-*-* 00:00:00 Etc/UTC"]),
        ("0 0 29 2 *", &["*-02-29 00:00:00 Etc/UTC"]),
        (
            "*/20 1,2 */2 1-3 *",
            &["*-01..03-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 01,02:00,20,40:00 Etc/UTC"],
        ),
        ("0 6 1,15 * 1", &["*-*-01,15 06:00:00 Etc/UTC", "Mon *-*-* 06:00:00 Etc/UTC"]),
        ("* * * * *", &["*-*-* *:*:00 Etc/UTC"]),
    ] {
        assert_eq!(events(&Cron::parse(line, 1).unwrap(), "Etc/UTC"), expected, "{line}");
    }
}

#[test]
fn the_shortest_gap_is_found_over_all_lines_and_midnight() {
    for (lines, minutes) in [
        (&["0 5 * * *"][..], 24 * 60),
        (&["*/15 * * * *"], 15),
        (&["0 5 * * *", "20 5 * * 1"], 20),
        (&["0 23 * * *", "0 1 * * *"], 120),
        (&["7 * * * *"], 60),
    ] {
        let schedule: Vec<Cron> = lines.iter().map(|line| Cron::parse(line, 1).unwrap()).collect();
        assert_eq!(shortest_gap(&schedule).as_secs(), minutes * 60, "{lines:?}");
    }
}
