#!/usr/bin/env bash
# Tool: dlt 1.31.0 (Python), into DuckDB 2.0.1.
#
# EXPECTED: a table is merged with the strategy `scd2`, and the resource names its primary key. Two records of one key in one
#   load are two versions of it: the later one is current, the earlier one has an end; or the load refuses them, or keeps
#   the last. Whatever happens, a key has one version without an end.
# SEEN: both are without an end. Versions are told apart by a hash of all their values, and the primary key takes no part in
#   that, so a query for what is current finds the key twice. No failed job, no warning, exit code 0.
#
# Needs python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check dlt==1.31.0 duckdb==2.0.1
cat >load.py <<'PY'
import dlt

pipeline = dlt.pipeline(
    "probe", destination=dlt.destinations.duckdb("probe.duckdb"), dataset_name="loaded", pipelines_dir="pipelines"
)


def load(records):
    versions = {"disposition": "merge", "strategy": "scd2"}
    info = pipeline.run(records, table_name="prices", primary_key="id", write_disposition=versions)
    assert not info.has_failed_jobs


load([{"id": 1, "price": 10}])
load([{"id": 1, "price": 11}, {"id": 1, "price": 12}])
with pipeline.sql_client() as client:
    rows = client.execute_sql("SELECT price FROM prices WHERE _dlt_valid_to IS NULL ORDER BY price")
print(" ".join(str(row[0]) for row in rows))
PY
code=0
HOME=$tmp RUNTIME__DLTHUB_TELEMETRY=false venv/bin/python load.py >out 2>log || code=$?
said=$(cat out)
noise=$(wc -l <log)
seen="prices of key 1 that are current after 10, and then 11 and 12 in one load: $said (exit code $code, $noise lines of log)"
if [ "$said" = '11 12' ] && [ "$code" = 0 ] && [ "$noise" = 0 ]; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    sed 's/^/log: /' log >&2
    exit 1
fi
