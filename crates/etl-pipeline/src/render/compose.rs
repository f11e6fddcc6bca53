//! A compose file: a service for each step of each item, joined by files on a volume.

use serde_json::{Map, Value, json};

use super::{Dialect, Handing, Job, Rendered, documents, without_items, words};
use crate::matrix::Item;
use crate::model::{Settings, WINDOW};
use crate::plan::Stage;

/// The variable that names a run, by which a load is known again.
const RUN: &str = "RUN_ID";

/// Where the volume is mounted, which is the working folder, too.
const DATA: &str = "/data";

pub(super) fn render(job: &mut Job<'_>) -> Vec<Rendered> {
    let plan = job.plan;
    let pipeline = &plan.pipeline;
    job.one_source();
    warn(job);
    let mut services = Map::new();
    for item in pipeline.matrix.items() {
        let mut before: Option<String> = None;
        for stage in &plan.stages {
            let name = format!("{}{}", job.step_id(stage), item.suffix());
            let step = Step { job, item: &item, stage, name: &name, before: before.as_deref() };
            if services.insert(name.clone(), step.service()).is_some() {
                job.problems.add(stage.step.line, format!("two services would be named `{name}`"));
            }
            before = Some(name);
        }
    }
    if let Some(stage) = &plan.on_failure {
        let item = Item::default();
        let step = Step { job, item: &item, stage, name: "on-failure", before: None };
        services.insert("on-failure".to_owned(), step.on_failure());
    }
    let file = json!({ "name": pipeline.name, "services": services, "volumes": { "data": {} } });
    vec![Rendered { path: format!("{}.yaml", pipeline.name), text: documents(plan, &[file]) }]
}

/// What compose does not do.
fn warn(job: &mut Job<'_>) {
    let plan = job.plan;
    let pipeline = &plan.pipeline;
    let missing = [
        ("schedule", "compose has no schedule: let a timer or cron run `up`"),
        ("deadline", "compose has no deadline: let `timeout` run `up`"),
        (
            "retry",
            "compose knows no exit codes and tries nothing again: run `up` again, with the same RUN_ID",
        ),
    ];
    for (key, message) in missing {
        if pipeline.lines.contains_key(key) {
            job.warnings.add(pipeline.line(key), message);
        }
    }
    if let Some(stage) = &plan.on_failure {
        job.warnings.add(
            stage.step.line,
            "compose starts nothing when a service fails: `docker compose run --rm on-failure` does, once `up` has failed",
        );
    }
}

/// A step for an item.
struct Step<'p> {
    job: &'p Job<'p>,
    item: &'p Item,
    stage: &'p Stage,
    /// The name of its service.
    name: &'p str,
    /// The service that it waits for, and whose file it reads.
    before: Option<&'p str>,
}

/// Compose expands `$`.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// A variable of whoever starts compose, without which nothing is started.
fn from_outside(name: &str, what: &str) -> String {
    format!("${{{name}:?{what}}}")
}

impl Step<'_> {
    /// What stands for a placeholder: the item's value, or a variable for the ends of the interval.
    fn placeholder(&self, name: &str) -> String {
        if WINDOW.contains(&name) && self.item.value(name).is_none() {
            let variable = name.to_uppercase();
            return from_outside(&variable, "an end of the interval whose data the run is for");
        }
        literal(self.item.value(name).unwrap_or_default())
    }

    fn service(&self) -> Value {
        let stage = self.stage;
        let file = |name: &str| format!("{DATA}/{name}.ndjson");
        let (input, output) = (self.before.map(file), stage.prints.then(|| file(self.name)));
        // What the last step prints goes to the log.
        let output = output.filter(|_| !self.is_last());
        let handing = Handing::Files { input: input.as_deref(), output: output.as_deref() };
        let run = from_outside(RUN, "a new id for a new run, the same one to try a run again");
        let load_id = format!("{}-{run}-{}", self.job.plan.pipeline.name, self.name);
        let placeholder = |name: &str| self.placeholder(name);
        let dialect = Dialect { literal: &literal, placeholder: &placeholder };
        let mut words = words(stage, handing, Some(&load_id), dialect);
        // `up` starts all steps again, so that another try has other bytes.
        if let Some(at) = words.iter().position(|word| *word == load_id) {
            words.splice(at + 1..at + 1, ["--if-loaded".to_owned(), "skip".to_owned()]);
        }
        let mut service = self.container(words, &self.stage.settings);
        if let Some(before) = self.before {
            let condition = json!({ before: { "condition": "service_completed_successfully" } });
            service.insert("depends_on".to_owned(), condition);
        }
        service.into()
    }

    /// What is run by hand when `up` has failed.
    fn on_failure(&self) -> Value {
        let placeholder = |name: &str| self.placeholder(name);
        let dialect = Dialect { literal: &literal, placeholder: &placeholder };
        let words = self.stage.step.words.iter().map(|word| dialect.text(word)).collect();
        let mut service = self.container(words, &without_items(&self.stage.settings));
        service.insert("profiles".to_owned(), json!(["on-failure"]));
        if let Some(Value::Object(environment)) = service.get_mut("environment") {
            environment.insert("WORKFLOW_NAME".to_owned(), self.job.plan.pipeline.name.clone().into());
            environment.insert("WORKFLOW_STATUS".to_owned(), "Failed".into());
        }
        service.into()
    }

    fn is_last(&self) -> bool {
        self.job.plan.stages.last().is_some_and(|last| std::ptr::eq(last, self.stage))
    }

    fn container(&self, words: Vec<String>, settings: &Settings) -> Map<String, Value> {
        let mut words = words.into_iter();
        let mut service = Map::new();
        service.insert("image".to_owned(), self.job.image(self.stage).into());
        service.insert("entrypoint".to_owned(), json!([words.next()]));
        service.insert("command".to_owned(), words.collect::<Vec<_>>().into());
        service.insert("environment".to_owned(), self.environment(settings).into());
        let files: Vec<String> = settings.env_from.iter().map(|(_, name)| format!("{name}.env")).collect();
        if !files.is_empty() {
            service.insert("env_file".to_owned(), files.into());
        }
        service.insert("user".to_owned(), "65532:65532".into());
        service.insert("working_dir".to_owned(), DATA.into());
        service.insert("volumes".to_owned(), json!([format!("data:{DATA}")]));
        service.insert("tmpfs".to_owned(), json!(["/tmp"]));
        service.insert("read_only".to_owned(), true.into());
        service.insert("cap_drop".to_owned(), json!(["ALL"]));
        service.insert("security_opt".to_owned(), json!(["no-new-privileges:true"]));
        service
    }

    fn environment(&self, settings: &Settings) -> Map<String, Value> {
        let mut environment = Map::new();
        if !settings.names().any(|(_, name)| name == "ETL_LOG_FORMAT") {
            environment.insert("ETL_LOG_FORMAT".to_owned(), "json".into());
        }
        for variable in &settings.env {
            let value = variable.value.fill(literal, |name| self.placeholder(name));
            environment.insert(variable.name.clone(), value.into());
        }
        for variable in settings.config.iter().chain(&settings.secrets) {
            let value = from_outside(&variable.name, &variable.value.to_string());
            environment.insert(variable.name.clone(), value.into());
        }
        environment
    }
}

#[cfg(test)]
mod tests;
