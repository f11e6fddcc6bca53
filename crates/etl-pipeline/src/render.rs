//! What each scheduler is told. A module a target; what they share is here.

mod airflow;
mod argo;
mod compose;
mod cronjob;
mod shell;
mod systemd;

use serde_json::{Map, Value};

use crate::matrix::Item;
use crate::model::{Settings, Target};
use crate::plan::{Plan, Stage};
use crate::problem::{Problem, Problems};
use crate::words::{Text, quote};
use crate::yaml;

/// What is chosen on the command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// What images' names begin with: `REGISTRY/COMPONENT:TAG`.
    pub registry: String,
    /// Their tag.
    pub tag: String,
    /// How Argo runs the steps.
    pub steps: Steps,
    /// What Airflow runs the steps with.
    pub operator: Operator,
}

/// How Argo runs the steps of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// All in one container, joined by pipes.
    Pipe,
    /// Each in a pod of its own, handing over artifacts.
    Artifacts,
}

/// What Airflow runs steps with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `KubernetesPodOperator`.
    Kubernetes,
    /// `DockerOperator`.
    Docker,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its path below the output folder.
    pub path: String,
    /// What it contains.
    pub text: String,
}

/// What a pipeline is rendered to.
#[derive(Clone, Debug, Default)]
pub struct Rendering {
    /// The files.
    pub files: Vec<Rendered>,
    /// What the target cannot express, and is no promise.
    pub warnings: Vec<Problem>,
}

/// Renders a pipeline for the target that it was planned for.
///
/// # Errors
/// What the target cannot express, and would change the result.
pub fn render(plan: &Plan, options: &Options) -> Result<Rendering, Problems> {
    let mut job = Job {
        plan,
        options,
        problems: Problems::of(&plan.pipeline.file),
        warnings: Problems::of(&plan.pipeline.file),
    };
    let files = match plan.target {
        Some(Target::Argo) => argo::render(&mut job),
        Some(Target::CronJob) => cronjob::render(&mut job),
        Some(Target::Airflow) => airflow::render(&mut job),
        Some(Target::Compose) => compose::render(&mut job),
        Some(Target::Systemd) => systemd::render(&mut job),
        Some(Target::Shell) => shell::render(&mut job),
        // What is run here is rendered to nothing.
        None => Vec::new(),
    };
    let warnings = job.warnings.iter().cloned().collect();
    job.problems.or(Some(Rendering { files, warnings }))
}

/// A pipeline that is being rendered.
struct Job<'p> {
    plan: &'p Plan,
    options: &'p Options,
    problems: Problems,
    warnings: Problems,
}

impl Default for Options {
    /// The images of this version, as they are built here.
    fn default() -> Options {
        Options {
            registry: "standpipe".to_owned(),
            tag: env!("CARGO_PKG_VERSION").to_owned(),
            steps: Steps::Pipe,
            operator: Operator::Kubernetes,
        }
    }
}

/// What tells a rendered file from any other, in one of its first lines.
pub const HEADER: &str = "Rendered by `standpipe render`";

/// The first line of every file that is rendered: the file is named without its folder, which depends on where one is.
fn header(plan: &Plan) -> String {
    let file = plan.pipeline.file.rsplit('/').next().unwrap_or_default();
    format!("# {HEADER} from {file}; edit that, and render again.\n")
}

/// A YAML file of these documents.
fn documents(plan: &Plan, documents: &[Value]) -> String {
    let texts: Vec<String> = documents.iter().map(yaml::write).collect();
    header(plan) + &texts.join("---\n")
}

/// How a target writes texts: what it would expand in a literal is escaped, and what stands for a placeholder is its own.
#[derive(Clone, Copy)]
struct Dialect<'d> {
    literal: &'d dyn Fn(&str) -> String,
    placeholder: &'d dyn Fn(&str) -> String,
}

impl Dialect<'_> {
    fn text(&self, text: &Text) -> String {
        text.fill(self.literal, self.placeholder)
    }
}

/// How a step gets its records and passes them on.
#[derive(Clone, Copy)]
enum Handing<'h> {
    /// By the pipes of `standpipe run`.
    Pipe,
    /// By files.
    Files { input: Option<&'h str>, output: Option<&'h str> },
}

/// The words of a step for a target, with what rendered pipelines add: sealed input only, and the id of the load.
///
/// A live pipe fetches other bytes when it is tried again, so that a load that was committed is skipped; a file is the
/// same, and another one under the same id is refused.
fn words(stage: &Stage, handing: Handing<'_>, load_id: Option<&str>, dialect: Dialect<'_>) -> Vec<String> {
    let mut added: Vec<String> = Vec::new();
    let mut add = |flag: &str, value: &str| {
        if stage.can_take(flag) {
            added.extend([flag.to_owned(), value.to_owned()]);
        }
    };
    let foreign = stage.component.is_none();
    let (input, output) = match handing {
        Handing::Pipe => (None, None),
        Handing::Files { input, output } => (input, output),
    };
    if stage.reads {
        add("--seal", "required");
    }
    if let Some(id) = load_id.filter(|_| stage.takes_load_id()) {
        add("--load-id", id);
        if matches!(handing, Handing::Pipe) {
            add("--if-loaded", "skip");
        }
    }
    for (flag, path) in [("--input", input), ("--output", output)] {
        if let Some(path) = path {
            add(flag, path);
        }
    }
    let mut words: Vec<String> = stage.step.words.iter().map(|word| dialect.text(word)).collect();
    let end = stage.step.words.iter().position(|word| word.literal() == Some("--")).unwrap_or(words.len());
    words.splice(end..end, added);
    if foreign && let Handing::Files { .. } = handing {
        let command = if input.is_some() { "through" } else { "seal" };
        let mut wrapped = vec!["standpipe".to_owned(), command.to_owned()];
        for (flag, path) in [("--input", input), ("--output", output)] {
            if let Some(path) = path {
                wrapped.extend([flag.to_owned(), path.to_owned()]);
            }
        }
        wrapped.push("--".to_owned());
        wrapped.append(&mut words);
        return wrapped;
    }
    words
}

/// The arguments of `standpipe` that run a whole pipeline, with its deadline and, if wanted, what runs when it fails.
///
/// `load_id` is the id of the load of one step, by the step's name.
fn run(
    plan: &Plan,
    on_failure: bool,
    load_id: &dyn Fn(&Stage) -> String,
    dialect: Dialect<'_>,
) -> Vec<String> {
    let mut args = vec!["run".to_owned()];
    if let Some(deadline) = plan.pipeline.deadline {
        args.extend(["--deadline".to_owned(), format!("{}s", deadline.as_secs())]);
    }
    if let Some(stage) = plan.on_failure.as_ref().filter(|_| on_failure) {
        let words = words(stage, Handing::Pipe, None, dialect);
        let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
        args.extend(["--on-failure".to_owned(), words.join(" ")]);
    }
    args.push("--".to_owned());
    for (n, stage) in plan.stages.iter().enumerate() {
        if n > 0 {
            args.push("|".to_owned());
        }
        args.extend(words(stage, Handing::Pipe, Some(&load_id(stage)), dialect));
    }
    args
}

/// The words of a pipeline's steps for one item, as `standpipe run` starts them.
pub fn pipe(plan: &Plan, item: &Item, window: &dyn Fn(&str) -> String) -> Vec<Vec<String>> {
    let placeholder = |name: &str| item.value(name).map_or_else(|| window(name), str::to_owned);
    let dialect = Dialect { literal: &str::to_owned, placeholder: &placeholder };
    plan.stages.iter().map(|stage| words(stage, Handing::Pipe, None, dialect)).collect()
}

impl Job<'_> {
    /// The image of a step.
    fn image(&self, stage: &Stage) -> String {
        match (&stage.step.image, &stage.component) {
            (Some(image), _) => image.clone(),
            (None, Some(component)) => self.ours(component),
            (None, None) => self.ours("all"),
        }
    }

    /// An image of this version, such as `all` with every component.
    fn ours(&self, name: &str) -> String {
        format!("{}/{name}:{}", self.options.registry, self.options.tag)
    }

    /// In one container there is one image: a step that has its own is refused.
    fn one_image(&mut self) -> String {
        for stage in self.plan.stages.iter().chain(&self.plan.on_failure) {
            if stage.step.image.is_some() {
                self.problems.add(
                    stage.step.line,
                    format!("`{}` has an image of its own, but here all steps run in one: use `--to argo --steps artifacts`", stage.name()),
                );
            }
        }
        self.ours("all")
    }

    /// The ends of a data interval are known to schedulers that have one.
    fn no_window(&mut self) {
        let target = self.plan.target.map_or("", Target::name);
        for end in self.plan.pipeline.window() {
            let uses = |stage: &&Stage| {
                stage.step.words.iter().any(|word| word.placeholders().any(|name| name == end))
            };
            let line = self.plan.stages.iter().find(uses).map_or(1, |stage| stage.step.line);
            self.problems.add(
                line,
                format!("`{target}` has no data interval for `${{{end}}}`: argo and airflow have"),
            );
        }
    }
}

/// The variables of several steps together, each once.
fn union<'s>(stages: impl Iterator<Item = &'s Stage>) -> Settings {
    let mut all = Settings::default();
    for stage in stages {
        all.join(&stage.settings);
    }
    all
}

/// Variables as a container of Kubernetes has them: `env`, and `envFrom` if there is any.
fn kubernetes_environment(settings: &Settings, text: &dyn Fn(&Text) -> String) -> Map<String, Value> {
    let mut env: Vec<Value> = Vec::new();
    for variable in &settings.env {
        env.push(serde_json::json!({ "name": variable.name, "value": text(&variable.value) }));
    }
    let references = [("configMapKeyRef", &settings.config), ("secretKeyRef", &settings.secrets)];
    for (kind, variables) in references {
        for variable in variables {
            let reference =
                serde_json::json!({ kind: { "name": variable.value.object, "key": variable.value.key } });
            env.push(serde_json::json!({ "name": variable.name, "valueFrom": reference }));
        }
    }
    let mut map = Map::new();
    if !env.is_empty() {
        map.insert("env".to_owned(), env.into());
    }
    let from =
        settings.env_from.iter().map(|(_, name)| serde_json::json!({ "configMapRef": { "name": name } }));
    let from: Vec<Value> = from.collect();
    if !from.is_empty() {
        map.insert("envFrom".to_owned(), from.into());
    }
    map
}
