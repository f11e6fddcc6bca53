#!/usr/bin/env bash
# Tool: the Rust crate `postgres` 0.19.14 (tokio-postgres 0.7.18), against PostgreSQL 15.
#
# EXPECTED: the server refuses a COPY ... FROM STDIN, since its table does not exist (42P01). That is an ordinary error:
#   the next statements on the connection are answered, each with its own result, as with psql.
# SEEN: no connection gives the right answers afterwards. The COPY was ended with two Syncs, and what the server says to
#   the second one is taken for the answer to the next statement. By chance of timing the connection is closed after that
#   statement, or it stays open and answers are one statement late: a statement that is in order gets the error of the
#   one before, and one that failed can be reported as done. Upstream knows the two Syncs (issue 789, pull request 1337).
#
# Needs cargo, python3 and PostgreSQL's server programs (Debian: postgresql-15; elsewhere name their folder in PGBIN).
set -euo pipefail

tmp=$(mktemp -d)
pid=
cleanup() {
    if [ -n "$pid" ]; then kill -INT "$pid" 2>/dev/null || true; wait "$pid" || true; fi
    rm -rf "$tmp"
}
trap cleanup EXIT
chmod 755 "$tmp"

bin=${PGBIN:-$(dirname "$(find /usr/lib/postgresql -path '*/bin/initdb' | sort -V | tail -n 1)")}
as=()
mkdir "$tmp/db"
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
    chown nobody "$tmp/db"
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$tmp/db"
"${as[@]}" "$bin/initdb" -D "$tmp/db/data" -A trust -U tester --locale=C --no-sync >/dev/null
"${as[@]}" "$bin/postgres" -D "$tmp/db/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    >"$tmp/server.log" 2>&1 &
pid=$!
for _ in $(seq 300); do
    if grep -q 'ready to accept connections' "$tmp/server.log"; then break; fi
    sleep 0.2
done

mkdir -p "$tmp/probe/src"
cd "$tmp/probe"
cat >Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"

[dependencies]
postgres = { version = "=0.19.14", default-features = false }
tokio-postgres = { version = "=0.7.18", default-features = false }
TOML
cat >src/main.rs <<'RUST'
use postgres::{Client, Error, NoTls};

fn answer(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "ok".into(),
        Err(e) => e.code().map_or_else(|| e.to_string(), |code| code.code().into()),
    }
}

/// Each line has the answers of one connection, in the order of the statements.
fn main() {
    let target = std::env::args().nth(1).unwrap();
    for _ in 0..200 {
        let mut client = Client::connect(&target, NoTls).unwrap();
        let mut answers = vec![answer(client.copy_in("COPY missing FROM STDIN").map(drop))];
        for sql in ["SELECT 1/0", "SELECT 1", "SELECT missing", "SELECT 1"] {
            answers.push(answer(client.batch_execute(sql)));
        }
        println!("{}", answers.join(", "));
    }
}
RUST
CARGO_TARGET_DIR="$tmp/target" cargo build -q
"$tmp/target/debug/probe" "host=127.0.0.1 port=$port user=tester dbname=postgres" >"$tmp/answers"

refused=$(grep -c '^42P01, ' "$tmp/answers" || true)
right=$(grep -cx '42P01, 22012, ok, 42703, ok' "$tmp/answers" || true)
late=$(grep -c '^42P01, [^,]*, 22012, ' "$tmp/answers" || true) # 1/0 is reported for SELECT 1
unseen=$(grep -c '^42P01, [^,]*, [^,]*, ok' "$tmp/answers" || true) # a missing column is reported as done
closed=$(grep -c 'connection closed' "$tmp/answers" || true)
seen="after a refused COPY, of $refused connections $right answered the next four statements rightly; $late answered SELECT 1 with the error of the statement before, $unseen reported a failed statement as done, $closed were closed on the way"
if [ "$refused" = 200 ] && [ "$right" = 0 ] && [ "$late" -gt 0 ]; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    exit 1
fi
