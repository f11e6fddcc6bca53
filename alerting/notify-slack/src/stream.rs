//! Reads the stream to its verified end, and reports what came of it.

use anyhow::Error;
use etl_component::{Class, Context, Fault, redact};
use etl_stream::{Begin, Event, Reader, SchemaRef};

use crate::args::{On, Records};
use crate::gather::{Gather, Gathered};
use crate::message::Message;
use crate::relay::Relay;
use crate::slack::Slack;
use crate::text::{escape, shorten};

/// How much of a cause is reported, which leaves room for what follows it.
const CAUSE: usize = 8000;

/// Why a stream was not read to its end.
enum Stopped {
    /// The stream or one of its records was bad, or it could not be passed on: the first cause, which is posted.
    Failed(Fault),
    /// The reader of the output went away, which is not a failure.
    Closed(Fault),
}

/// Posts what a stream brought, or why it failed.
///
/// # Errors
/// If the stream failed, its own class, whether or not that could be posted; otherwise what posting failed with.
pub(crate) fn tell(how: &Records, on: On, slack: &mut Slack, context: &Context) -> Result<String, Error> {
    let mut gather = Gather::new(how, on);
    let mut begun = None;
    let opened = Relay::open(how.emit.as_ref(), context.producer()).map_err(output);
    let relayed = opened.and_then(|relay| read(how, &mut gather, relay, &mut begun));
    let records = gather.records();
    let ended = match relayed {
        Ok(relay) => {
            let gathered = gather.finish();
            post(&gathered, slack)?;
            let summary = format!("{} {}", slack.done(), summary(&gathered));
            relay.end().map_err(output).map(|()| summary)
        }
        Err(stopped) => Err(stopped),
    };
    let fault = match ended {
        Ok(summary) => return Ok(summary),
        Err(Stopped::Closed(fault)) => return Err(fault.into()),
        Err(Stopped::Failed(fault)) => fault,
    };
    let class = fault.class();
    let cause = format!("{:#}", Error::from(fault));
    let told = failure(class, &cause, begun.as_ref(), records).map(|message| slack.post(&message));
    let cause = match told.transpose() {
        Ok(_) => cause,
        Err(fault) => format!("{cause}; posting this failed, too: {:#}", Error::from(fault)),
    };
    Err(Fault::new(class, cause).into())
}

fn output(fault: Fault) -> Stopped {
    if fault.class() == Class::Closed { Stopped::Closed(fault) } else { Stopped::Failed(fault) }
}

fn read(
    how: &Records,
    gather: &mut Gather<'_>,
    mut relay: Relay,
    begun: &mut Option<Begin>,
) -> Result<Relay, Stopped> {
    let mut reader: Reader<_> = how.input.open().map_err(Stopped::Failed)?;
    loop {
        if reader.is_drained() {
            relay.flush().map_err(output)?;
        }
        match reader.next().map_err(Stopped::Failed)? {
            Some(Event::Begin(begin)) => {
                relay.begin(begin.schema.as_ref()).map_err(output)?;
                gather.begin(&begin);
                *begun = Some(begin);
            }
            Some(Event::Record(line)) => {
                gather.record(line).map_err(Stopped::Failed)?;
                relay.record(line).map_err(output)?;
            }
            Some(Event::State(value)) => relay.state(value),
            Some(Event::End(_)) => (),
            None => return Ok(relay),
        }
    }
}

fn post(gathered: &Gathered, slack: &mut Slack) -> Result<(), Error> {
    let count = gathered.messages.len();
    for (done, message) in gathered.messages.iter().enumerate() {
        let posted = slack.post(message).map_err(Error::from);
        posted.map_err(|error| match done {
            0 => error,
            done => error.context(format!("{done} of {count} messages were posted")),
        })?;
    }
    Ok(())
}

/// The message about a failure: the cause, what the exit code means, and how far the stream was read.
fn failure(class: Class, cause: &str, begun: Option<&Begin>, records: u64) -> Option<Message> {
    let cause = redact(cause);
    // Each stage of a pipe says this of the one before it.
    let cause = cause.trim_start_matches("the producer failed: ");
    let mut body =
        format!("{}\nExit code {}: {}", shorten(&escape(cause), CAUSE), class.code(), class.meaning());
    if let Some(begin) = begun {
        let schema = match &begin.schema {
            Some(SchemaRef::Name(name)) => format!(" of {}", escape(name)),
            _ => String::new(),
        };
        let producer =
            begin.producer.as_deref().map(|name| format!(" from {}", escape(name))).unwrap_or_default();
        let plural = if records == 1 { "" } else { "s" };
        body += &format!("\nRead before: {records} record{plural}{schema}{producer}");
    }
    Message::new(Some("Pipeline failed"), &body)
}

fn summary(gathered: &Gathered) -> String {
    let plural = |count: u64, thing: &str| format!("{count} {thing}{}", if count == 1 { "" } else { "s" });
    let messages = plural(gathered.messages.len() as u64, "message");
    format!("{messages} for {} of {}", gathered.wanted, plural(gathered.records, "record"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(class: Class, cause: &str, begun: Option<&Begin>, records: u64) -> String {
        let payload = failure(class, cause, begun, records).unwrap().payload(None, false);
        serde_json::from_str::<serde_json::Value>(&payload).unwrap()["text"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_failure_says_its_cause_and_what_its_code_means() {
        assert_eq!(
            told(Class::NoInput, "no <file> & more", None, 0),
            "Pipeline failed\nno &lt;file&gt; &amp; more\nExit code 66: an input file is missing or unreadable"
        );
        let begin = Begin {
            id: "a".into(),
            schema: Some(SchemaRef::Name("etl.receipt".into())),
            producer: Some("load-sqlite/0.1.0".into()),
        };
        assert_eq!(
            told(Class::Data, "x", Some(&begin), 1),
            "Pipeline failed\nx\nExit code 3: the data is bad\nRead before: 1 record of etl.receipt from load-sqlite/0.1.0"
        );
    }

    #[test]
    fn a_long_cause_leaves_room_for_the_code() {
        let payload = failure(Class::Data, &"<".repeat(20_000), None, 0).unwrap().payload(None, true);
        assert!(payload.contains("more characters)\\nExit code 3: the data is bad"), "{payload}");
    }
}
