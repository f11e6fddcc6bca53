//! What a stream's records become: messages, as many as may be posted, and a count of the rest.

use etl_component::Fault;
use etl_schema::Schema;
use etl_stream::json::{Record, Scanner};
use etl_stream::{Begin, Line, SchemaRef};

use crate::args::{On, Records};
use crate::list::List;
use crate::message::{BODY, Message};
use crate::render;
use crate::template::variables;

/// The schema whose records are written as sentences.
const RECEIPT: &str = "etl.receipt";

/// Gathers messages; memory is bounded by the number of messages that may be posted.
pub(crate) struct Gather<'a> {
    how: &'a Records,
    /// Whether a success is reported at all.
    tells: bool,
    scanner: Scanner,
    /// The schema of the open segment.
    schema: Option<String>,
    optional: Vec<String>,
    messages: Vec<Message>,
    list: List,
    records: u64,
    wanted: u64,
}

/// What is to be posted once a stream has ended well.
pub(crate) struct Gathered {
    /// The messages, in order.
    pub(crate) messages: Vec<Message>,
    /// How many records there were.
    pub(crate) records: u64,
    /// How many of them are posted, including those that are only counted.
    pub(crate) wanted: u64,
}

impl<'a> Gather<'a> {
    /// Nothing gathered yet.
    pub(crate) fn new(how: &'a Records, on: On) -> Gather<'a> {
        Gather {
            how,
            tells: on == On::Always,
            scanner: Scanner::new(),
            schema: None,
            optional: Vec::new(),
            messages: Vec::new(),
            list: List::new(BODY),
            records: 0,
            wanted: 0,
        }
    }

    /// Begins a segment. Its schema says which fields its records may leave out; an unknown schema says nothing.
    pub(crate) fn begin(&mut self, begin: &Begin) {
        let schema = match &begin.schema {
            Some(SchemaRef::Name(name)) => Schema::named(name).ok(),
            Some(SchemaRef::Inline(document)) => Schema::from_json("inline", document.get()).ok(),
            None => None,
        };
        let columns = schema.into_iter().flat_map(|schema| schema.columns);
        self.optional = columns.filter(|column| !column.required).map(|column| column.name).collect();
        self.schema = match &begin.schema {
            Some(SchemaRef::Name(name)) => Some(name.clone()),
            _ => None,
        };
    }

    /// Takes a record.
    ///
    /// # Errors
    /// 3, naming the line, if it is not a record or lacks a field that a template needs; 2 if the template is wrong for
    /// every record.
    pub(crate) fn record(&mut self, line: Line<'_>) -> Result<(), Fault> {
        let at = |message: &str| format!("{}: {message}", line.place());
        let record = etl_component::scan(line, &mut self.scanner)?;
        self.records += 1;
        if !self.tells {
            return Ok(());
        }
        let text = if self.how.templates.is_empty() {
            plain(self.schema.as_deref(), &record, self.how.digest)
        } else {
            let variables = variables(line.bytes, &self.optional).map_err(|why| Fault::data(at(&why)))?;
            let named = |fault: Fault| Fault::new(fault.class(), at(fault.message()));
            if !self.how.templates.wants(&variables).map_err(named)? {
                return Ok(());
            }
            let text = self.how.templates.text(&variables).map_err(named)?;
            text.unwrap_or_else(|| plain(self.schema.as_deref(), &record, self.how.digest))
        };
        self.keep(&text);
        Ok(())
    }

    fn keep(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.wanted += 1;
        if self.how.digest {
            self.list.push(text);
        } else if self.messages.len() < self.how.max_messages {
            self.messages.extend(Message::new(None, text));
        }
    }

    /// How many records have been read.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Everything gathered.
    pub(crate) fn finish(mut self) -> Gathered {
        if self.how.digest {
            let (text, rest) = self.list.finish();
            self.messages.extend(Message::new(None, &text).map(|message| message.and_more(rest)));
        } else if let Some(last) = self.messages.pop() {
            let rest = self.wanted - (self.messages.len() as u64 + 1);
            self.messages.push(last.and_more(rest));
        }
        Gathered { messages: self.messages, records: self.records, wanted: self.wanted }
    }
}

fn plain(schema: Option<&str>, record: &Record<'_>, on_one_line: bool) -> String {
    let receipt = if schema == Some(RECEIPT) { render::receipt(record.text()) } else { None };
    receipt.unwrap_or_else(|| render::fields(record, on_one_line))
}
