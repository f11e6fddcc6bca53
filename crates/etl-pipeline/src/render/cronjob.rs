//! A CronJob of Kubernetes for each item, or a Job without a schedule: one container that runs the whole pipeline.

use serde_json::{Map, Value, json};

use super::{AGAIN, Dialect, Job, Rendered, documents, kubernetes_environment, run};
use crate::cron::Cron;
use crate::matrix::Item;
use crate::model::Settings;

/// What the pod knows its run by.
const RUN: &str = "JOB_NAME";

/// How long a pod may take, beyond the deadline of the pipeline, to be scheduled, to pull its image and to end.
const AROUND: u64 = 120;

/// How long a Job that has ended is kept, in seconds.
const KEPT: u64 = 7 * 24 * 60 * 60;

/// The longest name of a CronJob: those of its Jobs have eleven characters more.
const LONGEST_NAME: usize = 52;

pub(super) fn render(job: &mut Job<'_>) -> Vec<Rendered> {
    let plan = job.plan;
    let pipeline = &plan.pipeline;
    job.no_window();
    job.no_bars();
    let image = job.one_image();
    let settings = job.one_environment(plan.stages.iter().chain(&plan.on_failure));
    if let Some((line, _)) = settings.names().find(|(_, name)| *name == RUN) {
        job.problems
            .add(line, format!("`{RUN}` is the name of the Job here: call the variable something else"));
    }
    warn(job);
    let mut objects = Vec::new();
    for item in pipeline.matrix.items() {
        let pod = Pod { job, item: &item, image: &image, settings: &settings };
        let name = format!("{}{}", pipeline.name, item.suffix());
        if pipeline.schedule.is_empty() {
            objects.push((pipeline.line("name"), name.clone(), pod.job(&name)));
        }
        for (n, cron) in pipeline.schedule.iter().enumerate() {
            // One more line does not rename what is there.
            let name = if n == 0 { name.clone() } else { format!("{name}-{}", n + 1) };
            objects.push((cron.line, name.clone(), pod.cron_job(&name, cron)));
        }
    }
    for (n, (line, name, _)) in objects.iter().enumerate() {
        if name.len() > LONGEST_NAME {
            job.problems.add(
                *line,
                format!("`{name}`, the CronJob of this line, is longer than {LONGEST_NAME} characters"),
            );
        }
        if objects[..n].iter().any(|(_, other, _)| other == name) {
            job.problems.add(
                *line,
                format!("`{name}`, the CronJob of this line, is also the name of another item's"),
            );
        }
    }
    let objects: Vec<Value> = objects.into_iter().map(|(_, _, object)| object).collect();
    vec![Rendered { path: format!("{}.yaml", pipeline.name), text: documents(plan, &objects) }]
}

/// What is not as the file has it.
fn warn(job: &mut Job<'_>) {
    let plan = job.plan;
    let pipeline = &plan.pipeline;
    let retries = pipeline.retry.limit > 0;
    if retries && pipeline.lines.contains_key("retry") {
        job.warnings.add(
            pipeline.line("retry"),
            "`wait` and `longest` are not those of a Job, which waits 10 s, then twice as long each time, at most 6 m",
        );
    }
    if let Some(stage) = plan.on_failure.as_ref().filter(|_| retries) {
        job.warnings.add(
            stage.step.line,
            "nothing runs after the last try of a Job: `on-failure` runs after each one that fails, unless the pod is killed",
        );
    }
    for cron in pipeline.schedule.iter().skip(1) {
        job.warnings.add(
            cron.line,
            "a CronJob has one cron line: this one gets a CronJob of its own, which does not wait for a run of the others",
        );
    }
}

/// What runs an item.
struct Pod<'p> {
    job: &'p Job<'p>,
    item: &'p Item,
    image: &'p str,
    settings: &'p Settings,
}

impl Pod<'_> {
    fn cron_job(&self, name: &str, cron: &Cron) -> Value {
        json!({
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": { "name": name, "labels": self.labels() },
            "spec": {
                "schedule": cron.to_string(),
                "timeZone": self.job.plan.pipeline.timezone,
                "concurrencyPolicy": "Forbid",
                // A run that is missed while the controller is away is made up for within ten minutes.
                "startingDeadlineSeconds": 600,
                "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 7,
                "jobTemplate": { "metadata": { "labels": self.labels() }, "spec": self.spec() },
            },
        })
    }

    fn job(&self, name: &str) -> Value {
        json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": { "name": name, "labels": self.labels() },
            "spec": self.spec(),
        })
    }

    fn labels(&self) -> Value {
        json!({
            "app.kubernetes.io/name": self.job.plan.pipeline.name,
            "app.kubernetes.io/part-of": "standpipe",
        })
    }

    /// The specification of a Job.
    fn spec(&self) -> Value {
        let pipeline = &self.job.plan.pipeline;
        let mut spec = Map::new();
        if let Some(deadline) = pipeline.deadline {
            let tries = u64::from(pipeline.retry.limit) + 1;
            let waits: u64 = (0..pipeline.retry.limit).map(|n| (10_u64 << n.min(6)).min(360)).sum();
            spec.insert(
                "activeDeadlineSeconds".to_owned(),
                (tries * (deadline.as_secs() + AROUND) + waits).into(),
            );
        }
        spec.insert("backoffLimit".to_owned(), pipeline.retry.limit.into());
        spec.insert("ttlSecondsAfterFinished".to_owned(), KEPT.into());
        // A pod that is evicted, or whose node is lost, costs no try. One without an exit code is counted as one.
        let rules = json!([
            { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] },
            { "action": "FailJob", "onExitCodes": { "containerName": "pipeline", "operator": "NotIn", "values": AGAIN } },
        ]);
        spec.insert("podFailurePolicy".to_owned(), json!({ "rules": rules }));
        let pod = json!({
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            // Variables such as POSTGRES_PORT, which a service of that name would set, are those of a loader, too.
            "enableServiceLinks": false,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "fsGroup": 65532,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [self.container()],
            "volumes": [{ "name": "tmp", "emptyDir": {} }],
        });
        spec.insert("template".to_owned(), json!({ "metadata": { "labels": self.labels() }, "spec": pod }));
        spec.into()
    }

    fn container(&self) -> Value {
        let plan = self.job.plan;
        // The kubelet makes `$` of `$$`, and a variable's value of `$(NAME)`.
        let literal = |text: &str| text.replace('$', "$$");
        let placeholder = |name: &str| literal(self.item.value(name).unwrap_or_default());
        let dialect = Dialect { literal: &literal, placeholder: &placeholder };
        let load_id = |stage: &_| format!("$({RUN})-{}", self.job.step_id(stage));
        let mut container = Map::new();
        container.insert("name".to_owned(), "pipeline".into());
        container.insert("image".to_owned(), self.image.into());
        container.insert("command".to_owned(), json!(["standpipe"]));
        container.insert("args".to_owned(), run(plan, true, &load_id, dialect).into());
        let mut environment = kubernetes_environment(self.settings, &|text| dialect.text(text));
        let mut env =
            vec![json!({ "name": RUN, "valueFrom": { "fieldRef": { "fieldPath": self.run_id() } } })];
        if !self.settings.names().any(|(_, name)| name == "ETL_LOG_FORMAT") {
            env.push(json!({ "name": "ETL_LOG_FORMAT", "value": "json" }));
        }
        if let Some(Value::Array(own)) = environment.remove("env") {
            env.extend(own);
        }
        container.insert("env".to_owned(), env.into());
        container.append(&mut environment);
        let memory = format!("{}Mi", 128 * plan.stages.len());
        container.insert(
            "resources".to_owned(),
            json!({ "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": memory } }),
        );
        container.insert(
            "securityContext".to_owned(),
            json!({
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
                "seccompProfile": { "type": "RuntimeDefault" },
            }),
        );
        container.insert("volumeMounts".to_owned(), json!([{ "name": "tmp", "mountPath": "/tmp" }]));
        container.into()
    }

    /// Where the pod finds the id of its run. The name of a CronJob's Job has the scheduled time in it; that of a Job is
    /// always the same, its uid is not.
    fn run_id(&self) -> &'static str {
        if self.job.plan.pipeline.schedule.is_empty() {
            "metadata.labels['batch.kubernetes.io/controller-uid']"
        } else {
            "metadata.labels['batch.kubernetes.io/job-name']"
        }
    }
}

#[cfg(test)]
mod tests;
