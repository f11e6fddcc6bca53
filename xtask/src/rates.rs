//! Rates of the parts, in one process, on one core.

use std::fs::File;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use etl_schema::{Checker, Schema, UnknownFields};
use etl_stream::json::Scanner;
use etl_stream::reader::Options;
use etl_stream::{Begin, Digest, Event, Origin, Reader, Writer};

use crate::records;

const RUNS: usize = 5;

/// Prints the median rate of each part on this sealed stream.
pub(crate) fn run(stream: &str) -> anyhow::Result<()> {
    let bytes = std::fs::read(stream)?;
    let schema = Arc::new(Schema::from_json("bench", &serde_json::from_str(records::SCHEMA)?)?);
    let parts: [(&str, &dyn Fn() -> anyhow::Result<u64>); 6] = [
        ("count newlines (memchr)", &|| Ok(memchr::memchr_iter(b'\n', &bytes).count() as u64)),
        ("SHA-256", &|| Ok(u64::from(black_box(Digest::of(&bytes)) == Digest::of(b"")))),
        ("read and verify the seal", &|| read(stream, |_| Ok(()))),
        ("the same, and scan the JSON", &|| {
            let mut scanner = Scanner::new();
            read(stream, |line| {
                black_box(scanner.scan(line).map_err(|error| anyhow::anyhow!(error.message))?);
                Ok(())
            })
        }),
        ("the same, and check the schema", &|| {
            let (mut scanner, mut checker) =
                (Scanner::new(), Checker::new(Arc::clone(&schema), UnknownFields::Error));
            read(stream, |line| {
                let record = scanner.scan(line).map_err(|error| anyhow::anyhow!(error.message))?;
                black_box(
                    checker.check(&record).map_err(|violation| anyhow::anyhow!(violation.to_string()))?,
                );
                Ok(())
            })
        }),
        ("write with a seal", &|| {
            let mut writer = Writer::new(std::io::sink());
            writer.begin(&Begin { id: "a".into(), ..Begin::default() })?;
            bytes.split(|&byte| byte == b'\n').try_for_each(|line| writer.line(line))?;
            Ok(writer.end()?.records)
        }),
    ];
    let mut seconds = vec![Vec::new(); parts.len()];
    for _ in 0..RUNS {
        for (part, times) in parts.iter().zip(&mut seconds) {
            let started = Instant::now();
            black_box(part.1()?);
            times.push(started.elapsed().as_secs_f64());
        }
    }
    let mebibytes = bytes.len() as f64 / 1e6;
    println!("{:<34} {:>8} {:>12}", "part (one core)", "MB/s", "records/s");
    for ((name, _), times) in parts.iter().zip(&mut seconds) {
        times.sort_by(f64::total_cmp);
        let median = times[RUNS / 2];
        println!("{name:<34} {:>8.0} {:>12.0}", mebibytes / median, records::COUNT as f64 / median);
    }
    Ok(())
}

fn read(stream: &str, mut each: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let mut reader = Reader::new(File::open(stream)?, Options { origin: Origin::File, ..Options::default() });
    while let Some(event) = reader.next()? {
        if let Event::Record(line) = event {
            each(line.bytes)?;
        }
    }
    Ok(reader.totals().records)
}
