//! Searches that GitHub lists no more than 1,000 results of, and lists that change while they are read.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use etl_testkit::extract::{Sealed, failed};
use etl_testkit::http::{Received, Reply, Server};
use etl_testkit::run::Ran;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::extractor::run;

/// A GitHub with workflow runs.
#[derive(Clone)]
struct GitHub {
    /// When each run was created, the newest first, in minutes before noon of the last day; its id is a million less that.
    runs: Arc<Mutex<Vec<i64>>>,
    /// Whether its counts are cut like its lists.
    cuts_counts: bool,
    /// Whether there is a new run after each request.
    grows: bool,
}

const PER_PAGE: usize = 100;
const MOST: usize = 1000;
const NOON: &str = "2026-11-27T12:00:00Z";

fn created(minutes_ago: i64) -> String {
    let noon: Timestamp = NOON.parse().unwrap();
    (noon - SignedDuration::from_mins(minutes_ago)).to_string()
}

impl GitHub {
    fn with(runs: impl IntoIterator<Item = i64>) -> GitHub {
        GitHub { runs: Arc::new(Mutex::new(runs.into_iter().collect())), cuts_counts: false, grows: false }
    }

    fn start(&self) -> Server {
        let github = self.clone();
        Server::answering("127.0.0.1:0", move |request| github.answer(request))
    }

    fn answer(&self, request: &Received) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap();
        let parameter = |name: &str| {
            let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
            Some(value.replace("%3A", ":").replace("%3E", ">").replace("%3C", "<").replace("%3D", "="))
        };
        let (since, until) = match parameter("created") {
            None => (String::new(), "9".to_owned()),
            Some(range) => match (range.strip_prefix(">="), range.strip_prefix("<="), range.split_once(".."))
            {
                (Some(since), ..) => (since.to_owned(), "9".to_owned()),
                (_, Some(last), _) => (String::new(), last.to_owned()),
                (.., Some((since, last))) => (since.to_owned(), last.to_owned()),
                _ => panic!("created={range}"),
            },
        };
        let mut runs = self.runs.lock().unwrap();
        let found: Vec<i64> =
            runs.iter().copied().filter(|run| since <= created(*run) && created(*run) <= until).collect();
        if self.grows {
            let newest = runs[0] - 1;
            runs.insert(0, newest);
        }
        let is_search =
            ["created", "branch", "event", "status", "actor"].iter().any(|name| parameter(name).is_some());
        let listed = if is_search { found.len().min(MOST) } else { found.len() };
        let page: usize = parameter("page").map_or(1, |page| page.parse().unwrap());
        let of_page = &found[listed.min((page - 1) * PER_PAGE)..listed.min(page * PER_PAGE)];
        let run =
            |minutes_ago: &i64| json!({"id": 1_000_000 - minutes_ago, "created_at": created(*minutes_ago)});
        let total = if self.cuts_counts { listed } else { found.len() };
        let body =
            json!({"total_count": total, "workflow_runs": of_page.iter().map(run).collect::<Vec<Value>>()});
        let reply = Reply::json(200, &body.to_string()).header("Date", "Fri, 27 Nov 2026 12:00:00 GMT");
        if page * PER_PAGE >= listed {
            return reply;
        }
        let others: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("page=")).collect();
        let next = format!("<{path}?{}&page={}>; rel=\"next\"", others.join("&"), page + 1);
        reply.header("Link", &next)
    }
}

fn ids(ran: &Ran) -> Vec<i64> {
    Sealed::of(ran).records.iter().map(|record| record["id"].as_i64().unwrap()).collect()
}

/// Runs it, and asserts that these runs came, each once, without a warning; returns the requests.
#[track_caller]
fn reads(github: &GitHub, args: &[&str], runs: impl IntoIterator<Item = i64>) -> Vec<String> {
    let server = github.start();
    let ran = run(&[&["workflow-runs", "--repo", "o/r", "--base-url", &server.url()], args].concat());
    let ids = ids(&ran);
    let expected: BTreeSet<i64> = runs.into_iter().map(|minutes_ago| 1_000_000 - minutes_ago).collect();
    assert_eq!(ids.iter().copied().collect::<BTreeSet<i64>>(), expected);
    assert_eq!(ran.stderr, format!("github.workflow_runs: {} records of 1 repository\n", ids.len()));
    assert_eq!(ids.len(), expected.len(), "each once");
    server.requests().into_iter().map(|request| request.target).collect()
}

#[test]
fn a_list_without_a_filter_has_as_many_pages_as_it_needs() {
    let github = GitHub::with(0..1250);
    let asked = reads(&github, &[], 0..1250);
    assert_eq!(asked.len(), 13);
    assert_eq!(asked[0], "/repos/o/r/actions/runs?per_page=100");
    let asked = reads(&github, &["--workflow", "ci.yml"], 0..1250);
    assert_eq!(asked.len(), 13);
    assert_eq!(asked[0], "/repos/o/r/actions/workflows/ci.yml/runs?per_page=100");
}

#[test]
fn a_search_of_more_than_1000_runs_is_read_in_pieces_and_nothing_is_lost() {
    // Many lately, few before: one in two minutes for 40 hours, then one in two hours for a year.
    let runs = || (0..1200).map(|n| n * 2).chain((0..4000).map(|n| 2400 + n * 120));
    for cuts_counts in [false, true] {
        let github = GitHub { cuts_counts, ..GitHub::with(runs()) };
        let asked = reads(&github, &["--branch", "main"], runs());
        assert_eq!(asked[0], "/repos/o/r/actions/runs?branch=main&per_page=100");
        assert!(asked.iter().all(|target| target.contains("branch=main&")), "{asked:?}");
        let window = ["--since", "2026-11-26", "--until", NOON];
        let inside = || runs().filter(|minutes_ago| (1..=36 * 60).contains(minutes_ago));
        let asked = reads(&github, &window, inside());
        let first =
            "/repos/o/r/actions/runs?created=2026-11-26T00%3A00%3A00Z..2026-11-27T11%3A59%3A59Z&per_page=100";
        assert_eq!(asked[0], first);
    }
}

#[test]
fn exactly_as_many_runs_as_are_listed_all_come() {
    for (count, cuts_counts) in [(999, true), (1000, false), (1000, true), (1001, false), (1001, true)] {
        let github = GitHub { cuts_counts, ..GitHub::with(0..count) };
        reads(&github, &["--status", "success"], 0..count);
    }
}

#[test]
fn runs_that_begin_while_the_list_is_read_lose_none_before_them() {
    // The count passes 1,000 only on the way.
    for count in [350, 995] {
        let github = GitHub { grows: true, ..GitHub::with(0..count) };
        let server = github.start();
        let args = ["workflow-runs", "--repo", "o/r", "--event", "push", "--base-url", &server.url()];
        let ids = ids(&run(&args));
        let distinct: BTreeSet<i64> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len(), "each once");
        assert!((0..count).all(|minutes_ago| distinct.contains(&(1_000_000 - minutes_ago))), "{count}");
    }
}

#[test]
fn more_runs_than_are_listed_in_one_second_are_told() {
    let github = GitHub::with(std::iter::repeat_n(600, 1001));
    let server = github.start();
    let args = ["workflow-runs", "--repo", "o/r", "--event", "push", "--base-url", &server.url()];
    let message = "o/r: GitHub lists no more than 1000 of the runs created 2026-11-27T02:00:00Z..2026-11-27T02:00:00Z; \
                   narrow it with a filter";
    failed(&run(&args), 78, message);
}
