#!/usr/bin/env bash
# Tools: croniter 7.0.0 (PyPI), with which Airflow 3 finds the times of its cron timetables; cronsim 2.8 (PyPI), which follows
#   Debian's cron.
#
# EXPECTED: `0 0 */2 * 1`, a step from `*` in the days of the month beside a day of the week, means the same to both.
# SEEN: Debian's cron takes a field that begins with `*` as unrestricted, so that both fields have to fit: Mondays with an odd
#   date, two a month. croniter takes the same field as restricted, so that one of the two is enough: every odd date and every
#   Monday. The schedule of a crontab starts eight times as often in Airflow.
#
# Needs python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check croniter==7.0.0 cronsim==2.8
cat >next.py <<'PY'
from datetime import datetime

from croniter import croniter
from cronsim import CronSim

line, start = "0 0 */2 * 1", datetime(2026, 6, 1)
either, both = croniter(line, start), CronSim(line, start)
print("croniter:", *[either.get_next(datetime).strftime("%m-%d") for _ in range(5)])
print("cronsim:", *[next(both).strftime("%m-%d") for _ in range(5)])
PY
said=$(venv/bin/python next.py)
seen='croniter: 06-03 06-05 06-07 06-08 06-09
cronsim: 06-15 06-29 07-13 07-27 08-03'
echo "$said"
[ "$said" = "$seen" ] || { echo "CHANGED: expected
$seen" >&2; exit 1; }
