//! Which columns, alone or in pairs, tell the records of a sample apart.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use etl_stream::json::{Kind, Record};

/// How many records are compared: what tells these apart is a candidate, not more.
const COMPARED: u64 = 100_000;
/// How many columns are tried in pairs.
const PAIRED: usize = 8;

/// What has been seen of the candidates: digests of their values.
#[derive(Default)]
pub(super) struct Keys {
    state: RandomState,
    records: u64,
    alone: HashMap<String, HashSet<u64>>,
    pairs: HashMap<(usize, usize), HashSet<u64>>,
    /// The first columns that may be part of a pair.
    paired: Vec<String>,
}

impl Keys {
    /// Takes in a record. A column is a candidate as long as each record has it, with another integer or text.
    pub(super) fn take(&mut self, record: &Record<'_>) {
        if self.records == COMPARED {
            return;
        }
        self.records += 1;
        let digest = |name: &str| {
            let value = record.get(name)?.value;
            let is_key = match value.kind {
                Kind::String { .. } => true,
                Kind::Number => !value.text.contains(['.', 'e', 'E']),
                _ => false,
            };
            is_key.then(|| self.state.hash_one(value.raw))
        };
        if self.records == 1 {
            for field in record.fields() {
                let name = field.name().into_owned();
                if digest(&name).is_none() {
                    continue;
                }
                if self.paired.len() < PAIRED {
                    self.paired.push(name.clone());
                }
                self.alone.insert(name, HashSet::new());
            }
            let count = self.paired.len();
            let pairs = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
            self.pairs = pairs.map(|pair| (pair, HashSet::new())).collect();
        }
        self.alone.retain(|name, seen| digest(name).is_some_and(|digest| seen.insert(digest)));
        let digests: Vec<Option<u64>> = self.paired.iter().map(|name| digest(name)).collect();
        self.pairs.retain(|(one, other), seen| match (digests[*one], digests[*other]) {
            (Some(one), Some(other)) => seen.insert(self.state.hash_one((one, other))),
            _ => false,
        });
    }

    /// The columns that tell the records apart alone, those that do so only in pairs, and how many records were compared.
    pub(super) fn found(&self) -> (Vec<&str>, Vec<[&str; 2]>, u64) {
        let mut alone: Vec<&str> = self.alone.keys().map(String::as_str).collect();
        alone.sort_unstable();
        let mut pairs: Vec<(usize, usize)> = self.pairs.keys().copied().collect();
        pairs.sort_unstable();
        let pairs =
            pairs.iter().map(|(one, other)| [self.paired[*one].as_str(), self.paired[*other].as_str()]);
        let pairs = pairs.filter(|pair| pair.iter().all(|name| !self.alone.contains_key(*name)));
        (alone, pairs.collect(), self.records)
    }
}
