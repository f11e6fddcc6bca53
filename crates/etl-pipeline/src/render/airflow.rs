//! A DAG file for Airflow 3: one task for each item, in which `standpipe run` is the whole pipe, and one that runs what is
//! to be run when they have failed.
//!
//! The file needs no package of ours. What decides about a try that failed is in `airflow/*.py`, and becomes part of it.

mod environment;
mod python;

use std::time::Duration;

use super::{Dialect, Handing, Job, Operator, Rendered, header, run, words};
use crate::matrix::Item;
use crate::model::Settings;
use crate::plan::Stage;
use environment::{Environment, dollars, jinja};
use python::Python;

const ENDING: &str = include_str!("airflow/ending.py");
const KUBERNETES: &str = include_str!("airflow/kubernetes.py");
const DOCKER: &str = include_str!("airflow/docker.py");

/// The time that a run is for; of a run by hand that has none, its id.
const RUN: &str = "{{ ts | default(run_id) }}";

/// What the pods have in common, restricted as far as it goes.
const PODS: &str = r#"PODS = {
    "container_resources": k8s.V1ResourceRequirements(
        requests={"cpu": "10m", "memory": "16Mi"},
        limits={"memory": "128Mi"},
    ),
    "security_context": k8s.V1PodSecurityContext(
        run_as_non_root=True,
        run_as_user=65532,
        run_as_group=65532,
        seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
    ),
    "container_security_context": k8s.V1SecurityContext(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=k8s.V1Capabilities(drop=["ALL"]),
    ),
    "deferrable": False,
    "log_pod_spec_on_failure": False,
    "on_finish_action": "delete_pod",
}
"#;

/// What the containers have in common. They are removed once it is known how they ended.
const CONTAINERS: &str = r#"CONTAINERS = {
    "user": "65532:65532",
    "mem_limit": "128m",
    "mount_tmp_dir": False,
    "auto_remove": "never",
    "xcom_all": True,
}
"#;

pub(super) fn render(job: &mut Job<'_>) -> Vec<Rendered> {
    let plan = job.plan;
    // What runs after a failure has a container of its own.
    let image = job.one_image_of(plan.stages.iter());
    let settings = job.one_environment(plan.stages.iter());
    job.no_bars();
    let schedule = schedule(job);
    let name = plan.pipeline.name.replace('-', "_");
    let dag = Dag { job, name: &name, image, settings };
    vec![Rendered { path: format!("{name}.py"), text: dag.text(schedule) }]
}

/// When the runs begin. A data interval, which `${since}` and `${until}` need, is from one time of a schedule to the next.
fn schedule(job: &mut Job<'_>) -> Python {
    let pipeline = &job.plan.pipeline;
    let window = pipeline.window();
    let lines = &pipeline.schedule;
    if let (Some(end), true) = (window.first(), lines.len() != 1) {
        let line = pipeline.line(if lines.is_empty() { "steps" } else { "schedule" });
        let message = format!(
            "`${{{end}}}` is an end of the interval between two times of a schedule of one line, so it needs such a `schedule`"
        );
        job.problems.add(line, message);
    }
    let timetable = match (window.is_empty(), lines.len()) {
        (_, 0) => return Python::plain("None"),
        (false, _) => "CronDataIntervalTimetable",
        (true, 1) => "CronTriggerTimetable",
        (true, _) => "MultipleCronTriggerTimetable",
    };
    let lines = lines.iter().map(|line| ("", Python::string(&line.to_string())));
    Python::call(timetable, lines.chain([("timezone", Python::string(&pipeline.timezone))]))
}

struct Dag<'d, 'p> {
    job: &'d Job<'p>,
    name: &'d str,
    /// Where the pipe runs.
    image: String,
    /// The variables of the pipe.
    settings: Settings,
}

impl Dag<'_, '_> {
    fn text(&self, schedule: Python) -> String {
        let plan = self.job.plan;
        let programs: Vec<&str> = plan.stages.iter().map(Stage::name).collect();
        let (class, shared) = match self.operator() {
            Operator::Kubernetes => (KUBERNETES, PODS),
            Operator::Docker => (DOCKER, CONTAINERS),
        };
        let timetable = match &schedule {
            Python::Group { open, .. } => Some(open.trim_end_matches('(').to_owned()),
            Python::Plain(_) => None,
        };
        let dag = Python::call(
            "DAG",
            [
                ("dag_id", Python::string(self.name)),
                ("description", Python::string(&programs.join(" | "))),
                ("schedule", schedule),
                ("catchup", Python::plain("False")),
                ("max_active_runs", Python::plain("1")),
                ("default_args", self.retries()),
                ("tags", Python::list([Python::string("standpipe")])),
            ],
        );
        [
            header(plan),
            format!("\"\"\"The pipeline {}.\"\"\"\n\n", plan.pipeline.name),
            self.imports(timetable.as_deref()),
            "\nAIRFLOW = Version(airflow_version).release\n".to_owned(),
            ENDING.to_owned(),
            "\n\n".to_owned(),
            class.to_owned(),
            "\n\n".to_owned(),
            shared.to_owned(),
            self.constant(),
            "\n".to_owned(),
            dag.lay_out("with ", ":", 0),
            self.tasks(),
        ]
        .concat()
    }

    fn operator(&self) -> Operator {
        self.job.options.operator
    }

    fn retries(&self) -> Python {
        let retry = self.job.plan.pipeline.retry;
        let seconds = |time: Duration| {
            Python::call("timedelta", [("seconds", Python::plain(time.as_secs_f64().to_string()))])
        };
        Python::dict([
            ("retries", Python::plain(retry.limit.to_string())),
            ("retry_delay", seconds(retry.wait)),
            // Before 3.2 it is a switch.
            ("retry_exponential_backoff", Python::plain("2 if AIRFLOW >= (3, 2) else True")),
            ("max_retry_delay", seconds(retry.longest)),
        ])
    }

    fn imports(&self, timetable: Option<&str>) -> String {
        let mut lines = vec!["from airflow import __version__ as airflow_version".to_owned()];
        let sdk = |more: &[&str]| format!("from airflow.sdk import {}", [&["DAG"], more].concat().join(", "));
        let asset: &[&str] = if self.loads() { &["Asset"] } else { &[] };
        match self.operator() {
            Operator::Kubernetes => lines.extend([
                "from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator"
                    .to_owned(),
                "from kubernetes.client import ApiException".to_owned(),
                "from kubernetes.client import models as k8s".to_owned(),
                sdk(asset),
            ]),
            Operator::Docker => lines.extend([
                "from airflow.providers.docker.exceptions import DockerContainerFailedException".to_owned(),
                "from airflow.providers.docker.operators.docker import DockerOperator".to_owned(),
                sdk(&[asset, &["Variable"]].concat()),
            ]),
        }
        if self.gathers() {
            lines.push("from airflow.providers.standard.operators.empty import EmptyOperator".to_owned());
        }
        if let Some(timetable) = timetable {
            let module = if timetable == "CronDataIntervalTimetable" { "interval" } else { "trigger" };
            lines.push(format!("from airflow.timetables.{module} import {timetable}"));
        }
        lines.push("from packaging.version import Version".to_owned());
        lines.sort_by_key(|line| line.split(' ').nth(1).map(str::to_owned));
        format!(
            "import json\nimport re\nfrom datetime import timedelta\n\nimport pendulum\n{}\n\n{EXCEPTIONS}",
            lines.join("\n")
        )
    }

    /// Whether anything is loaded, so that there is something to tell others of.
    fn loads(&self) -> bool {
        let loader = |stage: &Stage| stage.component.as_ref().is_some_and(|name| name.starts_with("load-"));
        self.job.plan.stages.iter().any(loader)
    }

    /// Whether several tasks are waited for before their failures are told.
    fn gathers(&self) -> bool {
        self.job.plan.on_failure.is_some() && self.items().len() > 1
    }

    fn items(&self) -> Vec<Item> {
        self.job.plan.pipeline.matrix.items()
    }

    /// The variables of the pipe that are the same for every item.
    fn constant(&self) -> String {
        let environment = self.environment(&self.settings);
        let variables = self.with_dialect(&Item::default(), |dialect| environment.constant(dialect));
        variables.lay_out("ENVIRONMENT = ", "", 0)
    }

    fn environment<'s>(&self, settings: &'s Settings) -> Environment<'s> {
        Environment { settings, operator: self.operator() }
    }

    /// A text of the file, with what stands for its placeholders in the run of an item.
    fn with_dialect<T>(&self, item: &Item, work: impl FnOnce(Dialect<'_>) -> T) -> T {
        let literal = |text: &str| match self.operator() {
            Operator::Kubernetes => jinja(&dollars(text)),
            Operator::Docker => jinja(text),
        };
        let placeholder = |name: &str| match (item.value(name), name) {
            (Some(value), _) => literal(value),
            (None, "since") => "{{ data_interval_start | ts }}".to_owned(),
            (None, _) => "{{ data_interval_end | ts }}".to_owned(),
        };
        work(Dialect { literal: &literal, placeholder: &placeholder })
    }

    fn tasks(&self) -> String {
        let runs: Vec<Python> = self.items().iter().map(|item| self.run(item)).collect();
        let Some(stage) = &self.job.plan.on_failure else {
            return runs.iter().map(|run| run.lay_out("", "", 4)).collect();
        };
        let mut text = Python::list(runs).lay_out("runs = ", "", 4);
        text += &self.on_failure(stage).lay_out("on_failure = ", "", 4);
        // A teardown says nothing about how the run ended, which would otherwise have succeeded with this task.
        if self.gathers() {
            text += GATHER;
        } else {
            text += "    on_failure.is_teardown = True  # the run has failed, whatever becomes of it\n";
            text += "    runs >> on_failure\n";
        }
        text
    }

    /// The task of an item.
    fn run(&self, item: &Item) -> Python {
        let id = task_id(item);
        let name = &self.job.plan.pipeline.name;
        let place = if item.values.is_empty() { String::new() } else { format!("/{id}") };
        let load_id = |stage: &Stage| format!("{name}/{RUN}/{}{place}", self.job.step_id(stage));
        let args = self.with_dialect(item, |dialect| run(self.job.plan, false, &load_id, dialect));
        let environment = self.environment(&self.settings);
        let mut arguments = vec![("task_id", Python::string(&id)), ("image", Python::string(&self.image))];
        arguments.push((self.arguments(), Python::list(args.iter().map(|arg| Python::string(arg)))));
        arguments.extend(self.with_dialect(item, |dialect| environment.of_item("ENVIRONMENT", dialect)));
        if self.loads() {
            let asset =
                Python::call("Asset", [("", Python::string(&format!("x-standpipe://{name}{place}")))]);
            arguments.push(("outlets", Python::list([asset])));
        }
        arguments.push(("", self.shared()));
        Python::call("Standpipe", arguments)
    }

    /// What tells of a failure: the tasks say in their XComs what it was.
    fn on_failure(&self, stage: &Stage) -> Python {
        let item = Item::default();
        let words = self.with_dialect(&item, |dialect| words(stage, Handing::Pipe, None, dialect));
        let image = self.job.image(stage);
        let environment = self.environment(&stage.settings);
        let mut arguments =
            vec![("task_id", Python::string("on_failure")), ("image", Python::string(&image))];
        let args = |words: &[String]| Python::list(words.iter().map(|word| Python::string(word)));
        // Our images know what they run.
        match (&stage.component, &stage.step.image, self.operator()) {
            (Some(_), None, _) if words.len() == 1 => (),
            (Some(_), None, _) => arguments.push((self.arguments(), args(&words[1..]))),
            (_, _, Operator::Kubernetes) => {
                arguments.extend([("cmds", args(&words[..1])), ("arguments", args(&words[1..]))]);
            }
            (_, _, Operator::Docker) => {
                arguments.extend([("entrypoint", args(&words[..1])), ("command", args(&words[1..]))]);
            }
        }
        let ids: Vec<String> = self.items().iter().map(|item| format!("'{}'", task_id(item))).collect();
        let failures =
            format!("ti.xcom_pull(task_ids=[{}], key='failure') | select | list | tojson", ids.join(", "));
        let name = &self.job.plan.pipeline.name;
        arguments
            .extend(self.with_dialect(&item, |dialect| environment.of_failure(name, &failures, dialect)));
        let rule = if self.gathers() { "all_success" } else { "one_failed" };
        arguments.extend([("trigger_rule", Python::string(rule)), ("", self.shared())]);
        Python::call("Standpipe", arguments)
    }

    fn arguments(&self) -> &'static str {
        match self.operator() {
            Operator::Kubernetes => "arguments",
            Operator::Docker => "command",
        }
    }

    fn shared(&self) -> Python {
        match self.operator() {
            Operator::Kubernetes => Python::plain("**PODS"),
            Operator::Docker => Python::plain("**CONTAINERS"),
        }
    }
}

/// What the task of an item is called. No other task's name is without a `_`.
fn task_id(item: &Item) -> String {
    let suffix = item.suffix();
    let id = suffix.trim_start_matches('-');
    if id.is_empty() { "run".to_owned() } else { id.to_owned() }
}

const EXCEPTIONS: &str = "\
try:
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowRescheduleException,
    )
except ImportError:  # before 3.2
    from airflow.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowRescheduleException,
    )
";

/// All items are waited for, and then all failures are told at once. Tasks that are empty cost no worker.
const GATHER: &str = r#"    one_failed = EmptyOperator(task_id="one_failed", trigger_rule="one_failed")
    all_ended = EmptyOperator(task_id="all_ended", trigger_rule="all_done")
    for task in (one_failed, all_ended, on_failure):
        task.is_teardown = True  # the run has failed, whatever becomes of them
    runs >> one_failed >> on_failure
    runs >> all_ended >> on_failure
"#;

#[cfg(test)]
mod tests;
