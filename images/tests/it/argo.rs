//! The Argo manifest, run by Docker: images, commands, environments and artifact paths are those that it names; the
//! config map and secrets that it refers to are made here.

use etl_testkit::docker::{Lab, docker};
use etl_testkit::run::Ran;
use serde_json::{Map, Value, json};

use crate::manifest::{self, Cluster, template, texts, workflow};
use crate::{LOCKED_UP, image, replies, services, stand_in};

pub(crate) const PASSWORD: &str = "it's a p%ss/word";

fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).expect("an object")
}

/// The objects that the manifest refers to, and what Argo knows.
fn cluster(uid: &str) -> Cluster {
    Cluster {
        variables: object(json!({
            "workflow.uid": uid,
            "workflow.name": "openweather-current-1785024420",
            "workflow.status": "Failed",
            "workflow.failures": r#"[{"displayName":"load","message":"main: Error (exit code 3)","templateName":"load","phase":"Failed"}]"#,
        })),
        config_maps: object(json!({
            "weather/CITY": "Paris",
            // The step shares the server's network, where loopback needs no TLS.
            "weather/OPENWEATHER_BASE_URL": "http://127.0.0.1:8080/data/2.5",
            "weather/DB_HOST": "database",
            "weather/DASHBOARD_DB": "weather",
        })),
        secrets: object(json!({
            "openweather/OPENWEATHER_KEY": "k3y",
            "postgres/POSTGRES_USER": "loader",
            "postgres/POSTGRES_PASSWORD": PASSWORD,
            "slack/ALERT_WEBHOOK": "http://127.0.0.1:8080/services/T0/B0/x",
        })),
    }
}

/// Runs a template's container as its pod would, with these mounts in this network.
fn run(lab: &Lab, template: &Value, cluster: &Cluster, network: &str, mounts: &[String]) -> Ran {
    let container = &template["container"];
    let user = format!("--user={}", container["securityContext"]["runAsUser"]);
    let mut args: Vec<String> = LOCKED_UP.map(str::to_owned).to_vec();
    args.extend([user, format!("--network={network}")]);
    for mount in mounts {
        args.extend(["-v".to_owned(), mount.clone()]);
    }
    for (name, value) in cluster.environment(container) {
        args.extend(["-e".to_owned(), format!("{name}={value}")]);
    }
    let command = texts(&container["command"]);
    args.extend(["--entrypoint".to_owned(), command[0].clone(), image(&manifest::image(container).0)]);
    args.extend(command[1..].iter().cloned());
    args.extend(texts(&container["args"]).iter().map(|arg| cluster.fill(arg)));
    lab.run(&args)
}

/// PostgreSQL as a host named `database`, with the user and the database of the cluster's objects.
pub(crate) fn database(lab: &Lab, network: &str) -> String {
    // The servers that run the statements do not listen; the last one is reached by name.
    let setup = "initdb -D /tmp/data -U postgres --auth-host=scram-sha-256 -E UTF8 --locale=C.UTF-8 --no-sync && \
                 echo 'host all all all scram-sha-256' >>/tmp/data/pg_hba.conf && \
                 printf \"CREATE ROLE loader LOGIN PASSWORD '%s'\\n\" \"$ROLE_PASSWORD\" >/tmp/role && \
                 postgres --single -D /tmp/data postgres </tmp/role && \
                 echo 'CREATE DATABASE weather OWNER loader' | postgres --single -D /tmp/data postgres && \
                 exec postgres -D /tmp/data -k /tmp -c listen_addresses='*' -c fsync=off";
    let password = format!("ROLE_PASSWORD={}", PASSWORD.replace('\'', "''"));
    let place = ["--network", network, "--network-alias", "database", "--user", "postgres"];
    let id = lab.start(&[&place[..], &["-e", &password, &services(), "sh", "-ec", setup]].concat());
    lab.wait_for(&id, &["pg_isready", "--host=127.0.0.1"]);
    id
}

pub(crate) fn rows(database: &str, statement: &str) -> Vec<String> {
    let psql = ["psql", "-h", "/tmp", "-U", "postgres", "-At", "-d", "weather", "-c", statement];
    docker([&["exec", database][..], &psql].concat()).ok().lines().into_iter().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn the_steps_of_the_manifest_hand_over_the_artifact_and_store_the_rows() {
    let lab = Lab::new();
    let network = lab.network();
    let replies = replies(&lab, &network);
    let database = database(&lab, &network);
    let (workflow, cluster) = (workflow(), cluster("0a6b5ad1-5dd5-4a3c-8d6a-7f6b8f5c2f11"));
    let (extract, load) = (template(&workflow, "extract"), template(&workflow, "load"));

    // The artifact is passed on as in the cluster: from the path that it has in one template to that in the other.
    let main = template(&workflow, "main");
    let task = &main["dag"]["tasks"][1];
    assert_eq!(task["depends"], "extract.Succeeded");
    let from = &task["arguments"]["artifacts"][0];
    let name = from["name"].as_str().expect("a name");
    assert_eq!(from["from"], format!("{{{{tasks.extract.outputs.artifacts.{name}}}}}"));
    let (output, input) = (&extract["outputs"]["artifacts"][0], &load["inputs"]["artifacts"][0]);
    assert_eq!((&output["name"], &input["name"]), (&from["name"], &from["name"]));
    let path = |artifact: &Value| artifact["path"].as_str().expect("a path").to_owned();
    let mount = extract["container"]["volumeMounts"][0]["mountPath"].as_str().expect("a path");
    let volume = lab.volume();
    let volume_mount = [format!("{volume}:{mount}")];

    let shared = format!("container:{replies}");
    let extracted = run(&lab, &extract, &cluster, &shared, &volume_mount);
    assert_eq!(extracted.ok().stdout, "");
    let folder = etl_testkit::run::temp_dir();
    let artifact = folder.path().join("records");
    let holder = lab.create(&["-v", &volume_mount[0], &image("standpipe")]);
    docker(["cp", &format!("{holder}:{}", path(output)), artifact.to_str().expect("a path")]).ok();
    let mounts = [format!("{}:{}:ro", artifact.display(), path(input))];

    // A step that is tried again is the same load.
    for already in [false, true] {
        let loaded = run(&lab, &load, &cluster, &network, &mounts);
        let receipt: Value = serde_json::from_str(loaded.ok().lines()[1]).expect("a receipt");
        assert_eq!(receipt["already_loaded"], already);
        assert_eq!(receipt["load_id"], "0a6b5ad1-5dd5-4a3c-8d6a-7f6b8f5c2f11-load");
        let stored = "SELECT location, observed_at AT TIME ZONE 'UTC', temp FROM openweather_current";
        assert_eq!(rows(&database, stored), ["Paris|2018-12-07 15:00:00|9.25"]);
    }
    assert_eq!(
        rows(&database, "SELECT load_id, records FROM etl_load"),
        ["0a6b5ad1-5dd5-4a3c-8d6a-7f6b8f5c2f11-load|1"]
    );

    // If the artifact has no end, nothing is stored, and another try is useless.
    let whole = std::fs::read_to_string(&artifact).expect("the artifact");
    let cut = whole.lines().take(2).map(|line| format!("{line}\n")).collect::<String>();
    std::fs::write(&artifact, cut).expect("the artifact is ours");
    let mut other = cluster;
    other.variables["workflow.uid"] = "another".into();
    run(&lab, &load, &other, &network, &mounts).fails(3);
    assert_eq!(rows(&database, "SELECT count(*) FROM etl_load"), ["1"]);
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn the_exit_handler_posts_what_failed() {
    let lab = Lab::new();
    let network = lab.network();
    let slack = stand_in(&lab, &network, "slack", &["slack", "0.0.0.0:8080"]);
    let notify = template(&workflow(), "notify");
    assert_eq!(workflow()["spec"]["onExit"], notify["name"]);
    let shared = format!("container:{slack}");
    let mut cluster = cluster("1");
    run(&lab, &notify, &cluster, &shared, &[]).ok();
    let message = docker(["logs", &slack]).stderr;
    let message = message.lines().last().expect("a message");
    let message: Value = serde_json::from_str(message).expect("JSON");
    let text = message.to_string();
    for part in ["openweather-current-1785024420", "load", "exit code 3"] {
        assert!(text.contains(part), "{text}");
    }
    // A success is not posted.
    cluster.variables["workflow.status"] = "Succeeded".into();
    cluster.variables["workflow.failures"] = "[]".into();
    run(&lab, &notify, &cluster, &shared, &[]).ok();
    assert_eq!(
        docker(["logs", &slack]).stderr.matches("openweather-current-").count(),
        text.matches("openweather-current-").count()
    );
}
