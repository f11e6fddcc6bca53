//! Rows that the target refuses are set aside (`--rejects`): rows go into it in parts, and a part that is refused is halved
//! until the refused rows stand alone.
//!
//! Rows are tried in the order of the input, so of two that collide the later one is refused. Rows that refer to nothing are
//! looked for once the first reference is missing; one whose reference is among the refused rows is tried again, together
//! with others like it. Where a key comes several times, the last record that the target takes counts (in mode ignore, the
//! first).

use std::collections::BTreeSet;

use etl_component::Fault;
use etl_load::{Counts, Mode, Refusal, Refuse};

use super::{Lacks, Merge, Stage, Unmerged, history};
use crate::database::{Database, refusal};
use crate::names::{column_list, column_list_of, key_list};
use crate::plan::Plan;

/// The rows of a stage on their way into the target.
pub(super) struct Aside<'a, 'r> {
    pub(super) database: &'a Database,
    pub(super) plan: &'a Plan,
    pub(super) stage: &'a Stage,
    /// The column of the position.
    pub(super) row: &'a str,
    pub(super) lacks: &'a Lacks,
    pub(super) refuse: &'a mut Refuse<'r>,
    /// Whether somebody asks which rows are new.
    pub(super) wants_news: bool,
    pub(super) done: Done,
}

/// What has been done so far.
#[derive(Default)]
pub(super) struct Done {
    counts: Counts,
    news: BTreeSet<u64>,
    refused: Vec<u64>,
    /// More are refused than allowed.
    too_many: bool,
    /// How many tables were made of rows of the stage.
    tables: u64,
    /// Whether there are tables for rows that others supersede.
    supersedes: bool,
    /// Whether rows that refer to nothing were looked for.
    referred: bool,
    /// The table of the positions of records whose rows have other ones, those of their versions.
    places: Option<String>,
}

impl Aside<'_, '_> {
    pub(super) fn merge(mut self, new: Option<&mut dyn FnMut(u64)>) -> Result<Counts, Fault> {
        let whole = self.stage.name.clone();
        if self.plan.mode == Mode::History {
            return self.in_order(new);
        }
        let superseded = if self.plan.schema.key.is_empty() || self.plan.mode == Mode::Append {
            self.passes(whole, 0)?
        } else if self.lacks.kept.is_empty() {
            let superseded = self.supersede()?;
            self.passes(whole, superseded)?
        } else {
            self.rounds()?
        };
        if let Some(new) = new {
            self.done.news.iter().copied().for_each(new);
        }
        Ok(Counts { superseded, ..self.done.counts })
    }

    /// Moves versions in the order of their keys and times: those of a key may be in several parts, one after the other.
    fn in_order(mut self, new: Option<&mut dyn FnMut(u64)>) -> Result<Counts, Fault> {
        let (ordered, places) = (self.beside("ordered")?, self.stage.beside("places"));
        let (stage, row) = (&self.stage.name, self.row);
        let (columns, order) =
            (column_list(&self.plan.details.stored), history::order(self.plan, row, &self.stage.now));
        self.database.batch(&format!(
            "DROP TABLE IF EXISTS {places}; CREATE TABLE {places} (place INTEGER PRIMARY KEY, own INTEGER UNIQUE);
             INSERT INTO {places} (own) SELECT {row} FROM {stage} AS new ORDER BY {order};
             INSERT INTO {ordered} ({columns}, {row})
               SELECT {own}, p.place FROM {places} AS p JOIN {stage} AS new ON new.{row} = p.own",
            own = column_list_of("new", &self.plan.details.stored)
        ))?;
        // Versions do not refer to each other.
        (self.done.referred, self.done.places) = (true, Some(places));
        for (position, refusal) in self.parts(&ordered)? {
            self.refuse(position, refusal)?;
        }
        if let Some(new) = new {
            let news = std::mem::take(&mut self.done.news);
            let own = news.into_iter().map(|place| self.own(place)).collect::<Result<BTreeSet<_>, _>>()?;
            own.into_iter().for_each(new);
        }
        Ok(self.done.counts)
    }

    /// The position of the record at this place.
    fn own(&self, place: u64) -> Result<u64, Fault> {
        match &self.done.places {
            Some(places) => self.number(&format!("SELECT own FROM {places} WHERE place = {place}")),
            None => Ok(place),
        }
    }

    /// Moves the rows of each key one after the other: first the first ones of all keys, then the second ones, and so on.
    fn rounds(&mut self) -> Result<u64, Fault> {
        let (stage, row, key) = (&self.stage.name, self.row, key_list(&self.plan.schema));
        let places =
            format!("SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {row}) AS place FROM {stage}");
        let last = self.number(&format!("SELECT coalesce(max(place), 0) FROM ({places})"))?;
        let mut superseded = 0;
        for place in 1..=last {
            let (before, round) = (self.done.counts, self.beside(&format!("round_{place}"))?);
            let rows = format!("SELECT {row} FROM ({places}) WHERE place = {place}");
            self.database
                .batch(&format!("INSERT INTO {round} SELECT * FROM {stage} WHERE {row} IN ({rows})"))?;
            self.passes(round, 0)?;
            if place > 1 {
                // The row of a key that comes again has been counted.
                let counts = &mut self.done.counts;
                superseded += counts.updated + counts.unchanged - before.updated - before.unchanged;
                (counts.updated, counts.unchanged) = (before.updated, before.unchanged);
            }
        }
        Ok(superseded)
    }

    /// Moves all rows that the target takes, and others of their keys in place of those that it refuses. Returns how many
    /// are still superseded.
    fn passes(&mut self, mut source: String, mut superseded: u64) -> Result<u64, Fault> {
        let mut again = false;
        while !self.done.too_many {
            let (placed, refused) = (self.done.counts, self.done.refused.len());
            let waiting = self.parts(&source)?;
            let is_further = total(self.done.counts) > total(placed);
            // Those that refer to each other only succeed together.
            if !waiting.is_empty() && (is_further || !again) {
                self.keep_refused(&source, refused)?;
                source = self.only(&source, &waiting)?;
                again = true;
                continue;
            }
            for (position, refusal) in waiting {
                self.refuse(position, refusal)?;
            }
            self.keep_refused(&source, refused)?;
            match self.next_of_refused(superseded)? {
                Some((next, rows)) => (source, superseded, again) = (next, superseded - rows, false),
                None => break,
            }
        }
        Ok(superseded)
    }

    /// Moves all rows, part by part. Returns those whose references are not there, with what SQLite says; others that it
    /// refuses are refused.
    fn parts(&mut self, source: &str) -> Result<Vec<(u64, Refusal)>, Fault> {
        let row = self.row;
        let bounds = |kind| self.number(&format!("SELECT coalesce({kind}({row}), 0) FROM {source}"));
        let (mut parts, mut waiting) = (vec![(bounds("min")?, bounds("max")?)], Vec::new());
        while let Some((first, last)) = parts.pop().filter(|_| !self.done.too_many) {
            let rows = format!("(SELECT * FROM {source} WHERE {row} BETWEEN {first} AND {last})");
            let staged = self.number(&format!("SELECT count(*) FROM {rows}"))?;
            if staged == 0 {
                continue;
            }
            // Several statements may put a part in place.
            self.database.batch("SAVEPOINT etl_part")?;
            let error = match self.put(&rows, staged) {
                Ok(()) => {
                    self.database.batch("RELEASE etl_part")?;
                    continue;
                }
                Err(Unmerged::Fault(fault)) => return Err(fault),
                Err(Unmerged::Sql(error)) => error,
            };
            self.database.batch("ROLLBACK TO etl_part; RELEASE etl_part")?;
            let Some((refusal, is_reference)) = refusal(&error) else {
                return Err(self.stage.of(self.database, self.plan, self.lacks).fault(error));
            };
            if first < last && is_reference && !self.done.referred {
                self.refuse_unreferred(source)?;
                parts.push((first, last));
            } else if first < last {
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

    /// Refuses the rows that refer to nothing.
    fn refuse_unreferred(&mut self, source: &str) -> Result<(), Fault> {
        self.done.referred = true;
        let merge = self.stage.of(self.database, self.plan, self.lacks);
        let references = merge.references().map_err(|error| merge.fault(error))?;
        let missing: Vec<String> =
            references.iter().filter_map(|reference| merge.is_missing(reference, source)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (row, missing, since) = (self.row, missing.join(" OR "), self.done.refused.len());
        let unreferred = self.another("unreferred")?;
        loop {
            let before = self.number(&format!("SELECT count(*) FROM {unreferred}"))?;
            self.database.batch(&format!(
                "INSERT INTO {unreferred} SELECT * FROM {source} WHERE {missing};
                 DELETE FROM {source} WHERE {row} IN (SELECT {row} FROM {unreferred})"
            ))?;
            // Others may have referred to those that have gone.
            if self.number(&format!("SELECT count(*) FROM {unreferred}"))? == before {
                break;
            }
        }
        // Each is tried for what SQLite says of it.
        for (position, refusal) in self.parts(&unreferred)? {
            self.refuse(position, refusal)?;
        }
        self.keep_refused(&unreferred, since)
    }

    fn put(&mut self, rows: &str, staged: u64) -> Result<(), Unmerged> {
        let merge = Merge { stage: rows, ..self.stage.of(self.database, self.plan, self.lacks) };
        let mut news = Vec::new();
        if self.plan.mode == Mode::History {
            let mut note = |position| news.push(position);
            let new = self.wants_news.then_some(&mut note as &mut dyn FnMut(u64));
            let counts = merge.versions(self.row, &self.stage.now, staged, new)?;
            self.done.news.extend(news);
            self.done.counts = self.done.counts.and(counts);
            return Ok(());
        }
        if self.wants_news {
            merge.tell_new(self.row, &mut |position| news.push(position))?;
        }
        let merged = merge.checked(staged)?;
        self.done.news.extend(news);
        self.done.counts = self.done.counts.and(merged.counts());
        Ok(())
    }

    fn refuse(&mut self, position: u64, refusal: Refusal) -> Result<(), Fault> {
        self.done.refused.push(position);
        let own = self.own(position)?;
        self.done.too_many |= !(self.refuse)(own, refusal);
        Ok(())
    }

    /// Moves the rows aside that another one of their key supersedes, and returns how many there are.
    fn supersede(&mut self) -> Result<u64, Fault> {
        self.done.supersedes = true;
        let (stage, row, key) = (&self.stage.name, self.row, key_list(&self.plan.schema));
        let (others, _) = (self.beside("superseded")?, self.beside("refused")?);
        self.database.batch(&format!(
            "INSERT INTO {others} SELECT * FROM {stage}
             WHERE {row} NOT IN (SELECT {first}({row}) FROM {stage} GROUP BY {key});
             DELETE FROM {stage} WHERE {row} IN (SELECT {row} FROM {others})",
            first = self.first()
        ))?;
        self.number(&format!("SELECT count(*) FROM {others}"))
    }

    /// Which of the rows of a key comes first.
    fn first(&self) -> &'static str {
        if self.plan.mode == Mode::Ignore { "min" } else { "max" }
    }

    /// Keeps the rows that were refused since there were so many: others of their keys may take their place.
    fn keep_refused(&self, source: &str, since: usize) -> Result<(), Fault> {
        if !self.done.supersedes {
            return Ok(());
        }
        self.copy(source, &self.stage.beside("refused"), &self.done.refused[since..])
    }

    /// A table of only these rows.
    fn only(&mut self, source: &str, rows: &[(u64, Refusal)]) -> Result<String, Fault> {
        let table = self.another("again")?;
        let rows: Vec<u64> = rows.iter().map(|(position, _)| *position).collect();
        self.copy(source, &table, &rows)?;
        Ok(table)
    }

    fn copy(&self, source: &str, table: &str, rows: &[u64]) -> Result<(), Fault> {
        let rows: Vec<String> = rows.iter().map(u64::to_string).collect();
        let (row, rows) = (self.row, rows.join(","));
        self.database.batch(&format!("INSERT INTO {table} SELECT * FROM {source} WHERE {row} IN ({rows})"))
    }

    /// For each key whose row was refused, the next one of the rows that it would have superseded, and how many those are.
    fn next_of_refused(&mut self, superseded: u64) -> Result<Option<(String, u64)>, Fault> {
        if superseded == 0 {
            return Ok(None);
        }
        let (row, key) = (self.row, key_list(&self.plan.schema));
        let [others, refused] = ["superseded", "refused"].map(|kind| self.stage.beside(kind));
        let next = self.another("next")?;
        self.database.batch(&format!(
            "INSERT INTO {next} SELECT * FROM {others} WHERE {row} IN (
               SELECT {first}({row}) FROM {others} WHERE ({key}) IN (SELECT {key} FROM {refused}) GROUP BY {key});
             DELETE FROM {others} WHERE {row} IN (SELECT {row} FROM {next});
             DELETE FROM {refused}",
            first = self.first()
        ))?;
        let rows = self.number(&format!("SELECT count(*) FROM {next}"))?;
        Ok((rows > 0).then_some((next, rows)))
    }

    /// Creates a temporary table of a new name for rows of the stage.
    fn another(&mut self, kind: &str) -> Result<String, Fault> {
        self.done.tables += 1;
        self.beside(&format!("{kind}_{}", self.done.tables))
    }

    /// Creates another temporary table for rows of the stage.
    fn beside(&self, kind: &str) -> Result<String, Fault> {
        let name = self.stage.beside(kind);
        let create = format!("DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({})", self.stage.columns);
        self.database.batch(&create)?;
        Ok(name)
    }

    fn number(&self, sql: &str) -> Result<u64, Fault> {
        let merge = self.stage.of(self.database, self.plan, self.lacks);
        merge.count(sql).map_err(|error| merge.fault(error))
    }
}

/// How many rows are in place.
fn total(counts: Counts) -> u64 {
    counts.inserted + counts.updated + counts.unchanged + counts.deleted
}
