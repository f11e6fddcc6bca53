#!/usr/bin/env bash
# Tool: InfluxDB 1.6.7 (Debian's influxdb 1.6.7~rc0-1+b13), API v1.
#
# EXPECTED: a write of which some points are refused is answered "partial write: ... dropped=N", and N is the number of
#   points of this request that were not stored.
# SEEN: N is what one shard dropped. A field `v` is an integer in three weeks of data, which are three shards; a request
#   brings six points in which it is a float, one, two and three for the three weeks. None is stored, and the answer says
#   dropped=1, 2 or 3, by whichever shard reported first. So N cannot be reconciled with what was sent.
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
apt-get -qq download 'influxdb=1.6.7~rc0-1+b13' 2>apt.log || { cat apt.log >&2; exit 2; }
dpkg -x influxdb_*.deb package

ports=$(python3 -c 'import socket
s = [socket.socket() for _ in "ab"]
for x in s: x.bind(("127.0.0.1", 0))
print(*[x.getsockname()[1] for x in s])')
read -r port rpc <<<"$ports"
cat >influxdb.conf <<CONF
reporting-disabled = true
bind-address = "127.0.0.1:$rpc"
[meta]
dir = "$tmp/meta"
[data]
dir = "$tmp/data"
wal-dir = "$tmp/wal"
[http]
bind-address = "127.0.0.1:$port"
[monitor]
store-enabled = false
CONF
package/usr/bin/influxd -config influxdb.conf >server.log 2>&1 &
pid=$!
url=http://127.0.0.1:$port
for _ in $(seq 300); do
    if curl -sf "$url/ping"; then break; fi
    sleep 0.2
done

week=604800
curl -sf "$url/query" --data-urlencode 'q=CREATE DATABASE weather' >/dev/null
printf 'm v=1i 0\nm v=1i %d\nm v=1i %d\n' $((2 * week)) $((4 * week)) >integers
curl -sf "$url/write?db=weather&precision=s" --data-binary @integers
printf 'm v=2.5 %d\n' 1 $((2 * week + 1)) $((2 * week + 2)) $((4 * week + 1)) $((4 * week + 2)) $((4 * week + 3)) >floats

answers=
for _ in $(seq 10); do
    answer=$(curl -s "$url/write?db=weather&precision=s" --data-binary @floats)
    n=$(sed -n 's/.*partial write: field type conflict.* dropped=\([0-9]*\).*/\1/p' <<<"$answer")
    answers+="${n:-none} "
done
stored=$(curl -sfG "$url/query?db=weather" --data-urlencode 'q=SELECT count(v) FROM m' |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["results"][0]["series"][0]["values"][0][1])')
seen="of six points none was stored (the $stored before are there), and ten answers said dropped= ${answers% }"
if [ "$stored" = 3 ] && ! grep -qE '\b(6|none)\b' <<<"$answers"; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    exit 1
fi
