//! The variables of a task, and how texts are written that Airflow and Kubernetes expand.

use super::super::{Dialect, Operator};
use super::python::Python;
use crate::model::{Reference, Settings, Variable, WINDOW};
use crate::words::Text;

/// What a task's variables are, in the terms of its operator.
pub(super) struct Environment<'s> {
    pub(super) settings: &'s Settings,
    pub(super) operator: Operator,
}

/// The arguments of a task.
type Arguments = Vec<(&'static str, Python)>;

impl Environment<'_> {
    /// The variables that are the same for every item, and under the names of constants.
    pub(super) fn constant(&self, dialect: Dialect<'_>) -> Python {
        let same = |variable: &&Variable<Text>| !of_item(variable);
        let mut entries = self.logs();
        entries.extend(self.settings.env.iter().filter(same).map(|variable| self.literal(variable, dialect)));
        entries.extend(self.references());
        self.group(entries)
    }

    /// The arguments of a task whose other variables are in the constant of this name.
    pub(super) fn of_item(&self, constant: &str, dialect: Dialect<'_>) -> Arguments {
        let own: Vec<(String, Python)> = self
            .settings
            .env
            .iter()
            .filter(|variable| of_item(variable))
            .map(|variable| self.literal(variable, dialect))
            .collect();
        if own.is_empty() {
            return self.arguments(Python::plain(constant));
        }
        let spread = if self.operator == Operator::Kubernetes { "*" } else { "**" };
        let rest = (String::new(), Python::plain(format!("{spread}{constant}")));
        self.arguments(self.group([vec![rest], own].concat()))
    }

    /// The arguments of the task that tells of a failure. What Kubernetes expands in a variable are those before it, so
    /// that no secret comes before a text from elsewhere.
    pub(super) fn of_failure(&self, name: &str, failures: &str, dialect: Dialect<'_>) -> Arguments {
        let dollars = if self.operator == Operator::Kubernetes { " | replace('$', '$$')" } else { "" };
        let failures = format!("{{{{ {failures}{dollars} }}}}");
        let workflow =
            [("WORKFLOW_NAME", name), ("WORKFLOW_STATUS", "Failed"), ("WORKFLOW_FAILURES", &failures)];
        let mut entries: Vec<(String, Python)> =
            workflow.iter().map(|(name, value)| self.entry(name, Python::string(value))).collect();
        entries.extend(self.logs());
        entries.extend(self.settings.env.iter().map(|variable| self.literal(variable, dialect)));
        entries.extend(self.references());
        self.arguments(self.group(entries))
    }

    fn arguments(&self, variables: Python) -> Arguments {
        let whole = self.settings.env_from.iter().map(|(_, name)| name.as_str());
        match self.operator {
            Operator::Kubernetes => {
                let mut arguments = vec![("env_vars", variables)];
                let from = |name: &str| {
                    let map = Python::call("k8s.V1ConfigMapEnvSource", [("name", Python::string(name))]);
                    Python::call("k8s.V1EnvFromSource", [("config_map_ref", map)])
                };
                let whole: Vec<Python> = whole.map(from).collect();
                if !whole.is_empty() {
                    arguments.push(("env_from", Python::list(whole)));
                }
                arguments
            }
            Operator::Docker => {
                let mut arguments = vec![("environment", variables)];
                let pair = |variable: &'_ Variable<Reference>| {
                    let Reference { object, key } = &variable.value;
                    Python::tuple([Python::string(object), Python::string(key)])
                };
                let named = self.settings.config.iter().chain(&self.settings.secrets);
                let named: Vec<(&str, Python)> =
                    named.map(|variable| (variable.name.as_str(), pair(variable))).collect();
                if !named.is_empty() {
                    arguments.push(("references", Python::dict(named)));
                }
                let whole: Vec<Python> = whole.map(Python::string).collect();
                if !whole.is_empty() {
                    arguments.push(("variables", Python::list(whole)));
                }
                arguments
            }
        }
    }

    /// The log's lines are read by machines, unless the file says otherwise.
    fn logs(&self) -> Vec<(String, Python)> {
        let said = self.settings.names().any(|(_, name)| name == "ETL_LOG_FORMAT");
        if said { Vec::new() } else { vec![self.entry("ETL_LOG_FORMAT", Python::string("json"))] }
    }

    fn literal(&self, variable: &Variable<Text>, dialect: Dialect<'_>) -> (String, Python) {
        self.entry(&variable.name, Python::string(&dialect.text(&variable.value)))
    }

    /// Keys of config maps and secrets, which the Docker operator gets as other arguments.
    fn references(&self) -> Vec<(String, Python)> {
        if self.operator == Operator::Docker {
            return Vec::new();
        }
        let kinds = [
            (&self.settings.config, "config_map_key_ref", "k8s.V1ConfigMapKeySelector"),
            (&self.settings.secrets, "secret_key_ref", "k8s.V1SecretKeySelector"),
        ];
        let of_kind = |(variables, kind, selector): (&Vec<Variable<Reference>>, &'static str, &str)| {
            let entry = |variable: &Variable<Reference>| {
                let Reference { object, key } = &variable.value;
                let arguments = [("name", Python::string(object)), ("key", Python::string(key))];
                let source = Python::call("k8s.V1EnvVarSource", [(kind, Python::call(selector, arguments))]);
                let arguments = [("name", Python::string(&variable.name)), ("value_from", source)];
                (String::new(), Python::call("k8s.V1EnvVar", arguments))
            };
            variables.iter().map(entry).collect::<Vec<_>>()
        };
        kinds.into_iter().flat_map(of_kind).collect()
    }

    fn entry(&self, name: &str, value: Python) -> (String, Python) {
        match self.operator {
            Operator::Kubernetes => (
                String::new(),
                Python::call("k8s.V1EnvVar", [("name", Python::string(name)), ("value", value)]),
            ),
            Operator::Docker => (Python::key(name), value),
        }
    }

    fn group(&self, parts: Vec<(String, Python)>) -> Python {
        match self.operator {
            Operator::Kubernetes => Python::Group { open: "[".to_owned(), parts, close: ']' },
            Operator::Docker => Python::Group { open: "{".to_owned(), parts, close: '}' },
        }
    }
}

/// Whether a variable depends on the item.
fn of_item(variable: &Variable<Text>) -> bool {
    variable.value.placeholders().any(|name| !WINDOW.contains(&name))
}

/// A text that Jinja leaves as it is: braces that would open something, and ends of lines that it would change.
pub(super) fn jinja(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let braces = rest.len() - rest.trim_start_matches('{').len();
        let after = &rest[braces..];
        // A brace at the end would open something together with what follows.
        if braces > 1 || (braces == 1 && (after.is_empty() || after.starts_with(['%', '#']))) {
            out += &format!("{{{{ '{}' }}}}", &rest[..braces]);
            rest = after;
            continue;
        }
        match c {
            '\r' => out += r"{{ '\r' }}",
            '\n' if rest == "\n" => out += r"{{ '\n' }}",
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// A text that Kubernetes leaves as it is, which reads `$$` as `$` and `$(NAME)` as a variable.
pub(super) fn dollars(text: &str) -> String {
    text.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jinja_gets_every_text_back() {
        for (text, expected) in [
            ("{{ title }}", "{{ '{{' }} title }}"),
            ("{a: .b}", "{a: .b}"),
            ("{% if x %}", "{{ '{' }}% if x %}"),
            ("{#", "{{ '{' }}#"),
            ("{{{a}}}", "{{ '{{{' }}a}}}"),
            ("a{", "a{{ '{' }}"),
            (
                "a\r\nb\n",
                r"a{{ '\r' }}
b{{ '\n' }}",
            ),
            ("", ""),
        ] {
            assert_eq!(jinja(text), expected);
        }
    }
}
