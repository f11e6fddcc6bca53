use super::*;
use crate::parse;

const GOOD: &str = "\
name: alerts
schedule: 0 * * * *
matrix: {repo: [o/a, o/b]}
steps:
  - extract-github dependabot-alerts --repo ${repo} --state open
  - load-postgres --create --mode ignore --emit new
  - notify-slack --when 'severity == \"high\"'
env: {ETL_LOG_FORMAT: json}
config: {DB_HOST: pg/HOST}
secrets:
  GITHUB_TOKEN: github/TOKEN
  POSTGRES_PASSWORD: pg/PASSWORD
  SLACK_WEBHOOK_URL: slack/WEBHOOK
on-failure: notify-slack
";

fn planned(text: &str, target: Option<Target>) -> Result<Plan, Problems> {
    plan(&parse("p.yaml", text).expect("its form is right"), &Cards::embedded(), target)
}

fn refused(text: &str, target: Option<Target>) -> Vec<String> {
    planned(text, target).expect_err(text).iter().map(ToString::to_string).collect()
}

#[test]
fn each_step_is_known_by_its_card_and_gets_what_it_reads() {
    let plan = planned(GOOD, Some(Target::Argo)).unwrap();
    let [extract, load, notify] = plan.stages.as_slice() else { panic!("{plan:?}") };
    let names = |stage: &Stage| stage.settings.names().map(|(_, name)| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(extract), ["ETL_LOG_FORMAT", "GITHUB_TOKEN"]);
    assert_eq!(names(load), ["ETL_LOG_FORMAT", "DB_HOST", "POSTGRES_PASSWORD"]);
    assert_eq!(names(notify), ["ETL_LOG_FORMAT", "SLACK_WEBHOOK_URL"]);
    assert_eq!(names(plan.on_failure.as_ref().unwrap()), ["ETL_LOG_FORMAT", "SLACK_WEBHOOK_URL"]);
    let streams = |stage: &Stage| (stage.reads, stage.prints, stage.takes_load_id());
    assert_eq!(
        plan.stages.iter().map(streams).collect::<Vec<_>>(),
        [(false, true, false), (true, true, true), (true, false, false)]
    );
    assert!(load.can_take("--seal") && load.has("--emit") && !load.can_take("--emit"));
    assert!(extract.can_take("--output") && !extract.can_take("--input"));
}

#[test]
fn a_foreign_program_is_any_filter_and_gets_everything() {
    let text = GOOD
        .replace("  - load-postgres", "  - {run: \"jq -c 'del(.x)'\", image: \"jq:1.7\"}\n  - load-postgres");
    let plan = planned(&text, Some(Target::Argo)).unwrap();
    let jq = &plan.stages[1];
    assert_eq!((jq.name(), jq.component.as_deref(), jq.reads, jq.prints), ("jq", None, true, true));
    assert_eq!(jq.settings.names().count(), 5);
    // What a program needs is not known, so that nothing is refused as unread.
    planned(&text.replace("DB_HOST:", "ANYTHING: a/b, DB_HOST:"), None).unwrap();
}

#[test]
fn a_word_may_have_several_values() {
    planned(&GOOD.replace("--create --mode", "--create --evolve add-columns,widen --mode"), None).unwrap();
    planned(&GOOD.replace("--state open", "--state open,fixed --state dismissed"), None).unwrap();
}

/// The good file with one text replaced, the line that is refused, and a part of what is said.
const MUTATIONS: &[(&str, &str, usize, &str)] = &[
    (
        "load-postgres --create",
        "transform-jq . --arg a\n  - load-postgres --create",
        6,
        "`--arg` needs 2 values",
    ),
    (
        "load-postgres --create",
        "transform-jq . --arg a 1 b\n  - load-postgres --create",
        6,
        "takes no argument `b`",
    ),
    (
        "load-postgres --create --mode ignore --emit new",
        "transform-jq . --schema etl.receipt\n  - standpipe unreject",
        7,
        "`standpipe` reads records of etl.reject, but those of etl.receipt come",
    ),
    ("extract-github dep", "extract-gihub dep", 5, "`extract-github` is meant?"),
    ("load-postgres --create", "load-mysql --create", 6, "none of that name is known"),
    (
        "dependabot-alerts",
        "dependabot-alert",
        5,
        "has no command `dependabot-alert`: `dependabot-alerts` is meant?",
    ),
    ("dependabot-alerts --repo ${repo} --state open", "--repo ${repo}", 5, "has no flag `--repo`"),
    ("--state open", "--stat open", 5, "has no flag `--stat`: `--state` is meant?"),
    ("--state open", "--state", 5, "`--state` has no value"),
    ("--create --mode", "--create=yes --mode", 6, "`--create` takes no value"),
    ("--mode ignore", "--mode ignor", 6, "`ignor` is not a value of `--mode`"),
    ("--create --mode", "--evolve add-columns,wide --mode", 6, "`wide` is not a value of `--evolve`"),
    ("--mode ignore", "--mode ignore,append", 6, "`ignore,append` is not a value of `--mode`"),
    ("--mode ignore", "--mode ignore --mode append", 6, "`--mode` is given twice"),
    ("--mode ignore", "-m ignore", 6, "`-m` is not a flag"),
    ("--create --mode", "--create alerts --mode", 6, "takes no argument `alerts`"),
    ("--create --mode", "--schema github.alerts --mode", 6, "the schema `github.alerts` is not known"),
    (
        "load-postgres --create --mode ignore --emit new",
        "standpipe unreject",
        6,
        "reads records of etl.reject",
    ),
    ("load-postgres --create --mode ignore --emit new", "standpipe", 6, "needs a command"),
    ("load-postgres --create --mode ignore --emit new", "extract-file a.csv", 6, "reads nothing"),
    ("--emit new", "--emit none", 6, "prints no records for the next step"),
    ("--emit new", "--format singer", 6, "prints no records for the next step"),
    ("--emit new", "--emit new --output x.ndjson", 6, "leaves nothing for the next step"),
    ("--emit new", "--emit new --input x.ndjson", 6, "leaves unread"),
    (
        "  - extract-github dependabot-alerts --repo ${repo} --state open\n  - load-postgres",
        "  - load-postgres --schema rss.items --pipeline ${repo}",
        5,
        "no step comes before it",
    ),
    (
        "  GITHUB_TOKEN: github/TOKEN\n",
        "",
        5,
        "needs the variable GITHUB_TOKEN or GH_TOKEN: name it in secrets",
    ),
    ("  SLACK_WEBHOOK_URL: slack/WEBHOOK\n", "", 7, "needs the variable SLACK_WEBHOOK_URL or ALERT_WEBHOOK"),
    ("  SLACK_WEBHOOK_URL: slack/WEBHOOK\n", "", 13, "needs the variable SLACK_WEBHOOK_URL"),
    (
        "GITHUB_TOKEN: github",
        "GITHUB_TOKN: github",
        11,
        "no step reads the variable `GITHUB_TOKN`: `GITHUB_TOKEN` is meant?",
    ),
    (
        "{DB_HOST: pg/HOST}",
        "{DBHOST: pg/HOST}",
        9,
        "no step reads the variable `DBHOST`: `DB_HOST` is meant?",
    ),
    ("{ETL_LOG_FORMAT: json}", "{ETL_LOG_FORMT: json}", 8, "no step reads the variable `ETL_LOG_FORMT`"),
    ("{ETL_LOG_FORMAT: json}", "{GH_TOKEN: abc}", 8, "`GH_TOKEN` is a secret: name it in `secrets`"),
    ("{ETL_LOG_FORMAT: json}", "{DATABASE_URL: \"postgres://u:p@h/d\"}", 8, "`DATABASE_URL` is a secret"),
    (
        "{ETL_LOG_FORMAT: json}",
        "{HTTPS_PROXY: \"http://u:p@h:1\"}",
        8,
        "the password in `http://u:…@h:1` stands in plain text",
    ),
    ("--emit new", "--emit new --table http://a:b@c/d", 6, "stands in plain text"),
    ("  - notify-slack --when", "  - jq .\n  - notify-slack --when", 7, "name the `image`"),
];

#[test]
fn what_would_fail_later_is_refused_with_its_line() {
    for (good, bad, line, part) in MUTATIONS {
        assert!(GOOD.contains(good), "{good}");
        let found = refused(&GOOD.replacen(good, bad, 1), Some(Target::Argo));
        let expected = format!("p.yaml:{line}: ");
        assert!(
            found.iter().any(|said| said.starts_with(&expected) && said.contains(part)),
            "{bad}: {found:#?}"
        );
    }
    planned(GOOD, Some(Target::Argo)).unwrap();
}

#[test]
fn a_loader_takes_records_whose_schema_says_where_they_go() {
    let text = |load: &str| {
        format!(
            "name: a\nsteps:\n  - extract-github dependabot-alerts --repo o/r\n  - load-postgres\n  - {load}\n"
        )
    };
    let found = refused(&text("load-influx --url http://i"), None);
    assert_eq!(
        found,
        [
            "p.yaml:5: `load-influx` cannot store these records: their schema etl.receipt names no measurement of InfluxDB: add --table, or choose another loader"
        ]
    );
    planned(&text("load-sqlite --db x"), None).unwrap();
}

#[test]
fn a_run_here_may_have_its_variables_from_the_environment() {
    let bare = "name: a\nsteps:\n  - extract-openweather current\n  - load-influx\n";
    planned(bare, None).unwrap();
    let found = refused(bare, Some(Target::Shell));
    assert!(found[0].contains("needs the variable OPENWEATHER_API_KEY or OPENWEATHER_KEY or OPEN_WEATHER_KEY: name it in secrets"), "{found:?}");
    assert!(found[1].contains("needs the variable CITY: name it in env or config"), "{found:?}");
    assert!(found[2].contains("needs the variable INFLUX_URL"), "{found:?}");
    // A flag, another variable, or a whole config map does as well.
    let flags = "name: a\nsteps:\n  - extract-openweather current --city x --replay r\n  - load-influx --url http://i\n";
    planned(flags, Some(Target::Shell)).unwrap();
    planned(&(bare.to_owned() + "env-from: [all]\n"), Some(Target::Shell)).unwrap();
    // The air has no cities.
    let air = bare.replace("current", "air-pollution")
        + "env: {LAT: \"1\", LONG: \"2\"}\nconfig: {INFLUX_URL: a/b}\nsecrets: {OPENWEATHER_KEY: a/b}\n";
    planned(&air, Some(Target::Shell)).unwrap();
}

#[test]
fn a_target_may_have_its_own_name_and_variables() {
    let text = GOOD.to_owned()
        + "targets: {airflow: {name: other, config: {DB_HOST: }, secrets: {GITHUB_TOKEN: git/T}}}\n";
    let plan = planned(&text, Some(Target::Airflow)).unwrap();
    assert_eq!(plan.pipeline.name, "other");
    assert_eq!(plan.stages[0].settings.secrets[0].value.to_string(), "git/T");
    assert!(plan.stages[1].settings.config.is_empty());
    assert_eq!(planned(&text, Some(Target::Argo)).unwrap().pipeline.name, "alerts");
}
