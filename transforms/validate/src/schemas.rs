//! The schemas of the records, and how many did not fit.

use std::sync::Arc;

use etl_component::Fault;
use etl_schema::{Checker, Schema, UnknownFields};
use etl_stream::{Declared, SchemaRef, Values};
use indexmap::IndexMap;

use crate::stats::Stats;

/// Records of one schema, written in one way.
pub(crate) struct Checked {
    pub(crate) schema: Arc<Schema>,
    pub(crate) checker: Checker,
    /// How many there were, and how many of them did not fit.
    pub(crate) records: u64,
    pub(crate) rejected: u64,
    pub(crate) stats: Option<Stats>,
}

/// What records are checked by: the schema of the flag, otherwise that of their segment.
pub(crate) struct Schemas {
    flag: Option<(Arc<Schema>, SchemaRef)>,
    unknown: UnknownFields,
    with_stats: bool,
    known: IndexMap<(SchemaRef, Values), Checked>,
    current: usize,
}

impl Schemas {
    /// Finds the schema of the flag.
    ///
    /// # Errors
    /// 78 if it is unknown or broken.
    pub(crate) fn new(
        flag: Option<&str>,
        unknown: UnknownFields,
        with_stats: bool,
    ) -> Result<Schemas, Fault> {
        let flag = flag.map(Schema::said_by).transpose()?.map(|(schema, said)| (Arc::new(schema), said));
        Ok(Schemas { flag, unknown, with_stats, known: IndexMap::new(), current: 0 })
    }

    /// Everything here that decides which records pass.
    pub(crate) fn identity(&self) -> String {
        let said = match &self.flag {
            Some((_, SchemaRef::Name(name))) => name.as_str(),
            Some((_, SchemaRef::Inline(document))) => document.get(),
            None => "",
        };
        format!("{:?} {said}", self.unknown)
    }

    /// Records of this kind begin; returns their schema.
    ///
    /// # Errors
    /// 78 if they have none, or one that is unknown or broken.
    pub(crate) fn begin(&mut self, declared: &Declared) -> Result<SchemaRef, Fault> {
        let (schema, said) = match (&self.flag, &declared.schema) {
            (Some((schema, said)), _) => (Arc::clone(schema), said.clone()),
            (None, Some(said)) => {
                let schema = match said {
                    SchemaRef::Name(name) => Schema::named(name)?,
                    SchemaRef::Inline(document) => Schema::from_json("inline", document.get())?,
                };
                (Arc::new(schema), said.clone())
            }
            (None, None) => {
                return Err(Fault::config(
                    "the records have no schema: the stream names none. Give --schema NAME (`standpipe schema list` \
                     shows them) or --schema PATH (`standpipe schema infer` writes one from sample records)",
                ));
            }
        };
        let entry = self.known.entry((said.clone(), declared.values));
        self.current = entry.index();
        entry.or_insert_with(|| Checked {
            checker: Checker::new(Arc::clone(&schema), self.unknown).of(declared.values),
            records: 0,
            rejected: 0,
            stats: self.with_stats.then(|| Stats::new(schema.columns.len())),
            schema,
        });
        Ok(said)
    }

    /// The records at hand.
    #[inline]
    pub(crate) fn current(&mut self) -> &mut Checked {
        &mut self.known[self.current]
    }

    /// All that there were.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Checked> {
        self.known.values()
    }
}
