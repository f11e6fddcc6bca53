//! Argo Workflows: a WorkflowTemplate, and a CronWorkflow that runs it.
//!
//! `--steps pipe` runs the whole pipeline in one pod, `--steps artifacts` each step in one of its own. What runs when
//! the pipeline has failed is a pod of its own either way.

mod pod;

use serde_json::{Map, Value, json};

use super::{Dialect, Job, Rendered, Steps, documents};
use crate::model::Pipeline;
use pod::Pod;

/// The parameter that names a run in the ids of its loads. A bare `workflow.scheduledTime` would stay as it is written
/// in a run that no schedule has started.
const RUN: &str = "run";

/// The templates that are no steps.
const MAIN: &str = "main";
const ITEM: &str = "item";
const ON_FAILURE: &str = "on-failure";

/// The one step, where all run in one pod.
const PIPELINE: &str = "pipeline";

/// The artifact that a step hands to the next one.
const RECORDS: &str = "records";

pub(super) fn render(job: &mut Job<'_>) -> Vec<Rendered> {
    let plan = job.plan;
    no_scheduled_window(job);
    let names = names(job);
    let pods = match job.options.steps {
        Steps::Pipe => vec![pod::pipe(job)],
        Steps::Artifacts => pod::steps(job, &names),
    };
    let on_failure = pod::on_failure(job, names.last().map(String::as_str).unwrap_or_default());
    let workflow = Workflow { pipeline: &plan.pipeline, pods, on_failure };
    let mut objects = vec![workflow.template()];
    if !plan.pipeline.schedule.is_empty() {
        objects.push(workflow.cron());
    }
    vec![Rendered { path: format!("{}.yaml", plan.pipeline.name), text: documents(plan, &objects) }]
}

/// A CronWorkflow knows the time at which a run is due, but not when the one before it was
/// (<https://github.com/argoproj/argo-workflows/issues/15229>).
fn no_scheduled_window(job: &mut Job<'_>) {
    if job.plan.pipeline.schedule.is_empty() {
        return;
    }
    for (line, end) in job.window_lines() {
        let message = format!(
            "a CronWorkflow has no data interval for `${{{end}}}`: leave `schedule` out and start each run with `-p {end}=…`, or give the schedule to a pipeline without `${{{end}}}`"
        );
        job.problems.add(line, message);
    }
}

/// The names of the steps as templates, which take letters, digits and `-`, and that of what runs when they fail.
fn names(job: &Job<'_>) -> Vec<String> {
    let mut names: Vec<String> = [MAIN, ITEM, ON_FAILURE, PIPELINE].map(str::to_owned).to_vec();
    let reserved = names.len();
    for stage in job.plan.stages.iter().chain(&job.plan.on_failure) {
        let id = job.step_id(stage);
        let plain: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let plain = plain.trim_matches('-');
        let letter = plain.starts_with(|c: char| c.is_ascii_alphabetic());
        let base = if letter { plain.to_owned() } else { format!("step-{plain}") };
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let name = std::iter::once(base.clone()).chain(numbered).find(|name| !names.contains(name));
        names.extend(name);
    }
    names.split_off(reserved)
}

/// How Argo, and the kubelet after it, are given texts.
///
/// The kubelet makes `$` of `$$`, and the value of a variable of `$(NAME)`. Argo has no way to write `{{`, so that the
/// kubelet puts a brace there.
fn dialect<'d>() -> Dialect<'d> {
    Dialect { literal: &literal, placeholder: &placeholder }
}

fn literal(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '$' => written.push_str("$$"),
            // What comes after the end may be `{{`, too.
            '{' if rest.peek().is_none_or(|&next| next == '{') => written.push_str(pod::BRACE),
            c => written.push(c),
        }
    }
    written
}

fn placeholder(name: &str) -> String {
    let of = if crate::model::WINDOW.contains(&name) { "workflow" } else { "inputs" };
    format!("{{{{{of}.parameters.{name}}}}}")
}

/// The text that Argo replaces by the value of a variable.
fn variable(name: &str) -> String {
    format!("{{{{{name}}}}}")
}

struct Workflow<'p> {
    pipeline: &'p Pipeline,
    pods: Vec<Pod>,
    on_failure: Option<Pod>,
}

impl Workflow<'_> {
    fn template(&self) -> Value {
        let pipeline = self.pipeline;
        let mut spec = Map::new();
        let mut set = |field: &str, value: Value| spec.insert(field.to_owned(), value);
        set("entrypoint", MAIN.into());
        if self.on_failure.is_some() {
            set("onExit", ON_FAILURE.into());
        }
        let parameters = self.parameters();
        if !parameters.is_empty() {
            set("arguments", json!({ "parameters": parameters }));
        }
        set("workflowMetadata", json!({ "labels": self.labels() }));
        set("podMetadata", json!({ "labels": self.labels() }));
        // A run that is started by hand does not meet one that the schedule starts.
        set("synchronization", json!({ "mutexes": [{ "name": pipeline.name }] }));
        if self.hands_artifacts() {
            // A service account that may not remove artifacts does not keep a workflow from being removed.
            set("artifactGC", json!({ "strategy": "OnWorkflowDeletion", "forceFinalizerRemoval": true }));
        }
        set("podGC", json!({ "strategy": "OnPodSuccess" }));
        set("ttlStrategy", json!({ "secondsAfterSuccess": 86_400, "secondsAfterFailure": 604_800 }));
        set("metrics", json!({ "prometheus": self.metrics() }));
        set("securityContext", pod::security());
        // Variables such as POSTGRES_PORT, which a service of that name would set, are those of a loader, too.
        set("podSpecPatch", r#"{"enableServiceLinks":false}"#.into());
        set("templates", self.templates().into());
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTemplate",
            "metadata": { "name": pipeline.name, "labels": self.labels() },
            "spec": spec,
        })
    }

    fn cron(&self) -> Value {
        let pipeline = self.pipeline;
        let schedules: Vec<String> = pipeline.schedule.iter().map(ToString::to_string).collect();
        let mut workflow = json!({ "workflowTemplateRef": { "name": pipeline.name } });
        if self.loads() {
            let run = json!({ "name": RUN, "value": variable("workflow.scheduledTime") });
            workflow["arguments"] = json!({ "parameters": [run] });
        }
        json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "CronWorkflow",
            "metadata": { "name": pipeline.name, "labels": self.labels() },
            "spec": {
                "schedules": schedules,
                "timezone": pipeline.timezone,
                "concurrencyPolicy": "Forbid",
                // A run that is missed while the controller is away is made up for within ten minutes.
                "startingDeadlineSeconds": 600,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 7,
                "workflowSpec": workflow,
            },
        })
    }

    fn labels(&self) -> Value {
        json!({ "app.kubernetes.io/name": self.pipeline.name, "app.kubernetes.io/part-of": "standpipe" })
    }

    /// Whether a step is told the id of its load.
    fn loads(&self) -> bool {
        self.pods.iter().any(|pod| pod.loads)
    }

    fn hands_artifacts(&self) -> bool {
        self.pods.len() > 1
    }

    /// The parameters of a run. One without a value has to be given: Argo says so, and runs nothing.
    fn parameters(&self) -> Vec<Value> {
        let mut parameters = Vec::new();
        if self.loads() {
            parameters.push(json!({
                "name": RUN,
                "value": variable("workflow.uid"),
                "description": "Names the run in the ids of its loads: what was loaded under an id is not loaded again",
            }));
        }
        for end in self.pipeline.window() {
            let what = if end == "since" {
                "The start of the data interval"
            } else {
                "The end of the data interval, which is not in it"
            };
            parameters.push(json!({ "name": end, "description": what }));
        }
        parameters
    }

    fn metrics(&self) -> Value {
        let labels = |more: &[Value]| {
            let mut labels = vec![json!({ "key": "pipeline", "value": self.pipeline.name })];
            labels.extend_from_slice(more);
            labels
        };
        let status = json!({ "key": "status", "value": variable("workflow.status") });
        json!([
            {
                "name": "standpipe_runs",
                "help": "Runs that have ended, by their status",
                "labels": labels(std::slice::from_ref(&status)),
                "counter": { "value": "1" },
            },
            {
                "name": "standpipe_run_seconds",
                "help": "How long the last run took, with its retries",
                "labels": labels(&[status]),
                "gauge": { "realtime": false, "value": variable("workflow.duration") },
            },
            {
                "name": "standpipe_last_success_timestamp_seconds",
                "help": "When the last run that succeeded was started",
                "labels": labels(&[]),
                "when": format!("{} == Succeeded", variable("workflow.status")),
                "gauge": { "realtime": false, "value": variable("workflow.creationTimestamp.s") },
            },
        ])
    }

    fn templates(&self) -> Vec<Value> {
        let items = !self.pipeline.matrix.keys.is_empty();
        let mut templates = Vec::new();
        if !items {
            templates.push(json!({ "name": MAIN, "dag": { "tasks": self.tasks() } }));
        } else {
            let template = if let [only] = self.pods.as_slice() { only.name.as_str() } else { ITEM };
            let task = json!({
                "name": template,
                "template": template,
                "arguments": { "parameters": self.arguments("item.") },
                "withItems": self.items(),
            });
            // What becomes of an item is nothing to the others.
            templates.push(json!({ "name": MAIN, "dag": { "failFast": false, "tasks": [task] } }));
            if self.hands_artifacts() {
                let inputs = pod::inputs(self.pipeline, false);
                templates.push(json!({ "name": ITEM, "inputs": inputs, "dag": { "tasks": self.tasks() } }));
            }
        }
        templates.extend(self.pods.iter().map(|pod| pod.template.clone()));
        if let Some(pod) = &self.on_failure {
            let step = json!({
                "name": pod.name,
                "template": pod.name,
                "when": format!("{} != Succeeded", variable("workflow.status")),
            });
            templates.push(json!({ "name": ON_FAILURE, "steps": [[step]] }));
            templates.push(pod.template.clone());
        }
        templates
    }

    /// The steps, each of which takes what the one before it hands on.
    fn tasks(&self) -> Vec<Value> {
        let mut tasks = Vec::new();
        let mut before: Option<&str> = None;
        for pod in &self.pods {
            let mut task = json!({ "name": pod.name, "template": pod.name });
            let mut arguments = Map::new();
            let parameters = self.arguments("inputs.parameters.");
            if !parameters.is_empty() {
                arguments.insert("parameters".to_owned(), parameters.into());
            }
            if let Some(before) = before {
                task["depends"] = format!("{before}.Succeeded").into();
                let from = variable(&format!("tasks.{before}.outputs.artifacts.{RECORDS}"));
                arguments.insert("artifacts".to_owned(), json!([{ "name": RECORDS, "from": from }]));
            }
            if !arguments.is_empty() {
                task["arguments"] = arguments.into();
            }
            tasks.push(task);
            before = Some(&pod.name);
        }
        tasks
    }

    /// The keys of the matrix, with the values of these variables.
    fn arguments(&self, variables: &str) -> Vec<Value> {
        let keys = self.pipeline.matrix.keys.iter();
        keys.map(|(key, _)| json!({ "name": key, "value": variable(&format!("{variables}{key}")) })).collect()
    }

    fn items(&self) -> Vec<Value> {
        let fields = |values: &[(String, String)]| -> Map<String, Value> {
            values.iter().map(|(key, value)| (key.clone(), literal(value).into())).collect()
        };
        self.pipeline.matrix.items().iter().map(|item| fields(&item.values).into()).collect()
    }
}

#[cfg(test)]
mod tests;
