//! `extract-postgres`: the rows of a query to PostgreSQL as sealed records, with a schema that copies them exactly.
//!
//! ```sh
//! extract-postgres --query 'SELECT * FROM orders' | load-postgres --table orders_copy --create
//! ```

mod args;
mod columns;
mod copy;
mod decode;
mod query;
mod resume;
mod source;
mod state;

use std::process::ExitCode;

use etl_component::{Class, CommandCard, Component, Context, Fault, Stdout};
use etl_postgres::VARIABLES;
use etl_stream::{SchemaRef, Values, counted};
use serde_json::value::{RawValue, to_raw_value};

use args::Cli;
use source::Source;

const COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: &VARIABLES,
    commands: &[CommandCard::records("", Stdout::Any)],
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(cli: Cli, context: &Context) -> anyhow::Result<String> {
    let settings = cli.settings()?;
    let connection = etl_postgres::Settings::new(&context.env, COMPONENT.name)?;
    let mut relay = cli.output.open(context, COMPONENT.name, false)?;
    let source = Source::open(&connection, &settings)?;
    let schema = RawValue::from_string(source.schema.clone()).map_err(not_json)?;
    relay.begin(Some(&SchemaRef::Inline(schema.into())), Values::Json)?;
    let read = source.read(|line| relay.record(line))?;
    if let Some(state) = &read.state {
        relay.state(to_raw_value(state).map_err(not_json)?);
    }
    relay.end()?;
    relay.close()?;
    Ok(format!("{} of {}", counted(read.rows, "record", "records"), connection.name()))
}

fn not_json(error: serde_json::Error) -> Fault {
    Fault::new(Class::Bug, "not JSON").because(error)
}
