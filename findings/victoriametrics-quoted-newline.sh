#!/usr/bin/env bash
# Tool: VictoriaMetrics 1.79.5 (Debian's 1.79.5+ds1-2+b5), beside InfluxDB 1.6.7 (Debian's 1.6.7~rc0-1+b13).
#
# EXPECTED: a line break is allowed within the quotes of a string field of line protocol. A server that speaks InfluxDB's
#   write API and keeps numbers only leaves the text alone and stores the numbers of that point, or it refuses the request.
# SEEN: InfluxDB stores the point. VictoriaMetrics ends the line within the quotes, finds two lines that are none, drops
#   both with an entry in its log, and answers 204: the numbers that stand beside the text are lost, and the client is told
#   that they were stored. The point without a line break in its text, in the same request, is there.
#
# Needs Debian 12 with package lists (`apt-get update`), curl, python3.
set -euo pipefail

tmp=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; wait "$pid" || true; done
    rm -rf "$tmp"
}
trap cleanup EXIT
chmod 755 "$tmp"
cd "$tmp"
apt-get -qq download 'victoria-metrics=1.79.5+ds1-2+b5' 'influxdb=1.6.7~rc0-1+b13' 2>apt.log || { cat apt.log >&2; exit 2; }
for deb in *.deb; do dpkg -x "$deb" package; done

ports=$(python3 -c 'import socket
s = [socket.socket() for _ in "abc"]
for x in s: x.bind(("127.0.0.1", 0))
print(*[x.getsockname()[1] for x in s])')
read -r metrics influx rpc <<<"$ports"
cat >influxdb.conf <<CONF
reporting-disabled = true
bind-address = "127.0.0.1:$rpc"
[meta]
dir = "$tmp/meta"
[data]
dir = "$tmp/data"
wal-dir = "$tmp/wal"
[http]
bind-address = "127.0.0.1:$influx"
[monitor]
store-enabled = false
CONF
package/usr/bin/influxd -config influxdb.conf >influxdb.log 2>&1 &
pids+=($!)
package/usr/bin/victoria-metrics -storageDataPath="$tmp/metrics" -httpListenAddr="127.0.0.1:$metrics" >metrics.log 2>&1 &
pids+=($!)
influx=http://127.0.0.1:$influx
metrics=http://127.0.0.1:$metrics
for _ in $(seq 300); do
    if curl -sf "$influx/ping" && curl -sf "$metrics/health" >/dev/null; then break; fi
    sleep 0.2
done

now=$(date +%s)
printf 'station,id=a note="wind from the north, dry",temperature=11.5 %d\n' "$now" >body
printf 'station,id=b note="wind from the north,\ndry",temperature=12.5 %d\n' "$now" >>body
curl -sf "$influx/query" --data-urlencode 'q=CREATE DATABASE weather' >/dev/null
first=$(curl -s -o /dev/null -w '%{http_code}' "$influx/write?db=weather&precision=s" --data-binary @body)
second=$(curl -s -o /dev/null -w '%{http_code}' "$metrics/write?db=weather&precision=s" --data-binary @body)
kept=$(curl -sfG "$influx/query?db=weather" --data-urlencode 'q=SELECT temperature FROM station' |
    python3 -c 'import json, sys; print(*sorted(v[1] for v in json.load(sys.stdin)["results"][0]["series"][0]["values"]))')
curl -sf "$metrics/internal/force_flush"
found=$(curl -sf "$metrics/api/v1/export" -d 'match[]={__name__="station_temperature"}' |
    python3 -c 'import json, sys; print(*sorted(v for line in sys.stdin for v in json.loads(line)["values"]))')
seen="the same two points: InfluxDB answered $first and keeps temperatures $kept; VictoriaMetrics answered $second and keeps ${found:-none}"
if [ "$first $kept" = '204 11.5 12.5' ] && [ "$second $found" = '204 11.5' ]; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    exit 1
fi
