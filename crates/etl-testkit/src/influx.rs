//! A real InfluxDB 1.6 and a real VictoriaMetrics, as Debian packages them.
//!
//! ```no_run
//! use etl_testkit::influx::{Influx, Options};
//! let space = Influx::shared().database();
//! space.write("weather,city=Lisbon temp=21.5 1700000000000000000");
//! assert_eq!(space.rows("SELECT temp FROM weather"), ["1700000000000000000|21.5"]);
//! ```

use std::io::Read;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;

use crate::postgres::{Watchdog, on_free_port, poll};

/// Settings for a server of a test's own.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// More lines for the section `[http]` of its configuration.
    pub http: String,
}

/// A running InfluxDB on `127.0.0.1`. It ends, and its folder is removed, when this is dropped or the process that
/// started it ends.
pub struct Influx {
    port: u16,
    watchdog: Mutex<Watchdog>,
}

impl Influx {
    /// The server that all tests of this process share.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn shared() -> &'static Influx {
        static SHARED: OnceLock<Influx> = OnceLock::new();
        SHARED.get_or_init(|| Influx::start(&Options::default()))
    }

    /// Starts a server for one test, which stops it or needs settings of its own.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(options: &Options) -> Influx {
        let mut watchdog = Watchdog::start(&[("influx.conf", "")], "kill $pid; wait $pid");
        let started = on_free_port(|port| {
            let Some(backup) = on_free_port(|other| other != port) else { return false };
            watchdog.write(
                "influx.conf",
                &format!(
                    "reporting-disabled = true\nbind-address = \"127.0.0.1:{backup}\"\n[meta]\ndir = \"meta\"\n\
                     [data]\ndir = \"data\"\nwal-dir = \"wal\"\n[monitor]\nstore-enabled = false\n\
                     [continuous_queries]\nenabled = false\n[http]\nbind-address = \"127.0.0.1:{port}\"\n\
                     log-enabled = false\n{}\n",
                    options.http
                ),
            );
            launch(&mut watchdog, port)
        });
        let Some(port) = started else { panic!("InfluxDB does not start:\n{}", watchdog.log()) };
        Influx { port, watchdog: Mutex::new(watchdog) }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// An empty database of a test's own.
    ///
    /// # Panics
    /// If it cannot be created.
    pub fn database(&self) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let database = Database { url: self.url(), name };
        database.ask(&format!("CREATE DATABASE {}", database.name));
        database
    }

    /// Kills the server and waits until it is gone.
    pub fn kill(&self) {
        self.watchdog().run("kill -9 $pid; wait $pid; true");
    }

    /// Starts it again on the same port with the same data, and waits until it answers.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        assert!(launch(&mut self.watchdog(), self.port), "InfluxDB does not start again");
    }

    fn watchdog(&self) -> MutexGuard<'_, Watchdog> {
        self.watchdog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn launch(watchdog: &mut Watchdog, port: u16) -> bool {
    watchdog.run("influxd -config influx.conf & pid=$!");
    answers(watchdog, &format!("{}/ping", url(port)))
}

pub(crate) fn answers(watchdog: &mut Watchdog, url: &str) -> bool {
    let (mut answers, mut runs) = (false, true);
    poll("a server that answers", || {
        answers = try_curl(&[url]).is_some();
        runs = watchdog.try_run("kill -0 $pid");
        answers || !runs
    });
    answers && runs
}

pub(crate) fn url(port: u16) -> String {
    format!("http://{}:{port}", Ipv4Addr::LOCALHOST)
}

/// A database of a server.
pub struct Database {
    url: String,
    name: String,
}

impl Database {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Writes lines of line protocol, whose times are nanoseconds.
    ///
    /// # Panics
    /// If they are refused.
    #[track_caller]
    pub fn write(&self, lines: &str) {
        let url = format!("{}/write?db={}", self.url, self.name);
        assert_eq!(curl(&["--data-binary", lines, &url]), "");
    }

    /// The answer to a statement; times are nanoseconds.
    ///
    /// # Panics
    /// If it is refused.
    #[track_caller]
    pub fn ask(&self, statement: &str) -> Value {
        let (url, q) = (format!("{}/query", self.url), format!("q={statement}"));
        let db = format!("db={}", self.name);
        let words = ["--data-urlencode", &db, "-d", "epoch=ns", "--data-urlencode", &q, &url];
        let answer: Value = serde_json::from_str(&curl(&words)).expect("JSON");
        let result = answer["results"][0].clone();
        assert!(answer["error"].is_null() && result["error"].is_null(), "{statement}: {answer}");
        result
    }

    /// The rows of a query, each as `TIME|VALUE|VALUE`, with the tags of its series before them: `city=Lisbon,n=1: `.
    ///
    /// # Panics
    /// If it is refused.
    #[track_caller]
    pub fn rows(&self, query: &str) -> Vec<String> {
        let result = self.ask(query);
        let series = result["series"].as_array().cloned().unwrap_or_default();
        let mut rows = Vec::new();
        for series in &series {
            let tags: Vec<String> = series["tags"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(tag, value)| format!("{tag}={}", value.as_str().unwrap_or_default()))
                .collect();
            let prefix = if tags.is_empty() { String::new() } else { format!("{}: ", tags.join(",")) };
            for row in series["values"].as_array().into_iter().flatten() {
                let cells: Vec<String> =
                    row.as_array().into_iter().flatten().map(ToString::to_string).collect();
                rows.push(format!("{prefix}{}", cells.join("|")));
            }
        }
        rows
    }

    /// The number of points of a measurement that have this field.
    ///
    /// # Panics
    /// If the query is refused.
    #[track_caller]
    pub fn count(&self, measurement: &str, field: &str) -> u64 {
        let result = self.ask(&format!("SELECT count(\"{field}\") FROM \"{measurement}\""));
        result["series"][0]["values"][0][1].as_u64().unwrap_or(0)
    }
}

/// A running VictoriaMetrics on `127.0.0.1`, which keeps points for a hundred years, and each point once.
pub struct Victoria {
    port: u16,
    _watchdog: Watchdog,
}

impl Victoria {
    /// The server that all tests of this process share; each test has measurements of its own.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn shared() -> &'static Victoria {
        static SHARED: OnceLock<Victoria> = OnceLock::new();
        SHARED.get_or_init(Victoria::start)
    }

    /// Starts a server.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start() -> Victoria {
        let mut watchdog = Watchdog::start(&[], "kill $pid; wait $pid");
        let started = on_free_port(|port| {
            watchdog.run(&format!(
                "victoria-metrics -storageDataPath data -httpListenAddr 127.0.0.1:{port} -retentionPeriod 100y \
                 -dedup.minScrapeInterval=1ms & pid=$!"
            ));
            answers(&mut watchdog, &format!("{}/health", url(port)))
        });
        let Some(port) = started else { panic!("VictoriaMetrics does not start:\n{}", watchdog.log()) };
        Victoria { port, _watchdog: watchdog }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// Waits until everything written is on disk and no merge is running.
    ///
    /// # Panics
    /// If that takes longer than five minutes.
    pub fn settle(&self) {
        curl(&[&format!("{}/internal/force_flush", self.url())]);
        let metrics = format!("{}/metrics", self.url());
        poll("a server that merges nothing", || {
            let metrics = curl(&[&metrics]);
            let mut merges = metrics.lines().filter(|line| line.starts_with("vm_active_merges{"));
            merges.all(|line| line.ends_with(" 0"))
        });
    }

    /// All points whose measurement and field, `MEASUREMENT_FIELD`, match this regular expression: one line per series,
    /// with its labels, times in milliseconds and values. The lines are sorted.
    ///
    /// # Panics
    /// If the server does not answer.
    pub fn points(&self, names: &str) -> Vec<String> {
        // Makes visible what was just written.
        curl(&[&format!("{}/internal/force_flush", self.url())]);
        let pattern = format!("match[]={{__name__=~\"{names}\"}}");
        let url = format!("{}/api/v1/export", self.url());
        let answer = curl(&["-G", "--data-urlencode", &pattern, "-d", "reduce_mem_usage=0", &url]);
        let mut lines: Vec<String> = answer
            .lines()
            .map(|line| {
                let series: Value = serde_json::from_str(line).expect("JSON");
                format!("{} {} {}", series["metric"], series["timestamps"], series["values"])
            })
            .collect();
        lines.sort();
        lines
    }
}

#[track_caller]
pub(crate) fn curl(args: &[&str]) -> String {
    try_curl(args).unwrap_or_else(|| panic!("curl {args:?} failed"))
}

/// What the server answers, whatever the status; `None` if it does not answer.
fn try_curl(args: &[&str]) -> Option<String> {
    let output =
        Command::new("curl").args(["-sS", "--noproxy", "*", "--globoff"]).args(args).output().expect("curl");
    let mut text = String::new();
    output.stdout.as_slice().read_to_string(&mut text).expect("UTF-8");
    output.status.success().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn influx_keeps_what_is_written_and_comes_back_after_a_kill() {
        let server = Influx::start(&Options::default());
        let database = server.database();
        database.write("m,t=a v=1i 5\nm,t=b v=2i,s=\"x\" 6");
        server.kill();
        server.restart();
        assert_eq!(database.rows("SELECT v, s FROM m"), ["5|1|null", "6|2|\"x\""]);
        assert_eq!(database.rows("SELECT v FROM m GROUP BY t"), ["t=a: 5|1", "t=b: 6|2"]);
        assert_eq!(database.count("m", "v"), 2);
    }

    #[test]
    fn victoria_keeps_numbers_once() {
        let server = Victoria::shared();
        let url = format!("{}/write?precision=ms", server.url());
        for _ in 0..2 {
            assert_eq!(curl(&["--data-binary", "kit,t=a n=1.5,i=7i 1700000000000", &url]), "");
        }
        assert_eq!(
            server.points("kit_.*"),
            [
                r#"{"__name__":"kit_i","t":"a"} [1700000000000] [7]"#,
                r#"{"__name__":"kit_n","t":"a"} [1700000000000] [1.5]"#
            ]
        );
    }
}
