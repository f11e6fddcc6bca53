#!/usr/bin/env bash
# Tool: InfluxDB 1.6.7 (Debian's influxdb 1.6.7~rc0-1+b13), API v1.
#
# EXPECTED: a write of which some lines are refused is answered with every reason, as two lines that cannot be read are.
# SEEN: a write of a line that cannot be read and of a point that is older than the retention policy keeps points is
#   answered with the retention alone, dropped=1: nothing says that the other line was not stored. Without the old point
#   the same line is told ("unable to parse"). So one answer about age does not mean that all the rest is stored.
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

curl -sf "$url/query" --data-urlencode 'q=CREATE DATABASE weather WITH DURATION 1d' >/dev/null
now=$(date +%s)
printf 'm v=1 %d\nm v= %d\n' "$now" "$((now - 1))" >unreadable
printf 'm v=2 %d\nm v= %d\nm v=3 %d\n' "$((now - 2))" "$((now - 3))" "$((now - 3 * 86400))" >old
write() { curl -s "$url/write?db=weather&precision=s" --data-binary "@$1"; }
alone=$(write unreadable)
both=$(write old)
stored=$(curl -sfG "$url/query?db=weather" --data-urlencode 'q=SELECT count(v) FROM m' |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["results"][0]["series"][0]["values"][0][1])')
seen="alone: $alone; with an old point: $both; stored: $stored of 2 that are neither"
if [ "$stored" = 2 ] && grep -q 'unable to parse' <<<"$alone" && grep -q 'dropped=1' <<<"$both" &&
    ! grep -q 'unable to parse' <<<"$both"; then
    echo "seen: $seen"
else
    echo "differs: $seen"
    exit 1
fi
