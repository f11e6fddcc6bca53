//! A stream, told in Slack: a message for each record, or one for all.

use anyhow::Error;
use etl_component::Fault;
use etl_notify::{About, Alerter, Counts, Failure, List, Wanted};

use crate::message::{BODY, Message, foot, room_of};
use crate::render;
use crate::slack::Slack;

/// Gathers messages and posts them. Memory is bounded by the number of messages that may be posted.
pub(crate) struct Post<'a> {
    slack: &'a mut Slack,
    about: &'a About,
    /// Whether all records go into one message.
    digest: bool,
    /// The most messages to post.
    most: usize,
    messages: Vec<Message>,
    list: List,
}

impl<'a> Post<'a> {
    /// Nothing gathered yet.
    pub(crate) fn new(slack: &'a mut Slack, about: &'a About, digest: bool, most: usize) -> Post<'a> {
        let title = about.title.as_deref().map_or(0, |_| crate::message::HEADER);
        let room = BODY - title - room_of(&foot(about.pipeline.as_deref(), about));
        Post { slack, about, digest, most, messages: Vec::new(), list: List::new(room) }
    }

    /// The messages, in order; the last one says how many more there are.
    fn finish(&mut self, wanted: u64) -> Vec<Message> {
        let mut messages = std::mem::take(&mut self.messages);
        if self.digest {
            let (text, rest) = std::mem::replace(&mut self.list, List::new(0)).finish();
            // The title alone would say nothing.
            let message = (!text.is_empty()).then(|| Message::about(None, &text, self.about)).flatten();
            messages.extend(message.map(|message| message.and_more(rest)));
        } else if let Some(last) = messages.pop() {
            let rest = wanted - (messages.len() as u64 + 1);
            messages.push(last.and_more(rest));
        }
        messages
    }
}

impl Alerter for Post<'_> {
    fn record(&mut self, wanted: &Wanted<'_>) -> Result<bool, Fault> {
        let plain;
        let text = match wanted.text {
            Some(text) => text,
            None => {
                plain = render::plain(wanted, self.digest);
                &plain
            }
        };
        if text.trim().is_empty() {
            return Ok(false);
        }
        if self.digest {
            self.list.push(text);
        } else if self.messages.len() < self.most {
            let own = wanted.receipt.and_then(|receipt| receipt.pipeline.as_deref());
            let foot = foot(self.about.pipeline.as_deref().or(own), self.about);
            let title = self.about.title.as_deref().map(etl_notify::text::escape);
            self.messages.extend(Message::ending(title.as_deref(), text, foot));
        }
        Ok(true)
    }

    fn ended(&mut self, counts: Counts) -> Result<String, Error> {
        let (messages, done) = (self.finish(counts.wanted), self.slack.done());
        counts.post(&messages, done, |message| self.slack.post(message))
    }

    fn failed(&mut self, failure: &Failure) -> Result<(), Fault> {
        match render::failure(failure, self.about) {
            Some(message) => self.slack.post(&message),
            None => Ok(()),
        }
    }
}
