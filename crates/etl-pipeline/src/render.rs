//! What each scheduler is told. A module a target; what they share is here.

mod airflow;
mod argo;
mod compose;
mod cronjob;
mod shell;
mod systemd;

use serde_json::{Map, Value};

use crate::matrix::Item;
use crate::model::{Settings, Target, WINDOW};
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
    let mut warnings: Vec<Problem> = job.warnings.iter().cloned().collect();
    warnings.sort_by_key(|warning| warning.line);
    job.problems.or(Some(Rendering { files, warnings }))
}

/// A pipeline that is being rendered.
struct Job<'p> {
    plan: &'p Plan,
    options: &'p Options,
    problems: Problems,
    warnings: Problems,
}

/// The codes after which another try may succeed: transient, and killed from outside.
const AGAIN: [u8; 3] = [75, 137, 143];

/// Whether a word needs no quotes, in a shell and in a unit of systemd.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:,=@+".contains(c))
}

/// The words of `standpipe run`, quoted: a line for what comes before the steps, and one for each step.
fn lines_of(words: &[String]) -> String {
    let mut text = String::new();
    let mut begun = false;
    for word in words {
        let ends = word == "\"|\"" || (word == "--" && !begun);
        begun |= ends;
        text.push_str(word);
        text.push_str(if ends { " \\\n  " } else { " " });
    }
    text.trim_end().to_owned()
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

    /// In one container there is one image: that with all components, or the one that every step names.
    fn one_image(&mut self) -> String {
        let plan = self.plan;
        self.one_image_of(plan.stages.iter().chain(&plan.on_failure))
    }

    /// The same for some of a pipeline's programs.
    fn one_image_of<'s>(&mut self, stages: impl Iterator<Item = &'s Stage>) -> String {
        let stages: Vec<&Stage> = stages.collect();
        let image = stages.first().and_then(|stage| stage.step.image.as_ref());
        if let Some(image) = image
            && stages.iter().all(|stage| stage.step.image.as_ref() == Some(image))
        {
            return image.clone();
        }
        for stage in stages.into_iter().filter(|stage| stage.step.image.is_some()) {
            self.problems.add(
                stage.step.line,
                format!("`{}` has an image of its own, but here all steps run in one: name the same `image` for each, one that has all of them and standpipe, or use `--to argo --steps artifacts`", stage.name()),
            );
        }
        self.ours("all")
    }

    /// Where programs share one environment, it has the variables of all of them, of which none may be another for one
    /// of them, or be read by one that it is not meant for.
    fn one_environment<'s>(&mut self, stages: impl Iterator<Item = &'s Stage> + Clone) -> Settings {
        let all = union(stages.clone());
        for stage in stages {
            let own = sources(&stage.settings);
            for (line, name, source) in &sources(&all) {
                match own.iter().find(|(_, other, _)| other == name) {
                    Some((line, _, other)) if other != source => self.problems.add(
                        *line,
                        format!("`{name}` is another for another step, but here all steps have one environment"),
                    ),
                    None if stage.reads_variable(name) => self.problems.add(
                        *line,
                        format!("`{name}` is not meant for `{}`, which reads it, too: here all steps have one environment", stage.name()),
                    ),
                    _ => (),
                }
            }
        }
        all
    }

    /// A variable that is set from outside, by its name, is the same wherever it is named.
    fn one_source(&mut self) {
        let plan = self.plan;
        let stages = plan.stages.iter().chain(&plan.on_failure);
        let mut seen: Vec<(usize, &str, String)> = Vec::new();
        for source in stages
            .flat_map(|stage| sources(&stage.settings))
            .filter(|(_, _, source)| !source.starts_with('='))
        {
            match seen.iter().find(|(_, name, _)| *name == source.1) {
                Some((_, name, other)) if *other != source.2 => {
                    self.problems.add(
                        source.0,
                        format!("`{name}` is another for another step, but here it is set by its name"),
                    );
                }
                Some(_) => (),
                None => seen.push(source),
            }
        }
    }

    /// Without containers there are no images.
    fn no_images(&mut self) {
        let plan = self.plan;
        for stage in plan.stages.iter().chain(&plan.on_failure).filter(|stage| stage.step.image.is_some()) {
            let name = stage.name();
            self.warnings.add(
                stage.step.line,
                format!("`image` is not used: `{name}` is a program of the machine here"),
            );
        }
    }

    /// `standpipe run` takes a word that is `|` for the end of a step.
    fn no_bars(&mut self) {
        let plan = self.plan;
        for item in plan.pipeline.matrix.items() {
            for stage in &plan.stages {
                let value = |name: &str| item.value(name).unwrap_or_default().to_owned();
                if stage.step.words.iter().any(|word| word.fill(str::to_owned, value) == "|") {
                    self.problems.add(
                        stage.step.line,
                        "a word that is `|` would end the step in `standpipe run`: write it with its flag, `--flag=|`",
                    );
                }
            }
        }
    }

    /// How a step is called in names and ids: as its program and, where another one has that name, its number.
    fn step_id(&self, stage: &Stage) -> String {
        let stages = &self.plan.stages;
        let number = stages.iter().position(|other| std::ptr::eq(other, stage)).unwrap_or_default() + 1;
        if stages.iter().filter(|other| other.name() == stage.name()).count() > 1 {
            return format!("{}-{number}", stage.name());
        }
        stage.name().to_owned()
    }

    /// The ends of a data interval are known to schedulers that have one.
    fn no_window(&mut self) {
        let target = self.plan.target.map_or("", Target::name);
        for (line, end) in self.window_lines() {
            self.problems.add(
                line,
                format!("`{target}` has no data interval for `${{{end}}}`: argo and airflow have"),
            );
        }
    }

    /// The ends of the data interval that are used, with the line of the first step, or else variable, that names each.
    fn window_lines(&self) -> Vec<(usize, &'static str)> {
        let stages = || self.plan.stages.iter().chain(&self.plan.on_failure);
        let line = |end: &str| {
            let names = |text: &Text| text.placeholders().any(|name| name == end);
            let step = stages().find(|stage| stage.step.words.iter().any(names)).map(|stage| stage.step.line);
            let mut variables = stages().flat_map(|stage| &stage.settings.env);
            step.or_else(|| variables.find(|variable| names(&variable.value)).map(|variable| variable.line))
                .unwrap_or(1)
        };
        self.plan.pipeline.window().into_iter().map(|end| (line(end), end)).collect()
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

/// The variables of what runs once for all items: a value that has one in it is of no use there.
fn without_items(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.env.retain(|variable| variable.value.placeholders().all(|name| WINDOW.contains(&name)));
    settings
}

/// Each variable with its line, its name and where its value comes from.
fn sources(settings: &Settings) -> Vec<(usize, &str, String)> {
    let env = settings.env.iter().map(|v| (v.line, v.name.as_str(), format!("={}", v.value)));
    let config = settings.config.iter().map(|v| (v.line, v.name.as_str(), format!("config {}", v.value)));
    let secrets = settings.secrets.iter().map(|v| (v.line, v.name.as_str(), format!("secret {}", v.value)));
    env.chain(config).chain(secrets).collect()
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

#[cfg(test)]
mod testing {
    fn golden(path: String, actual: &str) {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            return std::fs::write(path, actual).unwrap();
        }
        assert_eq!(actual, std::fs::read_to_string(&path).unwrap(), "{path}");
    }

    use super::{Operator, Options, Rendering, Steps, render};
    use crate::{Cards, Problems, Target, parse, plan};

    /// Renders a pipeline to a target.
    pub(super) fn rendered(target: Target, text: &str) -> Result<Rendering, Problems> {
        let options = Options {
            registry: "registry.example/standpipe".to_owned(),
            tag: "1.2.3".to_owned(),
            steps: Steps::Pipe,
            operator: Operator::Kubernetes,
        };
        let plan = plan(&parse("p.yaml", text)?, &Cards::embedded(), Some(target))?;
        render(&plan, &options)
    }

    /// Compares each file with the golden one of that name, and the warnings with these.
    #[track_caller]
    pub(super) fn is_golden(target: Target, text: &str, files: &[&str], warnings: &[(usize, &str)]) {
        let rendering = rendered(target, text).unwrap();
        let paths: Vec<&str> = rendering.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, files);
        for file in &rendering.files {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rendered");
            golden(format!("{folder}/{}/{}", target.name(), file.path), &file.text);
        }
        let said: Vec<(usize, &str)> =
            rendering.warnings.iter().map(|w| (w.line, w.message.as_str())).collect();
        assert_eq!(said.len(), warnings.len(), "{said:#?}");
        for ((line, message), (expected, part)) in said.iter().zip(warnings) {
            assert!(line == expected && message.contains(part), "{line}: {message}");
        }
    }

    /// Changes a good text, and expects that this line is refused with these words.
    #[track_caller]
    pub(super) fn is_refused(target: Target, good: &str, changes: &[(&str, &str, usize, &str)]) {
        rendered(target, good).unwrap();
        for (from, to, line, part) in changes {
            assert!(good.contains(from), "{from}");
            let problems = rendered(target, &good.replacen(from, to, 1)).expect_err(to);
            let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let place = format!("p.yaml:{line}: ");
            assert!(
                found.iter().any(|said| said.starts_with(&place) && said.contains(part)),
                "{to}: {found:#?}"
            );
        }
    }
}
