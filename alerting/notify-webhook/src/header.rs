//! Headers that are typed.

/// The headers that are ours, or that a secret belongs in.
const REFUSED: [&str; 8] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "proxy-authorization",
    "x-signature-256",
];

/// A header and its value.
pub(crate) type Header = (String, String);

/// Reads `NAME: VALUE`.
pub(crate) fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text.split_once(':').ok_or_else(|| "write it as `NAME: VALUE`".to_owned())?;
    let (name, value) = (header_name(name)?, value.trim());
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "authorization" | "cookie" | "proxy-authorization" => {
            return Err(format!(
                "the value of {name} is a secret: --secret-header {name} takes it from WEBHOOK_SECRET"
            ));
        }
        "content-type" => return Err("--content-type sets it".to_owned()),
        name if REFUSED.contains(&name) => return Err(format!("{name} cannot be set")),
        _ => (),
    }
    if value.is_empty() || !value.chars().all(|c| matches!(c, ' '..='~')) {
        return Err(format!("the value of {name} is empty or cannot be sent in a header"));
    }
    Ok((name, value.to_owned()))
}

/// Reads the name of a header (RFC 9110, section 5.6.2).
pub(crate) fn header_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("`{name}` is not the name of a header"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value_that_is_not_secret() {
        let of = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(header("Title: a: b "), of("Title", "a: b"));
        for (text, why) in [
            ("Title", "write it as `NAME: VALUE`"),
            ("Ti tle: x", "`Ti tle` is not the name of a header"),
            (": x", "`` is not the name of a header"),
            ("Title:", "the value of Title is empty or cannot be sent in a header"),
            ("Title: é", "the value of Title is empty or cannot be sent in a header"),
            ("HOST: x", "host cannot be set"),
            ("Content-Type: x", "--content-type sets it"),
            (
                "Cookie: x",
                "the value of Cookie is a secret: --secret-header Cookie takes it from WEBHOOK_SECRET",
            ),
        ] {
            assert_eq!(header(text), Err(why.to_owned()), "{text}");
        }
    }
}
