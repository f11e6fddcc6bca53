use clap::Parser;
use etl_component::{Class, Env, Fault};
use etl_testkit::http::{Reply as Answer, Server, TlsCert};

use super::{Flags, answering, base, client, fault};
use crate::{Client, Request, base_url};

/// Asks a server with this certificate, trusting its authority.
fn ask(certificate: TlsCert) -> (Result<Vec<u8>, (Class, String)>, usize) {
    let (server, authority) = Server::start_tls(Answer::text(200, "secure"), certificate);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority).unwrap();
    let (client, waits) = client(&format!("--ca-file {}", ca.display()), &[]);
    let result = client.send(&Request::get(&base(&server), "weather"));
    let waits = waits.lock().unwrap().len();
    let message = |fault: Fault| (fault.class(), fault.message().to_owned());
    (result.map(|reply| reply.body).map_err(|error| message(error.into())), waits)
}

#[test]
fn a_certificate_of_the_extra_authority_is_accepted() {
    assert_eq!(ask(TlsCert::Valid), (Ok(b"secure".to_vec()), 0));
}

#[test]
fn certificates_that_do_not_verify_are_refused_without_retry() {
    for (certificate, word) in [
        (TlsCert::Expired, "xpired"),
        (TlsCert::SelfSigned, "UnknownIssuer"),
        (TlsCert::WrongHost, "not valid for name"),
    ] {
        let (result, waits) = ask(certificate);
        let (class, message) = result.unwrap_err();
        assert_eq!((class, waits), (Class::Protocol, 0), "{message}");
        assert!(message.contains("TLS: ") && message.contains(word), "{certificate:?}: {message}");
    }
}

#[test]
fn an_unknown_authority_is_refused() {
    let (server, _) = Server::start_tls(Answer::text(200, "secure"), TlsCert::Valid);
    let (client, _) = client("", &[]);
    let fault = fault(client.send(&Request::get(&base(&server), "weather")));
    assert_eq!(fault.class(), Class::Protocol, "{fault}");
}

#[test]
fn a_server_without_tls_broke_the_protocol() {
    let (address, server) = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let (client, _) = client("", &[]);
    let base = base_url(&format!("https://{address}"), false).unwrap();
    let fault = fault(client.send(&Request::get(&base, "weather")));
    assert_eq!(fault.class(), Class::Protocol, "{fault}");
    server.join().unwrap();
}

#[test]
fn a_ca_file_that_is_missing_or_no_pem_is_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for path in [folder.path().join("missing.pem"), empty] {
        let args = Flags::try_parse_from(["test", "--ca-file", path.to_str().unwrap()]).unwrap().source.http;
        let fault = Client::new(&args, false, &Env::of(&[]), "test/1").unwrap_err();
        assert_eq!(fault.class(), Class::Config, "{fault}");
        assert!(
            fault.message().starts_with(&format!("--ca-file (SSL_CERT_FILE) {}: ", path.display())),
            "{fault}"
        );
    }
}
