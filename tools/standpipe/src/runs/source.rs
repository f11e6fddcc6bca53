//! Where runs are read from: files of receipts, or a ledger through the loader that writes it.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use etl_component::{Fault, InputArgs, Terminal};
use etl_stream::{Reader, Seal};

use crate::process::{Process, Program};
use crate::programs::Programs;
use crate::receipts::{self, Load, RECEIPT, RUN};
use crate::records;

/// The schemas that are read.
pub(crate) const SCHEMAS: [&str; 2] = [RECEIPT, RUN];

/// Flags that say which runs are meant.
#[derive(clap::Args)]
pub(crate) struct Source {
    /// Receipts, or what a loader prints as --print-runs; `-` is stdin
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only the runs of this pipeline
    #[arg(long, value_name = "NAME", help_heading = "Runs")]
    pipeline: Option<String>,
    /// Read the ledger in this SQLite database, through load-sqlite
    #[arg(long, value_name = "FILE", requires = "table", conflicts_with_all = ["postgres", "files"], help_heading = "Ledger")]
    sqlite: Option<PathBuf>,
    /// Read the ledger in PostgreSQL, through load-postgres; the server and the user are set as for it
    #[arg(long, requires = "table", conflicts_with = "files", help_heading = "Ledger")]
    postgres: bool,
    /// A table whose runs are read from the ledger; may be given several times
    #[arg(long, value_name = "TABLE", help_heading = "Ledger")]
    table: Vec<String>,
    #[command(flatten)]
    input: InputArgs,
}

impl Source {
    /// The pipeline that was asked for.
    pub(crate) fn pipeline(&self) -> Option<&str> {
        self.pipeline.as_deref()
    }

    /// Whether no runs at all are accepted.
    pub(crate) fn allows_none(&self) -> bool {
        self.input.allow_empty
    }

    /// The loads, oldest first.
    ///
    /// # Errors
    /// Those of the streams, naming the file; 78 if the loader is not installed; those of the loader.
    pub(crate) fn loads(&self, terminal: Terminal) -> Result<Vec<Load>, Fault> {
        let mut loads = Vec::new();
        let mut keep = |load: Load| {
            if self.pipeline.is_none() || load.pipeline == self.pipeline {
                loads.push(load);
            }
        };
        match self.loader()? {
            Some(loader) => {
                for table in &self.table {
                    read_ledger(&loader, table, self.input.max_line_bytes, terminal, &mut keep)?;
                }
            }
            None => {
                for path in self.paths()? {
                    let named = |fault: Fault| match self.files.len() {
                        0 | 1 => fault,
                        _ => fault.within(path.display().to_string()),
                    };
                    let input = InputArgs { input: path.to_owned(), ..self.input.clone() };
                    let mut reader: Reader<File> = input.open()?;
                    receipts::read(&mut reader, &SCHEMAS, None, &mut keep).map_err(named)?;
                }
            }
        }
        loads.sort_by_key(|load| load.loaded_at);
        Ok(loads)
    }

    fn paths(&self) -> Result<Vec<&Path>, Fault> {
        if !self.table.is_empty() {
            return Err(Fault::usage(
                "--table names a table of a ledger: it needs --sqlite FILE or --postgres",
            ));
        }
        match self.files.as_slice() {
            [] => Ok(vec![&self.input.input]),
            _ if self.input.input != Path::new("-") => {
                Err(Fault::usage("the input is named twice, by FILE and by --input"))
            }
            files => Ok(files.iter().map(PathBuf::as_path).collect()),
        }
    }

    /// The loader that reads the ledger, with its arguments, if it is a ledger that is read.
    fn loader(&self) -> Result<Option<Vec<OsString>>, Fault> {
        let (name, args) = match &self.sqlite {
            Some(file) => ("load-sqlite", vec!["--db".into(), file.into()]),
            None if self.postgres => ("load-postgres", Vec::new()),
            None => return Ok(None),
        };
        let found = Programs::new()?.find(name.as_ref(), true);
        let found = found.ok_or_else(|| {
            Fault::config(format!("{name}, which reads the ledger, is neither beside standpipe nor in PATH"))
        })?;
        Ok(Some([vec![found.into_os_string()], args].concat()))
    }
}

fn read_ledger(
    loader: &[OsString],
    table: &str,
    max_line_bytes: usize,
    terminal: Terminal,
    keep: &mut impl FnMut(Load),
) -> Result<(), Fault> {
    let mut command = loader.to_vec();
    command.extend(["--print-runs", "--table", table].map(OsString::from));
    let (process, stdout) = Process::start(&Program::component(command), terminal)?;
    let mut reader = Reader::new(stdout, records::output_of_program(max_line_bytes, Seal::Required));
    process.conclude(receipts::read(&mut reader, &SCHEMAS, None, keep))
}
