//! What was typed, and what it means.

use clap::Parser;
use etl_component::{Fault, Variable};
use etl_extract::{ExtractArgs, key};
use etl_http::{BaseUrl, base_url};

/// The API key.
pub(crate) const KEY: Variable =
    key("MY_SOURCE_API_KEY", &[], "the key from the account's page; not needed with --replay");

/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[KEY];

/// Quotes of my-source as records.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-my-source --symbol AAA --symbol BBB | load-sqlite --db quotes.db
  extract-my-source --symbol AAA --record replies | load-postgres --create
  extract-my-source --symbol AAA --replay replies | load-sqlite --db quotes.db")]
pub(crate) struct Cli {
    /// A symbol to ask for; repeatable
    #[arg(long, value_name = "SYMBOL", required = true, help_heading = "Request")]
    symbol: Vec<String>,
    /// The service's prefix
    #[arg(
        long,
        value_name = "URL",
        env = "MY_SOURCE_BASE_URL",
        default_value = "https://api.my-source.example/v1",
        help_heading = "Network"
    )]
    base_url: String,
    #[command(flatten)]
    shared: ExtractArgs,
}

/// What a run does, every value checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The symbols to ask for, in the order given.
    pub(crate) symbols: Vec<String>,
    /// The service's prefix.
    pub(crate) base_url: BaseUrl,
    /// The flags of every extractor.
    pub(crate) shared: ExtractArgs,
}

impl Settings {
    /// What these arguments mean.
    ///
    /// # Errors
    /// 2 or 78, naming the flag, for a symbol or an address that is not one.
    pub(crate) fn new(cli: Cli) -> Result<Settings, Fault> {
        if let Some(blank) = cli.symbol.iter().find(|symbol| symbol.trim().is_empty()) {
            return Err(Fault::usage(format!("--symbol {blank:?} is empty")));
        }
        let base_url = base_url(&cli.base_url, cli.shared.source.allow_http)?;
        Ok(Settings { symbols: cli.symbol, base_url, shared: cli.shared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(args: &[&str]) -> Result<Settings, Fault> {
        Settings::new(Cli::try_parse_from([&["extract-my-source"], args].concat()).unwrap())
    }

    #[test]
    fn symbols_keep_their_order() {
        let settings = settings(&["--symbol", "BBB", "--symbol", "AAA"]).unwrap();
        assert_eq!(settings.symbols, ["BBB", "AAA"]);
    }

    #[test]
    fn an_empty_symbol_is_refused() {
        let fault = settings(&["--symbol", " "]).unwrap_err();
        assert_eq!((fault.class().code(), fault.message()), (2, "--symbol \" \" is empty"));
    }
}
