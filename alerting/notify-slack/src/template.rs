//! `--when` and `--template`: minijinja over the fields of a record.
//!
//! Nothing undefined passes for false or for an empty text: a name that is misspelt in a condition would never alert. What a
//! value becomes in a template is escaped for Slack; the template's own text is not, nor is what `| safe` marks.

use std::sync::Arc;

use etl_component::{Class, Fault};
use minijinja::value::{Enumerator, Object, Serde, Value};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, tests as builtin,
};
use serde_json::Map;

use crate::text::escape;

/// Steps of one evaluation, each also worth 64 bytes that it makes: a second or so of work, and 32 MiB.
const FUEL: u64 = 500_000;

const WHEN: &str = "--when";
const TEMPLATE: &str = "--template";

type Test = fn(&Value) -> bool;
type Comparison = fn(&Value, &Value) -> bool;

/// minijinja's tests to which what is undefined is one more value.
const TESTS: [(&str, Test); 16] = [
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
    ("odd", |value| builtin::is_odd(value.clone())),
    ("even", |value| builtin::is_even(value.clone())),
];

/// The same, of two values.
const COMPARISONS: [(&str, Comparison); 15] = [
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
];

/// The compiled templates.
pub(crate) struct Templates {
    environment: Environment<'static>,
    has_when: bool,
    has_template: bool,
}

impl Templates {
    /// Compiles what was given.
    ///
    /// # Errors
    /// 2, naming flag, line and column, if it is no template.
    pub(crate) fn compile(when: Option<&str>, template: Option<&str>) -> Result<Templates, Fault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Custom("slack".into()));
        environment.set_formatter(format_for_slack);
        environment.set_fuel(Some(FUEL));
        // Without it, errors do not say which name is undefined.
        environment.set_debug(true);
        for (name, test) in TESTS {
            environment.add_test(name, move |value: &Value| defined(value).map(|()| test(value)));
        }
        for (name, test) in COMPARISONS {
            let both = move |a: &Value, b: &Value| defined(a).and(defined(b)).map(|()| test(a, b));
            environment.add_test(name, both);
        }
        if let Some(when) = when {
            environment.compile_expression_owned(when).map_err(|error| no_template(WHEN, when, &error))?;
            // A statement, because the value of an expression may be undefined, which is no way to say no.
            let statement = format!("{{% if ({when}\n) %}}true{{% endif %}}");
            environment
                .add_template_owned(WHEN, statement)
                .map_err(|error| no_template(WHEN, when, &error))?;
        }
        if let Some(template) = template {
            environment
                .add_template_owned(TEMPLATE, template.to_owned())
                .map_err(|error| no_template(TEMPLATE, template, &error))?;
        }
        Ok(Templates { environment, has_when: when.is_some(), has_template: template.is_some() })
    }

    /// Whether a record must be read for them.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_when && !self.has_template
    }

    /// Whether the record is wanted. The error is a sentence without the record's line.
    pub(crate) fn wants(&self, record: &Value) -> Result<bool, Fault> {
        Ok(!self.has_when || !self.render(WHEN, record)?.is_empty())
    }

    /// The text of a record, if there is a template for it.
    pub(crate) fn text(&self, record: &Value) -> Result<Option<String>, Fault> {
        if self.has_template { self.render(TEMPLATE, record).map(Some) } else { Ok(None) }
    }

    fn render(&self, flag: &'static str, record: &Value) -> Result<String, Fault> {
        let template = self.environment.get_template(flag);
        template.and_then(|template| template.render(record.clone())).map_err(|error| failed(flag, &error))
    }
}

/// The variables of a record: its fields, those that its schema has besides as none, and `record`, the whole of both.
///
/// # Errors
/// A sentence, if the line has a number that is in no double's range.
pub(crate) fn variables(line: &[u8], columns: &[String]) -> Result<Value, String> {
    let mut fields: Map<String, serde_json::Value> = serde_json::from_slice(line)
        .map_err(|error| format!("--when and --template cannot take it: {error}"))?;
    for column in columns {
        if !fields.contains_key(column) {
            fields.insert(column.clone(), serde_json::Value::Null);
        }
    }
    Ok(Value::from_object(Variables(Value::from(Serde(&fields)))))
}

#[derive(Debug)]
struct Variables(Value);

impl Object for Variables {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if key.as_str() == Some("record") {
            return Some(self.0.clone());
        }
        self.0.get_item(key).ok().filter(|value| !value.is_undefined())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["record"])
    }
}

/// Prints a value into a text for Slack: texts escaped, anything else as the JSON it came from.
fn format_for_slack(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = match value.as_str() {
        Some(text) => text.to_owned(),
        None => serde_json::to_string(value)
            .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?,
    };
    if value.is_safe() || matches!(state.auto_escape(), AutoEscape::None) {
        out.write_str(&text)?;
    } else {
        out.write_str(&escape(&text))?;
    }
    Ok(())
}

/// An error that names the expression, if the value is undefined.
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
        // Wrong for any record, but only found by running it.
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => Class::Usage,
        _ => Class::Data,
    };
    let place = error.line().filter(|&line| line > 1).map(|line| format!(" line {line}")).unwrap_or_default();
    Fault::new(class, format!("{flag}{place}: {}", words(error)))
}

fn words(error: &Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it takes too many steps or makes too long a text".to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
