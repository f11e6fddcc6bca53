//! A server in the place of the webhook, and the binary that posts to it.

use etl_testkit::http::{Received, Reply, Script, Server};
use etl_testkit::run::{Cmd, Ran};
use serde_json::Value;

pub(crate) use etl_testkit::load::{sealed, sealed_as};

/// The path of the webhook: all of it is secret.
pub(crate) const PATH: &str = "/hooks/0a1b2c3d4e5f6789";
/// What a header carries.
pub(crate) const TOKEN: &str = "Bearer s3cretS3cret";
/// A loader's receipt.
pub(crate) const RECEIPT: &str = r#"{"target":"weather","load_id":"night-1","mode":"upsert","records":4,"inserted":2,"updated":1,"unchanged":0,"rejected":0,"seconds":0.051,"pipeline":null}"#;

pub(crate) struct Webhook {
    server: Server,
}

impl Webhook {
    pub(crate) fn answers(script: impl Into<Script>) -> Webhook {
        Webhook { server: Server::start(script) }
    }

    /// One that takes everything.
    pub(crate) fn takes() -> Webhook {
        Webhook::answers(Reply::status(204))
    }

    pub(crate) fn address(&self) -> String {
        format!("{}{PATH}", self.server.url())
    }

    /// notify-webhook with the address.
    pub(crate) fn notify(&self, args: &[&str]) -> Cmd {
        notify(args).env("WEBHOOK_URL", self.address())
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.server.requests()
    }

    /// The bodies that arrived.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let text = |request: Received| String::from_utf8(request.body).expect("UTF-8");
        self.server.requests().into_iter().map(text).collect()
    }

    /// The one body that arrived, as JSON.
    #[track_caller]
    pub(crate) fn body(&self) -> Value {
        let bodies = self.bodies();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        serde_json::from_str(&bodies[0]).expect("JSON")
    }
}

/// notify-webhook without an address.
pub(crate) fn notify(args: &[&str]) -> Cmd {
    Cmd::new(env!("CARGO_BIN_EXE_notify-webhook")).args(args)
}

/// A stream of one receipt, with these fields in place of `rejected`, if there are any.
pub(crate) fn receipt(rest: &str) -> Vec<u8> {
    let line = match rest {
        "" => RECEIPT.to_owned(),
        rest => RECEIPT.replace(",\"rejected\":0", rest),
    };
    sealed_as("etl.receipt", "r", &[&line])
}

/// A stream that failed.
pub(crate) fn abort() -> String {
    "{\"_etl\":{\"v\":1,\"kind\":\"abort\",\"code\":77,\"message\":\"api.example: 401 <no> *key*\",\"step\":\"extract-x\",\
     \"log\":[\"warning: a\",\"error: 401\"]}}\n"
        .to_owned()
}

/// Asserts that a run failed with this code and last line, and shows no secret.
#[track_caller]
pub(crate) fn failed(ran: &Ran, code: i32, message: &str) {
    ran.fails(code);
    let port = |text: &str| text.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned();
    let line = match ran.last_error_line().split_once("127.0.0.1:") {
        Some((before, after)) => format!("{before}HOST{}", port(after)),
        None => ran.last_error_line().to_owned(),
    };
    assert_eq!(line, message);
    no_secret_in(ran);
}

#[track_caller]
pub(crate) fn no_secret_in(ran: &Ran) {
    for secret in [PATH, &PATH[7..], TOKEN, "s3cretS3cret", "hmac-key-1"] {
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
