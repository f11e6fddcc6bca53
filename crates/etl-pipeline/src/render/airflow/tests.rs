use std::fs;
use std::path::Path;

use super::*;
use crate::{Cards, Options, Problems, Rendering, Steps, Target, parse, plan};

fn rendering(text: &str, operator: Operator) -> Result<Rendering, Problems> {
    let pipeline = parse("pipelines/p.yaml", text)?;
    let plan = plan(&pipeline, &Cards::embedded(), Some(Target::Airflow))?;
    let options = Options {
        registry: "registry.example/standpipe".to_owned(),
        tag: "1.2.3".to_owned(),
        steps: Steps::Pipe,
        operator,
    };
    crate::render(&plan, &options)
}

/// The one file of a rendering.
fn file(text: &str, operator: Operator) -> Rendered {
    let rendering = rendering(text, operator).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(rendering.warnings.is_empty(), "{:?}", rendering.warnings);
    let [file] = rendering.files.try_into().expect("one file");
    file
}

/// Compares a file with the one that is kept; `UPDATE_GOLDEN=1` writes it.
fn golden(name: &str, text: &str, operator: Operator) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rendered").join(name);
    let file = file(text, operator);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &file.text).unwrap();
    }
    assert_eq!(file.path, name);
    assert_eq!(file.text, fs::read_to_string(&path).unwrap(), "{}", path.display());
}

const WEATHER: &str = r#"name: openweather-current
schedule: "*/15 * * * *"
timezone: America/Los_Angeles
matrix: {city: [Seattle, "New York"]}
steps:
  - extract-openweather current --city ${city}
  - load-influx --db weather
env: {ETL_LOG_FORMAT: logfmt}
config: {INFLUX_URL: key-etl-variables/PROD_INFLUX_URL}
secrets:
  OPENWEATHER_KEY: openweather-secret/OPEN_WEATHER_SECRET
  INFLUX_TOKEN: influxdb-secret/PROD_INFLUX_KEY
  ALERT_WEBHOOK: slack-webhook-pipeline-failures/WEBHOOK_ETL_ALERTS
env-from: [key-etl-variables]
on-failure: notify-slack
deadline: 10m
retry: {limit: 3, wait: 90s, longest: 5m}
"#;

const PRICES: &str = r#"name: prices
schedule: "0 5 * * *"
steps:
  - extract-postgres --query 'SELECT id, $${x}, $$1 FROM "{{ ds }}" WHERE at >= ${since} AND at < ${until}'
  - load-postgres --table prices
  - load-postgres --table receipts --schema etl.receipt
env: {PGOPTIONS: "-c x=it's", PGAPPNAME: "${since} {%", TZ: "$(X)"}
config: {PGSSLMODE: key-etl-variables/MODE}
secrets: {DATABASE_URL: postgres/URL, ALERT_WEBHOOK: slack/URL}
env-from: [key-etl-variables]
on-failure: {run: notify-slack, env: {SLACK_CHANNEL: "{{ alerts"}}
"#;

#[test]
fn a_dag_of_pods() {
    golden("openweather_current.py", WEATHER, Operator::Kubernetes);
}

#[test]
fn a_dag_of_containers() {
    golden("prices.py", PRICES, Operator::Docker);
}

#[test]
fn a_dag_of_pods_with_a_data_interval_and_texts_that_would_be_expanded() {
    let file = file(PRICES, Operator::Kubernetes);
    let has = |part: &str| assert!(file.text.contains(part), "{part}\n{}", file.text);
    has(r#"schedule=CronDataIntervalTimetable("0 5 * * *", timezone="Etc/UTC")"#);
    has(
        r#"SELECT id, $${x}, $$$$1 FROM \"{{ '{{' }} ds }}\" WHERE at >= {{ data_interval_start | ts }} AND at < {{ data_interval_end | ts }}"#,
    );
    has(r#"k8s.V1EnvVar(name="PGAPPNAME", value="{{ data_interval_start | ts }} {{ '{' }}%")"#);
    has(r#"k8s.V1EnvVar(name="TZ", value="$$(X)")"#);
    has(r#"k8s.V1EnvVar(name="SLACK_CHANNEL", value="{{ '{{' }} alerts")"#);
    has(r#""prices/{{ ts | default(run_id) }}/load-postgres-2""#);
    has(r#""prices/{{ ts | default(run_id) }}/load-postgres-3""#);
    has("key='failure') | select | list | tojson | replace('$', '$$') }}");
    has(r#"outlets=[Asset("x-standpipe://prices")]"#);
    // What Kubernetes expands in a text are the variables before it.
    let failures = file.text.find("WORKFLOW_FAILURES").unwrap();
    assert!(failures < file.text.rfind("ALERT_WEBHOOK").unwrap());
}

#[test]
fn schedules_become_timetables() {
    let file = |schedule: &str| {
        let text = WEATHER.replace("schedule: \"*/15 * * * *\"\n", schedule);
        file(&text, Operator::Docker).text
    };
    let several = file("schedule: [\"0 5 * * 7\", \"30 6 * * 1\"]\n");
    assert!(several.contains("from airflow.timetables.trigger import MultipleCronTriggerTimetable\n"));
    assert!(several.contains(
        "    schedule=MultipleCronTriggerTimetable(\n        \"0 5 * * 0\",\n        \"30 6 * * 1\",\n        timezone=\"America/Los_Angeles\",\n    ),\n"
    ), "{several}");
    let by_hand = file("");
    assert!(by_hand.contains("    schedule=None,\n") && !by_hand.contains("timetables"), "{by_hand}");
}

#[test]
fn a_pipeline_without_items_and_without_an_end_of_its_own_is_one_task() {
    let text = "name: a-b\nsteps: [extract-file a.csv, transform]\n"
        .replace("transform", "load-sqlite --db x.db --table t");
    let text = file(&text, Operator::Docker).text;
    assert!(text.contains("\n    Standpipe(\n        task_id=\"run\",\n"), "{text}");
    assert!(!text.contains("on_failure"), "{text}");
    assert!(text.contains("dag_id=\"a_b\""));
}

#[test]
fn what_would_change_the_result_is_refused_with_its_line() {
    for (text, from, to, line, part) in [
        (PRICES, "schedule: \"0 5 * * *\"\n", "", 2, "`${since}` is an end of the interval"),
        (
            PRICES,
            "\"0 5 * * *\"",
            "[\"0 5 * * *\", \"0 6 * * *\"]",
            2,
            "`${since}` is an end of the interval",
        ),
        (
            WEATHER,
            "  - extract-openweather current --city ${city}",
            "  - {run: 'python3 weather.py ${city}', image: 'weather:1'}",
            6,
            "`python3` has an image of its own",
        ),
        (WEATHER, "--db weather", "--db '|'", 7, "a word that is `|`"),
        (
            PRICES,
            "  - load-postgres --table prices\n",
            "  - {run: load-postgres --table prices, env: {PGAPPNAME: other}}\n",
            5,
            "`PGAPPNAME` is another",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        for operator in [Operator::Kubernetes, Operator::Docker] {
            let problems = rendering(&text.replacen(from, to, 1), operator).unwrap_err();
            let said = problems.to_string();
            assert!(
                said.contains(&format!("pipelines/p.yaml:{line}: ")) && said.contains(part),
                "{to}: {said}"
            );
        }
    }
}

#[test]
fn an_image_of_ones_own_may_have_everything_or_tell_of_failures() {
    let own = PRICES
        .replace(
            "  - load-postgres --table prices\n",
            "  - {run: load-postgres --table prices, image: 'all:2'}\n",
        )
        .replace(
            "  - load-postgres --table receipts --schema etl.receipt\n",
            "  - {run: load-postgres --table receipts --schema etl.receipt, image: 'all:2'}\n",
        );
    let lines: Vec<&str> = own.lines().collect();
    let first = format!("  - run: >-\n     {}\n    image: 'all:2'\n", &lines[3][4..]);
    let own = own.replace(&format!("{}\n", lines[3]), &first);
    let own = own.replace("{run: notify-slack, env", "{run: python3 tell.py, image: 'tell:1', env");
    let (pods, containers) = (file(&own, Operator::Kubernetes).text, file(&own, Operator::Docker).text);
    assert!(pods.contains("image=\"all:2\"") && containers.contains("image=\"all:2\""));
    assert!(
        pods.contains(
            "        image=\"tell:1\",\n        cmds=[\"python3\"],\n        arguments=[\"tell.py\"],\n"
        ),
        "{pods}"
    );
    assert!(
        containers.contains("        entrypoint=[\"python3\"],\n        command=[\"tell.py\"],\n"),
        "{containers}"
    );
}
