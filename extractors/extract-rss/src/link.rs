//! Addresses within a document.

/// The address that a link in a document with this base leads to (RFC 3986, section 5.2). One that is absolute stays as it
/// was sent, and so does one whose base is not an address.
pub(crate) fn resolve(base: &str, link: &str) -> String {
    // As browsers do: a link may be broken over lines.
    let link: String = link.trim().chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    if has_scheme(&link) {
        return link;
    }
    let Some((scheme, rest)) = base.split_once("://").filter(|_| has_scheme(base)) else { return link };
    let base = base.split('#').next().unwrap_or_default();
    let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let (origin, folder) =
        (format!("{scheme}://{authority}"), path.rsplit_once('/').map_or("", |(folder, _)| folder));
    match link.chars().next() {
        None => base.to_owned(),
        Some('#') => format!("{base}{link}"),
        Some('?') => format!("{origin}{}{link}", if path.is_empty() { "/" } else { path }),
        Some('/') if link.starts_with("//") => format!("{scheme}:{link}"),
        Some('/') => format!("{origin}{}", without_dots(&link)),
        Some(_) => format!("{origin}{}", without_dots(&format!("{folder}/{link}"))),
    }
}

/// Whether it starts like `https:`, `mailto:` or `tag:`.
pub(crate) fn has_scheme(link: &str) -> bool {
    link.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// RFC 3986, section 5.2.4, for a path that starts with a slash and may have a query behind it.
fn without_dots(target: &str) -> String {
    let (path, rest) = target.split_at(target.find(['?', '#']).unwrap_or(target.len()));
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (nth, segment) in segments.iter().enumerate() {
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    kept.pop();
                }
                if nth + 1 == segments.len() {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}{rest}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn relative_links_are_resolved_and_others_stay() {
        let base = "https://feeds.example:8443/a/b/feed.xml?x=1#top";
        for (link, to) in [
            ("https://rpilocator.com?vendor=a&b", "https://rpilocator.com?vendor=a&b"),
            ("mailto:a@b.example", "mailto:a@b.example"),
            ("tag:example.org,2003:3", "tag:example.org,2003:3"),
            (" c d\n ", "https://feeds.example:8443/a/b/c d"),
            ("記事1のURL", "https://feeds.example:8443/a/b/記事1のURL"),
            ("../c/./d/..", "https://feeds.example:8443/a/c/"),
            ("../../../c?u=/../d", "https://feeds.example:8443/c?u=/../d"),
            ("/c", "https://feeds.example:8443/c"),
            ("?y", "https://feeds.example:8443/a/b/feed.xml?y"),
            ("#z", "https://feeds.example:8443/a/b/feed.xml?x=1#z"),
            ("", "https://feeds.example:8443/a/b/feed.xml?x=1"),
            ("//other.example/x", "https://other.example/x"),
            ("a:b", "a:b"),
            ("./a:b", "https://feeds.example:8443/a/b/a:b"),
        ] {
            assert_eq!(resolve(base, link), to, "{link}");
        }
        assert_eq!(resolve("https://feeds.example", "a"), "https://feeds.example/a");
        assert_eq!(resolve("https://feeds.example?x", "?y"), "https://feeds.example/?y");
        assert_eq!(resolve("no address", "a"), "a");
    }
}
