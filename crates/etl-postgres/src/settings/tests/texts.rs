//! Connection strings, and that none of their secrets is shown.

use super::*;

fn of(url: &str) -> String {
    target(&[("DATABASE_URL", url), ("PGUSER", "nobody"), ("PGHOST", "local")])
}

#[test]
fn urls() {
    let cases = [
        ("postgres://", "nobody@local:5432/nobody"),
        ("postgresql://h", "nobody@h:5432/nobody"),
        ("postgres://u@h/", "u@h:5432/u"),
        ("postgres://u:@h:/d", "u@h:5432/d"),
        ("postgres://:p@h/d", "nobody@h:5432/d"),
        ("postgres://@h", "nobody@h:5432/nobody"),
        ("postgres://u:p@h:1/d", "u@h:1/d"),
        ("postgres:///d", "nobody@local:5432/d"),
        ("postgres://:7/d", "nobody@local:7/d"),
        ("postgres://h?", "nobody@h:5432/nobody"),
        ("postgres://h/d?port=7&", "nobody@h:7/d"),
        ("postgres://a,b:2,c/d", "nobody@a:5432,b:2,c:5432/d"),
        ("postgres://u@[::1]/d", "u@[::1]:5432/d"),
        ("postgres://[2001:db8::1]:1,[::1]:2/d", "nobody@[2001:db8::1]:1,[::1]:2/d"),
        ("postgres://%2Frun%2fpg:7/d", "nobody@/run/pg:7/d"),
        ("postgres:///d?host=/run/pg&port=7", "nobody@/run/pg:7/d"),
        ("postgres://h/d?host=other&dbname=e&user=v&port=9", "v@other:9/e"),
        ("postgres://us%65r%40server:p@h/d%2Fe%20%C3%A4", "user@server@h:5432/d/e ä"),
        ("postgres://h/d/e", "nobody@h:5432/d/e"),
        ("postgres://h?%64bname=d", "nobody@h:5432/d"),
    ];
    for (url, expected) in cases {
        assert_eq!(of(url), expected, "{url}");
    }
}

#[test]
fn what_urls_ask_for() {
    let config = |url: &str| settings(&[("DATABASE_URL", url)]).config;
    assert_eq!(config("postgres://h?options=-c%20a%3Db%20-c+c").get_options(), Some("-c a=b -c+c"));
    // libpq requires it to be encoded.
    assert_eq!(config("postgres://h?options=-c%20a=b").get_options(), Some("-c a=b"));
    assert_eq!(
        config("postgres://h/?application_name=a&application_name=b@c").get_application_name(),
        Some("b@c")
    );
    assert_eq!(config("postgres://h?ssl=true").get_ssl_mode(), postgres::config::SslMode::Require);
    assert_eq!(config("postgres://h?requiressl=1").get_ssl_mode(), postgres::config::SslMode::Require);
    assert_eq!(config("host=h requiressl=0").get_ssl_mode(), postgres::config::SslMode::Prefer);
    let secret = |url: &str| password(&[("DATABASE_URL", url)]);
    assert_eq!(secret("postgres://u:a%2Fb%40%25%3a@h").unwrap(), "a/b@%:");
    assert_eq!(secret("postgres://u:a:b+c?d#e@h").unwrap(), "a:b+c?d#e");
    assert_eq!(secret("postgres://u:no@h?password=yes").unwrap(), "yes");
    assert_eq!(secret("postgres://u:@h"), None);
}

#[test]
fn key_words_and_values() {
    let cases = [
        ("host=h", "nobody@h:5432/nobody"),
        (" host = h  port =1\n", "nobody@h:1/nobody"),
        ("host='h'port='1'", "nobody@h:1/nobody"),
        ("host=h dbname='a b' user=a\\ b", "a b@h:5432/a b"),
        ("host=h dbname='it\\'s' user=it\\'s\\\\", "it's\\@h:5432/it's"),
        ("host=h user=a'b dbname=c'", "a'b@h:5432/c'"),
        ("host=no host=h", "nobody@h:5432/nobody"),
        // As in libpq, the second word is the value of the first.
        ("dbname= user=u", "nobody@local:5432/user=u"),
    ];
    for (text, expected) in cases {
        assert_eq!(of(text), expected, "{text}");
    }
    assert_eq!(password(&[("DATABASE_URL", "password='a b\\\\\\'' host=h")]).unwrap(), "a b\\'");
}

#[test]
fn mistakes_in_connection_strings() {
    let cases = [
        ("host", "a key word without ="),
        ("h/d", "a key word without ="),
        ("host=h port", "a key word without ="),
        ("host='h", "a quote that is not closed"),
        ("hots=h", "unknown key word \"hots\""),
        ("postgres://h/d?schema=public", "unknown key word \"schema\""),
        ("postgres://u:p@h/d?schema=public", "unknown key word \"schema\""),
        ("postgres://h?ssl=1", "unknown key word \"ssl\""),
        ("postgres://h?dbname", "a part after the ? has no ="),
        ("postgres://h?port=1&&", "a part after the ? has no ="),
        ("postgres://[::1/d", "a [ without a ]"),
        ("postgres://[]/d", "nothing between [ and ]"),
        ("postgres://[::1]x/d", "unexpected text after a ]"),
        ("postgres://h/%00", "%00 is not allowed"),
        ("postgres://h/%FF", "the decoded text is not UTF-8"),
        (
            "mysql://u:p@h/d",
            "it must begin with postgres:// or postgresql://, or consist of key words with values",
        ),
        (
            "postgresql+psycopg2://h?x=y",
            "it must begin with postgres:// or postgresql://, or consist of key words with values",
        ),
    ];
    for (text, why) in cases {
        assert_eq!(refused(&[("DATABASE_URL", text)]), format!("DATABASE_URL: {why}"));
    }
}

/// The parts of a password that is cut at the characters that are special in a URL.
fn pieces(password: &str) -> Vec<&str> {
    password.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| piece.len() > 1).collect()
}

#[test]
fn no_part_of_a_password_is_told() {
    let passwords = [
        "seCRet",
        "seC/Ret",
        "seC@Ret",
        "seC@xyZ/Ret",
        "seC/xyZ@Ret",
        "seC?Ret=xyZ",
        "seC@Ret?xyZ=abC",
        "seC%Ret",
        "seC#Ret",
        "seC:Ret",
        "seC,Ret",
        "seC Ret",
        "seC Ret=xyZ",
        "'seC Ret",
        "seC' Ret=xyZ",
        "seC\\Ret",
        "seC&Ret",
        "[seC]Ret",
        "seC]Ret[",
        "seC=Ret",
        "seC%00Ret",
        "seC%FFRet",
        "@seCRet",
        "/seCRet",
        "?seCRet",
        "seC://Ret@xyZ",
    ];
    let places = [
        "postgres://u:{}@h/d",
        "postgres://u:{}@h:1/d?sslmode=verify-full&x=y",
        "postgres://:{}@/",
        "postgres://u:{}@a,b",
        "postgres://h/d?user=u&password={}",
        "postgres://h/d?password={}&x=y",
        "postgres://h/d?sslpassword={}",
        "postgresql+x://u:{}@h/d",
        "password={}",
        "host=h password={} user=u",
        "host=h user=u password='{}' x=y",
        "host=h sslpassword={} user=u",
    ];
    let mut checked = (0, 0);
    for password in passwords {
        for place in places {
            let url = place.replace("{}", password);
            let told = match Settings::new(&env(&[("DATABASE_URL", &url)]), COMPONENT) {
                Ok(settings) => {
                    checked.0 += 1;
                    settings.name()
                }
                Err(fault) => {
                    checked.1 += 1;
                    assert_eq!(fault.class(), Class::Config);
                    words(&fault)
                }
            };
            for piece in pieces(password) {
                assert!(!told.contains(piece), "{url}: {told}");
            }
        }
    }
    assert!(checked.0 > 50 && checked.1 > 50, "{checked:?}");
}

#[test]
fn a_password_in_the_wrong_place_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://u:seCRet@h/d";
    for name in ["PGHOST", "DB_HOST", "PGPORT", "PGDATABASE", "DASHBOARD_DB", "PGSSLMODE", "PGHOSTADDR"] {
        let message = refused(&[(name, url)]);
        assert!(message.starts_with(&format!("{name}: ")) && !message.contains("seCRet"), "{message}");
    }
    let services = file(folder.path(), "services", "[s]\nsslpassword=seCRet\n");
    let message = refused(&[("PGSERVICE", "s"), ("PGSERVICEFILE", &services)]);
    assert!(!message.contains("seCRet"), "{message}");
}

#[test]
fn every_password_that_is_read_is_known_as_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let services = file(folder.path(), "services", "[s]\npassword=known-1\n");
    let passfile = file(folder.path(), "passfile", "h:*:*:*:known-2\n");
    let read = [
        password(&[("PGSERVICE", "s"), ("PGSERVICEFILE", &services)]),
        password(&[("PGHOST", "h"), ("PGPASSFILE", &passfile)]),
        password(&[("DATABASE_URL", "postgres://u:known%2D3@h")]),
        password(&[("DATABASE_URL", "host=h password='known-4'")]),
    ];
    let texts = read.map(|password| etl_component::redact(&format!("<{}>", password.unwrap())));
    assert_eq!(texts, ["<[redacted]>"; 4]);
    refused(&[("DATABASE_URL", "host=h sslpassword=known-5")]);
    let services = file(folder.path(), "services", "[s]\nsslpassword=known-6\n");
    refused(&[("PGSERVICE", "s"), ("PGSERVICEFILE", &services)]);
    assert_eq!(etl_component::redact("known-5 known-6"), "[redacted] [redacted]");
}
