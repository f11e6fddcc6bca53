//! A pipeline, as its file says it. [`crate::parse`] makes one; nothing here is text that still has to be understood.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::cron::Cron;
use crate::matrix::Matrix;
use crate::words::Text;

/// A pipeline.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// The file, as it was named.
    pub file: String,
    /// A DNS label.
    pub name: String,
    /// When it is started; by hand if there is none.
    pub schedule: Vec<Cron>,
    /// The IANA name of the zone that the schedule is in.
    pub timezone: String,
    /// Its items: one run for each.
    pub matrix: Matrix,
    /// Its steps, each of which reads what the one before it prints. There is at least one.
    pub steps: Vec<Step>,
    /// What is run once when the pipeline has failed.
    pub on_failure: Option<Step>,
    /// The variables of all steps.
    pub settings: Settings,
    /// What one target has instead of, or beside, what the file says.
    pub targets: BTreeMap<Target, Override>,
    /// The longest one try may take.
    pub deadline: Option<Duration>,
    /// How often and when a try that failed for a transient reason is repeated.
    pub retry: Retry,
    /// The line of each top-level key that is there, for messages.
    pub(crate) lines: BTreeMap<&'static str, usize>,
}

/// One program of a pipeline.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line on which it begins.
    pub line: usize,
    /// The program and its arguments. The program has no placeholder.
    pub words: Vec<Text>,
    /// The image it is run in, where it is not one of ours.
    pub image: Option<String>,
    /// Its own variables.
    pub settings: Settings,
}

/// Where variables come from.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Literal values.
    pub env: Vec<Variable<Text>>,
    /// Keys of config maps.
    pub config: Vec<Variable<Reference>>,
    /// Keys of secrets.
    pub secrets: Vec<Variable<Reference>>,
    /// Whole config maps, and the lines that name them.
    pub env_from: Vec<(usize, String)>,
    /// Names that a target leaves out, with their lines.
    pub without: Vec<(usize, String)>,
}

/// What one target has instead of, or beside, what the file says.
#[derive(Clone, Debug, Default)]
pub struct Override {
    /// The pipeline's name there.
    pub name: Option<String>,
    /// Its variables there.
    pub settings: Settings,
}

/// A variable with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable<V> {
    /// The line.
    pub line: usize,
    /// Its name.
    pub name: String,
    /// Its value, or where that is.
    pub value: V,
}

/// A key of a config map or secret: `object/key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The name of the object.
    pub object: String,
    /// The key in it.
    pub key: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.object, self.key)
    }
}

/// How a failed try is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often at most; 0 is never.
    pub limit: u32,
    /// How long before the first repetition; each later wait is twice as long.
    pub wait: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { limit: 4, wait: Duration::from_secs(30), longest: Duration::from_mins(10) }
    }
}

/// What a pipeline is rendered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Argo Workflows.
    Argo,
    /// A Kubernetes CronJob, or a Job.
    CronJob,
    /// An Airflow DAG.
    Airflow,
    /// A compose file.
    Compose,
    /// Units of systemd.
    Systemd,
    /// A shell script.
    Shell,
}

impl Target {
    /// Every target.
    pub const ALL: [Target; 6] =
        [Target::Argo, Target::CronJob, Target::Airflow, Target::Compose, Target::Systemd, Target::Shell];

    /// How it is called on the command line and in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Target::Argo => "argo",
            Target::CronJob => "cronjob",
            Target::Airflow => "airflow",
            Target::Compose => "compose",
            Target::Systemd => "systemd",
            Target::Shell => "shell",
        }
    }
}

impl Pipeline {
    /// The line of a top-level key, or the first line.
    pub fn line(&self, key: &str) -> usize {
        self.lines.get(key).copied().unwrap_or(1)
    }

    /// All programs: the steps, and what runs when they fail.
    pub fn programs(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.on_failure)
    }

    /// The names of the window's ends that are used: `since`, `until`.
    pub fn window(&self) -> Vec<&'static str> {
        let used = |end: &str| {
            let texts = self.programs().flat_map(|step| {
                step.words.iter().chain(step.settings.env.iter().map(|variable| &variable.value))
            });
            let mut texts = texts.chain(self.settings.env.iter().map(|variable| &variable.value));
            texts.any(|text| text.placeholders().any(|name| name == end))
        };
        WINDOW.into_iter().filter(|end| used(end)).collect()
    }

    /// The variables of a step for a target, or as the file has them: those of the pipeline, over them the step's own,
    /// over them the target's. A later one of the same name takes the place of an earlier one, from wherever it comes.
    pub fn settings(&self, step: &Step, target: Option<Target>) -> Settings {
        let mut settings = self.settings.clone();
        settings.put(&step.settings);
        if let Some(own) = target.and_then(|target| self.targets.get(&target)) {
            settings.put(&own.settings);
        }
        settings
    }
}

/// The placeholders that are no items: the ends of the interval whose data a run is for.
pub const WINDOW: [&str; 2] = ["since", "until"];

impl Step {
    /// The program.
    pub fn program(&self) -> &str {
        self.words.first().and_then(Text::literal).unwrap_or_default()
    }

    /// The last part of the program's path, as which it is known.
    pub fn name(&self) -> &str {
        self.program().rsplit('/').next().unwrap_or_default()
    }
}

impl Settings {
    fn put(&mut self, over: &Settings) {
        let named = |name: &str| {
            over.names().any(|(_, own)| own == name) || over.without.iter().any(|(_, own)| own == name)
        };
        self.env.retain(|variable| !named(&variable.name));
        self.config.retain(|variable| !named(&variable.name));
        self.secrets.retain(|variable| !named(&variable.name));
        self.env.extend_from_slice(&over.env);
        self.config.extend_from_slice(&over.config);
        self.secrets.extend_from_slice(&over.secrets);
        self.env_from.retain(|(_, name)| !over.without.iter().any(|(_, own)| own == name));
        for from in &over.env_from {
            if !self.env_from.iter().any(|(_, name)| *name == from.1) {
                self.env_from.push(from.clone());
            }
        }
    }

    /// Adds the variables that are not there yet.
    pub(crate) fn join(&mut self, more: &Settings) {
        let mut new = more.clone();
        let there: Vec<String> = self.names().map(|(_, name)| name.to_owned()).collect();
        new.env.retain(|variable| !there.contains(&variable.name));
        new.config.retain(|variable| !there.contains(&variable.name));
        new.secrets.retain(|variable| !there.contains(&variable.name));
        self.put(&new);
    }

    /// The variables that are named one by one, with their lines.
    pub fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        let env = self.env.iter().map(|variable| (variable.line, variable.name.as_str()));
        let references = self.config.iter().chain(&self.secrets);
        env.chain(references.map(|variable| (variable.line, variable.name.as_str())))
    }
}
