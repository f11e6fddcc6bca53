//! TLS, set in the same ways as for libpq (chapter 34.19).

use std::path::{Path, PathBuf};

use etl_component::{Env, Fault};
use postgres::config::{SslMode, SslNegotiation};
use rustls::SupportedProtocolVersion;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};

use super::hosts::Endpoint;
use super::params::Params;
use crate::tls::{Check, ClientCert, Policy, Roots};

/// What was asked for.
pub(super) struct Ssl {
    pub(super) mode: SslMode,
    pub(super) negotiation: SslNegotiation,
    pub(super) policy: Policy,
}

/// From the least to the most that is required of a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Without `allow`: the crate cannot begin without TLS and come back with it.
const MODES: [(&str, Mode); 5] = [
    ("disable", Mode::Disable),
    ("prefer", Mode::Prefer),
    ("require", Mode::Require),
    ("verify-ca", Mode::VerifyCa),
    ("verify-full", Mode::VerifyFull),
];

/// Reads the settings of TLS.
///
/// # Errors
/// 78.
pub(super) fn read(
    params: &Params,
    env: &Env,
    home: Option<&Path>,
    hosts: &[Endpoint],
) -> Result<Ssl, Fault> {
    let dir = home.map(|home| home.join(".postgresql"));
    let asked = mode(params)?;
    let negotiation = negotiation(params, asked)?;
    let versions = versions(params)?;
    let sni = params.choice("sslsni", &[("0", false), ("1", true)])?.unwrap_or(true);
    let show = params.choice("sslcertmode", &[("disable", false), ("allow", true)])?.unwrap_or(true);
    // There is no TLS over Unix sockets; libpq ignores its settings there.
    let sockets_only = hosts.iter().all(Endpoint::is_socket);
    let mode = if sockets_only { Mode::Disable } else { asked };
    let mut policy = Policy { check: Check::None, roots: None, client: None, sni, versions, direct: false };
    if mode != Mode::Disable {
        policy.direct = negotiation == SslNegotiation::Direct;
        policy.roots = roots(params, env, dir.as_deref(), mode)?;
        policy.check = match mode {
            Mode::VerifyFull => Check::Full,
            Mode::VerifyCa => Check::Chain,
            // Chapter 34.19.1: for backward compatibility, a root certificate makes `require` as strict as `verify-ca`.
            Mode::Require if policy.roots.is_some() => Check::Chain,
            _ => Check::None,
        };
        policy.client = if show { client(params, dir.as_deref())? } else { None };
        if policy.check == Check::Full {
            names(params, hosts)?;
        }
        if policy.check != Check::None {
            warn_of_revocations(dir.as_deref());
        }
    }
    let mode = match mode {
        Mode::Disable => SslMode::Disable,
        Mode::Prefer => SslMode::Prefer,
        _ => SslMode::Require,
    };
    Ok(Ssl { mode, negotiation, policy })
}

/// The system's roots sign for everyone, so the name must be checked (fe-connect.c, connectOptions2, since 16).
fn mode(params: &Params) -> Result<Mode, Fault> {
    let system = params.text("sslrootcert") == Some("system");
    let default = if system { Mode::VerifyFull } else { Mode::Prefer };
    let mode = params.choice("sslmode", &MODES)?.unwrap_or(default);
    match params.get("sslmode") {
        Some(given) if system && mode != Mode::VerifyFull => {
            Err(given.refuse("weak sslmode may not be used with sslrootcert=system (use verify-full)"))
        }
        _ => Ok(mode),
    }
}

fn negotiation(params: &Params, mode: Mode) -> Result<SslNegotiation, Fault> {
    let choices = [("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)];
    let negotiation = params.choice("sslnegotiation", &choices)?.unwrap_or_default();
    match params.get("sslnegotiation") {
        Some(given) if negotiation == SslNegotiation::Direct && mode < Mode::Require => Err(given.refuse(
            "weak sslmode may not be used with sslnegotiation=direct (use require or a stricter mode)",
        )),
        _ => Ok(negotiation),
    }
}

fn versions(params: &Params) -> Result<Vec<&'static SupportedProtocolVersion>, Fault> {
    // Older versions are never used, and a minimum below 1.2 does not ask for them.
    let choices = [("TLSv1", 0), ("TLSv1.1", 0), ("TLSv1.2", 0), ("TLSv1.3", 1)];
    let min = params.choice("ssl_min_protocol_version", &choices)?.unwrap_or(0);
    let max = params.choice("ssl_max_protocol_version", &choices[2..])?.unwrap_or(1);
    match params.get("ssl_min_protocol_version") {
        Some(given) if min > max => Err(given.refuse("it is higher than ssl_max_protocol_version")),
        _ => Ok([&TLS12, &TLS13][min..=max].to_vec()),
    }
}

fn roots(params: &Params, env: &Env, dir: Option<&Path>, mode: Mode) -> Result<Option<Roots>, Fault> {
    let default = dir.map(|dir| dir.join("root.crt"));
    match params.text("sslrootcert") {
        Some("system") => {
            let file = env.get("SSL_CERT_FILE").filter(|file| !file.is_empty());
            Ok(Some(Roots::System(file.map(PathBuf::from))))
        }
        Some(file) => Ok(Some(Roots::File(file.into()))),
        None => match default {
            Some(file) if file.exists() => Ok(Some(Roots::File(file))),
            // In the words of libpq.
            Some(file) if mode >= Mode::VerifyCa => {
                let file = file.display();
                Err(Fault::config(format!("root certificate file \"{file}\" does not exist\n{HINT}")))
            }
            None if mode >= Mode::VerifyCa => Err(Fault::config(format!("no root certificate file\n{HINT}"))),
            _ => Ok(None),
        },
    }
}

const HINT: &str = "Either provide the file (PGSSLROOTCERT), use the system's trusted roots with \
                    sslrootcert=system, or change sslmode to disable server certificate verification.";

fn client(params: &Params, dir: Option<&Path>) -> Result<Option<ClientCert>, Fault> {
    let default = |name: &str| dir.map(|dir| dir.join(name)).filter(|path| path.exists());
    let certificate = params.text("sslcert").map(PathBuf::from).or(default("postgresql.crt"));
    let key = params.text("sslkey").map(PathBuf::from).or(default("postgresql.key"));
    match (certificate, key, params.get("sslkey")) {
        (Some(certificate), Some(key), _) => Ok(Some(ClientCert { certificate, key })),
        (Some(certificate), None, _) => {
            let certificate = certificate.display();
            Err(Fault::config(format!(
                "PGSSLKEY: certificate {certificate} exists, but its private key file does not"
            )))
        }
        (None, _, Some(given)) => Err(given.refuse("the key has no certificate; set PGSSLCERT")),
        _ => Ok(None),
    }
}

fn names(params: &Params, hosts: &[Endpoint]) -> Result<(), Fault> {
    let cannot = |host: &Endpoint| !host.is_socket() && ServerName::try_from(host.host.as_str()).is_err();
    match hosts.iter().any(cannot) {
        false => Ok(()),
        true => {
            let why = "with verify-full it must be a name or address that a certificate can have";
            Err(params.get("host").map_or_else(|| Fault::config(why), |given| given.refuse(why)))
        }
    }
}

fn warn_of_revocations(dir: Option<&Path>) {
    if let Some(file) = dir.map(|dir| dir.join("root.crl")).filter(|file| file.exists()) {
        log::warn!("{} is ignored: revocation lists are not supported", file.display());
    }
}
