//! DAG files, imported and run by Airflow itself: of pods against a stand-in for a cluster, of containers in Docker.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use etl_pipeline::{Cards, Operator, Options, Target, parse, plan, render};
use etl_testkit::docker::{Lab, docker};
use etl_testkit::need::skipped;
use etl_testkit::run::{Cmd, Folder, Ran, wait_until};
use serde_json::{Value, json};
use xtask::python;

use super::{PASSWORD, database};
use crate::manifest::root;
use crate::{image, services};

/// The last minute of the interval before it is what a run of this time is for.
const TIME: &str = "2026-11-23T02:15:00";

/// An environment of Python with Airflow and its providers below the build's folder, made from pinned packages; `None`
/// where pip cannot get them.
fn airflow() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let make = || {
        let pinned = root().join("images/tests/airflow/requirements.txt");
        let version = std::fs::read_to_string(&pinned).ok()?;
        let version = version.lines().find_map(|line| line.strip_prefix("apache-airflow=="))?;
        let options = ["--only-binary", ":all:", "--requirement"].map(OsStr::new);
        python::environment(&format!("airflow-{version}"), &[&options[..], &[pinned.as_os_str()]].concat())
    };
    FOLDER.get_or_init(make).as_deref()
}

/// An Airflow of a test's own, with an empty database.
struct Home {
    folder: Folder,
    programs: &'static Path,
    variables: Vec<(String, String)>,
}

impl Home {
    /// `None`, and a loud word, if there is no Airflow here.
    fn new(what: &str) -> Option<Home> {
        let Some(programs) = airflow() else {
            skipped(what, "pip cannot install Airflow");
            return None;
        };
        let home = Home { folder: Folder::new(), programs, variables: Vec::new() };
        for folder in ["dags", "policy"] {
            std::fs::create_dir(home.folder.path(folder)).expect("a folder");
        }
        home.airflow(&["db", "migrate"]).ok();
        Some(home)
    }

    /// Adds the file of a pipeline, with images of this tag.
    fn render(&self, text: &str, operator: Operator, tag: &str, edit: impl Fn(String) -> String) {
        let options =
            Options { registry: "standpipe".to_owned(), tag: tag.to_owned(), operator, ..Options::default() };
        let rendering = parse("p.yaml", text)
            .and_then(|pipeline| plan(&pipeline, &Cards::embedded(), Some(Target::Airflow)))
            .and_then(|plan| render(&plan, &options));
        for file in rendering.unwrap_or_else(|problems| panic!("{problems}")).files {
            self.folder.write(&format!("dags/{}", file.path), edit(file.text));
        }
    }

    fn command(&self, program: &Path, args: &[&str]) -> Cmd {
        let set = |name: &str| std::env::var_os(name).map(|value| (name.to_owned(), value));
        let home = self.folder.path("");
        let cmd = Cmd::new(program)
            .args(args)
            .env("AIRFLOW_HOME", &home)
            .env("HOME", &home)
            .env("PATH", "/usr/bin:/bin")
            .env("PYTHONPATH", self.folder.path("policy"))
            .env("AIRFLOW__CORE__DAGS_FOLDER", self.folder.path("dags"))
            .env("AIRFLOW__CORE__LOAD_EXAMPLES", "False");
        let cmd = set("DOCKER_HOST").into_iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value));
        self.variables.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value))
    }

    fn airflow(&self, args: &[&str]) -> Ran {
        self.command(&self.programs.join("airflow"), args).run()
    }

    /// A script beside these tests.
    fn script(&self, name: &str, args: &[&str]) -> Cmd {
        let script = root().join("images/tests/airflow").join(name);
        let script = script.to_str().expect("a path");
        self.command(&self.programs.join("python3"), &[&["-u", script], args].concat())
    }

    /// Runs a DAG once, as for a run of [`TIME`].
    fn test(&self, dag: &str) -> Ran {
        self.airflow(&["dags", "test", dag, TIME])
    }

    /// What Airflow's database says of the runs of a DAG.
    fn report(&self, dag: &str) -> Value {
        let ran = self.script("report.py", &[dag]).run();
        serde_json::from_str(ran.ok().lines().last().expect("a line")).expect("JSON")
    }
}

/// The shipped pipelines.
fn pipelines() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("pipelines")).expect("pipelines/");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).expect("a pipeline")).collect()
}

const CONNECTION: &str = "AIRFLOW_CONN_KUBERNETES_DEFAULT";

/// A connection to a cluster at this port.
fn cluster(port: &str) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": format!("http://127.0.0.1:{port}") } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
        "users": [{ "name": "u", "user": {} }],
    });
    json!({ "conn_type": "kubernetes", "extra": { "namespace": "airflow", "kube_config": config } })
        .to_string()
}

#[test]
fn airflow_imports_every_dag_and_builds_every_pod() {
    let Some(mut home) = Home::new("DAG files were not imported") else { return };
    home.variables.push((CONNECTION.to_owned(), cluster("9")));
    let texts: Vec<String> = pipelines();
    assert!(texts.len() >= 14, "{}", texts.len());
    let dags = home.folder.path("dags");
    let build = || -> Value {
        let ran = home.script("build_pods.py", &[dags.to_str().expect("a path")]).run();
        serde_json::from_str(ran.ok().lines().last().expect("a line")).expect("JSON")
    };
    for operator in [Operator::Docker, Operator::Kubernetes] {
        for text in texts.iter().map(String::as_str).chain([PODS]) {
            home.render(text, operator, "1.2.3", |file| file);
        }
        let ruff = home.programs.join("ruff");
        Cmd::new(&ruff)
            .args(["check", "--quiet", "--no-cache", "--select", "E4,E7,E9,F,I,AIR"])
            .arg(&dags)
            .run()
            .ok();
        Cmd::new(&ruff).args(["format", "--quiet", "--no-cache", "--diff"]).arg(&dags).run().ok();
        let built = build();
        assert_eq!(built["errors"], json!({}));
        assert_eq!(built["dags"].as_array().map(Vec::len), Some(texts.len() + 1));
    }
    let built = build();
    let pods = built["pods"].as_object().expect("pods");
    // Each has a task for its items, and one for their failures.
    assert!(pods.len() >= 2 * (texts.len() + 1), "{}", pods.len());
    let pod = &pods["pods.good"];
    assert_eq!(pod["metadata"]["namespace"], "airflow");
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["image"], "standpipe/all:1.2.3");
    // What Kubernetes reads as `$`.
    let args: Vec<String> = container["args"]
        .as_array()
        .expect("args")
        .iter()
        .map(|arg| arg.as_str().expect("a text").replace("$$", "$"))
        .collect();
    assert_eq!(
        args,
        [
            "run",
            "--",
            "extract-postgres",
            "--query",
            "SELECT '{{ ts }} $(X) 2026-11-23T02:00:00+00:00 2026-11-23T02:15:00+00:00' AS note",
            "|",
            "load-postgres",
            "--table",
            "good",
            "--seal",
            "required",
            "--load-id",
            "pods/2026-11-23T02:15:00+00:00/load-postgres/good",
            "--if-loaded",
            "skip",
        ]
    );
    let secret = json!({ "name": "postgres", "key": "URL", "optional": null });
    assert_eq!(container["env"][1]["name"], "DATABASE_URL");
    assert_eq!(container["env"][1]["value_from"]["secret_key_ref"], secret);
    assert_eq!(container["env_from"][0]["config_map_ref"]["name"], "key-etl-variables");
    assert_eq!(
        container["resources"],
        json!({ "claims": null, "limits": { "memory": "128Mi" }, "requests": { "cpu": "10m", "memory": "16Mi" } })
    );
    let security = &container["security_context"];
    assert_eq!(
        (&security["read_only_root_filesystem"], &security["allow_privilege_escalation"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
    let security = &pod["spec"]["security_context"];
    assert_eq!(
        (&security["run_as_user"], &security["seccomp_profile"]["type"]),
        (&json!(65532), &json!("RuntimeDefault"))
    );
    let failures = &pods["pods.on_failure"]["spec"]["containers"][0]["env"][2];
    assert_eq!(failures["name"], "WORKFLOW_FAILURES");
    let told = r#"[{"displayName": "x", "message": "$$(PASSWORD) \u0027a\u0027"}]"#;
    assert_eq!(failures["value"], told);
}

const PODS: &str = r#"name: pods
schedule: "*/15 * * * *"
matrix: {end: [good, transient, bad, evicted, finished]}
steps:
  - extract-postgres --query "SELECT '{{ ts }} \$(X) ${since} ${until}' AS note"
  - load-postgres --table ${end}
secrets: {DATABASE_URL: postgres/URL, ALERT_WEBHOOK: slack/URL}
env-from: [key-etl-variables]
on-failure: notify-slack
retry: {limit: 2, wait: 1s, longest: 2s}
"#;

#[test]
fn the_end_of_a_pod_decides_what_becomes_of_its_task() {
    let Some(mut home) = Home::new("DAG files of pods were not run") else { return };
    let stand_in = home.script("cluster.py", &[]).spawn();
    let port = stand_in.wait_until_stdout_contains("\n").trim().to_owned();
    home.variables.push((CONNECTION.to_owned(), cluster(&port)));
    home.render(PODS, Operator::Kubernetes, "1.2.3", |file| file);
    let ran = home.test("pods");
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("DagRun failed"), "{}{}", ran.stdout, ran.stderr);
    let report = home.report("pods");
    assert_eq!(report["runs"], json!(["failed"]));
    assert_eq!(
        report["tasks"],
        json!({
            "all_ended": ["success", 1, 0],
            "bad": ["failed", 1, 0],
            "evicted": ["success", 3, 0],
            "finished": ["success", 1, 0],
            "good": ["success", 1, 0],
            "on_failure": ["success", 1, 0],
            "one_failed": ["success", 1, 0],
            "transient": ["success", 3, 0],
        })
    );
    let mut events: Vec<&Value> = report["events"].as_array().expect("events").iter().collect();
    events.sort_by_key(|event| event[0].to_string());
    let receipts = json!({ "receipts": [{ "target": "public.prices", "records": 2 }] });
    let names = ["evicted", "finished", "good", "transient"];
    let expected: Vec<Value> =
        names.iter().map(|name| json!([format!("x-standpipe://pods/{name}"), receipts])).collect();
    assert_eq!(events, expected.iter().collect::<Vec<_>>());
    // A pod that an earlier try had left is removed, and its end is not taken for that of this try.
    let said = stand_in.wait_until_stderr_contains("CREATED on_failure");
    let of_task = |task: &str| -> Vec<String> {
        said.lines().filter(|line| line.ends_with(&format!(" {task}"))).map(str::to_owned).collect()
    };
    assert_eq!(of_task("finished"), ["DELETED finished", "CREATED finished", "DELETED finished"]);
    assert_eq!(of_task("bad"), ["CREATED bad", "DELETED bad"]);
    assert_eq!(of_task("transient").iter().filter(|line| line.starts_with("CREATED")).count(), 3);
    let told = said.lines().find_map(|line| line.strip_prefix("FAILURES ")).expect("failures");
    assert_eq!(
        serde_json::from_str::<Value>(&told.replace("$$", "$")).expect("JSON"),
        json!([{ "displayName": "bad", "phase": "Failed", "message": "exit code 3: the cause of 3" }])
    );
}

/// As `images/tests/airflow/scenarios.sql` has them.
const SCENARIOS: &str = r#"name: scenarios
schedule: "*/15 * * * *"
matrix: {try: [good, transient, bad, later, killed]}
steps:
  - extract-postgres --query "SELECT id, '${since}'::timestamptz AS since, '{{ ts }} \$(X) \"it''s\"' AS note FROM source"
  - load-postgres --table ${try}
  - load-postgres --table receipts_of_${try} --schema etl.receipt
env: {PGAPPNAME: "{{ ${try}"}
secrets: {DATABASE_URL: postgres/URL}
on-failure: notify-slack --dry-run
retry: {limit: 3, wait: 1s, longest: 2s}
"#;

const ROWS: [&str; 2] =
    [r#"1|2026-11-23 02:00:00+00|{{ ts }} $(X) "it's""#, r#"2|2026-11-23 02:00:00+00|{{ ts }} $(X) "it's""#];

/// The tables of the scenarios, in a server of a lab's own.
fn scenarios(lab: &Lab, network: &str) -> String {
    let database = database(lab, network);
    let ddl = lab.run(&[&image("all"), "schema", "ddl", "etl.receipt"]);
    let sql = std::fs::read_to_string(root().join("images/tests/airflow/scenarios.sql")).expect("the tables");
    let receipts = ["good", "transient", "bad", "later", "killed"]
        .map(|name| ddl.ok().stdout.replace("etl_receipt", &format!("receipts_of_{name}")));
    let sql = receipts.concat() + &sql;
    psql(&database, "loader", &sql);
    database
}

fn psql(database: &str, user: &str, sql: &str) -> Vec<String> {
    let command = [
        "exec",
        "-e",
        "PGOPTIONS=-c client_min_messages=warning",
        database,
        "psql",
        "-h",
        "/tmp",
        "-U",
        user,
    ];
    let ran =
        docker(command.into_iter().chain(["-v", "ON_ERROR_STOP=1", "-qAt", "-d", "weather", "-c", sql]));
    ran.ok().lines().into_iter().map(str::to_owned).collect()
}

/// Where the containers are, which a pipeline's file does not say, and what Airflow has for them.
fn in_network(home: &mut Home, network: &str) {
    let policy = root().join("images/tests/airflow/airflow_local_settings.py");
    std::fs::copy(policy, home.folder.path("policy/airflow_local_settings.py")).expect("a policy");
    let password: String = PASSWORD.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let url = json!({ "URL": format!("postgres://loader:{password}@database/weather") }).to_string();
    home.variables
        .extend([("LAB_NETWORK".to_owned(), network.to_owned()), ("AIRFLOW_VAR_POSTGRES".to_owned(), url)]);
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn the_docker_operator_runs_a_pipeline_once_however_often_it_is_tried() {
    let Some(mut home) = Home::new("DAG files of containers were not run") else { return };
    let lab = Lab::new();
    let network = lab.network();
    let database = scenarios(&lab, &network);
    in_network(&mut home, &network);
    let all = image("all");
    let tag = all.rsplit(':').next().expect("a tag");
    home.render(SCENARIOS, Operator::Docker, tag, |file| file);

    // One try has committed, and waits in the next step for a lock when it is killed.
    let lock = ["exec", "-d", &database, "psql", "-h", "/tmp", "-U", "loader", "-d", "weather", "-c"];
    docker(lock.into_iter().chain(["BEGIN; LOCK TABLE receipts_of_killed; SELECT pg_sleep(3600)"])).ok();
    let ran = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            wait_until("the load was committed", || psql(&database, "postgres", "SELECT count(*) FROM killed") == ["2"]);
            let container = format!("ancestor={all}");
            let found = docker(["ps", "-q", "--filter", &container, "--filter", &format!("network={network}")]);
            docker(["kill", found.ok().stdout.trim()]).ok();
            let sleepers = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
            assert_eq!(psql(&database, "postgres", sleepers), ["t"]);
        });
        let ran = home.test("scenarios");
        killer.join().expect("the container was killed");
        ran
    });
    assert!(ran.stderr.contains("DagRun failed"), "{}{}", ran.stdout, ran.stderr);
    let report = home.report("scenarios");
    assert_eq!(
        report["tasks"],
        json!({
            "all_ended": ["success", 1, 0],
            "bad": ["failed", 1, 0],
            "good": ["success", 1, 0],
            "killed": ["success", 2, 0],
            // Before Airflow 3.4 a quota's time is not waited for.
            "later": ["success", 2, 0],
            "on_failure": ["success", 1, 0],
            "one_failed": ["success", 1, 0],
            "transient": ["success", 3, 0],
        })
    );
    let of_table = |table: &str| {
        psql(&database, "postgres", &format!("SET timezone = 'UTC'; SELECT * FROM {table} ORDER BY id"))
    };
    for table in ["good", "transient", "later", "killed"] {
        assert_eq!(of_table(table), ROWS, "{table}");
        let load_id = format!("scenarios/2026-11-23T02:15:00+00:00/load-postgres-2/{table}");
        let again = if table == "killed" { "t" } else { "f" };
        let receipts =
            psql(&database, "postgres", &format!("SELECT load_id, already_loaded FROM receipts_of_{table}"));
        assert_eq!(receipts, [format!("{load_id}|{again}")]);
    }
    assert_eq!(of_table("bad"), [""; 0]);
    assert_eq!(psql(&database, "postgres", "SELECT count(*) FROM receipts_of_bad"), ["0"]);
    // The events carry what the last loader said.
    let mut events: Vec<(&str, &Value)> = Vec::new();
    for event in report["events"].as_array().expect("events") {
        events.push((event[0].as_str().expect("an address"), &event[1]["receipts"]));
    }
    events.sort_by_key(|event| event.0);
    assert_eq!(
        events.iter().map(|event| event.0).collect::<Vec<_>>(),
        ["good", "killed", "later", "transient"].map(|name| format!("x-standpipe://scenarios/{name}"))
    );
    for (_, receipts) in events {
        assert_eq!((&receipts[0]["records"], &receipts[1]), (&json!(1), &Value::Null));
    }
    // One message, of what failed for good.
    let messages: Vec<&str> = ran
        .stdout
        .lines()
        .filter(|line| line.contains(r#"{"text":"Workflow scenarios failed\n*bad*: Failed: exit code 3: "#))
        .collect();
    let [message] = messages.as_slice() else { panic!("{messages:?}") };
    assert!(message.contains("bad_id_check") && !message.contains("transient"), "{message}");
    // No container stays.
    assert_eq!(docker(["ps", "-aq", "--filter", &format!("ancestor={all}")]).ok().stdout, "");
    drop(services());
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn a_quota_that_comes_back_costs_no_try_from_airflow_3_4_on() {
    let Some(mut home) = Home::new("DAG files of containers were not run") else { return };
    let lab = Lab::new();
    let network = lab.network();
    let database = scenarios(&lab, &network);
    in_network(&mut home, &network);
    let text =
        SCENARIOS.replace("[good, transient, bad, later, killed]", "[later]").replace("limit: 3", "limit: 0");
    let all = image("all");
    let tag = all.rsplit(':').next().expect("a tag");
    // What 3.4 does about it, the pinned version does, too.
    home.render(&text, Operator::Docker, tag, |file| {
        file.replace("Version(airflow_version)", "Version(\"3.4.0\")")
            .replace("from airflow import __version__ as airflow_version\n", "")
    });
    home.test("scenarios").ok();
    let report = home.report("scenarios");
    assert_eq!(report["tasks"], json!({ "later": ["success", 1, 1], "on_failure": ["skipped", 0, 0] }));
    assert_eq!(report["runs"], json!(["success"]));
    assert_eq!(psql(&database, "postgres", "SET timezone = 'UTC'; SELECT * FROM later ORDER BY id"), ROWS);
}
