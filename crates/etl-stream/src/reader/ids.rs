//! Which segments a stream has had.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// The ids of segments, each by a digest under keys of this process alone: a stream may have millions of segments. Of
/// a million ids, two that differ are taken for the same once in 10^17 runs. There are several sets, so that only a part
/// of them is in memory twice when one grows.
#[derive(Default)]
pub(super) struct Ids {
    digests: [HashSet<[u32; 3]>; 16],
    keys: [RandomState; 2],
}

impl Ids {
    /// Whether an id is new.
    pub(super) fn insert(&mut self, id: &str) -> bool {
        let [low, high] = [0, 1].map(|i| self.keys[i].hash_one(id));
        let digest = [low as u32, (low >> 32) as u32, high as u32];
        self.digests[(high >> 60) as usize].insert(digest)
    }

    pub(super) fn clear(&mut self) {
        self.digests.iter_mut().for_each(HashSet::clear);
    }
}
