//! What was typed, and what it means.

use clap::{Args, Parser, Subcommand};
use etl_component::Fault;
use etl_extract::{ExtractArgs, HistoryArgs};
use etl_http::{BaseUrl, base_url};

use crate::period::{Period, month, year};
use crate::series::{BILL_RATES, LONG_TERM_RATE, REAL_LONG_TERM, REAL_YIELD_CURVE, Series, YIELD_CURVE};

/// The daily interest rates of the US Treasury as records, one for each business day.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  extract-treasury yield-curve --year 2025 --year 2026 | load-postgres --create --mode upsert
  extract-treasury yield-curve --state curve.json | load-sqlite --db t.db --state-out curve.json
  extract-treasury bill-rates --since 2026-01-01 | load-influx --db rates")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    shared: ExtractArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Par yields by maturity, since 1990: treasury.yield_curve
    #[command(after_help = "Examples:
  extract-treasury yield-curve --year 2025 --year 2026 | load-postgres --create --mode upsert
  extract-treasury yield-curve --month 202611 | load-influx --db rates
  extract-treasury yield-curve --state curve.json | load-sqlite --db t.db --state-out curve.json")]
    YieldCurve(Ask),
    /// Rates of bills by maturity, since 2002: treasury.bill_rates
    #[command(after_help = "Examples:
  extract-treasury bill-rates --year 2026 | load-postgres --create --mode upsert")]
    BillRates(Ask),
    /// The average of yields beyond ten years, since 2000: treasury.long_term_rate
    #[command(after_help = "Examples:
  extract-treasury long-term-rate --year 2026 | load-postgres --create --mode upsert")]
    LongTermRate(Ask),
    /// Par real yields by maturity, since 2003: treasury.real_yield_curve
    #[command(after_help = "Examples:
  extract-treasury real-yield-curve --year 2026 | load-postgres --create --mode upsert")]
    RealYieldCurve(Ask),
    /// The average of real yields beyond ten years, since 2000: treasury.real_long_term
    #[command(after_help = "Examples:
  extract-treasury real-long-term --year 2026 | load-postgres --create --mode upsert")]
    RealLongTerm(Ask),
}

/// Without a year or a month, the years since --since or the state are asked for; without these, the current one.
#[derive(Debug, Args)]
struct Ask {
    /// A year; repeatable
    #[arg(long, value_name = "YYYY", value_parser = year, help_heading = "Request")]
    year: Vec<Period>,
    /// A month of a year; repeatable
    #[arg(long, value_name = "YYYYMM", value_parser = month, help_heading = "Request")]
    month: Vec<Period>,
    /// The service's host
    #[arg(
        long,
        value_name = "URL",
        env = "TREASURY_BASE_URL",
        default_value = "https://home.treasury.gov",
        help_heading = "Network"
    )]
    base_url: String,
    #[command(flatten)]
    history: HistoryArgs,
}

/// What a run does, every value checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What is asked for.
    pub(crate) series: &'static Series,
    /// The years and months asked for, in the order given, none twice; none: as the history says.
    pub(crate) periods: Vec<Period>,
    /// The service's host.
    pub(crate) base_url: BaseUrl,
    /// What was read before, and what of the rest is read.
    pub(crate) history: HistoryArgs,
    /// The flags of every extractor.
    pub(crate) shared: ExtractArgs,
}

impl Settings {
    /// What these arguments mean.
    ///
    /// # Errors
    /// 2 for a year or a month that cannot be asked for or is asked for twice, 2 or 78 for an address that is not one.
    pub(crate) fn new(cli: Cli) -> Result<Settings, Fault> {
        let (series, ask) = match cli.command {
            Command::YieldCurve(ask) => (&YIELD_CURVE, ask),
            Command::BillRates(ask) => (&BILL_RATES, ask),
            Command::LongTermRate(ask) => (&LONG_TERM_RATE, ask),
            Command::RealYieldCurve(ask) => (&REAL_YIELD_CURVE, ask),
            Command::RealLongTerm(ask) => (&REAL_LONG_TERM, ask),
        };
        let periods = [ask.year, ask.month].concat();
        for (nth, &period) in periods.iter().enumerate() {
            let Series { command, first_year, .. } = series;
            if period.year() < *first_year {
                return Err(Fault::usage(format!("{period}: {command} begins in {first_year}")));
            }
            // The day is the key of the records.
            let before = &periods[..nth];
            if before.contains(&period) || before.contains(&Period::Year(period.year())) {
                return Err(Fault::usage(format!("{period} is asked for twice")));
            }
        }
        let HistoryArgs { since, until, .. } = &ask.history;
        if periods.is_empty() && since.is_none() && until.is_some() {
            return Err(Fault::usage(
                "--until says where to end: --since, --year or --month must say where to begin",
            ));
        }
        let base_url = base_url(&ask.base_url, cli.shared.source.allow_http)?;
        Ok(Settings { series, periods, base_url, history: ask.history, shared: cli.shared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn periods(args: &str) -> Result<String, (u8, String)> {
        let cli = Cli::try_parse_from(args.split(' ')).unwrap();
        let settings =
            Settings::new(cli).map_err(|fault| (fault.class().code(), fault.message().to_owned()))?;
        Ok(settings.periods.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn years_come_before_months_in_the_order_given() {
        let args = "t yield-curve --month 202412 --year 2026 --month 202411 --year 2025";
        assert_eq!(periods(args).unwrap(), "2026 2025 202412 202411");
        assert_eq!(periods("t yield-curve").unwrap(), "");
        assert_eq!(periods("t real-yield-curve --year 2003").unwrap(), "2003");
    }

    #[test]
    fn what_cannot_be_asked_for_says_why() {
        for (args, why) in [
            ("t yield-curve --year 1989", "1989: yield-curve begins in 1990"),
            ("t bill-rates --month 200112", "200112: bill-rates begins in 2002"),
            ("t yield-curve --year 2025 --year 2025", "2025 is asked for twice"),
            (
                "t yield-curve --until 2025-02-01",
                "--until says where to end: --since, --year or --month must say where to begin",
            ),
            ("t yield-curve --month 202501 --year 2025", "202501 is asked for twice"),
            ("t yield-curve --month 202501 --month 202501", "202501 is asked for twice"),
        ] {
            assert_eq!(periods(args).unwrap_err(), (2, why.to_owned()), "{args}");
        }
    }
}
