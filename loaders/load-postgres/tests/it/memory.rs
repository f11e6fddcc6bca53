//! Memory use stays flat, whatever the size of the input.

use std::io::Write;

use crate::support::PostgresFolder;

const RECORDS: usize = 300_000;
/// In KiB.
const LIMIT: u64 = 32 << 10;

#[test]
fn hundreds_of_thousands_of_records_take_no_more_memory_than_a_few() {
    for mode in ["append", "upsert"] {
        let place = PostgresFolder::new();
        place.sql("CREATE TABLE load (id int PRIMARY KEY, at timestamptz, x float8, text text, long text)");
        // A reader that does not take the receipt keeps the process alive after its commit.
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(&[b' '; 64 << 10]).expect("what a pipe holds");
        let loader = place.loader(&format!("--table load --mode {mode}")).stdout_to(writer).stdin_open();
        let mut running = loader.spawn();
        running.write("{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"m\"}}\n");
        let (text, long) = ("t".repeat(130), "l".repeat(65_000));
        let mut chunk = String::new();
        for n in 0..RECORDS {
            let id = (n * 7919) % RECORDS;
            let long = if n % 5000 == 0 { long.as_str() } else { "" };
            chunk += &format!(
                "{{\"id\":{id},\"at\":\"2026-11-23T02:00:00+01:00\",\"x\":0.{n},\"text\":\"{text}\",\"long\":\"{long}\"}}\n"
            );
            if chunk.len() > 1 << 16 || n + 1 == RECORDS {
                running.write(&chunk);
                chunk.clear();
            }
        }
        running.wait_until_it_reads();
        let reading = running.memory_peak();
        running
            .write(format!("{{\"_etl\":{{\"v\":1,\"kind\":\"end\",\"id\":\"m\",\"records\":{RECORDS}}}}}\n"));
        running.close_stdin();
        place.space.wait_until("SELECT count(*) FROM etl_load", "1");
        let committed = running.memory_peak();
        assert_eq!(place.rows("SELECT count(*), sum(id) FROM load"), [format!("{RECORDS}|44999850000")]);
        assert!(
            reading < LIMIT && committed < LIMIT,
            "mode {mode}: {reading} KiB while reading, {committed} KiB at the commit"
        );
        drop(reader);
        running.finish().ok();
    }
}
