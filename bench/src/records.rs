//! The records of the bench, each of 12 fields and about 250 bytes, the same in every run.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use etl_stream::{Begin, SchemaRef, Writer};

/// How many there usually are.
pub(crate) const COUNT: u64 = 1_000_000;

/// Which records.
pub(crate) struct Records {
    /// The first id.
    pub(crate) first: u64,
    pub(crate) count: u64,
    /// The seed of their values; their keys do not depend on it.
    pub(crate) seed: u64,
    /// Whether their schema has a key: station and id.
    pub(crate) key: bool,
    /// Whether they leave out optional fields at random.
    pub(crate) gaps: bool,
    /// The seed of the values of every tenth one, if that is another.
    pub(crate) tenth: Option<u64>,
}

/// The million.
pub(crate) const MANY: Records =
    Records { first: 0, count: COUNT, seed: 7, key: false, gaps: false, tenth: None };

const STATIONS: u32 = 100_000;

/// Their schema, as `--schema` and `begin` take it.
pub(crate) const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"properties":{
"id":{"type":"integer"},"station":{"type":"string"},"observed_at":{"type":"string","format":"date-time"},
"temp":{"type":"number"},"humidity":{"type":"number"},"pressure":{"type":"number"},"wind_speed":{"type":["number","null"]},
"clouds":{"type":"integer"},"raining":{"type":"boolean"},"price":{"type":"number","x-postgres":{"type":"numeric(12,4)"}},
"description":{"type":"string"},"note":{"type":["string","null"]}},"required":["id","station","observed_at"]}"#;

/// The columns of `NAME.csv`, which has no header.
pub(crate) const COLUMNS: &str =
    "id,station,observed_at,temp,humidity,pressure,wind_speed,clouds,raining,price,description,note";

/// The schema for points: with a time and a tag.
pub(crate) fn points() -> String {
    SCHEMA.replacen(r#"{"type":"object","#, r#"{"type":"object","x-time":"observed_at","#, 1).replacen(
        r#""station":{"type":"string"}"#,
        r#""station":{"type":"string","x-influx":{"role":"tag"}}"#,
        1,
    )
}

/// The schema, with a key or without.
pub(crate) fn schema(key: bool) -> String {
    let object = r#"{"type":"object","#;
    SCHEMA.replacen(object, &format!("{object}{}", if key { r#""x-key":["station","id"],"# } else { "" }), 1)
}

/// Writes them into the folder: `NAME.ndjson`, a sealed stream, and `NAME.csv`, the same rows.
pub(crate) fn write(folder: &Path, name: &str, records: &Records) -> anyhow::Result<()> {
    let mut random = fastrand::Rng::with_seed(records.seed);
    let mut tenth = records.tenth.map(fastrand::Rng::with_seed);
    let (mut stations, mut gaps) = (fastrand::Rng::with_seed(1), fastrand::Rng::with_seed(8));
    let mut stream = Writer::new(File::create(folder.join(format!("{name}.ndjson")))?);
    let mut csv = BufWriter::new(File::create(folder.join(format!("{name}.csv")))?);
    for _ in 0..records.first {
        stations.u32(0..STATIONS);
    }
    let schema = serde_json_raw(&schema(records.key))?;
    stream.begin(&Begin {
        id: name.into(),
        schema: Some(SchemaRef::Inline(schema.into())),
        ..Begin::default()
    })?;
    for id in records.first..records.first + records.count {
        let station = format!("station-{:05}", stations.u32(0..STATIONS));
        let usual = Values::of(&mut random);
        let other = tenth.as_mut().map(Values::of).filter(|_| id % 10 == 0);
        let Values { at, temp, humidity, pressure, wind, clouds, raining, price, description, note } =
            other.unwrap_or(usual);
        let json_note = note.as_ref().map_or("null".to_owned(), |note| format!("\"{note}\""));
        let mut optional = |field: String| if records.gaps && gaps.bool() { String::new() } else { field };
        let wind_speed = optional(format!(r#""wind_speed":{wind},"#));
        let cloudiness = optional(format!(r#""clouds":{clouds},"#));
        let noted = optional(format!(r#","note":{json_note}"#));
        let line = format!(
            r#"{{"id":{id},"station":"{station}","observed_at":"{at}","temp":{temp},"humidity":{humidity},"pressure":{pressure},{wind_speed}{cloudiness}"raining":{raining},"price":{price},"description":"{description}"{noted}}}"#
        );
        stream.line(line.as_bytes())?;
        let (raining, note) = (u8::from(raining), note.unwrap_or_default());
        writeln!(
            csv,
            "{id},{station},{at},{temp},{humidity},{pressure},{wind},{clouds},{raining},{price},{description},{note}"
        )?;
    }
    stream.end()?;
    csv.flush()?;
    Ok(())
}

/// What a record has besides its key.
struct Values {
    at: String,
    temp: f64,
    humidity: f64,
    pressure: f64,
    wind: f64,
    clouds: u8,
    raining: bool,
    price: String,
    description: &'static str,
    note: Option<String>,
}

impl Values {
    fn of(random: &mut fastrand::Rng) -> Values {
        let texts = ["light rain", "overcast clouds", "clear sky", "light intensity drizzle rain"];
        let (day, hour, minute) = (1 + random.u8(0..28), random.u8(0..24), random.u8(0..60));
        Values {
            at: format!("2026-11-{day:02}T{hour:02}:{minute:02}:00Z"),
            temp: f64::from(random.i32(-3000..4500)) / 100.0,
            humidity: f64::from(random.u32(0..1000)) / 10.0,
            pressure: f64::from(random.u32(95_000..105_000)) / 100.0,
            wind: f64::from(random.u32(0..4000)) / 100.0,
            clouds: random.u8(0..101),
            raining: random.bool(),
            price: format!("{}.{:04}", random.u32(0..99_999), random.u32(0..10_000)),
            description: random.choice(texts).unwrap_or_default(),
            note: random.bool().then(|| format!("checked by {:x}", random.u64(..))),
        }
    }
}

fn serde_json_raw(text: &str) -> anyhow::Result<Box<serde_json::value::RawValue>> {
    Ok(serde_json::value::RawValue::from_string(text.to_owned())?)
}
