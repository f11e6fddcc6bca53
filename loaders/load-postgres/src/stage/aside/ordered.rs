//! Versions of rows (`--mode history`) whose refused ones are set aside.

use etl_load::Counts;

use super::super::{free, history, key};
use super::{Aside, Done, Source, Step};
use crate::target::MergeError;

impl Aside<'_, '_> {
    /// Moves versions in the order of their keys and times: those of a key may be in several parts, one after the other.
    pub(super) fn in_order(&mut self, new: Option<&mut dyn FnMut(u64)>) -> Result<Counts, MergeError> {
        let (place, row) = (free(self.plan, "etl_place"), self.row);
        let (key, at) = (key(self.plan), history::beginning(self.plan, "s", self.stage.now()));
        let order = format!("row_number() OVER (ORDER BY {key}, {at}, {row}) - 1 AS {place}");
        let select = format!("SELECT s.*, {order} FROM {} s ORDER BY {place}", self.stage.name);
        let (source, rows) = self.table(&select, 0)?;
        let Some(last) = rows.checked_sub(1) else { return Ok(Counts::default()) };
        let mut source = Source { last, gaps: false, whole: false, ..source };
        let mut ordered = Aside {
            session: &mut *self.session,
            plan: self.plan,
            stage: self.stage,
            refuse: &mut *self.refuse,
            row: &place,
            lacks: self.lacks,
            wants_news: self.wants_news,
            // Versions do not refer to each other.
            done: Done { referred: true, ordered: Some(source.name.clone()), ..Done::default() },
        };
        for (position, refusal) in ordered.parts(Step::Put, &mut source)? {
            ordered.refuse(position, refusal)?;
        }
        let counts = ordered.done.counts;
        if let Some(new) = new {
            ordered.tell(0, new);
        }
        Ok(counts)
    }
}
