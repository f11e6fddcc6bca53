//! The extractors, into real tables, from where the last run ended.

use etl_testkit::http::{Reply, Script, Server};
use etl_testkit::postgres;
use etl_testkit::run::{Cmd, Folder, Signal, wait_until};
use serde_json::{Value, json};

use super::{EXTRACTORS, Shop, extractor, wrapped};

const ROWS: &str = "SELECT id, change, changed_at AT TIME ZONE 'UTC', customer, total, note, \
                    fetched_at > now() - interval '1 hour' FROM orders ORDER BY id";
const FIRST: [&str; 3] = [
    "1|1|2026-11-01 08:00:00|Ada|12.50|NULL|t",
    "2|2|2026-11-02 08:00:00|Blaise|99999999.99|ring \"twice\"|t",
    "3|3|2026-11-03 08:00:00|Çelebi|0.00|NULL|t",
];

/// Into PostgreSQL, twice; the second time with the state that the database kept.
fn pipeline(words: &[&str], make: fn(&[&str], &str) -> Cmd) {
    let (space, folder) = (postgres::Server::shared().space(), Folder::new());
    let shop = Shop::new();
    let load = |args: &str| {
        let cmd = Cmd::bin("load-postgres").words("--table orders --pipeline orders").words(args);
        space.env().into_iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value))
    };
    let cycle = |flag: &str| {
        let state = load("--print-state").words(flag).run();
        folder.write("after.json", &state.ok().stdout);
        let extract = make(words, &shop.url()).arg("--state").arg(folder.path("after.json"));
        let (extracted, loaded) =
            extract.pipe(load("--create --seal required --state-out").arg(folder.path("out.json")));
        extracted.ok();
        let receipt: Value = serde_json::from_str(loaded.ok().lines()[1]).unwrap();
        [&receipt["records"], &receipt["inserted"], &receipt["updated"]].map(|n| n.as_u64().unwrap())
    };

    assert_eq!(cycle("--allow-empty"), [3, 3, 0], "{words:?}");
    assert_eq!(space.rows(ROWS), FIRST, "{words:?}");
    assert_eq!(shop.asked(), ["/orders?after=0", "/orders?after=2"], "{words:?}");

    let mut asked = shop.asked();
    assert_eq!(cycle(""), [0, 0, 0], "{words:?}: nothing is new");
    asked.push("/orders?after=3".to_owned());
    assert_eq!((space.rows(ROWS).as_slice(), shop.asked()), (&FIRST.map(str::to_owned)[..], asked.clone()));

    shop.goes_on();
    assert_eq!(cycle(""), [2, 1, 1], "{words:?}: only what is new");
    asked.push("/orders?after=3".to_owned());
    assert_eq!(shop.asked(), asked, "{words:?}");
    let then = [
        FIRST[0],
        "2|4|2026-11-04 08:00:00|Blaise|80.00|NULL|t",
        FIRST[2],
        "4|5|2026-11-05 08:00:00|Dorothy|7.25||t",
    ];
    assert_eq!(space.rows(ROWS), then, "{words:?}");
    let kept: Value = serde_json::from_str(&folder.read("out.json")).unwrap();
    assert_eq!(kept, json!({"after": 5}), "{words:?}");
}

#[test]
fn they_seal_what_they_print_and_go_on_where_they_stopped() {
    for words in EXTRACTORS {
        pipeline(words, extractor);
    }
}

#[test]
fn wrapped_they_do_the_same() {
    for words in EXTRACTORS {
        pipeline(words, wrapped);
    }
}

#[test]
fn what_is_sealed_already_passes_the_wrapper_as_it_is() {
    let shop = Shop::new();
    for words in EXTRACTORS {
        let (file, program) = words.split_last().unwrap();
        let seal = Cmd::bin("standpipe").args(["seal", "--"]).args(program).arg(super::folder().join(file));
        let ran = seal.env("SHOP_URL", shop.url()).env("SHOP_TOKEN", super::TOKEN).run();
        let producer = format!("\"producer\": \"orders.{}\"", if words[0] == "node" { "mjs" } else { "py" });
        let begin = ran.ok().lines()[0].replace("\":\"", "\": \"");
        assert!(begin.contains(&producer), "{begin}");
        Cmd::bin("standpipe").args(["verify", "--seal", "required"]).stdin(&ran.stdout).run().ok();
    }
}

#[test]
fn one_that_is_killed_between_two_pages_loads_nothing_and_is_to_run_again() {
    let first = json!({"orders": [super::order(1, 1, "Ada", "12.50", None)], "more": true}).to_string();
    for (words, signal, code) in [(EXTRACTORS[0], Signal::KILL, 137), (EXTRACTORS[1], Signal::TERM, 143)] {
        let server = Server::start(Script::new().then(Reply::json(200, &first)).then(Reply::silence()));
        let folder = Folder::new();
        let (reader, writer) = std::io::pipe().unwrap();
        let extract = extractor(words, &server.url()).stdout_to(writer).spawn();
        let load = Cmd::bin("load-sqlite").args(["--table", "orders", "--db"]).arg(folder.path("shop.db"));
        let load = load.arg("--state-out").arg(folder.path("after.json")).stdin_from(reader).spawn();
        wait_until("the second page is asked for", || server.requests().len() == 2);
        extract.kill(signal);
        extract.finish().fails(code);
        let loaded = load.finish();
        assert!(loaded.fails(75).last_error_line().contains("without its `end`"), "{}", loaded.stderr);
        assert!(!folder.path("after.json").exists());
    }
}
