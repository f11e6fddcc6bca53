//! `extract-treasury`: the US Treasury's daily interest rates as sealed records.

mod args;
mod mapping;
mod period;
mod series;

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

use etl_component::{CommandCard, Component, Context, Stdout};
use etl_extract::{History, counted, midnight};
use etl_http::{Api, Request, Service};
use jiff::Timestamp;

use args::{Cli, Settings};
use period::Period;
use series::{BILL_RATES, LONG_TERM_RATE, REAL_LONG_TERM, REAL_YIELD_CURVE, Series, YIELD_CURVE};

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: &[],
    commands: &[
        CommandCard::records(YIELD_CURVE.command, Stdout::Schemas(&[YIELD_CURVE.schema])),
        CommandCard::records(BILL_RATES.command, Stdout::Schemas(&[BILL_RATES.schema])),
        CommandCard::records(LONG_TERM_RATE.command, Stdout::Schemas(&[LONG_TERM_RATE.schema])),
        CommandCard::records(REAL_YIELD_CURVE.command, Stdout::Schemas(&[REAL_YIELD_CURVE.schema])),
        CommandCard::records(REAL_LONG_TERM.command, Stdout::Schemas(&[REAL_LONG_TERM.schema])),
    ],
};

/// <https://home.treasury.gov/resource-center/data-chart-center/interest-rates>: no key, no limit that is documented.
const API: Api = Api { headers: &[("Accept", "text/csv")], judge: Some(mapping::judge), ..Api::PLAIN };

/// Where all files are.
const FILES: &str = "resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv";

/// For rows that come late or are corrected.
const LOOK_BACK: Duration = Duration::from_secs(14 * 24 * 60 * 60);

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let Settings { series, mut periods, base_url, history, shared } = Settings::new(cli)?;
    let service = Service::new(&API, &base_url, &shared.source, &context.env, &context.producer())?;
    let mut history = History::new(&history, LOOK_BACK)?;
    etl_extract::run(context, &shared, series.schema, |stream| {
        let mut part = history.part(series.command)?;
        if periods.is_empty() {
            periods = period::years(part.window(), series.first_year, Timestamp::now());
        }
        let mut read = HashSet::new();
        for &period in &periods {
            stream.part(&period.to_string(), |stream| {
                let reply = service.send(&request(&service, series, period))?;
                let file = mapping::file(series, period, reply.fetched_at, &reply.body)?;
                file.warnings.iter().for_each(|warning| stream.warn(warning));
                for row in file.rows {
                    // A server that has one file for all years must not make one day two records.
                    if read.insert(row.date) {
                        part.record(stream, midnight(row.date), &row)?;
                    }
                }
                Ok(())
            })?;
        }
        part.done(stream)?;
        Ok(counted(periods.len() as u64, "file", "files"))
    })
}

/// As the service's own pages link to the file, `page` without a value included. The beginning of a file looks like a whole one.
fn request(service: &Service, series: &Series, period: Period) -> Request {
    let (path, name) = match period {
        Period::Year(_) => (format!("{FILES}/{period}/all"), "field_tdr_date_value"),
        Period::Month(..) => (format!("{FILES}/all/{period}"), "field_tdr_date_value_month"),
    };
    let request = service.get(&path).query("type", series.kind).query(name, period);
    request.query("page", "").query("_format", "csv").marked_end()
}
