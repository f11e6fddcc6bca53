//! What is the same for all extractors, and what becomes of each recorded reply.

use etl_testkit::extract::{Extractor, Key, Place};
use etl_testkit::http::Reply;

fn extractor() -> Extractor {
    Extractor {
        binary: env!("CARGO_BIN_EXE_extract-my-source"),
        folder: env!("CARGO_MANIFEST_DIR"),
        args: &["--symbol", "AAA", "--symbol", "BBB", "--base-url", "{url}"],
        replies: vec![
            Reply::json(200, include_str!("../replies/quote.json")),
            Reply::json(200, include_str!("../replies/quote_without_price.json")),
        ],
        schema: "my-source",
        key: Some(Key { names: &["MY_SOURCE_API_KEY"], place: Place::Bearer }),
    }
}

#[test]
fn it_does_what_every_extractor_does() {
    extractor().conforms();
}

#[test]
fn recorded_replies_become_the_records_beside_them() {
    extractor().golden("tests/replies", &["--symbol", "AAA", "--base-url", "{url}"], "1 symbol");
}
