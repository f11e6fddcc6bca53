//! Settings that libpq supports and we do not. They are refused.

use etl_component::Fault;

use super::params::Params;

/// Key words that cannot be honoured, each with the values that ask for what is done anyway, and why any other value is
/// refused.
const UNSUPPORTED: [(&str, &[&str], &str); 21] = [
    ("replication", &["false", "off", "no", "0"], "replication connections are not supported"),
    ("gssencmode", &["disable", "prefer"], "GSSAPI is not supported; use disable or prefer"),
    ("krbsrvname", &["postgres"], "GSSAPI is not supported"),
    ("gsslib", &[], "GSSAPI is not supported"),
    ("sslcompression", &["0"], "TLS compression is not supported; use 0"),
    ("sslpassword", &[], "encrypted keys are not supported; decrypt the key (openssl pkey)"),
    ("sslcrl", &[], "revocation lists are not supported"),
    ("sslcrldir", &[], "revocation lists are not supported"),
    ("requirepeer", &[], "the user of the server's process cannot be checked"),
    ("require_auth", &[], "the authentication method cannot be restricted"),
    ("gssdelegation", &["0"], "GSSAPI is not supported; use 0"),
    ("min_protocol_version", &["3.0"], "the protocol is always 3.0"),
    ("max_protocol_version", &["3.0", "3.2", "latest"], "the protocol is always 3.0"),
    ("scram_client_key", &[], "SCRAM keys are not supported; use the password"),
    ("scram_server_key", &[], "SCRAM keys are not supported; use the password"),
    ("oauth_issuer", &[], "OAuth is not supported; use a password or a certificate"),
    ("oauth_client_id", &[], "OAuth is not supported; use a password or a certificate"),
    ("oauth_client_secret", &[], "OAuth is not supported; use a password or a certificate"),
    ("oauth_scope", &[], "OAuth is not supported; use a password or a certificate"),
    ("sslkeylogfile", &[], "the keys of TLS are never written to a file"),
    ("servicefile", &[], "name the service file in PGSERVICEFILE"),
];

/// Refuses settings that cannot be honoured.
///
/// # Errors
/// 78.
pub(super) fn refuse(params: &Params) -> Result<(), Fault> {
    for (word, fine, why) in UNSUPPORTED {
        if let Some(given) = params.get(word).filter(|given| !fine.contains(&given.text())) {
            return Err(given.refuse(why));
        }
    }
    if let Some(given) = params.get("client_encoding") {
        // The server compares the names of encodings by their letters and digits only (src/common/encnames.c).
        let plain: String = given.text().chars().filter(char::is_ascii_alphanumeric).collect();
        if !["utf8", "unicode"].contains(&plain.to_ascii_lowercase().as_str()) {
            return Err(given.refuse("only UTF8 is supported"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::words;
    use super::*;

    #[test]
    fn only_key_words_are_refused() {
        assert!(UNSUPPORTED.iter().all(|(word, _, _)| words::find(word).is_some()));
    }
}
