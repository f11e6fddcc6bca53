//! What a declared type stores: SQLite's affinities, in ordinary tables and in STRICT ones.

use etl_component::Fault;
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

/// What a column of an existing table holds, whoever declared it: what the name says, otherwise its affinity.
///
/// # Errors
/// 78 for a column without a declaration, and for ANY in a STRICT table: they hold anything.
pub(crate) fn own(column: &str, declared: &str, strict: bool) -> Result<Type, Fault> {
    Type::from_sqlite(column, declared).or_else(|unknown| match storage(declared, strict) {
        _ if is_ours(declared) => Err(unknown),
        "INTEGER" => Ok(Type::Integer { bits: 64 }),
        "TEXT" => Ok(Type::Text { max: None }),
        "REAL" => Ok(Type::Double),
        "NUMERIC" if declared.eq_ignore_ascii_case("JSONB") => Ok(Type::Json),
        "NUMERIC" => Ok(Type::Decimal { precision: None }),
        _ if affinity(declared) == "BLOB" && !declared.is_empty() => Ok(Type::Bytes),
        _ => Err(Fault::config(format!(
            "column {column:?} is declared {declared:?} and holds anything; --schema must say what its values are"
        ))),
    })
}

/// Whether a declaration also says what the text means.
fn is_ours(declared: &str) -> bool {
    declared.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("TEXT_"))
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

/// Whether a column declared like this stores the values of the type as they are; of decimals in a NUMERIC column, each
/// is looked at. Our own `TEXT_…` declarations also say what the text means.
pub(crate) fn stores(declared: &str, strict: bool, ty: &Type) -> bool {
    if is_ours(declared) {
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
        ("NUMERIC", Type::Decimal { .. } | Type::Json) => true,
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
