//! TLS, and whom the server lets in.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use etl_testkit::http::TlsCert;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

use super::*;

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

fn server_with(certificate: Option<TlsCert>) -> Server {
    Server::start(Options { certificate, ..Options::default() })
}

/// The certificate of an authority that has signed nothing.
fn another_authority() -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

/// Whether a connection to `localhost` is encrypted.
#[track_caller]
fn is_encrypted(space: &Space, changes: &[(&str, &str)]) -> bool {
    let mut client = connected(space, &[&[("PGHOST", "localhost")], changes].concat());
    match &*value(&mut client, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") {
        "t" => true,
        "f" => false,
        other => panic!("{other}"),
    }
}

#[track_caller]
fn is_refused(space: &Space, changes: &[(&str, &str)], class: Class) -> String {
    fails(space, &[&[("PGHOST", "localhost")], changes].concat(), class)
}

#[test]
fn the_channel_is_bound_to_its_certificate() {
    let space = Server::shared().space();
    let required = ("PGCHANNELBINDING", "require");
    assert!(is_encrypted(&space, &[required]));
    // Without TLS, there is no channel to bind to.
    is_refused(&space, &[required, ("PGSSLMODE", "disable")], Class::Denied);
}

#[test]
fn each_mode_with_a_good_certificate() {
    let server = Server::shared();
    let (space, folder) = (server.space(), tempfile::tempdir().unwrap());
    let ca = server.ca().display().to_string();
    let other_ca = file(folder.path(), "ca", &another_authority());
    let (ca, other_ca) = (("PGSSLROOTCERT", ca.as_str()), ("PGSSLROOTCERT", other_ca.as_str()));
    let mode = |mode| ("PGSSLMODE", mode);
    assert!(!is_encrypted(&space, &[mode("disable")]));
    assert!(is_encrypted(&space, &[]));
    assert!(is_encrypted(&space, &[mode("prefer"), other_ca]));
    assert!(is_encrypted(&space, &[mode("require")]));
    assert!(is_encrypted(&space, &[mode("require"), ca]));
    assert!(is_encrypted(&space, &[mode("verify-ca"), ca]));
    assert!(is_encrypted(&space, &[mode("verify-full"), ca]));
    assert!(is_encrypted(&space, &[mode("verify-full"), ca, ("PGHOST", "127.0.0.1")]));
    assert!(is_encrypted(&space, &[mode("verify-full"), ca, ("PGSSLMAXPROTOCOLVERSION", "TLSv1.2")]));
    assert!(is_encrypted(&space, &[mode("verify-full"), ca, ("PGSSLSNI", "0")]));
    assert!(is_encrypted(&space, &[("PGSSLROOTCERT", "system"), ("SSL_CERT_FILE", ca.1)]));
    // The name is that of PGHOST, the connection goes to PGHOSTADDR.
    let elsewhere = [ca, ("PGHOST", "elsewhere.example"), ("PGHOSTADDR", "127.0.0.1")];
    assert!(is_encrypted(&space, &[&elsewhere[..], &[mode("verify-ca")]].concat()));
    let said = is_refused(&space, &[&elsewhere[..], &[mode("verify-full")]].concat(), Class::Protocol);
    assert!(said.contains("certificate not valid for name \"elsewhere.example\""), "{said}");
    for name in ["require", "verify-ca", "verify-full"] {
        let said = is_refused(&space, &[mode(name), other_ca], Class::Protocol);
        assert!(said.contains("invalid peer certificate: "), "{said}");
    }
    let said = is_refused(&space, &[("PGSSLROOTCERT", "system")], Class::Protocol);
    assert!(said.contains("invalid peer certificate: UnknownIssuer"), "{said}");
}

#[test]
fn each_mode_without_tls() {
    let server = server_with(None);
    let (space, ca) = (server.space(), server.ca().display().to_string());
    assert!(!is_encrypted(&space, &[("PGSSLMODE", "disable")]));
    assert!(!is_encrypted(&space, &[]));
    for mode in ["require", "verify-ca", "verify-full"] {
        let said = is_refused(&space, &[("PGSSLMODE", mode), ("PGSSLROOTCERT", &ca)], Class::Config);
        assert!(said.contains("server does not support TLS"), "{said}");
    }
}

#[test]
fn each_mode_with_an_expired_certificate() {
    let server = server_with(Some(TlsCert::Expired));
    let (space, ca) = (server.space(), server.ca().display().to_string());
    assert!(is_encrypted(&space, &[]));
    assert!(is_encrypted(&space, &[("PGSSLMODE", "require")]));
    for mode in ["require", "verify-ca", "verify-full"] {
        let said = is_refused(&space, &[("PGSSLMODE", mode), ("PGSSLROOTCERT", &ca)], Class::Protocol);
        assert!(said.contains("certificate expired"), "{said}");
    }
}

#[test]
fn each_mode_with_a_certificate_for_another_host() {
    let server = server_with(Some(TlsCert::WrongHost));
    let (space, ca) = (server.space(), server.ca().display().to_string());
    let ca = ("PGSSLROOTCERT", ca.as_str());
    for mode in ["prefer", "require", "verify-ca"] {
        assert!(is_encrypted(&space, &[("PGSSLMODE", mode), ca]));
    }
    let said = is_refused(&space, &[("PGSSLMODE", "verify-full"), ca], Class::Protocol);
    assert!(said.contains("certificate not valid for name \"localhost\""), "{said}");
}

/// Makes a server show this certificate from now on.
fn show(server: &Server, certificate: &str, key: &str) {
    fs::write(server.socket_folder().join(CERTIFICATE), certificate).unwrap();
    fs::write(server.socket_folder().join(KEY), key).unwrap();
    server.restart();
}

#[test]
fn a_certificate_signed_by_itself_must_be_a_root() {
    let server = server_with(Some(TlsCert::SelfSigned));
    let (space, ca) = (server.space(), server.ca().display().to_string());
    assert!(is_encrypted(&space, &[]));
    assert!(is_encrypted(&space, &[("PGSSLMODE", "require")]));
    for mode in ["require", "verify-ca", "verify-full"] {
        let said = is_refused(&space, &[("PGSSLMODE", mode), ("PGSSLROOTCERT", &ca)], Class::Protocol);
        assert!(said.contains("UnknownIssuer"), "{said}");
    }
    let root = server.socket_folder().join(CERTIFICATE).display().to_string();
    let full = [("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", root.as_str())];
    assert!(is_encrypted(&space, &full));
    // What `openssl req -x509` makes is a CA, too.
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = |params: &CertificateParams| params.self_signed(&key).unwrap().pem();
    show(&server, &certificate(&params), &key.serialize_pem());
    assert!(is_encrypted(&space, &full));
    let said = is_refused(&space, &[&full[..], &[("PGHOST", "127.0.0.1")]].concat(), Class::Protocol);
    assert!(said.contains("certificate not valid for name \"127.0.0.1\""), "{said}");
    params.not_after = date_time_ymd(2021, 1, 1);
    show(&server, &certificate(&params), &key.serialize_pem());
    let said = is_refused(&space, &full, Class::Protocol);
    assert!(said.contains("certificate expired"), "{said}");
}

/// Made with the last commands of chapter 19.9.5 and OpenSSL 3.0.
const VERSION_1: &str = include_str!("version_1.pem");

#[test]
fn a_certificate_of_version_1_encrypts_but_is_not_verified() {
    let server = server_with(Some(TlsCert::Valid));
    let (space, ca) = (server.space(), server.ca().display().to_string());
    show(&server, VERSION_1, VERSION_1);
    for version in ["TLSv1.2", "TLSv1.3"] {
        let changes = [
            ("PGSSLMODE", "require"),
            ("PGSSLMINPROTOCOLVERSION", version),
            ("PGSSLMAXPROTOCOLVERSION", version),
        ];
        assert!(is_encrypted(&space, &changes));
    }
    let said = is_refused(&space, &[("PGSSLMODE", "verify-ca"), ("PGSSLROOTCERT", &ca)], Class::Protocol);
    assert!(said.contains("the server's certificate is of X.509 version 1"), "{said}");
}

#[test]
fn prefer_goes_on_without_tls() {
    let server = Server::start(Options {
        settings: "ssl_max_protocol_version = 'TLSv1.2'".to_owned(),
        hba: "hostssl all bare all reject\nhost all nobody all reject".to_owned(),
        ..Options::default()
    });
    let space = server.space();
    space.sql("CREATE ROLE bare LOGIN PASSWORD 'bare'");
    let bare = [("PGUSER", "bare"), ("PGPASSWORD", "bare")];
    assert!(!is_encrypted(&space, &bare));
    let said = is_refused(&space, &[&bare[..], &[("PGSSLMODE", "require")]].concat(), Class::Denied);
    assert!(said.contains("pg_hba.conf rejects connection"), "{said}");
    let said = is_refused(&space, &[("PGUSER", "nobody")], Class::Denied);
    assert!(said.contains("SSL encryption") && said.contains("no encryption"), "{said}");

    let newer = ("PGSSLMINPROTOCOLVERSION", "TLSv1.3");
    assert!(is_encrypted(&space, &[]));
    assert!(!is_encrypted(&space, &[newer]));
    let said = is_refused(&space, &[newer, ("PGSSLMODE", "require")], Class::Protocol);
    assert!(said.contains("received fatal alert: ProtocolVersion"), "{said}");
}

#[test]
fn client_certificates() {
    let hba =
        "hostssl all twice all scram-sha-256 clientcert=verify-full\nhostssl all all all cert".to_owned();
    let server = Server::start(Options { hba, ..Options::default() });
    let space = server.space();
    space.sql("CREATE ROLE twice LOGIN PASSWORD 'secret'");
    let issued = |name| {
        let files = server.client_certificate(name);
        [files.certificate, files.key].map(|file| file.display().to_string())
    };
    let connect = |[certificate, key]: &[String; 2], changes: &[(&str, &str)]| {
        let own = [("PGSSLCERT", certificate.as_str()), ("PGSSLKEY", key), ("PGSSLMODE", "require")];
        client(&settings_for(&space, &[&[("PGHOST", "localhost")], &own[..], changes].concat()))
    };
    let refused = |files: &[String; 2], changes: &[(&str, &str)]| {
        let fault = connect(files, changes).map(|_| ()).unwrap_err();
        assert_eq!(fault.class(), Class::Denied, "{fault}");
        fault.to_string()
    };
    let dn = "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

    // Instead of the password.
    let own = issued(USER);
    for mode in ["prefer", "require"] {
        let mut client = connect(&own, &[("PGSSLMODE", mode)]).unwrap();
        assert_eq!(value(&mut client, dn), format!("/CN={USER}"));
    }
    let said = refused(&issued("other"), &[]);
    assert!(
        said.contains("certificate authentication failed for user \"postgres\" (SQLSTATE 28000)"),
        "{said}"
    );
    let none = "connection requires a valid client certificate (SQLSTATE 28000)";
    let said = refused(&own, &[("PGSSLCERTMODE", "disable")]);
    assert!(said.contains(none), "{said}");

    // In addition to it.
    let twice = issued("twice");
    let (user, password) = (("PGUSER", "twice"), ("PGPASSWORD", "secret"));
    let mut client = connect(&twice, &[user, password]).unwrap();
    assert_eq!(value(&mut client, "SELECT current_user"), "twice");
    let said = refused(&twice, &[user, ("PGPASSWORD", "wrong")]);
    assert!(said.contains("password authentication failed"), "{said}");
    let said = refused(&twice, &[user, password, ("PGSSLCERTMODE", "disable")]);
    assert!(said.contains(none), "{said}");
}

/// A server that accepts TLS, waits for the client's greeting, and then sends this answer.
fn server_that_answers(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = [0; 8];
            client.read_exact(&mut request).unwrap();
            client.write_all(b"S").unwrap();
            if !answer.is_empty() {
                client.write_all(answer).unwrap();
                // It stays open until the client is gone.
                let _ = client.read_to_end(&mut Vec::new());
            }
        }
    });
    port
}

#[test]
fn a_client_certificate_that_the_server_does_not_trust() {
    let (space, folder) = (Server::shared().space(), tempfile::tempdir().unwrap());
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem();
    let files = [("certificate", certificate), ("key", key.serialize_pem())];
    let [certificate, key] = files.map(|(name, text)| file(folder.path(), name, &text));
    let client = [("PGSSLCERT", certificate.as_str()), ("PGSSLKEY", &key), ("PGSSLMODE", "require")];
    let to = |port: &str, class| fails(&space, &[&client[..], &[("PGPORT", port)]].concat(), class);
    // Alerts (RFC 8446, 6.2).
    let ours = [
        (b"\x15\x03\x03\0\x02\x02\x2d", "CertificateExpired"),
        (b"\x15\x03\x03\0\x02\x02\x30", "UnknownCA"),
        (b"\x15\x03\x03\0\x02\x02\x33", "DecryptError"),
        (b"\x15\x03\x03\0\x02\x02\x74", "CertificateRequired"),
    ];
    for (answer, alert) in ours {
        let said = to(&server_that_answers(answer), Class::Denied);
        let end =
            format!("received fatal alert: {alert} (the server refuses the client certificate, PGSSLCERT)");
        assert!(said.ends_with(&end), "{said}");
    }
    let said = to(&server_that_answers(b"\x15\x03\x03\0\x02\x02\x28"), Class::Protocol);
    assert!(said.ends_with("received fatal alert: HandshakeFailure"), "{said}");
    let said = to(&server_that_answers(b""), Class::Transient);
    assert!(said.ends_with("(perhaps the server refuses the client certificate, PGSSLCERT)"), "{said}");
}
