//! CronJobs and Jobs: what Kubernetes takes, and when it tries a pod again.

use etl_pipeline::Target;
use etl_stream::Class;
use etl_testkit::docker::Lab;
use etl_testkit::need::skipped;
use etl_testkit::run::{Cmd, Folder};
use serde_json::{Value, json};
use xtask::python;

use super::pod::{self, Pod};
use super::rendered;
use super::{database, rows};
use crate::{image, replies};

/// The version of the API that the manifests are checked against.
const KUBERNETES: &str = "1.29.0";

const PIPELINE: &str = "\
name: weather
schedule: [\"*/15 * * * *\", \"7 4 1,15 * 1\"]
timezone: America/Los_Angeles
matrix: {city: [Paris]}
steps:
  - extract-openweather current --city ${city} --allow-http
  - load-postgres --create
config: {OPENWEATHER_BASE_URL: weather/URL, DB_HOST: weather/DB_HOST, DASHBOARD_DB: weather/DASHBOARD_DB}
secrets: {OPENWEATHER_KEY: openweather/KEY, POSTGRES_USER: postgres/USER, POSTGRES_PASSWORD: postgres/PASSWORD}
deadline: 1m
";

fn documents(text: &str, tag: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&rendered(Target::CronJob, text, tag)[0].text).expect("YAML")
}

fn without_schedule() -> String {
    PIPELINE.replace("schedule: [\"*/15 * * * *\", \"7 4 1,15 * 1\"]\n", "")
}

#[test]
fn cron_jobs_and_jobs_are_what_kubernetes_takes() {
    let Some(validate) = python::program("kubernetes-validate", "1.37.0", "kubernetes-validate") else {
        return skipped("CronJobs were not validated", "pip cannot install kubernetes-validate");
    };
    let folder = Folder::new();
    for (name, text) in [("cron.yaml", PIPELINE), ("job.yaml", &without_schedule())] {
        let manifest = &rendered(Target::CronJob, text, "1.2.3")[0].text;
        folder.write(name, manifest);
        let check = || Cmd::new(&validate).args(["--strict", "--kubernetes-version", KUBERNETES]);
        check().arg(folder.path(name)).run().ok();
        // It would say what is wrong.
        folder.write("bad.yaml", manifest.replace("backoffLimit", "backofLimit"));
        assert_ne!(check().arg(folder.path("bad.yaml")).run().code, 0);
    }
}

/// Whether the Job tries again after a pod that ended like this.
fn tries_again(spec: &Value, code: Option<u8>, disrupted: bool) -> bool {
    for rule in spec["podFailurePolicy"]["rules"].as_array().expect("rules") {
        let applies = match (&rule["onExitCodes"], &rule["onPodConditions"]) {
            (Value::Null, conditions) => {
                assert_eq!(*conditions, json!([{ "type": "DisruptionTarget", "status": "True" }]));
                disrupted
            }
            (codes, _) => {
                assert_eq!(codes["containerName"], spec["template"]["spec"]["containers"][0]["name"]);
                let values = codes["values"].as_array().expect("codes");
                let named = code.is_some_and(|code| values.contains(&code.into()));
                match codes["operator"].as_str() {
                    Some("In") => named,
                    Some("NotIn") => code.is_some() && !named,
                    other => panic!("{other:?}"),
                }
            }
        };
        if applies {
            return rule["action"] != "FailJob";
        }
    }
    true
}

#[test]
fn a_pod_is_tried_again_exactly_after_the_codes_that_another_try_may_cure() {
    for text in [PIPELINE, &without_schedule()] {
        for document in documents(text, "1.2.3") {
            let spec = if document["kind"] == "Job" {
                &document["spec"]
            } else {
                &document["spec"]["jobTemplate"]["spec"]
            };
            assert_eq!(spec["template"]["spec"]["restartPolicy"], "Never");
            assert_eq!(spec["backoffLimit"], 4);
            let again: Vec<u8> = (1..=255).filter(|&code| tries_again(spec, Some(code), false)).collect();
            assert_eq!(again, [75, 137, 143]);
            for class in Class::ALL {
                assert_eq!(
                    tries_again(spec, Some(class.code()), false),
                    class == Class::Transient,
                    "{class:?}"
                );
            }
            assert!(
                (1..=255).all(|code| tries_again(spec, Some(code), true)) && tries_again(spec, None, false)
            );
        }
    }
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn the_pod_of_a_cron_job_loads_each_scheduled_time_once() {
    let lab = Lab::new();
    let network = lab.network();
    replies(&lab, &network);
    let database = database(&lab, &network);
    let all = image("all");
    let tag = all.rsplit_once(':').expect("a tag").1;
    let cron_job = documents(PIPELINE, tag).remove(0);
    let run = |job: &str| {
        let template = &cron_job["spec"]["jobTemplate"]["spec"]["template"];
        let pod =
            Pod { template, labels: json!({ "batch.kubernetes.io/job-name": job }), objects: pod::objects() };
        pod.run(&lab, &network)
    };
    let name = cron_job["metadata"]["name"].as_str().expect("a name");
    for (minute, loads) in [("29747520", 1), ("29747520", 1), ("29747535", 2)] {
        run(&format!("{name}-{minute}")).ok();
        assert_eq!(rows(&database, "SELECT location, temp FROM openweather_current"), ["Paris|9.25"]);
        assert_eq!(rows(&database, "SELECT count(*) FROM etl_load"), [loads.to_string()]);
    }
    assert_eq!(
        rows(&database, "SELECT load_id FROM etl_load ORDER BY 1"),
        [format!("{name}-29747520-load-postgres"), format!("{name}-29747535-load-postgres")]
    );
}
