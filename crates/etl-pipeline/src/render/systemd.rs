//! A service for each item and a timer for each service; a service for what runs when one has failed.

mod calendar;

use std::fmt::Write as _;
use std::time::Duration;

use etl_stream::Class;

use super::{AGAIN, Dialect, Job, Rendered, header, is_plain, lines_of, run, without_items};
use crate::matrix::Item;
use crate::model::{Retry, Settings};
use crate::plan::{Plan, Stage};

/// The variable that names a run, by which a load is known again.
const RUN: &str = "RUN_ID";

/// Codes without a class that are no better when tried again: a program's own, and those with which systemd says that it
/// found no program (203) or no credential (243).
const OTHERS: [u8; 4] = [1, 127, 203, 243];

/// How long a service may take, beyond the deadline of the pipeline, before systemd ends it.
const AROUND: Duration = Duration::from_mins(1);

/// Where files of the machine are.
const FOLDER: &str = "/etc/standpipe";

/// What no pipeline needs: another user, a writable system, devices, the kernel.
const LOCKED_UP: &str = "\
DynamicUser=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077
";

pub(super) fn render(job: &mut Job<'_>) -> Vec<Rendered> {
    let plan = job.plan;
    let pipeline = &plan.pipeline;
    job.no_window();
    job.no_bars();
    job.no_images();
    job.one_source();
    let settings = job.one_environment(plan.stages.iter());
    warn(job);
    let mut files = Vec::new();
    for item in pipeline.matrix.items() {
        let name = format!("{}{}", pipeline.name, item.suffix());
        files.push(Rendered { path: format!("{name}.service"), text: service(job, &name, &item, &settings) });
        if !pipeline.schedule.is_empty() {
            files.push(Rendered { path: format!("{name}.timer"), text: timer(job, &name) });
        }
    }
    if let Some(stage) = &plan.on_failure {
        let path = format!("{}-on-failure@.service", pipeline.name);
        files.push(Rendered { path, text: on_failure(job, stage) });
    }
    files
}

/// What is not as the file has it.
fn warn(job: &mut Job<'_>) {
    let pipeline = &job.plan.pipeline;
    let Retry { limit, wait, longest } = pipeline.retry;
    if limit == 0 {
        return;
    }
    if pipeline.lines.contains_key("retry") && longest > wait {
        let wait = wait.as_secs();
        job.warnings.add(
            pipeline.line("retry"),
            format!("before version 254 of systemd every wait is {wait} s; `longest` is of 254 and later"),
        );
    }
    if let Some(whole) = whole(job).filter(|_| !pipeline.schedule.is_empty()) {
        let gap = calendar::shortest_gap(&pipeline.schedule);
        if whole > gap {
            job.warnings.add(
                pipeline.line("deadline"),
                format!(
                    "all tries may take {} s, but the next start is due after {} s: slow tries then go on beyond `limit`, without `on-failure`; a shorter `deadline` or a smaller `limit` prevents it",
                    whole.as_secs(),
                    gap.as_secs()
                ),
            );
        }
    }
}

/// How long all tries together may take, if that is known.
fn whole(job: &Job<'_>) -> Option<Duration> {
    let Retry { limit, wait, longest } = job.plan.pipeline.retry;
    let waits: Duration = (0..limit).map(|n| longest.min(wait.saturating_mul(1 << n.min(16)))).sum();
    let deadline = job.plan.pipeline.deadline?;
    Some((deadline + AROUND) * (limit + 1) + waits)
}

fn service(job: &Job<'_>, name: &str, item: &Item, settings: &Settings) -> String {
    let plan = job.plan;
    let pipeline = &plan.pipeline;
    let Retry { limit, wait, longest } = pipeline.retry;
    let loads = plan.stages.iter().any(Stage::takes_load_id);
    let mut unit = header(plan);
    unit += &format!("[Unit]\nDescription={}\n", description(name, item));
    unit += "Wants=network-online.target\nAfter=network-online.target\n";
    if limit > 0 {
        // More starts than tries of one run are refused, and starts of the next run are not counted.
        let most = match pipeline.schedule.as_slice() {
            [] => whole(job).unwrap_or(Duration::from_hours(24)),
            schedule => calendar::shortest_gap(schedule) - Duration::from_secs(1),
        };
        unit += &format!("StartLimitIntervalSec={}\nStartLimitBurst={}\n", most.as_secs(), limit + 1);
    } else {
        unit += "StartLimitIntervalSec=0\n";
    }
    if plan.on_failure.is_some() {
        unit += &format!("OnFailure={}-on-failure@%N.service\n", pipeline.name);
    }
    unit += "\n[Service]\nType=oneshot\n";
    if limit > 0 {
        let permanent = Class::ALL.into_iter().map(Class::code).filter(|code| !AGAIN.contains(code));
        let mut codes: Vec<u8> = permanent.chain(OTHERS).collect();
        codes.sort_unstable();
        let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
        unit += &format!("Restart=on-failure\nRestartPreventExitStatus={}\n", codes.join(" "));
        unit += &format!("RestartSec={}\n", wait.as_secs());
        if longest > wait {
            // Each wait is about twice as long as the one before.
            let steps = (1..).find(|&n| wait * (1 << n) >= longest).unwrap_or(1);
            unit += &format!("RestartSteps={steps}\nRestartMaxDelaySec={}\n", longest.as_secs());
        }
    }
    if let Some(deadline) = pipeline.deadline {
        unit += &format!("TimeoutStartSec={}\n", (deadline + AROUND).as_secs());
    }
    unit += "# `standpipe` passes the signal on to the steps.\nKillMode=mixed\n";
    unit += &format!("StateDirectory={name}\nWorkingDirectory=%S/{name}\n");
    if loads {
        unit += "# The id of a run is that of its first try, which the folder keeps until the last one.\n";
        unit += &format!(
            "RuntimeDirectory={name}\nRuntimeDirectoryPreserve=restart\nEnvironmentFile=-%t/{name}/run\n"
        );
        unit += &format!(
            "ExecStartPre=/bin/sh -c 'test -s \"$$RUNTIME_DIRECTORY/run\" || echo \"{RUN}=$$INVOCATION_ID\" >\"$$RUNTIME_DIRECTORY/run\"'\n"
        );
    }
    let value = |name: &str| item.value(name).unwrap_or_default().to_owned();
    unit += &environment(plan, settings, &value);
    let placeholder = |name: &str| literal(&value(name));
    let dialect = Dialect { literal: &literal, placeholder: &placeholder };
    let load_id = |stage: &Stage| format!("{name}-${{{RUN}}}-{}", job.step_id(stage));
    let words: Vec<String> = run(plan, false, &load_id, dialect).iter().map(|text| word(text)).collect();
    unit += &format!("ExecStart=standpipe {}\n", lines_of(&words));
    unit + LOCKED_UP
}

fn timer(job: &Job<'_>, name: &str) -> String {
    let pipeline = &job.plan.pipeline;
    let mut unit = format!("{}[Unit]\nDescription=When {name} is started\n\n[Timer]\n", header(job.plan));
    for cron in &pipeline.schedule {
        for event in calendar::events(cron, &pipeline.timezone) {
            unit += &format!("OnCalendar={event}\n");
        }
    }
    // A start that was missed while the machine was off is made up for, once.
    unit + "Persistent=true\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n"
}

/// What is started with the name of the service that has failed as its instance.
fn on_failure(job: &Job<'_>, stage: &Stage) -> String {
    let mut unit = format!(
        "{}[Unit]\nDescription=What runs when %i has failed\n\n[Service]\nType=oneshot\n",
        header(job.plan)
    );
    unit += "TimeoutStartSec=300\nEnvironment=WORKFLOW_NAME=%i WORKFLOW_STATUS=Failed\n";
    let failures =
        r#"[{"displayName":"%i","phase":"Failed","message":"journalctl --unit %i.service says why"}]"#;
    let _ = writeln!(unit, "Environment='WORKFLOW_FAILURES={failures}'");
    unit += &environment(job.plan, &without_items(&stage.settings), &|_| String::new());
    let words: Vec<String> =
        stage.step.words.iter().map(|text| word(&text.fill(literal, |_| String::new()))).collect();
    unit += &format!("ExecStart={}\n", words.join(" "));
    unit + LOCKED_UP
}

/// Variables: literal ones, secrets as credentials where all components that read them take a file, and all else from a
/// file of the machine, which all units of the pipeline share.
fn environment(plan: &Plan, settings: &Settings, value: &dyn Fn(&str) -> String) -> String {
    let stages = plan.stages.iter().chain(&plan.on_failure);
    let mut lines = String::new();
    for variable in &settings.env {
        let text = variable.value.fill(str::to_owned, value).replace('%', "%%");
        lines += &format!("Environment={}\n", word(&c_escaped(&format!("{}={text}", variable.name))));
    }
    for (_, file) in &settings.env_from {
        lines += &format!("EnvironmentFile={FOLDER}/{file}.env\n");
    }
    // A foreign program that a secret is meant for has it among its own; one of a component is not its business.
    let takes_file = |name: &str| {
        let has = |settings: &Settings| settings.names().any(|(_, own)| own == name);
        let component = |stage: &&Stage| stage.component.is_some();
        let mut readers = stages.clone().filter(component).filter(|stage| has(&stage.settings)).peekable();
        let read = readers.peek().is_some();
        let foreign = stages.clone().filter(|stage| !component(stage)).any(|stage| has(&stage.step.settings));
        read && !foreign && readers.all(|stage| stage.takes_file(name))
    };
    let (files, others): (Vec<_>, Vec<_>) =
        settings.secrets.iter().partition(|secret| takes_file(&secret.name));
    let others: Vec<_> = settings.config.iter().chain(others).collect();
    if !others.is_empty() {
        for variable in others {
            lines += &format!("# {} ({})\n", variable.name, variable.value);
        }
        lines += &format!("EnvironmentFile={FOLDER}/{}.env\n", plan.pipeline.name);
    }
    for secret in files {
        let (name, reference) = (&secret.name, &secret.value);
        lines += &format!("LoadCredential={name}:{FOLDER}/{reference}\nEnvironment={name}_FILE=%d/{name}\n");
    }
    lines
}

/// What `systemctl status` shows.
fn description(name: &str, item: &Item) -> String {
    let text = if item.values.is_empty() { name.to_owned() } else { format!("{name} ({})", item.label()) };
    text.replace('%', "%%").replace('\\', "\\\\")
}

/// A text within double quotes, in a command: `%` and `$` are doubled.
fn literal(text: &str) -> String {
    c_escaped(text).replace('%', "%%").replace('$', "$$")
}

fn c_escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            '\n' => escaped += "\\n",
            '\t' => escaped += "\\t",
            c if c.is_control() => escaped += &format!("\\u{:04x}", u32::from(c)),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A word whose literal parts are escaped.
fn word(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { format!("\"{text}\"") }
}

#[cfg(test)]
mod tests;
