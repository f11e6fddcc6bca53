//! Rendered workflows, run as Argo runs them ([`crate::workflow`]): rows, codes, ids and messages.

use etl_pipeline::Steps;

use crate::manifest::{render, root};
use crate::workflow::{Ended, Start};
use crate::world::World;

const BOTH: [Steps; 2] = [Steps::Pipe, Steps::Artifacts];

/// Two cities; the second one has another reply.
const CITIES: &str = "name: current
schedule: '7 * * * *'
matrix: {city: [Paris, 'Munich $$ {x}']}
steps:
  - extract-openweather current --city ${city} --retries 0
  - load-postgres --create
  - \"notify-slack --template '{{ records }}: $${city} $$HOME {{ target }} {{ inserted }}'\"
config: {DB_HOST: weather/DB_HOST, POSTGRES_PORT: weather/POSTGRES_PORT, DASHBOARD_DB: weather/DASHBOARD_DB}
secrets:
  OPENWEATHER_KEY: openweather/OPENWEATHER_KEY
  POSTGRES_USER: postgres/POSTGRES_USER
  POSTGRES_PASSWORD: postgres/POSTGRES_PASSWORD
  SLACK_WEBHOOK_URL: slack/ALERT_WEBHOOK
on-failure: notify-slack
retry: {limit: 2, wait: 1s, longest: 1s}
";

fn codes(ended: &Ended, template: &str) -> Vec<i32> {
    ended.of(template).iter().map(|ran| ran.code).collect()
}

/// The templates that extract and load, which in a pipe are one.
fn steps(steps: Steps) -> [&'static str; 2] {
    match steps {
        Steps::Pipe => ["pipeline"; 2],
        Steps::Artifacts => ["extract-openweather", "load-postgres"],
    }
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn items_are_loaded_once_each_after_transient_failures() {
    for form in BOTH {
        let [extract, load] = steps(form);
        let world = World::new(2);
        let documents = render("current.yaml", CITIES, form);
        let argo = world.argo(&documents, "k3y");
        let due = Start::Scheduled("2026-11-28T02:07:00Z");
        let ended = argo.run(&documents, "0a6b5ad1", &due).expect("it is started");
        assert_eq!(ended.status, "Succeeded", "{:?}", ended.tries);
        // The first item was tried three times, and the second one once.
        assert_eq!(codes(&ended, extract), [75, 75, 0, 0], "{:?}", ended.tries);
        let rows = world.postgres.rows("SELECT location, temp FROM openweather_current ORDER BY 1");
        assert_eq!(rows, ["Munich $$ {x}|9.25", "Paris|9.25"], "{:?}", ended.tries);
        let ids = world.postgres.rows("SELECT load_id, records FROM etl_load ORDER BY 1");
        let id = |item: &str| format!("current/2026-11-28T02:07:00Z/load-postgres/{item}|1");
        assert_eq!(ids, [id("Munich $$ {x}"), id("Paris")]);
        // A text with braces and dollars arrives as it was written, and nothing of a success is reported.
        let posted = world.posted();
        let told = posted.iter().filter(|text| text.contains("1: ${city} $$HOME "));
        assert_eq!(told.count(), 2, "{posted:?}");
        assert!(ended.of("notify-slack-2").is_empty());

        // Each hand-over is an object of its own, under the run's uid.
        let keys =
            ended.artifacts.iter().filter(|(key, _)| key.starts_with("current/0a6b5ad1/current-0a6b5ad1-"));
        assert_eq!(keys.count(), if form == Steps::Pipe { 0 } else { 4 });

        // The same run again, as after a try that was killed when it had committed: nothing is added. What was fetched
        // again has another `fetched_at`: a live pipe is content with what was committed, a file must be the same.
        let again = argo.run(&documents, "another", &due).expect("it is started");
        let expected = if form == Steps::Pipe { ("Succeeded", [0, 0]) } else { ("Failed", [3, 3]) };
        assert_eq!(
            (again.status, codes(&again, load).as_slice()),
            (expected.0, &expected.1[..]),
            "{:?}",
            again.tries
        );
        assert_eq!(world.postgres.count("SELECT count(*) FROM etl_load"), 2);

        // A run by hand is another one.
        let by_hand = argo.run(&documents, "by-hand", &Start::ByHand(&[])).expect("it is started");
        assert_eq!(by_hand.status, "Succeeded");
        let ids =
            world.postgres.rows("SELECT load_id FROM etl_load WHERE load_id LIKE '%by-hand%' ORDER BY 1");
        assert_eq!(
            ids,
            ["current/by-hand/load-postgres/Munich $$ {x}", "current/by-hand/load-postgres/Paris"]
        );
    }
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn a_permanent_failure_is_not_tried_again_and_is_posted() {
    for form in BOTH {
        let [extract, load] = steps(form);
        let world = World::new(0);
        let documents = render("current.yaml", CITIES, form);
        let argo = world.argo(&documents, "refused");
        let ended = argo.run(&documents, "1", &Start::ByHand(&[])).expect("it is started");
        assert_eq!(ended.status, "Failed");
        // One item's failure does not keep the other one from being tried.
        assert_eq!(codes(&ended, extract), [77, 77], "{:?}", ended.tries);
        assert_eq!(ended.of(load).len(), if form == Steps::Pipe { 2 } else { 0 });
        assert_eq!(codes(&ended, "notify-slack-2"), [0], "{:?}", ended.tries);
        // In a pipe the last step, too, posts why it got nothing.
        let posted = world.posted();
        let of_the_workflow: Vec<&String> =
            posted.iter().filter(|text| text.contains("Workflow current-1 failed")).collect();
        assert_eq!(of_the_workflow.len(), 1, "{posted:?}");
        for part in [extract, "exit code 77"] {
            assert!(of_the_workflow[0].contains(part), "{posted:?}");
        }
    }
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn retries_have_an_end() {
    let world = World::new(u32::MAX);
    let documents = render("current.yaml", CITIES, Steps::Artifacts);
    let ended =
        world.argo(&documents, "k3y").run(&documents, "1", &Start::ByHand(&[])).expect("it is started");
    assert_eq!((ended.status, codes(&ended, "extract-openweather")), ("Failed", vec![75; 6]));
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn an_artifact_without_an_end_is_not_loaded() {
    let world = World::new(0);
    let documents = render("current.yaml", CITIES, Steps::Artifacts);
    let mut argo = world.argo(&documents, "k3y");
    argo.spoil =
        Some(|whole| whole.split_inclusive(|&byte| byte == b'\n').take(2).flatten().copied().collect());
    let ended = argo.run(&documents, "1", &Start::ByHand(&[])).expect("it is started");
    assert_eq!((ended.status, codes(&ended, "load-postgres")), ("Failed", vec![3, 3]), "{:?}", ended.tries);
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'openweather_current'";
    assert!(
        world.postgres.count(tables) == 0
            || world.postgres.count("SELECT count(*) FROM openweather_current") == 0
    );
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn a_run_without_its_window_is_not_started() {
    let pipeline = "name: backfill
steps:
  - extract-postgres --query 'SELECT :since::text AS since, :until::text AS until' --param since=${since} --param until=${until}
  - load-postgres --create --table backfill
config: {DB_HOST: w/h, POSTGRES_PORT: w/p, DASHBOARD_DB: w/d}
secrets: {POSTGRES_USER: p/u, POSTGRES_PASSWORD: p/p}
";
    for form in BOTH {
        let world = World::new(0);
        let documents = render("backfill.yaml", pipeline, form);
        let argo = world.argo(&documents, "k3y");
        let why = argo.run(&documents, "1", &Start::ByHand(&[("since", "2026-01-01")])).err();
        assert_eq!(
            why.as_deref(),
            Some("spec.arguments.until.value or spec.arguments.until.valueFrom is required")
        );
        let window = [("since", "2026-01-01"), ("until", "2026-02-01")];
        let ended = argo.run(&documents, "1", &Start::ByHand(&window)).expect("it is started");
        assert_eq!(ended.status, "Succeeded", "{:?}", ended.tries);
        assert_eq!(world.postgres.rows("SELECT since, until FROM backfill"), ["2026-01-01|2026-02-01"]);
    }
}

/// Each pipeline of `pipelines/`, a query for what it stored or a pattern of the series that it stored, and some of that.
const STORED: [(&str, &str, &str); 14] = [
    ("alpha-vantage-10yr-tbill", "SELECT date, value FROM ten_year_tbill ORDER BY 1", "2025-11-01|4.09"),
    ("alpha-vantage-2yr-tbill", "SELECT date, value FROM two_year_tbill ORDER BY 1", "2025-11-01|4.09"),
    ("asana-tasks", "SELECT gid, name FROM asana_tasks ORDER BY 1", "1210025338168162|Emoji for new value"),
    ("finnhub-stock-prices", "finnhub_quotes_.*", "[261.74]"),
    ("github-actions-runs", "data_dashboard_actions_.*", "[54]"),
    ("github-actions-usage", "github_actions_.*", "[100]"),
    ("github-dependabot-alerts", "SELECT number, severity FROM github_dependabot_alerts", "20|medium"),
    ("openweather-air-quality", "airq_pm2_5", "[5.04]"),
    ("openweather-current", "weather_temp", "[9.25]"),
    ("openweather-forecast", "forecast_temp", "[288.43]"),
    (
        "raspberry-pi-locator",
        "SELECT title, link FROM rpi_alert_data",
        "https://rpilocator.com?vendor=pimoroni",
    ),
    (
        "treasury-yield-curve-daily",
        "SELECT date, m1, y10 FROM treasury_yield_curve ORDER BY 1",
        "2026-01-05|3.70|4.17",
    ),
    (
        "treasury-yield-curve-load",
        "SELECT date, m1, y10 FROM treasury_yield_curve ORDER BY 1",
        "2026-01-05|3.70|4.17",
    ),
    ("treasury-yield-curve-plot", "SELECT tenor, rate FROM yield_curve_plot ORDER BY months", "1 month|4.01"),
];

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn each_pipeline_stores_the_same_in_both_forms() {
    let files = root().join("pipelines").read_dir().expect("the pipelines");
    assert_eq!(files.count(), STORED.len());
    for (name, stored, some) in STORED {
        let text =
            std::fs::read_to_string(root().join(format!("pipelines/{name}.yaml"))).expect("the pipeline");
        // The recorded item is older than a day.
        let text = text.replace("MAX_AGE: \"24\"", "MAX_AGE: \"240000\"");
        let [pipe, artifacts] = BOTH.map(|form| {
            let world = World::new(0);
            if name == "treasury-yield-curve-plot" {
                world.postgres.sql(
                    "CREATE TABLE treasury_yield_curve (date date, m1 numeric, m2 numeric, m3 numeric, m4 numeric, m6 numeric, \
                     y1 numeric, y2 numeric, y3 numeric, y5 numeric, y7 numeric, y10 numeric, y20 numeric, y30 numeric); \
                     INSERT INTO treasury_yield_curve (date, m1, y10) \
                     VALUES ('2026-11-27', 4.01, 4.5), ('2026-11-26', 1, 1)",
                );
            }
            let documents = render(name, &text, form);
            let argo = world.argo(&documents, "1201");
            // A pipeline without a schedule is started by hand.
            let start = match documents.len() {
                1 => Start::ByHand(&[]),
                _ => Start::Scheduled("2026-11-28T02:00:00Z"),
            };
            let ended = argo.run(&documents, "1", &start).expect("it is started");
            assert_eq!(ended.status, "Succeeded", "{name}: {:?}", ended.tries);
            match stored.starts_with("SELECT") {
                true => world.postgres.rows(stored),
                false => world.victoria.points(stored),
            }
        });
        assert!(pipe.iter().any(|row| row.contains(some)), "{name} stored {pipe:?}");
        assert_eq!(pipe, artifacts, "{name}");
    }
}

#[test]
fn what_the_kubelet_expands_is_as_it_says() {
    let environment = [("A".to_owned(), "{".to_owned())];
    for (text, expected) in [("$(A){ x }}", "{{ x }}"), ("$$(A) $(B) $$$$ $x $", "$(A) $(B) $$ $x $")] {
        assert_eq!(crate::manifest::expand(text, &environment), expected);
    }
}
