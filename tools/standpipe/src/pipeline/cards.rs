//! The cards of the components that pipelines name: built in, asked of a binary, or of an image.
//!
//! A program is asked only if it is named like a component. What an image says is kept in the cache of the user, for
//! machines that do not have the image.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etl_component::{Context, Fault};
use etl_pipeline::{Card, Cards, Pipeline, is_component_name};

use crate::programs::Programs;

/// All cards that are known for these pipelines.
///
/// # Errors
/// Those of [`Programs::new`].
pub(crate) fn of(pipelines: &[Pipeline], context: &Context) -> Result<Cards, Fault> {
    let steps = || pipelines.iter().flat_map(Pipeline::programs);
    let own = steps().filter(|step| step.image.is_none());
    let mut cards = here(&Programs::new()?, own.map(|step| OsStr::new(step.program())));
    let images: BTreeSet<(&str, &str)> = steps()
        .filter(|step| is_component_name(step.name()))
        .filter_map(|step| Some((step.image.as_deref()?, step.program())))
        .collect();
    let cache = cache(context);
    for (image, program) in images {
        if let Some(card) = of_image(image, program, cache.as_deref()) {
            cards.add_image(image, card);
        }
    }
    Ok(cards)
}

/// The cards of this version, and of those of these programs that are on this machine.
pub(crate) fn here<'p>(programs: &Programs, named: impl IntoIterator<Item = &'p OsStr>) -> Cards {
    let mut cards = Cards::embedded();
    let is_own = |program: &OsStr| {
        let name = Path::new(program).file_name().and_then(OsStr::to_str);
        name.is_some_and(|name| is_component_name(name) && !cards.names().any(|known| known == name))
    };
    let own: BTreeSet<&OsStr> = named.into_iter().filter(|program| is_own(program)).collect();
    for path in own.into_iter().filter_map(|program| programs.find(program, true)) {
        if let Some(card) = ask(Command::new(path)) {
            cards.add(card);
        }
    }
    cards
}

/// What a component says of itself.
fn ask(mut command: Command) -> Option<Card> {
    command.arg("--describe").stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok()?;
    output.status.success().then(|| read(&output.stdout)).flatten()
}

fn read(text: &[u8]) -> Option<Card> {
    Card::parse(std::str::from_utf8(text).ok()?).ok()
}

/// The card of a component in an image that is here, otherwise what it said when it was.
fn of_image(image: &str, program: &str, cache: Option<&Path>) -> Option<Card> {
    let mut docker = Command::new("docker");
    // An image that is not here is not fetched.
    docker.args(["run", "--rm", "--pull=never", "--network=none", "--entrypoint", program, image]);
    docker.arg("--describe").stdin(Stdio::null()).stderr(Stdio::null());
    let kept = cache.map(|folder| folder.join(format!("{}.json", file_name(&format!("{image} {program}")))));
    let output = docker.output().ok().filter(|output| output.status.success());
    if let Some(card) = output.as_ref().and_then(|output| read(&output.stdout)) {
        if let (Some(path), Some(output)) = (&kept, &output) {
            let folder = path.parent().unwrap_or(path);
            let written = fs::create_dir_all(folder).and_then(|()| fs::write(path, &output.stdout));
            if let Err(error) = written {
                log::warn!("the card of {image} is not kept: {}: {error}", path.display());
            }
        }
        return Some(card);
    }
    let card = read(&fs::read(kept?).ok()?)?;
    log::info!("the card of {image} is the one that was kept: the image is not here");
    Some(card)
}

/// A text as the name of a file.
fn file_name(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Where cards are kept (<https://specifications.freedesktop.org/basedir-spec/latest/>).
fn cache(context: &Context) -> Option<PathBuf> {
    let home = || Some(PathBuf::from(context.env.get("HOME")?).join(".cache"));
    let base = context.env.get("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
    base.is_absolute().then(|| base.join("standpipe/cards"))
}
