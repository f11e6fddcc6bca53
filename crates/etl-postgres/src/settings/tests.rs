mod hosts;
mod sources;
mod texts;
mod tls;

use etl_component::Class;

use super::*;
use crate::support::{COMPONENT, env, file, mode, settings, words};

/// The message for an environment that is refused with 78.
#[track_caller]
fn refused(pairs: &[(&str, &str)]) -> String {
    match Settings::new(&env(pairs), COMPONENT) {
        Ok(settings) => panic!("{pairs:?}: {}", settings.name()),
        Err(fault) => {
            assert_eq!(fault.class(), Class::Config, "{}", words(&fault));
            words(&fault)
        }
    }
}

/// `user@host:port/database`.
fn target(pairs: &[(&str, &str)]) -> String {
    let settings = settings(pairs);
    format!("{}@{}", settings.config.get_user().unwrap(), settings.name())
}

/// The password for each host.
fn passwords(pairs: &[(&str, &str)]) -> Vec<Option<String>> {
    let hosts = settings(pairs).hosts;
    hosts.iter().map(|host| host.password.as_ref().map(|password| password.expose().to_owned())).collect()
}

fn password(pairs: &[(&str, &str)]) -> Option<String> {
    let mut passwords = passwords(pairs);
    assert_eq!(passwords.len(), 1);
    passwords.remove(0)
}

#[test]
fn settings_of_newer_clients_are_refused_by_what_they_are() {
    let words = [
        ("scram_client_key", "SCRAM keys are not supported"),
        ("scram_server_key", "SCRAM keys are not supported"),
        ("oauth_issuer", "OAuth is not supported"),
        ("oauth_client_id", "OAuth is not supported"),
        ("oauth_client_secret", "OAuth is not supported"),
        ("oauth_scope", "OAuth is not supported"),
        ("sslkeylogfile", "never written to a file"),
        ("servicefile", "PGSERVICEFILE"),
        ("min_protocol_version", "the protocol is always 3.0"),
    ];
    for (word, why) in words {
        let said = refused(&[("DATABASE_URL", &format!("host=h {word}=somevalue"))]);
        assert!(said.starts_with(&format!("{word} in DATABASE_URL: ")) && said.contains(why), "{said}");
    }
}
