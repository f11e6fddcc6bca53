//! What an error of the server or of the connection means: SQLSTATE (PostgreSQL 15, appendix A) → exit code.

use std::error::Error as _;
use std::io;

use etl_component::{Class, Fault};
use postgres::Error;
use postgres::error::DbError;
use rustls::AlertDescription;

/// The fault of a statement.
pub(crate) fn fault(what: &str, error: &Error) -> Fault {
    match error.as_db_error() {
        Some(error) => {
            let message = format!("{what}: {}{}", sentence(error), usage(error));
            Fault::new(class(error.code().code()), message)
        }
        None => Fault::new(broken(error), format!("{what}: {}", chain(error))),
    }
}

/// The fault of a connection that did not come about.
pub(crate) fn connecting(name: &str, error: &Error) -> Fault {
    let Some(refused) = error.as_db_error() else {
        let (class, text) = (broken(error), chain(error));
        let hint = match class {
            Class::Denied if text.contains(NO_PASSWORD) => " (PGPASSWORD, PGPASSWORD_FILE or PGPASSFILE)",
            Class::Config if text.contains(NO_TLS) => " (sslmode require, and what is stricter, asks for it)",
            Class::Transient if io_error(error).is_some_and(|io| io.kind() == io::ErrorKind::NotFound) => {
                " (no server has its socket there; PGHOST or DATABASE_URL says where it is)"
            }
            Class::Denied if rustls_error(error).is_some() => {
                " (the server refuses the client certificate, PGSSLCERT)"
            }
            _ => "",
        };
        return Fault::new(class, format!("{name}: {text}{hint}"));
    };
    let (code, message) = (refused.code().code(), refused.message());
    let bouncer = BOUNCER.iter().find(|(part, _)| code == "08P01" && message.contains(part));
    let class = match (bouncer, class(code)) {
        (Some(&(_, class)), _) => class,
        // A value in PGOPTIONS or PGTZ that is not valid: there are no data yet.
        (None, Class::Data) => Class::Config,
        (None, class) => class,
    };
    let hint = if message.contains("unsupported startup parameter") {
        " (pgbouncer: PGOPTIONS, PGTZ, PGDATESTYLE and PGGEQO cannot be used through it)"
    } else {
        ""
    };
    Fault::new(class, format!("{name}: {}{hint}", sentence(refused)))
}

/// What pgbouncer says, which has the code 08P01 for all it refuses by itself. All else of it may pass.
const BOUNCER: [(&str, Class); 10] = [
    ("unsupported startup parameter", Class::Config),
    ("no such database", Class::Config),
    ("does not exist", Class::Config),
    ("SSL required", Class::Config),
    ("TLS connection required", Class::Config),
    ("no such user", Class::Denied),
    ("authentication failed", Class::Denied),
    ("login rejected", Class::Denied),
    ("client certificate required", Class::Denied),
    ("certificate name mismatch", Class::Denied),
];

/// The class of a SQLSTATE.
pub(crate) fn class(code: &str) -> Class {
    match (code.get(..2).unwrap_or_default(), code) {
        (_, "42501") | ("28", _) => Class::Denied,
        ("23" | "22" | "21" | "44" | "P0", _) => Class::Data,
        // A statement that was cancelled by somebody or by a timeout; a lock that was not to be had.
        ("40" | "53" | "57" | "08" | "58", _) | (_, "55006" | "55P03") => Class::Transient,
        // Missing tables, columns, schemas and databases; read-only servers; limits; what it cannot do.
        // Objects that are not in the state for it.
        (
            "42" | "3D" | "3F" | "25" | "0A" | "54" | "55" | "26" | "34" | "0L" | "2B" | "38" | "39" | "F0",
            _,
        ) => Class::Config,
        _ => Class::Protocol,
    }
}

/// What the server says, with all that helps to find the cause.
fn sentence(error: &DbError) -> String {
    let mut text = error.message().to_owned();
    let parts = [
        ("", error.detail()),
        ("hint: ", error.hint()),
        ("table ", error.table()),
        ("column ", error.column()),
        ("constraint ", error.constraint()),
    ];
    for (name, value) in parts {
        if let Some(value) = value.filter(|value| !text.contains(value)) {
            text += &format!("; {name}{}", value.trim_end_matches('.'));
        }
    }
    text + &format!(" (SQLSTATE {})", error.code().code())
}

/// The privilege that the server's message is about, where it names a schema or a sequence and no more.
fn usage(error: &DbError) -> String {
    let denied = error.message().strip_prefix("permission denied for ");
    match denied.and_then(|object| object.split_once(' ')) {
        Some((kind @ ("schema" | "sequence"), name)) => {
            let kind = kind.to_ascii_uppercase();
            format!("; run as its owner: GRANT USAGE ON {kind} {name} TO the role of this load")
        }
        _ => String::new(),
    }
}

/// The class of what is no answer of the server.
fn broken(error: &Error) -> Class {
    // The crate says what kind it is in words only.
    let (kind, text) = (error.to_string(), chain(error));
    match (kind.as_str(), rustls_error(error)) {
        (_, Some(rustls::Error::AlertReceived(alert))) if is_about_our_certificate(*alert) => Class::Denied,
        (_, Some(_)) => Class::Protocol,
        ("authentication error", _) => Class::Denied,
        // All else of it was checked when the settings were read; this is found when the server asks for one.
        ("invalid configuration", _) if text.contains(NO_PASSWORD) => Class::Denied,
        ("invalid configuration", _) => Class::Config,
        ("unexpected message from server" | "error parsing response from server", _) => Class::Protocol,
        _ if text.contains(NO_TLS) => Class::Config,
        _ if io_error(error).is_some_and(|io| io.kind() == io::ErrorKind::PermissionDenied) => Class::Denied,
        _ => Class::Transient,
    }
}

const NO_PASSWORD: &str = "password missing";
const NO_TLS: &str = "does not support TLS";

/// Whether TLS did not come about.
pub(crate) fn is_tls(error: &Error) -> bool {
    error.to_string() == "error performing TLS handshake" || rustls_error(error).is_some()
}

/// Whether the other side went away while something was said. A server that refuses a certificate says so and closes; if
/// we are still sending, the crate tells of that only.
pub(crate) fn is_hang_up(error: &Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    io_error(error).is_some_and(|io| [BrokenPipe, ConnectionReset, UnexpectedEof].contains(&io.kind()))
}

fn io_error(error: &Error) -> Option<&io::Error> {
    error.source().and_then(|cause| cause.downcast_ref())
}

/// What rustls says comes within an I/O error. TLS 1.3 lets a server refuse our certificate after the handshake.
fn rustls_error(error: &Error) -> Option<&rustls::Error> {
    io_error(error).and_then(io::Error::get_ref).and_then(|cause| cause.downcast_ref())
}

fn is_about_our_certificate(alert: AlertDescription) -> bool {
    use AlertDescription::*;
    matches!(
        alert,
        BadCertificate
            | UnsupportedCertificate
            | CertificateRevoked
            | CertificateExpired
            | CertificateUnknown
            | CertificateRequired
            | UnknownCA
            | AccessDenied
            // One of its name, but with another key, has signed it.
            | DecryptError
    )
}

fn chain(error: &Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += &format!(": {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// The row of a COPY into this table that an error is about, counted from 1.
pub(crate) fn copy_row(table: &str, error: &Error) -> Option<u64> {
    row_of(table, error.as_db_error()?.where_()?)
}

/// In the language of the server `COPY weather, line 3, column temp`, below what the table's triggers say.
fn row_of(table: &str, context: &str) -> Option<u64> {
    let (_, place) = context.lines().rev().find_map(|line| line.split_once(table))?;
    let digits = place.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_copy_is_found_in_any_language() {
        let contexts = [
            ("weather", "COPY weather, line 3, column temp"),
            ("weather", "PL/pgSQL function keep() line 9 at RAISE\nCOPY weather, line 3"),
            ("a, line 7", "COPY a, line 7, Zeile 3, Spalte 4"),
            ("weather", "weatherのCOPY、行 3、列 4"),
            ("weather", "weather 복사, 3번째 줄, 4 열"),
        ];
        for (table, context) in contexts {
            assert_eq!(row_of(table, context), Some(3), "{context}");
        }
        assert_eq!(row_of("weather", "SQL statement \"SELECT 3\""), None);
    }

    #[test]
    fn each_sqlstate_has_its_class() {
        let classes = [
            ("28P01", Class::Denied),
            ("28000", Class::Denied),
            ("42501", Class::Denied),
            ("42P01", Class::Config),
            ("42703", Class::Config),
            ("3D000", Class::Config),
            ("3F000", Class::Config),
            ("25006", Class::Config),
            ("54011", Class::Config),
            ("0A000", Class::Config),
            ("23505", Class::Data),
            ("23502", Class::Data),
            ("22P02", Class::Data),
            ("22003", Class::Data),
            ("P0001", Class::Data),
            ("40001", Class::Transient),
            ("40P01", Class::Transient),
            ("53300", Class::Transient),
            ("53100", Class::Transient),
            ("55P03", Class::Transient),
            ("55006", Class::Transient),
            ("55000", Class::Config),
            ("57P01", Class::Transient),
            ("57P02", Class::Transient),
            ("57P03", Class::Transient),
            ("57014", Class::Transient),
            ("08006", Class::Transient),
            ("XX000", Class::Protocol),
        ];
        for (code, expected) in classes {
            assert_eq!(class(code), expected, "{code}");
        }
    }
}
