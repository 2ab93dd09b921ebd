#!/usr/bin/env bash
# Starts the fake server twice, with and without batch appends, runs check.mjs against both and ends them by their ids.
#   run.sh <esdbfake program>
set -eu
cd "$(dirname "$0")"
fake=$1
work=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap finish EXIT
"$fake" >"$work/batch" & pids+=($!)
"$fake" -batch=false >"$work/plain" & pids+=($!)
for _ in $(seq 100); do
  if [ -s "$work/batch" ] && [ -s "$work/plain" ]; then break; fi
  sleep 0.1
done
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
failed=0
for client in @kurrent/kurrentdb-client @eventstore/db-client; do
  for server in batch plain; do
    echo "$client, $server appends:"
    node check.mjs "$client" "$(head -1 "$work/$server")" || failed=1
  done
done
exit $failed
