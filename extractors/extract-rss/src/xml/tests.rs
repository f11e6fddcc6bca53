use super::*;

fn root(text: &str) -> Shape<Document<'_>> {
    parse(text, "https://feeds.example/a/feed", &["rss", "feed"], &mut |_, _| false)
}

/// What is said of a document that is refused.
fn refused(text: &str) -> String {
    root(text).unwrap_err().to_string()
}

#[test]
fn content_is_text_with_references_resolved_or_the_markup_as_it_was_sent() {
    let text = "<!-- c --><?xml-stylesheet?>\n<rss><a> R&amp;D & more &nbsp;<![CDATA[<b>&amp;</b>]]>&xxe;\r\n</a>\
                <b>x <i class=\"y\">&amp;</i> <br/></b><c/><c> </c><c>last</c></rss> <script>if (a < b) {}</script>";
    let document = root(text).unwrap();
    assert_eq!(document.mended, 0);
    assert_eq!(document.root.text(Ns::Core, "a"), Some("R&D & more \u{a0}<b>&amp;</b>&xxe;"));
    assert_eq!(document.root.text(Ns::Core, "B"), Some("x <i class=\"y\">&amp;</i> <br/>"));
    assert_eq!(document.root.text(Ns::Core, "c"), Some("last"));
    assert_eq!(document.root.text(Ns::Core, "d"), None);
}

#[test]
fn attributes_may_be_as_in_html() {
    let document =
        root("<rss><a href='?x=1&y=2&amp;z=&quot;' b = c d e=\"> <\" href=\"second\"/></rss>").unwrap();
    let a = &document.root.children[0];
    let values = ["href", "HREF", "b", "d", "e"].map(|name| a.attribute(name));
    assert_eq!(values, [Some("?x=1&y=2&z=\""), Some("?x=1&y=2&z=\""), Some("c"), None, Some("> <")]);
}

#[test]
fn prefixes_mean_what_they_are_declared_as_or_what_they_usually_do() {
    let text = r#"<rss xmlns:d="http://purl.org/dc/elements/1.1/" xmlns:content="https://elsewhere.example/">
        <d:creator/><dc:creator/><content:encoded/><my:x/><link xmlns="http://www.w3.org/2005/Atom"><b/></link><c/>
        <a10:link/><x xmlns="urn:x"/></rss>"#;
    let document = root(text).unwrap();
    let found: Vec<(Ns, &str)> = document.root.children.iter().map(|child| (child.ns, child.name)).collect();
    assert_eq!(
        found,
        [
            (Ns::Dc, "creator"),
            (Ns::Dc, "creator"),
            (Ns::Other, "encoded"),
            (Ns::Other, "x"),
            (Ns::Atom, "link"),
            (Ns::Core, "c"),
            (Ns::Atom, "link"),
            (Ns::Core, "x"),
        ]
    );
    assert_eq!(document.root.children[4].children[0].ns, Ns::Atom);

    let text = "<r:rss xmlns:r='http://backend.userland.com/rss2' xmlns:x='urn:x'><r:a/><x:b/><c/></r:rss>";
    let found: Vec<Ns> = root(text).unwrap().root.children.iter().map(|child| child.ns).collect();
    assert_eq!(found, [Ns::Core, Ns::Other, Ns::Core]);
}

#[test]
fn bases_are_those_of_the_elements_around() {
    let text = r#"<feed xml:base="/b/"><a xml:base="c/"><d/></a><e xml:base="https://x.example/"/></feed>"#;
    let document = root(text).unwrap();
    let [a, e] = document.root.children.as_slice() else { panic!("{document:?}") };
    let bases = [&document.root.base, &a.base, &a.children[0].base, &e.base].map(|base| base.to_string());
    let here = "https://feeds.example/b/";
    assert_eq!(
        bases,
        [here.to_owned(), format!("{here}c/"), format!("{here}c/"), "https://x.example/".to_owned()]
    );
}

#[test]
fn tags_without_a_partner_are_mended() {
    let document = root("<rss><a>x<br>y<p>z</a><b>1</i></b></rss>").unwrap();
    let names: Vec<&str> = document.root.children.iter().map(|child| child.name).collect();
    assert_eq!((names, document.mended), (vec!["a", "b"], 3));
    assert_eq!(document.root.text(Ns::Core, "a"), Some("x<br>y<p>z"));
    assert_eq!(document.root.text(Ns::Core, "b"), Some("1"));
}

#[test]
fn what_is_no_whole_document_says_what_it_is() {
    for (text, why) in [
        ("", "it is empty"),
        (" \n ", "it is empty"),
        ("Not found", "it is not XML"),
        ("<opml><a/></opml>", "its root is <opml>, expected rss, feed"),
        ("<rss>", "it ends within <rss>"),
        ("<rss><channel><item><title>x</title>", "it ends within <item>"),
        ("<rss><item><dc:creator>x", "it ends within <dc:creator>"),
        ("<rss><item></ite", "it ends within <item>: tag not closed: `>` not found before end of input"),
        (
            "<rss><a href=\"x",
            "it ends within <rss>: attribute value not closed: `\"` not found before end of input",
        ),
        ("<rss><![CDATA[x", "it ends within <rss>: CDATA not closed: `]]>` not found before end of input"),
        ("<rss>\n<a>1 < 2</a></rss>", "line 2 is not XML: a `<` that begins no tag"),
    ] {
        assert_eq!(refused(text), why, "{text}");
    }
    assert_eq!(refused(&format!("<rss>{}", "<a>".repeat(300))), "line 1: nested too deeply for a feed");
    let many = format!("<rss>{}</rss>", "<a/>".repeat(MOST_ELEMENTS));
    assert_eq!(refused(&many), "line 1: too many elements for a feed");
}

#[test]
fn no_entity_of_a_document_is_expanded() {
    let text = "<!DOCTYPE rss [<!ENTITY a \"boom\"><!ENTITY b \"&a;&a;\"><!ENTITY x SYSTEM \"file:///etc/passwd\">]>\
                <rss><a>&b;&x;</a></rss>";
    assert_eq!(root(text).unwrap().root.text(Ns::Core, "a"), Some("&b;&x;"));
}

#[test]
fn what_is_taken_is_whole_and_not_kept() {
    let text = format!("<rss>{}<b/></rss>", "<a>x<c>y</c></a>".repeat(MOST_ELEMENTS));
    let mut taken = Vec::new();
    let document = parse(&text, "", &["rss"], &mut |root, element| {
        let is_taken = element.name == "a";
        if is_taken {
            taken.push((root.to_owned(), element.at, element.content().unwrap().to_owned()));
        }
        is_taken
    });
    let names: Vec<&str> = document.as_ref().unwrap().root.children.iter().map(|child| child.name).collect();
    assert_eq!((names, taken.len()), (vec!["b"], MOST_ELEMENTS));
    assert_eq!(taken[1], ("rss".to_owned(), 5 + 16, "x<c>y</c>".to_owned()));
}
