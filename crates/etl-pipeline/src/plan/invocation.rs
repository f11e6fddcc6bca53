//! The words of a step as its component reads them, by the component's card.

use crate::card::{Card, Command, Flag, Stream, StreamKind};
use crate::model::Step;
use crate::problem::Problems;
use crate::words::{Piece, Text};

/// What a step asks of its component.
pub(super) struct Invocation<'c> {
    /// The component, and the commands that were named, the last one being that which runs.
    path: Vec<&'c Command>,
    /// Flags with their values; arguments have the names of their places.
    given: Vec<(&'c Flag, Option<Text>)>,
    /// What it reads.
    pub(super) reads: Stream,
    /// What it prints.
    pub(super) prints: Stream,
}

/// What clap has in every component, and cards leave out.
const HELP: [&str; 2] = ["help", "version"];

impl<'c> Invocation<'c> {
    pub(super) fn of(card: &'c Card, step: &Step, problems: &mut Problems) -> Invocation<'c> {
        let any = Stream { kind: StreamKind::Stream, schemas: None, passes_on: false };
        let mut invocation =
            Invocation { path: vec![&card.root], given: Vec::new(), reads: any.clone(), prints: any };
        invocation.read(card, step, problems);
        let last = invocation.command();
        let when = last.when.iter().find(|when| {
            invocation.values(&when.flag).any(|value| {
                when.values.is_empty()
                    || value
                        .and_then(Text::literal)
                        .is_some_and(|value| when.values.iter().any(|own| own == value))
            })
        });
        let (reads, prints) = match when {
            Some(when) => (Some(when.reads.clone()), Some(when.stdout.clone())),
            None => (last.reads.clone(), last.stdout.clone()),
        };
        if let (Some(reads), Some(prints)) = (reads, prints) {
            (invocation.reads, invocation.prints) = (reads, prints);
        }
        invocation
    }

    fn read(&mut self, card: &'c Card, step: &Step, problems: &mut Problems) {
        let line = step.line;
        let mut words = step.words[1..].iter();
        let mut only_arguments = false;
        let mut arguments = 0;
        while let Some(word) = words.next() {
            let start = match word.pieces().first() {
                Some(Piece::Literal(text)) => text.as_str(),
                _ => "",
            };
            if !only_arguments && word.literal() == Some("--") {
                only_arguments = true;
                continue;
            }
            if !only_arguments && start.starts_with("--") {
                let name = start.split('=').next().unwrap_or_default();
                let Some(flag) = self.find(name) else {
                    let flags = self.path.iter().flat_map(|command| &command.flags).flat_map(Flag::names);
                    problems.add(
                        line,
                        format!("`{}` has no flag `{name}`{}", self.said(card), meant(name, flags)),
                    );
                    // Whether the next word is its value is not known.
                    return;
                };
                let value = match (&flag.value, word.after('=')) {
                    (Some(_), Some(value)) => Some(value),
                    (Some(_), None) => {
                        let values: Vec<&Text> = words.by_ref().take(flag.words).collect();
                        if values.len() < flag.words {
                            problems.add(line, lacks(name, flag.words));
                            return;
                        }
                        values.last().map(|&value| value.clone())
                    }
                    (None, Some(_)) => {
                        problems.add(line, format!("`{name}` takes no value"));
                        None
                    }
                    (None, None) => None,
                };
                self.check_value(flag, value.as_ref(), line, problems);
                self.given.push((flag, value));
                continue;
            }
            if !only_arguments && start.starts_with('-') && start.len() > 1 {
                problems.add(line, format!("`{start}` is not a flag: flags are written out, `--name`"));
                return;
            }
            let command = self.command();
            if let Some(next) = command.commands.iter().find(|next| word.literal() == Some(&next.word)) {
                self.path.push(next);
                continue;
            }
            let places: Vec<&Flag> =
                command.flags.iter().filter(|flag| !flag.name.starts_with("--")).collect();
            let place = places.get(arguments).or_else(|| places.last().filter(|place| place.repeated));
            let Some(place) = place else {
                let names = command.commands.iter().map(|command| command.word.as_str());
                let what = if command.commands.is_empty() { "takes no argument" } else { "has no command" };
                problems.add(
                    line,
                    format!("`{}` {what} `{word}`{}", self.said(card), meant(&word.to_string(), names)),
                );
                return;
            };
            arguments += 1;
            self.given.push((place, Some(word.clone())));
            // What follows belongs to the program that is named.
            only_arguments |= place.repeated && place.name == "command";
        }
        let command = self.command();
        if command.reads.is_none() && !command.commands.is_empty() {
            let names: Vec<&str> = command.commands.iter().map(|command| command.word.as_str()).collect();
            problems.add(line, format!("`{}` needs a command: {}", self.said(card), names.join(", ")));
        }
    }

    fn check_value(&self, flag: &Flag, value: Option<&Text>, line: usize, problems: &mut Problems) {
        let name = &flag.name;
        if !flag.repeated && self.given.iter().any(|(given, _)| given.name == *name) {
            problems.add(line, format!("`{name}` is given twice"));
        }
        let mut given = value.and_then(Text::literal).into_iter().flat_map(|value| flag.several(value));
        if let Some(value) = given.find(|value| !flag.takes(value)) {
            problems.add(
                line,
                format!("`{value}` is not a value of `{name}`: it takes {}", flag.values.join(", ")),
            );
        }
    }

    /// The command that runs.
    pub(super) fn command(&self) -> &'c Command {
        // It begins with the component itself and only grows.
        self.path[self.path.len() - 1]
    }

    fn find(&self, name: &str) -> Option<&'c Flag> {
        self.path.iter().rev().find_map(|command| command.flags.iter().find(|flag| flag.is(name)))
    }

    /// The component and its command, as they are typed.
    fn said(&self, card: &Card) -> String {
        let commands = self.path[1..].iter().map(|command| command.word.as_str());
        [card.name.as_str()].into_iter().chain(commands).collect::<Vec<_>>().join(" ")
    }

    /// The values of a flag, once for each time it is given.
    fn values(&self, name: &str) -> impl Iterator<Item = Option<&Text>> {
        self.given.iter().filter(move |(flag, _)| flag.name == name).map(|(_, value)| value.as_ref())
    }

    /// The last value of a flag.
    pub(super) fn value(&self, name: &str) -> Option<&Text> {
        self.values(name).last().flatten()
    }

    /// Whether a flag is given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The names of all flags that may be given.
    pub(super) fn flags(&self) -> Vec<String> {
        let flags = self.path.iter().flat_map(|command| &command.flags);
        flags.map(|flag| flag.name.clone()).filter(|name| !HELP.contains(&name.as_str())).collect()
    }

    /// The names of the flags that are given.
    pub(super) fn typed(&self) -> Vec<String> {
        self.given.iter().map(|(flag, _)| flag.name.clone()).collect()
    }

    /// The flags and arguments that have to be given.
    pub(super) fn required(&self) -> impl Iterator<Item = &'c Flag> {
        self.path.iter().flat_map(|command| &command.flags).filter(|flag| flag.required)
    }
}

impl Text {
    /// What follows the first of these characters, if its literal beginning has one.
    fn after(&self, separator: char) -> Option<Text> {
        let Some(Piece::Literal(first)) = self.pieces().first() else { return None };
        let (_, rest) = first.split_once(separator)?;
        let rest = (!rest.is_empty()).then(|| Piece::Literal(rest.to_owned()));
        Some(rest.into_iter().chain(self.pieces()[1..].iter().cloned()).collect())
    }
}

/// What is said of a flag at the end of the words.
fn lacks(name: &str, words: usize) -> String {
    if words == 1 { format!("`{name}` has no value") } else { format!("`{name}` needs {words} values") }
}

/// What may have been meant.
pub(super) fn meant<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> String {
    let score = |other: &str| strsim::jaro_winkler(name, other);
    let near = names.filter(|other| score(other) > 0.8).max_by(|a, b| score(a).total_cmp(&score(b)));
    near.map(|near| format!(": `{near}` is meant?")).unwrap_or_default()
}
