//! `transform-jq`: changes, drops and splits records by a filter in the language of jq.
//!
//! ```sh
//! extract-github workflow-runs --repo o/r | transform-jq 'select(.conclusion == "failure")' | load-sqlite --db runs.db --table runs
//! ```

mod args;
mod filter;
mod functions;
mod read;
mod refuse;
mod write;

use std::process::ExitCode;

use etl_component::{Component, Context, Fault, counted, excerpt};
use etl_schema::Schema;
use etl_stream::{Declared, Line, SchemaRef};
use etl_transform::{Pass, Segments, Transform};
use mimalloc::MiMalloc;

use args::{Args, Program};
use filter::Filter;
use read::Records;

/// Values of jq are many small pieces of memory: with it a filter takes about half as long.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

static COMPONENT: Component = Component {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    variables: args::VARIABLES,
    commands: args::COMMANDS,
};

fn main() -> ExitCode {
    etl_component::main(&COMPONENT, run)
}

fn run(args: Args, context: &Context) -> anyhow::Result<String> {
    let most = args.stream.input().max_line_bytes;
    let pass = Pass::open(args.stream.clone(), context)?;
    let program = Program::new(&args)?;
    let filter = Filter::new(&program, &context.env)?;
    let schema = args.schema.as_deref().map(Schema::said_by).transpose()?.map(|(_, said)| said);
    let mut jq = Jq { filter, records: Records::default(), line: Vec::new(), schema, most };
    let passed = pass.run(&program.identity(), &mut jq)?;
    let said = format!("{} in, {} out", counted(passed.records, "record", "records"), passed.written());
    passed.close()?;
    Ok(said)
}

/// The filter, with what is used again for each record.
struct Jq {
    filter: Filter,
    records: Records,
    line: Vec<u8>,
    schema: Option<SchemaRef>,
    /// The longest line that whoever reads on accepts.
    most: usize,
}

impl Transform for Jq {
    fn begin(&mut self, _: &Declared) -> Result<Option<SchemaRef>, Fault> {
        Ok(self.schema.clone())
    }

    fn record(&mut self, line: Line<'_>, out: &mut Segments) -> Result<(), Fault> {
        let input = self.records.read(line)?;
        for output in self.filter.run(input) {
            let output = output.map_err(|what| refused(line, &what))?;
            self.line.clear();
            write::record(&output, &mut self.line).map_err(|what| refused(line, &what))?;
            if self.line.len() > self.most {
                return Err(refused(line, &too_long(self.line.len(), self.most)));
            }
            out.record(&self.line)?;
            self.records.take_back(output);
        }
        self.records.done();
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

#[cold]
fn refused(line: Line<'_>, what: &str) -> Fault {
    Fault::data(format!("{}: {what}{}", line.place(), excerpt(line, [])))
}

#[cold]
fn too_long(length: usize, most: usize) -> String {
    format!("a record of {length} bytes comes out of the filter; at most {most} are read (--max-line-bytes)")
}
