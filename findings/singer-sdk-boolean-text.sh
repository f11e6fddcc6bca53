#!/usr/bin/env bash
# Tool: Meltano's Singer SDK, singer-sdk 0.54.9 (Python).
#
# EXPECTED: a tap yields the texts "false", "0" and "" in a property whose schema says boolean, as sources do that know
#   only texts. The SDK makes values fit the schema: it prints false, or leaves the text as it is so that the target
#   refuses it, or fails.
# SEEN: each of them is printed as true, for whatever differs from the number 0 becomes true. No warning, exit code 0. The
#   number 0.0 in the same property is printed as 0.0, which is no boolean. A target cannot tell that values were
#   reversed: only the tap saw the texts.
#
# Needs python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check singer-sdk==0.54.9
cat >tap.py <<'PY'
from singer_sdk import Stream, Tap


class Switches(Stream):
    name = "switches"
    primary_keys = ["id"]
    schema = {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "on": {"type": ["boolean", "null"]}},
    }

    def get_records(self, context):
        for n, value in enumerate([False, "false", "0", "", 0.0]):
            yield {"id": n, "on": value}


class TapSwitches(Tap):
    name = "tap-switches"
    config_jsonschema = {"type": "object", "properties": {}}

    def discover_streams(self):
        return [Switches(self)]


TapSwitches.cli()
PY
code=0
venv/bin/python tap.py >out 2>log || code=$?
printed=$(python3 -c 'import json, sys
print(*[json.dumps(m["record"]["on"]) for m in map(json.loads, sys.stdin) if m["type"] == "RECORD"])' <out)
warned=$(grep -ciE 'warn|error' log || true)
seen="false, \"false\", \"0\", \"\" and 0.0 in a boolean property are printed as: $printed (exit code $code, $warned warnings)"
if [ "$printed" = 'false true true true 0.0' ] && [ "$code" = 0 ] && [ "$warned" = 0 ]; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    exit 1
fi
