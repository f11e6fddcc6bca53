#!/bin/sh
# Rendered by `standpipe render` from p.yaml; edit that, and render again.
set -u
trap 'exit 130' INT
trap 'exit 143' TERM

missing=0
need() {
  [ -z "$2" ] || return 0
  echo "error: the variable $1 is not set ($3)" >&2
  missing=1
}
need SINCE "${SINCE:-}" 'an end of the interval whose data the run is for'
need UNTIL "${UNTIL:-}" 'an end of the interval whose data the run is for'
need DB_HOST "${DB_HOST:-}" key-etl-variables/DB_HOST
need POSTGRES_PASSWORD "${POSTGRES_PASSWORD:-${POSTGRES_PASSWORD_FILE:-}}" postgres/PASSWORD
need TOKEN "${TOKEN:-}" fetch/TOKEN
need ALERT_WEBHOOK "${ALERT_WEBHOOK:-${ALERT_WEBHOOK_FILE:-}}" slack/WEBHOOK
[ "$missing" -eq 0 ] || exit 78

# The same id to try a run again; without one it is a new run.
RUN_ID=${RUN_ID:-$(date -u +%Y%m%dT%H%M%SZ)-$$}
export EMPTY=""
export ETL_LOG_LEVEL=info

code=0
failures=
item() {
  name=$1 pause=10 tries=0
  shift
  while :; do
    "$@" && return
    last=$?
    case $last in
      75 | 137 | 143) [ "$tries" -lt 3 ] || break ;;
      *) break ;;
    esac
    echo "$name: exit code $last, trying again in $pause s" >&2
    sleep "$pause"
    tries=$((tries + 1)) pause=$((pause * 2))
    [ "$pause" -le 60 ] || pause=60
  done
  [ "$code" -ne 0 ] || code=$last
  failures="${failures:+$failures,}{\"displayName\":\"$name\",\"phase\":\"Failed\",\"message\":\"exit code $last\"}"
}

export TITLE="100 % \$\$ of yield-curve"
item treasury-yield-curve standpipe run --deadline 600s -- \
  python3 fetch.py yield-curve --since "${SINCE}" --until "${UNTIL}" "|" \
  jq -c ".|\$x" "|" \
  load-postgres --create --schema treasury.yield_curve --seal required --load-id "treasury-yield-curve-${RUN_ID}-load-postgres" --if-loaded skip

export TITLE="100 % \$\$ of it's \`\$HOME\` \"\\x -- \"|\" y"
item treasury-it-s-home-x-y standpipe run --deadline 600s -- \
  python3 fetch.py "it's \`\$HOME\` \"\\x -- \"|\" y" --since "${SINCE}" --until "${UNTIL}" "|" \
  jq -c ".|\$x" "|" \
  load-postgres --create --schema treasury.yield_curve --seal required --load-id "treasury-it-s-home-x-y-${RUN_ID}-load-postgres" --if-loaded skip

if [ "$code" -ne 0 ]; then
  export WORKFLOW_NAME=treasury WORKFLOW_STATUS=Failed WORKFLOW_FAILURES="[$failures]"
  notify-slack </dev/null >&2 || echo "warning: on-failure has failed" >&2
fi

exit "$code"
