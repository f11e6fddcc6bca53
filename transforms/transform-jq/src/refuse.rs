//! What is wrong with a filter, and what of jq there is not.

use etl_stream::counted;
use etl_stream::json::shorten;
use jaq_core::compile::Undefined;
use jaq_core::load;

/// Functions of jq that a filter of records does not have, and why.
const REFUSED: [(&str, &str); 6] = [
    ("input", "the filter gets one record at a time"),
    ("inputs", "the filter gets one record at a time"),
    ("halt", "it would end the stream early; `empty` drops a record, `error` fails"),
    ("halt_error", "it would end the stream early; `error` fails"),
    ("env", "the environment has secrets; --arg NAME VALUE sets $NAME"),
    ("$ENV", "the environment has secrets; --arg NAME VALUE sets $NAME"),
];

/// Whether a definition is left out.
pub(crate) fn is_refused(name: &str) -> bool {
    REFUSED.iter().any(|(refused, _)| *refused == name)
}

/// What is said of a name that is not defined.
pub(crate) fn unknown(code: &str, name: &str, kind: &Undefined) -> String {
    let at = place(code, name);
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return format!("{at}: `{name}` is not supported: {why}");
    }
    match kind {
        Undefined::Filter(arity) if *arity > 0 => {
            let arguments = counted(*arity as u64, "argument", "arguments");
            format!("{at}: the function `{name}` with {arguments} is not defined")
        }
        Undefined::Filter(_) => format!("{at}: the function `{name}` is not defined"),
        Undefined::Var => {
            format!("{at}: the variable `{name}` is not defined (--arg and --argjson set variables)")
        }
        kind => format!("{at}: the {} `{name}` is not defined", kind.as_str()),
    }
}

/// What is said of a text that is not a filter.
pub(crate) fn unread(code: &str, errors: load::Errors<&str, ()>) -> String {
    let first = errors.into_iter().next().map(|(_, error)| error);
    let expected = |part: &str, what: &str| {
        let found = shorten(part, 20);
        let found = if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") };
        format!("{}: expected {what}, found {found}", place(code, part))
    };
    match first {
        Some(load::Error::Lex(errors)) => {
            errors.first().map(|(expect, part)| expected(part, expect.as_str())).unwrap_or_default()
        }
        Some(load::Error::Parse(errors)) => {
            errors.first().map(|(expect, part)| expected(part, expect.as_str())).unwrap_or_default()
        }
        Some(load::Error::Io(_)) => "`import` and `include` are not supported: it is one text".to_owned(),
        None => String::new(),
    }
}

/// Where a part of the filter is, as editors count.
pub(crate) fn place(code: &str, part: &str) -> String {
    let before = &code[..load::span(code, part).start.min(code.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}
