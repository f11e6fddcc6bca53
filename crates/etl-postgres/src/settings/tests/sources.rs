//! Which of the sources counts.

use super::*;

#[test]
fn the_strongest_source_of_each_setting_counts() {
    let folder = tempfile::tempdir().unwrap();
    let services = "[all]\nhost=h2\nport=2\ndbname=d2\nuser=u2\npassword=p2\n[none]\n";
    let services = file(folder.path(), "services", services);
    let mut all: Vec<(&str, &str)> = vec![("PGSERVICEFILE", &services)];
    let weakest_first: [(&[(&str, &str)], &str); 6] = [
        (
            &[
                ("POSTGRES_HOST", "h6"),
                ("POSTGRES_PORT", "6"),
                ("POSTGRES_DB", "d6"),
                ("POSTGRES_USER", "u6"),
            ],
            "u6@h6:6/d6",
        ),
        (&[("DASHBOARD_DB", "d5")], "u6@h6:6/d5"),
        (&[("DB_HOST", "h4"), ("DB_PORT", "4"), ("DB_NAME", "d4"), ("DB_USER", "u4")], "u4@h4:4/d4"),
        (&[("PGHOST", "h3"), ("PGPORT", "3"), ("PGDATABASE", "d3"), ("PGUSER", "u3")], "u3@h3:3/d3"),
        (&[("PGSERVICE", "all")], "u2@h2:2/d2"),
        (&[("DATABASE_URL", "postgres://u1@h1:1/d1")], "u1@h1:1/d1"),
    ];
    for (stronger, expected) in weakest_first {
        all.extend(stronger);
        assert_eq!(target(&all), expected);
    }
}

#[test]
fn the_strongest_password_counts() {
    let folder = tempfile::tempdir().unwrap();
    let passfile = file(folder.path(), "passfile", "*:*:*:*:p6\n");
    let services = file(folder.path(), "services", "[all]\npassword=p2\n");
    let mut all: Vec<(&str, &str)> =
        vec![("PGHOST", "h"), ("PGSERVICEFILE", &services), ("PGPASSFILE", &passfile)];
    assert_eq!(password(&all).unwrap(), "p6");
    let weakest_first = [
        ("POSTGRES_PASSWORD", "p5", "p5"),
        ("DB_PASSWORD", "p4", "p4"),
        ("PGPASSWORD", "p3", "p3"),
        ("PGSERVICE", "all", "p2"),
        ("DATABASE_URL", "postgres://u:p1@h", "p1"),
    ];
    for (name, value, expected) in weakest_first {
        all.push((name, value));
        assert_eq!(password(&all).unwrap(), expected, "{name}");
    }
}

#[test]
fn sources_complete_each_other() {
    let url = ("DATABASE_URL", "postgres://u@h/d");
    assert_eq!(target(&[url, ("PGPORT", "7"), ("PGDATABASE", "no"), ("DB_HOST", "no")]), "u@h:7/d");
    assert_eq!(password(&[url, ("PGPASSWORD", "p")]).unwrap(), "p");
}

#[test]
fn without_anything_it_is_the_local_server_and_the_systems_user() {
    let user = system::user(&env(&[("USER", "fallback")])).unwrap();
    let settings = settings(&[("USER", "fallback")]);
    assert_eq!(settings.config.get_user(), Some(user.as_str()));
    assert_eq!(settings.config.get_dbname(), Some(user.as_str()));
    assert_eq!(settings.config.get_application_name(), Some(COMPONENT));
    assert_eq!(settings.config.get_options(), None);
    assert_eq!(settings.config.get_channel_binding(), ChannelBinding::Prefer);
    assert_eq!(settings.config.get_connect_timeout(), Some(&Duration::from_secs(30)));
    assert_eq!(settings.config.get_tcp_user_timeout(), None);
    assert!(settings.config.get_keepalives());
    assert_eq!(settings.timeout, Some(Duration::from_secs(30)));
    assert_eq!((settings.wanted, settings.random), (Wanted::Any, false));
    assert_eq!((settings.hosts.len(), settings.hosts[0].port), (1, 5432));
    assert!(settings.hosts[0].password.is_none());
}

#[test]
fn the_database_is_that_of_the_users_name() {
    assert_eq!(target(&[("PGHOST", "h"), ("PGUSER", "u")]), "u@h:5432/u");
}

#[test]
fn an_empty_variable_is_none() {
    let names =
        VARIABLES.iter().filter(|variable| !variable.secret && variable.name != "HOME").map(|v| v.name);
    let mut pairs: Vec<(&str, &str)> = names.map(|name| (name, "")).collect();
    pairs.extend([("DB_HOST", "h"), ("DASHBOARD_DB", "d"), ("POSTGRES_USER", "u"), ("DB_PORT", "")]);
    pairs.push(("POSTGRES_PORT", "8"));
    assert_eq!(target(&pairs), "u@h:8/d");
    let url = "host='' port='' dbname='' user='' password='' sslmode=''";
    assert_eq!(target(&[("DATABASE_URL", url), ("PGHOST", "h"), ("PGUSER", "u")]), "u@h:5432/u");
}

#[test]
fn a_kubernetes_service_named_db_is_no_port() {
    assert_eq!(
        target(&[("DB_HOST", "h"), ("DB_PORT", "tcp://10.0.0.1:5432"), ("DB_USER", "u")]),
        "u@h:5432/u"
    );
    assert_eq!(refused(&[("PGPORT", "tcp://10.0.0.1:5432")]), "PGPORT: it must be a number from 1 to 65535");
}

#[test]
fn secrets_come_from_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let url = file(folder.path(), "url", "postgres://u:from%20url@h/d\n");
    let secret = file(folder.path(), "password", " from file \r\n");
    assert_eq!(target(&[("DATABASE_URL_FILE", &url)]), "u@h:5432/d");
    assert_eq!(password(&[("DATABASE_URL_FILE", &url)]).unwrap(), "from url");
    for name in ["PGPASSWORD_FILE", "DB_PASSWORD_FILE", "POSTGRES_PASSWORD_FILE"] {
        assert_eq!(password(&[(name, &secret)]).unwrap(), " from file ");
    }
    let empty = file(folder.path(), "empty", "\n");
    assert_eq!(refused(&[("DATABASE_URL", "")]), "DATABASE_URL is set but empty");
    assert_eq!(refused(&[("PGPASSWORD", "")]), "PGPASSWORD is set but empty");
    assert_eq!(refused(&[("PGPASSWORD_FILE", &empty)]), "PGPASSWORD is set but empty");
    assert_eq!(
        refused(&[("PGPASSWORD", "p"), ("PGPASSWORD_FILE", &secret)]),
        "both PGPASSWORD and PGPASSWORD_FILE are set; set one"
    );
    let missing = refused(&[("DATABASE_URL_FILE", "/nonexistent/url")]);
    assert!(missing.starts_with("DATABASE_URL_FILE: cannot read /nonexistent/url"), "{missing}");
}

#[test]
fn services_come_from_the_users_file_then_from_that_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home").display().to_string();
    let shared = folder.path().join("etc").display().to_string();
    let own = file(folder.path(), "home/.pg_service.conf", "[a]\nhost=home\n");
    file(folder.path(), "etc/pg_service.conf", "[a]\nhost=no\n[b]\nhost=shared\n");
    let named = file(folder.path(), "named", "[a]\nhost=named\n");
    let base = [("HOME", home.as_str()), ("PGSYSCONFDIR", &shared), ("PGUSER", "u")];
    let of = |pairs: &[(&str, &str)]| target(&[&base, pairs].concat());
    assert_eq!(of(&[("PGSERVICE", "a")]), "u@home:5432/u");
    assert_eq!(of(&[("PGSERVICE", "b")]), "u@shared:5432/u");
    assert_eq!(of(&[("PGSERVICE", "a"), ("PGSERVICEFILE", &named)]), "u@named:5432/u");
    assert_eq!(of(&[("PGSERVICE", "b"), ("PGSERVICEFILE", &named)]), "u@shared:5432/u");
    assert_eq!(of(&[("DATABASE_URL", "postgres:///?service=b"), ("PGSERVICE", "a")]), "u@shared:5432/u");
    assert_eq!(
        refused(&[&base[..], &[("PGSERVICE", "c")]].concat()),
        "PGSERVICE: definition of service \"c\" not found"
    );
    file(folder.path(), "home/.pg_service.conf", "[a]\nhost=home\nhots=x\n");
    assert_eq!(
        refused(&[&base[..], &[("PGSERVICE", "a")]].concat()),
        format!("line 3 of the service file {own}: unknown key word \"hots\"")
    );
    let missing = refused(&[("PGSERVICE", "a"), ("PGSERVICEFILE", "/nonexistent/file")]);
    assert!(
        missing.starts_with("the service file /nonexistent/file cannot be read: No such file"),
        "{missing}"
    );
}

#[test]
fn a_password_file_serves_each_host() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().display().to_string();
    let text = "h1:5432:d:u:first\nh2:7:*:u:second\nlocalhost:*:*:*:local\n/run/pg:*:*:*:socket\n";
    let path = file(folder.path(), ".pgpass", text);
    let base = [("HOME", home.as_str()), ("PGUSER", "u"), ("PGDATABASE", "d")];
    let of = |pairs: &[(&str, &str)]| {
        let passwords = passwords(&[&base, pairs].concat());
        passwords.into_iter().map(|password| password.unwrap_or("none".to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(of(&[("PGHOST", "h1,h2,h3"), ("PGPORT", "5432,7,5432")]), ["first", "second", "none"]);
    assert_eq!(of(&[("PGHOST", "h1"), ("PGPORT", "7")]), ["none"]);
    assert_eq!(of(&[("PGHOST", "h1"), ("PGHOSTADDR", "127.0.0.1")]), ["first"]);
    assert_eq!(
        of(&[("PGHOST", "localhost,/var/run/postgresql,/tmp,/run/pg")]),
        ["local", "local", "local", "socket"]
    );
    let other = file(folder.path(), "other", "h1:*:*:*:other");
    assert_eq!(of(&[("PGHOST", "h1"), ("PGPASSFILE", &other)]), ["other"]);
    assert_eq!(of(&[("DATABASE_URL", &format!("host=h1 passfile={other}"))]), ["other"]);
    // As with libpq, a file that is missing or open to others is passed over.
    assert_eq!(of(&[("PGHOST", "h1"), ("PGPASSFILE", "/nonexistent/file")]), ["none"]);
    assert_eq!(of(&[("PGHOST", "h1"), ("PGPASSFILE", &home)]), ["none"]);
    mode(&path, 0o640);
    assert_eq!(of(&[("PGHOST", "h1")]), ["none"]);
}

#[test]
fn what_is_said_to_the_server_at_the_start() {
    let config = |pairs: &[(&str, &str)]| settings(pairs).config;
    assert_eq!(config(&[("PGAPPNAME", "nightly")]).get_application_name(), Some("nightly"));
    let url = ("DATABASE_URL", "postgres:///?fallback_application_name=other");
    assert_eq!(config(&[url]).get_application_name(), Some("other"));
    assert_eq!(config(&[url, ("PGAPPNAME", "nightly")]).get_application_name(), Some("nightly"));
    let options = config(&[
        ("PGOPTIONS", "-c work_mem=4MB -c geqo=on"),
        ("PGDATESTYLE", "ISO, DMY"),
        ("PGTZ", "a\\b"),
        ("PGGEQO", "off"),
    ]);
    let expected = "-c work_mem=4MB -c geqo=on -c datestyle=ISO,\\ DMY -c timezone=a\\\\b -c geqo=off";
    assert_eq!(options.get_options(), Some(expected));
    assert_eq!(config(&[("PGTZ", "Default"), ("PGGEQO", "")]).get_options(), None);
}

#[test]
fn times_and_keepalives() {
    let of = |text: &str| settings(&[("DATABASE_URL", text)]);
    let timeout = |seconds: &str| settings(&[("PGCONNECT_TIMEOUT", seconds)]).timeout;
    assert_eq!(timeout("7"), Some(Duration::from_secs(7)));
    assert_eq!(timeout(" 7 "), Some(Duration::from_secs(7)));
    assert_eq!(timeout("0"), None);
    assert_eq!(timeout("-1"), None);
    assert_eq!(of("connect_timeout=0").config.get_connect_timeout(), None);
    assert_eq!(
        refused(&[("PGCONNECT_TIMEOUT", "1.5")]),
        "PGCONNECT_TIMEOUT is \"1.5\": it must be a whole number up to 2147483647"
    );
    let text =
        "keepalives=1 keepalives_idle=31 keepalives_interval=11 keepalives_count=4 tcp_user_timeout=5000";
    let config = of(text).config;
    assert!(config.get_keepalives());
    assert_eq!(config.get_keepalives_idle(), Duration::from_secs(31));
    assert_eq!(config.get_keepalives_interval(), Some(Duration::from_secs(11)));
    assert_eq!(config.get_keepalives_retries(), Some(4));
    assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_secs(5)));
    assert!(!of("keepalives=0").config.get_keepalives());
    let defaults = of("keepalives_idle=0 keepalives_interval=0 keepalives_count=0 tcp_user_timeout=0").config;
    assert_eq!(defaults.get_keepalives_interval(), None);
    assert_eq!(defaults.get_tcp_user_timeout(), None);
    assert_eq!(
        refused(&[("DATABASE_URL", "keepalives_count=128")]),
        "keepalives_count in DATABASE_URL: it must be a whole number up to 127"
    );
}

#[test]
fn choices() {
    for (text, wanted) in [
        ("any", Wanted::Any),
        ("read-write", Wanted::ReadWrite),
        ("read-only", Wanted::ReadOnly),
        ("primary", Wanted::Primary),
        ("standby", Wanted::Standby),
    ] {
        assert_eq!(settings(&[("PGTARGETSESSIONATTRS", text)]).wanted, wanted);
    }
    for (text, binding) in [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ] {
        assert_eq!(settings(&[("PGCHANNELBINDING", text)]).config.get_channel_binding(), binding);
    }
    assert!(settings(&[("PGLOADBALANCEHOSTS", "random")]).random);
    assert!(!settings(&[("PGLOADBALANCEHOSTS", "disable")]).random);
}

/// The key word or variable that users write, a value, and the message after it.
const UNSUPPORTED: [(&str, &str, &str); 31] = [
    ("PGSSLCRL", "/x", "revocation lists are not supported"),
    ("PGSSLCRLDIR", "/x", "revocation lists are not supported"),
    ("PGREQUIREPEER", "postgres", "the user of the server's process cannot be checked"),
    ("PGREQUIREAUTH", "scram-sha-256", "the authentication method cannot be restricted"),
    ("PGGSSLIB", "gssapi", "GSSAPI is not supported"),
    ("PGKRBSRVNAME", "other", "GSSAPI is not supported"),
    ("PGGSSENCMODE", "require", "GSSAPI is not supported; use disable or prefer"),
    ("PGGSSDELEGATION", "1", "GSSAPI is not supported; use 0"),
    ("PGSSLCOMPRESSION", "1", "TLS compression is not supported; use 0"),
    ("PGMINPROTOCOLVERSION", "3.2", "the protocol is always 3.0"),
    ("PGMAXPROTOCOLVERSION", "2.0", "the protocol is always 3.0"),
    ("PGCLIENTENCODING", "LATIN1", "only UTF8 is supported"),
    ("PGCLIENTENCODING", "auto", "only UTF8 is supported"),
    (
        "PGTARGETSESSIONATTRS",
        "prefer-standby",
        "it must be one of any, read-write, read-only, primary, standby",
    ),
    ("PGLOADBALANCEHOSTS", "yes", "it must be one of disable, random"),
    ("PGCHANNELBINDING", "on", "it must be one of disable, prefer, require"),
    ("PGSSLMODE", "allow", "it must be one of disable, prefer, require, verify-ca, verify-full"),
    ("PGSSLMODE", "VERIFY-FULL", "it must be one of disable, prefer, require, verify-ca, verify-full"),
    ("PGSSLSNI", "on", "it must be one of 0, 1"),
    ("PGSSLCERTMODE", "require", "it must be one of disable, allow"),
    ("PGSSLNEGOTIATION", "now", "it must be one of postgres, direct"),
    ("PGSSLMINPROTOCOLVERSION", "SSLv3", "it must be one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"),
    ("PGSSLMAXPROTOCOLVERSION", "TLSv1.1", "it must be one of TLSv1.2, TLSv1.3"),
    ("replication", "database", "replication connections are not supported"),
    ("sslpassword", "x", "encrypted keys are not supported; decrypt the key (openssl pkey)"),
    ("sslcrl", "/x", "revocation lists are not supported"),
    ("require_auth", "none", "the authentication method cannot be restricted"),
    ("requirepeer", "x", "the user of the server's process cannot be checked"),
    ("sslmode", "allow", "it must be one of disable, prefer, require, verify-ca, verify-full"),
    (
        "target_session_attrs",
        "prefer-standby",
        "it must be one of any, read-write, read-only, primary, standby",
    ),
    ("client_encoding", "latin1", "only UTF8 is supported"),
];

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, why) in UNSUPPORTED {
        if name.starts_with("PG") {
            assert_eq!(refused(&[(name, value)]), format!("{name} is {value:?}: {why}"));
            continue;
        }
        let expected = format!("{name} in DATABASE_URL: {why}");
        assert_eq!(refused(&[("DATABASE_URL", &format!("host=h {name}={value}"))]), expected);
        assert_eq!(refused(&[("DATABASE_URL", &format!("postgres://h/d?{name}={value}"))]), expected);
        let services = file(folder.path(), "services", &format!("[s]\n{name}={value}\n"));
        let is = if name == "sslpassword" { String::new() } else { format!(" is {value:?}") };
        assert_eq!(
            refused(&[("PGSERVICE", "s"), ("PGSERVICEFILE", &services)]),
            format!("{name} in service s{is}: {why}")
        );
    }
}

#[test]
fn what_is_done_anyway_may_be_asked_for() {
    let pairs = [
        ("PGHOST", "h"),
        ("PGUSER", "u"),
        ("PGKRBSRVNAME", "postgres"),
        ("PGGSSENCMODE", "prefer"),
        ("PGGSSDELEGATION", "0"),
        ("PGSSLCOMPRESSION", "0"),
        ("PGMINPROTOCOLVERSION", "3.0"),
        ("PGMAXPROTOCOLVERSION", "latest"),
        ("PGCLIENTENCODING", "utf-8"),
        ("PGSSLMINPROTOCOLVERSION", "TLSv1"),
    ];
    assert_eq!(target(&pairs), "u@h:5432/u");
    assert_eq!(
        target(&[("DATABASE_URL", "postgres://u@h/?replication=false&client_encoding=UNICODE")]),
        "u@h:5432/u"
    );
}
