//! What an image is made of, as `cargo metadata` says it, and whether that has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component as Part, Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};
use xtask::components;

/// The package that makes images of binaries.
const MAKER: &str = "images";

/// The kinds of targets that no binary is made of.
const TESTS: [&str; 3] = ["test", "bench", "example"];

/// Tables of the workspace's manifest that say nothing about an image which `cargo metadata` does not also say.
const ELSEWHERE: [&str; 3] = ["[workspace.", "[profile.dev", "[profile.demo"];

/// A component, and the first thing found that has changed in it.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    pub(super) component: String,
    pub(super) cause: String,
}

/// The packages of a workspace and of everything that they depend on.
pub(super) struct Workspace {
    components: Vec<String>,
    /// By what is stable between two copies of a workspace: name, version, and source if it has one.
    packages: BTreeMap<String, Package>,
    /// The part of the manifest that decides how everything is compiled.
    settings: String,
}

struct Package {
    name: String,
    /// What cargo says of it, without what only tests need.
    said: Value,
    /// Where its sources are, from the root; none for a package of a registry, which is the same for ever.
    sources: Vec<PathBuf>,
    /// What is linked into it, or runs when it is built.
    dependencies: Vec<String>,
    is_ours: bool,
}

impl Workspace {
    /// Reads what `cargo metadata` printed, and the manifest in the root.
    pub(super) fn new(metadata: &str, manifest: &str) -> anyhow::Result<Workspace> {
        let parsed: Value = serde_json::from_str(metadata)?;
        // A copy of the workspace says the same in another folder.
        let root = parsed["workspace_root"].to_string();
        let metadata: Value = serde_json::from_str(&metadata.replace(root.trim_matches('"'), ""))?;
        let list =
            |name: &str| metadata[name].as_array().with_context(|| format!("no {name} in the metadata"));
        let keys: BTreeMap<&str, String> =
            list("packages")?.iter().map(|package| (text(&package["id"]), key(package))).collect();
        let nodes = metadata["resolve"]["nodes"].as_array().context("no graph in the metadata")?;
        let nodes: BTreeMap<&str, &Value> = nodes.iter().map(|node| (text(&node["id"]), node)).collect();
        let mut packages = BTreeMap::new();
        for package in list("packages")? {
            // Without a node it belongs to another system.
            if let Some(node) = nodes.get(text(&package["id"])) {
                let dependencies = linked(node).filter_map(|id| keys.get(id).cloned()).collect();
                packages.insert(key(package), Package::new(package, node, dependencies));
            }
        }
        let components = components::of(&metadata)?.into_iter().map(|component| component.name).collect();
        Ok(Workspace { components, packages, settings: settings(manifest) })
    }

    /// Every component, for this cause.
    pub(super) fn all(&self, cause: &str) -> Vec<Change> {
        let change = |name: &String| Change { component: name.clone(), cause: cause.to_owned() };
        self.components.iter().map(change).collect()
    }

    /// The components that are not what they were, given the files that are not what they were.
    pub(super) fn changes(&self, before: &Workspace, files: &[PathBuf]) -> Vec<Change> {
        if self.settings != before.settings {
            return self.all("how the workspace's Cargo.toml has everything compiled");
        }
        let changed = |name: &String| {
            let cause = self.cause(name, before, files)?;
            Some(Change { component: name.clone(), cause })
        };
        self.components.iter().filter_map(changed).collect()
    }

    fn cause(&self, component: &str, before: &Workspace, files: &[PathBuf]) -> Option<String> {
        let (old, new) = (before.parts(component), self.parts(component));
        let file = files.iter().find(|file| new.iter().any(|key| self.packages[*key].has(file)));
        let differs = || {
            let said = |workspace: &Workspace, key: &str| {
                workspace.packages.get(key).map(|package| package.said.clone())
            };
            let differs = |key: &&String| !(old.contains(*key) && said(before, key) == said(self, key));
            new.iter().find(|key| differs(key)).map(|key| (*key).clone())
        };
        let gone = || old.difference(&new).next().map(|key| format!("without {key}"));
        file.map(|file| file.display().to_string()).or_else(differs).or_else(gone)
    }

    /// Everything that a component's image is made of: what its binary reaches, what makes the image, and what that
    /// takes from registries.
    fn parts(&self, component: &str) -> BTreeSet<&String> {
        let mut parts = BTreeSet::new();
        let mut next: Vec<&String> = self.ours(component).collect();
        while let Some(key) = next.pop() {
            if parts.insert(key) {
                next.extend(self.known(&self.packages[key].dependencies));
            }
        }
        for maker in self.ours(MAKER) {
            parts.insert(maker);
            let own = self.known(&self.packages[maker].dependencies);
            parts.extend(own.filter(|key| !self.packages[*key].is_ours));
        }
        parts
    }

    /// The workspace's package of this name.
    fn ours(&self, name: &str) -> impl Iterator<Item = &String> {
        self.packages
            .iter()
            .filter(move |(_, package)| package.is_ours && package.name == name)
            .map(|(key, _)| key)
    }

    fn known<'a>(&'a self, keys: &'a [String]) -> impl Iterator<Item = &'a String> {
        keys.iter().filter(|key| self.packages.contains_key(*key))
    }
}

impl Package {
    fn new(package: &Value, node: &Value, dependencies: Vec<String>) -> Package {
        let name = text(&package["name"]).to_owned();
        let is_ours = package["source"].is_null();
        if !is_ours {
            let said = node["features"].clone();
            return Package { name, said, sources: Vec::new(), dependencies, is_ours };
        }
        let folder = Path::new(text(&package["manifest_path"])).parent().unwrap_or(Path::new(""));
        let targets: Vec<&Value> =
            items(&package["targets"]).filter(|target| !TESTS.contains(&text(&target["kind"][0]))).collect();
        let source = |target: &&Value| {
            let file = Path::new(text(&target["src_path"]));
            let beside = file.parent().filter(|parent| *parent != folder);
            from_root(beside.unwrap_or(file))
        };
        // Paths of a package that says which files from outside of its folder it embeds.
        let inputs = items(&package["metadata"]["changed"]["inputs"]);
        let inputs = inputs.map(|input| from_root(&folder.join(text(input))));
        let sources = targets.iter().map(source).chain(inputs).collect();
        let mut said = package.clone();
        // Cargo finds a page by itself.
        for field in ["id", "metadata", "readme"] {
            said[field] = Value::Null;
        }
        said["dependencies"] =
            items(&package["dependencies"]).filter(|one| one["kind"] != "dev").cloned().collect();
        said["targets"] = targets.into_iter().cloned().collect();
        let said = json!({"package": said, "features": node["features"]});
        Package { name, said, sources, dependencies, is_ours }
    }

    /// Whether this file, from the root, is compiled into it. Modules of tests lie among its sources.
    fn has(&self, file: &Path) -> bool {
        let within = self.sources.iter().find_map(|source| file.strip_prefix(source).ok());
        within.is_some_and(|path| path.iter().all(|part| part != "tests" && part != "tests.rs"))
    }
}

/// The packages, by their ids, that a node of the graph is compiled with.
fn linked(node: &Value) -> impl Iterator<Item = &str> {
    let is_linked = |dep: &&Value| items(&dep["dep_kinds"]).any(|how| how["kind"] != "dev");
    items(&node["deps"]).filter(is_linked).map(|dep| text(&dep["pkg"]))
}

fn key(package: &Value) -> String {
    let source = package["source"].as_str().map(|source| format!(" ({source})")).unwrap_or_default();
    format!("{} {}{source}", text(&package["name"]), text(&package["version"]))
}

/// The lines of the workspace's manifest that decide how everything is compiled.
fn settings(manifest: &str) -> String {
    let mut counts = true;
    let lines = manifest.lines().map(str::trim).filter(|line| {
        if line.starts_with('[') {
            counts = !ELSEWHERE.iter().any(|table| line.starts_with(table));
        }
        counts && !line.is_empty() && !line.starts_with('#')
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// A path from the root, with its `..` resolved by name.
fn from_root(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, part| {
        match part {
            Part::ParentDir => drop(path.pop()),
            Part::Normal(name) => path.push(name),
            _ => {}
        }
        path
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
