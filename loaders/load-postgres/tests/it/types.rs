//! Every type that has an encoder, in one table: what is loaded is what the server makes of the same JSON.

use etl_testkit::load::{counts, sealed, strs};
use etl_testkit::postgres::Server;

use crate::support::PostgresFolder;

const COLUMNS: [(&str, &str); 27] = [
    ("c_bool", "bool"),
    ("c_int2", "int2"),
    ("c_int4", "int4"),
    ("c_int8", "int8"),
    ("c_float4", "float4"),
    ("c_float8", "float8"),
    ("c_numeric", "numeric"),
    ("c_money", "numeric(20,4)"),
    ("c_text", "text"),
    ("c_varchar", "varchar(12)"),
    ("c_char", "char(12)"),
    ("c_citext", "citext"),
    ("c_date", "date"),
    ("c_time", "time"),
    ("c_timestamp", "timestamp"),
    ("c_timestamptz", "timestamptz"),
    ("c_interval", "interval"),
    ("c_uuid", "uuid"),
    ("c_json", "json"),
    ("c_jsonb", "jsonb"),
    ("c_inet", "inet"),
    ("c_cidr", "cidr"),
    ("c_macaddr", "macaddr"),
    ("c_enum", "mood"),
    ("c_domain", "short"),
    ("c_domain2", "shorter"),
    ("c_xml", "xml"),
];

/// A JSON value for a type.
fn value(random: &mut fastrand::Rng, ty: &str) -> String {
    let digits = |random: &mut fastrand::Rng, most: usize| -> String {
        let count = random.usize(1..=most);
        (0..count)
            .map(|_| char::from(b'0' + random.u8(0..10)))
            .collect::<String>()
            .trim_start_matches('0')
            .to_owned()
    };
    let sign = if random.bool() { "-" } else { "" };
    let quoted = |text: String| serde_json::to_string(&text).expect("JSON");
    let date = |random: &mut fastrand::Rng| {
        format!("{:04}-{:02}-{:02}", random.u16(1..=9999), random.u8(1..=12), random.u8(1..=28))
    };
    let time = |random: &mut fastrand::Rng| {
        let fraction = ["", ".5", ".000001", ".123456", ".999999"][random.usize(..5)];
        format!("{:02}:{:02}:{:02}{fraction}", random.u8(..24), random.u8(..60), random.u8(..60))
    };
    match ty {
        "bool" => random.bool().to_string(),
        "int2" => random.i16(..).to_string(),
        "int4" => random.i32(..).to_string(),
        "int8" => [random.i64(..), i64::MIN, i64::MAX, 0][random.usize(..4)].to_string(),
        "float4" => format!("{:e}", f32::from_bits(random.u32(0x0080_0000..0x7f00_0000))),
        "float8" => match random.usize(..4) {
            0 => "-0.0".to_owned(),
            1 => format!("{:e}", f64::from_bits(random.u64(1..0x7fe0_0000_0000_0000))),
            _ => format!("{sign}0.{}", digits(random, 17) + "1"),
        },
        "numeric" => match random.usize(..4) {
            0 => format!("{sign}0.{:0>30}", digits(random, 25)),
            1 => format!("{sign}1{}e{}", digits(random, 30), random.i16(-400..400)),
            _ => format!("{sign}1{}.{}0", digits(random, 40), digits(random, 40)),
        },
        "numeric(20,4)" => format!("{sign}1{}.{:04}", digits(random, 15), random.u16(..10_000)),
        "text" | "citext" => {
            let count = random.usize(..40);
            let pool =
                ['a', 'Z', '"', '\\', '\n', '\t', 'é', '\u{1f600}', '\u{7f}', '\u{1}', '\'', '.', ' ', '\r'];
            quoted((0..count).map(|_| pool[random.usize(..pool.len())]).collect())
        }
        "varchar(12)" | "char(12)" | "short" | "shorter" => {
            quoted("\\.é'\"x\u{1f600}"[..].chars().take(random.usize(1..5)).collect())
        }
        "date" => quoted(date(random)),
        "time" => quoted(time(random)),
        "timestamp" => quoted(format!("{}T{}", date(random), time(random))),
        "timestamptz" => {
            let zone = ["Z", "+00:00", "+14:00", "-09:30"][random.usize(..4)];
            quoted(format!("{:04}-06-15T{}{zone}", random.u16(2..9999), time(random)))
        }
        "interval" => {
            let n = random.u16(..5000);
            let text = [
                "P{n}Y2M3DT4H5M6.7S",
                "{n} days -02:03:04.5",
                "PT{n}S",
                "-{n} mons +1 day",
                "P{n}W",
                "{n}:59:59.999999",
            ];
            quoted(text[random.usize(..text.len())].replace("{n}", &n.to_string()))
        }
        "uuid" => quoted(format!(
            "{:08X}-{:04x}-{:04x}-{:04x}-{:012x}",
            random.u32(..),
            random.u16(..),
            random.u16(..),
            random.u16(..),
            random.u64(..1 << 48)
        )),
        "json" | "jsonb" => {
            let nested = [
                r#"{"a":[1,{"b":null}],"a":2}"#,
                "[]",
                "\"\\u00e9\\\"\"",
                "12.50",
                "1e-7",
                "true",
                r#"{ "x" : "\\u0000" }"#,
            ];
            nested[random.usize(..nested.len())].to_owned()
        }
        "inet" => quoted(["10.1.2.3", "10.1.2.3/8", "::1", "2001:db8::5/64"][random.usize(..4)].to_owned()),
        "cidr" => quoted(["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32", "::1"][random.usize(..4)].to_owned()),
        "macaddr" => quoted(format!("{:02x}:{:02X}:00:ff:7a:01", random.u8(..), random.u8(..))),
        "mood" => quoted(["low", "it's", "high"][random.usize(..3)].to_owned()),
        "xml" => quoted("<a b=\"c\">é</a>".to_owned()),
        other => panic!("no values for {other}"),
    }
}

#[test]
fn what_is_loaded_is_what_the_server_makes_of_it() {
    let place = PostgresFolder::of(Server::shared().database());
    place.sql(
        "CREATE EXTENSION citext;
         CREATE TYPE mood AS ENUM ('low', 'it''s', 'high');
         CREATE DOMAIN short AS varchar(12) CHECK (length(VALUE) < 10);
         CREATE DOMAIN shorter AS short CHECK (length(VALUE) < 9)",
    );
    let mut columns: Vec<(String, String)> =
        COLUMNS.iter().map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned())).collect();
    // An array of each type that has an encoder.
    let arrays = COLUMNS.iter().filter(|(_, ty)| *ty != "xml");
    columns.extend(arrays.map(|(name, ty)| (format!("{name}s"), format!("{ty}[]"))));
    let list: Vec<String> = columns.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    let list = list.join(", ");
    place.sql(&format!(
        "CREATE TABLE loaded (id int PRIMARY KEY, {list}, bytes bytea); CREATE TABLE lines (line json)"
    ));
    let mut random = fastrand::Rng::with_seed(42);
    let mut lines = Vec::new();
    for id in 0..400 {
        let mut line = format!("{{\"id\":{id}");
        for (name, ty) in &columns {
            let text = match (random.u8(..10), ty.strip_suffix("[]")) {
                (0, _) => continue,
                (1, _) => "null".to_owned(),
                (_, None) => value(&mut random, ty),
                (_, Some(element)) => {
                    let elements = (0..random.usize(..4)).map(|_| match random.u8(..5) {
                        0 => "null".to_owned(),
                        // In an array of JSON, json_to_record takes strings for JSON and arrays for dimensions.
                        _ if element.starts_with("json") => {
                            ["{\"a\":[1]}", "12.50", "true"][random.usize(..3)].to_owned()
                        }
                        _ => value(&mut random, element),
                    });
                    format!("[{}]", elements.collect::<Vec<_>>().join(","))
                }
            };
            line += &format!(",\"{name}\":{text}");
        }
        let bytes = ["\"\"", "\"AP9c\"", "\"3q2+7w==\"", "null"][random.usize(..4)];
        lines.push(format!("{line},\"bytes\":{bytes}}}"));
    }
    let stream = sealed("all", &strs(&lines));
    assert_eq!(counts(&place.load("--table loaded", &stream)), [400, 400, 0, 0, 0, 0]);
    // The same lines, as the server reads JSON; arrays only of the types that json_to_record knows.
    let mut session = place.space.connect();
    let insert = session.prepare("INSERT INTO lines SELECT $1::text::json").expect("it is a statement");
    for line in &lines {
        session.execute(&insert, &[line]).expect("it is JSON");
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    place.sql(&format!(
        "CREATE TABLE expected AS SELECT r.*, decode(line ->> 'bytes', 'base64') AS bytes
         FROM lines, json_to_record(line) AS r(id int, {list})"
    ));
    // For json, json_to_record writes strings anew, while the loader keeps them as they are.
    place.sql(
        "UPDATE expected SET c_json = nullif((line -> 'c_json')::text, 'null')::json FROM lines
         WHERE (line ->> 'id')::int = id",
    );
    for name in names.iter().chain(&["bytes"]) {
        let differ = format!(
            "SELECT id, l.{name}, e.{name} FROM loaded l JOIN expected e USING (id)
             WHERE l.{name}::text IS DISTINCT FROM e.{name}::text ORDER BY id LIMIT 3"
        );
        assert_eq!(place.rows(&differ), [""; 0], "{name}");
    }
    let bytes =
        "SELECT count(*) FROM loaded l JOIN expected e USING (id) WHERE record_image_eq(ROW(l.*), ROW(e.*))";
    assert_eq!(place.count(bytes), 400);
}
