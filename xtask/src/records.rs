//! The records of the bench: one million of 12 fields, the same in every run.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use etl_stream::{Begin, SchemaRef, Writer};

/// How many there are.
pub(crate) const COUNT: u64 = 1_000_000;

/// Their schema, as `--schema` and `begin` take it.
pub(crate) const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"properties":{
"id":{"type":"integer"},"station":{"type":"string"},"observed_at":{"type":"string","format":"date-time"},
"temp":{"type":"number"},"humidity":{"type":"number"},"pressure":{"type":"number"},"wind_speed":{"type":["number","null"]},
"clouds":{"type":"integer"},"raining":{"type":"boolean"},"price":{"type":"number","x-postgres":{"type":"numeric(12,4)"}},
"description":{"type":"string"},"note":{"type":["string","null"]}},"required":["id","station","observed_at"]}"#;

/// Writes the sealed stream and the same rows as CSV, and a stream of the same records with gaps: each leaves out any of
/// three optional fields, as APIs do.
pub(crate) fn write(stream: &Path, gaps: &Path, csv: &Path) -> anyhow::Result<()> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut random_gaps = fastrand::Rng::with_seed(8);
    let (mut stream, mut gaps) = (begin(stream)?, begin(gaps)?);
    let mut csv = BufWriter::new(File::create(csv)?);
    let texts = ["light rain", "overcast clouds", "clear sky", "light intensity drizzle rain"];
    for id in 0..COUNT {
        let (day, hour, minute) = (1 + random.u8(0..28), random.u8(0..24), random.u8(0..60));
        let at = format!("2026-11-{day:02}T{hour:02}:{minute:02}:00Z");
        let station = format!("station-{:05}", random.u32(0..100_000));
        let temp = f64::from(random.i32(-3000..4500)) / 100.0;
        let humidity = f64::from(random.u32(0..1000)) / 10.0;
        let pressure = f64::from(random.u32(95_000..105_000)) / 100.0;
        let wind = f64::from(random.u32(0..4000)) / 100.0;
        let (clouds, raining) = (random.u8(0..101), random.bool());
        let price = format!("{}.{:04}", random.u32(0..99_999), random.u32(0..10_000));
        let description = random.choice(texts).unwrap_or_default();
        let note = random.bool().then(|| format!("checked by {:x}", random.u64(..)));
        let json_note = note.as_ref().map_or("null".to_owned(), |note| format!("\"{note}\""));
        let optional = [
            format!(r#""wind_speed":{wind},"#),
            format!(r#""clouds":{clouds},"#),
            format!(r#","note":{json_note}"#),
        ];
        let line = |[wind, clouds, note]: [&str; 3]| {
            format!(
                r#"{{"id":{id},"station":"{station}","observed_at":"{at}","temp":{temp},"humidity":{humidity},"pressure":{pressure},{wind}{clouds}"raining":{raining},"price":{price},"description":"{description}"{note}}}"#
            )
        };
        stream.line(line(optional.each_ref().map(String::as_str)).as_bytes())?;
        gaps.line(
            line(optional.each_ref().map(|field| if random_gaps.bool() { field } else { "" })).as_bytes(),
        )?;
        let (raining, note) = (u8::from(raining), note.unwrap_or_default());
        writeln!(
            csv,
            "{id},{station},{at},{temp},{humidity},{pressure},{wind},{clouds},{raining},{price},{description},{note}"
        )?;
    }
    stream.end()?;
    gaps.end()?;
    csv.flush()?;
    Ok(())
}

fn begin(stream: &Path) -> anyhow::Result<Writer<File>> {
    let mut stream = Writer::new(File::create(stream)?);
    let schema = serde_json_raw(SCHEMA)?;
    stream.begin(&Begin { id: "bench".into(), schema: Some(SchemaRef::Inline(schema)), producer: None })?;
    Ok(stream)
}

fn serde_json_raw(text: &str) -> anyhow::Result<Box<serde_json::value::RawValue>> {
    Ok(serde_json::value::RawValue::from_string(text.to_owned())?)
}
