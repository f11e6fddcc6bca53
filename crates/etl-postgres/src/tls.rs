//! TLS to the server with rustls, as strict as `sslmode` requires (PostgreSQL 15, chapter 34.19.1).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etl_component::Fault;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls::{SupportedProtocolVersion, crypto};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Where Debian, Alpine and others keep the roots of the system.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What is required of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing, as `prefer` and `require` do.
    None,
    /// That a root signed it: `verify-ca`.
    Chain,
    /// Also that it has the host's name: `verify-full`.
    Full,
}

/// Whom to trust.
#[derive(Debug, PartialEq)]
pub(crate) enum Roots {
    /// The certificates in a file.
    File(PathBuf),
    /// Those in the file that `SSL_CERT_FILE` names, otherwise the system's, otherwise Mozilla's.
    System(Option<PathBuf>),
}

/// Who we are.
#[derive(Debug)]
pub(crate) struct ClientCert {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// How TLS is set up.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) check: Check,
    pub(crate) roots: Option<Roots>,
    pub(crate) client: Option<ClientCert>,
    /// Whether the host's name is sent to the server in the clear.
    pub(crate) sni: bool,
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
    /// Whether TLS begins at once, for which PostgreSQL 17 requires its name in ALPN.
    pub(crate) direct: bool,
}

impl Policy {
    /// Reads the files.
    ///
    /// # Errors
    /// 78 if one of them cannot be used.
    pub(crate) fn connector(&self) -> Result<MakeRustlsConnect, Fault> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(self.verifier(&provider)?);
        let failed = |error: Error| Fault::config("TLS cannot be set up").because(error);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let (certificates, key) =
                    (certificates(&client.certificate, "PGSSLCERT")?, key(&client.key)?);
                let why = format!("PGSSLKEY: {} is not the key of the certificate", client.key.display());
                let failed = |error| Fault::config(why).because(error);
                builder.with_client_auth_cert(certificates, key).map_err(failed)?
            }
        };
        config.enable_sni = self.sni;
        if self.direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(MakeRustlsConnect::new(config))
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Verifier, Fault> {
        let algorithms = provider.signature_verification_algorithms;
        let chain = match (&self.roots, self.check) {
            (Some(roots), Check::Chain | Check::Full) => Some(roots.chain(provider)?),
            (None, Check::Chain | Check::Full) => return Err(Fault::config("no root certificates")),
            (_, Check::None) => None,
        };
        Ok(Verifier { chain, names: self.check == Check::Full, algorithms })
    }
}

impl Roots {
    fn chain(&self, provider: &Arc<CryptoProvider>) -> Result<Chain, Fault> {
        let (roots, from) = match self {
            Roots::File(file) => (certificates(file, "PGSSLROOTCERT")?, file.display().to_string()),
            Roots::System(Some(file)) => (certificates(file, "SSL_CERT_FILE")?, file.display().to_string()),
            Roots::System(None) if Path::new(SYSTEM_ROOTS).exists() => {
                (certificates(Path::new(SYSTEM_ROOTS), "sslrootcert=system")?, SYSTEM_ROOTS.to_owned())
            }
            Roots::System(None) => {
                (webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec(), "webpki-root-certs".to_owned())
            }
        };
        let mut store = RootCertStore::empty();
        let (_, ignored) = store.add_parsable_certificates(roots.iter().cloned());
        if ignored > 0 {
            log::warn!("{ignored} of the root certificates in {from} cannot be used");
        }
        let failed =
            |error| Fault::config(format!("no root certificate in {from} can be used")).because(error);
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
        Ok(Chain { webpki: webpki.build().map_err(failed)?, roots })
    }
}

/// The certificates in a PEM file; the variable is for messages.
fn certificates(file: &Path, variable: &str) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let shown = file.display();
    let failed = |error| Fault::config(format!("{variable}: cannot read {shown}")).because(error);
    let pem = fs::read(file).map_err(failed)?;
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let found =
        found.map_err(|error| Fault::config(format!("{variable}: {shown} is damaged")).because(error))?;
    if found.is_empty() {
        return Err(Fault::config(format!("{variable}: no certificate in {shown}")));
    }
    Ok(found)
}

/// Reads a private key, which nobody else may read (fe-secure-openssl.c, initialize_SSL).
fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    let shown = file.display();
    let failed = |error| Fault::config(format!("PGSSLKEY: cannot read {shown}")).because(error);
    let metadata = fs::metadata(file).map_err(failed)?;
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        return Err(Fault::config(format!(
            "PGSSLKEY: private key file {shown} has group or world access; file must have permissions u=rw (0600) or \
             less if owned by the current user, or permissions u=rw,g=r (0640) or less if owned by root"
        )));
    }
    let pem = fs::read(file).map_err(failed)?;
    // The parser's message may quote the file.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        Fault::config(format!("PGSSLKEY: no private key in {shown} (encrypted keys are not supported)"))
    })
}

#[derive(Debug)]
struct Chain {
    webpki: Arc<WebPkiServerVerifier>,
    roots: Vec<CertificateDer<'static>>,
}

impl Chain {
    /// Checks that a root signed the certificate, or that the certificate is one of the roots. The latter is how a
    /// self-signed certificate is trusted, which webpki refuses (`CaUsedAsEndEntity`, `UnknownIssuer`).
    fn verify(
        &self,
        end: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext, Other, UnknownIssuer};
        match self.webpki.verify_server_cert(end, others, name, &[], now) {
            Ok(_) => Ok(()),
            // The name is not checked here, and the chain is valid.
            Err(Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => Ok(()),
            Err(Error::InvalidCertificate(UnknownIssuer | Other(_)))
                if self.roots.iter().any(|r| r == end) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

#[derive(Debug)]
struct Verifier {
    chain: Option<Chain>,
    names: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(chain) = &self.chain {
            if key_of_version_1(end).is_some() {
                return Err(Error::General(VERSION_1.to_owned()));
            }
            chain.verify(end, others, name, now)?;
        }
        if self.names {
            verify_server_name(&ParsedCertificate::try_from(end)?, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match key_of_version_1(certificate) {
            Some(key) => self.verify_with(key, message, signed),
            None => crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match key_of_version_1(certificate) {
            Some(key) => self.verify_with(key, message, signed),
            None => crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

const VERSION_1: &str = "the server's certificate is of X.509 version 1, which cannot be verified here; have it signed \
                         with extensions (subjectAltName), or use sslmode=require without a root certificate";

/// A public key: its `AlgorithmIdentifier` without the outer tag, and its bits.
type Key<'a> = (&'a [u8], &'a [u8]);

impl Verifier {
    fn verify_with(
        &self,
        (algorithm, key): Key,
        message: &[u8],
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
        let mut fitting = schemes.flat_map(|(_, verifiers)| verifiers.iter());
        fitting
            .find(|verifier| verifier.public_key_alg_id().as_ref() == algorithm)
            .and_then(|verifier| verifier.verify_signature(key, message, signed.signature()).ok())
            .map(|()| HandshakeSignatureValid::assertion())
            .ok_or(Error::InvalidCertificate(CertificateError::BadSignature))
    }
}

/// The key of a certificate of X.509 version 1. The commands in chapter 19.9.5 make such certificates with OpenSSL up
/// to 3.1, and webpki does not read them. Version 1 is the default, so its field is left out (RFC 5280, 4.1).
fn key_of_version_1(certificate: &[u8]) -> Option<Key<'_>> {
    let (certificate, _) = element(0x30, certificate)?;
    let (body, _) = element(0x30, certificate)?;
    // Serial number, signature algorithm, issuer, validity, subject.
    let skipped = [0x02, 0x30, 0x30, 0x30, 0x30];
    let rest = skipped.into_iter().try_fold(body, |rest, tag| element(tag, rest).map(|(_, rest)| rest))?;
    let (info, _) = element(0x30, rest)?;
    let (algorithm, rest) = element(0x30, info)?;
    let (bits, _) = element(0x03, rest)?;
    Some((algorithm, bits.strip_prefix(&[0])?))
}

/// The contents of a DER element with this tag, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => rest.split_first().map(|(&length, rest)| (usize::from(length), rest))?,
        0x82 => {
            rest.split_first_chunk().map(|(&length, rest)| (usize::from(u16::from_be_bytes(length)), rest))?
        }
        _ => return None,
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}
