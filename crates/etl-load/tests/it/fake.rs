//! A database in memory, which fails and is changed by others as a test says.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use clap::Parser;
use etl_component::{Class, Component, Context, Env, Fault};
use etl_load::{
    Changes, Counts, Entry, LoadArgs, Loaded, Newest, Plan, PlanError, Refusal, Refuse, Refused, Run,
    Settings, Sink, Stay, Swept, Target,
};
use etl_schema::{Names, Row, Schema, Violation};
use etl_stream::{Line, Stream};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const EVENTS: &str = r#"{"properties":{"n":{"type":"integer"}},"required":["n"]}"#;

/// Where an attempt fails, with 75.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    Begin,
    Record(usize),
    Finish,
    Complete,
    Commit,
}

/// Target and load id.
type Key = (String, String);

/// Digest, records and state.
type Done = (String, u64, Option<String>);

/// What is in the database, and what is to happen to it.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) rows: BTreeMap<String, Vec<String>>,
    pub(crate) ledger: BTreeMap<Key, Done>,
    /// What each attempt fails at; any more succeed.
    pub(crate) failures: VecDeque<Option<At>>,
    /// Records that the database refuses, and from which attempt on.
    pub(crate) refuses: Option<(&'static str, usize)>,
    /// The attempt, and the position of the record, that the database refuses when it puts the records in place.
    pub(crate) declines: Vec<(usize, u64)>,
    /// Somebody else's load, which is committed after the first attempt.
    pub(crate) meanwhile: Option<(Key, String)>,
    /// The columns that the table gets when it is prepared, which is not undone.
    pub(crate) lacks: Vec<String>,
    /// A folder that is made by the commit.
    pub(crate) folder: Option<PathBuf>,
    /// What the sink was asked for.
    pub(crate) plans: Vec<String>,
    pub(crate) prepared: Vec<String>,
    pub(crate) attempts: usize,
    pub(crate) retries: usize,
}

/// The sink. Its tables' names are `public.` and the name, in lower case if `FOLDS`.
pub(crate) struct Fake<const LAST: bool, const FOLDS: bool> {
    world: Rc<RefCell<World>>,
    fails: Option<At>,
    open: Vec<(String, Vec<String>)>,
    claimed: Vec<Key>,
    entries: Vec<(Key, Done)>,
    fed: usize,
}

impl<const LAST: bool, const FOLDS: bool> Fake<LAST, FOLDS> {
    fn check(&self, at: At) -> Result<(), Fault> {
        if self.fails == Some(at) {
            Err(Fault::new(Class::Transient, format!("told to fail at {at:?}")))
        } else {
            Ok(())
        }
    }
}

impl<const LAST: bool, const FOLDS: bool> Sink for Fake<LAST, FOLDS> {
    type Details = ();
    const PLANS_LAST: bool = LAST;
    const REFUSES: bool = true;

    fn name(&self) -> String {
        "fake".to_owned()
    }

    /// Two names that differ in case.
    fn table_of(schema: &Schema) -> Option<String> {
        let table = schema.table.clone()?;
        Some(match table.as_str() {
            "etl_receipt" => "Logs".to_owned(),
            "etl_reject" => "logs".to_owned(),
            _ => table,
        })
    }

    fn table_of_stream(stream: &Stream, names: Names) -> String {
        names.of(&stream.name)
    }

    fn plan(&mut self, target: Target) -> Result<Plan<()>, PlanError> {
        let table = target.table.clone();
        let name = format!("public.{}", if FOLDS { table.to_ascii_lowercase() } else { table });
        let own = || Schema::from_json("own", EVENTS);
        let schema = target.schema.clone().map_or_else(own, Ok)?;
        self.world.borrow_mut().plans.push(name.clone());
        let mode = target.mode_for(&name, &schema).map_err(PlanError::Unfit)?;
        let added = self.world.borrow().lacks.clone();
        Ok(Plan {
            mode,
            name,
            schema: Arc::new(schema),
            changes: Changes { added, ..Changes::default() },
            details: (),
        })
    }

    fn explain(&self, _: &Plan<()>) -> String {
        String::new()
    }

    fn states(&mut self, _: Target) -> Result<Vec<(String, String)>, Fault> {
        Ok(Vec::new())
    }

    fn runs(&mut self, _: Target) -> Result<Vec<Run>, Fault> {
        Ok(Vec::new())
    }

    fn prepare(&mut self, plan: &mut Plan<()>) -> Result<(), Fault> {
        let mut world = self.world.borrow_mut();
        world.prepared.push(format!("{} by {}", plan.name, plan.schema.name));
        world.lacks.clear();
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Fault> {
        (self.open, self.claimed, self.entries, self.fed) = Default::default();
        let mut world = self.world.borrow_mut();
        world.attempts += 1;
        self.fails = world.failures.pop_front().flatten();
        drop(world);
        self.check(At::Begin)
    }

    fn claim(&mut self, plan: &Arc<Plan<()>>, load_id: &str) -> Result<Option<Loaded>, Fault> {
        let key = (plan.name.clone(), load_id.to_owned());
        let found = self.world.borrow().ledger.get(&key).cloned();
        self.claimed.push(key);
        Ok(found.map(|(digest, _, state)| Loaded { digest, state, order: 0, loaded_at: String::new() }))
    }

    fn newest(&mut self, _: &Plan<()>) -> Result<Option<Newest>, Fault> {
        Ok(None)
    }

    fn open(&mut self, plan: &Arc<Plan<()>>) -> Result<(), Fault> {
        self.open.push((plan.name.clone(), Vec::new()));
        Ok(())
    }

    fn record(&mut self, table: usize, _: &Row<'_>, line: Line<'_>) -> Result<(), Refused> {
        self.fed += 1;
        self.check(At::Record(self.fed))?;
        let text = String::from_utf8_lossy(line.bytes).into_owned();
        let world = self.world.borrow();
        if world.refuses.is_some_and(|(refused, from)| refused == text && world.attempts >= from) {
            return Err(Refused::Record(Violation { field: "n".to_owned(), reason: "not here".to_owned() }));
        }
        self.open[table].1.push(text);
        Ok(())
    }

    fn finish(
        &mut self,
        table: usize,
        new: Option<&mut dyn FnMut(u64)>,
        refuse: Option<&mut Refuse<'_>>,
    ) -> Result<Counts, Fault> {
        let world = self.world.borrow();
        let mut declined = world.declines.iter().filter(|(attempt, _)| *attempt == world.attempts);
        if let Some(refuse) = refuse {
            let reason = || Refusal { reason: "declined".to_owned(), ..Refusal::default() };
            declined.try_for_each(|(_, position)| refuse(*position, reason()).then_some(()));
        }
        drop(world);
        let inserted = self.open[table].1.len() as u64;
        if let Some(new) = new {
            (0..inserted).for_each(new);
        }
        self.check(At::Finish)?;
        Ok(Counts { inserted, ..Counts::default() })
    }

    fn complete(&mut self, entries: &[Entry<'_>]) -> Result<(), Fault> {
        for entry in entries {
            let key = (entry.target.to_owned(), entry.load_id.to_owned());
            assert!(self.claimed.contains(&key), "{key:?} was not claimed");
            self.entries
                .push((key, (entry.digest.to_owned(), entry.records, entry.state.map(str::to_owned))));
        }
        self.check(At::Complete)
    }

    fn evolve(&mut self, _: &mut Plan<Self::Details>) -> Result<(), Fault> {
        Err(Fault::new(Class::Bug, "no stream here has another schema"))
    }

    fn sweep(&mut self, _: usize, _: &Stay) -> Result<Swept, Fault> {
        Err(Fault::new(Class::Bug, "no stream here has versions"))
    }

    fn prune(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Fault> {
        self.check(At::Commit)?;
        let mut world = self.world.borrow_mut();
        if let Some(folder) = &world.folder {
            fs::create_dir(folder).expect("a folder");
        }
        for (table, lines) in self.open.drain(..) {
            world.rows.entry(table).or_default().extend(lines);
        }
        world.ledger.extend(self.entries.drain(..));
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), Fault> {
        self.open.clear();
        Ok(())
    }

    fn retry(&mut self, fault: Fault) -> Result<(), Fault> {
        let mut world = self.world.borrow_mut();
        world.retries += 1;
        if let Some((key, digest)) = world.meanwhile.take() {
            world.ledger.insert(key, (digest, 0, None));
        }
        if fault.class() == Class::Transient { Ok(()) } else { Err(fault) }
    }
}

/// A folder for the files of a load, and its database.
pub(crate) struct FakeFolder {
    pub(crate) folder: TempDir,
    pub(crate) world: Rc<RefCell<World>>,
}

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    load: LoadArgs,
}

impl FakeFolder {
    pub(crate) fn new() -> FakeFolder {
        let place = FakeFolder { folder: tempfile::tempdir().expect("a folder"), world: Rc::default() };
        fs::write(place.folder.path().join("events.json"), EVENTS).expect("a file");
        place
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The lines of a file, without `begin` and `end`.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).expect("a file");
        let control = |line: &&str| line.contains("\"kind\":\"begin\"") || line.contains("\"kind\":\"end\"");
        text.lines().filter(|line| !control(line)).map(str::to_owned).collect()
    }

    pub(crate) fn receipts(&self) -> Vec<Value> {
        self.lines("out").iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Loads these bytes; `%` in the arguments stands for the folder. What is printed is in the file `out`.
    pub(crate) fn load<const LAST: bool, const FOLDS: bool>(
        &self,
        args: &str,
        stream: &[u8],
    ) -> anyhow::Result<String> {
        static COMPONENT: Component =
            Component { name: "load-fake", version: "0", variables: &[], commands: etl_load::card::COMMANDS };
        fs::write(self.path("in"), stream).expect("a file");
        let args = format!("load --input %/in --output %/out {args}").replace('%', &self.path(""));
        let args = Args::try_parse_from(args.split_whitespace()).expect("arguments");
        let context = Context { component: &COMPONENT, env: Env::of(&[]) };
        let settings = Settings::new(args.load, &context.env)?;
        etl_load::run(&settings, &context, None, |_| {
            let (world, fails, fed) = (Rc::clone(&self.world), None, 0);
            Ok(Fake::<LAST, FOLDS> {
                world,
                fails,
                open: Vec::new(),
                claimed: Vec::new(),
                entries: Vec::new(),
                fed,
            })
        })
    }
}

/// The class that a failure ends a component with, and what it says.
pub(crate) fn failure(result: anyhow::Result<String>) -> (u8, String) {
    let error = result.expect_err("a failure");
    (error.downcast_ref::<Fault>().expect("a fault").class().code(), format!("{error:#}"))
}
