use super::*;

use std::collections::BTreeSet;

use serde_json::Value;
use xtask::components;

/// A package in a made workspace.
#[derive(Clone)]
struct Made {
    name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
    /// Names, each with the kind of the dependency.
    needs: &'static [(&'static str, Option<&'static str>)],
    /// Comes from a registry.
    foreign: bool,
}

const fn ours(name: &'static str, needs: &'static [(&'static str, Option<&'static str>)]) -> Made {
    Made { name, version: "0.1.0", features: &[], needs, foreign: false }
}

const fn foreign(name: &'static str) -> Made {
    Made { name, version: "1.0.0", features: &[], needs: &[], foreign: true }
}

/// Two extractors, one of them with HTTP; a library that embeds a folder; what makes images.
const PACKAGES: [Made; 10] = [
    ours("extract-file", &[("stream", None), ("testkit", Some("dev"))]),
    ours("extract-web", &[("http", None), ("testkit", Some("dev"))]),
    ours("http", &[("stream", None), ("ureq", None)]),
    ours("stream", &[("schema", None), ("gen", Some("build")), ("windows", None)]),
    ours("schema", &[]),
    ours("testkit", &[("http", None), ("postgres", None)]),
    ours("images", &[("testkit", None), ("roots", None), ("schema", Some("dev"))]),
    foreign("ureq"),
    foreign("gen"),
    foreign("roots"),
];

const MANIFEST: &str = "\
[workspace]
members = [\"*\"]
[workspace.dependencies]
ureq = \"1\"
[profile.dev]
opt-level = 1
[profile.image.package]
ureq.opt-level = 3
";

/// As cargo prints it for a workspace in this folder.
fn printed_by_cargo(root: &str, made: &[Made]) -> String {
    let source = |made: &Made| if made.foreign { json!("registry+x") } else { Value::Null };
    let id = |made: &Made| format!("{root}/{}#{}", made.name, made.version);
    let packages = made.iter().map(|one| {
        let file = |path: &str| format!("{root}/{}/{path}", one.name);
        let target = |kind: &str, path| json!({"kind": [kind], "name": one.name, "src_path": file(path)});
        let needs = one.needs.iter().map(|(name, kind)| json!({"name": name, "kind": kind}));
        json!({
            "id": id(one), "name": one.name, "version": one.version, "source": source(one), "description": "",
            "manifest_path": file("Cargo.toml"), "dependencies": needs.collect::<Value>(),
            "targets": [
                target(if one.name.contains('-') { "bin" } else { "lib" }, "src/it.rs"),
                target("custom-build", "build.rs"),
                target("test", "tests/it/main.rs"),
            ],
            "metadata": if one.name == "schema" { json!({"changed": {"inputs": ["../schemas"]}}) } else { Value::Null },
        })
    });
    let nodes = made.iter().map(|one| {
        // What another system needs is not among the packages.
        let known = |name: &str| made.iter().find(|other| other.name == name);
        let deps = one.needs.iter().filter_map(|(name, kind)| {
            known(name).map(|other| json!({"pkg": id(other), "dep_kinds": [{"kind": kind}]}))
        });
        json!({"id": id(one), "features": one.features, "deps": deps.collect::<Value>()})
    });
    let shipped: Vec<String> = made.iter().filter(|one| one.name.starts_with("extract-")).map(id).collect();
    let (packages, nodes): (Value, Value) = (packages.collect(), nodes.collect());
    let resolve = json!({"nodes": nodes});
    json!({"workspace_root": root, "workspace_default_members": shipped, "packages": packages, "resolve": resolve})
        .to_string()
}

fn made(packages: &[Made]) -> Workspace {
    Workspace::new(&printed_by_cargo("/here", packages), MANIFEST).unwrap()
}

/// The components and causes in short.
fn said(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|Change { component, cause }| format!("{component}: {cause}")).collect()
}

/// What a change of this file changes.
fn by_file(workspace: &Workspace, file: &str) -> Vec<String> {
    workspace.changes(workspace, &[PathBuf::from(file)]).into_iter().map(|change| change.component).collect()
}

/// What it changes that a package is not what it was.
fn by_package(name: &str, change: impl FnOnce(&mut Made)) -> Vec<String> {
    let mut packages = PACKAGES;
    change(packages.iter_mut().find(|made| made.name == name).unwrap());
    said(&made(&packages).changes(&made(&PACKAGES), &[]))
}

#[test]
fn a_file_changes_what_it_is_compiled_into() {
    let workspace = made(&PACKAGES);
    for file in
        ["stream/src/it.rs", "stream/src/a/new.rs", "stream/build.rs", "schema/src/it.rs", "schemas/a.json"]
    {
        assert_eq!(by_file(&workspace, file), ["extract-file", "extract-web"], "{file}");
    }
    for file in ["http/src/it.rs", "extract-web/src/it.rs"] {
        assert_eq!(by_file(&workspace, file), ["extract-web"], "{file}");
    }
    assert_eq!(by_file(&workspace, "images/src/it.rs"), ["extract-file", "extract-web"]);
    for file in [
        "README.md",
        "Cargo.lock",
        "docs/src/it.rs",
        "http/README.md",
        "http/Cargo.toml",
        "http/src/a/tests.rs",
        "http/src/a/tests/b.rs",
        "http/tests/it/main.rs",
        "http2/src/it.rs",
        "testkit/src/it.rs",
    ] {
        assert_eq!(by_file(&workspace, file), [""; 0], "{file}");
    }
}

#[test]
fn a_crate_changes_what_reaches_it() {
    assert_eq!(by_package("ureq", |ureq| ureq.version = "1.0.1"), ["extract-web: ureq 1.0.1 (registry+x)"]);
    assert_eq!(
        by_package("ureq", |ureq| ureq.features = &["gzip"]),
        ["extract-web: ureq 1.0.0 (registry+x)"]
    );
    assert_eq!(by_package("http", |http| http.needs = &[("stream", None)]), ["extract-web: http 0.1.0"]);
    // A dependency for the build is one, one for tests is none.
    assert_eq!(
        by_package("gen", |generator| generator.version = "1.0.1"),
        ["extract-file: gen 1.0.1 (registry+x)", "extract-web: gen 1.0.1 (registry+x)"]
    );
    assert_eq!(by_package("testkit", |testkit| testkit.needs = &[]), [""; 0]);
    assert_eq!(by_package("extract-web", |web| web.needs = &[("http", None)]), [""; 0]);
    // What an image has beside the binary.
    assert_eq!(
        by_package("roots", |roots| roots.version = "1.0.1"),
        ["extract-file: roots 1.0.1 (registry+x)", "extract-web: roots 1.0.1 (registry+x)"]
    );
}

#[test]
fn a_new_component_and_one_that_reaches_less_have_changed() {
    let before = made(&PACKAGES[1..]);
    assert_eq!(said(&made(&PACKAGES).changes(&before, &[])), ["extract-file: extract-file 0.1.0"]);
    assert_eq!(made(&PACKAGES[1..]).changes(&made(&PACKAGES), &[]), []);
    // The optional dependency of a crate from a registry is named only by the graph.
    let mut packages = PACKAGES;
    packages[7].needs = &[("gzip", None)];
    let (with, without) = (made(&[&packages[..], &[foreign("gzip")]].concat()), made(&PACKAGES));
    assert_eq!(said(&with.changes(&without, &[])), ["extract-web: gzip 1.0.0 (registry+x)"]);
    assert_eq!(said(&without.changes(&with, &[])), ["extract-web: without gzip 1.0.0 (registry+x)"]);
}

#[test]
fn the_profile_of_images_changes_all_of_them_and_others_none() {
    let workspace = |from, to| {
        Workspace::new(&printed_by_cargo("/here", &PACKAGES), &MANIFEST.replace(from, to)).unwrap()
    };
    let changes = |from, to| workspace(from, to).changes(&made(&PACKAGES), &[]);
    let cause = "how the workspace's Cargo.toml has everything compiled";
    assert_eq!(
        said(&changes("ureq.opt-level = 3", "ureq.opt-level = 2")),
        [format!("extract-file: {cause}"), format!("extract-web: {cause}")]
    );
    assert_eq!(changes("opt-level = 1", "opt-level = 2"), []);
    assert_eq!(changes("ureq = \"1\"", "ureq = \"1.0\""), []);
    assert_eq!(changes("[profile.dev]", "\n# Fast.\n[profile.dev]"), []);
}

#[test]
fn a_copy_elsewhere_is_the_same() {
    let there = Workspace::new(&printed_by_cargo("/tmp/x", &PACKAGES), MANIFEST).unwrap();
    assert_eq!(made(&PACKAGES).changes(&there, &[]), []);
}

/// The components that have a crate in their binary, as `cargo tree` says.
fn reach(name: &str) -> Vec<String> {
    let mut tree = Command::new(env!("CARGO"));
    tree.args([
        "tree",
        "--locked",
        "--workspace",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--invert",
        name,
    ]);
    let tree = printed(tree.current_dir(cargo::root())).unwrap();
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    all().into_iter().filter(|component| names.contains(component.as_str())).collect()
}

fn all() -> Vec<String> {
    components::all().unwrap().into_iter().map(|component| component.name).collect()
}

#[test]
fn in_this_workspace_a_file_changes_what_cargo_tree_says() {
    let workspace = read(cargo::root()).unwrap();
    for (file, expected) in [
        ("crates/etl-http/src/client.rs", reach("etl-http")),
        ("crates/etl-postgres/src/copy_in.rs", reach("etl-postgres")),
        ("crates/etl-load/src/load.rs", reach("etl-load")),
        ("schemas/rss.items.json", reach("etl-schema")),
        ("extractors/extract-rss/src/main.rs", vec!["extract-rss".to_owned()]),
        ("images/Dockerfile", all()),
        ("images/src/context.rs", all()),
        (".github/workflows/images.yml", all()),
        (".github/workflows/ci.yml", vec![]),
        ("docs/contract.md", vec![]),
        ("README.md", vec![]),
        ("Cargo.lock", vec![]),
        ("extractors/extract-rss/README.md", vec![]),
        ("extractors/extract-rss/tests/it/main.rs", vec![]),
        ("crates/etl-testkit/src/http.rs", vec![]),
        ("xtask/src/changed.rs", vec![]),
    ] {
        assert_eq!(by_file(&workspace, file), expected, "{file}");
    }
    let http = reach("etl-http");
    assert!(
        http.contains(&"notify-slack".to_owned()) && !http.contains(&"load-sqlite".to_owned()),
        "{http:?}"
    );
}

#[test]
fn in_this_workspace_a_bump_changes_what_cargo_tree_says() {
    let root = cargo::root();
    let (printed, manifest) = (metadata(root).unwrap(), fs::read_to_string(root.join("Cargo.toml")).unwrap());
    let now = Workspace::new(&printed, &manifest).unwrap();
    let bumped = |name: &str| {
        let mut metadata: Value = serde_json::from_str(&printed).unwrap();
        let mut packages = metadata["packages"].as_array_mut().unwrap().iter_mut();
        packages.find(|package| package["name"] == name).unwrap()["version"] = json!("99.0.0");
        let changes = Workspace::new(&metadata.to_string(), &manifest).unwrap().changes(&now, &[]);
        changes.into_iter().map(|change| change.component).collect::<Vec<String>>()
    };
    for name in ["ureq", "rusqlite", "quick-xml", "postgres", "cc", "clap_derive", "tempfile"] {
        assert_eq!(bumped(name), reach(name), "{name}");
    }
    assert_eq!(bumped("quick-xml"), ["extract-rss"]);
    assert_eq!(bumped("webpki-root-certs"), all());
}

/// The truth about what is compiled into a binary is what cargo writes beside it.
#[test]
fn no_file_that_is_compiled_into_a_component_is_missed() {
    let workspace = read(cargo::root()).unwrap();
    let (target, folder) = (cargo::target().unwrap(), cargo::built("debug").unwrap());
    for component in all() {
        // `cargo xtask test` has built it.
        let listed = fs::read_to_string(folder.join(&component).with_extension("d")).unwrap();
        let (_, files) = listed.trim().split_once(": ").unwrap();
        // What a build script writes is not a source.
        let sources = files.split(' ').map(Path::new).filter(|file| !file.starts_with(&target));
        let files: Vec<&Path> = sources.filter_map(|file| file.strip_prefix(cargo::root()).ok()).collect();
        assert!(files.contains(&Path::new("crates/etl-stream/src/lib.rs")), "{component}: {files:?}");
        for file in files {
            // A folder is listed for what may come into it.
            let file = if cargo::root().join(file).is_dir() { &file.join("new.json") } else { file };
            let changed = by_file(&workspace, file.to_str().unwrap());
            assert!(changed.contains(&component), "{} is not seen to be in {component}", file.display());
        }
    }
}

#[test]
fn a_commit_is_compared_with_the_work_tree() {
    let folder = std::env::temp_dir().join(format!("xtask-changed-test-{}", std::process::id()));
    let root = folder.join("a workspace");
    let write = |files: &[(&str, &str)]| {
        for (path, text) in files {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
    };
    let package = |name: &str, rest: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\ndescription = \"\"\nedition = \"2024\"\n{rest}"
        )
    };
    let library = "[dependencies]\nlibrary = {path = \"../../library\"}\n";
    write(&[
        (
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"library\", \"shipped/*\"]\ndefault-members = [\"shipped/*\"]\n",
        ),
        ("shipped/one/Cargo.toml", &package("one", library)),
        ("shipped/one/src/main.rs", "fn main() {}\n"),
        ("shipped/two/Cargo.toml", &package("two", "")),
        ("shipped/two/src/main.rs", "fn main() {}\n"),
        ("library/Cargo.toml", &package("library", "")),
        ("library/src/lib.rs", "\n"),
        (".gitignore", "/target\n"),
    ]);
    let commit = || {
        git(&root, &["add", "--all"]).unwrap();
        let who = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
        git(&root, &[&who[..], &["commit", "--quiet", "--message", "Test"]].concat()).unwrap();
    };
    let lock = || {
        printed(Command::new(env!("CARGO")).args(["generate-lockfile", "--offline"]).current_dir(&root))
            .unwrap()
    };
    let changed = |base: &str| said(&since(base, &root).unwrap());
    git(&root, &["init", "--quiet"]).unwrap();
    lock();
    commit();
    assert_eq!(changed("HEAD"), [""; 0]);

    write(&[
        ("library/README.md", "A page\n"),
        ("library/tests/it.rs", "\n"),
        ("target/library/src/lib.rs", "\n"),
    ]);
    assert_eq!(changed("HEAD"), [""; 0]);
    write(&[("library/src/new name.rs", "\n")]);
    assert_eq!(changed("HEAD"), ["one: library/src/new name.rs"]);
    commit();
    assert_eq!(changed("HEAD"), [""; 0]);
    assert_eq!(changed("HEAD~1"), ["one: library/src/new name.rs"]);

    fs::rename(root.join("shipped/two/src/main.rs"), root.join("shipped/two/src/moved.rs")).unwrap();
    write(&[(
        "shipped/two/Cargo.toml",
        &package("two", "[[bin]]\nname = \"two\"\npath = \"src/moved.rs\"\n"),
    )]);
    assert_eq!(changed("HEAD"), ["two: shipped/two/src/main.rs"]);
    git(&root, &["checkout", "--quiet", "."]).unwrap();
    fs::remove_file(root.join("shipped/two/src/moved.rs")).unwrap();

    write(&[("shipped/two/Cargo.toml", &package("two", "[features]\nmore = []\n"))]);
    assert_eq!(changed("HEAD"), ["two: two 0.1.0"]);
    commit();

    // What cannot be compared has changed.
    for base in ["", "--all", "no-such-branch", "0000000000000000000000000000000000000000", "HEAD:library"] {
        let changed = changed(base);
        let why = format!("{base:?} is not a known commit: git: fatal: ");
        assert!(changed.len() == 2 && changed[0].starts_with(&format!("one: {why}")), "{changed:?}");
        assert!(changed[1].starts_with(&format!("two: {why}")), "{changed:?}");
    }
    fs::remove_file(root.join("Cargo.lock")).unwrap();
    commit();
    lock();
    let unlocked = changed("HEAD");
    assert_eq!(unlocked.len(), 2, "{unlocked:?}");
    // Cargo may first say that it waits for another one.
    assert!(unlocked[0].starts_with("one: cannot read the workspace of HEAD: cargo: "), "{unlocked:?}");
    assert!(unlocked[0].contains("error: cannot create the lock file"), "{unlocked:?}");
    let left = std::env::temp_dir().read_dir().unwrap().filter_map(Result::ok).map(|entry| entry.file_name());
    let mine = format!("xtask-changed-{}", std::process::id());
    assert!(!left.into_iter().any(|name| name == mine.as_str()));
    fs::remove_dir_all(&folder).unwrap();
}
