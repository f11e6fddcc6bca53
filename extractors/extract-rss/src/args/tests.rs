use super::*;

fn settings(args: &[&str], env: &[(&str, &str)]) -> Result<Settings, (u8, String)> {
    let cli = Cli::try_parse_from([&["extract-rss"], args].concat()).unwrap();
    Settings::new(cli, &Env::of(env)).map_err(|fault| (fault.class().code(), fault.message().to_owned()))
}

fn urls(args: &[&str], env: &[(&str, &str)]) -> Vec<String> {
    settings(args, env).unwrap().feeds.into_iter().map(|feed| feed.url).collect()
}

#[test]
fn addresses_keep_their_order_and_variables_are_for_none() {
    let env = [("LOCATOR_URL", "https://l.example/"), ("RPI_BASE_URL", "https://r.example/")];
    assert_eq!(
        urls(&["--url", "https://b.example/", "--url", " https://a.example/?x=1 "], &env),
        ["https://b.example/", "https://a.example/?x=1"]
    );
    assert_eq!(urls(&[], &env), ["https://l.example/"]);
}

#[test]
fn the_address_of_the_reference_is_put_together() {
    let parts = [("RPI_COUNTRY", "US"), ("RPI_PRODUCT", "PI5")];
    let all = "https://rpilocator.com/feed/?country=US&cat=PI5";
    for (base, address) in [
        ("https://rpilocator.com/feed/", all),
        ("https://rpilocator.com/feed/?", all),
        ("https://rpilocator.com/feed/?country=", all),
        ("https://rpilocator.com/feed/?country=US&cat=", all),
        (all, all),
        ("https://rpilocator.com/feed/?cat=CM4", "https://rpilocator.com/feed/?cat=CM4&country=US"),
    ] {
        assert_eq!(urls(&[], &[&[("RPI_BASE_URL", base)], &parts[..]].concat()), [address], "{base}");
    }
    assert_eq!(urls(&[], &[("RPI_BASE_URL", "https://r.example/feed")]), ["https://r.example/feed"]);
}

#[test]
fn a_name_in_messages_has_no_query() {
    let feeds = settings(
        &[
            "--url",
            "https://a.example/?key=s3",
            "--url",
            "https://b.example/?cat=1",
            "--url",
            "https://b.example/?cat=2",
        ],
        &[],
    );
    let names: Vec<String> = feeds.unwrap().feeds.into_iter().map(|feed| feed.name).collect();
    assert_eq!(
        names,
        [
            "feed https://a.example/",
            "feed https://b.example/ (--url no. 2)",
            "feed https://b.example/ (--url no. 3)"
        ]
    );
}

#[test]
fn what_cannot_be_asked_says_why() {
    /// Arguments, environment, and the code and message they lead to.
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], (u8, &'a str));
    let cases: [Case<'_>; 6] = [
        (&[], &[], (2, "no feed: give --url, or set LOCATOR_URL, or RPI_BASE_URL")),
        (&[], &[("LOCATOR_URL", "")], (78, "LOCATOR_URL is set but empty")),
        (
            &["--url", "feeds.example"],
            &[],
            (78, "address \"feeds.example\": it must start with https:// (or http://)"),
        ),
        (
            &["--url", "https://a.example/?x", "--url", "https://a.example/?x"],
            &[],
            (2, "feed https://a.example/ (--url no. 2) is given twice"),
        ),
        (
            &["--url", "http://feeds.example/?key=s3"],
            &[],
            (
                78,
                "address \"http://feeds.example/\": http:// is only allowed to loopback, because keys would travel unencrypted; --allow-http permits it",
            ),
        ),
        (&["--url", "https://a.example/"], &[("MAX_AGE", "a day")], (78, "MAX_AGE: ")),
    ];
    for (args, env, (code, why)) in cases {
        let (found, said) = settings(args, env).unwrap_err();
        assert_eq!((found, said.get(..why.len())), (code, Some(why)), "{args:?}: {said}");
    }
    assert!(settings(&["--url", "http://feeds.example/", "--allow-http"], &[]).is_ok());
}

#[test]
fn an_age_is_a_duration_and_in_the_variable_hours() {
    let age = |args: &[&str], env: &[(&str, &str)]| {
        settings(&[&["--url", "https://a.example/"], args].concat(), env)
            .unwrap()
            .max_age
            .map(|age| age.as_secs())
    };
    assert_eq!(age(&[], &[]), None);
    assert_eq!(age(&[], &[("MAX_AGE", "24")]), Some(24 * 3600));
    assert_eq!(age(&[], &[("MAX_AGE", " 90m\n")]), Some(90 * 60));
    assert_eq!(age(&["--max-age", "24h"], &[("MAX_AGE", "1")]), Some(24 * 3600));
    assert_eq!(age(&["--max-age", "24"], &[]), Some(24));
}
