//! Rows that the server refuses are set aside (`--rejects`): rows go into the target in parts, each under a savepoint, and
//! a part that is refused is halved until the refused rows stand alone.
//!
//! Rows are tried in the order of the input, so of two that collide the later one is refused. Rows that refer to nothing are
//! looked for once the first reference is missing; one whose reference is among the refused rows is tried again, together
//! with others like it. Where a key comes several times, the last record that the server takes counts (in mode ignore, the
//! first).

mod ordered;
mod singles;

use std::collections::HashSet;

use etl_load::{Counts, Mode, Refusal, Refuse};
use etl_postgres::Session;

use self::singles::SINGLES;
use super::{Keys, Lacks, Stage, key, references};
use crate::plan::{Field, TablePlan};
use crate::target::{MergeError, value, what};

const SAVEPOINT: &str = "etl_part";
/// A first part has at least so many rows, and there are at most so many of them: what is tried in vain for one refused row
/// is a small share of the load.
const PART: u64 = 8192;
const PARTS: u64 = 32;

/// The rows of a stage on their way into the target.
pub(super) struct Aside<'a, 'r> {
    pub(super) session: &'a mut Session,
    pub(super) plan: &'a TablePlan,
    pub(super) stage: &'a Stage,
    pub(super) refuse: &'a mut Refuse<'r>,
    /// The column of the position.
    pub(super) row: &'a str,
    pub(super) lacks: &'a Lacks,
    /// Whether somebody asks which rows are new.
    pub(super) wants_news: bool,
    pub(super) done: Done,
}

/// What has been done so far.
#[derive(Default)]
pub(super) struct Done {
    counts: Counts,
    /// How many rows are in place.
    placed: u64,
    /// The positions of the new ones, where the rows have keys and somebody asks.
    news: Vec<u64>,
    /// The positions of those that are refused.
    refused: Vec<u64>,
    /// More are refused than allowed.
    too_many: bool,
    /// How many tables were made of rows of the stage.
    tables: u64,
    /// Whether there are tables for rows that others supersede.
    supersedes: bool,
    /// Whether rows that refer to nothing were looked for.
    referred: bool,
    /// The table in which rows have another position, that of their version.
    ordered: Option<String>,
    /// Whether rows are tried one by one where few are left, once that is known.
    takes_singles: Option<bool>,
}

/// What is done with the rows of a part.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// Their casts are tried.
    Cast,
    /// They go into the target.
    Put,
}

/// A table of rows with positions.
struct Source {
    name: String,
    /// The last position.
    last: u64,
    /// Whether it may lack positions.
    gaps: bool,
    /// Whether all rows are one part at first.
    whole: bool,
    /// Whether rows are found by their position without reading all of it.
    indexed: bool,
}

impl Aside<'_, '_> {
    pub(super) fn merge(
        mut self,
        fed: u64,
        keys: Option<&Keys>,
        new: Option<&mut dyn FnMut(u64)>,
    ) -> Result<Counts, MergeError> {
        let Some(last) = fed.checked_sub(1) else { return Ok(Counts::default()) };
        let name = self.stage.name.clone();
        // The first rows of an append may be in the target already.
        let gaps = !self.stage.keyed;
        let mut source = Source { name, last, gaps, whole: false, indexed: false };
        if self.plan.details.fields.iter().any(Field::is_cast) {
            self.parts(Step::Cast, &mut source)?;
            source.gaps |= !self.done.refused.is_empty();
            self.delete_refused(&source)?;
        }
        if self.plan.mode == Mode::History {
            return self.in_order(new);
        }
        let mut superseded = 0;
        let may_come_again = self.stage.keyed && !keys.is_some_and(Keys::differ);
        if may_come_again && self.lacks.keeps_any() {
            for (place, round) in self.stage.rounds(self.session, self.plan)?.into_iter().enumerate() {
                let before = self.done.counts;
                let (round, _) = self.table(&round, last)?;
                self.passes(Source { whole: false, ..round }, 0)?;
                if place > 0 {
                    // The row of a key that comes again has been counted.
                    let counts = &mut self.done.counts;
                    superseded += counts.updated + counts.unchanged - before.updated - before.unchanged;
                    (counts.updated, counts.unchanged) = (before.updated, before.unchanged);
                }
            }
        } else {
            if may_come_again {
                superseded = self.supersede()?;
                source.gaps |= superseded > 0;
            }
            superseded = self.passes(source, superseded)?;
        }
        let counts = Counts { superseded, ..self.done.counts };
        if let Some(new) = new {
            self.tell(fed, new);
        }
        Ok(counts)
    }

    /// Moves all rows that the server takes, and others of their keys in place of those that it refuses. Returns how many
    /// are still superseded.
    fn passes(&mut self, mut source: Source, mut superseded: u64) -> Result<u64, MergeError> {
        while !self.done.too_many {
            let (before, refused) = (self.done.placed, self.done.refused.len());
            let waiting = self.parts(Step::Put, &mut source)?;
            // Those that refer to each other only succeed together.
            let hope = !source.whole || self.done.placed > before;
            let again: Vec<u64> = waiting.iter().map(|(position, _)| *position).collect();
            if !again.is_empty() && hope {
                self.keep_refused(&source, refused)?;
                source = self.only(&source, &again)?;
                continue;
            }
            for (position, refusal) in waiting {
                self.refuse(position, refusal)?;
            }
            self.keep_refused(&source, refused)?;
            match self.next_of_refused(superseded)? {
                Some((next, rows)) => (source, superseded) = (next, superseded - rows),
                None => break,
            }
        }
        Ok(superseded)
    }

    /// Does something with all rows, part by part. Returns the rows whose references are not there, with what the server
    /// says; others that it refuses are refused.
    fn parts(&mut self, step: Step, source: &mut Source) -> Result<Vec<(u64, Refusal)>, MergeError> {
        let (what, all) = (what(self.plan), source.last + 1);
        let size = if source.whole { all } else { all.div_ceil(PARTS).max(PART) };
        let mut parts: Vec<(u64, u64)> = (0..all.div_ceil(size))
            .rev()
            .map(|n| (n * size, (n * size + size - 1).min(source.last)))
            .collect();
        if parts.len() > 1 {
            self.index(source)?;
        }
        let mut waiting = Vec::new();
        while let Some(part) = parts.pop().filter(|_| !self.done.too_many) {
            let Some((first, last, rows)) = self.bounds(source, part)? else { continue };
            let is_all = (first, last) == (0, source.last);
            let from = match is_all {
                true => source.name.clone(),
                false => {
                    format!("(SELECT * FROM {} WHERE {} BETWEEN {first} AND {last})", source.name, self.row)
                }
            };
            self.session.batch(&what, &format!("SAVEPOINT {SAVEPOINT}"))?;
            let Err(error) = self.act(step, &from, rows) else {
                self.session.batch(&what, &format!("RELEASE SAVEPOINT {SAVEPOINT}"))?;
                continue;
            };
            let Some((refusal, is_reference)) = error.refusal() else { return Err(error) };
            let undo = format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}; RELEASE SAVEPOINT {SAVEPOINT}");
            self.session.batch(&what, &undo)?;
            if rows > 1 && is_reference && !self.done.referred {
                // What is left may refer to each other.
                let rest = if self.refuse_unreferred(source)? { source.last } else { last };
                parts.retain(|(next, _)| *next > rest);
                parts.push((first, rest));
            } else if (2..=SINGLES).contains(&rows) && step == Step::Put && self.takes_singles()? {
                for (position, refusal, is_reference) in self.one_by_one(&from, rows)? {
                    match is_reference {
                        true => waiting.push((position, refusal)),
                        false => self.refuse(position, refusal)?,
                    }
                }
            } else if rows > 1 {
                self.index(source)?;
                let middle = first + (last - first) / 2;
                parts.extend([(middle + 1, last), (first, middle)]);
            } else if is_reference {
                waiting.push((first, refusal));
            } else {
                self.refuse(first, refusal)?;
            }
        }
        Ok(waiting)
    }

    /// Refuses the rows that refer to nothing, and says whether rows may refer to others of the load.
    fn refuse_unreferred(&mut self, source: &mut Source) -> Result<bool, MergeError> {
        self.done.referred = true;
        let (what, since) = (what(self.plan), self.done.refused.len());
        let references = references::of(self.session, self.plan)?;
        let missing = references.iter().filter_map(|reference| reference.is_missing(self.plan, &source.name));
        let missing = missing.collect::<Vec<_>>().join(" OR ");
        if !missing.is_empty() {
            let (unreferred, _) =
                self.table(&format!("SELECT * FROM {} WHERE false", source.name), source.last)?;
            let sql = format!(
                "WITH gone AS (DELETE FROM {} s WHERE {missing} RETURNING s.*) INSERT INTO {} SELECT * FROM gone",
                source.name, unreferred.name
            );
            let mut unreferred = Source { whole: false, ..unreferred };
            // Others may have referred to those that go.
            while self.session.count(&what, &sql)? > 0 {
                source.gaps = true;
            }
            // Each is tried for what the server says of it.
            for (position, refusal) in self.parts(Step::Put, &mut unreferred)? {
                self.refuse(position, refusal)?;
            }
            self.keep_refused(&unreferred, since)?;
        }
        Ok(references.iter().any(|reference| reference.is_own))
    }

    /// The first and the last position of the rows in a part, and how many there are; `None` if there are none.
    fn bounds(
        &self,
        source: &Source,
        (first, last): (u64, u64),
    ) -> Result<Option<(u64, u64, u64)>, MergeError> {
        if !source.gaps {
            return Ok(Some((first, last, last - first + 1)));
        }
        let (what, row) = (what(self.plan), self.row);
        let sql = format!(
            "SELECT min({row}), max({row}), count(*) FROM {} WHERE {row} BETWEEN {first} AND {last}",
            source.name
        );
        let rows = self.session.rows(&what, &sql)?;
        let number = |column| rows.first()?.get(column)?.parse::<u64>().ok();
        Ok(number(0).zip(number(1)).zip(number(2)).map(|((first, last), rows)| (first, last, rows)))
    }

    fn act(&mut self, step: Step, from: &str, rows: u64) -> Result<(), MergeError> {
        let Aside { session, plan, stage, lacks, wants_news, done, .. } = self;
        if step == Step::Cast {
            let casts = plan.details.fields.iter().filter(|field| field.is_cast());
            let casts: Vec<String> = casts.map(|field| format!("count({})", value(field))).collect();
            session.rows(&what(plan), &format!("SELECT {} FROM {from} s", casts.join(", ")))?;
            return stage.check_casts(session, plan, from);
        }
        let known = done.news.len();
        let mut note = |position| done.news.push(position);
        let new = (*wants_news && stage.keyed).then_some(&mut note as &mut dyn FnMut(u64));
        match stage.put(session, plan, from, rows, lacks, new) {
            Ok(counts) => done.counts = done.counts.and(counts),
            Err(error) => {
                done.news.truncate(known);
                return Err(error);
            }
        }
        done.placed += rows;
        Ok(())
    }

    fn refuse(&mut self, position: u64, refusal: Refusal) -> Result<(), MergeError> {
        self.done.refused.push(position);
        let record = match (&self.done.ordered, &self.stage.row) {
            (Some(table), Some(row)) => {
                let sql = format!("SELECT {row} FROM {table} WHERE {} = {position}", self.row);
                self.session.number(&what(self.plan), &sql)?
            }
            _ => position,
        };
        self.done.too_many |= !(self.refuse)(record, refusal);
        Ok(())
    }

    /// Lets rows be found by their positions, which are in their order in the table: the planner must know that, or it reads
    /// the whole table for each part.
    fn index(&self, source: &mut Source) -> Result<(), MergeError> {
        if !source.indexed {
            let sql = format!(
                "CREATE INDEX ON {name} USING brin ({row}) WITH (pages_per_range = 8); ANALYZE {name} ({row})",
                name = source.name,
                row = self.row
            );
            self.session.batch(&what(self.plan), &sql)?;
            source.indexed = true;
        }
        Ok(())
    }

    /// Moves the rows aside that another one of their key supersedes, and returns how many there are.
    fn supersede(&mut self) -> Result<u64, MergeError> {
        self.done.supersedes = true;
        let (what, row, name, key) = (what(self.plan), self.row, &self.stage.name, key(self.plan));
        let [superseded, refused] = [SUPERSEDED, REFUSED].map(|kind| self.stage.beside(kind));
        let create = |table: &str| {
            let table = table.trim_start_matches("pg_temp.");
            format!("CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS SELECT * FROM {name} WITH NO DATA")
        };
        self.session.batch(&what, &format!("{}; {}", create(&superseded), create(&refused)))?;
        let order = self.order();
        let sql = format!(
            "WITH places AS (SELECT {row}, row_number() OVER (PARTITION BY {key} ORDER BY {row}{order}) AS place FROM {name} s),
                  gone AS (DELETE FROM {name} s USING places WHERE s.{row} = places.{row} AND place > 1 RETURNING s.*)
             INSERT INTO {superseded} SELECT * FROM gone"
        );
        Ok(self.session.count(&what, &sql)?)
    }

    /// Which of the rows of a key comes first.
    fn order(&self) -> &'static str {
        if self.plan.mode == Mode::Ignore { "" } else { " DESC" }
    }

    /// Keeps the rows that were refused since there were so many: others of their keys may take their place.
    fn keep_refused(&self, source: &Source, since: usize) -> Result<(), MergeError> {
        let new = &self.done.refused[since..];
        if !self.done.supersedes || new.is_empty() {
            return Ok(());
        }
        let (table, rows) = (self.stage.beside(REFUSED), self.among(new));
        let sql = format!("INSERT INTO {table} SELECT * FROM {} WHERE {rows}", source.name);
        Ok(self.session.batch(&what(self.plan), &sql)?)
    }

    /// Deletes the rows that were refused.
    fn delete_refused(&self, source: &Source) -> Result<(), MergeError> {
        if self.done.refused.is_empty() {
            return Ok(());
        }
        let sql = format!("DELETE FROM {} WHERE {}", source.name, self.among(&self.done.refused));
        Ok(self.session.batch(&what(self.plan), &sql)?)
    }

    /// A table of only these rows.
    fn only(&mut self, source: &Source, rows: &[u64]) -> Result<Source, MergeError> {
        let select = format!("SELECT * FROM {} WHERE {}", source.name, self.among(rows));
        let last = rows.iter().copied().max().unwrap_or_default();
        Ok(self.table(&select, last)?.0)
    }

    /// For each key whose row was refused, the next one of the rows that it would have superseded, and how many those are.
    fn next_of_refused(&mut self, superseded: u64) -> Result<Option<(Source, u64)>, MergeError> {
        if superseded == 0 {
            return Ok(None);
        }
        let (what, row, key) = (what(self.plan), self.row, key(self.plan));
        let [others, refused] = [SUPERSEDED, REFUSED].map(|kind| self.stage.beside(kind));
        let select = format!(
            "SELECT DISTINCT ON ({key}) * FROM {others} s WHERE ({key}) IN (SELECT {key} FROM {refused} s)
             ORDER BY {key}, {row}{}",
            self.order()
        );
        let last = self.session.number(&what, &format!("SELECT coalesce(max({row}), 0) FROM {others}"))?;
        let (source, rows) = self.table(&select, last)?;
        let sql = format!(
            "DELETE FROM {others} WHERE {row} IN (SELECT {row} FROM {}); TRUNCATE {refused}",
            source.name
        );
        self.session.batch(&what, &sql)?;
        Ok((rows > 0).then_some((source, rows)))
    }

    /// A temporary table of what a statement selects, and how many rows that are.
    fn table(&mut self, select: &str, last: u64) -> Result<(Source, u64), MergeError> {
        self.done.tables += 1;
        let name = self.stage.beside(&format!("part_{}", self.done.tables));
        let create = name.trim_start_matches("pg_temp.");
        let sql = format!("CREATE TEMPORARY TABLE {create} ON COMMIT DROP AS {select}");
        let rows = self.session.count(&what(self.plan), &sql)?;
        Ok((Source { name, last, gaps: true, whole: true, indexed: false }, rows))
    }

    /// The condition that a row has one of these positions.
    fn among(&self, rows: &[u64]) -> String {
        let rows: Vec<String> = rows.iter().map(u64::to_string).collect();
        format!("{} = ANY ('{{{}}}'::bigint[])", self.row, rows.join(","))
    }

    /// Tells which rows are new, in their order.
    fn tell(mut self, fed: u64, new: &mut dyn FnMut(u64)) {
        if self.stage.keyed {
            self.done.news.sort_unstable();
            return self.done.news.into_iter().for_each(new);
        }
        let refused: HashSet<u64> = self.done.refused.into_iter().collect();
        (0..fed).filter(|position| !refused.contains(position)).for_each(new);
    }
}

/// What the tables beside a stage are for.
const SUPERSEDED: &str = "superseded";
const REFUSED: &str = "refused";
