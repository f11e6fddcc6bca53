//! Reads the stream to its verified end, and reports what came of it.

use anyhow::Error;
use etl_component::format::warn_but_unsealed;
use etl_component::{Class, Context, Fault, Relay, redact};
use etl_stream::{Begin, Event, Reader, SchemaRef, counted};

use crate::args::{On, Records};
use crate::gather::{Gather, Gathered};
use crate::input::{Input, Said};
use crate::message::Message;
use crate::slack::Slack;
use crate::text::{escape, shorten};

/// How much of a cause is reported, which leaves room for what follows it.
const CAUSE: usize = 8000;

/// Posts what a stream contained, or why it failed.
///
/// # Errors
/// If the stream failed, its own class, whether or not that could be posted; otherwise what posting failed with.
pub(crate) fn tell(how: &Records, on: On, slack: &mut Slack, context: &Context) -> Result<String, Error> {
    let mut gather = Gather::new(how, on);
    let mut begun = None;
    let relayed = open(how, context).and_then(|relay| read(how, &mut gather, relay, &mut begun));
    let records = gather.records();
    let ended = match relayed {
        Ok(relay) => {
            let gathered = gather.finish();
            post(&gathered, slack)?;
            let summary = format!("{} {}", slack.done(), summary(&gathered));
            relay.map_or(Ok(()), close).map(|()| summary)
        }
        Err(fault) => Err(fault),
    };
    // The first cause is posted, whatever it was; but that the reader of the output went away is not a failure.
    let fault = match ended {
        Ok(summary) => return Ok(summary),
        Err(fault) if fault.is_closed() => return Err(fault.into()),
        Err(fault) => fault,
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

/// What passes the records on, if that was asked for.
fn open(how: &Records, context: &Context) -> Result<Option<Relay>, Fault> {
    let Some(output) = &how.emit else { return Ok(None) };
    Ok(Some(Relay::new(output.open()?, context.producer(), "--emit records")))
}

fn read(
    how: &Records,
    gather: &mut Gather<'_>,
    mut relay: Option<Relay>,
    begun: &mut Option<Begin>,
) -> Result<Option<Relay>, Fault> {
    let mut reader: Reader<_> = how.input.open_with(warn_but_unsealed)?;
    let mut input = Input::new(how.messages.clone(), how.stream.clone(), how.input.seal);
    loop {
        if reader.is_drained() {
            relay.as_mut().map_or(Ok(()), Relay::flush)?;
        }
        match reader.next()? {
            Some(Event::Begin(begin)) => {
                relay.as_mut().map_or(Ok(()), |relay| relay.begin(begin.schema.as_ref(), begin.values))?;
                gather.begin(&begin);
                *begun = Some(begin);
            }
            Some(Event::Record(line)) => match input.line(line, begun.is_some())? {
                Said::Record(line) => {
                    gather.record(line)?;
                    relay.as_mut().map_or(Ok(()), |relay| relay.record(line.bytes))?;
                }
                Said::State(value) => relay.iter_mut().for_each(|relay| relay.state(value.clone())),
                Said::Nothing => (),
            },
            Some(Event::State(value)) => relay.iter_mut().for_each(|relay| relay.state(value.clone())),
            Some(Event::End(_)) => (),
            None => {
                input.end(&reader)?;
                return Ok(relay);
            }
        }
    }
}

/// The messages were accepted: the segment ends, and an output file appears.
fn close(mut relay: Relay) -> Result<(), Fault> {
    relay.end()?;
    relay.close()
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
        let records = counted(records, "record", "records");
        body += &format!("\nRead before: {records}{schema}{producer}");
    }
    Message::new(Some("Pipeline failed"), &body)
}

fn summary(gathered: &Gathered) -> String {
    let messages = counted(gathered.messages.len() as u64, "message", "messages");
    format!("{messages} for {} of {}", gathered.wanted, counted(gathered.records, "record", "records"))
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
            ..Begin::default()
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
