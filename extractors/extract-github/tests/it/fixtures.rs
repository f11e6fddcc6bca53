//! Each recorded reply of GitHub's, and what becomes of it.

use etl_testkit::extract::fixtures;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn billing() {
    fixtures(
        FOLDER,
        "github_billing",
        &[
            ("error_410_moved.json", "tests/replies/usage/error_410_moved.json", "exit code 78"),
            (
                "legacy_actions_closed_down.json",
                "tests/replies/usage/legacy_actions_closed_down.json",
                "exit code 76",
            ),
            ("usage_org_actions.json", "tests/replies/usage/usage_org_actions.json", "1 record"),
        ],
    );
}

#[test]
fn dependabot_alerts() {
    fixtures(
        FOLDER,
        "github_dependabot_alerts",
        &[
            ("empty.json", "tests/replies/dependabot_alerts/empty.json", "0 records"),
            (
                "error_403_disabled.json",
                "tests/replies/dependabot_alerts/error_403_disabled.json",
                "exit code 78",
            ),
            ("list_one_fixed.json", "tests/replies/dependabot_alerts/list_one_fixed.json", "1 record"),
            ("list_one_open.json", "tests/replies/dependabot_alerts/list_one_open.json", "1 record"),
        ],
    );
}

/// The headers of errors have templates for times; `errors/NAME.meta.json` has what decides, with times.
/// `paging::a_recorded_walk_is_followed_link_by_link` walks the trace.
#[test]
fn errors() {
    fixtures(
        FOLDER,
        "github_errors",
        &[
            ("link_pagination_trace.json", "tests/replies/recorded/link_pagination_trace.json", ""),
            (
                "primary_403_remaining_0.json",
                "tests/replies/errors/primary_403_remaining_0.json",
                "exit code 75",
            ),
            (
                "primary_403_remaining_0.meta.json",
                "tests/replies/recorded/primary_403_remaining_0.meta.json",
                "",
            ),
            (
                "secondary_403_body_marker_only.json",
                "tests/replies/errors/secondary_403_body_marker_only.json",
                "exit code 75",
            ),
            (
                "secondary_403_body_marker_only.meta.json",
                "tests/replies/recorded/secondary_403_body_marker_only.meta.json",
                "",
            ),
            (
                "secondary_429_no_retry_after.json",
                "tests/replies/errors/secondary_429_no_retry_after.json",
                "exit code 75",
            ),
            (
                "secondary_429_no_retry_after.meta.json",
                "tests/replies/recorded/secondary_429_no_retry_after.meta.json",
                "",
            ),
        ],
    );
}

/// `extractor::extractor` follows the link in the headers of the second one.
#[test]
fn workflow_runs() {
    fixtures(
        FOLDER,
        "github_workflow_runs",
        &[
            ("runs_branch_two.json", "tests/replies/workflow_runs/runs_branch_two.json", "2 records"),
            ("runs_branch_two.meta.json", "tests/replies/recorded/runs_branch_two.meta.json", ""),
            ("runs_per_page_1.json", "tests/replies/workflow_runs/runs_per_page_1.json", "1 record"),
            ("runs_per_page_1.meta.json", "tests/replies/recorded/runs_per_page_1.meta.json", ""),
        ],
    );
}
