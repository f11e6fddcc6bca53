//! Messages for chats: an adaptive card for a Teams workflow, an embed for Discord. Neither lets data become markup.

use etl_notify::text::shorten;
use serde_json::{Value, json};

use super::without_nulls;
use crate::report::{Outcome, Report};

/// Teams refuses a message of more than 28 KB; of texts, this many UTF-16 code units stay below that in any script.
const CARD: usize = 7000;
/// The most blocks, each of which adds to the message besides its text.
const BLOCKS: usize = 50;
/// Discord's limits of a title and of a description.
const TITLE: usize = 256;
const DESCRIPTION: usize = 4096;
/// What Discord takes for markup, unless a backslash stands before it.
const MARKUP: [char; 12] = ['\\', '*', '_', '~', '`', '|', '>', '<', '[', ']', '#', '@'];

/// A message with one adaptive card (<https://adaptivecards.io/explorer/>). Texts are runs, in which nothing is markup.
pub(super) fn teams(report: &Report) -> Value {
    let colour = match report.outcome {
        Outcome::Succeeded => "Good",
        Outcome::Trouble => "Warning",
        Outcome::Failed => "Attention",
    };
    let block = |run: Value| json!({"type": "RichTextBlock", "inlines": [run]});
    let heading = json!({
        "type": "TextRun", "text": report.heading(), "weight": "Bolder", "size": "Medium", "color": colour,
    });
    let mut blocks = vec![block(heading)];
    let log = report.log.join("\n");
    let room = CARD - if log.is_empty() { 0 } else { CARD / 4 };
    let body = shorten(&report.body().join("\n"), room).into_owned();
    blocks.extend(body.lines().map(|line| block(json!({"type": "TextRun", "text": line}))));
    let log = shorten(&log, CARD / 4).into_owned();
    let printed = log.lines().map(|line| json!({"type": "TextRun", "text": line, "fontType": "Monospace"}));
    blocks.extend(printed.map(block));
    blocks.truncate(BLOCKS);
    let open =
        report.link.as_deref().map(|link| json!([{"type": "Action.OpenUrl", "title": "Open", "url": link}]));
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "actions": open,
    });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": without_nulls(card),
    });
    json!({"type": "message", "attachments": [attachment]})
}

/// A message with one embed (<https://discord.com/developers/docs/resources/webhook#execute-webhook>) that mentions nobody.
pub(super) fn discord(report: &Report) -> Value {
    let colour = match report.outcome {
        Outcome::Succeeded => 0x2e_a0_43,
        Outcome::Trouble => 0xd2_99_22,
        Outcome::Failed => 0xda_36_33,
    };
    let lines = [report.body(), report.log.clone()].concat();
    let embed = json!({
        "title": shorten(&plain(&report.heading()), TITLE),
        "description": shorten(&plain(&lines.join("\n")), DESCRIPTION),
        "url": report.link,
        "color": colour,
        "timestamp": report.time.to_string(),
    });
    json!({"embeds": [without_nulls(embed)], "allowed_mentions": {"parse": []}})
}

fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if MARKUP.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
