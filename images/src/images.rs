//! Container images of the components: each has one static binary and Mozilla's roots, and no base image.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use etl_testkit::docker;

use xtask::cargo;
use xtask::components::{self, Component};

use crate::build::{self, Size};
use crate::context::BuildContext;
use crate::names::{ALL, STAND_IN, name};

/// The largest size of a component's image, in bytes, as a registry keeps and sends it.
const LIMIT: u64 = 5_000_000;

/// Fails if no engine answers.
pub(crate) fn engine() -> anyhow::Result<()> {
    docker::engine().map(drop).map_err(|error| anyhow::anyhow!("no Docker Engine answers: {error}"))
}

/// Builds the image of every component and the one with all of them, prints their sizes and fails if one is too big.
pub(crate) fn components(tag: &str) -> anyhow::Result<()> {
    make(tag, &[ALL], &components::all()?)
}

/// The same, and the image of the stand-ins.
pub(crate) fn with_stand_in(tag: &str) -> anyhow::Result<()> {
    make(tag, &[ALL, STAND_IN], &components::all()?)
}

/// The same of these components only.
pub(crate) fn named(tag: &str, names: &[&str]) -> anyhow::Result<()> {
    let components = components::all()?;
    let chosen = names.iter().map(|name| {
        let component = components.iter().find(|component| component.name == *name);
        component.cloned().with_context(|| format!("{name} is not a component"))
    });
    make(tag, &[], &chosen.collect::<anyhow::Result<Vec<Component>>>()?)
}

fn make(tag: &str, others: &[&str], components: &[Component]) -> anyhow::Result<()> {
    engine()?;
    let mut images = Vec::new();
    let binaries = if others.is_empty() {
        cargo::build_static(components.iter().map(|component| component.name.as_str()))?
    } else {
        // Always with the stand-in, so that every command that needs all of them builds the same and shares dependencies.
        let every = components::all()?;
        let binaries =
            cargo::build_static(every.iter().map(|component| component.name.as_str()).chain([STAND_IN]))?;
        for other in others {
            images.push(if *other == ALL { all(&every, &binaries)? } else { stand_in(&binaries)? });
        }
        binaries
    };
    for component in components {
        let mut context = BuildContext::new(&component.name)?;
        context.binary(&binaries, &component.name)?;
        context.entrypoint(&component.name)?;
        images.push((component.clone(), context));
    }
    // A build mostly waits for the disk, so all run at once.
    let sizes = std::thread::scope(|scope| {
        let builds = images.iter().map(|(what, context)| scope.spawn(|| build::run(context, what, tag)));
        let builds: Vec<_> = builds.collect();
        let sizes =
            builds.into_iter().map(|build| build.join().unwrap_or_else(|_| bail!("a build panicked")));
        sizes.collect::<anyhow::Result<Vec<Size>>>()
    })?;
    println!("{:<48} {:>14} {:>12}", "image", "compressed", "unpacked");
    let mut big = Vec::new();
    for ((what, _), size) in images.iter().zip(sizes) {
        println!("{:<48} {:>14} {:>12}", name(&what.name, tag), size.compressed, size.unpacked);
        if size.compressed > LIMIT && ![ALL, STAND_IN].contains(&what.name.as_str()) {
            big.push(what.name.as_str());
        }
    }
    ensure!(big.is_empty(), "over {LIMIT} bytes, compressed: {}", big.join(", "));
    Ok(())
}

fn all(components: &[Component], binaries: &Path) -> anyhow::Result<(Component, BuildContext)> {
    let mut context = BuildContext::new(ALL)?;
    for component in components {
        context.binary(binaries, &component.name)?;
    }
    context.entrypoint("standpipe")?;
    let description = "All components of Standpipe".to_owned();
    Ok((Component { name: ALL.to_owned(), description }, context))
}

/// The image of the stand-ins, with the recorded replies and what is expected of them.
fn stand_in(binaries: &Path) -> anyhow::Result<(Component, BuildContext)> {
    let mut context = BuildContext::new(STAND_IN)?;
    context.binary(binaries, STAND_IN)?;
    context.entrypoint(STAND_IN)?;
    context.folder("extractors/extract-openweather/demo", "replies")?;
    context.folder("compose/expected", "expected")?;
    let description = "Stand-ins for the compose run of Standpipe; for tests only".to_owned();
    Ok((Component { name: STAND_IN.to_owned(), description }, context))
}
