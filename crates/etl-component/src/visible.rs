//! What a terminal may be shown of a text of others.

/// The text on one line, without anything that a terminal would obey, or that shows as nothing or turns the order of
/// what follows: messages quote what others wrote.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if c.is_control() => out.push(' '),
            _ if is_invisible(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    out
}

/// Whether Unicode calls it a format character (category Cf), a separator of lines or paragraphs, or a tag.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_be_seen_is_escaped() {
        assert_eq!(visible("a\tb\u{1b}[2Jc\nd"), "a b [2Jc d");
        assert_eq!(visible("\u{202e}gnp.exe\u{2066}"), "\\u{202e}gnp.exe\\u{2066}");
        assert_eq!(visible("z\u{200b}w\u{feff}\u{2028}\u{e0041}"), "z\\u{200b}w\\u{feff}\\u{2028}\\u{e0041}");
        assert_eq!(visible("Zürich 東京 🌧 עברית"), "Zürich 東京 🌧 עברית");
    }
}
