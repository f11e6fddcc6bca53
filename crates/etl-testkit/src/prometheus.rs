//! A real Prometheus that scrapes a real node_exporter, as Debian packages them.
//!
//! ```no_run
//! use etl_testkit::prometheus::Prometheus;
//! let prometheus = Prometheus::start();
//! std::fs::write(prometheus.textfile(), "up_to_date{where=\"here\"} 1\n").expect("a file");
//! prometheus.wait_for("up_to_date", &[r#"{"where":"here"} 1"#]);
//! ```

use std::path::PathBuf;

use serde_json::Value;

use crate::influx::{answers, curl, url};
use crate::postgres::{Watchdog, on_free_port, poll};

/// A running server on `127.0.0.1`, and the exporter whose text files it reads. Both end, and their folder is removed, when
/// this is dropped or the process that started them ends.
pub struct Prometheus {
    port: u16,
    watchdog: Watchdog,
}

impl Prometheus {
    /// Starts both.
    ///
    /// # Panics
    /// If one cannot be started.
    pub fn start() -> Prometheus {
        let mut watchdog = Watchdog::start(&[], "kill $pid $exporter; wait $pid $exporter");
        let exporter = on_free_port(|port| {
            watchdog.run(&format!(
                "prometheus-node-exporter --web.listen-address=127.0.0.1:{port} --collector.disable-defaults \
                 --collector.textfile --collector.textfile.directory=. & pid=$!; exporter=$pid"
            ));
            answers(&mut watchdog, &format!("{}/metrics", url(port)))
        });
        let Some(exporter) = exporter else { panic!("node_exporter does not start:\n{}", watchdog.log()) };
        let config = format!(
            "global: {{scrape_interval: 200ms}}\nscrape_configs:\n- job_name: files\n  static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]\n"
        );
        watchdog.write("prometheus.yml", &config);
        let started = on_free_port(|port| {
            watchdog.run(&format!(
                "prometheus --config.file=prometheus.yml --storage.tsdb.path=data \
                 --web.listen-address=127.0.0.1:{port} & pid=$!"
            ));
            answers(&mut watchdog, &format!("{}/-/ready", url(port)))
        });
        let Some(port) = started else { panic!("Prometheus does not start:\n{}", watchdog.log()) };
        Prometheus { port, watchdog }
    }

    /// A file that the exporter reads.
    pub fn textfile(&self) -> PathBuf {
        self.watchdog.folder().join("test.prom")
    }

    /// What an instant query returns: for each series its labels, without those of the scrape, and its value. The lines are
    /// sorted.
    ///
    /// # Panics
    /// If the query is refused.
    #[track_caller]
    pub fn query(&self, query: &str) -> Vec<String> {
        let address = format!("{}/api/v1/query", url(self.port));
        let answer = curl(&["-G", "--data-urlencode", &format!("query={query}"), &address]);
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let series = answer["data"]["result"].as_array().into_iter().flatten();
        let mut lines: Vec<String> = series
            .map(|series| {
                let mut labels = series["metric"].as_object().cloned().unwrap_or_default();
                labels.retain(|name, _| !matches!(name.as_str(), "__name__" | "instance" | "job"));
                format!("{} {}", Value::from(labels), series["value"][1].as_str().unwrap_or_default())
            })
            .collect();
        lines.sort();
        lines
    }

    /// Waits until a query returns these lines.
    ///
    /// # Panics
    /// If it never does.
    #[track_caller]
    pub fn wait_for(&self, query: &str, lines: &[&str]) {
        poll(&format!("{query} is {lines:?}"), || self.query(query) == lines);
    }
}
