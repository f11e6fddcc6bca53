//! What a SQLSTATE means (PostgreSQL 15, appendix A).

use etl_component::Class;

/// The exit class of a code.
pub(crate) fn class(code: &str) -> Class {
    match (category(code), code) {
        (_, "42501") | ("28", _) => Class::Denied,
        _ if is_data(code) => Class::Data,
        _ if is_transient(code) => Class::Transient,
        // Missing tables, columns, schemas and databases; read-only servers; limits; features that the server does not
        // support; objects that are not in the right state.
        (
            "42" | "3D" | "3F" | "25" | "0A" | "54" | "55" | "26" | "34" | "0L" | "2B" | "38" | "39" | "F0",
            _,
        ) => Class::Config,
        _ => Class::Protocol,
    }
}

/// Whether the server refused values.
pub(crate) fn is_data(code: &str) -> bool {
    matches!(category(code), "23" | "22" | "21" | "44" | "P0")
}

/// Whether a row is to blame: a constraint, or the form of a value. What a trigger raises is meant for the whole load.
pub(crate) fn is_refusal(code: &str) -> bool {
    matches!(category(code), "23" | "22")
}

/// Whether it may succeed at another time. A statement that somebody or a timeout cancelled counts, too, and a lock
/// that could not be obtained.
pub(crate) fn is_transient(code: &str) -> bool {
    matches!(category(code), "40" | "53" | "57" | "08" | "58")
        || matches!(code, "55006" | "55P03" | "25P03" | "25P04")
}

/// Whether the transaction was rolled back for a reason that may be gone at the next attempt: a deadlock, a conflict
/// with another transaction, too few resources.
pub(crate) fn is_rolled_back(code: &str) -> bool {
    matches!(category(code), "40" | "53")
}

/// Whether the server ended the connection, also because a timeout of idle sessions or of whole transactions ran out.
pub(crate) fn is_lost(code: &str) -> bool {
    matches!(code.get(..3), Some("57P" | "08P" | "080")) || matches!(code, "25P03" | "25P04")
}

/// The first two characters.
fn category(code: &str) -> &str {
    code.get(..2).unwrap_or_default()
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
            ("25P03", Class::Transient),
            ("25P04", Class::Transient),
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
