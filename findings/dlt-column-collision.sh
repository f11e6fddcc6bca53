#!/usr/bin/env bash
# Tool: dlt 1.31.0 (Python), into DuckDB 2.0.1.
#
# EXPECTED: records have two fields, `userId` and `user_id`, whose names become the same in snake case. A loader that
#   renames columns keeps both under different names, or refuses the load, or at least says that two fields met.
# SEEN: one column, and of the two values the one that stands later in the record's own text is kept. So the column holds
#   `user_id` in one row and `userId` in the next, if the source does not order its fields. No failed job, no warning,
#   exit code 0.
#
# Needs python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check dlt==1.31.0 duckdb==2.0.1
cat >load.py <<'PY'
import json

import dlt

lines = ['{"id": 1, "userId": "camel", "user_id": "snake"}', '{"id": 2, "user_id": "snake", "userId": "camel"}']
pipeline = dlt.pipeline(
    "probe", destination=dlt.destinations.duckdb("probe.duckdb"), dataset_name="loaded", pipelines_dir="pipelines"
)
load = pipeline.run([json.loads(line) for line in lines], table_name="visits")
assert not load.has_failed_jobs
with pipeline.sql_client() as client:
    rows = client.execute_sql("SELECT * FROM visits ORDER BY id")
columns = [name for name in pipeline.default_schema.get_table_columns("visits") if not name.startswith("_dlt")]
print(" ".join(columns), "/", " ".join(str(row[1]) for row in rows))
PY
code=0
HOME=$tmp RUNTIME__DLTHUB_TELEMETRY=false venv/bin/python load.py >out 2>log || code=$?
said=$(cat out)
noise=$(wc -l <log)
seen="columns / kept of userId=camel, user_id=snake, then of the same in the other order: $said (exit code $code, $noise lines of log)"
if [ "$said" = 'id user_id / snake camel' ] && [ "$code" = 0 ] && [ "$noise" = 0 ]; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    sed 's/^/log: /' log >&2
    exit 1
fi
