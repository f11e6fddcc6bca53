//! `standpipe pipeline` and `standpipe render`, on the pipelines that are shipped and on folders of a test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use etl_testkit::run::Folder;
use serde_json::Value;

use crate::support::standpipe;

const GOOD: &str = "\
name: orders
schedule: 0 5 * * 7
steps:
  - extract-file orders.csv --schema etl.receipt
  - load-sqlite --db orders.db
";

/// The pipelines of this repository.
fn shipped() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines").display().to_string()
}

#[test]
fn the_shipped_pipelines_have_nothing_to_mend() {
    let ran = standpipe(["pipeline", "check", &shipped()]).run();
    assert_eq!(ran.ok().stdout, "");
    assert!(ran.stderr.contains("14 pipelines, nothing to mend"), "{}", ran.stderr);
}

/// What is committed is what is rendered.
#[test]
fn the_rendered_files_are_those_of_the_shipped_pipelines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (target, folder) in
        [("argo", "argo"), ("airflow", "airflow"), ("compose", "compose"), ("cronjob", "k8s")]
    {
        let args = ["render", "pipelines", "--to", target, "--out", folder, "--check"];
        let ran = standpipe(args).in_folder(&root).run();
        assert!(ran.ok().stderr.contains("14 files as rendered"), "{target}: {}", ran.stderr);
    }
}

#[test]
fn every_problem_is_a_line_with_its_place_and_the_last_one_is_the_first() {
    let folder = Folder::new();
    folder.write(
        "a.yaml",
        GOOD.replace("orders.csv", "orders.csv --nope").replace("etl.receipt", "etl.recept"),
    );
    folder.write("b.yml", GOOD.replace("schedule", "shedule"));
    folder.write("c.txt", "no pipeline");
    let ran = standpipe(["pipeline", "check", "."]).in_folder(folder.path("")).run();
    let said: Vec<&str> = ran.fails(78).stderr.lines().collect();
    assert_eq!(
        said,
        [
            "error: ./a.yaml:4: `extract-file` has no flag `--nope`",
            "error: ./b.yml:2: `shedule` is not a key of a pipeline: `schedule` is meant? (2 problems in all)",
        ]
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = Folder::new();
    let check = |path: &str| standpipe(["pipeline", "check", path]).in_folder(folder.path("")).run();
    let ran = check("none.yaml");
    assert!(ran.fails(66).stderr.contains("cannot read none.yaml: No such file"), "{}", ran.stderr);
    let ran = check(".");
    assert!(ran.fails(78).stderr.contains(". has no pipeline: no *.yaml, no *.yml"), "{}", ran.stderr);
    fs::write(folder.path("latin.yaml"), b"name: \xe9\n").expect("a file of our own");
    let ran = check("latin.yaml");
    assert!(ran.fails(78).stderr.contains("latin.yaml: the file is not UTF-8"), "{}", ran.stderr);
    standpipe(["pipeline", "check"]).run().fails(2);
}

#[test]
fn the_schema_takes_the_shipped_pipelines_keys() {
    let printed = standpipe(["pipeline", "schema"]).run();
    let schema: Value = serde_json::from_str(&printed.ok().stdout).expect("JSON");
    assert_eq!(schema["required"], serde_json::json!(["name", "steps"]));
    assert_eq!(schema["properties"]["targets"]["properties"].as_object().map(serde_json::Map::len), Some(6));
}

/// A component of one's own beside `standpipe` is known by its card; one that is not is refused.
#[test]
fn a_binary_beside_is_asked_for_its_card_and_a_foreign_one_never() {
    let folder = Folder::new();
    let own = folder.path("standpipe");
    fs::copy(etl_testkit::run::workspace_binary("standpipe"), &own).expect("a copy");
    let script =
        "#!/bin/sh\necho \"$0 $*\" >> asked\nexec \"$REAL\" \"$@\" | sed 's/extract-file/extract-mine/'\n";
    for name in ["extract-mine", "jq"] {
        folder.write(name, script);
        fs::set_permissions(folder.path(name), fs::Permissions::from_mode(0o755)).expect("a file of our own");
    }
    let steps = GOOD.replace("extract-file", "extract-mine").replace("  - load", "  - jq .\n  - load");
    folder.write("a.yaml", &steps);
    let check = || {
        let command = etl_testkit::run::Cmd::new(&own).args(["pipeline", "check", "a.yaml"]);
        command
            .env("REAL", etl_testkit::run::workspace_binary("extract-file"))
            .in_folder(folder.path(""))
            .run()
    };
    check().ok();
    let asked = folder.read("asked");
    assert!(asked.trim_end().ends_with("extract-mine --describe") && asked.lines().count() == 1, "{asked}");
    fs::remove_file(folder.path("extract-mine")).expect("a file of our own");
    let ran = check();
    assert!(
        ran.fails(78).stderr.contains("a.yaml:4: `extract-mine` is named like a component"),
        "{}",
        ran.stderr
    );
}

fn render<'a>(folder: &Folder, args: impl IntoIterator<Item = &'a str>) -> etl_testkit::run::Ran {
    standpipe(["render", "--to", "shell", "--out", "out"]).args(args).in_folder(folder.path("")).run()
}

#[test]
fn files_are_written_once_and_a_check_says_what_differs() {
    let folder = Folder::new();
    folder.write("a.yaml", GOOD);
    let ran = render(&folder, ["a.yaml", "--check"]);
    ran.fails(1);
    assert!(ran.stderr.contains("out/orders.sh is not what would be rendered"), "{}", ran.stderr);
    assert!(!folder.path("out").exists());

    render(&folder, ["a.yaml"]).ok();
    let script = folder.read("out/orders.sh");
    let again = render(&folder, ["./a.yaml"]);
    assert!(again.ok().stderr.contains("1 file for shell, 0 of them written"), "{}", again.stderr);
    assert_eq!(folder.read("out/orders.sh"), script);
    let ran = render(&folder, ["a.yaml", "--check"]);
    assert!(ran.ok().stderr.contains("1 file as rendered"), "{}", ran.stderr);

    // Somebody changed it.
    folder.write("out/orders.sh", &(script.clone() + "# more\n"));
    let ran = render(&folder, ["a.yaml", "--check"]);
    ran.fails(1);
    let last = "error: 1 file differs from what is rendered: run `standpipe render` without --check";
    assert_eq!(ran.stderr.lines().last(), Some(last));
    render(&folder, ["a.yaml"]).ok();
    assert_eq!(folder.read("out/orders.sh"), script);

    // What somebody else wrote is left alone, under our name and under others.
    folder.write("out/orders.sh", "#!/bin/sh\nexit 0\n");
    folder.write("out/other.sh", "mine\n");
    let ran = render(&folder, ["a.yaml"]);
    assert!(ran.fails(78).stderr.contains("out/orders.sh was not rendered by standpipe"), "{}", ran.stderr);
    assert_eq!(
        (folder.read("out/orders.sh"), folder.read("out/other.sh")),
        ("#!/bin/sh\nexit 0\n".into(), "mine\n".into())
    );
}

#[test]
fn nothing_is_written_if_one_pipeline_is_refused_or_two_have_one_name() {
    let folder = Folder::new();
    folder.write("a.yaml", GOOD);
    folder.write("b.yaml", GOOD.replace("load-sqlite", "load-sqlit"));
    let ran = render(&folder, ["a.yaml", "b.yaml"]);
    assert!(
        ran.fails(78).stderr.contains("b.yaml:5: `load-sqlit` is named like a component"),
        "{}",
        ran.stderr
    );
    folder.write("b.yaml", GOOD);
    let ran = render(&folder, ["a.yaml", "b.yaml"]);
    assert!(ran.fails(78).stderr.contains("b.yaml and a.yaml would both be orders.sh"), "{}", ran.stderr);
    assert!(!folder.path("out").exists());
}

#[test]
fn a_tag_that_moves_is_refused() {
    let folder = Folder::new();
    folder.write("a.yaml", GOOD);
    for (flag, value) in
        [("--tag", "latest"), ("--tag", "a b"), ("--tag", ""), ("--registry", "a/"), ("--registry", "")]
    {
        let ran = render(&folder, ["a.yaml", flag, value]);
        assert!(ran.fails(2).stderr.contains(flag), "{}", ran.stderr);
    }
}
