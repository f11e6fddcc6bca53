//! Whether each step reads what the one before it prints.

use etl_schema::{Role, Schema};

use super::invocation::{Invocation, meant};
use super::{Planner, Stage, fixed};
use crate::card::Stream;
use crate::model::Step;

impl Planner<'_> {
    /// Follows the records from the first step to the last.
    pub(super) fn streams(&mut self, stages: &[Stage]) {
        // The schemas of the records that reach a step; none if they are not known.
        let mut coming: Option<Vec<String>> = None;
        for (n, stage) in stages.iter().enumerate() {
            let (first, last) = (n == 0, n + 1 == stages.len());
            let step = &stage.step;
            let line = step.line;
            let name = stage.name();
            let Some(card) = self.cards.of(step) else {
                coming = None;
                continue;
            };
            // It was read before, and what is wrong with it was said.
            let invocation = Invocation::of(card, step, &mut crate::problem::Problems::default());
            let (reads, prints) = (&invocation.reads, &invocation.prints);
            if !first && !reads.is_stream() {
                self.problems.add(
                    line,
                    format!("`{name}` reads nothing: what the steps before it print would be lost"),
                );
            } else if !first && stage.has("--input") {
                self.problems.add(line, "`--input` leaves unread what the step before it prints");
            } else if first && reads.is_stream() && !stage.has("--input") && self.target.is_some() {
                self.problems.add(line, format!("`{name}` reads a stream, but no step comes before it: name --input, or begin with an extractor"));
            }
            if !last && !prints.is_stream() {
                self.problems.add(line, format!("`{name}` prints no records for the next step"));
            } else if !last && stage.has("--output") {
                self.problems.add(line, "`--output` leaves nothing for the next step");
            }
            if !first {
                self.accepts(step, reads, coming.as_deref());
                self.stores(step, &invocation, coming.as_deref());
            }
            // What is printed has the schema that is named, unless it is something else.
            let named = fixed(invocation.value("--schema")).filter(|name| *name != "none");
            coming = match named {
                Some(name) if prints.is_stream() && prints.schemas.is_none() => Some(vec![name.to_owned()]),
                _ if prints.passes_on => coming,
                _ => prints.schemas.clone(),
            };
        }
    }

    fn accepts(&mut self, step: &Step, reads: &Stream, coming: Option<&[String]>) {
        let (Some(taken), Some(coming)) = (&reads.schemas, coming) else { return };
        if !coming.iter().any(|schema| taken.contains(schema)) {
            self.problems.add(
                step.line,
                format!(
                    "`{}` reads records of {}, but those of {} come",
                    step.name(),
                    taken.join(", "),
                    coming.join(", ")
                ),
            );
        }
    }

    /// A loader takes records whose schema says where they go.
    fn stores(&mut self, step: &Step, invocation: &Invocation<'_>, coming: Option<&[String]>) {
        let coming: Vec<&str> = match (fixed(invocation.value("--schema")), coming) {
            (Some(schema), _) => vec![schema],
            (None, Some(coming)) => coming.iter().map(String::as_str).collect(),
            (None, None) => return,
        };
        // Which of several schemas will come is known only when it runs.
        let [name] = coming.as_slice() else { return };
        let Ok(schema) = Schema::named(name) else { return };
        let table = !invocation.has("--table");
        let missing = match step.name() {
            "load-postgres" | "load-sqlite" if table && schema.table.is_none() => {
                Some("names no table: add --table")
            }
            "load-influx" if table && schema.measurement.is_none() => {
                Some("names no measurement of InfluxDB: add --table, or choose another loader")
            }
            "load-influx"
                if schema.time.is_none()
                    && !schema.columns.iter().any(|column| column.influx.role == Some(Role::Time)) =>
            {
                Some("has no time for a point of InfluxDB")
            }
            _ => None,
        };
        if let Some(missing) = missing {
            self.problems.add(
                step.line,
                format!("`{}` cannot store these records: their schema {name} {missing}", step.name()),
            );
        }
    }

    /// A schema that is named is one that is known. A path is read when the step runs.
    pub(super) fn schema_flag(&mut self, step: &Step, invocation: &Invocation<'_>) {
        let Some(name) = fixed(invocation.value("--schema")) else { return };
        let path = name.contains('/') || name.ends_with(".json");
        if !path && name != "none" && etl_schema::registry::document(name).is_none() {
            self.problems.add(
                step.line,
                format!("the schema `{name}` is not known{}", meant(name, etl_schema::registry::names())),
            );
        }
    }
}
