//! Records of a few keys at a few times, and the versions that they become.

use std::collections::BTreeMap;

use crate::load::receipts;
use crate::run::Ran;

/// Their schema.
pub const SCHEMA: &str = r#"{"x-key":["id"],"x-time":"at","x-deleted":"gone","required":["id","at"],"properties":{
    "id":{"type":"integer"},"at":{"type":"string","format":"date-time"},"gone":{"type":["boolean","null"]},
    "a":{"type":["integer","null"]},"b":{"type":["string","null"]}}}"#;

/// Another one, with names that statements about versions have, too; a version begins on a day.
pub const ODD: &str = r#"{"x-key":["key","position"],"x-time":"at","x-deleted":"gone","required":["key","position","at"],
    "properties":{"key":{"type":"string"},"position":{"type":"integer"},"at":{"type":"string","format":"date"},
    "gone":{"type":["boolean","null"]},"until":{"type":["string","null"]},"kind":{"type":["string","null"]},
    "open":{"type":["string","null"]},"place":{"type":["string","null"]},"since":{"type":["string","null"]},
    "own":{"type":["string","null"]},"late":{"type":["string","null"]},"before":{"type":["string","null"]},
    "new":{"type":["string","null"]},"old":{"type":["string","null"]},"s":{"type":["string","null"]},
    "p":{"type":["string","null"]},"o":{"type":["string","null"]},"tid":{"type":["string","null"]},
    "etl_row":{"type":["string","null"]},"etl_place":{"type":["string","null"]},"was_gone":{"type":["string","null"]}}}"#;
/// Records of it.
pub const ODD_LINES: [&str; 7] = [
    r#"{"key":"a","position":1,"at":"2026-01-01"}"#,
    r#"{"key":"a","position":1,"at":"2026-01-02","until":"x","s":"1"}"#,
    r#"{"key":"a","position":1,"at":"2026-01-02","until":"y","place":"z"}"#,
    r#"{"key":"b","position":1,"at":"2026-01-03"}"#,
    r#"{"key":"a","position":1,"at":"2026-01-04","gone":true}"#,
    r#"{"key":"a","position":1,"at":"2026-01-05","new":"n"}"#,
    r#"{"key":"b","position":1,"at":"2026-01-02"}"#,
];
/// What they become: key, until, new, beginning, end.
pub const ODD_ROWS: [&str; 4] = [
    "a|NULL|NULL|2026-01-01|2026-01-02",
    "a|y|NULL|2026-01-02|2026-01-04",
    "a|NULL|n|2026-01-05|NULL",
    "b|NULL|NULL|2026-01-02|NULL",
];

/// A time so many quarters of a second after the beginning of 2026.
pub fn at(quarters: u32) -> String {
    let fraction = ["", ".25", ".5", ".75"][quarters as usize % 4];
    format!("2026-01-01T00:00:{:02}{fraction}Z", quarters / 4)
}

/// Records in any order.
pub fn mixed(seed: u64, count: usize, times: u32) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut record = || {
        let (id, at) = (random.u8(0..6), at(random.u32(0..times)));
        let gone = ["", r#","gone":false"#, r#","gone":null"#, r#","gone":true"#][random.usize(0..4)];
        let a = ["null", "1", "2"][random.usize(0..3)];
        let b = ["", r#","b":"x""#][random.usize(0..2)];
        format!(r#"{{"id":{id},"at":"{at}"{gone},"a":{a}{b}}}"#)
    };
    (0..count).map(|_| record()).collect()
}

/// The versions of each key.
#[derive(Default)]
pub struct Versions(BTreeMap<i64, Vec<Version>>);

#[derive(Clone)]
struct Version {
    a: String,
    b: String,
    from: u32,
    to: Option<u32>,
}

/// What became of the records of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New versions.
    pub inserted: u64,
    /// Versions that a record of the same time replaced.
    pub updated: u64,
    /// Records that changed nothing.
    pub unchanged: u64,
    /// Those that another one of the same key and time superseded.
    pub superseded: u64,
    /// Versions that ended without another one.
    pub closed: u64,
    /// Records that came too late.
    pub too_old: u64,
}

/// What a receipt says became of the records.
#[track_caller]
pub fn told(ran: &Ran) -> Counts {
    let receipt = &receipts(ran)[0];
    let count = |name: &str| receipt[name].as_u64().unwrap_or_default();
    Counts {
        inserted: count("inserted"),
        updated: count("updated"),
        unchanged: count("unchanged"),
        superseded: count("superseded"),
        closed: count("closed"),
        too_old: count("too_old"),
    }
}

impl Versions {
    /// Loads records.
    ///
    /// # Panics
    /// If a line is not such a record.
    pub fn load(&mut self, lines: &[String]) -> Counts {
        let (mut counts, mut last) = (Counts::default(), BTreeMap::new());
        for line in lines {
            let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let (id, at) =
                (record["id"].as_i64().expect("an id"), record["at"].as_str().expect("a time").to_owned());
            let quarters = (0..240).find(|quarters| self::at(*quarters) == at).expect("one of our times");
            counts.superseded += u64::from(last.insert((id, quarters), record).is_some());
        }
        for ((id, at), record) in last {
            self.record(id, at, &record, &mut counts);
        }
        counts
    }

    fn record(&mut self, id: i64, at: u32, record: &serde_json::Value, counts: &mut Counts) {
        let versions = self.0.entry(id).or_default();
        let text = |field: &str| match &record[field] {
            serde_json::Value::Null => "NULL".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let version = Version { a: text("a"), b: text("b"), from: at, to: None };
        let is_gone = record["gone"] == true;
        let Some(last) = versions.last_mut() else {
            match is_gone {
                true => counts.unchanged += 1,
                false => {
                    counts.inserted += 1;
                    versions.push(version);
                }
            }
            return;
        };
        let is_open = last.to.is_none();
        if at < last.to.unwrap_or(last.from) {
            counts.too_old += 1;
        } else if is_gone && is_open {
            last.to = Some(at);
            counts.closed += 1;
        } else if is_gone || is_open && (&last.a, &last.b) == (&version.a, &version.b) {
            counts.unchanged += 1;
        } else if at == last.from {
            *last = version;
            counts.updated += 1;
        } else {
            last.to.get_or_insert(at);
            versions.push(version);
            counts.inserted += 1;
        }
    }

    /// Ends the current versions of all keys that these records do not have.
    ///
    /// # Panics
    /// If a line is not such a record.
    pub fn close_others(&mut self, lines: &[String]) -> u64 {
        let records = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let records: Vec<_> = records.collect();
        let quarters = |text: &str| (0..240).find(|quarters| at(*quarters) == text);
        let newest = records.iter().filter_map(|record| quarters(record["at"].as_str()?)).max();
        let newest = newest.expect("records");
        let mut closed = 0;
        for (id, versions) in &mut self.0 {
            let is_there = records.iter().any(|record| record["id"] == *id);
            let open = versions.last_mut().filter(|version| version.to.is_none() && !is_there);
            if let Some(version) = open {
                version.to = Some(newest.max(version.from));
                closed += 1;
            }
        }
        closed
    }

    /// The rows, in the order of their keys and beginnings: key, values, beginning, end, and 1 for a current one.
    pub fn rows(&self) -> Vec<String> {
        let row = |id: &i64, Version { a, b, from, to }: &Version| {
            let (end, current) = (to.map_or("NULL".to_owned(), |to| to.to_string()), u8::from(to.is_none()));
            format!("{id}|{a}|{b}|{from}|{end}|{current}")
        };
        let rows =
            self.0.iter().flat_map(|(id, versions)| versions.iter().map(move |version| row(id, version)));
        rows.collect()
    }
}
