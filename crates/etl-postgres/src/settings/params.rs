//! Settings as they were written, each with its source, and how they are read.

use std::collections::BTreeMap;

use etl_component::{Fault, Secret};

use super::words;

/// Key words with their values, as they were written.
pub(super) type Pairs = Vec<(&'static str, String)>;

/// Where a setting comes from.
pub(super) enum Origin {
    /// A variable of this name.
    Variable(&'static str),
    /// `DATABASE_URL`.
    Url,
    /// The service of this name in a service file.
    Service(String),
}

/// A setting and where it comes from.
pub(super) struct Given {
    word: &'static str,
    text: String,
    origin: Origin,
}

impl Given {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A fault that says why the setting cannot be used. Nothing from `DATABASE_URL` is shown: a password that is not
    /// encoded properly spills into other parts of the URL. Nor is a value that may be a URL in the wrong place.
    pub(super) fn refuse(&self, why: &str) -> Fault {
        let Given { word, text, origin } = self;
        let is = if words::is_secret(word) || text.contains('@') || text.contains("://") {
            String::new()
        } else {
            format!(" is {text:?}")
        };
        Fault::config(match origin {
            Origin::Variable(name) => format!("{name}{is}: {why}"),
            Origin::Url => format!("{word} in DATABASE_URL: {why}"),
            Origin::Service(service) => format!("{word} in service {service}{is}: {why}"),
        })
    }
}

/// All settings that were given.
#[derive(Default)]
pub(super) struct Params {
    given: BTreeMap<&'static str, Given>,
    password: Option<Secret>,
}

impl Params {
    /// Adds a setting, unless it is empty or was given before.
    ///
    /// # Errors
    /// 78 for a null character.
    pub(super) fn add(&mut self, word: &'static str, text: &str, origin: Origin) -> Result<(), Fault> {
        let given = Given { word, text: text.to_owned(), origin };
        if text.contains('\0') {
            return Err(Given { text: String::new(), ..given }.refuse("it contains a null character"));
        }
        if words::is_secret(word) {
            Secret::new(text);
        }
        if word == "password" {
            if self.password.is_none() && !text.is_empty() {
                self.password = Some(Secret::new(text));
            }
        } else if !text.is_empty() {
            self.given.entry(word).or_insert(given);
        }
        Ok(())
    }

    /// Adds a password, unless one was given before.
    pub(super) fn add_password(&mut self, password: Option<Secret>) {
        self.password = self.password.take().or(password);
    }

    pub(super) fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    pub(super) fn get(&self, word: &str) -> Option<&Given> {
        self.given.get(word)
    }

    pub(super) fn text(&self, word: &str) -> Option<&str> {
        self.get(word).map(Given::text)
    }

    /// A setting that must be one of these words.
    ///
    /// # Errors
    /// 78 for any other word.
    pub(super) fn choice<T: Copy>(&self, word: &str, choices: &[(&str, T)]) -> Result<Option<T>, Fault> {
        let Some(given) = self.get(word) else { return Ok(None) };
        let found = choices.iter().find(|(name, _)| *name == given.text);
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let why = || format!("it must be one of {}", names.join(", "));
        found.map(|&(_, value)| Some(value)).ok_or_else(|| given.refuse(&why()))
    }

    /// A setting that must be a whole number up to `max`.
    ///
    /// # Errors
    /// 78 for anything else.
    pub(super) fn number(&self, word: &str, max: i64) -> Result<Option<i64>, Fault> {
        let Some(given) = self.get(word) else { return Ok(None) };
        let number = given.text.trim().parse().ok().filter(|&number: &i64| number <= max);
        number.map(Some).ok_or_else(|| given.refuse(&format!("it must be a whole number up to {max}")))
    }
}
