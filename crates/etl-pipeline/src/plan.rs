//! A pipeline and the cards of its components: what each step is, and whether the steps fit.

mod invocation;
mod streams;
mod variables;

use crate::card::{Card, CardVariable, Cards, is_component_name};
use crate::model::{Pipeline, Settings, Step, Target};
use crate::problem::Problems;
use crate::words::Text;

use invocation::Invocation;
use variables::is_common;

/// A pipeline that was checked, with what is known of its steps.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What it is planned for; nothing for `standpipe run`.
    pub target: Option<Target>,
    /// The steps.
    pub stages: Vec<Stage>,
    /// What runs when they fail.
    pub on_failure: Option<Stage>,
}

/// A step, and what is known of it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The step.
    pub step: Step,
    /// Its component; none for a foreign program.
    pub component: Option<String>,
    /// Whether it reads a stream, from stdin or by `--input`.
    pub reads: bool,
    /// Whether it prints a stream.
    pub prints: bool,
    /// The flags its command has.
    flags: Vec<String>,
    /// The flags that are typed.
    typed: Vec<String>,
    /// Its variables for the target, of a component only those that it reads.
    pub settings: Settings,
    /// What its component says of itself.
    card: Option<Card>,
}

impl Stage {
    /// Whether the command has a flag that the step does not use yet, so that a target may add it.
    pub fn can_take(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag) && !self.has(flag)
    }

    /// Whether the step uses a flag.
    pub fn has(&self, flag: &str) -> bool {
        self.typed.iter().any(|own| own == flag)
    }

    /// Whether it is a loader that keeps a ledger, and may be told the id of the load.
    pub fn takes_load_id(&self) -> bool {
        self.can_take("--load-id")
            && !self.has("--commit-every")
            && !self.has("--commit-interval")
            && !self.settings.names().any(|(_, name)| name == "ETL_LOAD_ID")
    }

    /// Whether its component is known to read a variable.
    pub fn reads_variable(&self, name: &str) -> bool {
        self.card.as_ref().is_some_and(|card| card.reads_variable(name))
    }

    /// Whether its component takes a secret from the file that `NAME_FILE` names, too.
    pub fn takes_file(&self, name: &str) -> bool {
        let secrets = self.card.iter().flat_map(|card| &card.variables).filter(|variable| variable.secret);
        secrets.flat_map(CardVariable::names).any(|own| own == name)
    }

    /// How the step is called: the component, or the name of the program.
    pub fn name(&self) -> &str {
        self.step.name()
    }
}

/// Checks a pipeline against the cards of its components, for a target or, without one, for `standpipe run`, whose
/// environment may have what the file does not name.
///
/// # Errors
/// Everything that would fail later, with lines.
pub fn plan(pipeline: &Pipeline, cards: &Cards, target: Option<Target>) -> Result<Plan, Problems> {
    let mut planner = Planner { pipeline, cards, target, problems: Problems::of(&pipeline.file) };
    let stages: Vec<Stage> = pipeline.steps.iter().map(|step| planner.stage(step)).collect();
    // What runs then has no stdin.
    let on_failure = pipeline.on_failure.as_ref().map(|step| Stage { reads: false, ..planner.stage(step) });
    planner.streams(&stages);
    planner.variables(stages.iter().chain(&on_failure));
    let mut pipeline = pipeline.clone();
    let own = target.and_then(|target| pipeline.targets.get(&target));
    if let Some(name) = own.and_then(|own| own.name.clone()) {
        pipeline.name = name;
    }
    planner.problems.or(Some(Plan { pipeline, target, stages, on_failure }))
}

struct Planner<'p> {
    pipeline: &'p Pipeline,
    cards: &'p Cards,
    target: Option<Target>,
    problems: Problems,
}

impl Planner<'_> {
    fn stage(&mut self, step: &Step) -> Stage {
        let settings = self.pipeline.settings(step, self.target);
        let mut stage = Stage {
            step: step.clone(),
            component: None,
            reads: true,
            prints: true,
            flags: Vec::new(),
            typed: Vec::new(),
            settings,
            card: None,
        };
        self.no_plain_secrets(step);
        let Some(card) = self.cards.of(step) else {
            self.foreign(step);
            return stage;
        };
        stage.component = Some(card.name.clone());
        stage.settings = own(card, stage.settings);
        let invocation = Invocation::of(card, step, &mut self.problems);
        stage.flags = invocation.flags();
        stage.typed = invocation.typed();
        (stage.reads, stage.prints) = (invocation.reads.is_stream(), invocation.prints.is_stream());
        self.schema_flag(step, &invocation);
        self.required(card, step, &stage, &invocation);
        stage.card = Some(card.clone());
        stage
    }

    /// A program without a card: what is named like a component is a mistake; others need an image where targets run
    /// images.
    fn foreign(&mut self, step: &Step) {
        let name = step.name();
        if is_component_name(name) && step.image.is_none() {
            let known = self.cards.names();
            let near =
                known.max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
            let mend = near.map(|near| format!(": `{near}` is meant?")).unwrap_or_default();
            self.problems.add(
                step.line,
                format!("`{name}` is named like a component, but none of that name is known{mend}"),
            );
        } else if is_component_name(name) {
            let image = step.image.as_deref().unwrap_or_default();
            self.problems.add(step.line, format!("the card of `{name}` in {image} is not known: `standpipe pipeline check` asks an image that is here"));
        } else if step.image.is_none()
            && self.target.is_some_and(|target| !matches!(target, Target::Shell | Target::Systemd))
        {
            self.problems
                .add(step.line, format!("`{name}` is not a component: name the `image` it is run in"));
        }
    }

    /// A secret is a reference, never a text in a file.
    fn no_plain_secrets(&mut self, step: &Step) {
        for word in &step.words {
            if let Some(place) = word.literal().and_then(with_password) {
                self.problems.add(
                    step.line,
                    format!("the password in `{place}` stands in plain text: name the address in `secrets`"),
                );
            }
        }
    }
}

/// The variables of a component: those that it reads, and whole config maps.
fn own(card: &Card, mut settings: Settings) -> Settings {
    settings.env.retain(|variable| card.reads_variable(&variable.name) || is_common(&variable.name));
    settings.config.retain(|variable| card.reads_variable(&variable.name));
    settings.secrets.retain(|variable| card.reads_variable(&variable.name));
    settings
}

/// The address in a text that has a user and a password in it, without the password.
fn with_password(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, host) = authority.rsplit_once('@')?;
    let (user, password) = user.split_once(':')?;
    (!password.is_empty()).then(|| format!("{scheme}://{user}:…@{host}"))
}

/// The text of a value, if it is the same for every item.
fn fixed(text: Option<&Text>) -> Option<&str> {
    text.and_then(Text::literal)
}

#[cfg(test)]
mod tests;
