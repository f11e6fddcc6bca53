//! Compares what is stored with what is expected.

#![allow(clippy::print_stdout, reason = "what it finds is this program's output")]

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use postgres::{NoTls, SimpleQueryMessage};
use serde_json::{Map, Value};

/// Compares every section of the file, prints what is stored, and fails if anything differs.
pub(crate) fn run(file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let sections: Map<String, Value> =
        serde_json::from_str(&fill(&text, |name| std::env::var(name).ok())?)
            .with_context(|| format!("{} is not a JSON object of expectations", file.display()))?;
    let mut differences = 0;
    for (section, questions) in &sections {
        for (question, expected) in questions.as_object().context("a section must have questions")? {
            let found = match section.as_str() {
                "postgres" => postgres(question),
                "influx" => influx(question),
                "slack" => slack(question),
                other => bail!("unknown section {other}"),
            };
            let found = found.with_context(|| format!("{section}: {question}"))?;
            differences += usize::from(!report(section, question, expected, &found)?);
        }
    }
    ensure!(differences == 0, "{differences} answers differ");
    println!("\nEverything is as expected.");
    Ok(())
}

/// Prints an answer, and the expected one if they differ. Returns whether they are the same.
fn report(section: &str, question: &str, expected: &Value, found: &[String]) -> anyhow::Result<bool> {
    let expected: Vec<&str> = expected
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| row.as_str().context("rows must be strings"))
        .collect::<anyhow::Result<_>>()?;
    println!("\n{section}: {question}");
    for row in found {
        println!("    {row}");
    }
    let same = expected == found;
    if !same {
        println!("  DIFFERS; expected:");
        for row in expected {
            println!("    {row}");
        }
    }
    Ok(same)
}

/// Replaces `{NAME}`, in capitals, with the value of that variable.
fn fill(text: &str, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        filled += before;
        let name = after.split('}').next().unwrap_or_default();
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase()) {
            filled += &variable(name).with_context(|| format!("{name} is not set"))?;
            rest = &after[name.len() + 1..];
        } else {
            filled.push('{');
            rest = after;
        }
    }
    Ok(filled + rest)
}

fn address(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

/// The rows of a statement, with fields as the server prints them.
fn postgres(statement: &str) -> anyhow::Result<Vec<String>> {
    let mut client = postgres::Client::connect(&address("POSTGRES_URL")?, NoTls)?;
    let messages = client.simple_query(statement)?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let fields = (0..row.len()).map(|at| row.get(at).unwrap_or("null"));
            Some(fields.collect::<Vec<_>>().join(" | "))
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// The rows of an InfluxQL query, each after the tags of its series, as `/query` of InfluxDB 1 answers.
fn influx(query: &str) -> anyhow::Result<Vec<String>> {
    let encoded = utf8_percent_encode(query, NON_ALPHANUMERIC);
    // The URL names the database: …/query?db=NAME
    let answer = get(&format!("{}&q={encoded}", address("INFLUX_URL")?))?;
    let result = &answer["results"][0];
    if let Some(error) = answer["error"].as_str().or(result["error"].as_str()) {
        bail!("{error}");
    }
    let mut rows = Vec::new();
    for series in result["series"].as_array().into_iter().flatten() {
        let tags: BTreeMap<&String, &Value> = series["tags"].as_object().into_iter().flatten().collect();
        for values in series["values"].as_array().into_iter().flatten() {
            let values = values.as_array().into_iter().flatten();
            rows.push(tags.values().copied().chain(values).map(plain).collect::<Vec<_>>().join(" | "));
        }
    }
    Ok(rows)
}

/// One row for each message that contains this text; an empty text matches all messages.
fn slack(fragment: &str) -> anyhow::Result<Vec<String>> {
    let messages = get(&address("SLACK_URL")?)?;
    let texts = messages.as_array().context("not a list of messages")?.iter().map(Value::to_string);
    Ok(texts.filter(|text| text.contains(fragment)).map(|_| "a message".to_owned()).collect())
}

fn get(url: &str) -> anyhow::Result<Value> {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let body = agent.get(url).call()?.body_mut().read_to_string()?;
    serde_json::from_str(&body).with_context(|| format!("not JSON: {body}"))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_braces_are_variables_and_other_braces_are_not() {
        let run = |name: &str| (name == "RUN").then(|| "2".to_owned());
        assert_eq!(fill(r#"{"a": {"b": "{RUN}"}}"#, run).unwrap(), r#"{"a": {"b": "2"}}"#);
        assert_eq!(fill("{OTHER}", run).unwrap_err().to_string(), "OTHER is not set");
    }

    #[test]
    fn an_answer_counts_only_if_every_row_is_the_same_in_the_same_order() {
        let rows = ["a".to_owned(), "b".to_owned()];
        let same = |expected: Value| report("postgres", "SELECT", &expected, &rows).unwrap();
        assert!(same(serde_json::json!(["a", "b"])));
        assert!(!same(serde_json::json!(["b", "a"])));
        assert!(!same(serde_json::json!(["a"])));
        assert!(!same(serde_json::json!([])));
    }
}
