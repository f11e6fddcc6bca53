//! A pipeline file as what is run: the steps of each item, with their variables.

use std::ffi::OsString;

use etl_component::{Env, Fault, Secret};
use etl_pipeline::{CardVariable, Cards, Command, Item, Plan, Reference, Stage, Variable};

use super::step::{Maker, Step};
use super::{Args, Unit};

/// The variables that are set: those of this process, and of `--env-file`.
pub(super) struct Given<'a> {
    pub(super) process: &'a Env,
    /// What the process does not have.
    pub(super) file: &'a [(String, String)],
}

impl Given<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let of_file = || self.file.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        self.process.get(name).or_else(of_file)
    }

    /// The variables of a step, without those of this process, which it inherits.
    pub(super) fn beside(&self, own: Vec<(String, String)>) -> Vec<(String, OsString)> {
        let own = own.into_iter().filter(|(name, _)| self.get(name).is_none());
        let all = self.file.iter().cloned().chain(own);
        all.map(|(name, value)| (name, value.into())).collect()
    }
}

/// What is run for each item of a pipeline.
///
/// # Errors
/// 2 if `--since` or `--until` is missing or not used; 78 if a variable or a program is.
pub(super) fn units(
    plan: &Plan,
    args: &Args,
    given: &Given<'_>,
    maker: &Maker<'_>,
) -> Result<Vec<Unit>, Fault> {
    let file = &plan.pipeline.file;
    let used = plan.pipeline.window();
    for (end, typed) in [("since", &args.since), ("until", &args.until)] {
        match (used.contains(&end), typed) {
            (true, None) => return Err(Fault::usage(format!("--{end} is missing: {file} uses ${{{end}}}"))),
            (false, Some(_)) => {
                return Err(Fault::usage(format!("--{end} changes nothing: {file} does not use ${{{end}}}")));
            }
            _ => (),
        }
    }
    let window = |name: &str| {
        let end = if name == "since" { &args.since } else { &args.until };
        end.clone().unwrap_or_default()
    };
    for stage in plan.stages.iter().chain(&plan.on_failure) {
        check(file, stage, maker.cards, given)?;
    }
    let items = plan.pipeline.matrix.items();
    let several = items.len() > 1;
    let unit = |item: &Item| -> Result<Unit, Fault> {
        let placeholder = |name: &str| item.value(name).map_or_else(|| window(name), str::to_owned);
        // Each item is a load of its own.
        let load_id = given.get("ETL_LOAD_ID").filter(|_| several).map(|id| format!("{id}{}", item.suffix()));
        let step = |stage: &Stage, words: &[String], place: (usize, usize)| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let mut step = maker.step(&words, place, environment(stage, given, &placeholder))?;
            load_id.iter().for_each(|id| step.set("ETL_LOAD_ID", id));
            Ok::<Step, Fault>(step)
        };
        let words = etl_pipeline::pipe(plan, item, &window);
        let count = words.len();
        let numbered = plan.stages.iter().zip(&words).enumerate();
        let steps = numbered.map(|(at, (stage, words))| step(stage, words, (at, count)));
        let on_failure = plan.on_failure.as_ref().map(|stage| {
            let words: Vec<String> =
                stage.step.words.iter().map(|word| word.fill(str::to_owned, placeholder)).collect();
            step(stage, &words, (0, 1))
        });
        Ok(Unit {
            name: format!("{}{}", plan.pipeline.name, item.suffix()),
            label: several.then(|| item.label()),
            steps: steps.collect::<Result<_, Fault>>()?,
            on_failure: on_failure.transpose()?,
        })
    };
    items.iter().map(unit).collect()
}

/// The variables that the file sets for a step.
fn environment(
    stage: &Stage,
    given: &Given<'_>,
    placeholder: &dyn Fn(&str) -> String,
) -> Vec<(String, OsString)> {
    let of_file = |variable: &Variable<etl_pipeline::Text>| {
        (variable.name.clone(), variable.value.fill(str::to_owned, placeholder))
    };
    given.beside(stage.settings.env.iter().map(of_file).collect())
}

/// Sees to it that a step gets what it cannot do without, and that its secrets are hidden.
fn check(file: &str, stage: &Stage, cards: &Cards, given: &Given<'_>) -> Result<(), Fault> {
    let settings = &stage.settings;
    let is_set =
        |name: &str| given.get(name).is_some() || settings.env.iter().any(|variable| variable.name == name);
    for secret in &settings.secrets {
        given.get(&secret.name).map(Secret::new);
    }
    let card = cards.of(&stage.step);
    let named = settings.config.iter().map(|variable| ("config", variable));
    let named = named.chain(settings.secrets.iter().map(|variable| ("secrets", variable)));
    for (place, variable) in named {
        let of_card = card.and_then(|card| card.variables.iter().find(|own| own.is(&variable.name)));
        let missing = match (card, of_card) {
            (_, Some(of_card)) => misses(stage, of_card, &is_set),
            (Some(card), None) => !is_set(&variable.name) && needs(&card.root, stage, &variable.name),
            // Nobody knows what the program can do without.
            (None, None) => !is_set(&variable.name),
        };
        if missing {
            return Err(not_set(file, place, variable, of_card));
        }
    }
    let required =
        card.into_iter().flat_map(|card| &card.variables).filter(|variable| misses(stage, variable, &is_set));
    required.into_iter().next().map_or(Ok(()), |variable| {
        let (line, name) = (stage.step.line, stage.name());
        Err(Fault::config(format!("{file}:{line}: `{name}` needs {}, which is not set", names(variable))))
    })
}

/// Whether a step cannot do without a variable that is not set under any of its names.
fn misses(stage: &Stage, variable: &CardVariable, is_set: &dyn Fn(&str) -> bool) -> bool {
    let of_command = |flag: &String| stage.has(flag) || stage.can_take(flag);
    let concerned = variable.unless.is_empty() || variable.unless.iter().any(of_command);
    let without = variable.unless.iter().any(|name| stage.has(name) || is_set(name));
    let set = variable.names().any(|name| is_set(name) || variable.secret && is_set(&format!("{name}_FILE")));
    variable.required && concerned && !without && !set
}

/// Whether a flag that is required, and not typed, has this variable.
fn needs(command: &Command, stage: &Stage, name: &str) -> bool {
    let own = command
        .flags
        .iter()
        .any(|flag| flag.required && flag.variable.as_deref() == Some(name) && stage.can_take(&flag.name));
    own || command.commands.iter().any(|command| needs(command, stage, name))
}

fn not_set(file: &str, place: &str, variable: &Variable<Reference>, of_card: Option<&CardVariable>) -> Fault {
    let Variable { line, name, value } = variable;
    let names = of_card.map_or_else(|| name.clone(), names);
    Fault::config(format!(
        "{file}:{line}: {names} is not set: `{place}` names {value}, which a cluster has; here it comes from the environment or --env-file"
    ))
}

fn names(variable: &CardVariable) -> String {
    variable.names().collect::<Vec<_>>().join(" or ")
}
