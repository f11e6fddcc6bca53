//! `standpipe render`: a pipeline in a scheduler's own terms.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use etl_component::{Class, Context, Differs, Fault, Output, counted};
use etl_pipeline::{HEADER, Operator, Options, Rendered, Steps, Target, plan};

use crate::pipeline::{cards, files, refuse, target};

/// Flags of `render`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  standpipe render pipelines/ --to argo --out argo/
  standpipe render pipelines/ --to argo --out argo/ --check
  standpipe render weather.yaml --to airflow --operator docker --registry ghcr.io/me --out dags/")]
pub(crate) struct Args {
    /// Pipeline files, and folders of them (*.yaml, *.yml)
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
    /// The scheduler: argo, cronjob, airflow, compose, systemd or shell
    #[arg(long, value_name = "TARGET", value_parser = target, help_heading = "Target")]
    to: Target,
    /// The folder that the files are written to
    #[arg(long, value_name = "FOLDER", help_heading = "Output")]
    out: PathBuf,
    /// Write nothing, and exit with 1 if a file is not what would be written
    #[arg(long, help_heading = "Output")]
    check: bool,
    /// What the names of images begin with: REGISTRY/COMPONENT:TAG
    #[arg(long, value_name = "REGISTRY", default_value = "standpipe", value_parser = registry, help_heading = "Images")]
    registry: String,
    /// The tag of images; never `latest`
    #[arg(long, value_name = "TAG", default_value = env!("CARGO_PKG_VERSION"), value_parser = tag, help_heading = "Images")]
    tag: String,
    /// How Argo runs the steps: all in one container, or each in a pod of its own that hands over an artifact
    #[arg(long, value_enum, default_value_t = StepsArg::Pipe, help_heading = "Target")]
    steps: StepsArg,
    /// What Airflow runs the steps with
    #[arg(long, value_enum, default_value_t = OperatorArg::Kubernetes, help_heading = "Target")]
    operator: OperatorArg,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum StepsArg {
    Pipe,
    Artifacts,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum OperatorArg {
    Kubernetes,
    Docker,
}

fn registry(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    let ends = text.starts_with('/') || text.ends_with('/');
    if text.is_empty() || ends || !text.chars().all(plain) {
        return Err("expected a registry, such as ghcr.io/me".to_owned());
    }
    Ok(text.to_owned())
}

/// A tag (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests>).
fn tag(text: &str) -> Result<String, String> {
    if text == "latest" {
        return Err("`latest` is another image tomorrow: name a version".to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if !starts || text.len() > 128 || !text.chars().all(plain) {
        return Err("expected a tag: letters, digits, `.`, `_` and `-`".to_owned());
    }
    Ok(text.to_owned())
}

/// Runs `standpipe render`.
pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<String> {
    let options = Options {
        registry: args.registry.clone(),
        tag: args.tag.clone(),
        steps: match args.steps {
            StepsArg::Pipe => Steps::Pipe,
            StepsArg::Artifacts => Steps::Artifacts,
        },
        operator: match args.operator {
            OperatorArg::Kubernetes => Operator::Kubernetes,
            OperatorArg::Docker => Operator::Docker,
        },
    };
    let mut problems = Vec::new();
    let mut pipelines = Vec::new();
    for path in files::pipelines(&args.paths)? {
        match files::read(&path)? {
            Ok(pipeline) => pipelines.push(pipeline),
            Err(found) => problems.push(found),
        }
    }
    let cards = cards::of(&pipelines, context)?;
    let mut rendered: BTreeMap<String, (String, Rendered)> = BTreeMap::new();
    for pipeline in &pipelines {
        let rendering =
            plan(pipeline, &cards, Some(args.to)).and_then(|plan| etl_pipeline::render(&plan, &options));
        let rendering = match rendering {
            Ok(rendering) => rendering,
            Err(found) => {
                problems.push(found);
                continue;
            }
        };
        rendering.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        for file in rendering.files {
            if let Some((other, _)) = rendered.get(&file.path) {
                let message = format!("{} and {other} would both be {}", pipeline.file, file.path);
                return Err(Fault::config(message + ": name the pipelines differently").into());
            }
            rendered.insert(file.path.clone(), (pipeline.file.clone(), file));
        }
    }
    refuse(&problems)?;
    let files: Vec<&Rendered> = rendered.values().map(|(_, file)| file).collect();
    let differ: Vec<&Rendered> = files.iter().copied().filter(|file| differs(&args.out, file)).collect();
    let count = counted(files.len() as u64, "file", "files");
    if args.check {
        for file in &differ {
            log::error!("{} is not what would be rendered", args.out.join(&file.path).display());
        }
        let changed = counted(differ.len() as u64, "file differs", "files differ");
        return if differ.is_empty() {
            Ok(format!("{count} as rendered"))
        } else {
            Err(Differs(format!("{changed} from what is rendered: run `standpipe render` without --check"))
                .into())
        };
    }
    for file in &differ {
        ours(&args.out.join(&file.path))?;
    }
    for file in &differ {
        write(&args.out.join(&file.path), &file.text)?;
    }
    Ok(format!("{count} for {}, {} of them written", args.to.name(), differ.len()))
}

fn differs(out: &Path, file: &Rendered) -> bool {
    fs::read(out.join(&file.path)).ok().is_none_or(|there| there != file.text.as_bytes())
}

/// A file that somebody else wrote is not overwritten.
fn ours(path: &Path) -> Result<(), Fault> {
    match fs::read_to_string(path) {
        Ok(text) if !text.lines().take(3).any(|line| line.contains(HEADER)) => Err(Fault::config(format!(
            "{} was not rendered by standpipe: move it away first",
            path.display()
        ))),
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Fault> {
    let failed = |error| Fault::new(Class::Io, format!("cannot write {}", path.display())).because(error);
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    let mut file = Output::create(path)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.publish()?;
    if text.starts_with("#!") {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    Ok(())
}
