use super::{Class, Escaping, LONGEST_SOURCE, Sources, Templates, variables};

fn run() -> minijinja::Value {
    super::from_json(&serde_json::json!({"pipeline": "w"}))
}

fn compile(when: Option<&str>, template: Option<&str>) -> Result<Templates, etl_component::Fault> {
    Templates::compile(Sources { when, template, failure: None }, Escaping::Slack)
}

const RECORD: &str = r#"{"city":"<!channel> & co","temp":31.5,"n":3,"ok":true,"url":"https://x.example/?a=1&b=2","tags":["a","<b>"],"record":"own"}"#;

fn text(template: &str) -> Result<String, String> {
    let templates = compile(None, Some(template)).map_err(|fault| fault.to_string())?;
    let record = variables(RECORD.as_bytes(), &["gust".to_owned(), "temp".to_owned()], &run())?;
    templates.text(&record).map(Option::unwrap).map_err(|fault| fault.to_string())
}

fn wants(when: &str) -> Result<bool, String> {
    let templates = compile(Some(when), None).map_err(|fault| fault.to_string())?;
    let record = variables(RECORD.as_bytes(), &["gust".to_owned()], &run())?;
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
        ("{{ none | default('-') }} {{ none | d('-') }}", "- -"),
        ("{{ '' | default('-') }}|{{ '' | default('-', true) }}|{{ 0 | default(1) }}", "|-|0"),
        ("{{ range(3) | list }}", "[0,1,2]"),
        ("a{{ 'x' if n == 4 }}{{ 'y' if n == 3 }}b", "ayb"),
        ("{{ url | tojson }} {{ gust | tojson }}", "\"https://x.example/?a=1&amp;b=2\" null"),
        ("{{ url | urlencode }}", "https%3A//x.example/%3Fa%3D1%26b%3D2"),
        ("{{ 'null' }} {{ ['null', none] }}", "null [\"null\",null]"),
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
        // This is how minijinja orders them; docs/slack.md warns of it.
        ("'31.5' < 50", false),
        ("'31.5' | float < 50", true),
        ("gust | float < 50", true),
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
        "tempp is in [1, 2]",
        "1 is in tempp",
        "tempp is divisibleby 3",
        "n is divisibleby tempp",
        "tempp is sameas none",
        "tempp is safe",
        "tempp is escaped",
        "tempp is startingwith 'a'",
        "tempp | default(none) is none and tempp is none",
    ] {
        let error = wants(when).expect_err(when);
        assert!(error.starts_with("--when: ") && error.contains("`tempp` is undefined"), "{when}: {error}");
    }
    assert_eq!(
        wants("[record] | selectattr('tempp', 'gt', 3) | list"),
        Err("--when: undefined value".to_owned())
    );
    let said = |flag: &str, name: &str| Err(format!("{flag}: undefined value: `{name}` is undefined"));
    assert_eq!(wants("record.tempp > 3"), said("--when", "record.tempp").map(|()| true));
    for template in [
        "{{ tempp }}",
        "{{ tempp ~ 1 }}",
        "{% if tempp %}{% endif %}",
        "{% for x in tempp %}{% endfor %}",
        "{{ [tempp] }}",
        "{{ {'a': [tempp]} | tojson }}",
    ] {
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
    assert_eq!(
        text(endless),
        Err("--template: it takes too many steps or produces too long a text".to_owned())
    );
    assert_eq!(
        text("{{ 'x' * 999999999 }}"),
        Err("--template: it takes too many steps or produces too long a text".to_owned())
    );
}

#[test]
fn what_is_no_number_is_not_printed() {
    for (template, number) in [
        ("{{ 1e308 * 10 }}", "inf"),
        ("{{ [none, {'a': -1e308 * 10}] }}", "-inf"),
        ("{{ 'nan' | float | tojson }}", "NaN"),
    ] {
        let said = format!("--template: invalid operation: {number} is not a number that can be printed");
        assert_eq!(text(template), Err(said), "{template}");
    }
}

#[test]
fn a_value_is_printed_up_to_a_mebibyte() {
    let length = |template: &str| text(template).map(|text| text.len());
    let too_long = Err("--template: it takes too many steps or produces too long a text".to_owned());
    assert_eq!(length("{{ [1] * 524287 }}"), Ok((1 << 20) - 1));
    assert_eq!(length("{{ [1] * 524288 }}"), too_long);
    assert_eq!(length("{{ (range(100000) | list) * 300 }}"), too_long);
    assert_eq!(length("{{ ((range(100000) | list) * 300) | tojson | length }}"), too_long);
}

#[test]
fn a_source_is_not_deeper_than_the_stack() {
    let whens = || {
        let after = [".a", "+1", "|e", "[0]", "==1", " and n", " if n else n"];
        let after = after.map(|unit| format!("n{}", unit.repeat((LONGEST_SOURCE - 1) / unit.len())));
        let before = ["not ", "-", "(", "[", "{'a':", "f("];
        let before = before.map(|unit| format!("{}n", unit.repeat((LONGEST_SOURCE - 1) / unit.len())));
        for when in after.into_iter().chain(before) {
            // Whatever it means, evaluating it ends.
            let ended = wants(&when);
            assert!(ended.as_ref().map_or_else(|error| error.starts_with("--when: "), |_| true), "{ended:?}");
        }
    };
    // The same stack size as the main thread's.
    std::thread::Builder::new().stack_size(8 << 20).spawn(whens).unwrap().join().unwrap();
    let said = |flag| Err(format!("{flag}: longer than 16384 bytes"));
    assert_eq!(text(&"x".repeat(LONGEST_SOURCE)), Ok("x".repeat(LONGEST_SOURCE)));
    assert_eq!(text(&"x".repeat(LONGEST_SOURCE + 1)), said("--template"));
    assert_eq!(wants(&"1".repeat(LONGEST_SOURCE + 1)), said("--when").map(|_: String| true));
}

#[test]
fn data_is_data_whatever_its_keys() {
    let line = br#"{"a":{"$serde_json::private::RawValue":"{\"b\":1}"},"$serde_json::private::RawValue":"[]","i":9007199254740993,"u":18446744073709551615,"f":0.1234567890123456789}"#;
    let templates = compile(None, Some("{{ a }} {{ record | length }} {{ i }} {{ u }} {{ f }}")).unwrap();
    let text = templates.text(&variables(line, &[], &run()).unwrap()).unwrap().unwrap();
    let expected = r#"{"$serde_json::private::RawValue":"{\"b\":1}"} 5 9007199254740993 18446744073709551615 0.12345678901234568"#;
    assert_eq!(text, expected);
}

#[test]
fn what_no_record_makes_right_is_usage() {
    let templates = compile(None, Some("{{ city | shout }}")).unwrap();
    let fault = templates.text(&variables(RECORD.as_bytes(), &[], &run()).unwrap()).unwrap_err();
    assert_eq!(
        (fault.class(), fault.message()),
        (Class::Usage, "--template: unknown filter: filter shout is unknown")
    );
}

#[test]
fn texts_in_json_are_escaped_as_within_quotes() {
    let templates = |template, escaping| {
        Templates::compile(Sources { template: Some(template), ..Sources::default() }, escaping).unwrap()
    };
    let record =
        variables(br#"{"a":"x\"y\n\u0001<","n":1.5,"l":["p\"",2]}"#, &["none".to_owned()], &run()).unwrap();
    for (template, expected) in [
        (r#"{"text":"{{ a }}: {{ n }}"}"#, r#"{"text":"x\"y\n\u0001<: 1.5"}"#),
        (
            r#"{"a":{{ a | tojson }},"l":{{ l }},"none":{{ none }}}"#,
            r#"{"a":"x\"y\n\u0001<","l":["p\"",2],"none":null}"#,
        ),
        (r#"{"l":{{ l | tojson }}}"#, r#"{"l":["p\"",2]}"#),
    ] {
        let text = templates(template, Escaping::Json).text(&record).unwrap().unwrap();
        assert_eq!(text, expected);
        serde_json::from_str::<serde_json::Value>(&text).expect(&text);
    }
    let text = templates("{{ a }} {{ l }}", Escaping::Plain).text(&record).unwrap().unwrap();
    assert_eq!(text, "x\"y\n\u{1}< [\"p\\\"\",2]");
}

#[test]
fn a_failure_has_a_template_of_its_own() {
    let about = serde_json::json!({"step": "load", "pipeline": null, "code": 3});
    let sources = Sources {
        failure: Some("{{ step }} {{ pipeline | default('?') }} {{ code }}"),
        ..Sources::default()
    };
    let templates = Templates::compile(sources, Escaping::Json).unwrap();
    assert_eq!(templates.failure(&about).unwrap().as_deref(), Some("load ? 3"));
    assert!(templates.is_empty());
    let sources = Sources { failure: Some("{{ stepp }}"), ..Sources::default() };
    let fault = Templates::compile(sources, Escaping::Json).unwrap().failure(&about).unwrap_err();
    assert_eq!(fault.to_string(), "--failure-template: undefined value: `stepp` is undefined");
}

#[test]
fn the_run_is_a_variable_unless_a_field_is_named_so() {
    let templates = compile(None, Some("{{ run.pipeline | default('-') }}")).unwrap();
    let text = |line: &[u8]| templates.text(&variables(line, &[], &run()).unwrap()).unwrap().unwrap();
    assert_eq!(text(br#"{"a":1}"#), "w");
    assert_eq!(text(br#"{"run":{"pipeline":null}}"#), "-");
}
