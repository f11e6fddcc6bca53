//! A message and its payload, within Slack's limits.
//!
//! ```json
//! {"channel":"#alerts","text":"Title\nbody","blocks":[
//!   {"type":"header","text":{"type":"plain_text","text":"Title"}},
//!   {"type":"section","text":{"type":"mrkdwn","text":"body"}}],"unfurl_links":false,"unfurl_media":false}
//! ```
//!
//! `text` is what notifications show (<https://api.slack.com/methods/chat.postMessage>), and all that is sent once
//! Slack has refused the blocks.

use etl_component::redact;
use etl_notify::About;
use etl_notify::text::{escape, shorten, split, width};
use serde::Serialize;

/// The longest text of a header.
pub(crate) const HEADER: usize = 150;
/// The longest text of a section.
const SECTION: usize = 3000;
/// The most blocks of a message.
const BLOCKS: usize = 50;
/// The most text in all blocks together. Slack documents no such limit, but refuses about 13,000.
const TOTAL: usize = 12_000;
/// Slack may split a longer `text` into several messages.
const FALLBACK: usize = 4000;
/// How much room is kept for the note.
const NOTE: usize = 40;

/// How much of a body is shown when there is no title.
pub(crate) const BODY: usize = TOTAL - NOTE;

/// The content of one message. All texts are Slack's mrkdwn, in which data has already been escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    title: Option<String>,
    body: String,
    fallback: String,
    note: Option<String>,
    /// What it ends with: the pipeline, and a link.
    foot: String,
}

/// How many characters of a pipeline's name are shown.
const NAME: usize = 200;

/// The lines that a message ends with: the pipeline, if it is known and not named already, and a link.
pub(crate) fn foot(pipeline: Option<&str>, about: &About) -> String {
    let pipeline = pipeline.map(|name| format!("Pipeline: *{}*", escape(&shorten(name, NAME))));
    // What a link may contain has been checked; only `&` is left to escape.
    let link = about.link.as_deref().map(|link| format!("<{}|Open>", escape(link)));
    pipeline.into_iter().chain(link).collect::<Vec<_>>().join("\n")
}

/// How much of a message its foot takes; at most half of a fallback, because name and link are limited.
pub(crate) fn room_of(foot: &str) -> usize {
    if foot.is_empty() { 0 } else { width(foot) + 1 }
}

impl Message {
    /// A message about a pipeline. A title that was given takes the place of this one.
    pub(crate) fn about(title: Option<&str>, body: &str, about: &About) -> Option<Message> {
        let foot = foot(about.pipeline.as_deref(), about);
        Message::ending(about.title.as_deref().map(escape).as_deref().or(title), body, foot)
    }

    /// The message without a foot.
    #[cfg(test)]
    pub(crate) fn new(title: Option<&str>, body: &str) -> Option<Message> {
        Message::ending(title, body, String::new())
    }

    /// A message without secrets, shortened to what Slack accepts; `None` if there is nothing to say.
    pub(crate) fn ending(title: Option<&str>, body: &str, foot: String) -> Option<Message> {
        // Redacted before anything is cut; otherwise half a secret could be left.
        let (title, body) = (title.map(redact), redact(body));
        let body = body.trim_matches(['\n', '\r']);
        let title = title.as_deref().map(str::trim).filter(|title| !title.is_empty());
        if title.is_none() && body.trim().is_empty() {
            return None;
        }
        let title = title.map(|title| shorten(title, HEADER).into_owned());
        let whole = match (&title, body.is_empty()) {
            (Some(title), true) => title.clone(),
            (Some(title), false) => format!("{title}\n{body}"),
            (None, _) => body.to_owned(),
        };
        let room = BODY - title.as_deref().map_or(0, width) - room_of(&foot);
        Some(Message {
            body: shorten(body, room).into_owned(),
            fallback: shorten(&whole, FALLBACK - NOTE - room_of(&foot)).into_owned(),
            title,
            note: None,
            foot,
        })
    }

    /// The message, ending with how many more there are, if there are any.
    pub(crate) fn and_more(mut self, count: u64) -> Message {
        self.note = (count > 0).then(|| format!("and {count} more"));
        self
    }

    /// What is sent. `channel` is needed where the transport does not imply one. Without blocks, only the fallback is
    /// sent.
    pub(crate) fn payload(&self, channel: Option<&str>, with_blocks: bool) -> String {
        let end = [self.note.as_deref().unwrap_or_default(), &self.foot];
        let with_note = |text: &str| {
            let lines = [text].into_iter().chain(end).filter(|line| !line.is_empty());
            lines.collect::<Vec<_>>().join("\n")
        };
        let payload = Payload {
            channel,
            text: with_note(&self.fallback),
            blocks: with_blocks.then(|| blocks(self.title.as_deref(), &with_note(&self.body))),
            unfurl_links: false,
            unfurl_media: false,
        };
        // Serializing a struct of texts into memory cannot fail.
        serde_json::to_string(&payload).expect("a payload serializes")
    }
}

/// The fields are sent in this order.
#[derive(Serialize)]
struct Payload<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<Vec<Block>>,
    unfurl_links: bool,
    unfurl_media: bool,
}

#[derive(Serialize)]
struct Block {
    #[serde(rename = "type")]
    kind: &'static str,
    text: Text,
}

#[derive(Serialize)]
struct Text {
    #[serde(rename = "type")]
    kind: &'static str,
    text: String,
}

fn blocks(title: Option<&str>, body: &str) -> Vec<Block> {
    let block =
        |kind, text_kind, text: &str| Block { kind, text: Text { kind: text_kind, text: text.to_owned() } };
    let header = title.map(|title| block("header", "plain_text", title));
    let sections = split(body, SECTION).into_iter().map(|part| block("section", "mrkdwn", part));
    header.into_iter().chain(sections).take(BLOCKS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn payload(message: &Message) -> Value {
        serde_json::from_str(&message.payload(None, true)).unwrap()
    }

    fn texts(payload: &Value) -> Vec<&str> {
        payload["blocks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|block| block["text"]["text"].as_str().unwrap())
            .collect()
    }

    #[test]
    fn the_fields_have_a_fixed_order() {
        let message = Message::new(Some("Title"), "a\nb").unwrap();
        assert_eq!(
            message.payload(Some("#c"), true),
            "{\"channel\":\"#c\",\"text\":\"Title\\na\\nb\",\"blocks\":[{\"type\":\"header\",\"text\":{\"type\":\"plain_text\",\
             \"text\":\"Title\"}},{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"a\\nb\"}}],\
             \"unfurl_links\":false,\"unfurl_media\":false}"
        );
        assert_eq!(
            message.payload(None, false),
            "{\"text\":\"Title\\na\\nb\",\"unfurl_links\":false,\"unfurl_media\":false}"
        );
    }

    #[test]
    fn there_is_no_message_without_a_text() {
        for (title, body) in [(None, ""), (None, " \n "), (Some(" "), "\n")] {
            assert_eq!(Message::new(title, body), None);
        }
        assert_eq!(texts(&payload(&Message::new(Some("T"), "").unwrap())), ["T"]);
    }

    #[test]
    fn a_secret_is_in_no_text_and_no_name_is_taken_for_one() {
        etl_component::Secret::new("unfurl_media");
        etl_component::Secret::new("message&sesame");
        let message = Message::new(Some("a unfurl_media"), "b message&amp;sesame").unwrap();
        assert_eq!(
            message.payload(None, false),
            "{\"text\":\"a [redacted]\\nb [redacted]\",\"unfurl_links\":false,\"unfurl_media\":false}"
        );
        assert_eq!(texts(&payload(&message)), ["a [redacted]", "b [redacted]"]);
    }

    #[test]
    fn the_longest_foot_leaves_room_for_a_body() {
        let about = About {
            pipeline: Some("&".repeat(200)),
            title: Some("T & t".into()),
            link: Some(format!("https://x/{}", "&".repeat(490))),
        };
        let message = Message::about(None, &"x".repeat(20_000), &about).unwrap().and_more(7);
        let payload = payload(&message);
        let texts = texts(&payload);
        assert_eq!(texts[0], "T &amp; t");
        let total: usize = texts.iter().map(|text| width(text)).sum();
        assert!(total <= TOTAL, "{total}");
        let text = payload["text"].as_str().unwrap();
        assert!(width(text) <= FALLBACK, "{}", width(text));
        let lines: Vec<&str> = text.lines().rev().take(3).collect();
        assert!(lines[0].starts_with("<https://x/&amp;") && lines[0].ends_with("&amp;|Open>"), "{text}");
        assert!(lines[1].starts_with("Pipeline: *&amp;") && lines[2] == "and 7 more", "{text}");
    }

    #[test]
    fn a_long_body_becomes_sections() {
        let line = "x".repeat(99);
        let body = [line.as_str()].repeat(70).join("\n");
        let payload = payload(&Message::new(None, &body).unwrap());
        assert_eq!(texts(&payload).iter().map(|text| text.len()).collect::<Vec<_>>(), [2999, 2999, 999]);
        assert_eq!(texts(&payload).join("\n"), body);
    }

    #[test]
    fn no_message_is_longer_than_slack_takes() {
        for unit in ["x", "&lt;", "😀", "line of text\n", "<https://example.org|link> "] {
            let body = unit.repeat(20_000);
            let message = Message::new(Some(&"T".repeat(200)), &body).unwrap().and_more(u64::MAX);
            let payload = payload(&message);
            let texts = texts(&payload);
            assert!(texts[0].ends_with("T… (73 more characters)") && width(texts[0]) <= HEADER, "{unit}");
            assert!(texts[1..].iter().all(|text| width(text) <= SECTION), "{unit}");
            let total: usize = texts.iter().map(|text| width(text)).sum();
            assert!(total <= TOTAL && total > 11_800, "{unit}: {total}");
            let end = format!(" more characters)\nand {} more", u64::MAX);
            assert!(texts.last().unwrap().ends_with(&end), "{unit}");
            let text = payload["text"].as_str().unwrap();
            assert!(width(text) <= FALLBACK && text.ends_with(&end), "{unit}");
        }
    }
}
