//! What an error of the server or of the connection means: SQLSTATE (PostgreSQL 15, appendix A) → exit code.

use std::error::Error as _;
use std::io;

use etl_component::{Class, Fault};
use postgres::Error;
use postgres::error::DbError;

/// The fault of a statement.
pub(crate) fn fault(what: &str, error: &Error) -> Fault {
    match error.as_db_error() {
        Some(error) => Fault::new(class(error.code().code()), format!("{what}: {}", sentence(error))),
        None => Fault::new(broken(error), format!("{what}: {}", chain(error))),
    }
}

/// The fault of a connection that did not come about.
pub(crate) fn connecting(name: &str, error: &Error) -> Fault {
    let Some(refused) = error.as_db_error() else {
        let class = broken(error);
        let hint = if class == Class::Denied { " (PGPASSWORD, or PGPASSFILE)" } else { "" };
        return Fault::new(class, format!("{name}: {}{hint}", chain(error)));
    };
    let (code, message) = (refused.code().code(), refused.message());
    // pgbouncer has one code for all it refuses by itself.
    let class = match code {
        "08P01" if message.contains("unsupported startup parameter") => Class::Config,
        "08P01" if message.contains("no such database") => Class::Config,
        "08P01" if message.contains("no such user") => Class::Denied,
        _ => class(code),
    };
    let hint = if message.contains("unsupported startup parameter") {
        " (pgbouncer: PGOPTIONS, PGTZ, PGDATESTYLE and PGGEQO cannot be used through it)"
    } else {
        ""
    };
    Fault::new(class, format!("{name}: {}{hint}", sentence(refused)))
}

/// The class of a SQLSTATE.
pub(crate) fn class(code: &str) -> Class {
    match (code.get(..2).unwrap_or_default(), code) {
        (_, "42501") | ("28", _) => Class::Denied,
        ("23" | "22" | "21" | "44" | "P0", _) => Class::Data,
        // A statement that was cancelled by somebody or by a timeout; a lock that was not to be had.
        ("40" | "53" | "57" | "08" | "55" | "58", _) => Class::Transient,
        // Missing tables, columns, schemas and databases; read-only servers; limits; what it cannot do.
        ("42" | "3D" | "3F" | "25" | "0A" | "54" | "26" | "34" | "0L" | "2B" | "38" | "39" | "F0", _) => {
            Class::Config
        }
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

/// The class of what is no answer of the server.
fn broken(error: &Error) -> Class {
    let text = error.to_string();
    if text.starts_with("invalid configuration") {
        // All else of it was checked when the settings were read; this is found when the server asks for one.
        return if text.contains("password") { Class::Denied } else { Class::Config };
    }
    if text.starts_with("authentication error") || text.contains("SASL") {
        return Class::Denied;
    }
    if text.contains("does not support TLS") {
        return Class::Config;
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::PermissionDenied => return Class::Denied,
                // What rustls says of a certificate comes as an I/O error of this kind.
                io::ErrorKind::InvalidData => return Class::Protocol,
                _ => (),
            }
        }
        source = cause.source();
    }
    if text.contains("TLS") { Class::Protocol } else { Class::Transient }
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

/// The row of a COPY that an error is about, counted from 1.
pub(crate) fn copy_row(error: &Error) -> Option<u64> {
    // `COPY weather, line 3, column temp`, in the language of the server.
    let context = error.as_db_error()?.where_()?;
    let copy = context.lines().rev().find_map(|line| line.strip_prefix("COPY "))?;
    let (_, place) = copy.split_once(", ")?;
    let digits = place.split(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
