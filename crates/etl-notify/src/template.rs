//! `--when` and `--template`: minijinja over the fields of a record.
//!
//! Nothing undefined counts as false or as an empty text; otherwise a misspelt name in a condition would never alert.
//! Values that a template inserts are escaped for whatever the text is; the template's own text is not, nor is what
//! `| safe` marks.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use etl_component::{Class, Fault};
use minijinja::value::{Enumerator, Object, Rest, Value, ValueKind};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, filters, tests as builtin,
};

use serde::Deserialize;

use crate::text::{escape, escape_json};

/// The fuel of one evaluation: a step costs one unit, and so do 64 bytes of data. It allows a second or so of work, and
/// 32 MiB.
const FUEL: u64 = 500_000;
/// The longest JSON of a value, in bytes; repeating a list costs no fuel until it is printed.
const LONGEST_JSON: usize = 1 << 20;
/// The longest source, in bytes, which limits how deeply it can nest.
const LONGEST_SOURCE: usize = 16 << 10;

const WHEN: &str = "--when";
const TEMPLATE: &str = "--template";
const FAILURE: &str = "--failure-template";

type Test = fn(&Value) -> bool;
type Comparison = fn(&Value, &Value) -> bool;

/// Those of minijinja's tests that take undefined for just another value.
const TESTS: [(&str, Test); 18] = [
    ("none", builtin::is_none),
    ("true", builtin::is_true),
    ("false", builtin::is_false),
    ("boolean", builtin::is_boolean),
    ("number", builtin::is_number),
    ("integer", builtin::is_integer),
    ("int", builtin::is_integer),
    ("float", builtin::is_float),
    ("string", builtin::is_string),
    ("sequence", builtin::is_sequence),
    ("iterable", builtin::is_iterable),
    ("mapping", builtin::is_mapping),
    ("lower", builtin::is_lower),
    ("upper", builtin::is_upper),
    ("safe", builtin::is_safe),
    ("escaped", builtin::is_safe),
    ("odd", |value| builtin::is_odd(value.clone())),
    ("even", |value| builtin::is_even(value.clone())),
];

/// The same, for tests that compare two values.
const COMPARISONS: [(&str, Comparison); 17] = [
    ("eq", builtin::is_eq),
    ("equalto", builtin::is_eq),
    ("==", builtin::is_eq),
    ("ne", builtin::is_ne),
    ("!=", builtin::is_ne),
    ("lt", builtin::is_lt),
    ("lessthan", builtin::is_lt),
    ("<", builtin::is_lt),
    ("le", builtin::is_le),
    ("<=", builtin::is_le),
    ("gt", builtin::is_gt),
    ("greaterthan", builtin::is_gt),
    (">", builtin::is_gt),
    ("ge", builtin::is_ge),
    (">=", builtin::is_ge),
    ("sameas", builtin::is_sameas),
    ("divisibleby", builtin::is_divisibleby),
];

/// What the text of a template is, which decides how the values in it are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escaping {
    /// Slack's mrkdwn.
    Slack,
    /// JSON: texts are escaped as within quotes, and what `tojson` makes is left as it is.
    Json,
    /// Nothing that has to be escaped.
    Plain,
}

impl Escaping {
    fn escape(self, text: &str) -> Cow<'_, str> {
        match self {
            Escaping::Slack => escape(text),
            Escaping::Json => escape_json(text),
            Escaping::Plain => Cow::Borrowed(text),
        }
    }
}

/// What was given, as text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'s> {
    /// `--when`.
    pub when: Option<&'s str>,
    /// `--template`.
    pub template: Option<&'s str>,
    /// `--failure-template`.
    pub failure: Option<&'s str>,
}

/// The compiled templates.
pub struct Templates {
    environment: Environment<'static>,
    has_when: bool,
    has_template: bool,
    has_failure: bool,
}

impl Templates {
    /// Compiles what was given.
    ///
    /// # Errors
    /// 2, naming flag, line and column, if one is not a template or is too long.
    pub fn compile(sources: Sources<'_>, escaping: Escaping) -> Result<Templates, Fault> {
        let Sources { when, template, failure } = sources;
        for (flag, source) in [(WHEN, when), (TEMPLATE, template), (FAILURE, failure)] {
            if source.is_some_and(|source| source.len() > LONGEST_SOURCE) {
                return Err(Fault::usage(format!("{flag}: longer than {LONGEST_SOURCE} bytes")));
            }
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Custom("own".into()));
        environment.set_formatter(move |out, state, value| format(out, state, value, escaping));
        environment.set_fuel(Some(FUEL));
        // Without debugging, errors do not say which name is undefined.
        environment.set_debug(true);
        for (name, test) in TESTS {
            environment.add_test(name, move |value: &Value| defined(value).map(|()| test(value)));
        }
        for (name, test) in COMPARISONS {
            let both = move |a: &Value, b: &Value| defined(a).and(defined(b)).map(|()| test(a, b));
            environment.add_test(name, both);
        }
        environment.add_test("in", |state: &State<'_, '_>, a: &Value, b: &Value| {
            defined(a).and_then(|()| builtin::is_in(state, a, b))
        });
        environment.add_filter("tojson", move |value: &Value| {
            let safe = escaping == Escaping::Json;
            json(value).map(|text| if safe { Value::from_safe_string(text) } else { text.into() })
        });
        environment.add_filter("default", default);
        environment.add_filter("d", default);
        if let Some(when) = when {
            environment.compile_expression_owned(when).map_err(|error| no_template(WHEN, when, &error))?;
            // A statement, because an expression may evaluate to undefined, which must not count as no.
            let statement = format!("{{% if ({when}\n) %}}true{{% endif %}}");
            environment
                .add_template_owned(WHEN, statement)
                .map_err(|error| no_template(WHEN, when, &error))?;
        }
        for (flag, source) in [(TEMPLATE, template), (FAILURE, failure)] {
            let Some(source) = source else { continue };
            environment
                .add_template_owned(flag, source.to_owned())
                .map_err(|error| no_template(flag, source, &error))?;
        }
        let (has_when, has_template) = (when.is_some(), template.is_some());
        Ok(Templates { environment, has_when, has_template, has_failure: failure.is_some() })
    }

    /// Whether neither was given, so that records need not be parsed for them.
    pub fn is_empty(&self) -> bool {
        !self.has_when && !self.has_template
    }

    /// Whether there is a condition.
    pub fn has_when(&self) -> bool {
        self.has_when
    }

    /// Whether there is a template for records.
    pub fn has_template(&self) -> bool {
        self.has_template
    }

    /// Whether the record is wanted.
    ///
    /// # Errors
    /// 3 or 2, naming the flag, but not the record's line.
    pub fn wants(&self, record: &Value) -> Result<bool, Fault> {
        Ok(!self.has_when || !self.render(WHEN, record)?.is_empty())
    }

    /// The text of a record, if there is a template for it.
    ///
    /// # Errors
    /// As [`Templates::wants`].
    pub fn text(&self, record: &Value) -> Result<Option<String>, Fault> {
        if self.has_template { self.render(TEMPLATE, record).map(Some) } else { Ok(None) }
    }

    /// The text about a failure, if there is a template for it; the fields of `about` are its variables.
    ///
    /// # Errors
    /// 3 or 2, naming the flag, if it cannot be rendered.
    pub fn failure(&self, about: &serde_json::Value) -> Result<Option<String>, Fault> {
        if !self.has_failure {
            return Ok(None);
        }
        self.render(FAILURE, &from_json(about)).map(Some)
    }

    fn render(&self, flag: &'static str, record: &Value) -> Result<String, Fault> {
        let template = self.environment.get_template(flag);
        template.and_then(|template| template.render(record.clone())).map_err(|error| failed(flag, &error))
    }
}

/// The variables of a record: its fields, `none` for each absent field that its schema makes optional, and `record`,
/// which holds them all; `run`, unless that is a field, is what the flags say of the run. Integers of up to 64 bits are exact, other numbers are doubles.
///
/// # Errors
/// A sentence, if the line has a number beyond the range of doubles.
pub fn variables(line: &[u8], optional: &[String], run: &Value) -> Result<Value, String> {
    // Not by way of serde_json's own values, which give a special meaning to certain keys.
    let mut fields: Value = serde_json::from_slice(line)
        .map_err(|error| format!("--when and --template cannot take it: {error}"))?;
    let absent = |name: &&String| fields.get_attr(name).is_ok_and(|value| value.is_undefined());
    let absent: Vec<&String> = optional.iter().filter(absent).collect();
    if !absent.is_empty() {
        let names = fields.try_iter().into_iter().flatten();
        let present = names.map(|name| (name.clone(), fields.get_item(&name).unwrap_or_default()));
        let none = absent.into_iter().map(|name| (Value::from(name.as_str()), Value::from(())));
        fields = Value::from_pairs(present.chain(none));
    }
    Ok(Value::from_object(Variables { fields, run: run.clone() }))
}

/// A value of our own making as one of templates.
pub(crate) fn from_json(value: &serde_json::Value) -> Value {
    // Plain JSON always deserializes.
    Value::deserialize(value).unwrap_or_default()
}

#[derive(Debug)]
struct Variables {
    fields: Value,
    run: Value,
}

impl Object for Variables {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if key.as_str() == Some("record") {
            return Some(self.fields.clone());
        }
        let field = self.fields.get_item(key).ok().filter(|value| !value.is_undefined());
        field.or_else(|| (key.as_str() == Some("run")).then(|| self.run.clone()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["record"])
    }
}

/// Prints a value: a text escaped, anything else as JSON.
fn format(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
    escaping: Escaping,
) -> Result<(), Error> {
    // Only `a if b` without an `else` can be undefined here.
    if value.is_undefined() {
        return Ok(());
    }
    let text = value.as_str().map_or_else(|| json(value), |text| Ok(text.to_owned()))?;
    // The quotes around texts are part of a list in JSON.
    let is_json = escaping == Escaping::Json && value.as_str().is_none();
    if value.is_safe() || is_json || matches!(state.auto_escape(), AutoEscape::None) {
        out.write_str(&text)?;
    } else {
        out.write_str(&escaping.escape(&text))?;
    }
    Ok(())
}

/// minijinja's `default`, also for null: a field that a record lacks and one that is null are the same to a reader.
fn default(state: &State<'_, '_>, value: &Value, args: Rest<Value>) -> Result<Value, Error> {
    let value = if value.is_none() { &Value::UNDEFINED } else { value };
    filters::default(state, value, args)
}

/// A value as JSON, if it can be written as JSON that is not too long.
fn json(value: &Value) -> Result<String, Error> {
    let mut out = Limited(Vec::new());
    serde_json::to_writer(&mut out, value).map_err(|error| match error.is_io() {
        true => Error::from(ErrorKind::OutOfFuel),
        false => Error::new(ErrorKind::BadSerialization, error.to_string()),
    })?;
    let text = String::from_utf8_lossy(&out.0).into_owned();
    // serde_json prints null in place of what JSON cannot express.
    if text.contains("null") {
        printable(value)?;
    }
    Ok(text)
}

/// Refuses a value in which anything is undefined, infinite or NaN.
fn printable(value: &Value) -> Result<(), Error> {
    defined(value)?;
    match value.kind() {
        ValueKind::Number if f64::try_from(value.clone()).is_ok_and(|number| !number.is_finite()) => Err(
            Error::new(ErrorKind::InvalidOperation, format!("{value} is not a number that can be printed")),
        ),
        ValueKind::Seq | ValueKind::Iterable => value.try_iter()?.try_for_each(|item| printable(&item)),
        ValueKind::Map => value.try_iter()?.try_for_each(|key| printable(&value.get_item(&key)?)),
        _ => Ok(()),
    }
}

/// A buffer of limited size.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_JSON {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Refuses a value that is undefined, with an error that names the expression.
fn defined(value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        value.get_attr("")?;
    }
    Ok(())
}

fn no_template(flag: &str, source: &str, error: &Error) -> Fault {
    let at = error.range().map_or(source.len(), |range| range.start.min(source.len()));
    let before = &source[..source.floor_char_boundary(at)];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let place = if source.contains('\n') {
        format!("line {line}, column {column}")
    } else {
        format!("column {column}")
    };
    Fault::usage(format!("{flag}: {place}: {}", words(error)))
}

fn failed(flag: &str, error: &Error) -> Fault {
    let class = match error.kind() {
        // Wrong for every record, but found only by running the template.
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => Class::Usage,
        _ => Class::Data,
    };
    let place = error.line().filter(|&line| line > 1).map(|line| format!(" line {line}")).unwrap_or_default();
    Fault::new(class, format!("{flag}{place}: {}", words(error)))
}

fn words(error: &Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it takes too many steps or produces too long a text".to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}

#[cfg(test)]
mod tests;
