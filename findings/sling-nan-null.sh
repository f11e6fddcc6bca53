#!/usr/bin/env bash
# Tool: sling 1.4.11 (PyPI: sling-linux-amd64), copying a table from PostgreSQL 15 to PostgreSQL 15.
#
# EXPECTED: a numeric or double precision column that is copied into a column of the same type keeps NaN as it keeps
#   Infinity, or the run fails.
# SEEN: Infinity is copied and NaN becomes NULL, in both types, in the same run. The run ends with "execution succeeded" and
#   exit code 0, and counts the rows as inserted: a measurement that was not a number can no longer be told from none.
#
# Needs python3 with venv and PostgreSQL's server programs (Debian: postgresql-15; elsewhere name their folder in PGBIN).
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
sql() { "$bin/psql" -h 127.0.0.1 -p "$port" -U tester -d postgres -Atqc "$1"; }

cd "$tmp"
export HOME=$tmp
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check sling-linux-amd64==1.4.11
sling=$(find venv -name sling-linux-amd64 -type f)
chmod +x "$sling"

sql "CREATE TABLE readings (id int, exact numeric, nearest double precision)"
sql "INSERT INTO readings VALUES (1, 'NaN', 'NaN'), (2, 'Infinity', '-Infinity'), (3, 1.5, 1.5)"
url="postgresql://tester@127.0.0.1:$port/postgres?sslmode=disable"
code=0
"$sling" run --src-conn "$url" --src-stream public.readings --tgt-conn "$url" --tgt-object public.copied >log 2>&1 || code=$?

said="exit code $code$(grep -o 'execution succeeded' log | sed 's/^/, /')
$(sql "SELECT id, exact, nearest, exact IS NULL, nearest IS NULL FROM copied ORDER BY id")"
seen='exit code 0, execution succeeded
1|||t|t
2|Infinity|-Infinity|f|f
3|1.5|1.5|f|f'
echo "$said"
[ "$said" = "$seen" ] || { echo "CHANGED: expected
$seen" >&2; exit 1; }
