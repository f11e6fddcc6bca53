use super::*;

const GOOD: &str = "\
name: openweather-current
schedule: \"*/15 * * * *\"
timezone: America/Los_Angeles
matrix: {city: [Seattle, Lisbon]}
steps:
  - extract-openweather current --city ${city}
  - run: load-influx --db weather
    secrets: {INFLUX_TOKEN: influx/token}
env: {ETL_LOG_FORMAT: json, TZ: \"\"}
config: {INFLUX_URL: key-etl-variables/PROD_INFLUX_URL}
secrets: {OPENWEATHER_KEY: openweather-secret/OPEN_WEATHER_SECRET}
env-from: [key-etl-variables]
targets: {airflow: {secrets: {INFLUX_TOKEN: influxdb/KEY}}}
on-failure: notify-slack
deadline: 10m
retry: {limit: 3, wait: 30s, longest: 5m}
";

#[test]
fn a_file_is_read_as_it_says() {
    let pipeline = parse("p.yaml", GOOD).unwrap();
    assert_eq!(pipeline.name, "openweather-current");
    assert_eq!(pipeline.schedule[0].to_string(), "*/15 * * * *");
    assert_eq!(pipeline.timezone, "America/Los_Angeles");
    let items: Vec<String> = pipeline.matrix.items().iter().map(Item::label).collect();
    assert_eq!(items, ["city=Seattle", "city=Lisbon"]);
    let words: Vec<String> = pipeline.steps[0].words.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["extract-openweather", "current", "--city", "${city}"]);
    assert_eq!((pipeline.steps[0].line, pipeline.steps[1].line), (6, 7));
    assert_eq!(pipeline.steps[1].name(), "load-influx");
    assert_eq!(pipeline.deadline, Some(Duration::from_secs(600)));
    assert_eq!(
        pipeline.retry,
        Retry { limit: 3, wait: Duration::from_secs(30), longest: Duration::from_secs(300) }
    );
    assert_eq!(pipeline.on_failure.as_ref().map(Step::name), Some("notify-slack"));

    let of = |target| {
        let settings = pipeline.settings(&pipeline.steps[1], target);
        settings.secrets.iter().map(|v| format!("{}={}", v.name, v.value)).collect::<Vec<_>>()
    };
    assert_eq!(
        of(None),
        ["OPENWEATHER_KEY=openweather-secret/OPEN_WEATHER_SECRET", "INFLUX_TOKEN=influx/token"]
    );
    assert_eq!(
        of(Some(Target::Airflow)),
        ["OPENWEATHER_KEY=openweather-secret/OPEN_WEATHER_SECRET", "INFLUX_TOKEN=influxdb/KEY"]
    );
    let left_out = GOOD.replace("{airflow: {", "{airflow: {name: weather, config: {INFLUX_URL: }, ");
    let pipeline = parse("p.yaml", &left_out).unwrap();
    assert!(pipeline.settings(&pipeline.steps[1], Some(Target::Airflow)).config.is_empty());
    assert_eq!(pipeline.settings(&pipeline.steps[1], Some(Target::Argo)).config.len(), 1);
    let settings = pipeline.settings(&pipeline.steps[0], None);
    assert_eq!(settings.env_from, [(12, "key-etl-variables".to_owned())]);
    assert_eq!(settings.env[1].value.literal(), Some(""));
}

#[test]
fn a_short_file_has_the_usual_values() {
    let pipeline = parse("p.yaml", "name: a\nsteps: [extract-file x.csv, load-sqlite --db a.db]\n").unwrap();
    assert_eq!(pipeline.timezone, "Etc/UTC");
    assert_eq!(pipeline.retry, Retry::default());
    assert!(pipeline.schedule.is_empty() && pipeline.on_failure.is_none() && pipeline.deadline.is_none());
    assert_eq!(pipeline.matrix.items().len(), 1);
    assert!(pipeline.window().is_empty());
}

/// The good file with one text replaced, the line that is refused, and a part of what is said.
const MUTATIONS: &[(&str, &str, usize, &str)] = &[
    ("name: openweather-current", "nam: openweather-current", 1, "`name` is meant?"),
    ("name: openweather-current\n", "", 1, "`name` is missing"),
    ("openweather-current\n", "Weather\n", 1, "is not a name"),
    ("openweather-current\n", "-a\n", 1, "is not a name"),
    ("openweather-current\n", "a-\n", 1, "is not a name"),
    ("openweather-current\n", "o123456789012345678901234567890123456789012345678\n", 4, "longer than 52"),
    ("schedule:", "shedule:", 2, "`schedule` is meant?"),
    ("\"*/15 * * * *\"", "\"*/15 * * *\"", 2, "has 4 fields"),
    ("\"*/15 * * * *\"", "[\"0 5 * * 0\", \"0 5 * * 7\"]", 2, "twice"),
    ("\"*/15 * * * *\"", "[]", 2, "no cron line"),
    ("America/Los_Angeles", "America/Los_Angels", 3, "is not a time zone"),
    ("America/Los_Angeles", "america/los_angeles", 3, "`America/Los_Angeles` is meant?"),
    ("America/Los_Angeles", "PST8", 3, "is not a time zone"),
    ("[Seattle, Lisbon]", "[Seattle, Seattle]", 4, "the item `Seattle` stands here twice"),
    ("[Seattle, Lisbon]", "[New York, New-York]", 4, "would both be named"),
    ("[Seattle, Lisbon]", "[]", 4, "has no items"),
    ("[Seattle, Lisbon]", "Seattle", 4, "is a list"),
    ("{city:", "{town:", 4, "no step names `${town}`"),
    ("{city:", "{since:", 4, "is not a name of an item"),
    ("${city}", "${cty}", 6, "`${cty}` is not a key of `matrix`"),
    ("${city}", "$city", 6, "a shell would expand"),
    ("${city}", "${city", 6, "is not a placeholder"),
    ("--city ${city}", "--city ${city} | jq .", 6, "each program is a step"),
    ("--city ${city}", "--city ${city} 'x", 6, "is not closed"),
    ("--city ${city}", "--city ${city} {a: 1}", 6, "quote the whole step"),
    ("--city ${city}", "--city ${city} #1", 6, "quote the whole"),
    ("- extract-openweather current --city ${city}", "- ''", 6, "this one is empty"),
    ("run: load-influx --db weather", "run: [load-influx]", 7, "`run` is a text"),
    ("run: load-influx --db weather", "cmd: load-influx", 7, "a step has `run`"),
    ("run: load-influx --db weather", "image: a:1", 7, "a step has `run`"),
    ("run: load-influx --db weather", "run: load-influx\n    image: jq", 8, "another image tomorrow"),
    (
        "run: load-influx --db weather",
        "run: load-influx\n    image: r:5/jq:latest",
        8,
        "another image tomorrow",
    ),
    ("influx/token", "token", 8, "is not a reference"),
    ("influx/token", "Influx/token", 8, "is not a reference"),
    (
        "    secrets: {INFLUX_TOKEN",
        "    env: {INFLUX_TOKEN: a}\n    secrets: {INFLUX_TOKEN",
        9,
        "two sources",
    ),
    ("TZ: \"\"}", "T-Z: a}", 9, "is not a name of a variable"),
    ("TZ: \"\"}", "TZ: }", 9, "where it is empty"),
    ("env-from: [key-etl-variables]", "env-from: a", 12, "is a list of names"),
    ("{airflow:", "{airflw:", 13, "`airflow` is meant?"),
    ("{airflow: {secrets:", "{airflow: {steps: 1, secrets:", 13, "`steps` is not a key of a target"),
    ("{airflow: {", "{airflow: {config: {INFLUX_URI: }, ", 13, "nothing names it"),
    ("{airflow: {", "{airflow: {name: A, ", 13, "is not a name"),
    ("on-failure: notify-slack", "on-failure: notify-slack --text ${city}", 14, "for no item"),
    ("deadline: 10m", "deadline: 10 minutes", 15, "is not a duration"),
    ("deadline: 10m", "deadline: 0", 15, "longer than nothing"),
    ("deadline: 10m", "deadline: 1500ms", 15, "whole seconds"),
    ("limit: 3", "limit: many", 16, "from 0 to 100"),
    ("limit: 3", "limits: 3", 16, "`limit` is meant?"),
    ("longest: 5m", "longest: 5s", 16, "`wait` is longer than `longest`"),
];

#[test]
fn each_mistake_is_refused_with_its_line() {
    for (good, bad, line, part) in MUTATIONS {
        assert!(GOOD.contains(good), "{good}");
        let text = GOOD.replacen(good, bad, 1);
        let problems = parse("p.yaml", &text).expect_err(bad);
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let expected = format!("p.yaml:{line}: ");
        assert!(
            found.iter().any(|said| said.starts_with(&expected) && said.contains(part)),
            "{bad}: {found:#?}"
        );
    }
}

#[test]
fn all_mistakes_are_said_at_once_in_the_order_of_the_lines() {
    let text = GOOD
        .replace("America/Los_Angeles", "Mars")
        .replace("deadline: 10m", "deadline: x")
        .replace("*/15", "99");
    let problems = parse("p.yaml", &text).unwrap_err();
    assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [2, 3, 15]);
    let fault = etl_stream::Fault::from(problems);
    assert!(fault.message().starts_with("p.yaml:2: ") && fault.message().ends_with("(2 problems more)"));
}
