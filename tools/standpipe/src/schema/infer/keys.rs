//! Which columns, alone or in pairs, tell the records of a sample apart.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use etl_schema::{parse_uuid, time};
use etl_stream::json::{self, Kind, Record, Value};

/// How many records are compared with each other, and all later ones with them: what tells these apart is a candidate,
/// not more.
pub(super) const COMPARED: u64 = 100_000;
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
        self.records += 1;
        let remembers = self.records <= COMPARED;
        let digest = |name: &str| digest(&self.state, record.get(name)?.value);
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
        let is_new = |seen: &mut HashSet<u64>, digest: u64| {
            if remembers { seen.insert(digest) } else { !seen.contains(&digest) }
        };
        self.alone.retain(|name, seen| digest(name).is_some_and(|digest| is_new(seen, digest)));
        if self.pairs.is_empty() {
            return;
        }
        let digests: Vec<Option<u64>> = self.paired.iter().map(|name| digest(name)).collect();
        self.pairs.retain(|(one, other), seen| match (digests[*one], digests[*other]) {
            (Some(one), Some(other)) => is_new(seen, self.state.hash_one((one, other))),
            _ => false,
        });
    }

    /// The columns that tell the records apart alone, those that do so only in pairs, and of how many records.
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

/// The digest of a value that may be a key: the same for what is the same value in a column, however it is written.
fn digest(state: &RandomState, value: Value<'_>) -> Option<u64> {
    match value.kind {
        Kind::String { .. } => {
            let text = json::unescape(value.text);
            Some(if let Some(uuid) = parse_uuid(&text) {
                state.hash_one(("uuid", uuid))
            } else if let Ok(time) = time::parse_timestamptz(&text).or_else(|_| time::parse_timestamp(&text))
            {
                state.hash_one(("time", time))
            } else {
                state.hash_one(("text", &*text))
            })
        }
        Kind::Number if !value.text.contains(['.', 'e', 'E']) => {
            Some(state.hash_one(("integer", if value.text == "-0" { "0" } else { value.text })))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use etl_stream::json::scan_value;

    use super::*;

    #[test]
    fn the_same_value_has_the_same_digest_however_it_is_written() {
        let state = RandomState::new();
        let digest = |text: &str| digest(&state, scan_value(text).expect("JSON"));
        for (one, other, is_same) in [
            ("0", "-0", true),
            (r#""a""#, r#""\u0061""#, true),
            (r#""8B1AD7D6-8B9D-4D06-B8B6-6D7C8B1AD7D6""#, r#""8b1ad7d6-8b9d-4d06-b8b6-6d7c8b1ad7d6""#, true),
            (r#""2026-01-01T01:00:00+01:00""#, r#""2026-01-01T00:00:00.0Z""#, true),
            (r#""2026-01-01T01:00:00""#, r#""2026-01-01 01:00:00""#, true),
            ("1", r#""1""#, false),
            (r#""A""#, r#""a""#, false),
        ] {
            assert_eq!(digest(one) == digest(other), is_same, "{one} and {other}");
        }
        assert_eq!((digest("1.0"), digest("true"), digest("null")), (None, None, None));
    }
}
