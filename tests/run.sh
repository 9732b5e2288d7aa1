#!/usr/bin/env bash
# Every test, cheapest first. Makes what it needs: packages of the machine, the API server and InfluxDB from source (cached), the browser, a kind
# cluster. A cluster that was there before stays; one that was made for the tests goes with them.
set -euo pipefail
source "$(dirname "$0")/cluster/progress.sh"
takes -- "$@"
cd "$(dirname "$0")/.."
stage() { printf '\n== %s (%d s so far)\n' "$1" "$SECONDS"; }
pytest() { .venv/bin/pytest -q "$@"; }

# beside NAME COMMAND...: runs it in the background, for what waits more than it works.
# joined NAME: waits until it is done and shows what it said; fails as it did.
work=$(mktemp -d)
declare -A started
beside() {
  local name=$1
  shift
  "$@" >"$work/$name" 2>&1 &
  started[$name]=$!
}
joined() {
  local status=0
  wait "${started[$1]}" || status=$?
  printf '\n-- %s (beside the rest)\n' "$1"
  cat "$work/$1"
  return "$status"
}
make_cluster() {
  tests/cluster/up.sh --created >"$work/made"
  tests/cluster/install.sh
}
end() {
  wait # nothing may be left running, and a cluster that is half made cannot be taken away
  [[ $(cat "$work/made" 2>/dev/null) != created ]] || tests/cluster/down.sh
  rm -rf "$work"
}
trap end EXIT

tests/cluster/docker-daemon.sh sweep
stage "lint, types, import contracts, generated files, fast tests"
make --no-print-directory check
stage "properties with all examples, and how much of the pure layers their own tests reach"
make --no-print-directory properties
stage "our programs as processes"
pytest -n 2 --dist worksteal -m "process and not influxdb and not postgres and not s3"

stage "what the other tests need"
tests/cluster/prerequisites.sh build
tests/cluster/build.sh kubernetes influxdb helm versitygw otelcol
tests/cluster/prerequisites.sh docker
tests/cluster/prerequisites.sh daemon
tests/cluster/prerequisites.sh compose
tests/cluster/prerequisites.sh browser
tests/cluster/prerequisites.sh postgres
tests/cluster/prerequisites.sh prometheus

stage "the Helm charts; beside them the Docker daemon that is started where none runs, and that it goes without a trace"
beside daemon pytest -m docker
pytest -n 2 --dist worksteal -m charts
joined daemon
stage "services on a real InfluxDB, PostgreSQL and S3, their traces in a real Collector"
pytest -n 2 --dist loadfile -m "influxdb or postgres or s3 or collector"
stage "the platform as local processes, and the web UI in a real browser"
pytest -n 2 --dist loadscope -m "demo or browser"
stage "contracts with a real API server; beside them a kind cluster is made, with the whole platform on it"
beside cluster make_cluster
pytest -n 3 --dist worksteal -m contract
joined cluster
stage "the whole platform on the kind cluster"
eval "$(tests/cluster/env.sh)"
pytest -n 3 --dist worksteal -m namespaced
pytest -m "e2e and not namespaced"
stage "docker compose, with the images of the cluster"
pytest -m compose
stage "done"
