//! What is in the images, and what is not.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use etl_testkit::docker::{Lab, docker};
use etl_testkit::run::Folder;
use serde_json::Value;

use crate::{LOCKED_UP, components, image, replies};

/// What the engine itself puts into a container.
const MOUNTED: [&str; 3] = ["dev/", "proc/", "sys/"];

/// `mode owner path` of everything in an image.
fn contents(lab: &Lab, image: &str) -> Vec<String> {
    let container = lab.create(&[image]);
    let mut export = Command::new("docker")
        .args(["export", &container])
        .stdout(Stdio::piped())
        .spawn()
        .expect("docker can be started");
    let list = Command::new("tar")
        .args(["--list", "--verbose", "--numeric-owner"])
        .stdin(export.stdout.take().expect("a pipe"))
        .output()
        .expect("tar can be started");
    assert!(export.wait().expect("docker ends").success() && list.status.success());
    let mounted = |path: &str| {
        let engine = [".dockerenv", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab"];
        engine.contains(&path) || MOUNTED.iter().any(|folder| path.starts_with(folder))
    };
    let mut contents = Vec::new();
    for line in String::from_utf8(list.stdout).expect("paths are texts").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let path = words[5..].join(" ");
        if !mounted(words[5]) {
            contents.push(format!("{} {} {path}", words[0], words[1]));
        }
    }
    contents.sort();
    contents
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn an_image_has_one_binary_the_roots_and_nothing_else() {
    let lab = Lab::new();
    for component in components() {
        let mut expected = vec![
            format!("-rwxr-xr-x 0/0 bin/{component}"),
            "-rw-r--r-- 0/0 etc/nsswitch.conf".to_owned(),
            "-rw-r--r-- 0/0 etc/ssl/certs/ca-certificates.crt".to_owned(),
            "drwxr-xr-x 0/0 bin/".to_owned(),
            "drwxr-xr-x 0/0 etc/".to_owned(),
            "drwxr-xr-x 0/0 etc/ssl/".to_owned(),
            "drwxr-xr-x 0/0 etc/ssl/certs/".to_owned(),
            "drwxr-xr-x 65532/65532 data/".to_owned(),
            "drwxrwxrwt 0/0 tmp/".to_owned(),
            format!("lrwxrwxrwx 0/0 entrypoint -> bin/{component}"),
        ];
        expected.sort();
        assert_eq!(contents(&lab, &image(&component)), expected);
    }
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn an_image_says_who_it_runs_as_what_it_runs_and_what_it_is() {
    for component in components() {
        let inspected = docker(["image", "inspect", &image(&component)]);
        let inspected: Value = serde_json::from_str(&inspected.ok().stdout).expect("JSON");
        let config = &inspected[0]["Config"];
        assert_eq!(config["User"], "65532:65532");
        assert_eq!(config["Entrypoint"], serde_json::json!(["/entrypoint"]));
        assert_eq!(config["WorkingDir"], "/data");
        let label = |name: &str| config["Labels"][format!("org.opencontainers.image.{name}")].clone();
        assert_eq!(label("title"), component);
        assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(label("licenses"), "Apache-2.0");
        assert_eq!(label("source"), env!("CARGO_PKG_REPOSITORY"));
        assert!(label("description").as_str().is_some_and(|text| text.len() > 10));
    }
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn every_component_runs_without_rights_a_network_or_a_writable_root() {
    let lab = Lab::new();
    for component in components() {
        let image = image(&component);
        let card = lab.run(&[&LOCKED_UP[..], &["--network=none", &image, "--describe"]].concat());
        let card: Value = serde_json::from_str(&card.ok().stdout).expect("a card");
        assert_eq!(card["name"], component);
    }
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn the_image_of_all_has_every_component_and_starts_standpipe() {
    let lab = Lab::new();
    let all = image("all");
    let contents = contents(&lab, &all);
    for component in components() {
        let path = format!("/bin/{component}");
        assert!(contents.contains(&format!("-rwxr-xr-x 0/0 {}", &path[1..])), "{contents:?}");
        let ran = lab.run(&[&LOCKED_UP[..], &["--entrypoint", &path, &all, "--version"]].concat());
        assert_eq!(ran.ok().stdout, format!("{component} {}\n", env!("CARGO_PKG_VERSION")));
    }
    let schema = lab.run(&[&all, "schema", "show", "openweather.current"]);
    let schema: Value = serde_json::from_str(&schema.ok().stdout).expect("a schema");
    assert_eq!(schema["x-postgres"]["table"], "openweather_current");
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn a_new_volume_is_the_users_and_joins_steps() {
    let lab = Lab::new();
    let network = lab.network();
    replies(&lab, &network);
    let volume = format!("{}:/data", lab.volume());
    let step = |component: &str, args: &[&str]| {
        let key =
            ["-e", "OPENWEATHER_API_KEY=k3y", "-e", "OPENWEATHER_BASE_URL=http://replies:8080/data/2.5"];
        let place = ["--network", &network, "-v", &volume, &image(component)];
        lab.run(&[&LOCKED_UP[..], &key, &place, args].concat())
    };
    let extract = |city: &str| {
        step("extract-openweather", &["current", "--allow-http", "--city", city, "--output", "now.ndjson"])
    };
    extract("Atlantis").fails(78);
    step("standpipe", &["verify", "now.ndjson"]).fails(66);
    extract("Munich").ok();
    // A failed run publishes nothing, and the older file stays.
    extract("Atlantis").fails(78);
    let load = ["--db", "weather.db", "--seal", "required", "--input", "now.ndjson"];
    let receipt = step("load-sqlite", &load);
    let receipt: Value = serde_json::from_str(receipt.ok().lines()[1]).expect("a receipt");
    assert_eq!((&receipt["records"], &receipt["inserted"]), (&1.into(), &1.into()));
    let receipt = step("load-sqlite", &load);
    let receipt: Value = serde_json::from_str(receipt.ok().lines()[1]).expect("a receipt");
    assert_eq!(receipt["already_loaded"], true);
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn one_binary_copied_into_another_image_is_enough() {
    let lab = Lab::new();
    let name = format!("{}-own", image("standpipe"));
    let dockerfile = format!(
        "FROM {}\nCOPY --from={} /bin/standpipe /usr/local/bin/\n",
        crate::services(),
        image("standpipe")
    );
    let mut build = Command::new("docker")
        .args(["build", "--quiet", "--force-rm", "--tag", &name, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker can be started");
    build.stdin.take().expect("a pipe").write_all(dockerfile.as_bytes()).expect("docker reads it");
    assert!(build.wait().expect("docker ends").success());
    let ran = lab.run(&[&name, "standpipe", "seal", "--", "printf", "{\"id\":1}\\n{\"id\":2}\\n"]);
    docker(["rmi", "-f", &name]);
    let lines = ran.ok().lines();
    assert_eq!(lines[1..3], ["{\"id\":1}", "{\"id\":2}"]);
    assert!(lines[3].contains("\"kind\":\"end\"") && lines[3].contains("\"records\":2"), "{}", lines[3]);
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn a_mounted_folder_is_read_with_zones_that_the_image_has_not() {
    let lab = Lab::new();
    let folder = Folder::new();
    // Its owner is not the user of the image.
    std::fs::set_permissions(folder.path(""), Permissions::from_mode(0o755)).expect("a folder of our own");
    folder.write("a.csv", "at\n2026-07-01 12:00:00\n");
    let schema = r#"{"type":"object","properties":{"at":{"type":"string","format":"date-time"}}}"#;
    folder.write(".at.schema.json", schema);
    let mounted = format!("{}:/in:ro", folder.path("").display());
    let image = image("extract-file");
    let typed = ["/in", "--schema", "/in/.at.schema.json", "--assume-zone", "Europe/Lisbon"];
    let ran = lab.run(&[&LOCKED_UP[..], &["-v", &mounted, &image], &typed].concat());
    assert_eq!(ran.ok().lines()[1], r#"{"at":"2026-07-01T11:00:00Z"}"#);
}
