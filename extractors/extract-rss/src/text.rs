//! Bytes → text: which encoding a document is in, whoever says so.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How much of a document is looked at for its own declaration, in bytes.
const DECLARATION: usize = 1024;

/// A document as text, and what is odd about its encoding.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) warning: Option<String>,
}

/// Reads a document, of which the server says that it is of this content type.
///
/// A byte order mark decides; then the `charset` of the content type (RFC 7303, section 3), the document's own declaration,
/// and UTF-8: the first that all of the bytes fit. Servers often send a `charset` that they have not looked at, so a
/// declared UTF-8 comes first where the bytes are UTF-8.
pub(crate) fn decode(bytes: &[u8], content_type: Option<&str>) -> Text {
    let (declared, sent) = (declared(bytes), content_type.and_then(charset));
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return decoded(encoding, &bytes[mark..]);
    }
    let order = match declared {
        Some(declared) if declared == UTF_8 => [Some(declared), sent],
        declared => [sent, declared],
    };
    for encoding in order.into_iter().flatten().chain([UTF_8]) {
        if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) {
            return Text { text: clean(text.into_owned()), warning: None };
        }
    }
    decoded(likely(bytes), bytes)
}

/// The text with U+FFFD for what does not fit, and how often that was so.
fn decoded(encoding: &'static Encoding, bytes: &[u8]) -> Text {
    let (text, has_errors) = encoding.decode_without_bom_handling(bytes);
    let (text, name) = (text.into_owned(), encoding.name());
    let warning = match has_errors {
        true => Some(format!("the document is not all {name}: what is not has become U+FFFD")),
        false if encoding == WINDOWS_1252 => {
            Some(format!("the document says no encoding that it is in: read as {name}"))
        }
        false => None,
    };
    Text { text: clean(text), warning }
}

/// The encoding of bytes that are none of what is said: UTF-8 with a few errors, or the one that old programs write.
fn likely(bytes: &[u8]) -> &'static Encoding {
    let text = String::from_utf8_lossy(bytes);
    let (mut wrong, mut right) = (0_usize, 0_usize);
    for c in text.chars().filter(|c| !c.is_ascii()) {
        *(if c == char::REPLACEMENT_CHARACTER { &mut wrong } else { &mut right }) += 1;
    }
    if right >= wrong { UTF_8 } else { WINDOWS_1252 }
}

/// No text may contain U+0000, which no database stores either.
fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// The `charset` of a content type.
fn charset(content_type: &str) -> Option<&'static Encoding> {
    let parameters = content_type.split(';').skip(1);
    let charset = parameters.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    });
    Encoding::for_label(charset?.as_bytes())
}

/// What the bytes say of themselves: by the zeros of UTF-16, or in `<?xml … encoding="…"?>`.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [b'<' | b'{' | b' ' | b'\n', 0, ..] => return Some(UTF_16LE),
        [0, b'<' | b'{' | b' ' | b'\n', ..] => return Some(UTF_16BE),
        _ => {}
    }
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION)]).into_owned();
    let declaration = start.trim_start().strip_prefix("<?xml")?.split("?>").next()?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let label = value.strip_prefix(['"', '\''])?.split(['"', '\'']).next()?;
    // A declaration that can be read byte by byte is not in UTF-16, whatever it says (HTML standard, 13.2.3.2).
    Encoding::for_label(label.as_bytes())
        .map(|encoding| if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn the_encoding_is_found_whoever_says_it() {
        let xml = |encoding: &str, rest: &[u8]| {
            [format!("<?xml version='1.0' encoding='{encoding}'?>").as_bytes(), rest].concat()
        };
        for (bytes, content_type, end) in [
            ("é".as_bytes().to_vec(), None, "é"),
            (b"\xef\xbb\xbf\xc3\xa9".to_vec(), Some("text/xml; charset=iso-8859-1"), "é"),
            (b"\xe9".to_vec(), Some("text/xml; charset=\"ISO-8859-1\""), "é"),
            (xml("ISO-8859-1", b"\xe9 \x96"), None, "é \u{2013}"),
            (xml("ISO-8859-1", b"\xe9"), Some("text/xml"), "é"),
            // The server is right, and so is the document.
            (xml("utf-8", b"\xe9"), Some("text/xml; Charset=ISO-8859-1"), "é"),
            (xml("utf-8", b"\xc3\xa9"), Some("text/xml; charset=ISO-8859-1"), "é"),
            (xml("windows-1251", b"\xe9"), Some("text/xml; charset=utf-8"), "й"),
            (xml("UTF-16", b"\xc3\xa9"), None, "é"),
            (xml("no-such", b"\xc3\xa9"), Some("text/xml; charset=no-such"), "é"),
            (xml("Shift_JIS", b"\x8b\x4c"), None, "記"),
            (utf_16("\u{feff}<a>é", u16::to_le_bytes), None, "é"),
            (utf_16("\u{feff}<a>é", u16::to_be_bytes), Some("text/xml; charset=utf-8"), "é"),
            (utf_16("<a>é", u16::to_le_bytes), None, "é"),
            (utf_16("<a>é", u16::to_be_bytes), Some("application/xml"), "é"),
        ] {
            let Text { text, warning } = decode(&bytes, content_type);
            assert!(text.ends_with(end), "{bytes:?} {content_type:?}: {text:?}");
            assert_eq!(warning, None, "{bytes:?} {content_type:?}");
        }
    }

    #[test]
    fn what_fits_no_encoding_is_read_with_a_warning() {
        let Text { text, warning } = decode(b"caf\xe9 \x80", None);
        assert_eq!(text, "café €");
        assert_eq!(
            warning.as_deref(),
            Some("the document says no encoding that it is in: read as windows-1252")
        );
        let Text { text, warning } = decode(b"caf\xc3\xa9 \xff\xc3\xa9", None);
        assert_eq!(text, "café \u{fffd}é");
        assert_eq!(warning.as_deref(), Some("the document is not all UTF-8: what is not has become U+FFFD"));
        assert_eq!(decode(b"a\0b", None).text, "a\u{fffd}b");
    }
}
