//! `standpipe through`.

use std::fs;

use etl_testkit::run::{Cmd, Ran, temp_dir, workspace_binary};

use crate::support::{aborted, end, segment, standpipe};

const STATES: &str = "{\"n\":1}\n{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":1}}\n{\"n\":2}\n{\"_etl\":{\"v\":1,\
                      \"kind\":\"state\",\"value\":{\"c\":2}}}\n";
const ABORT: &str = "{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":77,\"message\":\"no key\"}}\n";

fn through(input: &str, command: &[&str]) -> Ran {
    standpipe(["through"]).args(command).stdin(input).run()
}

/// The id of a whole output.
#[track_caller]
fn id(ran: &Ran) -> String {
    let begin: serde_json::Value = serde_json::from_str(ran.ok().lines()[0]).expect("JSON");
    begin["_etl"]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_filter_keeps_schema_and_the_last_state() {
    let input = segment("a", ",\"schema\":\"etl.reject\"", 2, STATES)
        + &segment("b", ",\"schema\":\"etl.reject\"", 0, "");
    let ran = through(&input, &["--", "jq", "-c", "{m: (.n * 2)}"]);
    let body = "{\"m\":2}\n{\"m\":4}\n{\"_etl\":{\"v\":1,\"kind\":\"state\",\"value\":{\"c\":2}}}\n";
    let fields = ",\"schema\":\"etl.reject\",\"producer\":\"standpipe/0.1.0\"";
    assert_eq!(ran.stdout, segment(&id(&ran), fields, 2, body));
    assert_eq!(ran.stderr, "2 records in, 2 out\n");
}

#[test]
fn the_same_input_and_command_give_the_same_id() {
    let [a, b, c] = ["a", "b", "c"].map(|id| segment(id, "", 1, "{}\n"));
    let inputs = [
        a.clone(),
        b.clone(),
        format!("{a}{b}"),
        format!("{a}{c}"),
        "{}\n".to_owned(),
        "{\"n\":1}\n".to_owned(),
    ];
    let mut ids: Vec<String> = Vec::new();
    for input in &inputs {
        ids.push(id(&through(input, &["--", "cat"])));
        assert_eq!(id(&through(input, &["--", "cat"])), ids[ids.len() - 1]);
        ids.push(id(&through(input, &["--", "cat", "-"])));
    }
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 2 * inputs.len());
}

#[test]
fn the_schema_can_be_changed() {
    let input = segment("a", ",\"schema\":\"one\"", 1, "{}\n");
    let mixed = input.clone() + &segment("b", ",\"schema\":\"two\"", 1, "{}\n");
    let with = |schema: &str, input: &str| through(input, &["--schema", schema, "--", "cat"]);
    for input in [&input, &mixed] {
        let fields = ",\"producer\":\"standpipe/0.1.0\"";
        let ran = with("none", input);
        assert!(ran.stdout.starts_with(&format!(
            "{{\"_etl\":{{\"v\":1,\"kind\":\"begin\",\"id\":\"{}\"{fields}}}}}\n",
            id(&ran)
        )));
        assert!(with("etl.reject", input).ok().stdout.contains(",\"schema\":\"etl.reject\",\"producer\""));
    }
    aborted(&with("no.such", &input), 78);
    let ran = through(&mixed, &["--", "cat"]);
    aborted(&ran, 3);
    assert!(ran.last_error_line().starts_with("segment b has a different schema"), "{}", ran.stderr);
}

#[test]
fn a_failed_input_kills_the_program_before_it_sees_an_end() {
    let folder = temp_dir();
    let whole = segment("a", "", 1, "{}\n");
    let cut = &whole[..whole.len() - end("a", 1, "{}\n").len()];
    let cases = [
        (cut.to_owned(), 75, "line 2: the input ends inside segment a"),
        (whole[..whole.len() - 1].to_owned(), 75, "line 3 (byte 44): the input ends in the middle of a line"),
        (format!("{cut}{ABORT}"), 77, "the producer failed: no key"),
        (ABORT.to_owned(), 77, "the producer failed: no key"),
        (whole.replace("{}\n", "{ }\n"), 3, "line 3 (byte 45): segment a has 4 bytes, but its end says 3"),
        (whole.replace("{}\n", "[]\n"), 3, "line 2 (record 1, byte 41): the line is an array"),
        (String::new(), 75, "the input is empty"),
    ];
    for (input, code, message) in cases {
        // Between the program and the end of its input stands a grandchild, which must not see one either.
        let ran = standpipe(["through", "--", "sh", "-c", "(cat; echo > ended) | cat; echo > ended"])
            .in_folder(&folder)
            .stdin(&input)
            .run();
        aborted(&ran, code);
        assert_eq!(ran.lines().len(), 1, "{}", ran.stdout);
        assert!(ran.last_error_line().starts_with(message), "{}", ran.stderr);
        assert!(!folder.path().join("ended").exists(), "{input}");
    }
    let file = folder.path().join("cut");
    fs::write(&file, cut).expect("written");
    aborted(&standpipe(["through", "--", "cat"]).stdin_file(&file).run(), 3);
    aborted(&standpipe(["through", "--input", "/nonexistent/x", "--", "cat"]).run(), 66);
    aborted(&standpipe(["through", "--seal", "required", "--", "cat"]).stdin("{}\n").run(), 3);
    through("", &["--allow-empty", "--", "cat"]).ok();
}

#[test]
fn a_failed_program_is_its_code() {
    let input = segment("a", "", 1, "{}\n");
    for (script, code) in
        [("exit 5", 75), ("cat; exit 77", 77), ("cat; kill -9 $$", 75), ("cat; exit 141", 75)]
    {
        let ran = through(&input, &["--", "sh", "-c", script]);
        aborted(&ran, code);
        assert_eq!(ran.lines().len(), 1, "{}", ran.stdout);
    }
    aborted(&through(&input, &["--", "no-such-program"]), 78);
    let ran = through(&input, &["--", "printf", "{}\\nnull\\n"]);
    aborted(&ran, 3);
    assert!(ran.last_error_line().starts_with("the output of `printf`: line 2 (byte 3): "), "{}", ran.stderr);
    // It fails while the input is still open.
    let running = standpipe(["through", "--", "sh", "-c", "exit 78"]).stdin_open().spawn();
    running.wait_until_stderr_contains("error: `sh` failed with exit code 78\n");
    aborted(&running.finish(), 78);
}

#[test]
fn same_count_refuses_a_changed_count() {
    let input = segment("a", "", 2, "{\"n\":1}\n{\"n\":2}\n");
    through(&input, &["--same-count", "--", "cat"]).ok();
    let ran = through(&input, &["--same-count", "--", "head", "-n1"]);
    aborted(&ran, 3);
    assert_eq!(ran.last_error_line(), "2 records went in and 1 came out (--same-count)");
    let ran = through(&input, &["--same-count", "--", "sed", "p"]);
    assert_eq!(ran.fails(3).last_error_line(), "2 records went in and 4 came out (--same-count)");
}

#[test]
fn a_program_that_stops_reading_is_no_failure_but_a_broken_input_is() {
    let body = "{}\n".repeat(200_000);
    let input = segment("a", "", 200_000, &body);
    let ran = through(&input, &["--", "head", "-n1"]);
    assert_eq!(ran.stdout, segment(&id(&ran), ",\"producer\":\"standpipe/0.1.0\"", 1, "{}\n"));
    assert_eq!(ran.stderr, "200000 records in, 1 out\n");
    aborted(&through(&input[..input.len() - end("a", 200_000, &body).len()], &["--", "head", "-n1"]), 75);
}

#[test]
fn a_program_may_print_much_before_it_reads() {
    let input = "{}\n".repeat(200_000);
    let ran = through(&input, &["--", "sh", "-c", "yes '{\"n\":1}' | head -n 200000; cat"]);
    assert_eq!(ran.ok().stderr.lines().last(), Some("200000 records in, 400000 out"));
}

#[test]
fn much_output_waits_in_a_temporary_file() {
    let folder = temp_dir();
    let line = format!("{{\"text\":\"{}\"}}\n", "x".repeat(1000));
    let body = line.repeat(20_000);
    let cat = |tmp: &str| {
        standpipe(["through", "--", "cat"]).stdin(&body).env("TMPDIR", tmp).in_folder(&folder).run()
    };
    let ran = cat(".");
    assert_eq!(ran.stdout, segment(&id(&ran), ",\"producer\":\"standpipe/0.1.0\"", 20_000, &body));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    let ran = cat("nowhere");
    aborted(&ran, 74);
    assert!(
        ran.last_error_line().starts_with("cannot keep the output in a temporary file in nowhere (TMPDIR): ")
    );
}

#[test]
fn a_program_that_seals_is_verified_and_unwrapped() {
    let input = segment("a", "", 1, "{}\n");
    let inner = segment("i", ",\"schema\":\"s\"", 1, "{\"n\":1}\n") + &segment("j", "", 1, "{\"n\":2}\n");
    let ran = through(&input, &["--", "printf", "%s", &inner]);
    assert_eq!(
        ran.stdout,
        segment(&id(&ran), ",\"producer\":\"standpipe/0.1.0\"", 2, "{\"n\":1}\n{\"n\":2}\n")
    );
    aborted(&through(&input, &["--", "printf", "%s", ABORT]), 77);
    aborted(
        &through(&input, &["--", "printf", "%s\n", "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"i\"}}"]),
        75,
    );
}

/// Reads every number as a double and prints it as an integer, as jq 1.6 does.
const ROUNDS: &str = "import json, sys\nfor line in sys.stdin: print(json.dumps({k: int(float(v)) for k, v in json.loads(line).items()}))";

#[test]
fn integers_that_a_filter_rounds_are_told() {
    let ids = |ids: &[&str]| ids.iter().map(|id| format!("{{\"id\":{id}}}\n")).collect::<String>();
    let input = ids(&["1", "50000000014435121", "50000000014435122", "50000000014435123"]);
    let ran = through(&segment("a", "", 4, &input), &["--same-count", "--", "python3", "-c", ROUNDS]);
    assert_eq!(ran.ok().stdout.matches("50000000014435120").count(), 3, "{}", ran.stdout);
    assert_eq!(
        ran.stderr,
        "warning: 3 integers beyond 2^53 went in that no double holds, the first of them 50000000014435121, and none came out: \
         `python3` rounds integers (as texts they keep their digits)\n4 records in, 4 out\n"
    );
    let one = ids(&["9007199254740993"]);
    let ran = through(&segment("a", "", 1, &one), &["--", "python3", "-c", ROUNDS]);
    assert!(ran.ok().stderr.starts_with("warning: 1 integer beyond 2^53 went in "), "{}", ran.stderr);
    // What keeps its digits, or is left out, is not rounded.
    for command in
        [&["cat"][..], &["sed", "-n", "2p"], &["sed", "s/5.*1/7/"], &["sed", "s/[0-9]*}/\"&/; s/}/\"}/"]]
    {
        let ran = through(&segment("a", "", 4, &input), &[&["--"], command].concat());
        assert!(!ran.ok().stderr.contains("warning"), "{}", ran.stderr);
    }
}

#[test]
fn values_that_are_texts_stay_texts() {
    let input = segment("a", ",\"values\":\"text\"", 1, "{\"id\":\"007\"}\n");
    for schema in [&[][..], &["--schema", "etl.reject"]] {
        let ran = through(&input, &[schema, &["--", "cat"]].concat());
        assert!(ran.ok().lines()[0].contains(",\"values\":\"text\","), "{}", ran.stdout);
    }
    let sealed = standpipe(["seal", "--", "cat"]).stdin(&input).run();
    assert_eq!(sealed.ok().stdout, input);
    let mixed = input + &segment("b", "", 0, "");
    let ran = through(&mixed, &["--schema", "none", "--", "cat"]);
    aborted(&ran, 3);
    assert_eq!(
        ran.last_error_line(),
        "segment b has other `values` than the segments before it, and the output is one segment"
    );
}

#[test]
fn a_cause_is_said_once_however_many_pass_it_on() {
    let stages =
        "standpipe seal -- sh -c 'echo no key >&2; exit 77' | standpipe through cat | standpipe seal cat |
                  standpipe through -- sh -c cat | standpipe verify";
    let folder = workspace_binary("standpipe").parent().expect("a folder").to_owned();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let ran = Cmd::new("sh").args(["-c", stages]).env("PATH", path).run();
    let cause = "`sh` failed with exit code 77: no key";
    assert_eq!(ran.fails(77).last_error_line(), format!("the producer failed: {cause}"));
    for line in ran.stderr.lines().filter(|line| line.contains("error: ")) {
        assert!(
            line.matches("the producer failed: ").count() <= 1 && line.ends_with(cause),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(ran.stderr.matches(cause).count(), 5, "{}", ran.stderr);
}

#[test]
fn a_filter_without_it_is_told_of_it() {
    let body = "{\"n\":1}\n{\"n\": 2}\n{\"n\":3}\n";
    let stream = segment("a", "", 3, body);
    let hint = "(a filter in between needs `standpipe through -- COMMAND`)";
    for (filter, said) in [
        ("jq .", "line 1 (byte 1): the line ends inside an object: is it pretty-printed? one object per line (`jq -c`; within a pipe under `standpipe through`); record: {".to_owned()),
        ("jq -c .", format!("line 5 (byte 65): segment a has 24 bytes, but its end says 25 {hint}")),
        ("jq -c 'select(.n < 3)'", format!("line 4 (byte 57): segment a has 2 records, but its end says 3 {hint}")),
        ("jq -c 'select(._etl.kind != \"begin\")'", format!("line 4 (byte 24): a control line inside a plain stream {hint}")),
        ("jq -c '.n = 1'", format!("line 1 (byte 0): broken control line: unknown field `n`, expected `_etl` at line 1 column 43 {hint}")),
    ] {
        let filtered = Cmd::new("sh").args(["-c", filter]).stdin(&stream).run();
        let ran = standpipe(["verify"]).stdin(&filtered.ok().stdout).run();
        assert_eq!(ran.fails(3).last_error_line(), said, "{filter}");
    }
    // Nothing of the seal is left of this one: it is what it seems to be, and the warning says it.
    let filtered = Cmd::new("sh").args(["-c", "jq -c 'select(.n > 1)'"]).stdin(&stream).run();
    let ran = standpipe(["verify"]).stdin(&filtered.ok().stdout).run();
    assert!(
        ran.ok().stderr.contains("a filter keeps the seal under `standpipe through -- COMMAND`"),
        "{}",
        ran.stderr
    );
}
