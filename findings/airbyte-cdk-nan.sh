#!/usr/bin/env bash
# Tool: Airbyte's CDK, airbyte-cdk 7.39.1 (Python).
#
# EXPECTED: a float that is not a number is printed the same way in all records of a stream, and every message of a
#   source is JSON, or the source fails.
# SEEN: how NaN is printed depends on another field of the record. It is null, unless an integer beyond 64 bits stands
#   beside it: then it is a bare NaN, which JSON does not have, and the stream still ends with COMPLETE and exit code 0.
#   A reader that goes by the standard fails at that line; one that does not sees two values for one.
#
# Needs python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check airbyte-cdk==7.39.1
cat >source.py <<'PY'
import sys

from airbyte_cdk.entrypoint import launch
from airbyte_cdk.models import ConnectorSpecification
from airbyte_cdk.sources import AbstractSource
from airbyte_cdk.sources.streams import Stream


class Readings(Stream):
    name = "readings"
    primary_key = "id"

    def get_json_schema(self):
        kinds = {"id": "integer", "value": "number", "serial": "integer"}
        return {"type": "object", "properties": {name: {"type": kind} for name, kind in kinds.items()}}

    def read_records(self, sync_mode, **_):
        yield {"id": 1, "value": float("nan"), "serial": 2**64 - 1}
        yield {"id": 2, "value": float("nan"), "serial": 2**64}


class Source(AbstractSource):
    def check_connection(self, logger, config):
        return True, None

    def streams(self, config):
        return [Readings()]

    def spec(self, logger):
        return ConnectorSpecification(connectionSpecification={"type": "object", "properties": {}})


launch(Source(), sys.argv[1:])
PY
echo '{}' >config.json
cat >catalog.json <<'JSON'
{"streams": [{"stream": {"name": "readings", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
              "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}
JSON
code=0
venv/bin/python source.py read --config config.json --catalog catalog.json >out 2>log || code=$?
python3 - >said <<'PY'
import json


def no_json(word):
    raise ValueError(word)


values, refused, complete = [], [], 0
for line in open("out"):
    message = json.loads(line)  # Python's own reader takes a bare NaN
    if message["type"] == "RECORD":
        values.append(str(message["record"]["data"]["value"]))
        try:
            json.loads(line, parse_constant=no_json)
        except ValueError as word:
            refused.append(str(word))
    complete += '"COMPLETE"' in line
print(" ".join(values), "/", " ".join(refused), "/", complete)
PY
said=$(cat said)
seen="one NaN, beside an integer of 64 bits and beside one of 65: values / not JSON / COMPLETE: $said (exit code $code)"
if [ "$said" = 'None nan / NaN / 1' ] && [ "$code" = 0 ]; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    exit 1
fi
