//! The card, and what follows from it: a command that prints no stream ends without an `abort`.

use crate::support::{aborted, standpipe};
use serde_json::{Value, json};

#[test]
fn every_command_says_what_it_reads_and_prints() {
    // Neither a command nor what it requires has to be given.
    let text = standpipe(["--describe"]).run().ok().stdout.clone();
    for args in [&["seal", "--describe"][..], &["schema", "--describe"], &["--describe", "seal", "--nope"]] {
        assert_eq!(standpipe([]).args(args).run().ok().stdout, text, "{args:?}");
    }
    let card: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(card["schemas"], json!({ "in": ["etl.reject", "etl.receipt", "etl.run"], "out": [] }));
    let any = json!({ "kind": "stream", "schemas": null });
    let (nothing, text) = (json!({ "kind": "nothing" }), json!({ "kind": "text" }));
    let stream = |passes_on: bool| json!({ "kind": "stream", "schemas": null, "passes_on": passes_on });
    let named = |list: &Value, name: &str| {
        let mut commands = list["commands"].as_array().expect("commands").iter();
        commands.find(|command| command["name"] == name).cloned().expect("the command")
    };
    let schema = named(&card, "schema");
    let of_runs = json!({ "kind": "stream", "schemas": ["etl.receipt", "etl.run"] });
    assert_eq!((&card["reads"], &schema["reads"]), (&Value::Null, &Value::Null));
    for (command, reads, stdout) in [
        (named(&card, "seal"), &any, stream(false)),
        (named(&card, "through"), &any, stream(true)),
        (named(&card, "run"), &any, stream(false)),
        (named(&card, "verify"), &any, text.clone()),
        (named(&card, "unreject"), &json!({ "kind": "stream", "schemas": ["etl.reject"] }), stream(false)),
        (named(&card, "metrics"), &json!({ "kind": "stream", "schemas": ["etl.receipt"] }), stream(true)),
        (named(&card, "runs"), &of_runs, text.clone()),
        (named(&card, "check"), &of_runs, text.clone()),
        (named(&schema, "list"), &nothing, text.clone()),
        (named(&schema, "show"), &nothing, text.clone()),
        (named(&schema, "ddl"), &nothing, text.clone()),
        (named(&schema, "check"), &any, text.clone()),
        (named(&named(&card, "pipeline"), "check"), &nothing, text.clone()),
        (named(&card, "render"), &nothing, text.clone()),
    ] {
        assert_eq!((&command["reads"], &command["stdout"]), (reads, &stdout), "{}", command["name"]);
    }
    assert_eq!(
        named(&card, "through")["when"],
        json!([{ "flag": "--schema", "values": [], "reads": any, "stdout": stream(false) }])
    );
}

#[test]
fn what_is_for_people_has_no_abort() {
    for args in [
        &["verify", "--nope"][..],
        &["--nope", "verify"],
        &["schema", "shew"],
        &["--log-level", "warn", "schema", "show"],
    ] {
        let ran = standpipe([]).args(args).run();
        assert_eq!(ran.fails(2).stdout, "", "{args:?}");
    }
    for args in [&["through", "--nope"][..], &["unreject", "--max-line-bytes", "none"], &["--nope"]] {
        aborted(&standpipe([]).args(args).run(), 2);
    }
}
