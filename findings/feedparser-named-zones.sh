#!/usr/bin/env bash
# Tool: feedparser 6.0.14 (PyPI), which reads feeds in most Python pipelines.
#
# EXPECTED: a pubDate whose zone feedparser does not know (CET and JST stand in many feeds) is treated like one without a
#   zone: published_parsed is None, and the text is left in published for whoever knows better.
# SEEN: without a zone it is None. With a name that is not one of RFC 822's, the name is dropped and the local time is
#   returned as if it were UTC: hours wrong, with neither bozo set nor any other sign. Names of RFC 822, such as EST, and offsets
#   are right.
#
# Needs python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check feedparser==6.0.14
cat >read.py <<'PY'
import time

import feedparser

for zone in ["+0900", "EST", "JST", "CET", ""]:
    date = f"Thu, 01 Jan 2026 10:00:00 {zone}".strip()
    item = f"<item><title>a</title><pubDate>{date}</pubDate></item>"
    feed = feedparser.parse(f'<rss version="2.0"><channel><title>t</title>{item}</channel></rss>')
    parsed = feed.entries[0].published_parsed
    print(f"{zone or 'none'}: {parsed and time.strftime('%FT%TZ', parsed)}, bozo {bool(feed.bozo)}")
PY
said=$(venv/bin/python read.py)
seen='+0900: 2026-01-01T01:00:00Z, bozo False
EST: 2026-01-01T15:00:00Z, bozo False
JST: 2026-01-01T10:00:00Z, bozo False
CET: 2026-01-01T10:00:00Z, bozo False
none: None, bozo False'
echo "$said"
[ "$said" = "$seen" ] || { echo "CHANGED: expected
$seen" >&2; exit 1; }
