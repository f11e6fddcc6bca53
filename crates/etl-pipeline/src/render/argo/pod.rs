//! The templates that run a container.

use serde_json::{Map, Value, json};

use super::{PIPELINE, RECORDS, RUN, dialect, variable};
use crate::model::{Pipeline, Retry, Settings, Variable};
use crate::plan::Stage;
use crate::render::{Handing, Job, kubernetes_environment, run, words};
use crate::words::Text;

/// After these codes another try may succeed: transient, and killed, also for want of memory. -1: the pod ended without
/// a code, or never started (evicted, refused, its node lost). 0 in state Error: the step was done, and what comes
/// after it was not, such as storing its artifact.
const AGAIN: &str = "asInt(lastRetry.exitCode) in [-1, 75, 137, 143] || \
                     (lastRetry.status == \"Error\" && asInt(lastRetry.exitCode) == 0)";

/// What stands for a brace that Argo must not see.
pub(super) const BRACE: &str = "$(STANDPIPE_BRACE)";

/// How long a pod may take, beyond the deadline of its program, to pull its image and to end, in seconds.
const AROUND: u64 = 120;

/// The longest that what runs after a failure may take, in seconds.
const TOLD: u64 = 300;

/// Where a step finds the records, and where it leaves them.
const INPUT: &str = "/input/records.ndjson";
const OUTPUT: &str = "/data/records.ndjson";

/// A template that runs a container.
pub(super) struct Pod {
    pub(super) name: String,
    /// Whether it is told the id of a load.
    pub(super) loads: bool,
    pub(super) template: Value,
}

/// What is particular about a pod.
struct Container<'p> {
    name: &'p str,
    image: String,
    /// The program and its arguments.
    words: Vec<String>,
    settings: &'p Settings,
    /// Variables that Argo sets.
    more: Vec<Value>,
    /// In MiB.
    memory: usize,
    takes: bool,
    hands: bool,
    deadline: Option<u64>,
}

/// The whole pipeline in one pod.
pub(super) fn pipe(job: &mut Job<'_>) -> Pod {
    let plan = job.plan;
    job.no_bars();
    let image = job.one_image();
    let settings = job.one_environment(plan.stages.iter());
    let mut words = vec!["standpipe".to_owned()];
    words.extend(run(plan, false, &|stage| load_id(job, stage), dialect()));
    let container = Container {
        name: PIPELINE,
        image,
        words,
        settings: &settings,
        more: Vec::new(),
        memory: 128 * plan.stages.len(),
        takes: false,
        hands: false,
        deadline: deadline(&plan.pipeline),
    };
    container.pod(&plan.pipeline, plan.stages.iter().any(Stage::takes_load_id), true)
}

/// A pod for each step.
pub(super) fn steps(job: &Job<'_>, names: &[String]) -> Vec<Pod> {
    let plan = job.plan;
    let last = plan.stages.len() - 1;
    let pod = |(n, (stage, name)): (usize, (&Stage, &String))| {
        let (takes, hands) = (n > 0, n < last);
        let handing = Handing::Files { input: takes.then_some(INPUT), output: hands.then_some(OUTPUT) };
        let container = Container {
            name,
            image: job.image(stage),
            words: program(stage, words(stage, handing, Some(&load_id(job, stage)), dialect())),
            settings: &stage.settings,
            more: Vec::new(),
            memory: 128,
            takes,
            hands,
            deadline: deadline(&plan.pipeline),
        };
        container.pod(&plan.pipeline, stage.takes_load_id(), true)
    };
    plan.stages.iter().zip(names).enumerate().map(pod).collect()
}

/// What runs once when all tries have failed.
pub(super) fn on_failure(job: &mut Job<'_>, name: &str) -> Option<Pod> {
    let plan = job.plan;
    let stage = plan.on_failure.as_ref()?;
    let mut settings = stage.settings.clone();
    let of_an_item =
        |variable: &Variable<Text>| variable.value.placeholders().any(|name| plan.pipeline.matrix.has(name));
    settings.env.retain(|variable| !of_an_item(variable));
    for variable in stage.step.settings.env.iter().filter(|variable| of_an_item(variable)) {
        job.problems.add(variable.line, "`on-failure` runs once for the pipeline, for no item");
    }
    let told = ["name", "status", "failures"].map(|what| {
        json!({ "name": format!("WORKFLOW_{}", what.to_uppercase()), "value": variable(&format!("workflow.{what}")) })
    });
    let container = Container {
        name,
        image: job.image(stage),
        words: program(stage, words(stage, Handing::Pipe, None, dialect())),
        settings: &settings,
        more: told.to_vec(),
        memory: 128,
        takes: false,
        hands: false,
        deadline: Some(TOLD),
    };
    Some(container.pod(&plan.pipeline, false, false))
}

/// The same in every try of a run, and in no other run.
fn load_id(job: &Job<'_>, stage: &Stage) -> String {
    let pipeline = &job.plan.pipeline;
    let run = variable(&format!("workflow.parameters.{RUN}"));
    let keys = pipeline.matrix.keys.iter();
    let items: String =
        keys.map(|(key, _)| format!("/{}", variable(&format!("inputs.parameters.{key}")))).collect();
    format!("{}/{run}/{}{items}", pipeline.name, job.step_id(stage))
}

/// The words of a step, beginning with the program as its image has it.
fn program(stage: &Stage, mut words: Vec<String>) -> Vec<String> {
    if stage.component.is_some() && stage.step.image.is_none() {
        words[0] = "/entrypoint".to_owned();
    }
    words
}

fn deadline(pipeline: &Pipeline) -> Option<u64> {
    pipeline.deadline.map(|deadline| deadline.as_secs() + AROUND)
}

/// What a template is given: the keys of the matrix, and the records.
pub(super) fn inputs(pipeline: &Pipeline, records: bool) -> Map<String, Value> {
    let mut inputs = Map::new();
    let parameters: Vec<Value> = pipeline.matrix.keys.iter().map(|(key, _)| json!({ "name": key })).collect();
    if !parameters.is_empty() {
        inputs.insert("parameters".to_owned(), parameters.into());
    }
    if records {
        let artifact = json!({ "name": RECORDS, "path": INPUT, "archive": { "none": {} } });
        inputs.insert("artifacts".to_owned(), json!([artifact]));
    }
    inputs
}

/// What all containers of a pod have, Argo's own as well.
pub(super) fn security() -> Value {
    json!({
        "runAsNonRoot": true,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": { "type": "RuntimeDefault" },
    })
}

fn retry(retry: &Retry) -> Value {
    json!({
        "limit": retry.limit,
        // The expression alone decides, whether a step failed or the cluster did.
        "retryPolicy": "Always",
        "expression": AGAIN,
        "backoff": {
            "duration": format!("{}s", retry.wait.as_secs()),
            "factor": 2,
            "cap": format!("{}s", retry.longest.as_secs()),
        },
    })
}

impl Container<'_> {
    /// The template. `items`: whether it is run for each item.
    fn pod(self, pipeline: &Pipeline, loads: bool, items: bool) -> Pod {
        let mut template = Map::new();
        let mut set = |field: &str, value: Value| template.insert(field.to_owned(), value);
        set("name", self.name.into());
        if pipeline.retry.limit > 0 {
            set("retryStrategy", retry(&pipeline.retry));
        }
        if let Some(seconds) = self.deadline {
            set("activeDeadlineSeconds", seconds.into());
        }
        let inputs = if items { inputs(pipeline, self.takes) } else { Map::new() };
        if !inputs.is_empty() {
            set("inputs", inputs.into());
        }
        let mut folders = vec![("tmp", "/tmp")];
        if self.hands {
            // Each try is a pod, and its records are an object of their own.
            let key = format!(
                "{}/{}/{}/records.ndjson",
                pipeline.name,
                variable("workflow.uid"),
                variable("pod.name")
            );
            let artifact =
                json!({ "name": RECORDS, "path": OUTPUT, "archive": { "none": {} }, "s3": { "key": key } });
            set("outputs", json!({ "artifacts": [artifact] }));
            // Argo collects an artifact from a volume without a writable root.
            folders.push(("data", "/data"));
        }
        let volumes: Vec<Value> =
            folders.iter().map(|(name, _)| json!({ "name": name, "emptyDir": {} })).collect();
        let mounts = folders.iter().map(|(name, path)| json!({ "name": name, "mountPath": path }));
        let mounts: Vec<Value> = mounts.collect();
        set("volumes", volumes.into());
        set("container", self.container(&mounts).into());
        Pod { name: self.name.to_owned(), loads, template: template.into() }
    }

    fn container(&self, mounts: &[Value]) -> Map<String, Value> {
        let mut environment = kubernetes_environment(self.settings, &|text| dialect().text(text));
        let mut env = Vec::new();
        if !self.settings.names().any(|(_, name)| name == "ETL_LOG_FORMAT") {
            env.push(json!({ "name": "ETL_LOG_FORMAT", "value": "json" }));
        }
        if let Some(Value::Array(own)) = environment.remove("env") {
            env.extend(own);
        }
        env.extend(self.more.iter().cloned());
        let braces = |text: &str| text.contains(BRACE);
        if self.words.iter().any(|word| braces(word))
            || env.iter().any(|one| one["value"].as_str().is_some_and(braces))
        {
            // Only what stands before a variable can be part of its value.
            env.insert(0, json!({ "name": BRACE.trim_matches(['$', '(', ')']), "value": "{" }));
        }
        let mut container = Map::new();
        let mut set = |field: &str, value: Value| container.insert(field.to_owned(), value);
        set("image", self.image.as_str().into());
        set("command", json!([self.words[0]]));
        set("args", json!(self.words[1..]));
        set("env", env.into());
        if let Some(from) = environment.remove("envFrom") {
            set("envFrom", from);
        }
        let memory = format!("{}Mi", self.memory);
        set(
            "resources",
            json!({ "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": memory } }),
        );
        set(
            "securityContext",
            json!({
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
                "seccompProfile": { "type": "RuntimeDefault" },
            }),
        );
        set("volumeMounts", mounts.into());
        container
    }
}
