#!/usr/bin/env bash
# Tool: meltanolabs-target-postgres 0.8.1 (Python), into PostgreSQL 15.
#
# EXPECTED: 1.0 in a property of type integer is stored as 1: in JSON Schema since draft 6, a number without a fractional part is
#   an integer, and the Python library jsonschema takes it for one.
# SEEN: the record is refused, and the load fails: the Singer SDK (0.54.9) reads the number as a Decimal, of which jsonschema does not
#   know that it is an integer.
#
# Needs python3 with venv, PostgreSQL's server programs and psql (Debian: postgresql; elsewhere name their folder in PGBIN).
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
"${as[@]}" "$bin/initdb" -D "$tmp/db/data" -A trust -U tester --locale=C -E UTF8 --no-sync >/dev/null
"${as[@]}" "$bin/postgres" -D "$tmp/db/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    >"$tmp/server.log" 2>&1 &
pid=$!
for _ in $(seq 300); do
    if grep -q 'ready to accept connections' "$tmp/server.log"; then break; fi
    sleep 0.2
done

cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check meltanolabs-target-postgres==0.8.1 singer-sdk==0.54.9
cat >config.json <<JSON
{"host": "127.0.0.1", "port": $port, "user": "tester", "password": "none", "database": "postgres", "default_target_schema": "public"}
JSON
cat >stream <<'JSON'
{"type": "SCHEMA", "stream": "things", "schema": {"type": "object", "properties": {"id": {"type": "integer"}, "v": {"type": ["null", "integer"]}}}, "key_properties": ["id"]}
{"type": "RECORD", "stream": "things", "record": {"id": 1, "v": 1.0}}
JSON
code=0
venv/bin/target-postgres --config config.json <stream >out 2>log || code=$?
sql() { "$bin/psql" -X -At -h 127.0.0.1 -p "$port" -U tester -d postgres -c "$1"; }
stored=$(grep -o 'Decimal(.*' log | tail -n 1)
seen="1.0 as an integer: $stored (exit code $code)"
if [ "$stored" = 'Decimal('\''1.0'\'') is not of type '\''null'\'', '\''integer'\''' ] && [ "$code" = 1 ]; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    exit 1
fi
