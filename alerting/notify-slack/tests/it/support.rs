//! A Slack that answers as told, and the binary that posts to it.

use std::path::{Path, PathBuf};

use etl_testkit::http::{Received, Reply, Script, Server};
use etl_testkit::run::{Cmd, Ran, golden};

pub(crate) use etl_testkit::load::{plain, printed, sealed, sealed_as, segments};

/// The path of a webhook: all of it is secret.
pub(crate) const PATH: &str = "/services/T0AAAAAAA/B0BBBBBBB/abcdefghijKLMNOPQRSTuvwx";
/// A bot's token.
pub(crate) const TOKEN: &str = "xoxb-1111-2222-s3cretS3cret";

/// A server in the place of Slack.
pub(crate) struct Slack {
    server: Server,
}

impl Slack {
    pub(crate) fn answers(script: impl Into<Script>) -> Slack {
        Slack { server: Server::start(script) }
    }

    /// One that takes everything.
    pub(crate) fn takes() -> Slack {
        Slack::answers(recorded(200, "webhook_200_ok.txt"))
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn webhook(&self) -> String {
        format!("{}{PATH}", self.server.url())
    }

    /// notify-slack with the webhook.
    pub(crate) fn notify(&self, args: &[&str]) -> Cmd {
        notify(args).env("SLACK_WEBHOOK_URL", self.webhook())
    }

    /// notify-slack with the Web API.
    pub(crate) fn notify_channel(&self, args: &[&str]) -> Cmd {
        notify(args).args(["--channel", "#alerts", "--api-url", &self.url()]).env("SLACK_BOT_TOKEN", TOKEN)
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.server.requests()
    }

    /// The payloads that arrived, a line each.
    pub(crate) fn payloads(&self) -> Vec<String> {
        let text = |request: Received| String::from_utf8(request.body).expect("UTF-8");
        self.server.requests().into_iter().map(text).collect()
    }

    /// The text of each payload.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |payload: &String| printed(payload)[0]["text"].as_str().expect("a text").to_owned();
        self.payloads().iter().map(text).collect()
    }

    /// Compares the payloads with a golden file, byte for byte.
    #[track_caller]
    pub(crate) fn sent(&self, name: &str) {
        golden(file("golden").join(name), &self.payloads().join("\n"));
    }
}

/// notify-slack without credentials; waits between attempts are asked for by the server, or short.
pub(crate) fn notify(args: &[&str]) -> Cmd {
    Cmd::new(env!("CARGO_BIN_EXE_notify-slack")).args(args)
}

/// A file beside these tests.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// A recorded answer.
pub(crate) fn recorded(status: u16, name: &str) -> Reply {
    let path = file("replies").join(name);
    let body = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if name.ends_with(".json") { Reply::json(status, &body) } else { Reply::text(status, &body) }
}

/// Asserts that a run failed with this code, and that its last line ends like this where the server's address is `HOST`;
/// that stdout is empty, and that no part of the webhook's address or the token is anywhere.
#[track_caller]
pub(crate) fn failed(ran: &Ran, code: i32, message: &str) {
    ran.fails(code);
    assert_eq!(hide_address(ran.last_error_line()), message);
    assert_eq!(ran.stdout, "");
    no_secret_in(ran);
}

/// The text with `HOST` for the server's address.
pub(crate) fn hide_address(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "HOST" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[track_caller]
pub(crate) fn no_secret_in(ran: &Ran) {
    for part in PATH.split('/').skip(2).chain([TOKEN, PATH, &PATH[1..]]) {
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.to_lowercase().contains(&part.to_lowercase()), "{part} in {text}");
        }
    }
}
