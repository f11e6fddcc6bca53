//! The `Link` header (RFC 8288), as far as paging needs it.

/// The target, as given, of the first link whose relation is `next`, in all `Link` headers of a reply.
pub(crate) fn next<'a>(headers: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    headers.into_iter().find_map(next_of)
}

/// The same for one header: `<target>; name=value; name="value", <target> …`.
fn next_of(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, link)) = rest.split_once('<') {
        let (target, parameters) = link.split_once('>')?;
        let is_next;
        (is_next, rest) = read_parameters(parameters);
        if is_next {
            return Some(target.trim());
        }
    }
    None
}

/// Whether the parameters of a link say that it is the next one, and what follows them.
fn read_parameters(mut rest: &str) -> (bool, &str) {
    let (mut relations, mut elsewhere) = (None, false);
    while let Some(parameter) = rest.trim_start().strip_prefix(';') {
        let end = parameter.find(['=', ';', ',']).unwrap_or(parameter.len());
        let name = parameter[..end].trim();
        rest = &parameter[end..];
        let mut value = "";
        if let Some(text) = rest.strip_prefix('=') {
            (value, rest) = read_value(text.trim_start());
        }
        if name.eq_ignore_ascii_case("rel") {
            // Section 3.3: only the first one counts.
            relations.get_or_insert(value);
        }
        // Section 3.2: it is a link from another document, not from this reply.
        elsewhere |= name.eq_ignore_ascii_case("anchor");
    }
    let mut relations = relations.unwrap_or_default().split_ascii_whitespace();
    (!elsewhere && relations.any(|relation| relation.eq_ignore_ascii_case("next")), rest)
}

/// A value, which may be quoted, and what follows it. Escapes are left as they are: no relation has any.
fn read_value(text: &str) -> (&str, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return (text[..end].trim(), &text[end..]);
    };
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            '"' if !escaped => return (&quoted[..at], &quoted[at + 1..]),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    (quoted, "")
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn the_next_link_is_found_wherever_it_stands() {
        for (header, found) in [
            (
                r#"<https://a/?page=2>; rel="next", <https://a/?page=5>; rel="last""#,
                Some("https://a/?page=2"),
            ),
            (r#"<https://a/1>; rel="prev", <https://a/3>; rel="next""#, Some("https://a/3")),
            ("</x?a=1,2;3>;rel=next", Some("/x?a=1,2;3")),
            ("<x> ; REL = Next", Some("x")),
            (r#"<x>; title="a \", <y>; rel=next"; rel="last next""#, Some("x")),
            (r#"<x>; rel=prev; rel=next"#, None),
            (r#"<x>; rel="next"; anchor="/other", <y>; rel=next"#, Some("y")),
            ("<x>; crossorigin; rel=next", Some("x")),
            (r#"<x>; rel="nextish", <y>"#, None),
            ("<x; rel=next", None),
            ("rel=next", None),
            ("", None),
        ] {
            assert_eq!(next([header].into_iter()), found, "{header}");
        }
        assert_eq!(next(["<x>; rel=prev", "<y>; rel=next"].into_iter()), Some("y"));
    }
}
