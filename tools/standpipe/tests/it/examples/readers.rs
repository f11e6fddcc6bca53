//! The filter and the loader, which must see through every fault that the components see through.

use etl_testkit::run::{Cmd, Folder, Ran, Signal};
use serde_json::json;

use super::{aborted, example, order};
use crate::support::{end, segment};

const FILTER: [&str; 2] = ["python3", "python/large_orders.py"];
const LOADER: [&str; 2] = ["python3", "python/load_orders.py"];

fn filter(least: &str) -> Cmd {
    example(&FILTER).arg(least)
}

/// A database of SQLite, and a file for the state.
struct Database(Folder);

impl Database {
    fn new() -> Database {
        Database(Folder::new())
    }

    fn loader(&self) -> Cmd {
        example(&LOADER).arg(self.0.path("shop.db")).arg(self.0.path("state.json"))
    }

    fn load(&self, stream: &str) -> Ran {
        self.loader().stdin(stream).run()
    }

    /// `id change customer total note` of each row.
    fn rows(&self) -> Vec<String> {
        let script = "import sqlite3, sys\n\
            for row in sqlite3.connect(sys.argv[1]).execute('SELECT * FROM orders ORDER BY id'): print(*row, sep='|')";
        let ran =
            Cmd::new("python3").args(["-c", script]).arg(self.0.path("shop.db")).env("PYTHONUTF8", "1").run();
        ran.ok().stdout.lines().map(str::to_owned).collect()
    }
}

fn line(id: u64, change: u64, customer: &str, total: &str) -> String {
    let mut order = order(id, change, customer, total, None);
    order["fetched_at"] = json!("2026-11-24T00:00:00Z");
    format!("{order}\n")
}

fn state(after: u64) -> String {
    format!("{{\"_etl\":{{\"v\":1,\"kind\":\"state\",\"value\":{{\"after\":{after}}}}}}}\n")
}

fn body() -> String {
    line(1, 1, "Ada", "12.50") + &line(2, 2, "Çelebi", "700") + &state(2)
}

fn row(id: u64, change: u64, customer: &str, total: &str) -> String {
    format!("{id}|{change}|2026-11-{change:02}T08:00:00Z|{customer}|{total}|None|2026-11-24T00:00:00Z")
}

#[test]
fn the_filter_passes_on_what_is_large_and_seals_it_anew() {
    let two = segment("a", ",\"schema\":\"x\"", 2, &body()) + "\n" + &segment("b", "", 0, "");
    let ran = filter("12.51").stdin(&two).run();
    let lines = ran.ok().lines();
    let passed = line(2, 2, "Çelebi", "700") + &state(2);
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[1..3].join("\n") + "\n", passed, "byte for byte");
    let verify = |stream: &str| {
        Cmd::bin("standpipe").args(["verify", "--seal", "required", "--json"]).stdin(stream).run()
    };
    let report: serde_json::Value = serde_json::from_str(&verify(&ran.stdout).ok().stdout).unwrap();
    assert_eq!(report["records"], 1, "{report}");
    assert_eq!(report["segments"][0]["schema"], "x", "{report}");
    assert_eq!(report["segments"][0]["producer"], "large_orders.py", "{report}");

    assert_eq!(filter("12.51").stdin(&two).run().stdout, ran.stdout, "the same input is the same segments");
    let other = filter("12.50").stdin(&two).run();
    assert_ne!(other.ok().lines()[0], lines[0]);
    aborted(&example(&FILTER).run(), 2);
    aborted(&filter("much").run(), 2);
    let bad = segment("a", "", 1, &line(1, 1, "Ada", "many"));
    assert_eq!(aborted(&filter("1").stdin(bad).run(), 3), "line 2: the total is not a decimal number");
}

#[test]
fn the_loader_keeps_the_newest_change_and_leaves_out_a_replay() {
    let database = Database::new();
    let first = segment("a", "", 2, &body());
    assert_eq!(database.load(&first).ok().stderr, "2 orders\n");
    assert_eq!(database.rows(), [row(1, 1, "Ada", "12.50"), row(2, 2, "Çelebi", "700")]);
    assert_eq!(database.0.read("state.json"), "{\"after\": 2}");

    let next = line(2, 4, "Çelebi", "650") + &line(3, 5, "Dorothy", "1") + &state(5);
    assert_eq!(database.load(&segment("b", "", 2, &next)).ok().stderr, "2 orders\n");
    let then = [row(1, 1, "Ada", "12.50"), row(2, 4, "Çelebi", "650"), row(3, 5, "Dorothy", "1")];
    assert_eq!(database.rows(), then);

    assert_eq!(database.load(&first).ok().stderr, "0 orders\n", "a replay");
    assert_eq!(database.load(&segment("c", "", 2, &body())).ok().stderr, "2 orders\n", "older changes");
    assert_eq!(database.rows(), then);
    let other = database.load(&segment("b", "", 1, &line(9, 9, "X", "1")));
    let said = "line 3: b was loaded before, with different content";
    assert_eq!(other.fails(3).last_error_line(), said);
    assert_eq!(database.rows(), then);
}

/// Streams that are not whole: what is wrong, the stream, and the exit code of a reader.
fn faults() -> Vec<(&'static str, Vec<u8>, i32)> {
    let whole = segment("a", "", 2, &body());
    let begin = whole.lines().next().unwrap().to_owned() + "\n";
    let after = |more: &str| whole.clone() + more;
    let inside = |body: &str| segment("a", "", 2, &(self::body() + body));
    let faults = [
        ("nothing", String::new(), 75),
        ("blank lines only", "\n\n".to_owned(), 75),
        ("no end", begin.clone() + &body(), 75),
        ("cut in a line", whole[..whole.len() / 2].to_owned(), 75),
        ("no newline at the end", whole.trim_end().to_owned(), 75),
        ("only a begin", begin.clone(), 75),
        ("a second segment without an end", after(&begin.replace("\"a\"", "\"b\"")), 75),
        ("a byte altered", whole.replace("12.50", "12.60"), 3),
        ("a record lost", whole.replace(&line(1, 1, "Ada", "12.50"), ""), 3),
        ("a blank line lost", segment("a", "", 2, &("\n".to_owned() + &body())).replace("\n\n", "\n"), 3),
        ("a record twice", whole.replace(&state(2), &(line(1, 1, "Ada", "12.50") + &state(2))), 3),
        ("another count", whole.replace("\"records\":2", "\"records\":1"), 3),
        ("another length", whole.replace(",\"bytes\":", ",\"bytes\":1"), 3),
        ("another digest", whole.replace("\"sha256\":\"", "\"sha256\":\"0"), 3),
        ("no count", whole.replace("\"records\":2,", ""), 3),
        ("the end of another segment", begin.clone() + &body() + &end("b", 2, &body()), 3),
        ("the same id twice", after(&whole), 3),
        ("a begin inside", begin.clone() + &whole, 3),
        ("a record outside", after(&line(3, 3, "B", "1")), 3),
        ("a state outside", after(&state(9)), 3),
        ("an end outside", after(&end("a", 0, "")), 3),
        ("an unknown kind", begin.clone() + &state(2).replace("state", "done"), 3),
        ("another version", begin.clone() + &state(2).replace("\"v\":1", "\"v\":2"), 3),
        ("_etl in a record", inside("{\"id\":1,\"_etl\":{}}\n"), 3),
        ("a key twice", inside("{\"id\":1,\"total\":\"1\",\"id\":1}\n"), 3),
        ("NaN", inside("{\"total\":NaN}\n"), 3),
        ("a list", inside("[]\n"), 3),
        ("two objects", inside("{} {}\n"), 3),
        ("aborted", begin.clone() + &body() + &abort(77), 77),
        ("aborted after a whole segment", after(&abort(78)), 78),
        ("aborted before anything", abort(2), 2),
        ("aborted by a signal", after(&abort(143)), 143),
        ("aborted with success", after(&abort(0)), 3),
        ("aborted with a code of its own", after(&abort(99)), 3),
    ];
    let mut faults: Vec<_> =
        faults.into_iter().map(|(what, stream, code)| (what, stream.into_bytes(), code)).collect();
    let latin = [begin.as_bytes(), b"{\"total\":\"\xe9\"}\n"].concat();
    faults.push(("not UTF-8", latin, 3));
    faults
}

fn abort(code: i32) -> String {
    format!("{{\"_etl\":{{\"v\":1,\"kind\":\"abort\",\"code\":{code},\"message\":\"why\"}}}}\n")
}

#[test]
fn what_is_not_whole_is_neither_passed_on_nor_loaded() {
    let database = Database::new();
    let before = [row(7, 7, "Grace", "7")];
    database.load(&segment("before", "", 1, &(line(7, 7, "Grace", "7") + &state(7)))).ok();
    let files = Folder::new();
    for (what, stream, code) in faults() {
        let from_pipe = |cmd: Cmd| cmd.stdin(&stream).run();
        let judge = from_pipe(Cmd::bin("standpipe").args(["verify", "--seal", "required"]));
        judge.fails(code);

        let passed = from_pipe(filter("0"));
        assert_eq!(passed.code, code, "{what}: {}", passed.stderr);
        let next = Cmd::bin("standpipe").args(["verify", "--seal", "required"]).stdin(&passed.stdout).run();
        assert_eq!(next.code, code, "{what}: {}", passed.stdout);

        let loaded = from_pipe(database.loader());
        assert_eq!(loaded.code, code, "{what}: {}", loaded.stderr);
        assert_ne!(loaded.last_error_line(), "", "{what}");
        assert_eq!(database.rows(), before, "{what}");
        assert_eq!(database.0.read("state.json"), "{\"after\": 7}", "{what}");

        // Another run mends a pipe that was cut short, but not a file.
        if code == 75 {
            files.write("stream", &stream);
            assert_eq!(database.loader().stdin_file(files.path("stream")).run().code, 3, "{what}");
        }
    }
}

#[test]
fn a_record_that_the_table_refuses_loads_nothing() {
    let database = Database::new();
    let good = line(1, 1, "Ada", "12.50");
    for (from, to, says) in [
        ("\"id\":1", "\"id\":\"one\"", "line 3: cannot store TEXT value in INT column orders.id"),
        ("\"id\":1", "\"id\":null", "line 3: NOT NULL constraint failed: orders.id"),
        (
            "\"id\":1",
            "\"id\":99999999999999999999",
            "line 3: Python int too large to convert to SQLite INTEGER",
        ),
        ("\"customer\"", "\"costumer\"", "line 3: unknown field costumer"),
        ("\"12.50\"", "null", "line 3: NOT NULL constraint failed: orders.total"),
        ("\"Ada\"", "[\"Ada\"]", "line 3: Error binding parameter"),
        ("\"Ada\"", "\"\\ud800\"", "line 3: 'utf-8' codec can't encode character"),
    ] {
        let bad = good.replace(from, to);
        let ran = database.load(&segment("a", "", 2, &(line(2, 2, "B", "1") + &bad)));
        assert!(ran.fails(3).last_error_line().starts_with(says), "{}", ran.stderr);
    }
    database.load(&segment("a", "", 0, "")).ok();
    assert_eq!(database.rows(), [""; 0]);
}

#[test]
fn a_loader_that_is_killed_has_loaded_nothing() {
    let database = Database::new();
    database.load(&segment("a", "", 0, "")).ok();
    let whole = segment("b", "", 2, &body());
    let cut = whole.find("{\"_etl\":{\"v\":1,\"kind\":\"end\"").unwrap();
    let running = database.loader().waiting(&whole[..cut]);
    running.kill(Signal::KILL);
    running.finish().fails(137);
    assert_eq!(database.rows(), [""; 0]);
    database.load(&whole).ok();
    assert_eq!(database.rows(), [row(1, 1, "Ada", "12.50"), row(2, 2, "Çelebi", "700")]);
}
