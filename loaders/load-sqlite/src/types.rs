//! What a declared type stores: SQLite's affinities, in ordinary tables and in STRICT ones.

use etl_schema::Type;

/// The affinity of a declared type (<https://www.sqlite.org/datatype3.html>, section 3.1).
pub(crate) fn affinity(declared: &str) -> &'static str {
    let upper = declared.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| upper.contains(part));
    match () {
        () if has(&["INT"]) => "INTEGER",
        () if has(&["CHAR", "CLOB", "TEXT"]) => "TEXT",
        () if has(&["BLOB"]) || upper.is_empty() => "BLOB",
        () if has(&["REAL", "FLOA", "DOUB"]) => "REAL",
        () => "NUMERIC",
    }
}

/// How a column of this type is stored in a table that is created for it.
pub(crate) fn new_storage(ty: &Type) -> &'static str {
    affinity(&ty.sqlite())
}

/// How an existing table stores a column declared like this. A STRICT table's ANY keeps what it is given.
pub(crate) fn storage(declared: &str, strict: bool) -> &'static str {
    if strict && declared.eq_ignore_ascii_case("ANY") { "BLOB" } else { affinity(declared) }
}

/// How a column of this type is declared in an existing table. A STRICT one knows only a few names
/// (<https://www.sqlite.org/stricttables.html>).
pub(crate) fn declaration(ty: &Type, strict: bool) -> String {
    let declared = ty.sqlite();
    if !strict {
        return declared;
    }
    match affinity(&declared) {
        _ if declared.starts_with("TEXT") => "TEXT",
        "NUMERIC" => "INTEGER",
        affinity => affinity,
    }
    .to_owned()
}

/// Whether a column declared like this stores every value of the type as it is. Our own `TEXT_…` declarations also
/// say what the text means.
pub(crate) fn stores(declared: &str, strict: bool, ty: &Type) -> bool {
    if declared.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("TEXT_")) {
        let Ok(stored) = Type::from_sqlite("", declared) else { return false };
        return match (&stored, ty) {
            (Type::Decimal { .. }, Type::Integer { .. } | Type::Decimal { .. }) => true,
            (Type::Json, Type::Array(_)) => true,
            (stored, ty) => stored == ty,
        };
    }
    let storage = storage(declared, strict);
    match (storage, ty) {
        ("BLOB", Type::Bytes) => true,
        // A STRICT table's BLOB refuses everything but bytes.
        ("BLOB", _) => !strict || !declared.eq_ignore_ascii_case("BLOB"),
        // A text that looks like a number would become one.
        (_, Type::Text { .. } | Type::Decimal { .. } | Type::Json) => storage == "TEXT",
        // These never look like a number, but a STRICT column refuses what is not of its type.
        (_, Type::Date | Type::Timestamp | Type::TimestampTz | Type::Uuid | Type::Array(_)) => {
            storage == "TEXT" || !strict
        }
        (_, Type::Bytes) => !strict,
        // A REAL column keeps only 53 of an integer's 64 bits.
        (_, Type::Integer { .. }) => storage != "REAL",
        (_, Type::Boolean) => storage != "TEXT" && !(strict && storage == "REAL"),
        (_, Type::Double | Type::Float) => storage != "TEXT" && !(strict && storage == "INTEGER"),
    }
}
