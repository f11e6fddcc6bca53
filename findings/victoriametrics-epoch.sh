#!/usr/bin/env bash
# Tool: VictoriaMetrics 1.79.5 (Debian's 1.79.5+ds1-2+b5), through InfluxDB's write API.
#
# EXPECTED: a point whose timestamp is 0 is one of 1970-01-01T00:00:00Z. A server that keeps a month refuses it, or drops it as
#   it drops what is older.
# SEEN: the timestamp 0 is taken for none, and the point is stored at the time of the request: history that begins at the epoch
#   shows up as a reading of now. The answer is 204. A point of one second later, in the same request, is dropped as too old.
#
# Needs Debian 12 with package lists (`apt-get update`), curl, python3.
set -euo pipefail

tmp=$(mktemp -d)
pid=
cleanup() {
    if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" || true; fi
    rm -rf "$tmp"
}
trap cleanup EXIT
chmod 755 "$tmp"
cd "$tmp"
apt-get -qq download 'victoria-metrics=1.79.5+ds1-2+b5' 2>apt.log || { cat apt.log >&2; exit 2; }
dpkg -x ./*.deb package
port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
package/usr/bin/victoria-metrics -storageDataPath="$tmp/metrics" -httpListenAddr="127.0.0.1:$port" >metrics.log 2>&1 &
pid=$!
metrics=http://127.0.0.1:$port
for _ in $(seq 300); do
    if curl -sf "$metrics/health" >/dev/null; then break; fi
    sleep 0.2
done

before=$(date +%s)
printf 'reading,id=epoch v=1 0\nreading,id=later v=2 1\nreading,id=now v=3 %d\n' "$before" >body
code=$(curl -s -o /dev/null -w '%{http_code}' "$metrics/write?db=home&precision=s" --data-binary @body)
after=$(date +%s)
curl -sf "$metrics/internal/force_flush"
found=$(curl -sf "$metrics/api/v1/export" -d 'match[]={__name__="reading_v"}' | python3 -c '
import json, sys
before, after = map(int, sys.argv[1:])
series = {}
for line in sys.stdin:
    one = json.loads(line)
    series[one["metric"]["id"]] = one["timestamps"][0] / 1000
times = {name: "now" if before - 1 <= at <= after + 1 else at for name, at in series.items()}
print(*(f"{name}={at}" for name, at in sorted(times.items())))' "$before" "$after")
seen="of points at 0, at 1 second and now it answered $code and stored, with their times: $found"
if [ "$code $found" = '204 epoch=now now=now' ]; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    exit 1
fi
