use super::super::testing::{is_golden, is_refused};
use crate::Target::Shell;

const PIPELINE: &str = "\
name: treasury
schedule: \"0 18 * * 1-5\"
matrix: {what: [yield-curve, \"it's `$HOME` \\\"\\\\x -- \\\"|\\\" y\"]}
steps:
  - python3 fetch.py ${what} --since ${since} --until ${until}
  - {run: jq -c '.|$x', image: \"jq:1.7\"}
  - load-postgres --create --schema treasury.yield_curve
env: {TITLE: \"100 % $$ of ${what}\", EMPTY: \"\", ETL_LOG_LEVEL: info}
config: {DB_HOST: key-etl-variables/DB_HOST}
secrets: {POSTGRES_PASSWORD: postgres/PASSWORD, TOKEN: fetch/TOKEN}
env-from: [common]
on-failure:
  run: notify-slack
  secrets: {ALERT_WEBHOOK: slack/WEBHOOK}
deadline: 10m
retry: {limit: 3, wait: 10s, longest: 1m}
";

#[test]
fn each_item_is_a_call_of_standpipe_run() {
    is_golden(
        Shell,
        PIPELINE,
        &["treasury.sh"],
        &[(2, "no schedule"), (6, "`image` is not used"), (11, "does not read `common`")],
    );
    let short = "name: copy\nsteps: [extract-file meters.csv, load-sqlite --db meters.db --table meters]\n";
    is_golden(Shell, short, &["copy.sh"], &[]);
}

#[test]
fn what_one_environment_cannot_hold_is_refused() {
    is_refused(
        Shell,
        PIPELINE,
        &[
            ("load-postgres --create", "load-postgres --create --delimiter '|'", 7, "has no flag"),
            ("python3 fetch.py", "python3 fetch.py '|'", 5, "would end the step"),
            ("[yield-curve,", "[\"|\", yield-curve,", 5, "would end the step"),
            (
                "  run: notify-slack\n",
                "  run: notify-slack\n  env: {ETL_LOG_LEVEL: debug}\n",
                14,
                "another for another step",
            ),
        ],
    );
}
