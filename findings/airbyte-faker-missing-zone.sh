#!/usr/bin/env bash
# Connector: airbyte-source-faker 7.2.1 (airbyte-cdk 6.61.6, Python).
#
# EXPECTED: a field whose schema says `airbyte_type: timestamp_with_timezone` has times with an offset or a Z, as all others of
#   this source have.
# SEEN: `created_at` of the stream purchases has none in any record: 2000-07-02T12:54:31.145901. The schema of Airbyte's own
#   sample source is contradicted by its records; whoever stores them has to assume a zone.
#
# Needs python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check airbyte-source-faker==7.2.1
echo '{"count": 5, "seed": 7, "parallelism": 1, "always_updated": false}' >config.json
venv/bin/source-faker discover --config config.json >discovered
python3 - <<'PY'
import json

lines = [json.loads(line) for line in open("discovered") if line.startswith('{"type":"CATALOG"')]
streams = [
    {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
    for stream in lines[0]["catalog"]["streams"]
]
json.dump({"streams": streams}, open("catalog.json", "w"))
PY
venv/bin/source-faker read --config config.json --catalog catalog.json >out
seen=$(python3 - <<'PY'
import json, re

streams = {s["stream"]["name"]: s["stream"]["json_schema"]["properties"] for s in json.load(open("catalog.json"))["streams"]}
without = {}
for line in open("out"):
    if not line.startswith('{"type":"RECORD"'):
        continue
    record = json.loads(line)["record"]
    for name, value in record["data"].items():
        says = streams[record["stream"]].get(name, {}).get("airbyte_type")
        if says == "timestamp_with_timezone" and value and not re.search(r"(Z|[+-]\d\d:?\d\d)$", value):
            field = record["stream"] + "." + name
            without[field] = without.get(field, 0) + 1
print(without)
PY
)
if [ "$seen" = "{'purchases.created_at': 5}" ]; then
    echo "seen: times without a zone where the schema says with one, in 5 records of each stream: $seen"
else
    echo "differs: times without a zone where the schema says with one: $seen"
    exit 1
fi
