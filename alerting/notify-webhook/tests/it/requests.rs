//! What a request is made of, and what replies mean.

use etl_testkit::http::{Reply, Script};
use etl_testkit::run::temp_dir;
use ring::hmac;

use crate::support::{PATH, TOKEN, Webhook, abort, failed, no_secret_in, notify, receipt, sealed};

#[test]
fn the_body_is_signed() {
    let webhook = Webhook::takes();
    let ran = webhook.notify(&[]).env("WEBHOOK_HMAC_KEY", "hmac-key-1").stdin(receipt("")).run();
    assert_eq!(ran.ok().stderr, "posted 1 message for 1 of 1 record\n");
    let request = webhook.requests().remove(0);
    let signature =
        request.header("x-signature-256").expect("a signature").strip_prefix("sha256=").expect("its kind");
    assert_eq!(signature.len(), 64);
    let bytes: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&signature[2 * at..2 * at + 2], 16).expect("hexadecimal digits"))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"hmac-key-1");
    hmac::verify(&key, &request.body, &bytes).expect("the signature of the body");
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", PATH));
    assert_eq!(request.header("content-type"), Some("application/json"));
    no_secret_in(&ran);

    let webhook = Webhook::takes();
    webhook.notify(&[]).stdin(receipt("")).run().ok();
    assert_eq!(webhook.requests()[0].header("x-signature-256"), None);
}

#[test]
fn method_and_headers_are_as_asked() {
    let webhook = Webhook::takes();
    let args = ["--method", "PUT", "--header", "X-Team: data", "--header", "Title: a: b"];
    let ran = webhook.notify(&args).env("WEBHOOK_SECRET", TOKEN).stdin(receipt("")).run();
    ran.ok();
    let folder = temp_dir();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).expect("the folder is writable");
    let named = ["--secret-header", "X-Api-Key", "--method", "PATCH"];
    webhook.notify(&named).env("WEBHOOK_SECRET_FILE", &file).stdin(receipt("")).run().ok();
    let requests = webhook.requests();
    let header = |at: usize, name: &str| requests[at].header(name);
    assert_eq!(requests[0].method, "PUT");
    assert_eq!(
        [header(0, "x-team"), header(0, "title"), header(0, "authorization")],
        [Some("data"), Some("a: b"), Some(TOKEN)]
    );
    assert_eq!(requests[1].method, "PATCH");
    assert_eq!([header(1, "x-api-key"), header(1, "authorization")], [Some(TOKEN), None]);
}

#[test]
fn an_address_may_have_a_query_that_nobody_sees() {
    let webhook = Webhook::answers(Reply::text(400, "bad sig=5ecretSignature0"));
    let address = format!("{}?api-version=1&sig=5ecretSignature0", webhook.address());
    let ran = notify(&["--log-level", "trace"]).env("WEBHOOK_URL", address).stdin(receipt("")).run();
    ran.fails(78);
    assert!(!ran.stderr.contains("5ecretSignature0") && ran.stderr.contains("[redacted]"), "{}", ran.stderr);
    assert!(webhook.requests()[0].target.ends_with("?api-version=1&sig=5ecretSignature0"));
}

#[test]
fn replies_mean_what_they_always_mean() {
    for (reply, code, message, requests) in [
        (Reply::text(404, "no such hook"), 78, "HOST: 404 Not Found: no such hook", 1),
        (Reply::text(401, "who?"), 77, "HOST: 401 Unauthorized: who?", 1),
        (Reply::status(503), 75, "HOST: 503 Service Unavailable after 2 attempts in 0 s", 2),
        (Reply::status(429).header("Retry-After", "9999"), 75, "HOST: 429 Too Many Requests; retry_at", 1),
    ] {
        let webhook = Webhook::answers(reply);
        let ran = webhook.notify(&["--retries", "1"]).stdin(receipt("")).run();
        ran.fails(code);
        let hidden = ran
            .last_error_line()
            .replace(&webhook.address()[7..webhook.address().len() - PATH.len()], "HOST");
        assert!(hidden.starts_with(message), "{hidden}");
        assert_eq!(webhook.requests().len(), requests);
        no_secret_in(&ran);
    }
}

#[test]
fn a_message_that_is_sent_again_is_the_same() {
    let script = Script::new().then(Reply::status(503)).then(Reply::status(200));
    let webhook = Webhook::answers(script);
    webhook.notify(&["--as", "cloudevents"]).stdin(receipt("")).run().ok();
    let bodies = webhook.bodies();
    assert_eq!((bodies.len(), &bodies[0]), (2, &bodies[1]));
}

#[test]
fn a_failure_that_cannot_be_posted_names_both_causes() {
    let webhook = Webhook::answers(Reply::text(410, "gone"));
    let ran = webhook.notify(&[]).stdin(abort()).run();
    let cause =
        "the producer failed: api.example: 401 <no> *key*; posting this failed, too: HOST: 410 Gone: gone";
    failed(&ran, 77, cause);
}

#[test]
fn a_message_in_the_middle_is_refused() {
    let script = Script::new().then(Reply::status(200)).then(Reply::text(404, "no"));
    let webhook = Webhook::answers(script);
    let stream = sealed("a", &[r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
    let ran = webhook.notify(&["--template", "{{ n }}"]).stdin(stream).run();
    failed(&ran, 78, "1 of 3 messages were posted: HOST: 404 Not Found: no");
    assert_eq!(webhook.bodies(), ["1", "2"]);
}

#[test]
fn no_secret_is_in_a_message() {
    let webhook = Webhook::takes();
    let address = webhook.address();
    let record = format!(r#"{{"url":"{address}","token":"{TOKEN}"}}"#);
    let receipt =
        format!(r#"{{"target":"{TOKEN}","records":1,"unknown_fields":["{TOKEN}"],"load_id":"{TOKEN}"}}"#);
    let abort = format!(
        r#"{{"_etl":{{"v":1,"kind":"abort","code":3,"message":"{address}","step":"{TOKEN}","pipeline":"{TOKEN}","table":"{TOKEN}","log":["{TOKEN}"]}}}}"#
    );
    let receipts = etl_testkit::load::sealed_as("etl.receipt", "r", &[&receipt]);
    for form in ["json", "cloudevents", "openlineage", "alertmanager", "ping", "teams", "discord"] {
        let named = ["--as", form, "--pipeline", "p"];
        for stream in [sealed("a", &[&record]), receipts.clone(), format!("{abort}\n").into_bytes()] {
            let ran = webhook.notify(&named).env("WEBHOOK_SECRET", TOKEN).stdin(stream).run();
            no_secret_in(&ran);
        }
        let workflow = ["--workflow-name", TOKEN, "--workflow-status", "Failed", "--workflow-failures"];
        let failures =
            format!(r#"[{{"displayName":"{TOKEN}","message":"{address}"}},{{"displayName":"{TOKEN}"}}]"#);
        webhook.notify(&["--as", form]).args(workflow).arg(failures).env("WEBHOOK_SECRET", TOKEN).run().ok();
    }
    let template = r#"{"a":"{{ url }} {{ token | safe }}","b":{{ record | tojson }}}"#;
    webhook
        .notify(&["--template", template])
        .env("WEBHOOK_SECRET", TOKEN)
        .stdin(sealed("a", &[&record]))
        .run()
        .ok();
    let bodies = webhook.bodies();
    assert_eq!(bodies.len(), 29);
    // Some forms have no text of a record that they could show.
    assert!(bodies.iter().filter(|body| body.contains("[redacted]")).count() >= 24);
    for body in bodies {
        assert!(!body.contains("s3cretS3cret") && !body.contains(&PATH[7..]), "{body}");
    }
}
