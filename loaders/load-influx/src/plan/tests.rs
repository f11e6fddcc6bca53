use etl_schema::Schema;
use etl_stream::Values;
use serde_json::{Value, json};

use super::*;

fn of(properties: Value, more: Value) -> Result<String, String> {
    let mut document = json!({"type": "object", "properties": properties});
    for (name, value) in more.as_object().expect("an object") {
        document[name] = value.clone();
    }
    let schema = Schema::from_json("s", &document.to_string()).expect("a schema");
    let target = Target {
        table: "m".to_owned(),
        schema: Some(schema),
        values: Values::Json,
        mode: None,
        version: None,
        partial: true,
        first: None,
    };
    plan(target, Precision::Ns, Server { whole_strings: true, victoria: false })
        .map(|plan| explain(&plan))
        .map_err(|error| {
            let fault = Fault::from(error);
            assert_eq!(fault.class().code(), 78);
            fault.message().to_owned()
        })
}

#[test]
fn roles_come_from_the_annotation_else_from_key_and_time() {
    let at = json!({"type": "string", "format": "date-time"});
    let key = json!({"x-time": "at", "x-key": ["site", "at", "n"], "required": ["site", "at", "n"]});
    let plan = of(
        json!({"site": {"type": "string"}, "n": {"type": "integer"}, "at": at, "v": {"type": "number", "x-unit": "°C"},
               "i": {"type": "integer", "x-influx": {"type": "float"}}, "on": {"type": "boolean"},
               "note": {"type": "string", "x-influx": {"role": "ignore"}}, "tags": {"type": "string", "x-influx": {"role": "tag"}},
               "u": {"type": "integer", "x-influx": {"type": "unsigned"}}, "day": {"type": "string", "format": "date"}}),
        key,
    );
    let expected = "\
measurement  m
tag          n
tag          site
tag          tags
field        v     float     °C
field        i     float
field        on    boolean
field        u     unsigned
field        day   string
time         at    ns
ignored      note
";
    assert_eq!(plan.unwrap(), expected);
}

#[test]
fn what_has_no_place_in_a_point_is_configuration() {
    let at = json!({"type": "string", "format": "date-time", "x-influx": {"role": "time"}});
    let v = json!({"type": "number"});
    let tag = |ty: Value| json!({"type": ty, "x-influx": {"role": "tag"}});
    for (properties, said) in [
        (
            json!({"v": v}),
            "no column is the time of the points: name it with x-time, or with x-influx and the role time",
        ),
        (json!({"at": at, "at2": at, "v": v}), "both \"at\" and \"at2\" have the role time"),
        (
            json!({"at": {"type": "integer", "x-influx": {"role": "time"}}, "v": v}),
            "the time of a point must be a date-time or a date",
        ),
        (json!({"at": at}), "no column is a field, but a point needs at least one"),
        (
            json!({"at": at, "time": v}),
            "property \"time\": InfluxDB reserves the name, so it cannot be a field",
        ),
        (
            json!({"at": at, "v": v, "_field": tag(json!("string"))}),
            "property \"_field\": InfluxDB reserves the name, so it cannot be a tag",
        ),
        (
            json!({"at": at, "a\\b": v}),
            "field \"a\\\\b\": line protocol cannot represent a backslash in a name",
        ),
        (json!({"at": at, "v": v, "t": tag(json!("number"))}), "a double cannot be a tag"),
        (
            json!({"at": at, "v": {"type": "string", "x-influx": {"type": "integer"}}}),
            "x-influx.type integer does not fit text",
        ),
    ] {
        let fault = of(properties.clone(), json!({})).expect_err("refused");
        assert!(fault.contains(said), "{fault}: {properties}");
    }
    let target = |name: &str| {
        let schema = Schema::from_json("s", &json!({"properties": {"at": at, "v": v}}).to_string()).unwrap();
        Target {
            table: name.to_owned(),
            schema: Some(schema),
            values: Values::Json,
            mode: None,
            version: None,
            partial: true,
            first: None,
        }
    };
    for name in ["#m", "a\\b", "a\nb", "\t#m"] {
        assert!(
            plan(target(name), Precision::Ns, Server { whole_strings: true, victoria: false }).is_err(),
            "{name}"
        );
    }
    let quoted = json!({"at": at, "5\"": v});
    assert!(of(quoted.clone(), json!({})).is_ok());
    let schema = Schema::from_json("s", &json!({ "properties": quoted }).to_string()).unwrap();
    let planned = plan(
        Target {
            table: "m".into(),
            schema: Some(schema),
            values: Values::Json,
            mode: None,
            version: None,
            partial: true,
            first: None,
        },
        Precision::Ns,
        Server { whole_strings: false, victoria: false },
    );
    let fault = Fault::from(planned.err().expect("refused"));
    assert!(
        fault.message().contains("would mistake the quote in the name for the start of a string"),
        "{fault}"
    );
}
