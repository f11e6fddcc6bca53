//! Valid certificates, and certificates that must not be accepted.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What certificate a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsCert {
    /// Signed by the returned authority, for `localhost` and `127.0.0.1`.
    Valid,
    /// The same, but it expired in 2021.
    Expired,
    /// Signed by itself.
    SelfSigned,
    /// Signed by the returned authority, for `elsewhere.example`.
    WrongHost,
}

/// A certificate and its key, and the authority: its PEM, and what it signs with.
pub(crate) struct Issued {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
    pub(crate) authority: String,
    pub(crate) issuer: Issuer<'static, KeyPair>,
}

pub(crate) fn issue(kind: TlsCert) -> Issued {
    let (authority, issuer) = authority();
    let names: &[&str] = match kind {
        TlsCert::WrongHost => &["elsewhere.example"],
        _ => &["localhost", "127.0.0.1"],
    };
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("valid names");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(if kind == TlsCert::Expired { 2021 } else { 2120 }, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let certificate = match kind {
        TlsCert::SelfSigned => params.self_signed(&key),
        _ => params.signed_by(&key, &issuer),
    };
    Issued { certificate: certificate.expect("a certificate"), key, authority, issuer }
}

/// A client's certificate with this common name, and its key.
pub(crate) fn issue_client(issuer: &Issuer<'static, KeyPair>, name: &str) -> (Certificate, KeyPair) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, issuer).expect("a certificate"), key)
}

pub(crate) fn server_config(kind: TlsCert) -> (Arc<ServerConfig>, String) {
    let issued = issue(kind);
    let chain: Vec<CertificateDer<'static>> = vec![issued.certificate.into()];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .expect("a TLS configuration");
    (Arc::new(config), issued.authority)
}

fn authority() -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Standpipe test authority");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), Issuer::new(params, key))
}
