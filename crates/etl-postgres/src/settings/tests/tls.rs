//! The settings of TLS, and the files that it needs.

use std::path::PathBuf;

use postgres::config::{SslMode, SslNegotiation};
use rcgen::{CertificateParams, KeyPair};
use rustls::ProtocolVersion;

use super::*;
use crate::tls::{Check, Roots};

/// A self-signed certificate and its key.
fn pem() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    (CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn with_host(pairs: &[(&str, &str)]) -> Settings {
    settings(&[&[("PGHOST", "h")], pairs].concat())
}

fn asked(pairs: &[(&str, &str)]) -> (SslMode, Check) {
    let settings = with_host(pairs);
    (settings.config.get_ssl_mode(), settings.tls.check)
}

#[test]
fn modes() {
    let root = ("PGSSLROOTCERT", "/root.crt");
    assert_eq!(asked(&[]), (SslMode::Prefer, Check::None));
    assert_eq!(asked(&[("PGSSLMODE", "disable"), root]), (SslMode::Disable, Check::None));
    assert_eq!(asked(&[("PGSSLMODE", "prefer"), root]), (SslMode::Prefer, Check::None));
    assert_eq!(asked(&[("PGSSLMODE", "require")]), (SslMode::Require, Check::None));
    // Chapter 34.19.1: with a root certificate, it is the same as verify-ca.
    assert_eq!(asked(&[("PGSSLMODE", "require"), root]), (SslMode::Require, Check::Chain));
    assert_eq!(asked(&[("PGSSLMODE", "verify-ca"), root]), (SslMode::Require, Check::Chain));
    assert_eq!(asked(&[("PGSSLMODE", "verify-full"), root]), (SslMode::Require, Check::Full));
    assert_eq!(asked(&[("PGREQUIRESSL", "1")]), (SslMode::Require, Check::None));
    assert_eq!(asked(&[("PGREQUIRESSL", "0")]), (SslMode::Prefer, Check::None));
    assert_eq!(asked(&[("PGREQUIRESSL", "1"), ("PGSSLMODE", "disable")]), (SslMode::Disable, Check::None));
}

#[test]
fn roots_are_named_or_in_the_home_or_those_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display().to_string();
    let roots = |pairs: &[(&str, &str)]| with_host(&[&[("HOME", home.as_str())], pairs].concat()).tls.roots;
    let full = ("PGSSLMODE", "verify-full");
    assert_eq!(
        refused(&[("PGHOST", "h"), ("HOME", &home), full]),
        format!(
            "root certificate file \"{home}/.postgresql/root.crt\" does not exist\nEither provide the file \
             (PGSSLROOTCERT), use the system's trusted roots with sslrootcert=system, or change sslmode to disable \
             server certificate verification."
        )
    );
    assert_eq!(roots(&[("PGSSLMODE", "require")]), None);
    let default = file(folder.path(), ".postgresql/root.crt", "");
    assert_eq!(roots(&[full]), Some(Roots::File(default.into())));
    assert_eq!(roots(&[full, ("PGSSLROOTCERT", "/x")]), Some(Roots::File("/x".into())));
    let system = ("PGSSLROOTCERT", "system");
    assert_eq!(roots(&[system]), Some(Roots::System(None)));
    assert_eq!(roots(&[system, ("SSL_CERT_FILE", "/x")]), Some(Roots::System(Some("/x".into()))));
    assert_eq!(asked(&[system]), (SslMode::Require, Check::Full));
    assert_eq!(
        refused(&[("PGHOST", "h"), system, ("PGSSLMODE", "require")]),
        "PGSSLMODE is \"require\": weak sslmode may not be used with sslrootcert=system (use verify-full)"
    );
}

#[test]
fn the_client_certificate_is_named_or_in_the_home() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display().to_string();
    let client = |pairs: &[(&str, &str)]| {
        let client = with_host(&[&[("HOME", home.as_str())], pairs].concat()).tls.client;
        client.map(|client| (client.certificate, client.key))
    };
    assert_eq!(client(&[]), None);
    let certificate = file(folder.path(), ".postgresql/postgresql.crt", "");
    assert_eq!(
        refused(&[("PGHOST", "h"), ("HOME", &home)]),
        format!("PGSSLKEY: certificate {certificate} exists, but its private key file does not")
    );
    let key = file(folder.path(), ".postgresql/postgresql.key", "");
    let default: (PathBuf, PathBuf) = (certificate.into(), key.clone().into());
    assert_eq!(client(&[]), Some(default.clone()));
    assert_eq!(client(&[("PGSSLCERTMODE", "allow")]), Some(default));
    assert_eq!(client(&[("PGSSLCERTMODE", "disable")]), None);
    assert_eq!(client(&[("PGSSLMODE", "disable")]), None);
    assert_eq!(client(&[("PGSSLCERT", "/c")]), Some(("/c".into(), key.into())));
    assert_eq!(client(&[("PGSSLCERT", "/c"), ("PGSSLKEY", "/k")]), Some(("/c".into(), "/k".into())));
    assert_eq!(
        refused(&[("PGHOST", "h"), ("PGSSLKEY", "/k")]),
        "PGSSLKEY is \"/k\": the key has no certificate; set PGSSLCERT"
    );
}

#[test]
fn there_is_no_tls_over_sockets() {
    let full = [("PGSSLMODE", "verify-full")];
    let only = settings(&[&full[..], &[("PGHOST", "/run/pg")]].concat());
    assert_eq!((only.config.get_ssl_mode(), only.tls.check), (SslMode::Disable, Check::None));
    let root = ("PGSSLROOTCERT", "/x");
    let mixed = settings(&[&full[..], &[root, ("PGHOST", "/run/pg,h")]].concat());
    assert_eq!((mixed.config.get_ssl_mode(), mixed.tls.check), (SslMode::Require, Check::Full));
    assert_eq!(
        refused(&[&full[..], &[root, ("PGHOST", "h,not a name")]].concat()),
        "PGHOST is \"h,not a name\": with verify-full it must be a name or address that a certificate can have"
    );
}

#[test]
fn the_handshake() {
    let versions = |pairs: &[(&str, &str)]| {
        with_host(pairs).tls.versions.iter().map(|version| version.version).collect::<Vec<_>>()
    };
    let (min, max) = ("PGSSLMINPROTOCOLVERSION", "PGSSLMAXPROTOCOLVERSION");
    assert_eq!(versions(&[]), [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3]);
    assert_eq!(versions(&[(min, "TLSv1.1")]), [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3]);
    assert_eq!(versions(&[(min, "TLSv1.3")]), [ProtocolVersion::TLSv1_3]);
    assert_eq!(versions(&[(max, "TLSv1.2")]), [ProtocolVersion::TLSv1_2]);
    assert_eq!(
        refused(&[("PGHOST", "h"), (min, "TLSv1.3"), (max, "TLSv1.2")]),
        "PGSSLMINPROTOCOLVERSION is \"TLSv1.3\": it is higher than ssl_max_protocol_version"
    );
    assert!(with_host(&[]).tls.sni && !with_host(&[("PGSSLSNI", "0")]).tls.sni);
    let direct = with_host(&[("PGSSLNEGOTIATION", "direct"), ("PGSSLMODE", "require")]);
    assert_eq!(direct.config.get_ssl_negotiation(), SslNegotiation::Direct);
    assert!(direct.tls.direct && !with_host(&[]).tls.direct);
    assert_eq!(
        refused(&[("PGHOST", "h"), ("PGSSLNEGOTIATION", "direct")]),
        "PGSSLNEGOTIATION is \"direct\": weak sslmode may not be used with sslnegotiation=direct (use require or a stricter mode)"
    );
}

/// The message about these files when a connection is about to be made.
#[track_caller]
fn unusable(pairs: &[(&str, &str)]) -> String {
    let fault = with_host(pairs).tls.connector().map(|_| ()).unwrap_err();
    assert_eq!(fault.class(), Class::Config);
    words(&fault)
}

#[test]
fn files_that_are_not_usable_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let ((certificate, key), (_, other_key)) = (pem(), pem());
    let certificate = file(folder.path(), "certificate", &certificate);
    let text = file(folder.path(), "text", "hello");
    let damaged =
        file(folder.path(), "damaged", "-----BEGIN CERTIFICATE-----\nMII!\n-----END CERTIFICATE-----\n");
    let no_certificate = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let no_certificate = file(folder.path(), "other", no_certificate);
    let full = ("PGSSLMODE", "verify-full");
    let root = |path: &str| unusable(&[full, ("PGSSLROOTCERT", path)]);
    assert!(root("/nonexistent/x").starts_with("PGSSLROOTCERT: cannot read /nonexistent/x: No such file"));
    assert_eq!(root(&text), format!("PGSSLROOTCERT: no certificate in {text}"));
    assert!(root(&damaged).starts_with(&format!("PGSSLROOTCERT: {damaged} is damaged: ")));
    assert!(
        root(&no_certificate).starts_with(&format!("no root certificate in {no_certificate} can be used"))
    );
    let system = unusable(&[("PGSSLROOTCERT", "system"), ("SSL_CERT_FILE", &text)]);
    assert_eq!(system, format!("SSL_CERT_FILE: no certificate in {text}"));

    let key = file(folder.path(), "key", &key);
    let client = |key: &str| unusable(&[("PGSSLCERT", &certificate), ("PGSSLKEY", key)]);
    let fine = with_host(&[("PGSSLCERT", &certificate), ("PGSSLKEY", &key)]);
    assert!(fine.tls.connector().is_ok());
    assert!(client("/nonexistent/x").starts_with("PGSSLKEY: cannot read /nonexistent/x: No such file"));
    let no_key = format!("PGSSLKEY: no private key in {text} (encrypted keys are not supported)");
    assert_eq!(client(&text), no_key);
    let other_key = file(folder.path(), "other_key", &other_key);
    assert!(
        client(&other_key).starts_with(&format!("PGSSLKEY: {other_key} is not the key of the certificate"))
    );
    mode(&key, 0o644);
    assert!(client(&key).starts_with(&format!("PGSSLKEY: private key file {key} has group or world access")));
    assert_eq!(
        unusable(&[("PGSSLCERT", &text), ("PGSSLKEY", &key)]),
        format!("PGSSLCERT: no certificate in {text}")
    );
}

#[test]
fn the_roots_of_the_system_are_there() {
    assert!(with_host(&[("PGSSLROOTCERT", "system")]).tls.connector().is_ok());
}
