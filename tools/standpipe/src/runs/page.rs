//! Runs as one page that needs nothing else: no script, no address, colours for light and dark.

use std::fmt::Write as _;

use etl_component::visible;
use etl_stream::counted;
use jiff::Timestamp;

use super::{HEADS, LEFT, age, by_pipeline, cells, minute};
use crate::receipts::Load;

/// How many runs of a pipeline are shown, the newest ones.
const SHOWN: usize = 1000;

/// The timeline, in units of its own, which are pixels where the window is wide enough.
const WIDTH: f64 = 960.0;
/// The margin left and right, so that no mark is cut.
const MARGIN: f64 = 12.0;
const LANE: f64 = 46.0;
const SMALLEST: f64 = 3.0;
const LARGEST: f64 = 10.0;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1d2733; --dim: #5b6875; --back: #ffffff; --line: #d8dee5; --good: #1f7a54;
  --bad: #b3421b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9ef; --dim: #98a5b3; --back: #14191f; --line: #313a45;
  --good: #4cc38a; --bad: #ff9466; } }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .2rem; }
p { margin: .1rem 0; color: var(--dim); } svg { display: block; width: 100%; height: auto; margin: .6rem 0; }
svg text { fill: var(--dim); font-size: 12px; } svg .target { fill: var(--ink); }
svg line { stroke: var(--line); } svg .good { fill: var(--good); } svg .bad { fill: var(--bad); }
svg .again { fill: none; stroke: var(--dim); } svg circle { fill-opacity: .75; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { color: var(--dim); font-weight: 600; font-size: .85rem; } .number { text-align: right; }
tr.bad td.rejected { color: var(--bad); font-weight: 600; }
";

/// The page about loads that are in the order of their times.
pub(super) fn page(loads: &[Load], now: Timestamp) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Runs</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Runs</h1>\n<p>{}, as of {}</p>\n",
        counted(loads.len() as u64, "load", "loads"),
        minute(now),
    );
    for (pipeline, loads) in by_pipeline(loads) {
        section(&mut page, pipeline, &loads, now);
    }
    page + "</main>\n</body>\n</html>\n"
}

fn section(page: &mut String, pipeline: Option<&str>, loads: &[&Load], now: Timestamp) {
    let title = pipeline.map_or_else(|| "Without a pipeline".to_owned(), escaped);
    let left_out = loads.len().saturating_sub(SHOWN);
    let shown = &loads[left_out..];
    // Writing to a text cannot fail.
    let _ = writeln!(page, "<section>\n<h2>{title}</h2>");
    let newest = shown.iter().rev().find_map(|load| load.loaded_at);
    let newest = newest
        .map_or_else(|| "no load has a time".to_owned(), |at| format!("the newest is {} old", age(now, at)));
    let _ = writeln!(page, "<p>{}; {newest}</p>", counted(loads.len() as u64, "load", "loads"));
    if left_out > 0 {
        let _ = writeln!(page, "<p>The newest {SHOWN} are shown.</p>");
    }
    timeline(page, shown);
    page.push_str("<div class=\"scroll\">\n<table>\n<thead><tr>");
    // The pipeline is in the title.
    let columns = HEADS.iter().enumerate().skip(1);
    for (column, head) in columns {
        let class = if column >= LEFT { " class=\"number\"" } else { "" };
        let _ = write!(page, "<th{class}>{}</th>", capitalised(head));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for load in shown.iter().rev() {
        let class = if kind(load) == "bad" { " class=\"bad\"" } else { "" };
        let _ = write!(page, "<tr{class}>");
        for (column, cell) in cells(load, now).iter().enumerate().skip(1) {
            let class = match HEADS[column] {
                "REJECTED" => " class=\"number rejected\"",
                _ if column >= LEFT => " class=\"number\"",
                _ => "",
            };
            let _ = write!(page, "<td{class}>{}</td>", escaped(cell));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// A lane for each target, and a mark for each of its loads, the larger the more records it had.
fn timeline(page: &mut String, loads: &[&Load]) {
    let times = || loads.iter().filter_map(|load| load.loaded_at);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return };
    let mut targets: Vec<&str> = loads.iter().map(|load| load.target.as_str()).collect();
    targets.sort_unstable();
    targets.dedup();
    let span = last.duration_since(first).as_secs_f64();
    let place = |at: Timestamp| match span {
        0.0 => WIDTH / 2.0,
        _ => MARGIN + at.duration_since(first).as_secs_f64() / span * (WIDTH - 2.0 * MARGIN),
    };
    let most = loads.iter().map(|load| load.records).max().unwrap_or_default().max(1) as f64;
    let height = LANE * targets.len() as f64 + 20.0;
    let _ = writeln!(
        page,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Loads from {} to {}\">",
        minute(first),
        minute(last)
    );
    for (number, target) in targets.iter().enumerate() {
        let top = LANE * number as f64;
        let (text, middle) = (top + 14.0, top + 32.0);
        let _ = writeln!(
            page,
            "<text class=\"target\" x=\"0\" y=\"{text}\">{}</text><line x1=\"0\" x2=\"{WIDTH}\" y1=\"{middle}\" y2=\"{middle}\"/>",
            escaped(target)
        );
        for load in loads.iter().filter(|load| load.target == *target) {
            let Some(at) = load.loaded_at else { continue };
            let radius = SMALLEST + (LARGEST - SMALLEST) * (load.records as f64 / most).sqrt();
            let _ = writeln!(
                page,
                "<circle class=\"{}\" cx=\"{:.1}\" cy=\"{middle}\" r=\"{radius:.1}\"><title>{}</title></circle>",
                kind(load),
                place(at),
                escaped(&caption(load, at))
            );
        }
    }
    let ends = if span > 0.0 {
        vec![("start", 0.0, first), ("end", WIDTH, last)]
    } else {
        vec![("middle", WIDTH / 2.0, first)]
    };
    for (anchor, x, at) in ends {
        let y = height - 5.0;
        let _ = writeln!(page, "<text text-anchor=\"{anchor}\" x=\"{x}\" y=\"{y}\">{}</text>", minute(at));
    }
    page.push_str("</svg>\n");
}

/// What a mark looks like.
fn kind(load: &Load) -> &'static str {
    match load.rejected {
        _ if load.already_loaded => "again",
        Some(rejected) if rejected > 0 => "bad",
        _ => "good",
    }
}

fn caption(load: &Load, at: Timestamp) -> String {
    let at = minute(at);
    if load.already_loaded {
        return format!("{at}: committed before");
    }
    let mut text = format!("{at}: {}", counted(load.records, "record", "records"));
    for (count, name) in [(load.inserted, "inserted"), (load.updated, "updated"), (load.rejected, "rejected")]
    {
        text.extend(count.filter(|count| *count > 0).map(|count| format!(", {count} {name}")));
    }
    text.extend(load.load_id.iter().map(|id| format!(" ({id})")));
    text
}

/// `LOADED AT` as `Loaded at`.
fn capitalised(head: &str) -> String {
    let (first, rest) = head.split_at(1);
    format!("{first}{}", rest.to_lowercase())
}

/// A text between tags, or in quotes, without what would be markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
