//! Memory does not grow with the input.

use std::io::Write;

use crate::support::SqliteFolder;

const SCHEMA: &str = r#"{"x-key":["id"],"required":["id"],"properties":{"id":{"type":"integer"},"name":{"type":"string"},
    "at":{"type":"string","format":"date-time"},"x":{"type":"number"},"text":{"type":"string"},"long":{"type":"string"}}}"#;
const RECORDS: usize = 300_000;
/// In KiB.
const LIMIT: u64 = 32 << 10;

#[test]
fn hundreds_of_thousands_of_records_take_no_more_memory_than_a_few() {
    for mode in ["append", "upsert"] {
        let place = SqliteFolder::new();
        place.write("load.json", SCHEMA);
        // A reader that does not take the receipt keeps the process alive after its commit.
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(&[b' '; 64 << 10]).expect("what a pipe holds");
        let loader =
            place.loader(&format!("--schema load.json --mode {mode}")).stdout_to(writer).stdin_open();
        let mut running = loader.spawn();
        running.write("{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"m\"}}\n");
        let (text, long) = ("t".repeat(130), "l".repeat(65_000));
        let mut chunk = String::new();
        let mut random = fastrand::Rng::with_seed(7);
        for n in 0..RECORDS {
            // Keys out of order, as in life.
            let id = (n * 7919) % RECORDS;
            let long = if n % 5000 == 0 { long.as_str() } else { "" };
            chunk += &format!(
                "{{\"id\":{id},\"name\":\"name {n}\",\"at\":\"2026-11-23T02:00:00+01:00\",\"x\":{},\"text\":\"{text}\",\"long\":\"{long}\"}}\n",
                random.f64()
            );
            if chunk.len() > 1 << 16 || n + 1 == RECORDS {
                running.write(&chunk);
                chunk.clear();
            }
        }
        running.wait_until_it_reads();
        assert!(place.is_locked());
        let reading = running.memory_peak();
        running
            .write(format!("{{\"_etl\":{{\"v\":1,\"kind\":\"end\",\"id\":\"m\",\"records\":{RECORDS}}}}}\n"));
        running.close_stdin();
        while place.is_locked() {
            std::thread::yield_now();
        }
        let committed = running.memory_peak();
        assert_eq!(
            place.rows("SELECT count(*), sum(id), count(DISTINCT name) FROM load"),
            [format!("{RECORDS}|44999850000|{RECORDS}")]
        );
        assert!(
            reading < LIMIT && committed < LIMIT,
            "mode {mode}: {reading} KiB while reading, {committed} KiB at the commit"
        );
        drop(reader);
        running.finish().ok();
    }
}

#[test]
fn what_is_held_back_is_bounded_whatever_it_consists_of() {
    let state =
        "{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":\"0123456789012345678901234567890123456789\"}}\n";
    let cases = [
        ("states", state.repeat(2000), 300, 0),
        ("states between records", format!("{state}{{\"id\":1}}\n").repeat(1000), 300, 1),
        ("carriage returns", "{\"id\":1}\r\n".repeat(4000), 300, 1),
        ("blank lines", "{\"id\":1}\n\n".repeat(4000), 300, 1),
    ];
    for (what, chunk, times, rows) in cases {
        let place = SqliteFolder::new();
        place.write("load.json", SCHEMA);
        let mut running = place.loader("--schema load.json").stdin_open().spawn();
        running.write("{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"m\"}}\n");
        for _ in 0..times {
            running.write(&chunk);
        }
        running.wait_until_it_reads();
        let peak = running.memory_peak();
        assert!(peak < LIMIT, "{what}: {peak} KiB");
        let records = times * chunk.matches("{\"id\"").count();
        running
            .write(format!("{{\"_etl\":{{\"v\":1,\"kind\":\"end\",\"id\":\"m\",\"records\":{records}}}}}\n"));
        running.finish().ok();
        assert_eq!(place.count("SELECT count(*) FROM load"), rows, "{what}");
    }
}

#[test]
fn a_hundred_thousand_segments_are_a_row_of_the_ledger_each_and_little_memory() {
    let segments = 100_000;
    let place = SqliteFolder::new();
    place.write("load.json", SCHEMA);
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(&[b' '; 64 << 10]).expect("what a pipe holds");
    let loader = place.loader("--schema load.json").stdout_to(writer).stdin_open();
    let mut running = loader.spawn();
    for from in (0..segments).step_by(1000) {
        let segment = |n| {
            let id = format!("\"id\":\"a segment with an id of its own, {n}\"");
            format!(
                "{{\"_etl\":{{\"v\":1,\"kind\":\"begin\",{id}}}}}\n{{\"id\":{n}}}\n\
                 {{\"_etl\":{{\"v\":1,\"kind\":\"end\",{id},\"records\":1}}}}\n"
            )
        };
        running.write((from..from + 1000).map(segment).collect::<String>());
    }
    running.wait_until_it_reads();
    assert!(place.is_locked());
    running.close_stdin();
    while place.is_locked() {
        std::thread::yield_now();
    }
    let peak = running.memory_peak();
    assert!(peak < LIMIT, "{peak} KiB");
    drop(reader);
    running.finish().ok();
    assert_eq!(
        place.rows("SELECT (SELECT count(*) FROM load), count(DISTINCT load_id), sum(records), count(DISTINCT seq), min(length(digest)) FROM etl_load"),
        [format!("{segments}|{segments}|{segments}|1|64")]
    );
}

#[test]
fn a_schema_of_almost_a_mebibyte_is_compiled_in_little_memory() {
    let number = |n: usize| n.to_string();
    let documents = [
        ("distinct values", (0..165_000).map(number).collect::<Vec<_>>()),
        ("the same value", vec!["0".to_owned(); 520_000]),
        ("texts", (0..105_000).map(|n| format!("\"t{n}\"")).collect()),
    ];
    for (what, values) in documents {
        let ty = if what == "texts" { "string" } else { "integer" };
        let values_of = values.join(",");
        let document = format!("{{\"properties\":{{\"v\":{{\"type\":\"{ty}\",\"enum\":[{values_of}]}}}}}}");
        assert!((900_000..1 << 20).contains(&document.len()), "{what}: {}", document.len());
        let place = SqliteFolder::new();
        let mut running = place.loader("--table load").stdin_open().spawn();
        let last = values.last().expect("values");
        running.write(format!(
            "{{\"_etl\":{{\"v\":1,\"kind\":\"begin\",\"id\":\"m\",\"schema\":{document}}}}}\n{{\"v\":{last}}}\n"
        ));
        // More than is held back, so that the record is in the table's transaction.
        let state = "{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":1}}\n";
        (0..9).for_each(|_| running.write(format!("{{\"v\":{last}}}\n{state}").repeat(20_000)));
        running.wait_until_it_reads();
        let peak = running.memory_peak();
        assert!(peak < 48 << 10, "{what}: {peak} KiB");
        running.write("{\"_etl\":{\"v\":1,\"kind\":\"end\",\"id\":\"m\",\"records\":180001}}\n");
        running.finish().ok();
        assert_eq!(place.count("SELECT count(*) FROM load"), 180_001, "{what}");
    }
}
