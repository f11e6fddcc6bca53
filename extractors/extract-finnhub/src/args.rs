//! What was typed, and what it means.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use etl_component::{Env, Fault, Variable};
use etl_extract::{ExtractArgs, key, list, setting};
use etl_http::{BaseUrl, base_url};

/// The API key.
pub(crate) const KEY: Variable = key(
    "FINNHUB_API_KEY",
    &["FINNHUB_SECRET"],
    "the key from finnhub.io/dashboard; not needed with --replay",
);
const SYMBOL: Variable = setting("STOCK_SYMBOL", "the symbol, where no flag gives one");

/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[KEY, SYMBOL];

/// Finnhub's quotes of stocks as records.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-finnhub quote --symbol AAPL --symbol MSFT | load-influx --db stocks
  extract-finnhub quote --symbols watched.txt --quota calls | load-postgres --create --mode upsert")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    shared: ExtractArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The last price of each symbol, and the prices of its day: finnhub.quote
    #[command(after_help = "Examples:
  extract-finnhub quote --symbol AAPL --symbol MSFT | load-influx --db stocks
  extract-finnhub quote --symbols watched.txt --quota calls | load-postgres --create --mode upsert
  extract-finnhub quote --symbol ERE.UN.TO --record replies | load-sqlite --db stocks.db")]
    Quote(Ask),
}

/// Without a symbol, the variable STOCK_SYMBOL is read.
#[derive(Debug, Args)]
struct Ask {
    /// A symbol as Finnhub writes it, such as AAPL or, on another exchange, ERE.UN.TO; repeatable
    #[arg(long, value_name = "SYMBOL", help_heading = "Request")]
    symbol: Vec<String>,
    /// A file of symbols, one a line; # starts a comment
    #[arg(long, value_name = "FILE", help_heading = "Request")]
    symbols: Option<PathBuf>,
    /// The service's prefix
    #[arg(
        long,
        value_name = "URL",
        env = "FINNHUB_BASE_URL",
        default_value = "https://finnhub.io/api/v1",
        help_heading = "Network"
    )]
    base_url: String,
}

/// What a run does, every value checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The symbols to ask for, in the order given, none twice.
    pub(crate) symbols: Vec<String>,
    /// The service's prefix.
    pub(crate) base_url: BaseUrl,
    /// The flags of every extractor.
    pub(crate) shared: ExtractArgs,
}

impl Settings {
    /// What these arguments mean in this environment.
    ///
    /// # Errors
    /// 2, 66 or 78 for a symbol or an address that is not one, naming the flag, the file and its line, or the variable.
    pub(crate) fn new(cli: Cli, env: &Env) -> Result<Settings, Fault> {
        let Command::Quote(ask) = cli.command;
        let mut symbols = Vec::new();
        for symbol in &ask.symbol {
            symbols.push(checked(symbol).map_err(|why| Fault::usage(format!("--symbol: {why}")))?);
        }
        if let Some(path) = &ask.symbols {
            symbols.extend(list(path, "symbol", checked)?);
        }
        if symbols.is_empty() {
            symbols.push(from_environment(env)?);
        }
        // The symbol is part of the records' key.
        let double = symbols.iter().enumerate().find(|&(at, symbol)| symbols[..at].contains(symbol));
        if let Some((_, symbol)) = double {
            return Err(Fault::usage(format!("the symbol {symbol} is given twice")));
        }
        let base_url = base_url(&ask.base_url, cli.shared.source.allow_http)?;
        Ok(Settings { symbols, base_url, shared: cli.shared })
    }
}

/// The variable of the deployments that this replaces.
fn from_environment(env: &Env) -> Result<String, Fault> {
    match env.get(SYMBOL.name).filter(|symbol| !symbol.trim().is_empty()) {
        Some(symbol) => checked(symbol).map_err(|why| Fault::config(format!("{}: {why}", SYMBOL.name))),
        None => Err(Fault::usage(format!("no symbol: give --symbol or --symbols, or set {}", SYMBOL.name))),
    }
}

/// Sent as it is written: letters count in their case, and a dot stays a dot.
fn checked(text: &str) -> Result<String, String> {
    let symbol = text.trim();
    if symbol.is_empty() || symbol.contains(|c: char| c.is_control() || c.is_whitespace() || c == ',') {
        return Err(format!("{text:?} is not one symbol, such as AAPL or BRK.B"));
    }
    Ok(symbol.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(args: &[&str], env: &[(&str, &str)]) -> Result<Vec<String>, (u8, String)> {
        let cli = Cli::try_parse_from([&["extract-finnhub", "quote"], args].concat()).unwrap();
        let settings = Settings::new(cli, &Env::of(env));
        settings
            .map(|settings| settings.symbols)
            .map_err(|fault| (fault.class().code(), fault.message().to_owned()))
    }

    #[test]
    fn symbols_keep_their_order_and_their_letters_and_silence_the_environment() {
        let args = ["--symbol", "MSFT", "--symbol", " ERE.UN.TO ", "--symbol", "aapl", "--symbol", "^GSPC"];
        let env = [("STOCK_SYMBOL", "SPY")];
        assert_eq!(symbols(&args, &env).unwrap(), ["MSFT", "ERE.UN.TO", "aapl", "^GSPC"]);
        assert_eq!(symbols(&["--symbol", "BINANCE:BTCUSDT"], &[]).unwrap(), ["BINANCE:BTCUSDT"]);
    }

    #[test]
    fn the_environment_of_existing_deployments_is_read() {
        assert_eq!(symbols(&[], &[("STOCK_SYMBOL", "SPY")]).unwrap(), ["SPY"]);
    }

    #[test]
    fn what_cannot_be_asked_says_why() {
        /// Arguments, environment, and the code and message they lead to.
        type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], (u8, &'a str));
        let none = "no symbol: give --symbol or --symbols, or set STOCK_SYMBOL";
        let cases: [Case<'_>; 7] = [
            (&[], &[], (2, none)),
            (&[], &[("STOCK_SYMBOL", " ")], (2, none)),
            (
                &[],
                &[("STOCK_SYMBOL", "SPY,QQQ")],
                (78, "STOCK_SYMBOL: \"SPY,QQQ\" is not one symbol, such as AAPL or BRK.B"),
            ),
            (&["--symbol", ""], &[], (2, "--symbol: \"\" is not one symbol, such as AAPL or BRK.B")),
            (&["--symbol", "A B"], &[], (2, "--symbol: \"A B\" is not one symbol, such as AAPL or BRK.B")),
            (&["--symbol", "A", "--symbol", "A "], &[], (2, "the symbol A is given twice")),
            (&["--symbols", "/nowhere/symbols"], &[], (66, "cannot read /nowhere/symbols")),
        ];
        for (args, env, (code, why)) in cases {
            assert_eq!(symbols(args, env).unwrap_err(), (code, why.to_owned()), "{args:?}");
        }
    }
}
