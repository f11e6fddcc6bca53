//! Types as PostgreSQL's SQL spells them (PostgreSQL 15, chapter 8): what their values are in a record, and how a new
//! table declares them.

use crate::types::Type;

/// The most digits of a second's fraction.
const MICROSECONDS: i64 = 6;

/// The built-in types whose values are texts in a record, and which PostgreSQL reads from the text that it writes.
const AS_TEXTS: [&str; 30] = [
    "bpchar",
    "box",
    "cidr",
    "circle",
    "datemultirange",
    "daterange",
    "inet",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "interval",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "nummultirange",
    "numrange",
    "path",
    "pg_lsn",
    "point",
    "polygon",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "xml",
];

/// The fields that an interval may be limited to.
const INTERVALS: [&str; 13] = [
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "year to month",
    "day to hour",
    "day to minute",
    "day to second",
    "hour to minute",
    "hour to second",
    "minute to second",
];

/// The type that `x-postgres.type` may name, as SQL spells it, in its short form: `timestamp(3)`. `None` for one that it may not.
pub fn declared(spelled: &str) -> Option<String> {
    let (ty, own) = parse(spelled)?;
    Some(own.map_or_else(|| ty.postgres(), String::from))
}

/// Reads the name of a type in any of its spellings: the logical type, and how SQL spells it where that is not just
/// [`Type::postgres`]. `None` for a type that is not supported.
pub(crate) fn parse(spelled: &str) -> Option<(Type, Option<Box<str>>)> {
    let spelled = spelled.trim().to_ascii_lowercase();
    let (ty, sql) = match spelled.strip_suffix("[]") {
        Some(element) => {
            let (element, sql) = single(element)?;
            (Type::Array(Box::new(element)), sql + "[]")
        }
        None => single(&spelled)?,
    };
    let is_usual = ty.postgres() == sql;
    Some((ty, (!is_usual).then(|| sql.into())))
}

/// A type that is not an array, and its name.
fn single(spelled: &str) -> Option<(Type, String)> {
    if let Some(ty) = Type::from_postgres(spelled).filter(|ty| !matches!(ty, Type::Array(_))) {
        let (name, _) = split(spelled)?;
        let sql = match (&ty, name.as_str()) {
            (Type::Text { max: Some(max) }, "char" | "character") => format!("char({max})"),
            (_, "json") => name,
            (Type::Text { max: None }, "varchar" | "character varying") => "varchar".to_owned(),
            _ => ty.postgres(),
        };
        return Some((ty, sql));
    }
    let (name, arguments) = split(spelled)?;
    let text = Type::Text { max: None };
    match (name.as_str(), arguments.as_slice()) {
        // With a scale below zero or beyond the precision, as PostgreSQL has it from version 15 on.
        ("numeric" | "decimal", [digits @ 1..=1000, scale @ -1000..=1000]) => {
            Some((Type::Decimal { precision: None }, format!("numeric({digits},{scale})")))
        }
        ("timestamp" | "timestamp without time zone", [p @ 0..=MICROSECONDS]) => {
            Some((Type::Timestamp, format!("timestamp({p})")))
        }
        ("timestamptz" | "timestamp with time zone", [p @ 0..=MICROSECONDS]) => {
            Some((Type::TimestampTz, format!("timestamptz({p})")))
        }
        ("time" | "time without time zone", arguments) => {
            Some((text, "time".to_owned() + &digits(arguments)?))
        }
        ("timetz" | "time with time zone", arguments) => {
            Some((text, "timetz".to_owned() + &digits(arguments)?))
        }
        ("interval", [p @ 0..=MICROSECONDS]) => Some((text, format!("interval({p})"))),
        ("bit", []) => Some((text, "bit(1)".to_owned())),
        ("bit", [length @ 1..=83_886_080]) => Some((text, format!("bit({length})"))),
        ("varbit" | "bit varying", []) => Some((text, "varbit".to_owned())),
        ("varbit" | "bit varying", [length @ 1..=83_886_080]) => Some((text, format!("varbit({length})"))),
        ("bpchar", [length @ 1..=10_485_760]) => {
            Some((Type::Text { max: Some(*length as u32) }, format!("char({length})")))
        }
        (name, arguments) => {
            if let Some(fields) = name.strip_prefix("interval ").filter(|fields| INTERVALS.contains(fields)) {
                let p = if fields.ends_with("second") { digits(arguments)? } else { none(arguments)? };
                return Some((text, format!("interval {fields}{p}")));
            }
            AS_TEXTS.contains(&name).then_some(())?;
            Some((text, name.to_owned() + &none(arguments)?))
        }
    }
}

/// The precision of a second's fraction in parentheses, if there is one.
fn digits(arguments: &[i64]) -> Option<String> {
    match arguments {
        [] => Some(String::new()),
        [p @ 0..=MICROSECONDS] => Some(format!("({p})")),
        _ => None,
    }
}

fn none(arguments: &[i64]) -> Option<String> {
    arguments.is_empty().then(String::new)
}

/// The name, its words separated by single spaces, and the numbers in parentheses, which may stand within it.
fn split(spelled: &str) -> Option<(String, Vec<i64>)> {
    let (name, arguments) = match spelled.split_once('(') {
        None => (spelled.to_owned(), Vec::new()),
        Some((before, rest)) => {
            let (inside, after) = rest.split_once(')')?;
            let arguments = inside.split(',').map(|n| n.trim().parse().ok()).collect::<Option<_>>()?;
            (format!("{before} {after}"), arguments)
        }
    };
    Some((name.split_whitespace().collect::<Vec<_>>().join(" "), arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_table_declares_what_was_said() {
        let text = Type::Text { max: None };
        for (spelled, ty, sql) in [
            ("INT4", Type::Integer { bits: 32 }, "integer"),
            ("character varying(10)", Type::Text { max: Some(10) }, "varchar(10)"),
            ("character(3)", Type::Text { max: Some(3) }, "char(3)"),
            ("character varying", text.clone(), "varchar"),
            ("char", Type::Text { max: Some(1) }, "char(1)"),
            ("bpchar(3)", Type::Text { max: Some(3) }, "char(3)"),
            ("bpchar", text.clone(), "bpchar"),
            ("json", Type::Json, "json"),
            ("jsonb", Type::Json, "jsonb"),
            ("numeric(12,4)", Type::Decimal { precision: Some((12, 4)) }, "numeric(12,4)"),
            ("numeric(3, 5)", Type::Decimal { precision: None }, "numeric(3,5)"),
            ("numeric(2,-3)", Type::Decimal { precision: None }, "numeric(2,-3)"),
            ("timestamp(3) without time zone", Type::Timestamp, "timestamp(3)"),
            ("timestamp (0) with time zone", Type::TimestampTz, "timestamptz(0)"),
            ("timestamptz(6)", Type::TimestampTz, "timestamptz(6)"),
            ("time without time zone", text.clone(), "time"),
            ("time(3) with time zone", text.clone(), "timetz(3)"),
            ("interval", text.clone(), "interval"),
            ("interval(3)", text.clone(), "interval(3)"),
            ("interval day to second(3)", text.clone(), "interval day to second(3)"),
            ("interval year  to month", text.clone(), "interval year to month"),
            ("bit", text.clone(), "bit(1)"),
            ("bit varying(8)", text.clone(), "varbit(8)"),
            ("tstzrange", text.clone(), "tstzrange"),
            ("char(3)[]", Type::Array(Box::new(Type::Text { max: Some(3) })), "char(3)[]"),
            ("timestamp(3)[]", Type::Array(Box::new(Type::Timestamp)), "timestamp(3)[]"),
            ("timestamp(3) with time zone[]", Type::Array(Box::new(Type::TimestampTz)), "timestamptz(3)[]"),
            ("interval[]", Type::Array(Box::new(text)), "interval[]"),
        ] {
            let (read, own) = parse(spelled).expect(spelled);
            assert_eq!(read, ty, "{spelled}");
            assert_eq!(own.as_deref().map_or_else(|| ty.postgres(), str::to_owned), sql, "{spelled}");
            assert_eq!(parse(sql), Some((read, own)), "{sql}");
        }
    }

    #[test]
    fn what_is_not_a_type_is_not_guessed() {
        for unknown in [
            "",
            "[]",
            "money",
            "timestamp(7)",
            "time(-1)",
            "interval(7)",
            "interval week",
            "interval year(3)",
            "varchar(0)",
            "varchar(x)",
            "numeric(0,0)",
            "numeric(1001,0)",
            "numeric(1,2,3)",
            "int[][]",
            "text(3)",
            "point(1)",
            "bit(0)",
            "inet; drop table x",
            "xml) x",
            "int4range(1",
        ] {
            assert_eq!(parse(unknown), None, "{unknown}");
        }
    }
}
