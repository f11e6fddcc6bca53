//! Names and certificates inside an image that has no name-service modules and no shell.

use etl_testkit::docker::{Lab, docker};
use etl_testkit::http::{Reply, Server, TlsCert};
use etl_testkit::run::{Ran, temp_dir};

use crate::{LOCKED_UP, image, replies};

/// `extract-openweather current --city Paris` in its image with these options of `docker run` and arguments.
fn paris(lab: &Lab, options: &[&str], args: &[&str]) -> Ran {
    let key = ["-e", "OPENWEATHER_API_KEY=k3y"];
    let ask = ["current", "--city", "Paris", "--retries", "0"];
    lab.run(&[&LOCKED_UP[..], options, &key, &[&image("extract-openweather")], &ask, args].concat())
}

#[track_caller]
fn is_paris(ran: &Ran) {
    let lines = ran.ok().lines();
    assert_eq!(lines.len(), 3, "{}", ran.stdout);
    assert!(
        lines[1].starts_with(r#"{"location":"Paris","observed_at":"2018-12-07T15:00:00Z""#),
        "{}",
        lines[1]
    );
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn names_are_resolved_by_dns() {
    let lab = Lab::new();
    let network = lab.network();
    replies(&lab, &network);
    let at = |host: &str| format!("http://{host}:8080/data/2.5");
    is_paris(&paris(&lab, &["--network", &network], &["--allow-http", "--base-url", &at("replies")]));
    // A name that does not exist is reported as such, at once.
    let unknown = ["--allow-http", "--base-url", &at("nowhere.invalid")];
    let ran = paris(&lab, &["--network", &network], &unknown);
    assert!(ran.fails(75).last_error_line().contains("nowhere.invalid"), "{}", ran.stderr);
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn names_are_resolved_by_the_hosts_file() {
    let lab = Lab::new();
    let network = lab.network();
    let server = replies(&lab, &network);
    let format = "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = docker(["inspect", format, &server]).ok().stdout.trim().to_owned();
    let host = format!("--add-host=weather.test:{address}");
    let base = "http://weather.test:8080/data/2.5";
    is_paris(&paris(&lab, &["--network", &network, &host], &["--allow-http", "--base-url", base]));
    // DNS knows the name, of another host; the file takes precedence.
    let host = "--add-host=replies:127.0.0.1";
    let base = "http://replies:8080/data/2.5";
    let ran = paris(&lab, &["--network", &network, host], &["--allow-http", "--base-url", base]);
    assert!(ran.fails(75).stderr.contains("refused"), "{}", ran.stderr);
}

#[test]
#[ignore = "needs images: cargo xtask containers"]
fn a_private_authority_is_trusted_if_its_file_is_given() {
    let reply = std::fs::read_to_string(
        crate::manifest::root()
            .join("extractors/extract-openweather/tests/replies/current/paris_drizzle_no_cod_no_base.json"),
    );
    let (server, authority) =
        Server::start_tls(Reply::json(200, &reply.expect("a recorded reply")), TlsCert::Valid);
    let folder = temp_dir();
    std::fs::write(folder.path().join("ca.pem"), authority).expect("the folder is writable");
    let lab = Lab::new();
    // The server listens on loopback.
    let mount = format!("{}:/etc/private:ro", folder.path().display());
    let base = format!("https://localhost:{}", server.port());
    let options = ["--network=host", "-v", &mount];
    is_paris(&paris(&lab, &options, &["--base-url", &base, "--ca-file", "/etc/private/ca.pem"]));
    let variable = [&options[..], &["-e", "SSL_CERT_FILE=/etc/private/ca.pem"]].concat();
    is_paris(&paris(&lab, &variable, &["--base-url", &base]));
    paris(&lab, &options, &["--base-url", &base]).fails(76);
}
