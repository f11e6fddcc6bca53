//! `--when` and `--template`: minijinja over the fields of a record.
//!
//! Nothing undefined passes for false or for an empty text: a name that is misspelt in a condition would never alert. What a
//! value becomes in a template is escaped for Slack; the template's own text is not, nor is what `| safe` marks.

use std::sync::Arc;

use etl_component::{Class, Fault};
use minijinja::value::{Enumerator, Object, Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use serde_json::Map;

use crate::text::escape;

/// Steps of one evaluation, each also worth 64 bytes that it makes: a second or so of work, and 32 MiB.
const FUEL: u64 = 500_000;

const WHEN: &str = "--when";
const TEMPLATE: &str = "--template";

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
        (ErrorKind::OutOfFuel, _) => "it does not come to an end".to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"city":"<!channel> & co","temp":31.5,"n":3,"ok":true,"url":"https://x.example/?a=1&b=2","tags":["a","<b>"],"record":"own"}"#;

    fn text(template: &str) -> Result<String, String> {
        let templates = Templates::compile(None, Some(template)).map_err(|fault| fault.to_string())?;
        let record = variables(RECORD.as_bytes(), &["gust".to_owned(), "temp".to_owned()])?;
        templates.text(&record).map(Option::unwrap).map_err(|fault| fault.to_string())
    }

    fn wants(when: &str) -> Result<bool, String> {
        let templates = Templates::compile(Some(when), None).map_err(|fault| fault.to_string())?;
        let record = variables(RECORD.as_bytes(), &["gust".to_owned()])?;
        templates.wants(&record).map_err(|fault| fault.to_string())
    }

    #[test]
    fn values_are_escaped_and_the_template_is_not() {
        for (template, expected) in [
            ("<!here> {{ city }}", "<!here> &lt;!channel&gt; &amp; co"),
            ("<{{ url | safe }}|open>", "<https://x.example/?a=1&b=2|open>"),
            ("{{ temp }} {{ n }} {{ ok }} {{ gust }} {{ tags }}", "31.5 3 true null [\"a\",\"&lt;b&gt;\"]"),
            ("{{ '<' ~ city }}", "&lt;&lt;!channel&gt; &amp; co"),
            ("{{ '<b>' | safe ~ city }}", "<b>&lt;!channel&gt; &amp; co"),
            ("{{ city | e }}", "&lt;!channel&gt; &amp; co"),
            ("{{ city | upper }}", "&lt;!CHANNEL&gt; &amp; CO"),
            ("{{ tags | join('<') }}", "a&lt;&lt;b&gt;"),
            ("{% set x %}<{{ city }}>{% endset %}{{ x }}", "<&lt;!channel&gt; &amp; co>"),
            ("{{ record.city }} {{ record['n'] }}", "&lt;!channel&gt; &amp; co 3"),
            ("{{ record | length }}", "8"),
            (
                "{% for key, value in record | items %}{{ key }} {% endfor %}",
                "city temp n ok url tags record gust ",
            ),
            ("{% if gust is none %}calm{% endif %}", "calm"),
            ("{{ missing | default('-') }}", "-"),
            ("{{ range(3) | list }}", "[0,1,2]"),
            ("", ""),
        ] {
            assert_eq!(text(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn a_condition_is_true_or_false() {
        for (when, expected) in [
            ("temp > 30", true),
            ("temp > 30 and n == 4", false),
            ("city", true),
            ("gust is none", true),
            ("missing is defined", false),
            ("'a' in tags", true),
            ("record.temp >= 31.5", true),
            ("true if n == 4", false),
            ("\n  n\n  == 3\n", true),
            ("'%}' == '%}'", true),
        ] {
            assert_eq!(wants(when), Ok(expected), "{when}");
        }
    }

    #[test]
    fn nothing_undefined_passes() {
        for when in
            ["tempp > 30", "tempp", "not tempp", "tempp == 1", "1 < tempp", "tempp in tags", "'a' in tempp"]
        {
            assert_eq!(
                wants(when),
                Err("--when: undefined value: `tempp` is undefined".to_owned()),
                "{when}"
            );
        }
        assert_eq!(
            wants("record.tempp > 3"),
            Err("--when: undefined value: `record.tempp` is undefined".to_owned())
        );
        for template in [
            "{{ tempp }}",
            "{{ tempp ~ 1 }}",
            "{% if tempp %}{% endif %}",
            "{% for x in tempp %}{% endfor %}",
        ] {
            assert_eq!(
                text(template),
                Err("--template: undefined value: `tempp` is undefined".to_owned()),
                "{template}"
            );
        }
        assert_eq!(
            text("\n\n{{ tempp }}"),
            Err("--template line 3: undefined value: `tempp` is undefined".to_owned())
        );
    }

    #[test]
    fn what_is_no_template_is_named_with_its_place() {
        for (when, said) in [
            ("temp >", "--when: column 6: syntax error: unexpected end of input, expected expression"),
            ("temp > 1) or (true", "--when: column 9: syntax error: unexpected `)`, expected end of input"),
            ("temp %} x", "--when: column 9: syntax error: unexpected end of input"),
            ("temp +\n + *", "--when: line 2, column 4: syntax error: unexpected `*`"),
        ] {
            let error = wants(when).unwrap_err();
            assert!(error.starts_with(said), "{when:?}: {error}");
        }
        for (template, said) in [
            ("äöü {{ x", "--template: column 9: syntax error: unexpected end of input"),
            ("{% if x %}", "--template: column 11: syntax error: unexpected end of input"),
            ("{{ x }}\n{% fi %}", "--template: line 2, column 4: syntax error: unknown"),
        ] {
            let error = text(template).unwrap_err();
            assert!(error.starts_with(said), "{template:?}: {error}");
        }
    }

    #[test]
    fn a_template_ends() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert_eq!(text(endless), Err("--template: it does not come to an end".to_owned()));
        assert_eq!(text("{{ 'x' * 999999999 }}"), Err("--template: it does not come to an end".to_owned()));
    }

    #[test]
    fn what_no_record_makes_right_is_usage() {
        let templates = Templates::compile(None, Some("{{ city | shout }}")).unwrap();
        let fault = templates.text(&variables(RECORD.as_bytes(), &[]).unwrap()).unwrap_err();
        assert_eq!(
            (fault.class(), fault.message()),
            (Class::Usage, "--template: unknown filter: filter shout is unknown")
        );
    }
}
