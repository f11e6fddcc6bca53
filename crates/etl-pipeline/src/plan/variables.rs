//! Whether each step gets the variables that it needs, and each variable goes to a step.

use super::invocation::{Invocation, meant};
use super::{Planner, Stage, with_password};
use crate::card::{Card, CardVariable};
use crate::model::{Settings, Step};

/// What programs read that no card names: places, proxies and certificates.
const COMMON: [&str; 15] = [
    "ALL_PROXY",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "NO_PROXY",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Whether any program may read a variable.
pub(super) fn is_common(name: &str) -> bool {
    COMMON.contains(&name)
}

/// What the names of secrets end with, for programs that have no card.
const SECRET: [&str; 6] = ["KEY", "PASSWORD", "SECRET", "TOKEN", "WEBHOOK", "WEBHOOK_URL"];

impl Planner<'_> {
    /// What a component cannot do without is in its words, or among its variables.
    pub(super) fn required(&mut self, card: &Card, step: &Step, stage: &Stage, invocation: &Invocation<'_>) {
        let has = |name: &str| stage.settings.names().any(|(_, own)| own == name);
        for flag in invocation.required() {
            let variable = flag.variable.as_deref();
            // In `standpipe run` the variable may come with the environment.
            let elsewhere =
                variable.is_some() && (self.target.is_none() || !stage.settings.env_from.is_empty());
            if !invocation.has(&flag.name) && !variable.is_some_and(has) && !elsewhere {
                let or = variable.map(|name| format!(", or the variable {name}")).unwrap_or_default();
                self.problems.add(step.line, format!("`{}` needs {}{or}", step.name(), flag.name));
            }
        }
        if self.target.is_none() || !stage.settings.env_from.is_empty() {
            return;
        }
        let given = |name: &String| invocation.has(name) || has(name);
        for variable in card.variables.iter().filter(|variable| variable.required) {
            // A flag of another command says nothing about this one.
            let concerned = variable.unless.is_empty()
                || invocation.flags().iter().any(|flag| variable.unless.contains(flag));
            let there = stage.settings.names().any(|(_, name)| variable.is(name));
            if concerned && !there && !variable.unless.iter().any(given) {
                let place = if variable.secret { "secrets" } else { "env or config" };
                let names: Vec<&str> =
                    [&variable.name].into_iter().chain(&variable.aliases).map(String::as_str).collect();
                self.problems.add(
                    step.line,
                    format!(
                        "`{}` needs the variable {}: name it in {place}",
                        step.name(),
                        names.join(" or ")
                    ),
                );
            }
        }
    }

    /// Each variable is read by a step, and a secret is a reference.
    pub(super) fn variables<'s>(&mut self, stages: impl Iterator<Item = &'s Stage>) {
        let stages: Vec<&Stage> = stages.collect();
        let foreign = stages.iter().any(|stage| stage.component.is_none());
        let cards: Vec<&Card> = stages.iter().filter_map(|stage| self.cards.of(&stage.step)).collect();
        let pipeline = self.pipeline;
        for settings in pipeline.targets.values().map(|own| &own.settings).chain([&pipeline.settings]) {
            self.known(settings, &cards, foreign);
        }
        for stage in stages {
            let card = self.cards.of(&stage.step);
            self.known(&stage.step.settings, card.as_slice(), card.is_none());
        }
    }

    fn known(&mut self, settings: &Settings, cards: &[&Card], foreign: bool) {
        for (line, name) in settings.names() {
            let read = foreign || is_common(name) || cards.iter().any(|card| card.reads_variable(name));
            if !read {
                let names = cards.iter().flat_map(|card| &card.variables).flat_map(CardVariable::names);
                self.problems.add(line, format!("no step reads the variable `{name}`{}", meant(name, names)));
            }
        }
        for variable in &settings.env {
            let name = variable.name.as_str();
            let value = variable.value.to_string();
            if value.is_empty() {
                continue;
            }
            let known = cards.iter().flat_map(|card| &card.variables).find(|variable| variable.is(name));
            let secret = match known {
                // A secret's file is named in the open.
                Some(known) => known.secret && !name.ends_with("_FILE"),
                None => {
                    !cards.iter().any(|card| card.reads_variable(name))
                        && SECRET.iter().any(|end| name == *end || name.ends_with(&format!("_{end}")))
                }
            };
            if secret {
                self.problems
                    .add(variable.line, format!("`{name}` is a secret: name it in `secrets`, as object/key"));
            } else if let Some(place) = with_password(&value) {
                self.problems.add(
                    variable.line,
                    format!("the password in `{place}` stands in plain text: name `{name}` in `secrets`"),
                );
            }
        }
    }
}
