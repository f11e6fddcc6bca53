//! What is shipped: the default members of the workspace that have a binary.

use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::cargo;

/// A package with the binary of its name.
#[derive(Clone, Debug)]
pub struct Component {
    /// The name of the package and of its binary.
    pub name: String,
    /// The package's description.
    pub description: String,
}

/// The components, sorted by name; a new one appears by itself.
///
/// # Errors
/// If `cargo metadata` fails or prints something else.
pub fn all() -> anyhow::Result<Vec<Component>> {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--no-deps", "--locked", "--format-version", "1"]).current_dir(cargo::root());
    let output = metadata.output().context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    of(&serde_json::from_slice(&output.stdout)?)
}

/// The components in what `cargo metadata` printed, sorted by name.
///
/// # Errors
/// If it is something else.
pub fn of(metadata: &Value) -> anyhow::Result<Vec<Component>> {
    let list =
        |name: &str| metadata[name].as_array().with_context(|| format!("cargo metadata has no {name}"));
    let shipped = list("workspace_default_members")?;
    let mut components = Vec::new();
    for package in list("packages")?.iter().filter(|package| shipped.contains(&package["id"])) {
        let text = |field: &str| {
            package[field].as_str().map(str::to_owned).with_context(|| format!("a package without {field}"))
        };
        let name = text("name")?;
        let targets = package["targets"].as_array().into_iter().flatten();
        if targets.clone().any(|target| target["name"] == name.as_str() && target["kind"][0] == "bin") {
            components.push(Component { name, description: text("description")? });
        }
    }
    components.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(components)
}

#[cfg(test)]
mod tests {
    #[test]
    fn components_are_what_has_a_binary_and_is_shipped() {
        let names: Vec<String> = super::all().unwrap().into_iter().map(|component| component.name).collect();
        for name in [
            "extract-file",
            "extract-openweather",
            "load-postgres",
            "load-sqlite",
            "notify-slack",
            "standpipe",
        ] {
            assert!(names.contains(&name.to_owned()), "{names:?}");
        }
        for name in ["bench", "demo", "etl-load", "images", "stand-in", "xtask"] {
            assert!(!names.contains(&name.to_owned()), "{names:?}");
        }
    }
}
