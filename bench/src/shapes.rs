//! load-postgres with records of other shapes, beside psql, which sends the same rows ready-made in binary.

use std::fs::File;
use std::io::{BufWriter, Write};

use etl_stream::{Begin, SchemaRef, Writer};
use etl_testkit::postgres::Space;
use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::bench::Bench;
use crate::database::{RUNS, create, create_as, loaders, psql_contender, ready, server};
use crate::measure::Group;
use crate::print;
use crate::records::{self, MANY, Records};

/// Records of these columns.
struct Shape {
    what: &'static str,
    count: u64,
    columns: Vec<Column>,
    /// Whether each is a segment of its own.
    alone: bool,
}

struct Column {
    name: String,
    property: Value,
    /// A value of the record of this number, as JSON.
    value: fn(&mut Rng, u64) -> String,
}

const KEYED: Records = Records { count: 200_000, key: true, ..MANY };

pub(crate) fn run(bench: &Bench) -> anyhow::Result<Vec<Group>> {
    let server = server();
    let space = server.database();
    let mut groups = Vec::new();
    for shape in shapes() {
        groups.push(shape.measure(bench, &space)?);
    }
    groups.push(keyed(bench, &space)?);
    groups.push(replace(bench, &space)?);
    Ok(groups)
}

fn shapes() -> [Shape; 6] {
    let column = |name: &str, property: Value, value| Column { name: name.to_owned(), property, value };
    let id = || column("id", json!({ "type": "integer" }), |_, id| id.to_string());
    let number = |name: &str| column(name, json!({ "type": "number" }), number);
    let numbers = || vec![id(), number("a"), number("b")];
    let decimal = json!({ "type": "number", "x-postgres": { "type": "numeric" } });
    let jsonb = json!({ "x-postgres": { "type": "jsonb" } });
    let one_of_many = |n| match n % 4 {
        0 => Column { name: format!("id_{n}"), ..id() },
        1 => number(&format!("number_{n}")),
        2 => {
            column(&format!("flag_{n}"), json!({ "type": "boolean" }), |random, _| random.bool().to_string())
        }
        _ => column(&format!("text_{n}"), json!({ "type": "string" }), |random, _| {
            format!("\"{:x}\"", random.u32(..))
        }),
    };
    let shape = |what, count, columns| Shape { what, count, columns, alone: false };
    [
        shape("3 numbers", 1_000_000, numbers()),
        shape("200 columns", 20_000, (0..200).map(one_of_many).collect()),
        shape(
            "texts of 4,000 characters",
            50_000,
            vec![id(), column("text", json!({ "type": "string" }), text)],
        ),
        shape("nested jsonb", 100_000, vec![id(), column("document", jsonb, document)]),
        shape(
            "6 exact decimals",
            200_000,
            (1..=6).map(|n| column(&format!("decimal_{n}"), decimal.clone(), exact)).collect(),
        ),
        Shape { alone: true, ..shape("streams of one record", 10_000, numbers()) },
    ]
}

fn number(random: &mut Rng, _: u64) -> String {
    (f64::from(random.i32(..)) / 1000.0).to_string()
}

fn exact(random: &mut Rng, _: u64) -> String {
    format!("{}.{:010}", random.u64(..), random.u64(0..10_000_000_000))
}

/// Words, some of them with what JSON escapes or what takes more than a byte.
fn text(random: &mut Rng, _: u64) -> String {
    let words = ["rain", "Regenschauer über Köln", "a \"light\" drizzle", "10 °C", "line\nbreak", "雨"];
    let mut text = String::new();
    while text.chars().count() < 4000 {
        text += random.choice(words).unwrap_or_default();
        text.push(' ');
    }
    Value::from(text).to_string()
}

fn document(random: &mut Rng, id: u64) -> String {
    let items: Vec<Value> = (0..5)
        .map(|n| json!({ "sku": format!("{:08x}", random.u32(..)), "count": n, "price": f64::from(random.u16(..)) / 100.0 }))
        .collect();
    let address =
        json!({ "street": "Hauptstraße", "number": random.u8(..), "at": [52.52, 13.4], "note": null });
    json!({ "customer": { "id": id, "tags": ["new", "vip"], "address": address }, "items": items })
        .to_string()
}

impl Shape {
    fn measure(&self, bench: &Bench, space: &Space) -> anyhow::Result<Group> {
        let schema = self.schema();
        self.write(bench, &schema)?;
        create_as(space, "shape", &schema)?;
        ready(bench, space, "shape", "shape")?;
        let title = format!("Shapes: {}, {} records", self.what, print::count(self.count));
        append(bench, space, &title, self.count, &|| create_as(space, "shape", &schema))
    }

    fn schema(&self) -> String {
        let properties = self.columns.iter().map(|column| (column.name.clone(), column.property.clone()));
        json!({ "type": "object", "properties": properties.collect::<Map<_, _>>() }).to_string()
    }

    fn write(&self, bench: &Bench, schema: &str) -> anyhow::Result<()> {
        let mut random = Rng::with_seed(9);
        let create = |kind: &str| File::create(bench.folder.join(format!("shape.{kind}")));
        let (mut stream, mut csv) = (Writer::new(create("ndjson")?), BufWriter::new(create("csv")?));
        for id in 0..self.count {
            if id == 0 || self.alone {
                let schema =
                    SchemaRef::Inline(serde_json::value::RawValue::from_string(schema.to_owned())?.into());
                stream.begin(&Begin {
                    id: format!("shape-{id}"),
                    schema: Some(schema),
                    ..Begin::default()
                })?;
            }
            let values: Vec<String> =
                self.columns.iter().map(|column| (column.value)(&mut random, id)).collect();
            let members = self.columns.iter().zip(&values);
            let members: Vec<String> =
                members.map(|(column, value)| format!("\"{}\":{value}", column.name)).collect();
            stream.line(format!("{{{}}}", members.join(",")).as_bytes())?;
            if self.alone || id + 1 == self.count {
                stream.end()?;
            }
            let cells: Vec<String> = values.iter().map(|value| cell(value)).collect::<Result<_, _>>()?;
            writeln!(csv, "{}", cells.join(","))?;
        }
        Ok(csv.flush()?)
    }
}

/// A value as a field of CSV.
fn cell(json: &str) -> anyhow::Result<String> {
    let text = if json.starts_with('"') { serde_json::from_str(json)? } else { json.to_owned() };
    let is_plain = !text.contains(['"', ',', '\n']);
    Ok(if is_plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) })
}

fn append(
    bench: &Bench,
    space: &Space,
    title: &str,
    count: u64,
    table: &dyn Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Group> {
    let fresh = || {
        table()?;
        space.sql("DROP TABLE IF EXISTS etl_load; CHECKPOINT");
        Ok(())
    };
    let binary = ["-c", "COPY shape FROM STDIN (FORMAT binary)"];
    let load = ["--table", "shape", "--mode", "append", "--input", "shape.ndjson", "--emit", "none"];
    let copy = psql_contender(space, "psql, COPY of ready-made binary", &binary).stdin("shape.bin");
    let mut contenders = vec![copy.before(fresh)];
    contenders.extend(loaders(bench, space, "load-postgres", &load, fresh));
    bench.measure(title, count, RUNS, &contenders)
}

/// The usual records into a table with a primary key.
fn keyed(bench: &Bench, space: &Space) -> anyhow::Result<Group> {
    records::write(&bench.folder, "shape", &KEYED)?;
    create(space, "shape", true)?;
    ready(bench, space, "shape", "shape")?;
    let title = format!("Shapes: a table with a primary key, {} records", print::count(KEYED.count));
    append(bench, space, &title, KEYED.count, &|| create(space, "shape", true))
}

/// The usual records in place of as many others.
fn replace(bench: &Bench, space: &Space) -> anyhow::Result<Group> {
    let records = Records { key: false, ..KEYED };
    records::write(&bench.folder, "shape", &records)?;
    create(space, "old", false)?;
    ready(bench, space, "shape", "old")?;
    create(space, "shape", false)?;
    let fresh = || {
        space.sql("TRUNCATE shape; INSERT INTO shape SELECT * FROM old; DROP TABLE IF EXISTS etl_load");
        space.sql("VACUUM ANALYZE shape");
        space.sql("CHECKPOINT");
        Ok(())
    };
    let by_hand = |empty: &str| {
        let lock = "LOCK TABLE shape IN SHARE ROW EXCLUSIVE MODE";
        let copy = "\\copy shape FROM 'shape.bin' (FORMAT binary)";
        let args = ["-c", "BEGIN", "-c", lock, "-c", empty, "-c", copy, "-c", "COMMIT"];
        psql_contender(space, &format!("psql, {empty} and COPY of ready-made binary"), &args).before(fresh)
    };
    let load = ["--table", "shape", "--mode", "replace", "--input", "shape.ndjson", "--emit", "none"];
    // Only the first of them lets others read meanwhile, as load-postgres does.
    let mut contenders = vec![by_hand("DELETE FROM shape"), by_hand("TRUNCATE shape")];
    contenders.extend(loaders(bench, space, "load-postgres", &load, fresh));
    bench.measure("Shapes: replace of 200,000 by as many", records.count, RUNS, &contenders)
}
