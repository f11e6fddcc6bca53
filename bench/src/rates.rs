//! Rates of the parts, in one process, on one core.

use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use etl_schema::{Checker, Schema, UnknownFields};
use etl_stream::json::Scanner;
use etl_stream::reader::Options;
use etl_stream::{Begin, Digest, Event, Origin, Reader, Writer};

use crate::records;

const RUNS: usize = 5;

/// What is timed: its name, the bytes it goes through, and how.
type Part<'a> = (&'a str, u64, &'a dyn Fn() -> anyhow::Result<u64>);

/// Prints the median rate of each part on a sealed stream, and of scan and check on one whose records have gaps.
pub(crate) fn run(stream: &Path, gaps: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(stream)?;
    let (all, fewer) = (bytes.len() as u64, std::fs::metadata(gaps)?.len());
    let schema = Arc::new(Schema::from_json("bench", records::SCHEMA)?);
    let parts: [Part<'_>; 9] = [
        ("count newlines (memchr)", all, &|| Ok(memchr::memchr_iter(b'\n', &bytes).count() as u64)),
        ("SHA-256", all, &|| Ok(u64::from(black_box(Digest::of(&bytes)) == Digest::of(b"")))),
        ("read and verify the seal", all, &|| read(stream, |_| Ok(()))),
        ("the same, and scan the JSON", all, &|| scan(stream)),
        ("the same, and check the schema", all, &|| check(stream, &schema)),
        ("records with gaps: read and verify", fewer, &|| read(gaps, |_| Ok(()))),
        ("the same, and scan the JSON", fewer, &|| scan(gaps)),
        ("the same, and check the schema", fewer, &|| check(gaps, &schema)),
        ("write with a seal", all, &|| {
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
            black_box(part.2()?);
            times.push(started.elapsed().as_secs_f64());
        }
    }
    println!("{:<34} {:>8} {:>12}", "part (one core)", "MB/s", "records/s");
    for ((name, bytes, _), times) in parts.iter().zip(&mut seconds) {
        times.sort_by(f64::total_cmp);
        let median = times[RUNS / 2];
        let rate = *bytes as f64 / 1e6 / median;
        println!("{name:<34} {rate:>8.0} {:>12.0}", records::COUNT as f64 / median);
    }
    Ok(())
}

fn scan(stream: &Path) -> anyhow::Result<u64> {
    let mut scanner = Scanner::new();
    read(stream, |line| {
        black_box(scanner.scan(line).map_err(|error| anyhow::anyhow!(error.message))?);
        Ok(())
    })
}

fn check(stream: &Path, schema: &Arc<Schema>) -> anyhow::Result<u64> {
    let mut scanner = Scanner::new();
    let mut checker = Checker::new(Arc::clone(schema), UnknownFields::Error);
    read(stream, |line| {
        let record = scanner.scan(line).map_err(|error| anyhow::anyhow!(error.message))?;
        black_box(checker.check(&record).map_err(|violation| anyhow::anyhow!(violation.to_string()))?);
        Ok(())
    })
}

fn read(stream: &Path, mut each: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let mut reader = Reader::new(File::open(stream)?, Options { origin: Origin::File, ..Options::default() });
    while let Some(event) = reader.next()? {
        if let Event::Record(line) = event {
            each(line.bytes)?;
        }
    }
    Ok(reader.totals().records)
}
