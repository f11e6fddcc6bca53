//! Names: the key words of connection strings, and variables.

use etl_component::Variable;

/// Key words (chapter 34.1.2) with their variables (34.15): those of libpq 15, then newer ones.
const WORDS: [(&str, Option<&str>); 51] = [
    ("service", Some("PGSERVICE")),
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("port", Some("PGPORT")),
    ("dbname", Some("PGDATABASE")),
    ("user", Some("PGUSER")),
    ("password", Some("PGPASSWORD")),
    ("passfile", Some("PGPASSFILE")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("client_encoding", Some("PGCLIENTENCODING")),
    ("options", Some("PGOPTIONS")),
    ("application_name", Some("PGAPPNAME")),
    ("fallback_application_name", None),
    ("keepalives", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("keepalives_count", None),
    ("tcp_user_timeout", None),
    ("replication", None),
    ("gssencmode", Some("PGGSSENCMODE")),
    ("krbsrvname", Some("PGKRBSRVNAME")),
    ("gsslib", Some("PGGSSLIB")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslcompression", Some("PGSSLCOMPRESSION")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslpassword", None),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("sslcrl", Some("PGSSLCRL")),
    ("sslcrldir", Some("PGSSLCRLDIR")),
    ("sslsni", Some("PGSSLSNI")),
    ("requirepeer", Some("PGREQUIREPEER")),
    ("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION")),
    ("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION")),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("require_auth", Some("PGREQUIREAUTH")),
    ("sslcertmode", Some("PGSSLCERTMODE")),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    ("gssdelegation", Some("PGGSSDELEGATION")),
    ("sslnegotiation", Some("PGSSLNEGOTIATION")),
    ("min_protocol_version", Some("PGMINPROTOCOLVERSION")),
    ("max_protocol_version", Some("PGMAXPROTOCOLVERSION")),
    ("scram_client_key", None),
    ("scram_server_key", None),
    ("oauth_issuer", None),
    ("oauth_client_id", None),
    ("oauth_client_secret", None),
    ("oauth_scope", None),
    ("sslkeylogfile", None),
    ("servicefile", None),
];

/// Variables that set parameters of the session.
pub(super) const SESSION: [(&str, &str); 3] =
    [("PGDATESTYLE", "datestyle"), ("PGTZ", "timezone"), ("PGGEQO", "geqo")];

const fn text(name: &'static str, help: &'static str) -> Variable {
    Variable { name, aliases: &[], secret: false, required: false, unless: &[], help }
}

const fn also(variable: Variable, aliases: &'static [&'static str]) -> Variable {
    Variable { aliases, ..variable }
}

pub(super) const DATABASE_URL: Variable = Variable {
    secret: true,
    ..text(
        "DATABASE_URL",
        "where to connect: postgres://user:password@host:port/database, or host=... dbname=...",
    )
};
pub(super) const PASSWORD: Variable =
    Variable { secret: true, ..text("PGPASSWORD", "password; otherwise from PGPASSFILE or ~/.pgpass") };
const HOST_ALIASES: &[&str] = &["DB_HOST", "POSTGRES_HOST"];
const PORT_ALIASES: &[&str] = &["DB_PORT", "POSTGRES_PORT"];
const DBNAME_ALIASES: &[&str] = &["DB_NAME", "DASHBOARD_DB", "POSTGRES_DB"];
const USER_ALIASES: &[&str] = &["DB_USER", "POSTGRES_USER"];
const PASSWORD_ALIASES: &[&str] = &["DB_PASSWORD", "POSTGRES_PASSWORD"];

/// The aliases by key word; they count only after everything that libpq knows.
pub(super) const ALIASES: [(&str, &[&str]); 4] =
    [("host", HOST_ALIASES), ("port", PORT_ALIASES), ("dbname", DBNAME_ALIASES), ("user", USER_ALIASES)];
pub(super) const ALIAS_PASSWORD: Variable =
    Variable { aliases: &["POSTGRES_PASSWORD"], ..Variable { name: "DB_PASSWORD", ..PASSWORD } };

/// The variables that are read, for `--describe` and the registration of secrets.
pub const VARIABLES: [Variable; 44] = [
    DATABASE_URL,
    also(text("PGHOST", "host names or folders of Unix sockets, separated by commas"), HOST_ALIASES),
    text("PGHOSTADDR", "addresses of the hosts, which saves looking them up"),
    also(text("PGPORT", "port, or one for each host; 5432 if not set"), PORT_ALIASES),
    also(text("PGDATABASE", "database; the one with the user's name if not set"), DBNAME_ALIASES),
    also(text("PGUSER", "user; the operating system's user if not set"), USER_ALIASES),
    also(PASSWORD, PASSWORD_ALIASES),
    text("PGPASSFILE", "password file; ~/.pgpass if not set"),
    text("PGSERVICE", "section of the service file to take settings from"),
    text("PGSERVICEFILE", "service file; ~/.pg_service.conf if not set"),
    text("PGSYSCONFDIR", "folder of the service file for all users, pg_service.conf"),
    text("PGOPTIONS", "options for the server process, such as -c work_mem=64MB"),
    text("PGAPPNAME", "application_name; the component's name if not set"),
    text("PGCONNECT_TIMEOUT", "seconds to wait for each host; 30 if not set, 0 waits forever"),
    text("PGTARGETSESSIONATTRS", "any, read-write, primary, read-only or standby"),
    text("PGLOADBALANCEHOSTS", "disable, or random to try the hosts in random order"),
    text("PGCLIENTENCODING", "only UTF8"),
    text("PGDATESTYLE", "datestyle of the session"),
    text("PGTZ", "time zone of the session"),
    text("PGGEQO", "geqo of the session"),
    text("PGSSLMODE", "disable, prefer, require, verify-ca or verify-full; prefer if not set"),
    text("PGREQUIRESSL", "1 means PGSSLMODE=require"),
    text("PGSSLNEGOTIATION", "postgres, or direct with PostgreSQL 17 and newer"),
    text("PGSSLROOTCERT", "file of root certificates, or system; ~/.postgresql/root.crt if not set"),
    text("SSL_CERT_FILE", "file of root certificates that PGSSLROOTCERT=system stands for"),
    text("PGSSLCERT", "client certificate; ~/.postgresql/postgresql.crt if not set"),
    text("PGSSLKEY", "key of the client certificate, not encrypted; ~/.postgresql/postgresql.key if not set"),
    text("PGSSLCERTMODE", "allow, or disable to show no client certificate"),
    text("PGSSLSNI", "0 keeps the host's name out of the TLS handshake"),
    text("PGSSLMINPROTOCOLVERSION", "TLSv1.2 or TLSv1.3"),
    text("PGSSLMAXPROTOCOLVERSION", "TLSv1.2 or TLSv1.3"),
    text("PGCHANNELBINDING", "disable, prefer or require"),
    text("PGSSLCOMPRESSION", "only 0"),
    text("PGSSLCRL", "not supported"),
    text("PGSSLCRLDIR", "not supported"),
    text("PGREQUIREPEER", "not supported"),
    text("PGREQUIREAUTH", "not supported"),
    text("PGGSSENCMODE", "only disable and prefer; GSSAPI is never used"),
    text("PGKRBSRVNAME", "only postgres"),
    text("PGGSSLIB", "not supported"),
    text("PGGSSDELEGATION", "only 0"),
    text("PGMINPROTOCOLVERSION", "only 3.0"),
    text("PGMAXPROTOCOLVERSION", "3.0 or newer; never more than 3.0 is used"),
    text("HOME", "folder of .pgpass, .pg_service.conf and .postgresql"),
];

/// Whether the values of a key word are secrets, beside the password, which is kept apart.
pub(super) fn is_secret(word: &str) -> bool {
    ["sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"].contains(&word)
}

/// The key word itself, if it is one.
pub(super) fn find(word: &str) -> Option<&'static str> {
    WORDS.iter().find(|(name, _)| *name == word).map(|(name, _)| *name)
}

/// Key words that have a variable, except the password, which can also come from a file.
pub(super) fn variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    WORDS
        .iter()
        .filter(|(word, _)| *word != "password")
        .filter_map(|&(word, variable)| variable.map(|variable| (word, variable)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_is_described() {
        for (word, aliases) in ALIASES {
            let variable = WORDS.iter().find(|(name, _)| *name == word).and_then(|(_, variable)| *variable);
            let described = VARIABLES.iter().find(|described| Some(described.name) == variable).unwrap();
            assert_eq!(described.aliases, aliases);
        }
        assert_eq!(PASSWORD_ALIASES[0], ALIAS_PASSWORD.name);
        assert_eq!(&PASSWORD_ALIASES[1..], ALIAS_PASSWORD.aliases);
    }

    #[test]
    fn every_variable_is_described_once() {
        let mut names: Vec<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
        let mut wanted: Vec<&str> = variables().map(|(_, variable)| variable).collect();
        wanted.extend(SESSION.map(|(variable, _)| variable));
        wanted.extend(["DATABASE_URL", "PGPASSWORD", "PGREQUIRESSL", "PGSERVICEFILE", "PGSYSCONFDIR"]);
        wanted.extend(["SSL_CERT_FILE", "HOME"]);
        names.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(names, wanted);
    }
}
