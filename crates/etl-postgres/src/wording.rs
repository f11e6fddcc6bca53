//! Errors in words.

use std::error::Error as _;

use postgres::Error;
use postgres::error::DbError;

/// What the server says, with everything that helps to find the cause.
pub(crate) fn sentence(error: &DbError) -> String {
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

/// The privilege that is missing, where the server's message names only a schema or a sequence.
pub(crate) fn usage(error: &DbError) -> String {
    let denied = error.message().strip_prefix("permission denied for ");
    match denied.and_then(|object| object.split_once(' ')) {
        Some((kind @ ("schema" | "sequence"), name)) => {
            let kind = kind.to_ascii_uppercase();
            format!("; run as its owner: GRANT USAGE ON {kind} {name} TO the role that connected")
        }
        _ => String::new(),
    }
}

/// The error and its causes in words, without repetition.
pub(crate) fn chain(error: &Error) -> String {
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
