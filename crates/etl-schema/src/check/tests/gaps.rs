//! Records that leave out fields, in any order, from either scanner.

use std::sync::Arc;

use etl_stream::json::Scanner;

use crate::{Checker, Column, Row, Schema, Type, UnknownFields};

/// A checker that has seen other records reads a record as a new one does.
#[test]
fn what_came_before_changes_nothing() {
    let names = ["id", "a", "b", "c", "d"];
    let types =
        [Type::Integer { bits: 64 }, Type::Double, Type::Text { max: None }, Type::Boolean, Type::Uuid];
    let columns = names.into_iter().zip(types).map(|(name, ty)| Column::new(name, ty, true, name == "id"));
    let schema = Arc::new(Schema::from_columns("t", columns.collect(), &[]).expect("a schema"));
    let values = [
        ("id", "1"),
        ("a", "2.5"),
        ("a", "1e3"),
        ("b", "\"x\""),
        ("b", "\"\\t\""),
        ("c", "true"),
        ("d", "\"00010203-0405-0607-0809-0a0b0c0d0e0f\""),
        ("d", "null"),
        ("id", "true"),
        ("more", "[]"),
        ("\\u0061", "7"),
    ];
    let mut random = fastrand::Rng::with_seed(8);
    let mut scanners = [Scanner::new(), Scanner::new()];
    let mut checker = Checker::new(Arc::clone(&schema), UnknownFields::Drop);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..30_000 {
        let mut members: Vec<_> = values.iter().filter(|_| random.u8(..3) > 0).collect();
        if random.u8(..4) == 0 {
            random.shuffle(&mut members);
        }
        members.retain({
            let mut seen = Vec::new();
            move |(key, _)| {
                let name = if *key == "\\u0061" { "a" } else { key };
                let new = !seen.contains(&name);
                seen.push(name);
                new
            }
        });
        let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let line = format!("{{{}}}", members.join(","));
        let scanner = &mut scanners[usize::from(random.u8(..9) == 0)];
        let record = scanner.scan(line.as_bytes()).expect("a record");
        let before = checker.dropped.fields;
        let mut fresh = Checker::new(Arc::clone(&schema), UnknownFields::Drop);
        let shown = |row: Row<'_>| {
            let sources = (0..row.len()).map(|column| row.source(column).map(|source| source.raw));
            format!("{:?} {:?}", row.values().collect::<Vec<_>>(), sources.collect::<Vec<_>>())
        };
        let theirs = fresh.check(&record).map(shown);
        assert_eq!(checker.check(&record).map(shown), theirs, "{line}");
        assert_eq!(checker.dropped.fields - before, fresh.dropped.fields, "{line}");
        *(if theirs.is_ok() { &mut good } else { &mut bad }) += 1;
    }
    assert!(good > 5000 && bad > 5000, "one-sided: {good} good, {bad} bad");
}
