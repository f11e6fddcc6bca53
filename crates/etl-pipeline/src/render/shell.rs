//! A script for a POSIX shell: `standpipe run` for each item, with the variables checked first.

use super::{AGAIN, Dialect, Job, Rendered, header, is_plain, lines_of, run};
use crate::matrix::Item;
use crate::model::{Retry, Settings, Variable, WINDOW};
use crate::plan::Stage;
use crate::words::{Text, quote};

/// The variable that names a run, by which a load is known again.
const RUN: &str = "RUN_ID";

const NEED: &str = r#"
missing=0
need() {
  [ -z "$2" ] || return 0
  echo "error: the variable $1 is not set ($3)" >&2
  missing=1
}
"#;

pub(super) fn render(job: &mut Job<'_>) -> Vec<Rendered> {
    let plan = job.plan;
    let pipeline = &plan.pipeline;
    let settings = job.one_environment(plan.stages.iter().chain(&plan.on_failure));
    job.one_source();
    job.no_bars();
    job.no_images();
    if pipeline.lines.contains_key("schedule") {
        job.warnings.add(pipeline.line("schedule"), "a script has no schedule: let cron or a timer run it");
    }
    for (line, name) in &settings.env_from {
        job.warnings
            .add(*line, format!("a script does not read `{name}`: its variables come with the environment"));
    }

    let of_item =
        |variable: &&Variable<Text>| variable.value.placeholders().any(|name| pipeline.matrix.has(name));
    let export = |item: &Item, variable: &Variable<Text>| {
        let value = variable.value.fill(literal, |name| placeholder(item, name));
        format!("export {}={}\n", variable.name, word(&value))
    };
    let mut script =
        format!("#!/bin/sh\n{}set -u\ntrap 'exit 130' INT\ntrap 'exit 143' TERM\n", header(plan));
    script += &needed(job, &settings);
    script += "\n# The same id to try a run again; without one it is a new run.\n";
    script += &format!("{RUN}=${{{RUN}:-$(date -u +%Y%m%dT%H%M%SZ)-$$}}\n");
    for variable in settings.env.iter().filter(|variable| !of_item(variable)) {
        script += &export(&Item::default(), variable);
    }
    script += &item_function(pipeline.retry);
    for item in pipeline.matrix.items() {
        let name = format!("{}{}", pipeline.name, item.suffix());
        script.push('\n');
        for variable in settings.env.iter().filter(of_item) {
            script += &export(&item, variable);
        }
        let placeholder = |name: &str| placeholder(&item, name);
        let dialect = Dialect { literal: &literal, placeholder: &placeholder };
        let load_id = |stage: &Stage| format!("{name}-${{{RUN}}}-{}", job.step_id(stage));
        let words: Vec<String> = run(plan, false, &load_id, dialect).iter().map(|text| word(text)).collect();
        script += &format!("item {name} standpipe {}\n", lines_of(&words));
    }
    if let Some(stage) = &plan.on_failure {
        script += &on_failure(&pipeline.name, stage);
    }
    script += "\nexit \"$code\"\n";
    vec![Rendered { path: format!("{}.sh", pipeline.name), text: script }]
}

/// A text within double quotes.
fn literal(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if matches!(c, '$' | '`' | '"' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A word whose literal parts are escaped.
fn word(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { format!("\"{text}\"") }
}

/// What stands for a placeholder: the item's value, or a variable for the ends of the interval.
fn placeholder(item: &Item, name: &str) -> String {
    match item.value(name) {
        Some(value) => literal(value),
        None if WINDOW.contains(&name) => format!("${{{}}}", name.to_uppercase()),
        None => String::new(),
    }
}

/// Checks that every variable which comes with the environment is there, before anything runs.
fn needed(job: &Job<'_>, settings: &Settings) -> String {
    let plan = job.plan;
    let mut calls = String::new();
    for end in plan.pipeline.window() {
        let name = end.to_uppercase();
        calls +=
            &format!("need {name} \"${{{name}:-}}\" 'an end of the interval whose data the run is for'\n");
    }
    for variable in settings.config.iter().chain(&settings.secrets) {
        let name = &variable.name;
        // A secret may be in a file.
        let file = plan.stages.iter().chain(&plan.on_failure).any(|stage| stage.takes_file(name));
        let other = if file { format!("${{{name}_FILE:-}}") } else { String::new() };
        calls += &format!("need {name} \"${{{name}:-{other}}}\" {}\n", quote(&variable.value.to_string()));
    }
    if calls.is_empty() { calls } else { format!("{NEED}{calls}[ \"$missing\" -eq 0 ] || exit 78\n") }
}

/// Runs an item, again if its exit code says so, and notes how it failed.
fn item_function(retry: Retry) -> String {
    let codes = AGAIN.map(|code| code.to_string()).join(" | ");
    let Retry { limit, wait, longest } = retry;
    let (wait, longest) = (wait.as_secs(), longest.as_secs());
    format!(
        r#"
code=0
failures=
item() {{
  name=$1 pause={wait} tries=0
  shift
  while :; do
    "$@" && return
    last=$?
    case $last in
      {codes}) [ "$tries" -lt {limit} ] || break ;;
      *) break ;;
    esac
    echo "$name: exit code $last, trying again in $pause s" >&2
    sleep "$pause"
    tries=$((tries + 1)) pause=$((pause * 2))
    [ "$pause" -le {longest} ] || pause={longest}
  done
  [ "$code" -ne 0 ] || code=$last
  failures="${{failures:+$failures,}}{{\"displayName\":\"$name\",\"phase\":\"Failed\",\"message\":\"exit code $last\"}}"
}}
"#
    )
}

/// What runs once, after all items.
fn on_failure(name: &str, stage: &Stage) -> String {
    let item = Item::default();
    let words =
        stage.step.words.iter().map(|text| word(&text.fill(literal, |name| placeholder(&item, name))));
    let words: Vec<String> = words.collect();
    format!(
        r#"
if [ "$code" -ne 0 ]; then
  export WORKFLOW_NAME={name} WORKFLOW_STATUS=Failed WORKFLOW_FAILURES="[$failures]"
  {} </dev/null >&2 || echo "warning: on-failure has failed" >&2
fi
"#,
        words.join(" ")
    )
}

#[cfg(test)]
mod tests;
