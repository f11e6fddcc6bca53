//! What `standpipe render` writes, given to the schedulers and run as they would.

mod compose;
mod cronjob;
mod pod;
mod shell;
mod systemd;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use etl_pipeline::{Cards, Operator, Options, Rendered, Steps, Target, parse, plan, render};

use crate::manifest::root;

/// Renders a pipeline to a target, with images of this tag.
fn rendered(target: Target, text: &str, tag: &str) -> Vec<Rendered> {
    let options = Options {
        registry: "standpipe".to_owned(),
        tag: tag.to_owned(),
        steps: Steps::Pipe,
        operator: Operator::Docker,
    };
    let rendering = parse("p.yaml", text)
        .and_then(|pipeline| plan(&pipeline, &Cards::embedded(), Some(target)))
        .and_then(|plan| render(&plan, &options));
    rendering.unwrap_or_else(|problems| panic!("{problems}")).files
}

/// Says that something was not tested, so that it is not captured as the test's output.
fn skipped(what: &str, why: &str) {
    writeln!(std::io::stderr(), "\nSKIPPED: {what}: {why}").expect("stderr");
}

/// A program of a package of Python, of this version, in an environment below the build's folder; `None` where pip cannot
/// get it.
fn of_python(package: &str, version: &str, program: &str) -> Option<PathBuf> {
    let folder = root().join("target/python").join(format!("{package}-{version}"));
    let path = folder.join("bin").join(program);
    if !path.is_file() {
        let works = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
        let made = works(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let pip = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:"];
        let package = format!("{package}=={version}");
        if !made || !works(Command::new(folder.join("bin/python3")).args(pip).arg(package)) {
            return None;
        }
    }
    path.is_file().then_some(path)
}
