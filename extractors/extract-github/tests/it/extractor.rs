//! What is the same for all extractors, and what becomes of each recorded reply.

use std::path::{Path, PathBuf};

use etl_testkit::extract::{Extractor, Key, Place};
use etl_testkit::http::Reply;
use etl_testkit::run::Ran;
use serde_json::Value;

/// The runs of a repository on two pages; the recorded link to the second one leads to another path of the same server.
pub(crate) fn extractor() -> Extractor {
    let recorded = parsed("recorded/runs_per_page_1.meta.json");
    let link = recorded["headers"]["Link"].as_str().unwrap().replace("https://api.github.com", "");
    Extractor {
        binary: env!("CARGO_BIN_EXE_extract-github"),
        folder: env!("CARGO_MANIFEST_DIR"),
        args: &["workflow-runs", "--repo", "hub4j-test-org/GHWorkflowRunTest", "--base-url", "{url}"],
        replies: vec![
            Reply::json(200, &reply("workflow_runs/runs_per_page_1.json")).header("Link", &link),
            Reply::json(200, &reply("workflow_runs/runs_branch_two.json")),
        ],
        schema: "github.workflow_runs",
        key: Some(Key { names: &["GITHUB_TOKEN", "GH_TOKEN"], place: Place::Bearer }),
    }
}

/// Runs the binary with a token.
#[track_caller]
pub(crate) fn run(args: &[&str]) -> Ran {
    extractor().run(args)
}

/// A file of this crate.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A recorded reply, such as `usage/usage_org_actions.json`.
pub(crate) fn reply(name: &str) -> String {
    std::fs::read_to_string(file("tests/replies").join(name)).unwrap()
}

/// The same as JSON.
pub(crate) fn parsed(name: &str) -> Value {
    serde_json::from_str(&reply(name)).unwrap()
}

#[test]
fn it_does_what_every_extractor_does() {
    extractor().conforms();
}

#[test]
fn recorded_replies_become_the_records_beside_them() {
    for (folder, args, of) in [
        ("usage", &["usage", "--org", "github"][..], "1 account"),
        ("workflow_runs", &["workflow-runs", "--repo", "o/r"], "1 repository"),
        ("dependabot_alerts", &["dependabot-alerts", "--repo", "o/r"], "1 repository"),
        ("errors", &["workflow-runs", "--repo", "o/r"], "1 repository"),
    ] {
        let args = [args, &["--base-url", "{url}"]].concat();
        for (name, ran) in extractor().golden(&format!("tests/replies/{folder}"), &args, of) {
            let warnings: Vec<&str> =
                ran.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
            let expected: &[&str] = match name.as_str() {
                "runs_per_page_1" => &["warning: o/r: GitHub says total_count 57 and lists 1 run"],
                _ => &[],
            };
            assert_eq!(warnings, expected, "{name}");
            if ran.code == 0 {
                assert!(ran.stdout.contains(&format!("\"schema\":\"github.{folder}\"")), "{name}");
            }
        }
    }
}
