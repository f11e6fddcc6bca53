use serde_json::Value;

use super::*;
use crate::render::{Operator, Options, Rendering};
use crate::{Cards, Problems, Target};

const CURRENT: &str = r#"name: openweather-current
schedule: ["*/15 * * * *", "0 7 * * 7"]
timezone: America/Los_Angeles
matrix: {city: [Seattle, "São Paulo", "{007$", "no"]}
steps:
  - extract-openweather current --city ${city}
  - load-postgres --create
config: {DB_HOST: weather/DB_HOST, DASHBOARD_DB: weather/DASHBOARD_DB}
secrets:
  OPENWEATHER_KEY: openweather-secret/OPEN_WEATHER_SECRET
  POSTGRES_USER: postgres/POSTGRES_USER
  POSTGRES_PASSWORD: postgres/POSTGRES_PASSWORD
  ALERT_WEBHOOK: slack/ALERT_WEBHOOK
on-failure: notify-slack
deadline: 10m
retry: {limit: 3, wait: 20s, longest: 5m}
"#;

const TEMPLATES: &str = r#"name: locator
steps:
  - run: >-
      jq -c '.items[] | {id, note: "$$(id) {{ x }}"}' /items.json
    image: registry.example/jq:1.7.1
  - run: transform.py --since ${since} --until ${until}
    image: registry.example/py:3
  - load-sqlite --db a.db --table items --mode ignore --emit new
  - notify-slack --template '{{ id }} of {${since}'
env: {NOTE: "{{ a }}", ETL_LOG_FORMAT: text}
env-from: [common]
secrets: {SLACK_WEBHOOK_URL: slack/url}
on-failure: notify-slack --on failure
retry: {limit: 0}
"#;

fn render_to(text: &str, steps: Steps) -> Result<Rendering, Problems> {
    let pipeline = crate::parse("pipelines/p.yaml", text)?;
    let plan = crate::plan(&pipeline, &Cards::embedded(), Some(Target::Argo))?;
    let options = Options {
        registry: "registry.example/standpipe".to_owned(),
        tag: "0.1.0".to_owned(),
        steps,
        operator: Operator::Kubernetes,
    };
    crate::render::render(&plan, &options)
}

fn text(pipeline: &str, steps: Steps) -> String {
    let rendering = render_to(pipeline, steps).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(rendering.warnings.is_empty(), "{:?}", rendering.warnings);
    assert_eq!(rendering.files.len(), 1);
    rendering.files[0].text.clone()
}

fn objects(pipeline: &str, steps: Steps) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(pipeline, steps)).unwrap()
}

fn template<'v>(objects: &'v [Value], name: &str) -> &'v Value {
    let templates = objects[0]["spec"]["templates"].as_array().unwrap();
    templates.iter().find(|template| template["name"] == name).unwrap_or_else(|| panic!("{name}"))
}

/// Compares a text with a file of `tests/argo`; `UPDATE_GOLDEN=1` writes the file instead.
fn golden(file: &str, actual: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/argo").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        return std::fs::write(path, actual).unwrap();
    }
    assert_eq!(
        actual,
        std::fs::read_to_string(&path).unwrap(),
        "{} (UPDATE_GOLDEN=1 rewrites it)",
        path.display()
    );
}

#[test]
fn whole_files() {
    golden("pipe.yaml", &text(CURRENT, Steps::Pipe));
    golden("artifacts.yaml", &text(CURRENT, Steps::Artifacts));
    let rendering = render_to(CURRENT, Steps::Pipe).unwrap();
    assert_eq!(rendering.files[0].path, "openweather-current.yaml");
}

#[test]
fn literals_stay_what_they_are_and_foreign_programs_are_sealed() {
    let objects = objects(TEMPLATES, Steps::Artifacts);
    assert_eq!(objects.len(), 1, "it has no schedule");
    let args = |name: &str| template(&objects, name)["container"]["args"].clone();
    let jq = &template(&objects, "jq")["container"];
    assert_eq!(jq["image"], "registry.example/jq:1.7.1");
    assert_eq!(jq["command"], json!(["standpipe"]));
    let program = r#".items[] | {id, note: "$$$$(id) $(STANDPIPE_BRACE){ x }}"}"#;
    assert_eq!(
        jq["args"],
        json!(["seal", "--output", "/data/records.ndjson", "--", "jq", "-c", program, "/items.json"])
    );
    assert_eq!(
        args("transform-py"),
        json!([
            "through",
            "--input",
            "/input/records.ndjson",
            "--output",
            "/data/records.ndjson",
            "--",
            "transform.py",
            "--since",
            "{{workflow.parameters.since}}",
            "--until",
            "{{workflow.parameters.until}}"
        ])
    );
    // What a text ends with could become two braces with what comes after it.
    let told = args("notify-slack");
    assert_eq!(told[1], "$(STANDPIPE_BRACE){ id }} of $(STANDPIPE_BRACE){{workflow.parameters.since}}");
    let env = &template(&objects, "notify-slack")["container"]["env"];
    assert_eq!(env[0], json!({ "name": "STANDPIPE_BRACE", "value": "{" }));
    assert_eq!(env[1], json!({ "name": "ETL_LOG_FORMAT", "value": "text" }));
    // A program that is not a component gets what no card names, too.
    let note = json!({ "name": "NOTE", "value": "$(STANDPIPE_BRACE){ a }}" });
    assert!(jq["env"].as_array().is_some_and(|env| env.contains(&note)), "{}", jq["env"]);
    assert_eq!(
        template(&objects, "jq")["container"]["envFrom"],
        json!([{ "configMapRef": { "name": "common" } }])
    );

    // Two steps of a component have names of their own; `limit: 0` is no second try.
    let told = template(&objects, "notify-slack-2");
    assert_eq!(told["container"]["args"], json!(["--on", "failure"]));
    assert!(told["retryStrategy"].is_null() && told["activeDeadlineSeconds"] == 300);
    let parameters = objects[0]["spec"]["arguments"]["parameters"].as_array().unwrap();
    let parameters: Vec<(&str, Option<&str>)> =
        parameters.iter().map(|one| (one["name"].as_str().unwrap(), one["value"].as_str())).collect();
    assert_eq!(parameters, [("run", Some("{{workflow.uid}}")), ("since", None), ("until", None)]);
}

#[test]
fn steps_of_one_component_have_ids_of_their_own() {
    let two = "name: two\nsteps: [extract-file a.csv, load-sqlite --db a.db --table a --emit records, load-sqlite --db b.db --table b]\n";
    let args =
        |steps: Steps, name: &str| template(&objects(two, steps), name)["container"]["args"].to_string();
    let ids =
        ["two/{{workflow.parameters.run}}/load-sqlite-2", "two/{{workflow.parameters.run}}/load-sqlite-3"];
    let pipe = args(Steps::Pipe, "pipeline");
    for (id, name) in ids.iter().zip(["load-sqlite-2", "load-sqlite-3"]) {
        assert!(pipe.contains(&format!("{id}\",\"--if-loaded\",\"skip")), "{pipe}");
        let own = args(Steps::Artifacts, name);
        assert!(own.contains(id) && !own.contains("--if-loaded"), "{own}");
    }
}

#[test]
fn what_argo_cannot_do_is_refused_with_its_line() {
    let told = CURRENT.replace(
        "on-failure: notify-slack",
        "on-failure: {run: notify-slack, env: {WORKFLOW_NAME: \"${city}\"}}",
    );
    let scheduled = TEMPLATES.replace("name: locator\n", "name: locator\nschedule: '0 5 * * *'\n");
    let in_env = "name: a\nschedule: '0 5 * * *'\nsteps: [extract-rss]\nenv:\n  LOCATOR_URL: https://a.example/${since}\n";
    for (text, steps, line, part) in [
        (in_env, Steps::Pipe, 5, "has no data interval for `${since}`"),
        (told.as_str(), Steps::Pipe, 14, "for no item"),
        (scheduled.as_str(), Steps::Artifacts, 7, "has no data interval for `${since}`"),
        (scheduled.as_str(), Steps::Artifacts, 7, "has no data interval for `${until}`"),
        (TEMPLATES, Steps::Pipe, 3, "an image of its own"),
    ] {
        let problems = render_to(text, steps).unwrap_err();
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let start = format!("pipelines/p.yaml:{line}: ");
        assert!(
            found.iter().any(|said| said.starts_with(&start) && said.contains(part)),
            "{part}: {found:#?}"
        );
    }
}

#[test]
fn an_item_is_no_matter_of_what_runs_after_a_failure() {
    let text = CURRENT.replace("config:", "env: {NO_PROXY: \"${city}\", TZ: UTC}\nconfig:");
    let objects = objects(&text, Steps::Artifacts);
    let names = |template_name: &str| -> Vec<String> {
        let env = template(&objects, template_name)["container"]["env"].as_array().unwrap();
        env.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("extract-openweather"), ["ETL_LOG_FORMAT", "NO_PROXY", "TZ", "OPENWEATHER_KEY"]);
    assert_eq!(
        names("notify-slack"),
        ["ETL_LOG_FORMAT", "TZ", "ALERT_WEBHOOK", "WORKFLOW_NAME", "WORKFLOW_STATUS", "WORKFLOW_FAILURES"]
    );
}

#[test]
fn a_single_step_is_run_for_each_item() {
    let text = "name: a\nmatrix: {feed: [a, b]}\nsteps: ['extract-rss --url https://a.example/${feed}']\n";
    for (steps, name) in [(Steps::Pipe, "pipeline"), (Steps::Artifacts, "extract-rss")] {
        let objects = objects(text, steps);
        let task = &template(&objects, "main")["dag"]["tasks"][0];
        assert_eq!((&task["name"], &task["template"]), (&json!(name), &json!(name)));
        assert_eq!(task["withItems"], json!([{ "feed": "a" }, { "feed": "b" }]));
        // No step has a ledger: there is no id to name.
        assert!(objects[0]["spec"]["arguments"].is_null());
        assert!(template(&objects, name).is_object());
    }
}
