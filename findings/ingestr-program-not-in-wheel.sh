#!/usr/bin/env bash
# Tool: ingestr 1.1.76 (PyPI), the last version here; 0.15.9 had its program in the package.
#
# EXPECTED: what `pip install` has installed runs without a network, so that an image that is built with it is whole.
# SEEN: the package is 18 kB and has no program. Its command downloads one from GitHub when it is first run, into the user's
#   cache: without a network even `ingestr --version` fails, with exit code 1. In a container that starts from its image
#   each time, that is every run.
#
# Needs python3 with venv, and unshare, which takes the network away.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
export HOME=$tmp
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --no-deps ingestr==1.1.76

programs=$(find venv/lib -path '*ingestr*' -type f -size +100k | wc -l)
code=0
unshare --map-root-user --net venv/bin/ingestr --version >log 2>&1 || code=$?

said="files over 100 kB: $programs, exit code $code$(grep -o 'failed to download ingestr v1.1.76' log | sed 's/^/, /')"
seen='files over 100 kB: 0, exit code 1, failed to download ingestr v1.1.76'
echo "$said"
[ "$said" = "$seen" ] || { echo "CHANGED: expected $seen" >&2; cat log >&2; exit 1; }
