//! Where a setting comes from. The first source that has a value wins, for each setting on its own: `DATABASE_URL`, the
//! service file, the variables of libpq (in this order: chapter 34.17), the names that older deployments use.
//!
//! An empty value is none, so that a manifest can leave a variable blank.

use std::collections::BTreeMap;
use std::path::Path;

use etl_component::{Env, Fault, Secret};

use super::{conninfo, service, words};

/// Key words with their values, as they were written.
pub(super) type Pairs = Vec<(&'static str, String)>;

enum Origin {
    Variable(&'static str),
    Url,
    Service(String),
}

/// A setting and who gave it.
pub(super) struct Given {
    word: &'static str,
    text: String,
    origin: Origin,
}

impl Given {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The setting is not usable. What stood in `DATABASE_URL` is not shown: a password that is not encoded as it
    /// should be spills into the other parts of a URL. Nor is what may be a URL in the place of something else.
    pub(super) fn refuse(&self, why: &str) -> Fault {
        let Given { word, text, origin } = self;
        let is = if *word == "sslpassword" || text.contains('@') || text.contains("://") {
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

/// All that was given.
#[derive(Default)]
pub(super) struct Params {
    given: BTreeMap<&'static str, Given>,
    password: Option<Secret>,
}

impl Params {
    /// Asks every source.
    ///
    /// # Errors
    /// 78.
    pub(super) fn gather(env: &Env, home: Option<&Path>) -> Result<Params, Fault> {
        let mut params = Params::default();
        if let Some(url) = env.secret(&words::DATABASE_URL)? {
            for (word, text) in conninfo::parse(url.expose())? {
                params.add(word, &text, Origin::Url)?;
            }
        }
        let service = params.text("service").or(env.get("PGSERVICE")).filter(|name| !name.is_empty());
        if let Some(name) = service.map(str::to_owned) {
            for (word, text) in service::read(&name, env, home)? {
                params.add(word, &text, Origin::Service(name.clone()))?;
            }
        }
        params.add_variables(env)?;
        params.add_aliases(env)?;
        Ok(params)
    }

    fn add_variables(&mut self, env: &Env) -> Result<(), Fault> {
        for (word, variable) in words::variables() {
            self.add(word, env.get(variable).unwrap_or_default(), Origin::Variable(variable))?;
        }
        // Other values than those that begin with 1 mean nothing (fe-connect.c, conninfo_add_defaults).
        if env.get("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
            self.add("sslmode", "require", Origin::Variable("PGREQUIRESSL"))?;
        }
        // It is looked at even if the URL has a password: one that is set and empty is a mistake.
        let password = env.secret(&words::PASSWORD)?;
        self.password = self.password.take().or(password);
        Ok(())
    }

    fn add_aliases(&mut self, env: &Env) -> Result<(), Fault> {
        for (word, names) in words::ALIASES {
            for &name in names {
                let text = env.get(name).unwrap_or_default();
                // Kubernetes sets DB_PORT and POSTGRES_PORT to such a text beside a service named db or postgres.
                if !text.starts_with("tcp://") {
                    self.add(word, text, Origin::Variable(name))?;
                }
            }
        }
        if self.password.is_none() {
            self.password = env.secret(&words::ALIAS_PASSWORD)?;
        }
        Ok(())
    }

    fn add(&mut self, word: &'static str, text: &str, origin: Origin) -> Result<(), Fault> {
        let given = Given { word, text: text.to_owned(), origin };
        if text.contains('\0') {
            return Err(Given { text: String::new(), ..given }.refuse("it has a null character"));
        }
        if word == "sslpassword" {
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

    pub(super) fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    pub(super) fn get(&self, word: &str) -> Option<&Given> {
        self.given.get(word)
    }

    pub(super) fn text(&self, word: &str) -> Option<&str> {
        self.get(word).map(Given::text)
    }

    /// One of some words.
    ///
    /// # Errors
    /// 78 for any other.
    pub(super) fn choice<T: Copy>(&self, word: &str, choices: &[(&str, T)]) -> Result<Option<T>, Fault> {
        let Some(given) = self.get(word) else { return Ok(None) };
        let found = choices.iter().find(|(name, _)| *name == given.text);
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let why = || format!("supported are {}", names.join(", "));
        found.map(|&(_, value)| Some(value)).ok_or_else(|| given.refuse(&why()))
    }

    /// A whole number up to `max`.
    ///
    /// # Errors
    /// 78 for anything else.
    pub(super) fn number(&self, word: &str, max: i64) -> Result<Option<i64>, Fault> {
        let Some(given) = self.get(word) else { return Ok(None) };
        let number = given.text.trim().parse().ok().filter(|&number: &i64| number <= max);
        number.map(Some).ok_or_else(|| given.refuse(&format!("it must be a whole number up to {max}")))
    }
}
