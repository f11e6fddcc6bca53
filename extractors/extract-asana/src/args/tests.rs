use super::*;

fn settings(args: &[&str], env: &[(&str, &str)]) -> Result<Settings, (u8, String)> {
    let cli = Cli::try_parse_from([&["extract-asana", "tasks"], args].concat()).unwrap();
    Settings::new(cli, &Env::of(env)).map_err(|fault| (fault.class().code(), fault.message().to_owned()))
}

#[test]
fn projects_keep_their_order_and_the_variable_is_for_none() {
    let asked = settings(&["--project", "2", "--project", "1"], &[("GID", "3")]).unwrap();
    assert_eq!(asked.projects, ["2", "1"]);
    assert_eq!(settings(&[], &[("GID", "1204\n")]).unwrap().projects, ["1204"]);
}

#[test]
fn what_cannot_be_asked_says_why() {
    /// Arguments, environment, and the code and message they lead to.
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], (u8, &'a str));
    let cases: [Case<'_>; 6] = [
        (&[], &[], (2, "no project: give --project, or set GID")),
        (&[], &[("GID", "")], (78, "GID is set but empty")),
        (&[], &[("GID", "1,2")], (78, "GID: \"1,2\" is not the gid of a project")),
        (&["--project", ""], &[], (2, "--project \"\" is not the gid of a project")),
        (&["--project", "1/../2"], &[], (2, "--project \"1/../2\" is not the gid of a project")),
        (&["--project", "1", "--project", "1"], &[], (2, "the project 1 is given twice")),
    ];
    for (args, env, (code, why)) in cases {
        assert_eq!(settings(args, env).unwrap_err(), (code, why.to_owned()), "{args:?}");
    }
    let (code, why) = settings(&["--project", "1", "--fields", "name,assignee"], &[]).unwrap_err();
    let (said, known) = why.split_once(" is none of ").unwrap();
    assert_eq!((code, said), (2, "--fields: \"assignee\""));
    assert!(known.starts_with("name, ") && known.ends_with(", followers, custom_fields"), "{known}");
}

#[test]
fn fields_become_opt_fields_without_a_blank_and_none_twice() {
    let fields = |fields: &str| settings(&["--project", "1", "--fields", fields], &[]).unwrap().opt_fields;
    assert_eq!(fields("name, completed"), "name,completed,modified_at,memberships.project.gid");
    assert_eq!(
        fields("memberships,modified_at,section_name"),
        "modified_at,memberships.project.gid,memberships.section.name,memberships.project.name,\
         memberships.section.gid"
    );
    let all = settings(&["--project", "1"], &[]).unwrap().opt_fields;
    assert!(all.starts_with("name,resource_subtype,") && all.contains(",notes,tags.gid,"), "{all}");
    assert!(!all.contains(' ') && !all.contains("html_notes"), "{all}");
    assert!(fields("html_notes").contains("html_notes"));
}

#[test]
fn completed_since_is_now_or_a_time() {
    for (text, sent) in [
        ("now", Some("now")),
        ("2026-11-01", Some("2026-11-01T00:00:00Z")),
        ("2026-11-01T02:00:00+02:00", Some("2026-11-01T00:00:00Z")),
        ("yesterday", None),
        ("2026-11-01T02:00:00", None),
    ] {
        let read: Option<CompletedSince> = text.parse().ok();
        assert_eq!(read.map(|since| since.to_string()).as_deref(), sent, "{text}");
    }
}
