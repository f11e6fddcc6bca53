//! What `standpipe render` writes, given to the schedulers and run as they would.

mod airflow;
mod compose;
mod cronjob;
mod pod;
mod shell;
mod systemd;

use etl_pipeline::{Cards, Operator, Options, Rendered, Steps, Target, parse, plan, render};

use etl_testkit::docker::{Lab, docker};

use crate::services;

/// The password of the user of the database, with what has to be quoted.
const PASSWORD: &str = "it's a p%ss/word";

/// Renders a pipeline to a target, with images of this tag.
fn rendered(target: Target, text: &str, tag: &str) -> Vec<Rendered> {
    let options = Options {
        registry: "standpipe".to_owned(),
        tag: tag.to_owned(),
        steps: Steps::Pipe,
        operator: Operator::Docker,
    };
    let rendering = parse("p.yaml", text)
        .and_then(|pipeline| plan(&pipeline, &Cards::embedded(), Some(target)))
        .and_then(|plan| render(&plan, &options));
    rendering.unwrap_or_else(|problems| panic!("{problems}")).files
}

/// PostgreSQL as a host named `database`, with the user and the database of the cluster's objects.
fn database(lab: &Lab, network: &str) -> String {
    // The servers that run the statements do not listen; the last one is reached by name.
    let setup = "initdb -D /tmp/data -U postgres --auth-host=scram-sha-256 -E UTF8 --locale=C.UTF-8 --no-sync && \
                 echo 'host all all all scram-sha-256' >>/tmp/data/pg_hba.conf && \
                 printf \"CREATE ROLE loader LOGIN PASSWORD '%s'\\n\" \"$ROLE_PASSWORD\" >/tmp/role && \
                 postgres --single -D /tmp/data postgres </tmp/role && \
                 echo 'CREATE DATABASE weather OWNER loader' | postgres --single -D /tmp/data postgres && \
                 exec postgres -D /tmp/data -k /tmp -c listen_addresses='*' -c fsync=off";
    let password = format!("ROLE_PASSWORD={}", PASSWORD.replace('\'', "''"));
    let place = ["--network", network, "--network-alias", "database", "--user", "postgres"];
    let id = lab.start(&[&place[..], &["-e", &password, &services(), "sh", "-ec", setup]].concat());
    lab.wait_for(&id, &["pg_isready", "--host=127.0.0.1"]);
    id
}

/// The rows that a statement returns there.
fn rows(database: &str, statement: &str) -> Vec<String> {
    let psql = ["psql", "-h", "/tmp", "-U", "postgres", "-At", "-d", "weather", "-c", statement];
    docker([&["exec", database][..], &psql].concat()).ok().lines().into_iter().map(str::to_owned).collect()
}
