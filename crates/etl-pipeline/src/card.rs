//! A component's card, as its `--describe` prints it: what its flags and variables are, what it reads and prints.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::model::Step;

include!(concat!(env!("OUT_DIR"), "/cards.rs"));

/// What a component says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// Itself as a command.
    #[serde(flatten)]
    pub root: Command,
    /// The variables it reads besides those of its flags.
    #[serde(default)]
    pub variables: Vec<CardVariable>,
    /// There in every card, and in nothing else.
    #[serde(rename = "exit_codes")]
    _exit_codes: IgnoredAny,
}

/// A command of a component, or the component itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Command {
    /// Its name.
    #[serde(rename = "name", default)]
    pub word: String,
    /// Its flags and arguments.
    pub flags: Vec<Flag>,
    /// The commands in it.
    #[serde(default)]
    pub commands: Vec<Command>,
    /// What it reads, if it is a stage of a pipe.
    pub reads: Option<Stream>,
    /// What it prints, if it is a stage of a pipe.
    pub stdout: Option<Stream>,
    /// What flags change of that.
    #[serde(default)]
    pub when: Vec<When>,
}

/// A flag, or an argument without one.
#[derive(Clone, Debug, Deserialize)]
pub struct Flag {
    /// `--name`, or the name of an argument.
    pub name: String,
    /// Other names of it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What its value is called; none without a value.
    pub value: Option<String>,
    /// The variable that stands for it.
    pub variable: Option<String>,
    /// Whether it has to be given.
    pub required: bool,
    /// Whether it may be given more than once.
    pub repeated: bool,
    /// The only values it takes; any if there are none.
    #[serde(default)]
    pub values: Vec<String>,
    /// How many of the words after it are its value: none where it may be left out, and then follows `=`.
    #[serde(default = "one")]
    pub words: usize,
    /// What separates the values in a word, if there may be several.
    pub separator: Option<char>,
}

fn one() -> usize {
    1
}

/// What a command reads or prints.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Stream {
    /// Which of them.
    pub kind: StreamKind,
    /// The schemas of a stream's records, where they are known before it runs.
    pub schemas: Option<Vec<String>>,
    /// Whether the records are those that are read.
    #[serde(default)]
    pub passes_on: bool,
}

/// Whether it is a stream.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// Nothing at all.
    Nothing,
    /// Something for people.
    Text,
    /// A stream of records.
    Stream,
}

/// What a flag makes of a command.
#[derive(Clone, Debug, Deserialize)]
pub struct When {
    /// The flag.
    pub flag: String,
    /// The values with which it does; any if there are none.
    pub values: Vec<String>,
    /// What the command reads then.
    pub reads: Stream,
    /// What it prints then.
    pub stdout: Stream,
}

/// A variable that a component reads.
#[derive(Clone, Debug, Deserialize)]
pub struct CardVariable {
    /// Its name.
    pub name: String,
    /// Other names of it.
    pub aliases: Vec<String>,
    /// Whether it is a secret.
    pub secret: bool,
    /// Whether the component cannot do without it.
    pub required: bool,
    /// The flags with which it can.
    #[serde(default)]
    pub unless: Vec<String>,
}

impl Card {
    /// Reads a card.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Card, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Whether it reads this variable, under any of its names, in this command or another.
    pub fn reads_variable(&self, name: &str) -> bool {
        let own = |variable: &CardVariable| variable.is(name);
        self.variables.iter().any(own) || self.root.has_variable(name)
    }
}

impl CardVariable {
    /// Its name and its other names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.name].into_iter().chain(&self.aliases).map(String::as_str)
    }

    /// Whether this is one of its names, `_FILE` included where it may come from a file.
    pub fn is(&self, name: &str) -> bool {
        let file = name.strip_suffix("_FILE").filter(|_| self.secret);
        self.names().any(|own| own == name || Some(own) == file)
    }
}

impl Flag {
    /// Its name and its other names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.name].into_iter().chain(&self.aliases).map(String::as_str)
    }

    /// The values in a word.
    pub fn several<'v>(&self, word: &'v str) -> impl Iterator<Item = &'v str> {
        let separator = self.separator;
        word.split(move |c| separator == Some(c))
    }

    /// Whether it takes this value.
    pub fn takes(&self, value: &str) -> bool {
        self.values.is_empty() || self.values.iter().any(|own| own == value)
    }

    /// Whether this is one of its names.
    pub fn is(&self, name: &str) -> bool {
        self.names().any(|own| own == name)
    }
}

impl Command {
    fn has_variable(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag.variable.as_deref() == Some(name))
            || self.commands.iter().any(|command| command.has_variable(name))
    }
}

impl Stream {
    /// Whether it is a stream of records.
    pub fn is_stream(&self) -> bool {
        self.kind == StreamKind::Stream
    }
}

/// The cards by which components are known: those of this version's components, and those that were added.
#[derive(Clone, Debug, Default)]
pub struct Cards {
    added: BTreeMap<String, Card>,
    by_image: BTreeMap<String, Card>,
    embedded: BTreeMap<&'static str, OnceCell<Option<Card>>>,
}

/// What names of components begin with. Such a name without a card is a mistake.
const PREFIXES: [&str; 4] = ["extract-", "load-", "notify-", "transform-"];

impl Cards {
    /// Those of this version's components, each of which is read when it is asked for.
    pub fn embedded() -> Cards {
        let embedded = CARDS.iter().map(|(name, _)| (*name, OnceCell::new())).collect();
        Cards { embedded, ..Cards::default() }
    }

    /// Adds the card of a component.
    pub fn add(&mut self, card: Card) {
        self.added.insert(card.name.clone(), card);
    }

    /// Adds the card of the component in an image.
    pub fn add_image(&mut self, image: &str, card: Card) {
        self.by_image.insert(image.to_owned(), card);
    }

    /// The card of a step's component; none for a foreign program.
    pub fn of(&self, step: &Step) -> Option<&Card> {
        let by_image = step.image.as_ref().and_then(|image| self.by_image.get(image));
        by_image.filter(|card| card.name == step.name()).or_else(|| self.named(step.name()))
    }

    fn named(&self, name: &str) -> Option<&Card> {
        let embedded = || {
            let (name, card) = self.embedded.get_key_value(name)?;
            // A test reads each of them.
            let parse = || Card::parse(CARDS.iter().find(|(other, _)| other == name)?.1).ok();
            card.get_or_init(parse).as_ref()
        };
        self.added.get(name).or_else(embedded)
    }

    /// The names of all that are known.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let of_images = self.by_image.values().map(|card| card.name.as_str());
        self.embedded.keys().copied().chain(self.added.keys().map(String::as_str)).chain(of_images)
    }
}

/// Whether a program of this name should be a component.
pub fn is_component_name(name: &str) -> bool {
    name == "validate" || name == "standpipe" || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_card_can_be_read() {
        assert!(CARDS.len() >= 14);
        for (name, text) in CARDS {
            let card = Card::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(card.name, *name);
            assert!(is_component_name(name), "{name}");
            assert!(!card.root.flags.is_empty() || !card.root.commands.is_empty(), "{name}");
        }
    }
}
