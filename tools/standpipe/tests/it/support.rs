//! What the tests of `standpipe` share.

use etl_stream::Digest;
use etl_testkit::run::{Cmd, Ran};

pub(crate) const BEGIN: &str =
    "{\"_etl\":{\"v\":1,\"kind\":\"begin\",\"id\":\"x\",\"producer\":\"standpipe/0.1.0\"}}\n";

pub(crate) fn standpipe<const N: usize>(args: [&str; N]) -> Cmd {
    Cmd::bin("standpipe").args(args)
}

/// `standpipe seal --id x -- sh -c SCRIPT`
pub(crate) fn seal(script: &str) -> Cmd {
    standpipe(["seal", "--id", "x", "--", "sh", "-c", script])
}

pub(crate) fn end(id: &str, records: u64, body: &str) -> String {
    let digest = Digest::of(body.as_bytes());
    let bytes = body.len();
    format!(
        "{{\"_etl\":{{\"v\":1,\"kind\":\"end\",\"id\":\"{id}\",\"records\":{records},\"bytes\":{bytes},\"sha256\":\"{digest}\"}}}}\n"
    )
}

/// A sealed segment: `fields` go into its `begin` after the id, `body` is what stands between.
pub(crate) fn segment(id: &str, fields: &str, records: u64, body: &str) -> String {
    format!(
        "{{\"_etl\":{{\"v\":1,\"kind\":\"begin\",\"id\":\"{id}\"{fields}}}}}\n{body}{}",
        end(id, records, body)
    )
}

/// Asserts that the run failed with this code, says so in an `abort` at the end of stdout, and wrote no `end`.
#[track_caller]
pub(crate) fn aborted(ran: &Ran, code: i32) {
    ran.fails(code);
    let last = ran.stdout.lines().last().unwrap_or_default();
    assert!(
        last.starts_with(&format!("{{\"_etl\":{{\"v\":1,\"kind\":\"abort\",\"code\":{code},")),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("\"kind\":\"end\""), "{}", ran.stdout);
}
