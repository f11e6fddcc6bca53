//! A file in the text format of Prometheus (<https://prometheus.io/docs/instrumenting/exposition_formats/>), as the textfile
//! collector of node_exporter reads it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use etl_component::{Class, Fault, Output};

use super::series::{COUNT, METRICS, Series};

/// The first value is the time of the last success, which only moves forward.
const LAST_SUCCESS: usize = 0;

/// Puts these series into a file, which is replaced as a whole; other series stay. Runs that do so at the same time take
/// turns.
///
/// # Errors
/// 78 if the file is not in the text format; 74 if it cannot be read, locked or written.
pub(super) fn update(path: &Path, series: &Series) -> Result<(), Fault> {
    let failed = |error| Fault::new(Class::Io, format!("--textfile {}", path.display())).because(error);
    // Held until the end of this function.
    let _lock = lock(path).map_err(failed)?;
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text.map_err(failed)?,
    };
    let mut content = Content::read(&text)
        .map_err(|line| Fault::config(format!("--textfile {}: cannot read line {line}", path.display())))?;
    for (labels, values) in series.iter() {
        let labels = labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).join(",");
        content.put(labels, values.map(|value| value.map(|number| number.to_string())));
    }
    let mut output = Output::create(path)?;
    output.write_all(content.text().as_bytes()).map_err(failed)?;
    output.publish()
}

/// The lock is a file of its own, because that of the numbers is another one each time.
fn lock(path: &Path) -> io::Result<File> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let file = File::options().create(true).append(true).open(name)?;
    file.lock()?;
    Ok(file)
}

/// The value of a label (`\`, `"` and line breaks are escaped).
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// What is in a file.
#[derive(Default)]
struct Content {
    /// Lines that are about metrics of others.
    others: String,
    /// The values of each series, by its labels as they are written.
    series: BTreeMap<String, [Option<String>; COUNT]>,
}

impl Content {
    /// Reads a file. On failure, returns the number of the line that is not as it should be.
    fn read(text: &str) -> Result<Content, usize> {
        let names = METRICS.map(|metric| metric.prometheus());
        let mut content = Content::default();
        for (number, line) in text.lines().enumerate() {
            let named = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
            let name = named.unwrap_or(line).split([' ', '{']).next().unwrap_or_default();
            let Some(metric) = names.iter().position(|known| known == name) else {
                content.others += line;
                content.others.push('\n');
                continue;
            };
            if named.is_none() {
                let sample = line[name.len()..].strip_prefix('{').and_then(|rest| rest.rsplit_once("} "));
                let (labels, value) = sample.ok_or(number + 1)?;
                content.series.entry(labels.to_owned()).or_default()[metric] = Some(value.to_owned());
            }
        }
        Ok(content)
    }

    /// Sets those values of a series that are known.
    fn put(&mut self, labels: String, values: [Option<String>; COUNT]) {
        let known = self.series.entry(labels).or_default();
        for (metric, (known, value)) in known.iter_mut().zip(values).enumerate() {
            let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
            if value.is_some() && (metric != LAST_SUCCESS || number(&value) > number(known)) {
                *known = value;
            }
        }
    }

    fn text(&self) -> String {
        let mut text = self.others.clone();
        for (number, metric) in METRICS.iter().enumerate() {
            let mut samples = self
                .series
                .iter()
                .filter_map(|(labels, values)| Some((labels, values[number].as_ref()?)))
                .peekable();
            if samples.peek().is_none() {
                continue;
            }
            let name = metric.prometheus();
            // Writing to a text cannot fail.
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} gauge", metric.help);
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{{{labels}}} {value}");
            }
        }
        text
    }
}
