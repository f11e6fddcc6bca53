use super::*;

fn settings(args: &[&str], env: &[(&str, &str)]) -> Result<Settings, (u8, String)> {
    let cli = Cli::try_parse_from([&["extract-github"], args].concat()).unwrap();
    Settings::new(cli, &Env::of(env)).map_err(|fault| (fault.class().code(), fault.message().to_owned()))
}

fn listing_of(args: &[&str], env: &[(&str, &str)]) -> Listing {
    match settings(args, env).unwrap().task {
        Task::Runs { listing, .. } | Task::Alerts(listing) => listing,
        Task::Usage { .. } => panic!("no list"),
    }
}

fn accounts(args: &[&str], env: &[(&str, &str)]) -> Vec<Account> {
    match settings(args, env).unwrap().task {
        Task::Usage { accounts, .. } => accounts,
        _ => panic!("no usage"),
    }
}

#[test]
fn accounts_are_flags_or_the_variable_of_existing_deployments() {
    let (user, org) = (|name: &str| Account::User(name.into()), |name: &str| Account::Org(name.into()));
    let account = [("ACCOUNT_NAME", " MarkhamLee\n")];
    assert_eq!(
        accounts(&["usage", "--org", "github", "--user", "b", "--user", "a"], &account),
        [user("b"), user("a"), org("github")]
    );
    assert_eq!(accounts(&["usage"], &account), [user("MarkhamLee")]);
    let Task::Usage { time, .. } =
        settings(&["usage", "--user", "a", "--day", "3", "--year", "2026", "--month", "02"], &[])
            .unwrap()
            .task
    else {
        panic!("no usage")
    };
    assert_eq!(time, [("year", "2026".into()), ("month", "2".into()), ("day", "3".into())]);
}

#[test]
fn repositories_are_flags_or_the_variables_of_existing_deployments() {
    for command in ["workflow-runs", "dependabot-alerts"] {
        let repos = |args: &[&str], env: &[(&str, &str)]| listing_of(&[&[command], args].concat(), env).repos;
        let flags = ["--repo", "o/r", "--repo", "O_1/.github"];
        assert_eq!(repos(&flags, &[("REPO_NAME", "x/y")]), ["o/r", "O_1/.github"]);
        assert_eq!(repos(&[], &[("REPO_NAME", "MarkhamLee/dashboard")]), ["MarkhamLee/dashboard"]);
        let both = [("ACCOUNT_NAME", "MarkhamLee"), ("REPO_NAME", "dashboard")];
        assert_eq!(repos(&[], &both), ["MarkhamLee/dashboard"]);
        let whole = [("ACCOUNT_NAME", "somebody"), ("REPO_NAME", "MarkhamLee/dashboard")];
        assert_eq!(repos(&[], &whole), ["MarkhamLee/dashboard"]);
    }
}

#[test]
fn filters_are_github_s_parameters() {
    let words = "workflow-runs --repo o/r --workflow ci.yml --branch a/b --event push --status failure --actor octocat \
                 --head-sha f6a5 --check-suite-id 9";
    let Task::Runs { listing, workflow } =
        settings(&words.split_whitespace().collect::<Vec<_>>(), &[]).unwrap().task
    else {
        panic!("no runs")
    };
    assert_eq!(workflow.as_deref(), Some("ci.yml"));
    let pairs: Vec<String> = listing.filters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        pairs,
        ["branch=a/b", "event=push", "status=failure", "actor=octocat", "head_sha=f6a5", "check_suite_id=9"]
    );
    let words = "dependabot-alerts --repo o/r --state open,fixed --state dismissed --severity high --severity critical \
                 --ecosystem npm,pip --package a --manifest b/c.lock --scope runtime --relationship direct \
                 --classification malware --epss-percentage >=0.1 --has patch --assignee octocat";
    let alerts = listing_of(&words.split_whitespace().collect::<Vec<_>>(), &[]);
    let pairs: Vec<String> = alerts.filters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        pairs,
        [
            "state=open,fixed,dismissed",
            "severity=high,critical",
            "ecosystem=npm,pip",
            "package=a",
            "manifest=b/c.lock",
            "scope=runtime",
            "relationship=direct",
            "classification=malware",
            "epss_percentage=>=0.1",
            "has=patch",
            "assignee=octocat",
        ]
    );
}

#[test]
fn what_cannot_be_asked_says_why() {
    /// Arguments, environment, and the code and message they lead to.
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], (u8, &'a str));
    let cases: [Case<'_>; 14] = [
        (&["usage"], &[], (2, "no account: give --user or --org, or set ACCOUNT_NAME")),
        (&["usage"], &[("ACCOUNT_NAME", " ")], (2, "no account: give --user or --org, or set ACCOUNT_NAME")),
        (&["usage"], &[("ACCOUNT_NAME", "a/b")], (78, "ACCOUNT_NAME: \"a/b\" is not the name of an account")),
        (&["usage", "--user", ""], &[], (2, "--user \"\" is not the name of an account")),
        (&["usage", "--org", ".."], &[], (2, "--org \"..\" is not the name of an account")),
        (&["usage", "--user", "GitHub", "--org", "github"], &[], (2, "the account github is given twice")),
        (&["workflow-runs"], &[], (2, "no repository: give --repo, or set REPO_NAME")),
        (&["workflow-runs"], &[("REPO_NAME", "r")], (78, "REPO_NAME: \"r\" is not OWNER/REPO")),
        (&["dependabot-alerts", "--repo", "r"], &[], (2, "--repo \"r\" is not OWNER/REPO")),
        (&["workflow-runs", "--repo", "o/../x"], &[], (2, "--repo \"o/../x\" is not OWNER/REPO")),
        (&["workflow-runs", "--repo", "o/r?x"], &[], (2, "--repo \"o/r?x\" is not OWNER/REPO")),
        (&["workflow-runs", "--repo", "o/r", "--repo", "O/R"], &[], (2, "the repository O/R is given twice")),
        (
            &["workflow-runs", "--repo", "o/r", "--workflow", ".github/workflows/ci.yml"],
            &[],
            (
                2,
                "--workflow \".github/workflows/ci.yml\" is neither an id nor the name of a file in .github/workflows",
            ),
        ),
        (
            &["usage", "--user", "a", "--base-url", "http://github.example/api/v3"],
            &[],
            (
                78,
                "base URL \"http://github.example/api/v3\": http:// is only allowed to loopback, because keys would \
                 travel unencrypted; --allow-http permits it",
            ),
        ),
    ];
    for (args, env, (code, message)) in cases {
        assert_eq!(settings(args, env).unwrap_err(), (code, message.to_owned()), "{args:?}");
    }
}
