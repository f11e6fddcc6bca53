//! `examples/`: extractors, a filter and a loader in other languages, beside the components that they stand for.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod extractors;
mod failures;
mod readers;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use etl_testkit::examples;
use etl_testkit::http::{Received, Reply, Server};
use etl_testkit::run::{Cmd, Ran};
use serde_json::{Value, json};

/// The two extractors: what runs them, without packages that are not of the language itself, and the file.
const EXTRACTORS: [&[&str]; 2] = [&["python3", "-I", "-S", "python/orders.py"], &["node", "node/orders.mjs"]];
const TOKEN: &str = "s3cret-of-the-shop";

fn folder() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples")).to_owned()
}

/// A program of the examples.
fn example(words: &[&str]) -> Cmd {
    let (file, program) = words.split_last().expect("a file");
    let cmd = Cmd::new(program[0]).args(&program[1..]).arg(folder().join(file));
    cmd.env("PYTHONDONTWRITEBYTECODE", "1")
}

/// An extractor that asks this address.
fn extractor(words: &[&str], url: &str) -> Cmd {
    example(words).env("SHOP_URL", url).env("SHOP_TOKEN", TOKEN)
}

/// `standpipe seal -- EXTRACTOR --plain`
fn wrapped(words: &[&str], url: &str) -> Cmd {
    let (file, program) = words.split_last().expect("a file");
    let seal = Cmd::bin("standpipe").args(["seal", "--schema"]).arg(folder().join("orders.json"));
    let seal = seal.arg("--").args(program).arg(folder().join(file)).arg("--plain");
    seal.env("SHOP_URL", url).env("SHOP_TOKEN", TOKEN)
}

/// A shop that tells what has changed after a change, two orders at a time.
struct Shop {
    server: Server,
    orders: Arc<Mutex<Vec<Value>>>,
}

impl Shop {
    fn new() -> Shop {
        let orders = Arc::new(Mutex::new(vec![
            order(1, 1, "Ada", "12.50", None),
            order(2, 2, "Blaise", "99999999.99", Some("ring \"twice\"")),
            order(3, 3, "Çelebi", "0.00", None),
        ]));
        let server = Server::answering("127.0.0.1:0", {
            let orders = Arc::clone(&orders);
            move |request| page(&orders.lock().expect("no panic"), request)
        });
        Shop { server, orders }
    }

    /// An order is changed, and one comes in.
    fn goes_on(&self) {
        let mut orders = self.orders.lock().expect("no panic");
        orders.remove(1);
        orders.push(order(2, 4, "Blaise", "80.00", None));
        orders.push(order(4, 5, "Dorothy", "7.25", Some("")));
    }

    fn url(&self) -> String {
        self.server.url()
    }

    /// What was asked of it.
    fn asked(&self) -> Vec<String> {
        self.server.requests().into_iter().map(|request| request.target).collect()
    }
}

fn order(id: u64, change: u64, customer: &str, total: &str, note: Option<&str>) -> Value {
    let changed_at = format!("2026-11-{change:02}T08:00:00Z");
    json!({"id": id, "change": change, "changed_at": changed_at, "customer": customer, "total": total, "note": note})
}

fn page(orders: &[Value], request: &Received) -> Reply {
    if request.header("Authorization") != Some(&format!("Bearer {TOKEN}")) {
        return Reply::json(401, "{}");
    }
    let after = request.target.strip_prefix("/orders?after=").and_then(|after| after.parse().ok());
    let Some(after): Option<u64> = after else { return Reply::json(404, "{}") };
    let mut orders: Vec<&Value> =
        orders.iter().filter(|order| order["change"].as_u64() > Some(after)).collect();
    let more = orders.len() > 2;
    orders.truncate(2);
    Reply::json(200, &json!({"orders": orders, "more": more}).to_string())
}

/// Asserts that the run failed with this code, told the next step so, and said that nothing is complete. Returns its message.
#[track_caller]
fn aborted(ran: &Ran, code: i32) -> String {
    ran.fails(code);
    let control = |line: &str| Some(serde_json::from_str::<Value>(line).ok()?.get("_etl")?.clone());
    let lines: Vec<Value> = ran.stdout.lines().filter_map(control).collect();
    assert!(lines.iter().all(|line| line["kind"] != "end"), "{}", ran.stdout);
    let abort = lines.last().unwrap_or(&Value::Null);
    assert_eq!((&abort["kind"], &abort["code"]), (&json!("abort"), &json!(code)), "{}", ran.stdout);
    abort["message"].as_str().expect("a message").to_owned()
}

#[test]
fn the_examples_of_their_readme_run_as_written() {
    let shop = Shop::new();
    let env = [("SHOP_URL", shop.url()), ("SHOP_TOKEN", TOKEN.to_owned())];
    let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
    let env = [&env[..], &[("PYTHONDONTWRITEBYTECODE", "1")]].concat();
    let binaries = ["standpipe", "load-postgres", "load-sqlite"];
    let ran = examples::run_beside(&[&folder()], folder().join("README.md"), &binaries, &env);
    assert_eq!(ran, 5);
}

#[test]
fn the_extractors_are_short_and_need_nothing_but_their_language() {
    for words in EXTRACTORS {
        let text = std::fs::read_to_string(folder().join(words.last().expect("a file"))).expect("a text");
        assert!(text.lines().count() < 50, "{words:?}");
    }
    let node = std::fs::read_to_string(folder().join("node/orders.mjs")).expect("a text");
    let imports: Vec<&str> = node.lines().filter(|line| line.starts_with("import ")).collect();
    assert_eq!(imports.len(), 3, "{imports:?}");
    assert!(imports.iter().all(|line| line.contains(" from \"node:")), "{imports:?}");
}
