//! What was typed, and what it means.

use std::time::Duration;

use clap::Parser;
use etl_component::{Env, Fault, Variable, duration};
use etl_extract::{ExtractArgs, StateArgs, setting};
use etl_http::{BaseUrl, whole_url};

/// Set where the reference's pipelines run. Theirs is the feed of rpilocator.com.
const LOCATOR_URL: Variable = setting("LOCATOR_URL", "the address of the feed, where no --url is given");
const RPI_BASE_URL: Variable =
    setting("RPI_BASE_URL", "the same without its parameters country and cat, which the next two are");
const RPI_COUNTRY: Variable = setting("RPI_COUNTRY", "the parameter country, with RPI_BASE_URL");
const RPI_PRODUCT: Variable = setting("RPI_PRODUCT", "the parameter cat, with RPI_BASE_URL");
const MAX_AGE: Variable = setting("MAX_AGE", "--max-age in hours, where no flag says it");

/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[LOCATOR_URL, RPI_BASE_URL, RPI_COUNTRY, RPI_PRODUCT, MAX_AGE];

/// Items of RSS, Atom and JSON feeds as records: rss.items
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-rss --url https://blog.example/feed | load-sqlite --db feeds.db --mode ignore
  extract-rss --url https://blog.example/feed --state s | load-sqlite --db feeds.db --state-out s
  extract-rss --url https://a.example/rss --url https://b.example/atom | load-postgres --create")]
pub(crate) struct Cli {
    /// The address of a feed; repeatable; otherwise the variables LOCATOR_URL, or RPI_BASE_URL
    #[arg(long, value_name = "URL", help_heading = "Request")]
    url: Vec<String>,
    /// Leave out items that were published longer ago; those without a date stay
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Request")]
    max_age: Option<Duration>,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    shared: ExtractArgs,
}

/// A feed to ask for.
#[derive(Debug)]
pub(crate) struct Feed {
    /// As it was typed: its name in records and in the state.
    pub(crate) url: String,
    /// Its name in messages, without what may be a secret.
    pub(crate) name: String,
    /// The same, checked.
    pub(crate) address: BaseUrl,
}

/// What a run does, every value checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The feeds to ask for, in the order given, none twice; one at least.
    pub(crate) feeds: Vec<Feed>,
    /// How old an item may be.
    pub(crate) max_age: Option<Duration>,
    /// Where earlier runs have got to.
    pub(crate) state: StateArgs,
    /// The flags of every extractor.
    pub(crate) shared: ExtractArgs,
}

impl Settings {
    /// What these arguments mean in this environment.
    ///
    /// # Errors
    /// 2 or 78 for an address or an age that is not one, naming the flag or the variable.
    pub(crate) fn new(cli: Cli, env: &Env) -> Result<Settings, Fault> {
        let urls: Vec<String> = match cli.url.is_empty() {
            true => vec![from_environment(env)?],
            false => cli.url.iter().map(|url| url.trim().to_owned()).collect(),
        };
        let mut feeds = Vec::new();
        for (nth, url) in urls.iter().enumerate() {
            let address = whole_url(url, cli.shared.source.allow_http)?;
            let name = name(&urls, nth);
            if urls[..nth].contains(url) {
                return Err(Fault::usage(format!("{name} is given twice")));
            }
            feeds.push(Feed { url: url.clone(), name, address });
        }
        let max_age = match cli.max_age {
            Some(age) => Some(age),
            None => env.text(&MAX_AGE)?.map(|(name, hours)| from_hours(name, hours)).transpose()?,
        };
        Ok(Settings { feeds, max_age, state: cli.state, shared: cli.shared })
    }
}

/// The name of a feed in messages: what follows a `?` may be a key that nobody else knows.
fn name(urls: &[String], nth: usize) -> String {
    let bare = |url: &'_ str| url.split('?').next().unwrap_or_default().to_owned();
    let own = bare(&urls[nth]);
    match urls.iter().filter(|url| bare(url) == own).count() {
        1 => format!("feed {own}"),
        _ => format!("feed {own} (--url no. {})", nth + 1),
    }
}

fn from_environment(env: &Env) -> Result<String, Fault> {
    if let Some((_, url)) = env.text(&LOCATOR_URL)? {
        return Ok(url.trim().to_owned());
    }
    let Some((_, base)) = env.text(&RPI_BASE_URL)? else {
        return Err(Fault::usage("no feed: give --url, or set LOCATOR_URL, or RPI_BASE_URL"));
    };
    // The base may end with the name of a parameter that has no value yet.
    let (path, query) = base.trim().split_once('?').unwrap_or((base.trim(), ""));
    let mut pairs: Vec<String> =
        query.split('&').filter(|pair| !pair.is_empty() && !pair.ends_with('=')).map(str::to_owned).collect();
    for (parameter, variable) in [("country", RPI_COUNTRY), ("cat", RPI_PRODUCT)] {
        let is_there = pairs.iter().any(|pair| pair.split('=').next() == Some(parameter));
        if let Some((_, value)) = env.text(&variable)?.filter(|_| !is_there) {
            pairs.push(format!("{parameter}={}", value.trim()));
        }
    }
    Ok(if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) })
}

/// A number of hours, or a duration with its unit.
fn from_hours(name: &str, text: &str) -> Result<Duration, Fault> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let age = if is_number { duration(&format!("{text}h")) } else { duration(text) };
    age.map_err(|why| Fault::config(format!("{name}: {why}")))
}

#[cfg(test)]
mod tests;
