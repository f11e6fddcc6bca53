use super::{Class, Templates, variables};

const RECORD: &str = r#"{"city":"<!channel> & co","temp":31.5,"n":3,"ok":true,"url":"https://x.example/?a=1&b=2","tags":["a","<b>"],"record":"own"}"#;

fn text(template: &str) -> Result<String, String> {
    let templates = Templates::compile(None, Some(template)).map_err(|fault| fault.to_string())?;
    let record = variables(RECORD.as_bytes(), &["gust".to_owned(), "temp".to_owned()])?;
    templates.text(&record).map(Option::unwrap).map_err(|fault| fault.to_string())
}

fn wants(when: &str) -> Result<bool, String> {
    let templates = Templates::compile(Some(when), None).map_err(|fault| fault.to_string())?;
    let record = variables(RECORD.as_bytes(), &["gust".to_owned()])?;
    templates.wants(&record).map_err(|fault| fault.to_string())
}

#[test]
fn values_are_escaped_and_the_template_is_not() {
    for (template, expected) in [
        ("<!here> {{ city }}", "<!here> &lt;!channel&gt; &amp; co"),
        ("<{{ url | safe }}|open>", "<https://x.example/?a=1&b=2|open>"),
        ("{{ temp }} {{ n }} {{ ok }} {{ gust }} {{ tags }}", "31.5 3 true null [\"a\",\"&lt;b&gt;\"]"),
        ("{{ '<' ~ city }}", "&lt;&lt;!channel&gt; &amp; co"),
        ("{{ '<b>' | safe ~ city }}", "<b>&lt;!channel&gt; &amp; co"),
        ("{{ city | e }}", "&lt;!channel&gt; &amp; co"),
        ("{{ city | upper }}", "&lt;!CHANNEL&gt; &amp; CO"),
        ("{{ tags | join('<') }}", "a&lt;&lt;b&gt;"),
        ("{% set x %}<{{ city }}>{% endset %}{{ x }}", "<&lt;!channel&gt; &amp; co>"),
        ("{{ record.city }} {{ record['n'] }}", "&lt;!channel&gt; &amp; co 3"),
        ("{{ record | length }}", "8"),
        (
            "{% for key, value in record | items %}{{ key }} {% endfor %}",
            "city temp n ok url tags record gust ",
        ),
        ("{% if gust is none %}calm{% endif %}", "calm"),
        ("{{ missing | default('-') }}", "-"),
        ("{{ range(3) | list }}", "[0,1,2]"),
        ("", ""),
    ] {
        assert_eq!(text(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn a_condition_is_true_or_false() {
    for (when, expected) in [
        ("temp > 30", true),
        ("temp > 30 and n == 4", false),
        ("city", true),
        ("gust is none", true),
        ("gust is not none and gust > 3", false),
        // As minijinja orders them; docs/slack.md warns.
        ("gust > 3", false),
        ("gust < 3", true),
        ("n is odd and n is gt(2) and city is string", true),
        ("tags | select('eq', 'a') | list | length == 1", true),
        ("missing is defined", false),
        ("'a' in tags", true),
        ("record.temp >= 31.5", true),
        ("true if n == 4", false),
        ("\n  n\n  == 3\n", true),
        ("'%}' == '%}'", true),
    ] {
        assert_eq!(wants(when), Ok(expected), "{when}");
    }
}

#[test]
fn nothing_undefined_passes() {
    for when in [
        "tempp > 30",
        "tempp",
        "not tempp",
        "tempp == 1",
        "1 < tempp",
        "tempp in tags",
        "'a' in tempp",
        "tempp is none",
        "tempp is not true",
        "tempp | length > 0",
        "tempp | int > 0",
        "tempp | lower == 'a'",
        "tempp | bool",
        "tempp | string",
        "tempp is odd",
        "tempp is gt(3)",
        "tempp | default(none) is none and tempp is none",
    ] {
        let error = wants(when).expect_err(when);
        assert!(error.starts_with("--when: ") && error.contains("`tempp` is undefined"), "{when}: {error}");
    }
    let said = |flag: &str, name: &str| Err(format!("{flag}: undefined value: `{name}` is undefined"));
    assert_eq!(wants("record.tempp > 3"), said("--when", "record.tempp").map(|()| true));
    for template in
        ["{{ tempp }}", "{{ tempp ~ 1 }}", "{% if tempp %}{% endif %}", "{% for x in tempp %}{% endfor %}"]
    {
        assert_eq!(text(template), said("--template", "tempp").map(|()| String::new()), "{template}");
    }
    assert_eq!(
        text("\n\n{{ tempp }}"),
        Err("--template line 3: undefined value: `tempp` is undefined".to_owned())
    );
}

#[test]
fn what_is_no_template_is_named_with_its_place() {
    for (when, said) in [
        ("temp >", "--when: column 6: syntax error: unexpected end of input, expected expression"),
        ("temp > 1) or (true", "--when: column 9: syntax error: unexpected input after expression"),
        ("temp %} x", "--when: column 7: syntax error: unexpected `}`"),
        ("temp +\n + *", "--when: line 2, column 2: syntax error: unexpected `+`"),
    ] {
        let error = wants(when).expect_err(when);
        assert!(error.starts_with(said), "{when:?}: {error}");
    }
    for (template, said) in [
        ("äöü {{ x", "--template: column 8: syntax error: unexpected end of input"),
        ("{% if x %}", "--template: column 9: syntax error: unexpected end of input"),
        ("{{ x }}\n{% fi %}", "--template: line 2, column 4: syntax error: unknown"),
    ] {
        let error = text(template).unwrap_err();
        assert!(error.starts_with(said), "{template:?}: {error}");
    }
}

#[test]
fn a_template_ends() {
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    assert_eq!(text(endless), Err("--template: it takes too many steps or makes too long a text".to_owned()));
    assert_eq!(
        text("{{ 'x' * 999999999 }}"),
        Err("--template: it takes too many steps or makes too long a text".to_owned())
    );
}

#[test]
fn what_no_record_makes_right_is_usage() {
    let templates = Templates::compile(None, Some("{{ city | shout }}")).unwrap();
    let fault = templates.text(&variables(RECORD.as_bytes(), &[]).unwrap()).unwrap_err();
    assert_eq!(
        (fault.class(), fault.message()),
        (Class::Usage, "--template: unknown filter: filter shout is unknown")
    );
}
