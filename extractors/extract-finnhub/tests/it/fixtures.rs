//! The replies that were collected for all extractors, beside the repository: each has an outcome here.

use std::fs;
use std::path::Path;

use etl_testkit::http::{Reply, Server};

use crate::extractor::run;

/// Each file, its status, and what becomes of it: the last price, or the exit code.
const OUTCOMES: [(&str, u16, Outcome); 5] = [
    ("aapl_2024_sample.json", 200, Outcome::Price("182.63")),
    ("aapl_docs_2020.json", 200, Outcome::Price("261.74")),
    ("error_429.json", 429, Outcome::Fails(75)),
    ("rubi_2020.json", 200, Outcome::Price("6.06")),
    ("unknown_symbol_zeros.json", 200, Outcome::Fails(78)),
];

enum Outcome {
    Price(&'static str),
    Fails(i32),
}

#[test]
fn each_collected_reply_has_the_outcome_that_its_page_documents() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/apis/fixtures/finnhub_quote");
    let Ok(files) = fs::read_dir(&folder) else {
        eprintln!("SKIPPED: without {} the collected replies were not run", folder.display());
        return;
    };
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, OUTCOMES.map(|(name, _, _)| name));
    for (name, status, outcome) in OUTCOMES {
        let reply = fs::read_to_string(folder.join(name)).unwrap();
        let server = Server::start(Reply::json(status, &reply));
        let args = ["quote", "--symbol", "S", "--deadline", "20s", "--base-url", &server.url()];
        let ran = run(&args);
        match outcome {
            Outcome::Price(price) => {
                assert!(
                    ran.ok().stdout.contains(&format!("\"last_price\":{price},")),
                    "{name}: {}",
                    ran.stdout
                );
            }
            Outcome::Fails(code) => {
                ran.fails(code);
            }
        }
        assert_eq!(server.requests().len(), 1, "{name}");
    }
}
