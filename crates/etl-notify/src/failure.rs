//! Why a stream failed.

use etl_component::{Class, Fault, redact};
use etl_stream::{Begin, SchemaRef, counted};

/// The first cause, without secrets.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What the exit code is.
    pub class: Class,
    /// What went wrong.
    pub cause: String,
    /// The step that failed, if that is known.
    pub step: Option<String>,
    /// The pipeline, if it was named, here or by the abort.
    pub pipeline: Option<String>,
    /// The table that was being loaded, if that is known.
    pub table: Option<String>,
    /// The last lines of the step's stderr, if the abort has them.
    pub log: Vec<String>,
    /// How many records had been read.
    pub records: u64,
    /// The schema of the records.
    pub schema: Option<String>,
    /// The program that wrote them, with its version.
    pub producer: Option<String>,
    begun: bool,
}

impl Failure {
    /// The failure of a stream: a fault, the segment that was open, and how many records had been read. `pipeline` is the
    /// one that was named.
    pub fn new(
        fault: &Fault,
        cause: &str,
        begun: Option<&Begin>,
        records: u64,
        pipeline: Option<String>,
    ) -> Failure {
        let details = fault.details().cloned().unwrap_or_default();
        let redacted = |text: &String| redact(text);
        let producer = begun.and_then(|begin| begin.producer.as_ref()).map(redacted);
        // A stream that was cut says nothing of itself: its producer died.
        let died = || producer.as_deref().filter(|_| fault.is_cut());
        let step = details.step.as_ref().map(redacted);
        let step = step.or_else(|| died().and_then(|name| name.split('/').next()).map(str::to_owned));
        let schema = match begun.and_then(|begin| begin.schema.as_ref()) {
            Some(SchemaRef::Name(name)) => Some(redact(name)),
            _ => None,
        };
        Failure {
            class: fault.class(),
            // Each stage of a pipe says this of the one before it.
            cause: redact(cause).trim_start_matches("the producer failed: ").to_owned(),
            step,
            pipeline: pipeline.or_else(|| details.pipeline.as_ref().map(redacted)),
            table: details.table.as_ref().map(redacted),
            log: details.log.iter().map(redacted).collect(),
            records,
            schema,
            producer,
            begun: begun.is_some(),
        }
    }

    /// `Exit code 3: the data is bad`.
    pub fn code(&self) -> String {
        format!("Exit code {}: {}", self.class.code(), self.class.meaning())
    }

    /// `Read before: 1 record of etl.receipt from load-sqlite/0.1.0`; nothing if no segment was open. `escape` is applied
    /// to names.
    pub fn read_before(&self, escape: fn(&str) -> String) -> Option<String> {
        if !self.begun {
            return None;
        }
        let named =
            |text: &Option<String>, word| text.as_deref().map(|text| format!(" {word} {}", escape(text)));
        let (schema, producer) = (named(&self.schema, "of"), named(&self.producer, "from"));
        let records = counted(self.records, "record", "records");
        Some(format!("Read before: {records}{}{}", schema.unwrap_or_default(), producer.unwrap_or_default()))
    }
}
