//! What stands between `&` and `;`.

use encoding_rs::WINDOWS_1252;
use quick_xml::escape::resolve_html5_entity;

/// The longest name of an entity in HTML has 32 letters.
const LONGEST: usize = 40;

/// The text that a reference stands for, if it is one: a character by its number, or an entity of XML or HTML. Those of a
/// document's own DTD are unknown here.
pub(super) fn resolved(name: &str) -> Option<String> {
    let Some(number) = name.strip_prefix('#') else {
        return resolve_html5_entity(name).map(str::to_owned);
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    match u8::try_from(code) {
        // Control characters, which nobody means: the encoding of old programs has quotes and dashes there.
        Ok(byte @ 0x80..=0x9f) => Some(WINDOWS_1252.decode_without_bom_handling(&[byte]).0.into_owned()),
        // XML 1.0, section 2.2: no other control characters.
        Ok(byte) if byte < b' ' && !b"\t\n\r".contains(&byte) => None,
        _ => char::from_u32(code).map(String::from),
    }
}

/// Text with its references resolved; an ampersand that begins none is one.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let end = after.bytes().take(LONGEST).position(|byte| byte == b';');
        let found = end.and_then(|end| Some((resolved(after.get(..end)?)?, &after[end + 1..])));
        match found {
            Some((value, after)) => {
                out.push_str(&value);
                rest = after;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn references_are_resolved_and_other_ampersands_stay() {
        for (text, plain) in [
            ("a&amp;b&lt;&gt;&quot;&apos;", "a&b<>\"'"),
            ("?a=1&b=2&amp;c=3", "?a=1&b=2&c=3"),
            ("AT&T; R&D & more", "AT&T; R&D & more"),
            ("&nbsp;&eacute;&hellip;&#233;&#xE9;&#146;&#x1F600;", "\u{a0}é…éé’😀"),
            ("&xxe; &#0; &#x1b; &#xD800; &#; &;", "&xxe; &#0; &#x1b; &#xD800; &#; &;"),
            ("&amp;lt;", "&lt;"),
            ("&é;&", "&é;&"),
        ] {
            assert_eq!(unescape(text), plain, "{text}");
        }
    }
}
