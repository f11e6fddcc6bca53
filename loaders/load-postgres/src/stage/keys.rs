//! Whether the rows that go into a stage have different keys, as far as that can be told without asking the server.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use crate::plan::TablePlan;

/// How many keys are remembered at most, in about 2 MiB.
const MOST: usize = (1 << 18) / 8 * 7;

/// The keys of the rows that were seen, as hashes: different hashes are those of different keys.
pub(crate) struct Keys {
    /// Whether each field of a row belongs to the key, up to the last one that does.
    fields: Vec<bool>,
    hasher: RandomState,
    seen: HashSet<u64, BuildHasherDefault<AsIs>>,
    /// Whether two keys may be equal.
    doubtful: bool,
}

impl Keys {
    /// Those of rows that begin with their position if they are `numbered`. Keys are compared by their bytes, so equal ones
    /// must have the same.
    pub(super) fn new(plan: &TablePlan, numbered: bool) -> Keys {
        let index = plan.details.key(&plan.schema);
        let exact = index.is_some_and(|index| index.iter().all(|column| column.exact));
        let is_cast = |&column: &usize| plan.details.fields[column].is_cast();
        let last = plan.schema.key.iter().max().map_or(0, |last| last + 1);
        let own = (0..last).map(|field| plan.schema.key.contains(&field));
        Keys {
            fields: numbered.then_some(false).into_iter().chain(own).collect(),
            hasher: RandomState::new(),
            seen: HashSet::default(),
            doubtful: !exact || plan.schema.key.iter().any(is_cast),
        }
    }

    /// Takes note of a row of binary COPY.
    #[inline]
    pub(crate) fn see(&mut self, row: &[u8]) {
        if self.doubtful {
            return;
        }
        let hash = hash(&self.fields, row, self.hasher.build_hasher());
        self.doubtful = self.seen.len() == MOST || hash.is_none_or(|hash| !self.seen.insert(hash));
        if self.doubtful {
            self.seen = HashSet::default();
        }
    }

    /// Whether all keys are known to be different.
    pub(super) fn differ(&self) -> bool {
        !self.doubtful
    }
}

/// The hash of the key's fields, which are not null.
#[inline]
fn hash(fields: &[bool], row: &[u8], mut hasher: impl Hasher) -> Option<u64> {
    let mut rest = row.get(2..)?;
    for belongs in fields {
        let (length, after) = rest.split_first_chunk::<4>()?;
        // The length of NULL is -1.
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or_default();
        let (value, after) = after.split_at_checked(length)?;
        if *belongs {
            hasher.write_usize(length);
            hasher.write(value);
        }
        rest = after;
    }
    Some(hasher.finish())
}

/// A hash needs no hashing.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 ^= hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of binary COPY.
    fn row(fields: &[Option<&str>]) -> Vec<u8> {
        let mut row = (fields.len() as i16).to_be_bytes().to_vec();
        for field in fields {
            let length = field.map_or(-1, |text| text.len() as i32);
            row.extend_from_slice(&length.to_be_bytes());
            row.extend_from_slice(field.unwrap_or_default().as_bytes());
        }
        row
    }

    fn keys() -> Keys {
        let fields = vec![false, true, false, true];
        Keys { fields, hasher: RandomState::new(), seen: HashSet::default(), doubtful: false }
    }

    #[test]
    fn rows_are_told_apart_by_the_fields_of_their_keys() {
        let mut keys = keys();
        for (place, key) in [("1", ["a", "bc"]), ("2", ["ab", "c"]), ("3", ["", "abc"]), ("4", ["a", "b"])] {
            keys.see(&row(&[Some(place), Some(key[0]), None, Some(key[1]), Some("same")]));
            assert!(keys.differ(), "{key:?}");
        }
        keys.see(&row(&[Some("5"), Some("ab"), Some("other"), Some("c"), None]));
        assert!(!keys.differ());
    }

    #[test]
    fn too_many_keys_are_not_known_to_differ() {
        let mut keys = keys();
        for number in 0..=MOST {
            assert!(keys.differ(), "{number}");
            keys.see(&row(&[None, Some(&number.to_string()), None, Some("")]));
        }
        assert!(!keys.differ() && keys.seen.capacity() == 0);
    }
}
