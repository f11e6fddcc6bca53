#!/bin/sh
# Rendered by `standpipe render` from p.yaml; edit that, and render again.
set -u
trap 'exit 130' INT
trap 'exit 143' TERM

# The same id to try a run again; without one it is a new run.
RUN_ID=${RUN_ID:-$(date -u +%Y%m%dT%H%M%SZ)-$$}

code=0
failures=
item() {
  name=$1 pause=30 tries=0
  shift
  while :; do
    "$@" && return
    last=$?
    case $last in
      75 | 137 | 143) [ "$tries" -lt 4 ] || break ;;
      *) break ;;
    esac
    echo "$name: exit code $last, trying again in $pause s" >&2
    sleep "$pause"
    tries=$((tries + 1)) pause=$((pause * 2))
    [ "$pause" -le 600 ] || pause=600
  done
  [ "$code" -ne 0 ] || code=$last
  failures="${failures:+$failures,}{\"displayName\":\"$name\",\"phase\":\"Failed\",\"message\":\"exit code $last\"}"
}

item copy standpipe run -- \
  extract-file meters.csv "|" \
  load-sqlite --db meters.db --table meters --seal required --load-id "copy-${RUN_ID}-load-sqlite" --if-loaded skip

exit "$code"
