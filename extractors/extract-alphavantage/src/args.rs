//! What was typed, and what it means.

use std::fmt;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use etl_component::{Env, Fault, Variable};
use etl_extract::{ExtractArgs, History, HistoryArgs, key, setting};
use etl_http::{BaseUrl, base_url};
use serde::Serialize;

/// The API key.
pub(crate) const KEY: Variable = key(
    "ALPHAVANTAGE_API_KEY",
    &["ALPHA_KEY"],
    "the key from alphavantage.co/support/#api-key; not needed with --replay",
);
const MATURITY: Variable = setting("BOND_MATURITY", "the maturity, where no flag gives one");

/// Everything read from the environment, for `--describe`.
pub(crate) const VARIABLES: &[Variable] = &[KEY, MATURITY];

/// How far before the cursor a run looks again, by default: a month's yield is an average until the month is over, and its
/// date is the first.
const LOOK_BACK: Duration = Duration::from_secs(35 * 24 * 60 * 60);

/// How long securities run; the service knows no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
pub(crate) enum Maturity {
    #[value(name = "3month")]
    #[serde(rename = "3month")]
    Months3,
    #[value(name = "2year")]
    #[serde(rename = "2year")]
    Years2,
    #[value(name = "5year")]
    #[serde(rename = "5year")]
    Years5,
    #[value(name = "7year")]
    #[serde(rename = "7year")]
    Years7,
    #[value(name = "10year")]
    #[serde(rename = "10year")]
    Years10,
    #[value(name = "30year")]
    #[serde(rename = "30year")]
    Years30,
}

impl fmt::Display for Maturity {
    /// As the service spells it: `10year`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        spelled(self, f)
    }
}

/// How far yields are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Interval {
    /// Each business day
    Daily,
    /// Each week
    Weekly,
    /// Each month, dated its first day
    Monthly,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        spelled(self, f)
    }
}

fn spelled(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    value.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
}

/// Alpha Vantage's yields of US Treasury securities as records.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-alphavantage treasury-yield --maturity 10year | load-postgres --create --mode upsert
  extract-alphavantage treasury-yield --maturity 2year --maturity 10year | load-influx --db rates")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    shared: ExtractArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The yields of each maturity, as far back as they are known: alphavantage.treasury_yield
    #[command(after_help = "Examples:
  extract-alphavantage treasury-yield --maturity 10year | load-postgres --create --mode upsert
  extract-alphavantage treasury-yield --maturity 2year --maturity 10year | load-influx --db rates
  extract-alphavantage treasury-yield --maturity 2year --interval daily | load-sqlite --db rates.db")]
    TreasuryYield(Ask),
}

/// Without a maturity, the variable BOND_MATURITY is read.
#[derive(Debug, Args)]
struct Ask {
    /// How long the securities run; repeatable
    #[arg(long, value_name = "MATURITY", value_enum, ignore_case = true, help_heading = "Request")]
    maturity: Vec<Maturity>,
    /// How far the yields are apart
    #[arg(long, value_enum, default_value_t = Interval::Monthly, help_heading = "Request")]
    interval: Interval,
    #[command(flatten)]
    history: HistoryArgs,
    /// The service's host
    #[arg(
        long,
        value_name = "URL",
        env = "ALPHAVANTAGE_BASE_URL",
        default_value = "https://www.alphavantage.co",
        help_heading = "Network"
    )]
    base_url: String,
}

/// What a run does, every value checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The maturities to ask for, in the order given, none twice.
    pub(crate) maturities: Vec<Maturity>,
    /// How far yields are apart.
    pub(crate) interval: Interval,
    /// What of the service's history is read.
    pub(crate) history: History,
    /// The service's host.
    pub(crate) base_url: BaseUrl,
    /// The flags of every extractor.
    pub(crate) shared: ExtractArgs,
}

impl Settings {
    /// What these arguments mean in this environment.
    ///
    /// # Errors
    /// 2, 3, 66 or 78 for a maturity, a span of time, a state or an address that is not one, naming the flag or the variable.
    pub(crate) fn new(cli: Cli, env: &Env) -> Result<Settings, Fault> {
        let Command::TreasuryYield(ask) = cli.command;
        let mut maturities = ask.maturity;
        if maturities.is_empty() {
            maturities.push(from_environment(env)?);
        }
        // The maturity is part of the records' key.
        let double =
            maturities.iter().enumerate().find(|&(at, maturity)| maturities[..at].contains(maturity));
        if let Some((_, maturity)) = double {
            return Err(Fault::usage(format!("the maturity {maturity} is given twice")));
        }
        let history = History::new(&ask.history, LOOK_BACK)?;
        let base_url = base_url(&ask.base_url, cli.shared.source.allow_http)?;
        Ok(Settings { maturities, interval: ask.interval, history, base_url, shared: cli.shared })
    }
}

/// The variable of the deployments that this replaces.
fn from_environment(env: &Env) -> Result<Maturity, Fault> {
    let name = MATURITY.name;
    match env.get(name).map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => Maturity::from_str(text, true).map_err(|_| {
            let known: Vec<String> = Maturity::value_variants().iter().map(ToString::to_string).collect();
            Fault::config(format!("{name}: {text:?} is not a maturity, such as {}", known.join(", ")))
        }),
        None => Err(Fault::usage(format!("no maturity: give --maturity, or set {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maturities(args: &[&str], env: &[(&str, &str)]) -> Result<Vec<String>, (u8, String)> {
        let cli = Cli::try_parse_from([&["extract-alphavantage", "treasury-yield"], args].concat()).unwrap();
        let settings = Settings::new(cli, &Env::of(env));
        settings
            .map(|settings| settings.maturities.iter().map(ToString::to_string).collect())
            .map_err(|fault| (fault.class().code(), fault.message().to_owned()))
    }

    #[test]
    fn maturities_keep_their_order_and_silence_the_environment() {
        let args = ["--maturity", "30year", "--maturity", "3MONTH"];
        assert_eq!(maturities(&args, &[("BOND_MATURITY", "2year")]).unwrap(), ["30year", "3month"]);
        assert_eq!(maturities(&[], &[("BOND_MATURITY", " 2year ")]).unwrap(), ["2year"]);
        assert_eq!(maturities(&[], &[("BOND_MATURITY", "10Year")]).unwrap(), ["10year"]);
    }

    #[test]
    fn what_cannot_be_asked_says_why() {
        /// Arguments, environment, and the code and message they lead to.
        type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], (u8, &'a str));
        let none = "no maturity: give --maturity, or set BOND_MATURITY";
        let cases: [Case<'_>; 5] = [
            (&[], &[], (2, none)),
            (&[], &[("BOND_MATURITY", " ")], (2, none)),
            (
                &[],
                &[("BOND_MATURITY", "20year")],
                (
                    78,
                    "BOND_MATURITY: \"20year\" is not a maturity, such as 3month, 2year, 5year, 7year, 10year, 30year",
                ),
            ),
            (&["--maturity", "2year", "--maturity", "2YEAR"], &[], (2, "the maturity 2year is given twice")),
            (
                &["--maturity", "2year", "--since", "2026-01-02", "--until", "2026-01-02"],
                &[],
                (2, "--until 2026-01-02T00:00:00Z is not after --since 2026-01-02T00:00:00Z"),
            ),
        ];
        for (args, env, (code, why)) in cases {
            assert_eq!(maturities(args, env).unwrap_err(), (code, why.to_owned()), "{args:?}");
        }
    }
}
