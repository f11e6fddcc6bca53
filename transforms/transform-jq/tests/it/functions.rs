//! `hash` and `mask`, and the key of `hash`.

use etl_testkit::load::{plain, refused};
use etl_testkit::run::Folder;

use crate::support::{jq, lines, made};

const KEY: &str = "a key that is long";
/// `printf %s ada@example.org | openssl dgst -sha256 -hmac 'a key that is long'`
const HASHED: &str = "f262c033835c4d828f556ecc2938d826a7f1dda1859f6bb9d7b40829af471d4d";

#[test]
fn a_text_is_hashed_under_the_key() {
    let folder = Folder::new();
    folder.write("key", format!("{KEY}\n"));
    let hashed = format!("{{\"email\":\"{HASHED}\"}}");
    let run = |name: &str, value: &str| {
        let cmd = jq(".email |= hash").args(["--seal", "off"]).env(name, value).in_folder(folder.path(""));
        cmd.stdin(plain(&[r#"{"email":"ada@example.org"}"#, r#"{"email":null}"#])).run()
    };
    for ran in [run("HASH_KEY", KEY), run("HASH_KEY_FILE", "key")] {
        assert_eq!(lines(&ran), [&hashed, r#"{"email":null}"#]);
    }
}

#[test]
fn the_key_must_be_there_where_it_is_used_and_never_comes_out() {
    let run = |filter: &str, key: Option<&str>| {
        let cmd = jq(filter).args(["--seal", "off"]).stdin(plain(&[r#"{"a":"x","n":1}"#]));
        match key {
            Some(key) => cmd.env("HASH_KEY", key).run(),
            None => cmd.run(),
        }
    };
    refused(&run(".a |= hash", None), 78, "HASH_KEY is not set (the key of the function `hash`)");
    refused(&run(".a |= hash", Some("")), 78, "HASH_KEY");
    refused(&run(".a |= hash | foo", None), 2, "the function `foo` is not defined");
    assert_eq!(lines(&run(".", Some(""))), [r#"{"a":"x","n":1}"#]);
    assert_eq!(lines(&run("def hash: 1; .a |= hash", None)), [r#"{"a":1,"n":1}"#]);
    refused(&run(".n |= hash", Some(KEY)), 3, "cannot use 1 as text (`tostring` makes one)");
    refused(&run("hash(1)", Some(KEY)), 2, "the function `hash` with 1 argument is not defined");
    let ran = run(&format!(".a |= hash | error(\"{KEY}\")"), Some(KEY));
    refused(&ran, 3, "the filter: [redacted]");
}

#[test]
fn a_mask_keeps_the_last_characters() {
    for (filter, masked) in [
        (".p |= mask", r#"{"p":"**********","s":"12","n":null}"#),
        (".p |= mask(3)", r#"{"p":"*******567","s":"12","n":null}"#),
        (".s |= mask(3)", r#"{"p":"5551234567","s":"**","n":null}"#),
        (".n |= mask(3)", r#"{"p":"5551234567","s":"12","n":null}"#),
    ] {
        assert_eq!(made(filter, &[r#"{"p":"5551234567","s":"12","n":null}"#]), [masked]);
    }
    let ran = |filter: &str| jq(filter).args(["--seal", "off"]).stdin("{\"p\":\"5\"}\n").run();
    refused(&ran(".p |= mask(-1)"), 3, "the filter: mask(N) keeps a number of characters, not -1");
    refused(&ran(".p |= mask(\"1\")"), 3, "the filter: mask(N) keeps a number of characters, not \"1\"");
    refused(&ran("mask"), 3, "cannot use {\"p\":\"5\"} as text");
}

#[test]
fn stderr_and_debug_go_to_the_log() {
    let ran = |level: &str| {
        let cmd = jq(".a | stderr | debug | {a: .}").args(["--seal", "off", "--log-level", level]);
        let ran = cmd.stdin("{\"a\":\"x\"}\n").run();
        assert_eq!(lines(&ran), [r#"{"a":"x"}"#]);
        ran.stderr
    };
    assert_eq!(ran("info"), "x\n1 record in, 1 out\n");
    assert_eq!(ran("debug"), "x\ndebug: \"x\"\n1 record in, 1 out\n");
}
