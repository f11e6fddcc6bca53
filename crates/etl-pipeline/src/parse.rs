//! A file's tree of YAML to a [`Pipeline`]: every key is known, every value has its form. What a step is and whether the
//! steps fit is [`crate::check`]'s to say.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cron::Cron;
use crate::matrix::{Item, Matrix};
use crate::model::{Override, Pipeline, Reference, Retry, Settings, Step, Target, Variable, WINDOW};
use crate::problem::Problems;
use crate::words::{self, Text};
use crate::yaml::{self, Entry, Kind, Node};

/// The longest name of a pipeline, an item's suffix included: Kubernetes adds eleven characters to a CronJob's name and
/// allows 63.
const LONGEST_NAME: usize = 52;

const KEYS: [&str; 13] = [
    "name",
    "schedule",
    "timezone",
    "matrix",
    "steps",
    "env",
    "config",
    "secrets",
    "env-from",
    "targets",
    "on-failure",
    "deadline",
    "retry",
];
const SETTINGS: [&str; 4] = ["env", "config", "secrets", "env-from"];
const TARGET: [&str; 5] = ["name", "env", "config", "secrets", "env-from"];
const STEP: [&str; 6] = ["run", "image", "env", "config", "secrets", "env-from"];
const RETRY: [&str; 3] = ["limit", "wait", "longest"];

/// Reads a pipeline file.
///
/// # Errors
/// Everything that is wrong with its form, with lines.
pub fn parse(file: &str, text: &str) -> Result<Pipeline, Problems> {
    let mut parser = Parser { problems: Problems::of(file) };
    let root = match yaml::parse(text) {
        Ok(root) => root,
        Err((line, message)) => {
            parser.problems.add(line, message);
            return parser.problems.or(None);
        }
    };
    let pipeline = parser.pipeline(file, &root);
    parser.problems.or(pipeline)
}

struct Parser {
    problems: Problems,
}

impl Parser {
    fn pipeline(&mut self, file: &str, root: &Node) -> Option<Pipeline> {
        let entries = self.map(root, "a pipeline", &KEYS)?;
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        let lines = KEYS.into_iter().filter_map(|key| Some((key, find(key)?.line))).collect();
        let name = match find("name") {
            Some(entry) => self.name(&entry.value),
            None => self.refuse(1, "`name` is missing: a pipeline has a name and steps"),
        };
        let steps = match find("steps") {
            Some(entry) => self.steps(&entry.value),
            None => self.refuse(1, "`steps` is missing: a pipeline has a name and steps"),
        };
        let schedule = find("schedule").map(|entry| self.schedule(&entry.value)).unwrap_or_default();
        let timezone = find("timezone").and_then(|entry| self.timezone(&entry.value));
        let matrix = find("matrix").map(|entry| self.matrix(&entry.value)).unwrap_or_default();
        let mut settings = Settings::default();
        for key in SETTINGS {
            if let Some(entry) = find(key) {
                self.settings(entry, &mut settings);
            }
        }
        self.each_once(&settings);
        let targets = find("targets").map(|entry| self.targets(&entry.value)).unwrap_or_default();
        let on_failure = find("on-failure").and_then(|entry| self.step(&entry.value));
        let deadline = find("deadline").and_then(|entry| self.duration(&entry.value, "deadline"));
        let retry = find("retry").map(|entry| self.retry(&entry.value)).unwrap_or_default();
        let pipeline = Pipeline {
            file: file.to_owned(),
            name: name?,
            schedule,
            timezone: timezone.unwrap_or_else(|| "Etc/UTC".to_owned()),
            matrix,
            steps: steps?,
            on_failure,
            settings,
            targets,
            deadline,
            retry,
            lines,
        };
        self.names(&pipeline);
        self.placeholders(&pipeline);
        Some(pipeline)
    }

    /// Notes what is wrong.
    fn refuse<T>(&mut self, line: usize, message: impl Into<String>) -> Option<T> {
        self.problems.add(line, message);
        None
    }

    /// The entries of a map with known keys.
    fn map<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<&'n [Entry]> {
        let Kind::Map(entries) = &node.kind else {
            return self.refuse(node.line, format!("{what} is a map with the keys {}", keys.join(", ")));
        };
        for entry in entries {
            if !keys.contains(&entry.key.as_str()) {
                let near = keys.iter().max_by(|a, b| {
                    strsim::jaro_winkler(a, &entry.key).total_cmp(&strsim::jaro_winkler(b, &entry.key))
                });
                let near = near.filter(|near| strsim::jaro_winkler(near, &entry.key) > 0.8);
                let mend = near.map_or_else(
                    || format!("its keys are {}", keys.join(", ")),
                    |near| format!("`{near}` is meant?"),
                );
                self.problems.add(entry.line, format!("`{}` is not a key of {what}: {mend}", entry.key));
            }
        }
        Some(entries)
    }

    fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar(text) => Some(text),
            _ => self.refuse(node.line, format!("{what} is a text")),
        }
    }

    fn name(&mut self, node: &Node) -> Option<String> {
        let name = self.text(node, "`name`")?;
        if !is_label(name) {
            return self.refuse(
                node.line,
                format!("`{name}` is not a name: lower-case letters, digits and `-`, a letter first, no `-` at the end"),
            );
        }
        Some(name.to_owned())
    }

    fn schedule(&mut self, node: &Node) -> Vec<Cron> {
        let nodes = match &node.kind {
            Kind::List(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        if nodes.is_empty() {
            self.problems.add(node.line, "`schedule` has no cron line: leave it out to start by hand");
        }
        let mut lines: Vec<Cron> = Vec::new();
        for node in nodes {
            let Some(text) = self.text(node, "a cron line") else { continue };
            match Cron::parse(text, node.line) {
                Ok(cron) if lines.iter().any(|other| other.fields == cron.fields) => {
                    self.problems.add(node.line, format!("`{text}` stands here twice"));
                }
                Ok(cron) => lines.push(cron),
                Err(error) => self.problems.add(node.line, error),
            }
        }
        lines
    }

    fn timezone(&mut self, node: &Node) -> Option<String> {
        let name = self.text(node, "`timezone`")?;
        let known = |name: &str| jiff::tz::TimeZone::get(name).is_ok();
        // Names are found in any case, but schedulers look for a file of this name.
        let spelled = jiff::tz::db().available().find(|zone| zone.as_str().eq_ignore_ascii_case(name));
        match spelled {
            Some(zone) if zone.as_str() == name && known(name) => Some(name.to_owned()),
            Some(zone) => self.refuse(node.line, format!("`{name}` is not a time zone: `{zone}` is meant?")),
            None => self.refuse(
                node.line,
                format!(
                    "`{name}` is not a time zone of the IANA database, such as `Europe/Lisbon` or `Etc/UTC`"
                ),
            ),
        }
    }

    fn matrix(&mut self, node: &Node) -> Matrix {
        let Kind::Map(entries) = &node.kind else {
            self.problems.add(node.line, "`matrix` is a map of lists: `{city: [Seattle, Lisbon]}`");
            return Matrix::default();
        };
        let mut keys = Vec::new();
        for Entry { key, line, value } in entries {
            if !words::is_name(key) || WINDOW.contains(&key.as_str()) {
                self.problems.add(*line, format!("`{key}` is not a name of an item: letters, digits, `_` and `-`, and neither `since` nor `until`"));
            }
            let Kind::List(nodes) = &value.kind else {
                self.problems.add(*line, format!("`{key}` is a list of items"));
                continue;
            };
            let mut values: Vec<String> = Vec::new();
            for node in nodes {
                let Some(text) = self.text(node, "an item") else { continue };
                if text.is_empty() || text.contains(|c: char| c.is_control()) {
                    self.problems.add(node.line, "an item is a text of one line that is not empty");
                } else if values.iter().any(|value| value == text) {
                    self.problems.add(node.line, format!("the item `{text}` stands here twice"));
                } else {
                    values.push(text.to_owned());
                }
            }
            if nodes.is_empty() {
                self.problems.add(*line, format!("`{key}` has no items"));
            }
            keys.push((key.clone(), values));
        }
        Matrix { keys }
    }

    fn steps(&mut self, node: &Node) -> Option<Vec<Step>> {
        let Kind::List(nodes) = &node.kind else {
            return self.refuse(node.line, "`steps` is a list: `- extract-x …`");
        };
        if nodes.is_empty() {
            return self.refuse(node.line, "`steps` is empty");
        }
        let steps: Vec<Option<Step>> = nodes.iter().map(|node| self.step(node)).collect();
        steps.into_iter().collect()
    }

    fn step(&mut self, node: &Node) -> Option<Step> {
        let mut step =
            Step { line: node.line, words: Vec::new(), image: None, settings: Settings::default() };
        match &node.kind {
            Kind::Scalar(text) => step.words = self.words(text, node.line)?,
            Kind::Map(entries) => {
                if let Some(entry) = entries.iter().find(|entry| entry.key.contains(char::is_whitespace)) {
                    return self.refuse(
                        entry.line,
                        "YAML reads this step as a map, because of `: `: quote the whole step",
                    );
                }
                self.map(node, "a step", &STEP)?;
                for entry in entries {
                    match entry.key.as_str() {
                        "run" => {
                            let text = self.text(&entry.value, "`run`")?;
                            step.words = self.words(text, entry.value.line)?;
                        }
                        "image" => step.image = Some(self.image(&entry.value)?),
                        _ => self.settings(entry, &mut step.settings),
                    }
                }
                self.each_once(&step.settings);
                if !entries.iter().any(|entry| entry.key == "run") {
                    return self.refuse(node.line, "a step has `run`: the program and its arguments");
                }
            }
            _ => return self.refuse(node.line, "a step is a text, or a map with `run`"),
        }
        Some(step)
    }

    fn words(&mut self, text: &str, line: usize) -> Option<Vec<Text>> {
        let words = match words::split(text) {
            Ok(words) => words,
            Err(error) => return self.refuse(line, error),
        };
        match words.first().map(Text::literal) {
            None => self.refuse(line, "a step is a program and its arguments; this one is empty"),
            Some(None | Some("")) => {
                self.refuse(line, "the program of a step is a name without placeholders")
            }
            Some(Some(_)) => Some(words),
        }
    }

    fn image(&mut self, node: &Node) -> Option<String> {
        let image = self.text(node, "`image`")?;
        let (name, tag) = match image.rsplit_once('@') {
            Some((_, digest)) => (image, Some(digest)),
            // A colon before a slash belongs to a port.
            None => match image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
                Some((name, tag)) => (name, Some(tag)),
                None => (image, None),
            },
        };
        match tag {
            _ if name.is_empty() || image.contains(char::is_whitespace) => {
                self.refuse(node.line, format!("`{image}` is not an image"))
            }
            None | Some("" | "latest") => self.refuse(
                node.line,
                format!("`{image}` is another image tomorrow: name a tag other than `latest`, or a digest"),
            ),
            Some(_) => Some(image.to_owned()),
        }
    }

    /// Adds `env`, `config`, `secrets` or `env-from`.
    fn settings(&mut self, entry: &Entry, settings: &mut Settings) {
        match entry.key.as_str() {
            "env" => {
                let values = self.variables(entry, |parser, node| {
                    match Text::parse(parser.text(node, "a value, `\"\"` where it is empty,")?) {
                        Ok(text) => Some(text),
                        Err(error) => parser.refuse(node.line, error),
                    }
                });
                settings.env.extend(values);
            }
            "config" => settings.config.extend(self.variables(entry, Parser::reference)),
            "secrets" => settings.secrets.extend(self.variables(entry, Parser::reference)),
            "env-from" => match &entry.value.kind {
                Kind::List(nodes) => {
                    for node in nodes {
                        let Some(name) = self.text(node, "the name of a config map") else { continue };
                        settings.env_from.push((node.line, name.to_owned()));
                    }
                }
                _ => self.problems.add(entry.line, "`env-from` is a list of names of config maps"),
            },
            _ => (),
        }
    }

    fn variables<V>(
        &mut self,
        entry: &Entry,
        read: impl Fn(&mut Parser, &Node) -> Option<V>,
    ) -> Vec<Variable<V>> {
        let Kind::Map(entries) = &entry.value.kind else {
            self.problems.add(entry.line, format!("`{}` is a map of variables", entry.key));
            return Vec::new();
        };
        let mut variables = Vec::new();
        for Entry { key, line, value } in entries {
            let starts = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if !starts || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                self.problems.add(*line, format!("`{key}` is not a name of a variable"));
            } else if let Some(value) = read(self, value) {
                variables.push(Variable { line: *line, name: key.clone(), value });
            }
        }
        variables
    }

    fn reference(&mut self, node: &Node) -> Option<Reference> {
        let text = self.text(node, "a reference")?;
        match text.split_once('/') {
            Some((object, key)) if is_object(object) && is_key(key) => {
                Some(Reference { object: object.to_owned(), key: key.to_owned() })
            }
            _ => self.refuse(node.line, format!("`{text}` is not a reference: write `object/key`")),
        }
    }

    /// A variable comes from one place.
    fn each_once(&mut self, settings: &Settings) {
        let mut seen = Vec::new();
        for (line, name) in settings.names() {
            if seen.contains(&name) {
                self.problems
                    .add(line, format!("`{name}` has two sources: env, config and secrets name it once"));
            }
            seen.push(name);
        }
    }

    fn targets(&mut self, node: &Node) -> BTreeMap<Target, Override> {
        let names = Target::ALL.map(Target::name);
        let mut targets = BTreeMap::new();
        for entry in self.map(node, "`targets`", &names).unwrap_or_default() {
            let Some(target) = Target::ALL.into_iter().find(|target| target.name() == entry.key) else {
                continue;
            };
            let mut own = Override::default();
            for setting in self.map(&entry.value, "a target", &TARGET).unwrap_or_default() {
                if setting.key == "name" {
                    own.name = self.name(&setting.value);
                } else {
                    let setting = self.without(setting, &mut own.settings.without);
                    self.settings(&setting, &mut own.settings);
                }
            }
            self.each_once(&own.settings);
            targets.insert(target, own);
        }
        targets
    }

    /// What a target leaves out: variables without a value. Returns the rest.
    fn without(&mut self, entry: &Entry, without: &mut Vec<(usize, String)>) -> Entry {
        let mut entry = entry.clone();
        if let Kind::Map(variables) = &mut entry.value.kind {
            let empty = |variable: &Entry| variable.value.kind == Kind::Null;
            without.extend(variables.iter().filter(|v| empty(v)).map(|v| (v.line, v.key.clone())));
            variables.retain(|variable| !empty(variable));
        }
        entry
    }

    fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let text = self.text(node, &format!("`{what}`"))?;
        match etl_component::duration(text) {
            Ok(duration) if duration.is_zero() => {
                self.refuse(node.line, format!("`{what}` is longer than nothing"))
            }
            // What Kubernetes and systemd take.
            Ok(duration) if duration.subsec_nanos() != 0 => {
                self.refuse(node.line, format!("`{what}` is whole seconds: no scheduler has less"))
            }
            Ok(duration) => Some(duration),
            Err(error) => self.refuse(node.line, error),
        }
    }

    fn retry(&mut self, node: &Node) -> Retry {
        let mut retry = Retry::default();
        let entries = self.map(node, "`retry`", &RETRY).unwrap_or_default();
        for entry in entries {
            match entry.key.as_str() {
                "limit" => {
                    let number = self.text(&entry.value, "`limit`").map(|text| text.parse::<u32>().ok());
                    match number {
                        Some(Some(limit)) if limit <= 100 => retry.limit = limit,
                        Some(_) => self.problems.add(entry.line, "`limit` is a number from 0 to 100"),
                        None => (),
                    }
                }
                "wait" => retry.wait = self.duration(&entry.value, "wait").unwrap_or(retry.wait),
                "longest" => retry.longest = self.duration(&entry.value, "longest").unwrap_or(retry.longest),
                _ => (),
            }
        }
        let said = |key: &str| entries.iter().any(|entry| entry.key == key);
        if retry.wait > retry.longest {
            if said("longest") {
                self.problems.add(node.line, "`wait` is longer than `longest`");
            }
            retry.longest = retry.wait;
        }
        retry
    }

    /// Items have names that schedulers take, and no two the same.
    fn names(&mut self, pipeline: &Pipeline) {
        self.names_from(pipeline, &pipeline.name);
        for name in pipeline.targets.values().filter_map(|own| own.name.as_ref()) {
            self.names_from(pipeline, name);
        }
        // A target leaves out what there is.
        for (line, name) in pipeline.targets.values().flat_map(|own| &own.settings.without) {
            let mut all = pipeline.programs().map(|step| &step.settings).chain([&pipeline.settings]);
            if !all.any(|settings| settings.names().any(|(_, own)| own == name)) {
                self.problems.add(*line, format!("`{name}` is left out here, but nothing names it"));
            }
        }
    }

    fn names_from(&mut self, pipeline: &Pipeline, name: &str) {
        let mut seen: Vec<(String, Item)> = Vec::new();
        for item in pipeline.matrix.items() {
            let name = format!("{name}{}", item.suffix());
            let line = pipeline.line(if item.values.is_empty() { "name" } else { "matrix" });
            if name.len() > LONGEST_NAME {
                self.problems.add(line, format!("`{name}` is longer than {LONGEST_NAME} characters, which schedulers take: shorten the name or the item"));
            }
            match seen.iter().find(|(other, _)| *other == name) {
                Some((_, other)) => self.problems.add(
                    line,
                    format!(
                        "the items `{}` and `{}` would both be named `{name}`",
                        other.label(),
                        item.label()
                    ),
                ),
                None => seen.push((name, item)),
            }
        }
    }

    /// Every placeholder is an item, or an end of the window; every item is used.
    fn placeholders(&mut self, pipeline: &Pipeline) {
        let mut used: Vec<String> = Vec::new();
        let mut texts: Vec<(usize, &Text)> = Vec::new();
        for step in pipeline.programs() {
            texts.extend(step.words.iter().map(|word| (step.line, word)));
        }
        let settings = pipeline.programs().map(|step| &step.settings);
        for settings in
            settings.chain([&pipeline.settings]).chain(pipeline.targets.values().map(|own| &own.settings))
        {
            texts.extend(settings.env.iter().map(|variable| (variable.line, &variable.value)));
        }
        for (line, name) in
            texts.iter().flat_map(|(line, text)| text.placeholders().map(|name| (*line, name)))
        {
            used.push(name.to_owned());
            if !pipeline.matrix.has(name) && !WINDOW.contains(&name) {
                self.problems.add(
                    line,
                    format!("`${{{name}}}` is not a key of `matrix`: `$${{` writes a literal `${{`"),
                );
            }
        }
        let steps: Vec<&str> = pipeline
            .programs()
            .flat_map(|step| {
                step.words.iter().chain(step.settings.env.iter().map(|variable| &variable.value))
            })
            .chain(pipeline.settings.env.iter().map(|variable| &variable.value))
            .flat_map(Text::placeholders)
            .collect();
        for (key, _) in &pipeline.matrix.keys {
            if !steps.contains(&key.as_str()) {
                self.problems.add(
                    pipeline.line("matrix"),
                    format!("no step names `${{{key}}}`: each item would do the same"),
                );
            }
        }
        if let Some(step) = &pipeline.on_failure
            && step.words.iter().flat_map(Text::placeholders).any(|name| pipeline.matrix.has(name))
        {
            self.problems.add(step.line, "`on-failure` runs once for the pipeline, for no item");
        }
    }
}

/// A label of DNS (RFC 1123) that begins with a letter.
fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The name of an object of Kubernetes: labels of DNS with dots between them.
fn is_object(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    })
}

/// The key of a config map or secret.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests;
